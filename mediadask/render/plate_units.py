"""The units of a plate: some frames each with its part of the movies, and the one that finishes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from mediadask.checkpoint import checkpoint
from mediadask.pixels import to_video_frame
from mediadask.render.output import Output, committed, exists, join_url, output_errors
from mediadask.render.plate import Plate, plate_picture, write_frame
from mediadask.render.plate_folder import (
    Movie,
    PlateOrder,
    PulledPlate,
    exchange,
    movie_is_there,
    pulled_plate,
    remove_stale,
    thumbnail,
    write_document,
)
from mediadask.render.receipt import Receipt, found, read_receipts, receipts_json, reused, sha256_of
from mediadask.render.video import Part, join, video_writer

if TYPE_CHECKING:
    from mediadask.clips import Frame
    from mediadask.render.segment import Segment

__all__ = ["finish_plate", "render_frames"]


def render_frames(order: PlateOrder, segment: Segment) -> tuple[tuple[Receipt, ...], int]:
    """Write the frames of a segment that are not there, and their part of each movie.

    Where a whole plate stands already, what is written waits in the workspace to take its place.

    Returns
    -------
    receipts, written
        One receipt a file, and how many frames were rendered.

    Raises
    ------
    OutputFailed, InvalidRequest
        If a file cannot be written, or something that was not made here stands in its place.
    """
    plate, manifest = order.plate, order.manifest
    notes = manifest.part(f"{segment.start:08}-{segment.stop:08}.json")
    before = read_receipts(manifest.url, "files")
    numbers = range(*segment) if plate.is_files else range(0)
    receipts = _found(order, numbers, before, read_receipts(notes))
    missing = [number for number in numbers if number not in receipts]
    receipts |= _reused(order, missing, before)
    missing = [number for number in numbers if number not in receipts]
    with ExitStack() as stack:
        lanes = [
            stack.enter_context(_lane(order, movie, segment))
            for movie in order.movies
            if not exists(_part(movie, segment).url) and not movie_is_there(movie.output, before)
        ]
        picture = plate_picture(plate.recipe)
        for frame in _frames(plate, list(range(*segment)) if lanes else missing):
            if frame.number in missing:
                place = _place(order, frame.number, before)
                receipts[frame.number] = write_frame(plate, frame, picture(frame), place, manifest.workspace)
            for show in lanes:
                show(frame)
            checkpoint()
    made = tuple(receipts[number] for number in sorted(receipts))
    if missing:  # so that the next run need not read them to know them
        with output_errors(notes), committed(notes, manifest.workspace) as path:
            path.write_text(json.dumps(receipts_json(made)))
    return made, len(missing)


def _place(order: PlateOrder, number: int, before: Mapping[str, Receipt]) -> Output:
    """Where a frame is written: nothing of a plate that is there whole is touched until another is."""
    output = order.plate.output(number)
    return order.waiting(output) if before else output


def _found(
    order: PlateOrder, numbers: Sequence[int], before: Mapping[str, Receipt], noted: Mapping[str, Receipt]
) -> dict[int, Receipt]:
    """The frames that are in their place, or wait to be put there."""
    receipts = {}
    for number in numbers:
        receipt = found(order.plate.output(number), before or noted)
        if receipt is None and before:
            receipt = found(_place(order, number, before), noted)
        if receipt is not None:
            receipts[number] = receipt
    return receipts


def _reused(order: PlateOrder, numbers: Sequence[int], before: Mapping[str, Receipt]) -> dict[int, Receipt]:
    """The frames that an earlier run made under other numbers, or for the plate's former version."""
    earlier = read_receipts(order.earlier, "files") if order.earlier and numbers else {}
    former = [(receipt, order.earlier, False) for receipt in earlier.values()]
    former += [(receipt, order.manifest.url, True) for receipt in before.values()]
    known = {receipt.made_from: (receipt, str(manifest), link) for receipt, manifest, link in former}
    receipts = {}
    for number in numbers:
        place = _place(order, number, before)
        if place.mark.made_from in known:
            receipt, manifest, link = known[place.mark.made_from]
            source = join_url(manifest.rpartition("/")[0], receipt.name)
            if copied := reused(receipt, source, place.url, order.manifest.workspace, link=link):
                receipts[number] = copied
    return receipts


