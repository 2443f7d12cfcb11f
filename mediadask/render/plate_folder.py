"""What stands in a folder for one plate: its frames or a movie, a review, small files, and a manifest.

The manifest lists all others with their hashes and comes last: while it and the files' sizes and times are as
they were left, nothing is opened again. A plate that is there whole stays so until another is whole to take
its place: until then what is made anew waits in the manifest's workspace.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import av

from mediadask.clips import ColorTags
from mediadask.clips.storage import open_file, read_document
from mediadask.errors import InvalidRequest
from mediadask.pixels import Color
from mediadask.pixels.color.spaces import video_tags
from mediadask.pixels.framing.layout import Framing
from mediadask.render.burnin import review_picture
from mediadask.render.output import (
    Format,
    Output,
    Rendered,
    committed,
    exists,
    join_url,
    move,
    output_errors,
    remove,
)
from mediadask.render.plate import FRAME, Plate, plate_picture
from mediadask.render.receipt import MOST_BYTES, Receipt, found, read_receipts, sha256_of
from mediadask.render.reference import Reference, reference_picture
from mediadask.render.sources import Sources
from mediadask.render.video import ENCODERS, MOVIE, Encoder

if TYPE_CHECKING:
    import numpy.typing as npt

    from mediadask.clips import Frame
    from mediadask.render.burnin import Corner


__all__ = [
    "MANIFEST",
    "Movie",
    "PlateOrder",
    "PulledPlate",
    "Review",
    "check_folder",
    "exchange",
    "finished_plate",
    "movie_is_there",
    "pulled_plate",
    "remove_stale",
    "thumbnail",
    "write_document",
]

_PRORES_4444 = Encoder(
    # No encoder of FFmpeg's writes the 12 bits that ProRes 4444 has room for.
    "prores_ks",
    "mov",
    "yuv444p10le",
    {"threads": "1", "profile": "4444", "vendor": "apl0"},
    0.06,
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
    rotation: int = 0
    """Clockwise degrees from the plate's picture, which is as stored, to the upright one."""

    mirrored: bool = False
    """Whether left and right change places before that."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright picture."""
        columns, rows = self.framing.size
        return (rows, columns) if self.rotation % 180 else (columns, rows)


@dataclass(frozen=True)
class Movie:
    """A video of a plate, made in parts."""

    output: Output
    encoder: Encoder
    size: tuple[int, int]
    color: ColorTags
    first: int
    """The frame of the clip it begins with."""

    shows: Literal["plate", "review", "reference"]
    pixel_aspect: Fraction = Fraction(1)

    def picture(self, order: PlateOrder) -> Callable[[Frame], npt.NDArray[Any]]:
        """A function from the clip's frames to what it shows: (height, width, 3) float32 R'G'B'."""
        plate, review = order.plate, order.review
        if self.shows == "reference" and order.reference is not None:
            cut = reference_picture(order.reference)
            return lambda frame: cut(frame.number - plate.start, f"{plate.number(frame.number):04}")
        if self.shows == "plate" or review is None:
            return plate_picture(plate.recipe)
        picture = review_picture(review.framing, review.color, review.view, review.rotation, review.mirrored)

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

    copies: tuple[tuple[str, str, str], ...] = ()
    """Larger files that belong beside it, such as an AMF's LUTs: suffix, URL and SHA-256 of each."""

    earlier: str | None = None
    """URL of the manifest of the plate's former version: frames that are the same are copied from it."""

    reference: Reference | None = None
    """The offline cut of the shot, shown in a movie of its own."""

    strays: tuple[str, ...] = ()
    """Files beside it that a broken run made of it in another format or range: they go when it is whole."""

    @property
    def name(self) -> str:
        """The plate's name, for people."""
        return self.stem.rpartition("/")[2]

    @cached_property
    def manifest(self) -> Output:
        """The manifest; its workspace is that of all files."""
        plate = self.plate
        return Output.of(
            f"{self.stem}.json",
            MANIFEST,
            plate.clip.url,
            "manifest",
            plate.clip.identity,
            plate.recipe.json(),
            (plate.pattern, plate.start, plate.stop, plate.first_number),
            repr(self.review),
            [(suffix, hashlib.sha256(content).hexdigest()) for suffix, content in self.documents],
            [(suffix, digest) for suffix, _, digest in self.copies],
            self.facts,
            *(() if self.reference is None else self._referred),
        )

    def small_files(self) -> Iterator[tuple[str, bytes]]:
        """URL and content of each file beside the frames, the review and the manifest."""
        for suffix, content in self.documents:
            yield f"{self.stem}{suffix}", content
        for suffix, url, _ in self.copies:
            with open_file(url) as file:
                yield f"{self.stem}{suffix}", file.read()

    def waiting(self, output: Output) -> Output:
        """An output in the workspace, where it waits to replace what stands in its place."""
        return replace(output, url=self.manifest.part(output.name))

    @property
    def _referred(self) -> tuple[Any, ...]:
        reference = self.reference
        assert reference is not None
        return (reference.clip.identity, reference.frames, reference.title, self.plate.first_number)

    @cached_property
    def movies(self) -> tuple[Movie, ...]:
        """The plate itself where it is one, and the review."""
        plate, recipe = self.plate, self.plate.recipe
        whole = (plate.clip.identity, plate.start, plate.stop)
        found = []
        if not plate.is_files:
            output = Output.of(f"{self.stem}.mov", MOVIE, plate.clip.url, "plate", *whole, recipe.json())
            color, framing = video_tags(recipe.space), recipe.framing
            aspect = Fraction(framing.pixel_aspect).limit_denominator(1000)
            found.append(Movie(output, _PRORES_4444, framing.size, color, plate.start, "plate", aspect))
        if self.review:
            made_of = (*whole, plate.first_number, repr(self.review), recipe.attributes, recipe.timecode)
            output = Output.of(f"{self.stem}.mp4", MOVIE, plate.clip.url, "review", *made_of)
            size = self.review.size
            found.append(Movie(output, ENCODERS["h264"], size, _BT709, plate.start, "review"))
        if self.reference:
            made_of = (*whole, recipe.timecode, *self._referred)
            output = Output.of(f"{self.stem}.ref.mp4", MOVIE, plate.clip.url, "reference", *made_of)
            size = self.reference.size
            found.append(Movie(output, ENCODERS["h264"], size, _BT709, plate.start, "reference"))
        return tuple(found)


