"""A range of a container file in a file of its own, without encoding anything again.

Pictures are copied packet by packet from the key they decode from. Where that takes frames before the range,
or decoding passes frames after it, the copy has them too: it is cut at the source's own joints, and every
frame in it is bit for bit the source's.
"""

from __future__ import annotations

import heapq
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, TYPE_CHECKING, Any

import av
import av.error
import numpy as np

from mediadask.checkpoint import checkpoint
from mediadask.clips.lead_in import led
from mediadask.clips.packet import packet_of
from mediadask.clips.packets import demuxed, opened, ranged
from mediadask.clips.spans import parts
from mediadask.clips.tags import AS_BYTES, stored_tags, tags_of
from mediadask.errors import UnreadableMedia, UnsupportedMedia
from mediadask.render.cut_sound import sound_packets
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from collections.abc import Iterator, Set

    import numpy.typing as npt

    from mediadask.clips import Clip, FrameIndex

__all__ = ["Kept", "container_for", "kept", "left_out", "mark_tag", "remux"]

_MUXERS = {"mov": "mov", "mp4": "mp4", "mkv": "matroska", "mxf": "mxf", "avi": "avi"}
_PRIMING_SECONDS = Fraction(1, 10)
"""What a transform codec's overlap needs before its first good sample."""

_OF_THE_FILE = {
    "encoder", "major_brand", "minor_version", "compatible_brands", "operational_pattern_ul", "uid",
    "generation_uid", "product_uid", "material_package_umid", "toolkit_version_num", "product_version_num",
    "application_platform",
}  # fmt: skip
_OF_THE_RANGE = {"timecode", "reel_name", "duration", "file_package_umid", "reel_umid"}
"""Tags that the copy's writer says anew."""

_PACKETS_A_CHECKPOINT = 64

_WRITE_BYTES = 4 << 20
"""Muxed bytes reach the file so many at a time: each time takes a call from FFmpeg into Python."""


@dataclass(frozen=True)
class Kept:
    """The packets that hold a range, and the frames they decode to."""

    rows: npt.NDArray[np.int64]
    """(packets,) of the index; ascending."""

    start: int
    """The first frame they show: the range's, or one before it. Below 0 for one before the clip's first."""

    stop: int
    """The frame after the last they show: the range's end, or after it."""

    opens: bool
    """Whether leading pictures of an open GOP follow the key: they are left out."""


def kept(index: FrameIndex, start: int, stop: int) -> Kept:
    """The fewest packets that decode, alone, to ``[start, stop)`` without a gap.

    They begin with the last key at or before `start`, without the leading pictures of an open GOP, which lack
    the key before theirs; and end where no later packet is shown before an earlier one.
    """
    first = int(index.decode_start[start])
    begin = min(index.pts[first], index.pts[index.shown[start]])
    last = int(index.shown[start:stop].max()) + 1
    latest = np.maximum.accumulate(index.pts[first:])
    soonest = np.minimum.accumulate(index.pts[::-1])[::-1]
    while last < len(index.pts) and soonest[last] < latest[last - 1 - first]:
        last += 1
    leading = index.pts < begin
    rows = np.arange(first, last)
    rows = rows[~leading[rows]]
    shown = rows if index.hidden is None else rows[~index.hidden[rows]]
    times = index.pts[shown]
    before = int((times < index.pts[index.shown[start]]).sum())
    after = int((times > index.pts[index.shown[stop - 1]]).sum())
    return Kept(rows, start - before, stop + after, bool(leading[first:].any()))


def container_for(clip: Clip, keep: Kept) -> str:
    """What a copy of the clip is in: its own container, or MOV where that cannot be written frame-exactly."""
    name = clip.header.container
    untimed = name == "avi" and not clip.index.intra_only  # AVI has no presentation times
    # MXF orders pictures by the numbers inside them, which do not begin with 0 in an open GOP.
    unordered = name == "mxf" and keep.opens
    square = name != "mkv" or clip.header.pixel_aspect == 1  # PyAV cannot write Matroska's display size
    return name if name in _MUXERS and square and not untimed and not unordered else "mov"


def mark_tag(container: str) -> str:
    """The tag of a file in which what it was made from is noted: one its container can hold."""
    return {"mxf": "comment_mediadask", "avi": "comment"}.get(container, "mediadask")


