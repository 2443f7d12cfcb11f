"""What a container says of itself, in FFmpeg's words."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mediadask.clips.frame import ColorTags
from mediadask.clips.header import AudioStream, ClipHeader, Tag
from mediadask.clips.orientation import AS_STORED, Orientation
from mediadask.clips.planes import pixel_format
from mediadask.clips.rates import rate_of
from mediadask.clips.tags import tags_of
from mediadask.errors import InvalidRequest
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mediadask.clips.index import FrameIndex

__all__ = ["PRIMARIES", "TRANSFERS", "container_name", "header_of"]

_CONTAINERS = {"matroska": "mkv", "mpegts": "ts", "mxf_opatom": "mxf"}
_FIELD_ORDERS: dict[int, Literal["progressive", "top", "bottom"]] = {
    1: "progressive", 2: "top", 3: "bottom", 4: "bottom", 5: "top",
}  # fmt: skip  # AVFieldOrder: TT, BB, TB, BT name the field coded first, then the one shown first
_RANGES: dict[int, Literal["limited", "full"]] = {1: "limited", 2: "full"}
# ITU-T H.273, as libavutil/pixdesc.c spells it.
_MATRICES = {
    0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco",
    9: "bt2020nc", 10: "bt2020c", 11: "smpte2085", 12: "chroma-derived-nc", 13: "chroma-derived-c",
    14: "ictcp", 15: "ipt-c2", 16: "ycgco-re", 17: "ycgco-ro",
}  # fmt: skip
PRIMARIES = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020",
    10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "ebu3213",
}  # fmt: skip
TRANSFERS = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "linear", 9: "log100",
    10: "log316", 11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10",
    15: "bt2020-12", 16: "smpte2084", 17: "smpte428", 18: "arib-std-b67",
}  # fmt: skip
# Where a codec's standard places chroma unless told: H.264 and H.265 E.2.1, H.262 6.1.1.8, JFIF.
_CHROMA = {"h264": "left", "hevc": "left", "mpeg2video": "left", "mjpeg": "center", "mpeg1video": "center"}


def container_name(container: Any) -> str:
    """mediadask's short name of an open container's format."""
    names = container.format.name.split(",")
    if "mov" in names:
        return "mov" if tags_of(container).get("major_brand", "qt  ") == "qt  " else "mp4"
    return _CONTAINERS.get(names[0], str(names[0]))


def header_of(
    container: Any,
    stream: Any,
    index: FrameIndex,
    *,
    orientation: Orientation = AS_STORED,
    sounds: Mapping[int, int] | None = None,
) -> ClipHeader:
    """The header of an open container's video stream; `sounds`: samples of its sound streams, if counted.

    Raises
    ------
    UnsupportedMedia
        If its pixel format has no planar form.
    """
    context = stream.codec_context
    name = container_name(container)
    codec = context.codec.canonical_name
    pace = rate_of(stream, index)
    rate = pace.rate
    form = pixel_format(context.pix_fmt)
    return ClipHeader(
        container=name,
        codec=codec,
        width=context.width,
        height=context.height,
        pixel_format=form,
        frame_rate=rate,
        variable=pace.variable,
        color=ColorTags(
            matrix=_MATRICES.get(context.colorspace) if form.model == "yuv" else None,
            range="full" if "yuvj" in context.pix_fmt else _RANGES.get(context.color_range),
            primaries=PRIMARIES.get(context.color_primaries),
            transfer=TRANSFERS.get(context.color_trc),
            chroma_location=_CHROMA.get(codec) if form.chroma == (2, 2) else None,
        ),
        profile=context.profile,
        pixel_aspect=Fraction(stream.sample_aspect_ratio or context.sample_aspect_ratio or 1),
        # DV always has fields, the lower one first (IEC 61834-2), whether its container says so or not.
        field_order=_FIELD_ORDERS.get(context.field_order, "bottom" if codec == "dvvideo" else None),
        rotation=orientation.rotation,
        mirrored=orientation.mirrored,
        timecode=_timecode(_said("timecode", container, stream), rate),
        reel=_said("reel_name", container, stream),
        audio=_audio(container, index, sounds or {}),
        tags=(*_tags(container, name), *_cut_off(container, name, index)),
        stream=stream.index,
        extradata=context.extradata or b"",
        decoder="" if context.name == codec else context.name,
        codec_tag=_codec_tag(context),
        coded_bits=context.bits_per_coded_sample,
        native_format="" if context.pix_fmt == form.name else context.pix_fmt,
    )


def _said(what: str, container: Any, stream: Any) -> str | None:
    """The first place that says it: MOV's timecode track, then the picture's own stream, then the file."""
    places = [other for other in container.streams if other.type == "data"] + [stream, container]
    # Matroska's names of tags are capitals.
    said = (tags.get(name) for tags in map(tags_of, places) for name in (what, what.upper()))
    return next(filter(None, said), None)


def _timecode(said: str | None, rate: Fraction) -> str | None:
    try:
        return str(Timecode.parse(said, rate)) if said else None
    except InvalidRequest:  # no timecode, or a label of another rate: it stays among the tags
        return None


def _tags(container: Any, name: str) -> tuple[Tag, ...]:
    tags = [Tag(name, key, value) for key, value in tags_of(container).items()]
    for stream in container.streams:
        said = tags_of(stream)
        kind = "tmcd" if stream.type == "data" and "timecode" in said else stream.type
        source = f"{name} {kind}" if kind == "tmcd" else f"{name} {kind} stream {stream.index}"
        tags += [Tag(source, key, value) for key, value in said.items()]
    return tuple(tags)


def _cut_off(container: Any, name: str, index: FrameIndex) -> list[Tag]:
    """What a partial copy lacks: frames that the tables place beyond the end of the file."""
    lost = np.flatnonzero(index.lost(container.size))
    if not len(lost):
        return []
    return [Tag(name, "truncated", f"{len(lost)} frames are cut off, from frame {lost[0]} to {lost[-1]}")]


def _audio(container: Any, index: FrameIndex, counted: Mapping[int, int]) -> tuple[AudioStream, ...]:
    begins = int(index.frame_pts[0]) * index.time_base if len(index) else Fraction(0)
    found = []
    for sound in container.streams.audio:
        if sound.codec_context is None:
            continue
        rate = sound.codec_context.sample_rate
        first = (sound.start_time or 0) * sound.time_base
        if sound.duration is not None:
            seconds = sound.duration * sound.time_base
        else:
            seconds = Fraction(container.duration or 0, 1_000_000)
        found.append(
            AudioStream(
                codec=sound.codec_context.codec.canonical_name,
                rate=rate,
                channels=sound.codec_context.channels,
                samples=counted.get(sound.index, round(seconds * rate)),
                start=round((begins - first) * rate),
                index=sound.index,
            )
        )
    return tuple(found)


def _codec_tag(context: Any) -> str:
    try:
        tag: str = context.codec_tag
    except UnicodeDecodeError:  # not letters: a stream type
        return ""
    return tag if tag.strip("\0") else ""