@dataclass(frozen=True)
class PulledPlate(Rendered):
    """A plate that is complete."""

    event: str = ""
    stem: str = ""
    first_number: int = 0
    written: int = 0
    """How many of its frames were written just now."""

    thumbnail: bytes = b""
    """A small JPEG of its middle frame, where it has a review."""

    def _repr_jpeg_(self) -> bytes | None:
        return self.thumbnail or super()._repr_jpeg_()


def finished_plate(order: PlateOrder) -> PulledPlate | None:
    """The plate, where all of it is there and untouched; None where anything is to be done.

    Reads the manifest and asks for sizes and times: a thousand frames take some ten milliseconds.
    """
    manifest = order.manifest
    if MANIFEST.read_mark(manifest.url) != manifest.mark:
        return None
    known = read_receipts(manifest.url, "files")
    folder = manifest.url.rpartition("/")[0]
    plate = order.plate
    numbers = range(plate.start, plate.stop) if plate.is_files else ()
    frames = [plate.output(number).name for number in numbers]
    there = set(known) >= set(frames) and all(
        receipt.is_untouched(join_url(folder, name)) for name, receipt in known.items()
    )
    return pulled_plate(order, [known[name] for name in frames], 0) if there else None


def check_folder(order: PlateOrder, standing: Sequence[str], sources: Sources) -> PlateOrder:
    """The order with the `strays` of its folder, once it is certain that nothing else is in its way.

    Parameters
    ----------
    standing
        Names of the files in its folder that begin like the plate's.
    sources
        All that the turnover reads.

    Raises
    ------
    InvalidRequest
        If something that was not made here, or of another clip, or that is a source, stands in its place.
    """
    manifest, plate = order.manifest, order.plate
    folder = manifest.url.rpartition("/")[0]
    there = set(standing)
    if manifest.name in there:
        _check_manifest(order)
    before = read_receipts(manifest.url, "files") if manifest.name in there else {}
    for movie in order.movies:
        if movie.output.name in there - set(before):
            movie.output.is_done()
    for url, content in order.small_files():
        if url.rpartition("/")[2] in there:
            _is_written(url, content, before)
    own = {plate.output(frame).name for frame in range(plate.start, plate.stop)} if plate.is_files else set()
    strays = sorted({name for name in there if _is_frame(plate, name)} - own - set(before))
    touched = {*own, *strays, *before, manifest.name, *(movie.output.name for movie in order.movies)}
    touched |= {url.rpartition("/")[2] for url, _ in order.small_files()}
    sources.refuse(join_url(folder, name) for name in sorted(touched & (there | set(before))))
    for name in strays:
        url = join_url(folder, name)
        replace(manifest, url=url, format=FRAME).is_done()
    return replace(order, strays=tuple(strays))