def _frames(plate: Plate, numbers: Sequence[int]) -> Iterator[Frame]:
    """Those frames, each run of neighbors decoded in one go."""
    for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        first, *rest = (number for _, number in run)
        last = rest[-1] if rest else first
        yield from plate.clip.frames(first, last + 1, on_corrupt=plate.recipe.on_corrupt, threads=1)


def _part(movie: Movie, segment: Segment) -> Part:
    """The piece of a movie that a unit makes; it counts from the movie's first frame."""
    start, stop = segment
    url = movie.output.part(f"{start:08}-{stop:08}.{movie.encoder.container}")
    return Part(url, start - movie.first, stop - movie.first)


@contextmanager
def _lane(order: PlateOrder, movie: Movie, segment: Segment) -> Iterator[Callable[[Frame], None]]:
    """A function that shows frames to a movie's part."""
    recipe, width, height = order.plate.recipe, *movie.size
    part = _part(movie, segment)
    picture = movie.picture(order)
    shape: dict[str, Any] = {"width": width, "height": height, "pixel_aspect": movie.pixel_aspect}
    shape |= {"rate": recipe.rate, "gop": movie.encoder.gop(recipe.rate), "color": movie.color}
    deep = order.plate.clip.header.pixel_format.bits > 8
    with (
        output_errors(movie.output.url),
        committed(part.url, movie.output.workspace) as path,
        open(path, "w+b", buffering=0) as file,
        video_writer(file, movie.encoder, **shape, later=part.start > 0) as write,
    ):
        format, matrix = movie.encoder.pixel_format, movie.color.matrix or "bt709"
        yield lambda frame: write(to_video_frame(picture(frame), format, matrix, dither=deep))


def finish_plate(
    results: Sequence[tuple[tuple[Receipt, ...], int]], order: PlateOrder, segments: Sequence[Segment]
) -> PulledPlate:
    """Join the movies, put all in its place, write what stands beside the frames, and last the manifest."""
    manifest = order.manifest
    manifest.is_done()  # what was not made here is not replaced
    before = read_receipts(manifest.url, "files")
    files = [receipt for receipts, _ in results for receipt in receipts]
    count = len(files)
    files += [_joined(order, movie, segments, before) for movie in order.movies]
    if before:
        files = exchange(order, files)
    frames = files[:count]
    for url, content in order.small_files():
        files.append(write_document(url, content, before, manifest.workspace))
    if order.review:
        picture = thumbnail(f"{order.stem}.mp4")
        files.append(write_document(f"{order.stem}.jpg", picture, before, manifest.workspace))
    remove_stale(order, before, {receipt.name for receipt in files})
    document = {**json.loads(str(manifest.mark)), **dict(order.facts), "files": receipts_json(files)}
    with output_errors(manifest.url), committed(manifest.url, manifest.workspace) as path:
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    for movie in order.movies:
        movie.output.clear()
    manifest.clear()
    return pulled_plate(order, frames, sum(written for _, written in results))


def _joined(
    order: PlateOrder, movie: Movie, segments: Sequence[Segment], before: Mapping[str, Receipt]
) -> Receipt:
    """A movie, joined from its parts unless it is there."""
    plate, output = order.plate, movie.output
    if movie_is_there(output, before):
        return Receipt.of(output.url, output.mark.made_from, sha256_of(output.url))
    place = order.waiting(output).url if before else output.url
    code = plate.timecode(plate.start)
    with (
        output_errors(output.url),
        committed(place, order.manifest.workspace) as path,
        open(path, "w+b", buffering=0) as file,
    ):
        join(
            file,
            movie.encoder.container,
            [_part(movie, segment) for segment in segments],
            rate=plate.recipe.rate,
            times=np.arange(len(plate)),
            time_base=1 / plate.recipe.rate,
            sound=None,
            mark=output.mark,
            timecode=None if code is None else str(code),
            reel=plate.reel or None,
        )
    return Receipt.of(place, output.mark.made_from, sha256_of(place))