def remux(file: IO[bytes], clip: Clip, keep: Kept, mark: str) -> None:
    """Copy the packets, the sound that belongs to them, and what the clip says of itself.

    Parameters
    ----------
    file
        Open for writing and reading, unbuffered.
    mark
        Noted in the file.

    Raises
    ------
    UnreadableMedia
        If packets are missing from the source.
    UnsupportedMedia
        If the container does not take what the clip holds.
    """
    header = clip.header
    name = container_for(clip, keep)
    quicktime = name in ("mov", "mp4")
    options = {"movflags": "+use_metadata_tags", "movie_timescale": "240000"} if quicktime else {}
    if name == "mkv":
        options["fflags"] = "+bitexact"  # else its identifiers are drawn by lot: no two copies are the same
    with ExitStack() as stack:
        source = stack.enter_context(opened(parts(clip)[0].files[0].url))
        muxer: dict[str, Any] = {"format": _MUXERS[name], "options": options, "buffer_size": _WRITE_BYTES}
        output = stack.enter_context(av.open(file, "w", **muxer, **AS_BYTES))
        output.metadata.update(_tags(source, _OF_THE_FILE | _OF_THE_RANGE))
        if date := stored_tags(source).get("modification_date"):  # what FFmpeg calls the date in an MXF
            output.metadata["creation_time"] = date
        output.metadata[mark_tag(name)] = mark
        try:
            stream = _picture_stream(output, source.streams[header.stream], clip, name == header.container)
            _name(output if name == "mxf" else stream, clip, keep)
            if header.reel and name in ("mp4", "mxf"):
                output.metadata["reel_name"] = header.reel
            lanes = [_pictures(clip, keep, stream)]
            for number, sound in enumerate(header.audio):
                track = source.streams[sound.index]
                copied = output.add_stream_from_template(track)
                copied.metadata.update(_tags(track, _OF_THE_RANGE))
                # An edit list lets sound begin before the picture and play from the picture's first frame on.
                early = _PRIMING_SECONDS if quicktime else Fraction(0)
                lanes.append(sound_packets(clip, number, *_span(clip, keep), copied, early=early))
            output.start_encoding()
        except (
            ValueError,
            av.error.PatchWelcomeError,
        ) as error:  # how FFmpeg refuses; a full disk is neither
            raise UnsupportedMedia(
                f"cannot be copied as it is into {name} ({getattr(error, 'strerror', None) or error})",
                where=clip.url,
                do="copy the whole file",
            ) from error
        for number, (_, packet) in enumerate(heapq.merge(*lanes, key=lambda lane: lane[0])):
            output.mux(packet)
            if number % _PACKETS_A_CHECKPOINT == 0:
                checkpoint()


def left_out(clip: Clip) -> list[str]:
    """The streams that a copy does not have: others than the clip's picture, sound and timecode."""
    with opened(parts(clip)[0].files[0].url) as source:
        held = {clip.header.stream, *(sound.index for sound in clip.header.audio)}
        return [
            f"{stream.type} stream {stream.index}"
            for stream in source.streams
            if stream.index not in held and "timecode" not in tags_of(stream)
        ]


def _picture_stream(output: Any, template: Any, clip: Clip, same: bool) -> Any:
    stream = output.add_stream_from_template(template, opaque=True)
    if same:
        stream.codec_context.codec_tag = template.codec_context.codec_tag
    stream.time_base, stream.codec_context.framerate = clip.index.time_base, clip.header.frame_rate
    # Of the container: many codecs have no place for it.
    stream.codec_context.sample_aspect_ratio = clip.header.pixel_aspect
    stream.metadata.update(_tags(template, _OF_THE_RANGE))
    return stream


def _name(place: Any, clip: Clip, keep: Kept) -> None:
    header = clip.header
    if header.timecode:
        place.metadata["timecode"] = str(Timecode.parse(header.timecode, header.frame_rate) + keep.start)
    if header.reel:
        place.metadata["reel_name"] = header.reel


def _tags(place: Any, derived: Set[str]) -> dict[str, str]:
    said = stored_tags(place).items()
    return {name: value for name, value in said if name.lower() not in derived}


def _pictures(clip: Clip, keep: Kept, stream: Any) -> Iterator[tuple[Fraction, Any]]:
    """Every packet with its time in the copy, and the moment (seconds) it is decoded.

    Decode times are made anew: they follow the same clock as presentation, by as much earlier as the order
    asks, also where packets have been left out.
    """
    base = clip.index.time_base
    pts = clip.index.pts[keep.rows]
    times = np.sort(pts)
    rank = np.searchsorted(times, pts)
    delay = int((np.arange(len(pts)) - rank).max())
    steps = np.diff(times, append=times[-1] + round(1 / clip.header.frame_rate / base))
    times -= times[0]
    for number, packet in enumerate(_packets(clip, keep.rows)):
        if number == 0 and keep.rows[0] > 0 and clip.header.lead_in:
            packet = _led(clip, packet)
        decoded = int(times[number - delay] if number >= delay else (number - delay) * steps[0])
        packet.stream, packet.time_base = stream, base
        packet.pts, packet.dts = int(times[rank[number]]), decoded
        packet.duration = int(steps[rank[number]])
        yield decoded * base, packet


def _led(clip: Clip, packet: Any) -> Any:
    """The first packet of the copy with what the clip's own first one says for all."""
    header = clip.header
    whole = packet_of(led(header.codec, header.lead_in, bytes(packet)))
    whole.is_keyframe = packet.is_keyframe
    return whole


def _packets(clip: Clip, rows: npt.NDArray[np.int64]) -> Iterator[Any]:
    found = before = 0
    for part in parts(clip):
        inside = rows[(rows >= before) & (rows < before + len(part.index.pts))] - before
        before += len(part.index.pts)
        if not len(inside):
            continue
        wanted = set(inside.tolist())
        read = ranged if part.index.by_ranges else demuxed
        for row, packet in read(part, int(inside[0]), int(inside[-1])):
            if row in wanted:
                found += 1
                yield packet
    if found < len(rows):
        raise UnreadableMedia(
            f"holds {found} of the {len(rows)} packets of the range",
            where=clip.url,
            do="copy it again from the source",
        )


def _span(clip: Clip, keep: Kept) -> tuple[Fraction, Fraction]:
    """When the copy's first frame begins and its last one ends, in seconds from the clip's first frame."""
    index = clip.index
    times = index.pts[keep.rows] - index.frame_pts[0]
    begin, last = int(times.min()) * index.time_base, int(times.max()) * index.time_base
    if keep.stop < len(index):
        return begin, int(index.frame_pts[keep.stop] - index.frame_pts[0]) * index.time_base
    return begin, last + 1 / clip.header.frame_rate