def _is_frame(plate: Plate, name: str) -> bool:
    """Whether a file is called like one of a plate's frames, in whatever format."""
    begin, number, _ = plate.pattern.rpartition("/")[2].partition("%")
    # A number right behind the name may be of another plate, whose name ends in a digit.
    told = bool(number) and begin.endswith((".", "_", "-"))
    return told and re.fullmatch(re.escape(begin) + r"\d+\.(?:exr|dpx)", name) is not None


def _check_manifest(order: PlateOrder) -> None:
    manifest, clip = order.manifest, order.plate.clip
    found = MANIFEST.read_mark(manifest.url)
    if found is not None and found.source != manifest.mark.source:
        other = json.loads(read_document(manifest.url, MOST_BYTES)).get("clip")
        raise InvalidRequest(
            f"is a plate of {other}, not of {clip.url}",
            where=manifest.url,
            do="choose another folder, name or plate version",
        )
    manifest.is_done()


def exchange(order: PlateOrder, made: Sequence[Receipt]) -> list[Receipt]:
    """Put what waits in its place. Returns the receipts of all that was made, as they are then."""
    folder = order.manifest.url.rpartition("/")[0]
    return [_in_place(order.manifest.part(one.name), join_url(folder, one.name), one) for one in made]


def _in_place(waiting: str, place: str, made: Receipt) -> Receipt:
    if not exists(waiting):
        return made
    with output_errors(place):
        move(waiting, place)
    return Receipt.of(place, made.made_from, made.sha256, stand_in=made.stand_in)


def movie_is_there(output: Output, before: Mapping[str, Receipt]) -> bool:
    """Whether a movie stands in its place, untouched since a manifest listed it if one did."""
    return found(output, before) is not None


def write_document(url: str, content: bytes, before: Mapping[str, Receipt], workspace: str) -> Receipt:
    """Write a small file, unless it is there; one that no manifest lists is never overwritten."""
    if not (exists(url) and _is_written(url, content, before)):
        with output_errors(url), committed(url, workspace) as path:
            path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return Receipt.of(url, digest[:20], digest)


def _is_written(url: str, content: bytes, before: Mapping[str, Receipt]) -> bool:
    there, listed = sha256_of(url), before.get(url.rpartition("/")[2])
    same = there == hashlib.sha256(content).hexdigest()
    if not same and (listed is None or listed.sha256 != there):
        raise InvalidRequest(
            "is there already and was not made here", where=url, do="choose another folder, or move it"
        )
    return same


def _read_text(url: str) -> str:
    return read_document(url, MOST_BYTES).decode(errors="replace")


MANIFEST = Format("manifest", _read_text)
"""JSON in which the mark's own entries stand beside those of the plate."""


def remove_stale(order: PlateOrder, before: Mapping[str, Receipt], kept: set[str]) -> None:
    """Remove what earlier runs wrote that is no part of the plate now: it would be taken for one."""
    folder = order.manifest.url.rpartition("/")[0]
    for name, receipt in before.items():
        url = join_url(folder, name)
        if name not in kept and (receipt.is_untouched(url) or _is_copied(receipt, url)):
            remove(url)
    for name in order.strays:
        remove(join_url(folder, name))


def _is_copied(receipt: Receipt, url: str) -> bool:
    """Whether a file has the content that was written, and another time: that of a folder that was copied."""
    return exists(url) and sha256_of(url) == receipt.sha256


def pulled_plate(order: PlateOrder, frames: Sequence[Receipt], written: int) -> PulledPlate:
    """The plate that is there, of receipts of its frames."""
    plate = order.plate
    numbers = range(plate.start, plate.stop)
    stand_ins = tuple(n for n, receipt in zip(numbers, frames, strict=False) if receipt.stand_in)
    first = plate.number(plate.start)
    url = plate.pattern if plate.is_files else f"{order.stem}.mov"
    shown = thumbnail(f"{order.stem}.mp4") if order.review else b""
    event = str(dict(order.facts).get("event", ""))
    return PulledPlate(url, len(plate), stand_ins, event, order.stem, first, written, shown)


def thumbnail(movie: str) -> bytes:
    """A small JPEG of a movie's middle frame."""
    from PIL import Image

    with open_file(movie) as file, av.open(file, "r") as container:
        stream = container.streams.video[0]
        container.seek((stream.duration or 0) // 2, stream=stream)
        frame: Any = next(container.decode(stream))
        image: Image.Image = frame.to_image()
    image.thumbnail((_THUMBNAIL_COLUMNS, _THUMBNAIL_COLUMNS), Image.Resampling.BOX)
    buffer = io.BytesIO()
    image.save(buffer, "jpeg", quality=82)
    return buffer.getvalue()
