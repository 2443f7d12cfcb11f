"""The units of a plate: a handful of frames each with its part of the review, and the one that finishes it.

A plate is its frames, a review, small files beside them, and a manifest that lists all with their hashes. The
manifest comes last: while it and the files' sizes and times are as they were left, nothing is opened again.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

import av
import numpy as np
from PIL import Image

from mediadask.checkpoint import checkpoint
from mediadask.clips import ColorTags
from mediadask.clips.storage import open_file
from mediadask.errors import InvalidRequest
from mediadask.pixels import Color, to_video_frame
from mediadask.pixels.framing.layout import Framing
from mediadask.render.burnin import review_picture
from mediadask.render.output import (
    Mark,
    Output,
    Rendered,
    committed,
    exists,
    join_url,
    output_errors,
    remove,
)
from mediadask.render.plate import Plate, plate_picture, read_mark, write_frame
from mediadask.render.proxy import read_mark as read_movie_mark
from mediadask.render.receipt import Moves, Receipt, found, read_receipts, receipts_json, sha256_of
from mediadask.render.video import ENCODERS, Encoder, Part, join, video_writer

if TYPE_CHECKING:
    import numpy.typing as npt

    from mediadask.clips import Frame
    from mediadask.render.burnin import Corner

__all__ = ["PlateOrder", "PulledPlate", "Review", "finish_plate", "finished_plate", "render_frames"]

_PRORES_4444 = Encoder(
    "prores_ks", "mov", "yuv444p10le", {"threads": "1", "profile": "4444", "vendor": "apl0"}, 0.06
)
_BT709 = ColorTags("bt709", "limited", "bt709", "bt709", "left")
_THUMBNAIL_COLUMNS = 320


@dataclass(frozen=True)
class Review:
    """How a plate is shown to people."""

    framing: Framing
    color: Color
    view: Color
    """`mediadask.render.burnin.review_picture` says what the two are."""

    title: str


@dataclass(frozen=True)
class Movie:
    """A video of a plate, made in parts."""

    output: Output
    encoder: Encoder
    size: tuple[int, int]
    first: int
    """The frame of the clip it begins with."""

    shows: Literal["plate", "review"]

    def picture(self, order: PlateOrder) -> Callable[[Frame], npt.NDArray[Any]]:
        """A function from the clip's frames to what it shows: (height, width, 3) float32 R'G'B'."""
        plate, review = order.plate, order.review
        if self.shows == "plate" or review is None:
            return plate_picture(plate.recipe)
        picture = review_picture(review.framing, review.color, review.view)

        def shown(frame: Frame) -> npt.NDArray[Any]:
            texts: dict[Corner, str] = {
                "top left": review.title,
                "bottom left": f"{plate.reel}  {plate.timecode(frame.number) or ''}".strip(),
                "bottom right": str(plate.number(frame.number)),
            }
            return picture(frame, texts)

        return shown


@dataclass(frozen=True)
class PlateOrder:
    """Everything that stands in a folder for one plate. Plain data."""

    plate: Plate
    stem: str
    """URL of the plate without frame number and suffix: files beside the frames are named by it."""

    review: Review | None
    documents: tuple[tuple[str, bytes], ...]
    """Suffix and content of the small files beside it: ``.cc``, ``.amf``."""

    facts: tuple[tuple[str, Any], ...]
    """What the manifest says of the plate as a whole, of JSON types."""

    @property
    def name(self) -> str:
        """Of the plate, for people."""
        return self.stem.rpartition("/")[2]

    @cached_property
    def manifest(self) -> Output:
        """The manifest; its workspace is that of all files."""
        plate = self.plate
        return Output.of(
            f"{self.stem}.json",
            plate.clip.url,
            "manifest",
            plate.clip.identity,
            plate.recipe.json(),
            (plate.pattern, plate.start, plate.stop, plate.first_number),
            repr(self.review),
            [(suffix, hashlib.sha256(content).hexdigest()) for suffix, content in self.documents],
            self.facts,
        )

    @cached_property
    def movies(self) -> tuple[Movie, ...]:
        """The plate itself where it is one, and the review."""
        plate, recipe = self.plate, self.plate.recipe
        whole = (plate.clip.identity, plate.start, plate.stop)
        found = []
        if not plate.is_files:
            output = Output.of(f"{self.stem}.mov", plate.clip.url, "plate", *whole, recipe.json())
            found.append(Movie(output, _PRORES_4444, recipe.framing.size, plate.start, "plate"))
        if self.review:
            made_of = (*whole, plate.first_number, repr(self.review), recipe.attributes, recipe.timecode)
            output = Output.of(f"{self.stem}.mp4", plate.clip.url, "review", *made_of)
            found.append(Movie(output, ENCODERS["h264"], self.review.framing.size, plate.start, "review"))
        return tuple(found)


@dataclass(frozen=True)
class PulledPlate(Rendered):
    """A plate that is there whole."""

    event: str = ""
    stem: str = ""
    first_number: int = 0
    written: int = 0
    """How many of its frames were written just now."""

    thumbnail: bytes = b""
    """A small JPEG of its middle frame, where it has a review."""


def finished_plate(order: PlateOrder) -> PulledPlate | None:
    """The plate, where all of it is there and untouched; None where anything is to be done.

    Reads the manifest and asks for sizes and times: a thousand frames take some ten milliseconds.
    """
    manifest = order.manifest
    if read_manifest_mark(manifest.url) != manifest.mark:
        return None
    known = read_receipts(manifest.url, "files")
    folder = manifest.url.rpartition("/")[0]
    plate = order.plate
    numbers = range(plate.start, plate.stop) if plate.is_files else ()
    frames = [plate.output(number).name for number in numbers]
    there = set(known) >= set(frames) and all(
        receipt.is_untouched(join_url(folder, name)) for name, receipt in known.items()
    )
    return _pulled(order, [known[name] for name in frames], 0) if there else None


def render_frames(order: PlateOrder, start: int, stop: int) -> tuple[tuple[Receipt, ...], int]:
    """Write the frames of the clip from `start` to `stop` that are not there, and their part of each movie.

    Returns
    -------
    receipts, written
        One receipt a file, and how many frames were written.

    Raises
    ------
    OutputFailed, InvalidRequest
        If a file cannot be written, or something that was not made here stands in its place.
    """
    plate, manifest = order.plate, order.manifest
    notes = manifest.part(f"{start:08}-{stop:08}.json")
    before = read_receipts(manifest.url, "files")
    receipts: dict[int, Receipt] = {}
    if plate.is_files:
        known = before | read_receipts(notes)
        there = {number: found(plate.output(number), known, read_mark) for number in range(start, stop)}
        receipts = {number: receipt for number, receipt in there.items() if receipt}
        moves = Moves(before, manifest.workspace)
        for number in range(start, stop):
            if number not in receipts and (receipt := moves.into(plate.output(number))):
                receipts[number] = receipt
    missing = [number for number in range(start, stop) if plate.is_files and number not in receipts]
    with ExitStack() as stack:
        lanes = [
            stack.enter_context(_lane(order, movie, start, stop))
            for movie in order.movies
            if not exists(_part(movie, start, stop).url) and not movie_is_there(movie.output, before)
        ]
        picture = plate_picture(plate.recipe)
        for frame in _frames(plate, list(range(start, stop)) if lanes else missing):
            if frame.number in missing:
                receipts[frame.number] = write_frame(plate, frame, picture(frame), manifest.workspace)
            for show in lanes:
                show(frame)
            checkpoint()
    made = tuple(receipts[number] for number in sorted(receipts))
    if missing:  # so that the next run need not read them to know them
        with output_errors(notes), committed(notes, manifest.workspace) as path:
            path.write_text(json.dumps(receipts_json(made)))
    return made, len(missing)


def _frames(plate: Plate, numbers: Sequence[int]) -> Iterator[Frame]:
    """Those frames, each run of neighbors decoded in one go."""
    for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        first, *rest = (number for _, number in run)
        last = rest[-1] if rest else first
        yield from plate.clip.frames(first, last + 1, on_corrupt=plate.recipe.on_corrupt, threads=1)


def _part(movie: Movie, start: int, stop: int) -> Part:
    """The piece of a movie that a unit makes; it counts from the movie's first frame."""
    first = movie.first
    url = movie.output.part(f"{start:08}-{stop:08}.{movie.encoder.container}")
    return Part(url, start - first, stop - first)


