"""Spanned recordings: several files that one press of the record button made, as one clip.

A span's parts are opened by their own readers. They must be of one kind, and where they have timecode it must
run on from part to part: every label of a clip is counted from its first, so that over a gap each would be
silently wrong.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import lcm
from typing import TYPE_CHECKING, Any

import numpy as np

from mediadask.clips.clip import Clip
from mediadask.clips.clip_url import ClipUrl
from mediadask.clips.header import Tag
from mediadask.clips.index import FrameIndex
from mediadask.clips.reader import reader_for
from mediadask.clips.storage import FileStamp
from mediadask.errors import UnreadableMedia, UnsupportedMedia
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from mediadask.clips.frame import BadFrame, Frame
    from mediadask.clips.header import AudioStream, ClipHeader

__all__ = ["SpanReader", "continues", "parts"]

_ALIKE = (
    "container",
    "codec",
    "width",
    "height",
    "pixel_format",
    "frame_rate",
    "pixel_aspect",
    "field_order",
)


class SpanReader:
    """Reads spans through the readers of their parts; byte offsets stay the parts' own affair."""

    name = "spans"
    version = 1

    def claims(self, url: str) -> bool:
        """What names several parts."""
        return ClipUrl.parse(url).is_span

    def files(self, url: str) -> tuple[FileStamp, ...]:
        """Those of all parts; a part's reader that learns something makes another clip of it."""
        files = []
        for part in ClipUrl.of(url).parts:
            reader = reader_for(part)
            said = f"{reader.name} {reader.version}"
            files += [replace(file, version=f"{file.version} {said}") for file in reader.files(part)]
        return tuple(files)

    def probe(self, url: str, files: tuple[FileStamp, ...]) -> tuple[ClipHeader, FrameIndex]:
        """The first part's header, and the parts' indexes one after the other."""
        parts = [Clip.open(part) for part in ClipUrl.of(url).parts]
        if sounds := [part for part in parts if not part.header.has_pictures]:
            raise UnsupportedMedia(
                "is sound alone, which is not joined to others",
                where=sounds[0].url,
                do="open it as a clip of its own",
            )
        for part in parts[1:]:
            _check_alike(parts[0], part)
        for before, after in pairwise(parts):
            _check_follows(before, after)
        header = parts[0].header
        audio = tuple(
            replace(stream, samples=stream.start + _samples(parts, number))
            for number, stream in enumerate(header.audio)
        )
        tags = tuple(Tag("span", "part", f"{part.name}, {len(part)} frames") for part in parts)
        return replace(header, audio=audio, tags=(*header.tags, *tags)), _joined(
            [part.index for part in parts], header.frame_rate
        )

    def frames(self, clip: Clip, start: int, stop: int, *, threads: int) -> Iterator[Frame | BadFrame]:
        """Give the frames of each part in turn, numbered through."""
        first = 0
        for part in _parts(clip.url, clip.identity):
            low, high = max(start - first, 0), min(stop - first, len(part))
            if low < high:
                for frame in part.reader.frames(part, low, high, threads=threads):
                    yield replace(frame, number=frame.number + first)
            first += len(part)

    def audio(self, clip: Clip, stream: int, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Each part's sound from its own first frame to the next part's."""
        parts = _parts(clip.url, clip.identity)
        edges = _sound_edges(parts, clip.header.audio[stream].rate)
        edges[0], edges[-1] = min(start, 0), max(stop, edges[-1])
        pieces = []
        for part, first, (low, high) in zip(parts, [0, *edges[1:-1]], pairwise(edges), strict=True):
            low, high = max(low, start), min(high, stop)
            if low < high:
                pieces.append(part.audio(low - first, high - first, stream=stream))
        if not pieces:
            return np.zeros((0, clip.header.audio[stream].channels), np.float32)
        return np.concatenate(pieces)


def continues(before: Clip, after: Clip) -> bool:
    """Whether `after` is beyond doubt the next part of `before`: alike, and its timecode runs on."""
    try:
        _check_alike(before, after)
        _check_follows(before, after)
    except UnreadableMedia:
        return False
    return before.header.timecode is not None and after.header.timecode is not None


def parts(clip: Clip) -> list[Clip]:
    """The clips of which one is made, in order: the parts of a span; of any other itself alone."""
    return _parts(clip.url, clip.identity) if ClipUrl.parse(clip.url).is_span else [clip]


@lru_cache(maxsize=8)
def _parts(url: str, identity: str) -> list[Clip]:
    """The parts of a clip that was open before; a part that has changed since says so when it is read."""
    return [Clip.open(part) for part in ClipUrl.of(url).parts]


def _check_alike(first: Clip, part: Clip) -> None:
    for fact in _ALIKE:
        here, there = getattr(part.header, fact), getattr(first.header, fact)
        if here != there:
            here, there = (getattr(value, "name", value) for value in (here, there))
            raise UnreadableMedia(
                f"its {fact.replace('_', ' ')} is {here}, that of {first.name} is {there}",
                where=part.url,
                do="open it as a clip of its own",
            )
    if _kinds(part.header.audio) != _kinds(first.header.audio):
        raise UnreadableMedia(
            f"its sound streams are not like those of {first.name}",
            where=part.url,
            do="open it as a clip of its own",
        )


def _kinds(audio: Sequence[AudioStream]) -> list[tuple[str, int, int]]:
    return [(stream.codec, stream.rate, stream.channels) for stream in audio]


def _check_follows(before: Clip, after: Clip) -> None:
    if before.header.timecode is None or after.header.timecode is None:
        return
    end = str(Timecode.parse(before.header.timecode, before.header.frame_rate) + len(before))
    if after.header.timecode != end:
        raise UnreadableMedia(
            f"starts at {after.header.timecode} where {before.name} ends at {end}",
            where=after.url,
            do="add the part between them, or open each as a clip of its own",
        )


def _duration(part: Clip) -> Fraction:
    """Seconds from the first frame to the end of the last."""
    pts = part.index.frame_pts
    return int(pts[-1] - pts[0]) * part.index.time_base + 1 / part.header.frame_rate


def _sound_edges(parts: Sequence[Clip], rate: int) -> list[int]:
    """Where each part's first frame is in samples from the span's, and where the last part ends."""
    seconds, edges = Fraction(0), [0]
    for part in parts:
        seconds += _duration(part)
        edges.append(round(seconds * rate))
    return edges


def _samples(parts: Sequence[Clip], number: int) -> int:
    """Samples of a sound stream from the span's first frame on."""
    last = parts[-1].header.audio[number]
    return _sound_edges(parts, last.rate)[-2] + last.samples - last.start


def _joined(indexes: Sequence[FrameIndex], rate: Fraction) -> FrameIndex:
    """One index from several, each moved to begin one frame after the last frame of the one before."""
    base = Fraction(1, lcm(*(index.time_base.denominator for index in indexes), rate.numerator))
    columns: dict[str, list[npt.NDArray[Any]]] = {
        name: [] for name in ("pts", "dts", "offset", "size", "keyframe", "shown")
    }
    rows, begin = 0, 0
    for index in indexes:
        scale = int(index.time_base / base)
        move = begin - int(index.frame_pts[0]) * scale
        pts = index.pts * scale + move
        # A key before the part's first frame must not look like one of the part before.
        columns["pts"].append(np.maximum(pts, begin))
        columns["dts"].append(index.dts * scale + move)
        columns["offset"].append(np.full_like(index.offset, -1))
        columns["size"].append(index.size)
        columns["keyframe"].append(index.keyframe)
        columns["shown"].append(np.where(index.shown >= 0, index.shown + rows, -1))
        rows += len(index.pts)
        begin += int(index.frame_pts[-1] - index.frame_pts[0]) * scale + int(1 / rate / base)
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    joined["dts"] = np.maximum.accumulate(joined["dts"])
    return FrameIndex(base, **joined)
