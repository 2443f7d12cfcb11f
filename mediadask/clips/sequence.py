"""Image sequences as clips: files of a frame each, whose names count, of EXR, DPX, Cineon, CinemaDNG,
ARRIRAW, TIFF, PNG, JPEG or HEIC."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from mediadask.clips import arriraw, dng, heif, image
from mediadask.clips.choices import choices_of, split_choices
from mediadask.clips.frame import BadFrame, Frame
from mediadask.clips.header import ClipHeader, Tag
from mediadask.clips.image_file import head_of
from mediadask.clips.index import FrameIndex
from mediadask.clips.pattern import HEIF_SUFFIXES, is_image, members, only_sequence, pattern_of
from mediadask.clips.storage import FileStamp, is_local, suffix_of
from mediadask.clips.vendor import RAW_FRAME_SUFFIXES, refuse
from mediadask.errors import InvalidRequest, MissingMedia, UnreadableMedia, UnsupportedMedia
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from mediadask.clips.clip import Clip
    from mediadask.clips.image_facts import ImageFacts

__all__ = ["SequenceReader"]


class SequenceReader:
    """Reads image sequences, named as `mediadask.clips.pattern` says; a packet of the index is a file.

    A single image is a clip of one frame. Of an EXR with several layers or parts the main one is read: the
    first with plain R, G, B channels. ``?layer=diffuse`` behind the name chooses another, by its part's
    name or by what its channels' names begin with, ``?view=right`` another eye; the header's tags list them.
    Raw pictures are debayered: ``?debayer=linear`` chooses how, ``?debayer=none`` gives the mosaic.
    """

    name = "sequence"
    version = 5

    def claims(self, url: str) -> bool:
        """Names and patterns with an image suffix, and folders."""
        return is_image(url) or _is_folder(url) or _is_raw(url)

    def files(self, url: str) -> tuple[FileStamp, ...]:
        """In the order of their numbers."""
        return tuple(members(_source(url)[0]).values())

    def probe(self, url: str, files: tuple[FileStamp, ...]) -> tuple[ClipHeader, FrameIndex]:
        """From the names, and one file's header."""
        source, choices = _source(url)
        if _is_raw(source):
            refuse(source, head_of(files[0].url, 64))
        pattern = pattern_of(source)
        numbers = [0]
        if pattern:
            numbers = [pattern.number(file.url.rpartition("/")[2]) or 0 for file in files]
        meant = pattern.numbers if pattern and pattern.numbers else numbers
        first, last = min(meant), max(meant)
        row, facts = _first_readable(files, choices)
        rate, start = facts.frame_rate or Fraction(24), facts.timecode
        if start:
            start = str(Timecode.parse(start, rate) + (first - numbers[row]))
        tags = facts.tags if facts.frame_rate else (*facts.tags, Tag("assumed", "frame_rate", "24"))
        header = ClipHeader(
            container=facts.file_type,
            codec=facts.file_type,
            width=facts.width,
            height=facts.height,
            pixel_format=facts.pixel_format,
            frame_rate=rate,
            color=facts.color,
            pixel_aspect=facts.pixel_aspect,
            rotation=facts.orientation.rotation,
            mirrored=facts.orientation.mirrored,
            alpha=facts.alpha,
            timecode=start,
            reel=facts.reel,
            tags=tags,
            first_number=first if pattern else None,
        )
        ticks = np.asarray(numbers, np.int64) - first
        shown = np.full(last - first + 1, -1, np.int64)
        shown[ticks] = np.arange(len(ticks))
        sizes = np.asarray([file.size_bytes for file in files], np.int64)
        keys = np.ones(len(ticks), np.bool_)
        return header, FrameIndex(1 / rate, ticks, ticks, np.zeros_like(ticks), sizes, keys, shown)

    def frames(self, clip: Clip, start: int, stop: int, *, threads: int) -> Iterator[Frame | BadFrame]:
        """File by file. `threads` does not apply: OpenImageIO shares one pool of them in the process."""
        header = clip.header
        choices = choices_of(clip.url)
        for number in range(start, stop):
            packet = int(clip.index.shown[number])
            if packet < 0:
                yield BadFrame(number, f"file is missing: {_missing_name(clip, number)}")
                continue
            file = clip.files[packet]
            name = file.url.rpartition("/")[2]
            try:
                planes = _read_planes(file.url, choices, header)
            except MissingMedia as error:
                yield BadFrame(number, f"{name}: {error.what}")
            except (UnreadableMedia, UnsupportedMedia) as error:
                yield BadFrame(number, f"{name} {error.what}")
            else:
                yield Frame(number, planes, header.pixel_format, header.color)

    def audio(self, clip: Clip, stream: int, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Not to be called: the header names no sound stream.

        Raises
        ------
        InvalidRequest
            Always.
        """
        raise InvalidRequest("an image sequence has no sound", where=clip.url)


_RAW = (".ari", ".dng")  # the sensor's own pictures


def _is_folder(url: str) -> bool:
    return os.path.isdir(url) if is_local(url) else url.endswith("/")


def _source(url: str) -> tuple[str, dict[str, str]]:
    """A URL's file or pattern, and which of its pictures is meant."""
    source, choices = split_choices(url)
    return (only_sequence(source) if _is_folder(source) else source), choices


def _read_header(url: str, choices: dict[str, str]) -> ImageFacts:
    suffix = suffix_of(url)
    known = ("debayer",) if suffix in _RAW else ("layer", "view") if suffix == ".exr" else ("layer",)
    for name in choices:
        if name not in known or _is_heif(url):
            raise InvalidRequest(f"is an image, which has no {name} to choose", where=url, do="leave it out")
    if _is_heif(url):
        return heif.read_header(url)
    if suffix == ".ari":
        return arriraw.read_header(url, choices)
    if suffix == ".dng":
        return dng.read_header(url, choices)
    return image.read_header(url, choices.get("layer"), choices.get("view"))


def _read_planes(url: str, choices: dict[str, str], header: ClipHeader) -> tuple[npt.NDArray[Any], ...]:
    size, format = (header.width, header.height), header.pixel_format
    if _is_heif(url):
        return heif.read_planes(url, size, format)
    if suffix_of(url) in _RAW:
        camera = next((tag.value for tag in header.tags if tag.name == "camera"), None)
        raw_planes = arriraw.read_planes if suffix_of(url) == ".ari" else dng.read_planes
        return raw_planes(url, choices, size, camera)
    return image.read_planes(url, choices.get("layer"), size, format, choices.get("view"))


def _is_raw(url: str) -> bool:
    """Whether these are camera raw frames, a file each, which are refused as one clip."""
    return suffix_of(split_choices(url)[0]) in RAW_FRAME_SUFFIXES


def _is_heif(url: str) -> bool:
    return suffix_of(url) in HEIF_SUFFIXES


def _first_readable(files: tuple[FileStamp, ...], choices: dict[str, str]) -> tuple[int, ImageFacts]:
    """The header that speaks for all: the first file's, or where that is damaged the middle or last one's."""
    failure: Any = None
    for row in dict.fromkeys((0, len(files) // 2, len(files) - 1)):
        try:
            return row, _read_header(files[row].url, choices)
        except UnreadableMedia as error:
            failure = failure or error
    raise failure


def _missing_name(clip: Clip, number: int) -> str:
    pattern = pattern_of(_source(clip.url)[0])
    assert pattern is not None
    assert clip.header.first_number is not None
    return pattern.name(clip.header.first_number + number)