@contextmanager
def _lane(order: PlateOrder, movie: Movie, start: int, stop: int) -> Iterator[Callable[[Frame], None]]:
    """A function that shows frames to a movie's part."""
    recipe, width, height = order.plate.recipe, *movie.size
    url = _part(movie, start, stop).url
    picture = movie.picture(order)
    shape: dict[str, Any] = {"width": width, "height": height, "rate": recipe.rate, "color": _BT709}
    with (
        output_errors(movie.output.url),
        committed(url, movie.output.workspace) as path,
        open(path, "w+b", buffering=0) as file,
        video_writer(file, movie.encoder, **shape) as write,
    ):
        yield lambda frame: write(to_video_frame(picture(frame), movie.encoder.pixel_format))


def finish_plate(
    results: Sequence[tuple[tuple[Receipt, ...], int]], order: PlateOrder, ranges: Sequence[tuple[int, int]]
) -> PulledPlate:
    """Join the movies, write what stands beside the frames, and last the manifest."""
    manifest = order.manifest
    before = read_receipts(manifest.url, "files")
    frames = [receipt for receipts, _ in results for receipt in receipts]
    files = list(frames)
    for movie in order.movies:
        if not movie_is_there(movie.output, before):
            _join(order, movie, [_part(movie, *range_) for range_ in ranges])
        files.append(Receipt.of(movie.output.url, movie.output.mark.made_from, sha256_of(movie.output.url)))
    for suffix, content in order.documents:
        files.append(write_document(f"{order.stem}{suffix}", content, before, manifest.workspace))
    manifest.is_done(read_manifest_mark(manifest.url))  # what was not made here is not replaced
    document = {**json.loads(str(manifest.mark)), **dict(order.facts), "files": receipts_json(files)}
    with output_errors(manifest.url), committed(manifest.url, manifest.workspace) as path:
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    _remove_stale(manifest.url, before, {receipt.name for receipt in files})
    for movie in order.movies:
        movie.output.clear()
    manifest.clear()
    return _pulled(order, frames, sum(written for _, written in results))


def _join(order: PlateOrder, movie: Movie, parts: Sequence[Part]) -> None:
    plate, output = order.plate, movie.output
    code = plate.timecode(plate.start)
    with (
        output_errors(output.url),
        committed(output.url, output.workspace) as path,
        open(path, "w+b", buffering=0) as file,
    ):
        join(
            file,
            movie.encoder.container,
            parts,
            rate=plate.recipe.rate,
            times=np.arange(len(plate)),
            time_base=1 / plate.recipe.rate,
            sound=None,
            metadata={"comment": str(output.mark)},
            timecode=None if code is None else str(code),
            reel=plate.reel or None,
        )


def movie_is_there(output: Output, before: Mapping[str, Receipt]) -> bool:
    """Whether a movie stands in its place, untouched since a manifest listed it if one did."""
    return found(output, before, read_movie_mark) is not None


def write_document(url: str, content: bytes, before: Mapping[str, Receipt], workspace: str) -> Receipt:
    """Write a small file, unless it is there; one that no manifest lists is never overwritten."""
    digest = hashlib.sha256(content).hexdigest()
    if exists(url):
        there, listed = sha256_of(url), before.get(url.rpartition("/")[2])
        if there != digest and (listed is None or listed.sha256 != there):
            raise InvalidRequest(
                "is there already and was not made here", where=url, do="choose another folder, or move it"
            )
        if there == digest:
            return Receipt.of(url, digest[:20], digest)
    with output_errors(url), committed(url, workspace) as path:
        path.write_bytes(content)
    return Receipt.of(url, digest[:20], digest)


def read_manifest_mark(url: str) -> Mark | None:
    """What a manifest says its plate was made from; None where there is none, or somebody else's."""
    if not exists(url):
        return None
    with open_file(url) as file:
        return Mark.parse(file.read().decode(errors="replace"))


def _remove_stale(manifest: str, before: Mapping[str, Receipt], kept: set[str]) -> None:
    """Frames an earlier run wrote outside what the plate is now would be taken for part of it."""
    folder = manifest.rpartition("/")[0]
    for name, receipt in before.items():
        url = join_url(folder, name)
        if name not in kept and receipt.is_untouched(url):
            remove(url)


def _pulled(order: PlateOrder, frames: Sequence[Receipt], written: int) -> PulledPlate:
    plate = order.plate
    numbers = range(plate.start, plate.stop)
    stand_ins = tuple(n for n, receipt in zip(numbers, frames, strict=False) if receipt.stand_in)
    first = plate.number(plate.start)
    url = plate.pattern if plate.is_files else f"{order.stem}.mov"
    shown = _thumbnail(f"{order.stem}.mp4") if order.review else b""
    event = str(dict(order.facts).get("event", ""))
    return PulledPlate(url, len(plate), stand_ins, event, order.stem, first, written, shown)


def _thumbnail(movie: str) -> bytes:
    """A small JPEG of a movie's middle frame."""
    with open_file(movie) as file, av.open(file, "r") as container:
        stream = container.streams.video[0]
        container.seek((stream.duration or 0) // 2, stream=stream)
        frame: Any = next(container.decode(stream))
        image: Image.Image = frame.to_image()
    image.thumbnail((_THUMBNAIL_COLUMNS, _THUMBNAIL_COLUMNS), Image.Resampling.BOX)
    buffer = io.BytesIO()
    image.save(buffer, "jpeg", quality=82)
    return buffer.getvalue()
