"""Contact sheets and stills: what is on a clip, at a glance."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import imageio.v3 as iio
import numpy as np
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from mediadask.checkpoint import checkpoint
from mediadask.clips import Clip
from mediadask.clips.storage import normalize, open_file
from mediadask.delivery import Delivery, Group, Unit
from mediadask.errors import InvalidRequest
from mediadask.pixels import Color
from mediadask.render.output import Format, Mark, Output, Rendered
from mediadask.render.picture import display_picture
from mediadask.render.plan import Plan, Source, output_places, source_list, standing_group
from mediadask.render.recipe import Box, fitted_size, picture_box
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from mediadask.clips import ClipHeader
    from mediadask.render.options import Size

__all__ = ["sheet", "still"]

_SUFFIXES = (".jpg", ".jpeg", ".png")
_GROUND, _TITLE, _TEXT, _DIM, _ALARM = (
    (18, 18, 20),
    (240, 240, 242),
    (190, 190, 196),
    (120, 120, 128),
    (232, 92, 80),
)
_STILLS_A_UNIT = 4


def sheet(
    clips: Source | Iterable[Source],
    out: str | os.PathLike[str],
    *,
    frames: int | Sequence[int] = 20,
    columns: int = 5,
    width: int = 1920,
    lut: str | os.PathLike[str] | None = None,
) -> Delivery:
    """A contact sheet of each clip: pictures over their frame numbers and timecodes, the clip's facts above.

    Frames that do not decode are black and say so.

    Parameters
    ----------
    clips
        URLs, or clips that are open already.
    out
        ``.jpg`` or ``.png`` for one clip; otherwise a folder, which gets a JPEG for each, named after it.
    frames
        How many, evenly over the clip, or which.
    columns
        Pictures in a row.
    width
        Of the sheet, in pixels.
    lut
        A LUT file OpenColorIO reads, from the clip's R'G'B' to the sheet's.

    Returns
    -------
    Delivery
        One group a clip; its values are `Rendered`.

    Raises
    ------
    InvalidRequest, MissingMedia
        For options that make no sense, or a LUT that cannot be read. A bad clip fails alone.
    """
    which = frames if isinstance(frames, int) else tuple(frames)
    count = which if isinstance(which, int) else len(which)
    if columns < 1 or width < 64 * columns or count < 1:
        raise InvalidRequest(
            f"a sheet of {count} frames in {columns} columns, {width} pixels wide",
            do="ask for at least one frame and 64 pixels a column",
        )
    sources = source_list(clips)
    places = output_places(sources, out, ".jpg", _SUFFIXES)
    table = None if lut is None else Color.lut(lut)

    return Delivery("sheet", Plan(sources, places, partial(_sheet_group, which, columns, width, table)))


def _sheet_group(
    which: int | tuple[int, ...], columns: int, width: int, lut: Color | None, clip: Clip, url: str
) -> Group:
    numbers = _numbers(clip, which)
    columns = min(columns, len(numbers))
    gap = _gap(width)
    size = fitted_size(clip, ((width - gap * (columns + 1)) // columns, None), enlarge=True)
    output = Output.of(url, PICTURE, clip.url, "sheet", clip.identity, numbers, columns, width, str(lut))
    if there := standing_group(output, len(numbers)):
        return there
    header = clip.header
    kind = f"still {header.codec} {header.width}x{header.height}"
    rows = range(0, len(numbers), _STILLS_A_UNIT)
    parts = tuple(output.part(f"{row:06}.png") for row in rows)
    units = tuple(
        Unit(
            render_stills,
            (clip, some, size, lut, output, part),
            name=f"{output.name} frames {', '.join(map(str, some))}",
            kind=kind,
            frames=len(some),
        )
        for some, part in zip((numbers[row : row + _STILLS_A_UNIT] for row in rows), parts, strict=True)
    )
    finish = Unit(
        finish_sheet, (clip, numbers, parts, columns, width, output), name=output.name, kind="sheet"
    )
    return Group(output.name, units, finish)


def _numbers(clip: Clip, which: int | tuple[int, ...]) -> tuple[int, ...]:
    count = len(clip)
    if isinstance(which, int):
        which = tuple(row * count // min(which, count) for row in range(min(which, count)))
    for number in which:
        clip.index.check(number, number + 1, clip.url)
    return which


Still = tuple[int, Any, bool]
"""Frame number, (height, width, 3) uint8 R'G'B', and whether it decoded."""


def render_stills(
    clip: Clip, numbers: Sequence[int], size: tuple[int, int], lut: Color | None, output: Output, part: str
) -> tuple[int, ...]:
    """Pictures of some frames, one below the other, unless they or the whole sheet are there; the frames that
    did not decode.
    """
    if output.is_done():
        return ()
    found = PICTURE.read_mark(part)
    if found is None:
        picture = display_picture(clip, size, lut)
        pictures, stand_ins = [], []
        for number in numbers:
            frame = next(clip.frames(number, number + 1, on_corrupt="black", threads=1))
            pictures.append(picture(frame))
            if not frame.valid:
                stand_ins.append(number)
            checkpoint()
        found = replace(output.mark, stand_ins=tuple(stand_ins))
        with output.making(part) as path:
            _write_image(np.concatenate(pictures), path, found)
    return found.stand_ins


def finish_sheet(
    stand_ins: Sequence[tuple[int, ...]],
    clip: Clip,
    numbers: Sequence[int],
    parts: Sequence[str],
    columns: int,
    width: int,
    output: Output,
) -> Rendered:
    """Lay the pictures out and put the sheet in its place."""
    if not output.is_done():
        lost = {number for some in stand_ins for number in some}
        mark = replace(output.mark, stand_ins=tuple(sorted(lost)))
        with output.making(output.url) as path:
            pictures = [
                (number, pixels, number not in lost)
                for number, pixels in zip(numbers, _read_pictures(parts, len(numbers)), strict=True)
            ]
            _write_image(np.asarray(lay_out(clip, pictures, columns, width)), path, mark)
    output.clear()
    made = output.standing()
    return Rendered(output.url, len(numbers), made.stand_ins if made else ())


def _read_pictures(parts: Sequence[str], count: int) -> Iterator[Any]:
    for first, part in zip(range(0, count, _STILLS_A_UNIT), parts, strict=True):
        with open_file(part) as file, Image.open(file) as image:
            yield from np.split(np.asarray(image), min(_STILLS_A_UNIT, count - first))


def lay_out(clip: Clip, pictures: Sequence[Still], columns: int, width: int) -> Image.Image:
    """The sheet: a title, facts, then rows of pictures with their labels."""
    gap = _gap(width)
    title, text, label = (_font(round(width * share)) for share in (0.017, 0.0105, 0.0092))
    line = round(width * 0.016)
    rows = -(-len(pictures) // columns)
    picture_height, picture_width = pictures[0][1].shape[:2]
    top = gap * 2 + round(width * 0.038)
    step = picture_height + line + gap
    image = Image.new("RGB", (width, top + rows * step + gap // 2), _GROUND)
    draw = ImageDraw.Draw(image)
    draw.text((gap, gap), clip.name, fill=_TITLE, font=title)
    draw.text((gap, gap + round(width * 0.024)), facts(clip), fill=_TEXT, font=text)
    for place, (number, pixels, valid) in enumerate(pictures):
        x = gap + place % columns * (picture_width + gap)
        y = top + place // columns * step
        image.paste(Image.fromarray(pixels), (x, y))
        below = y + picture_height + round(line * 0.2)
        note = f"{number}" if valid else f"{number} does not decode"
        draw.text((x, below), note, fill=_TEXT if valid else _ALARM, font=label)
        code = timecode_of(clip.header, number)
        if code:
            draw.text((x + picture_width, below), code, fill=_DIM, font=label, anchor="ra")
    return image


def facts(clip: Clip) -> str:
    """A line of what people ask first: size, codec, rate, length, timecode, reel."""
    header = clip.header
    rate = header.frame_rate
    seconds = len(clip) / rate
    codec = " ".join(part for part in (header.codec, header.profile) if part)
    found = [
        f"{header.width} x {header.height}",
        f"{codec}, {header.pixel_format.bits} bit",
        f"{float(rate):.5g} fps",
        f"{len(clip)} frames, {_clock(seconds)}",
    ]
    if header.timecode:
        found.append(f"from {header.timecode}")
    if header.reel:
        found.append(f"reel {header.reel}")
    return "   ·   ".join(found)


def _clock(seconds: Fraction) -> str:
    if round(seconds, 1) < 60:
        return f"{float(seconds):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def timecode_of(header: ClipHeader, number: int) -> str | None:
    """The label of a frame, where the clip has timecode."""
    return str(Timecode.parse(header.timecode, header.frame_rate) + number) if header.timecode else None


def _gap(width: int) -> int:
    return max(width // 120, 4)


@cache
def _font(size: int) -> Any:
    return ImageFont.load_default(max(size, 8))


def still(
    clip: Source,
    frame: int,
    out: str | os.PathLike[str],
    *,
    size: Size = None,
    lut: str | os.PathLike[str] | None = None,
) -> Delivery:
    """Write one frame as a picture, upright, with square pixels.

    Parameters
    ----------
    clip
        A URL, or a clip that is open already.
    frame
        The frame's number, 0-based.
    out
        A ``.jpg`` or ``.png`` file.
    size
        ``"1080p"`` or another box to fit inside, a (width, height) box, a height, or None for the clip's own
        size. Nothing is enlarged.
    lut
        A LUT file that OpenColorIO reads, from the clip's R'G'B' to the picture's.

    Returns
    -------
    Delivery
        One group; its value is a `Rendered`.

    Raises
    ------
    InvalidRequest, MissingMedia
        For options that make no sense, or a LUT that cannot be read.
    """
    place = normalize(out)
    if not place.lower().endswith(_SUFFIXES):
        raise InvalidRequest("is not a kind of still", where=place, do="name a .jpg or .png file")
    box, table = picture_box(size), None if lut is None else Color.lut(lut)

    return Delivery("still", Plan([clip], [place], partial(_still_group, frame, box, table)))


def _still_group(number: int, box: Box | None, lut: Color | None, clip: Clip, url: str) -> Group:
    clip.index.check(number, number + 1, clip.url)
    size = fitted_size(clip, box)
    output = Output.of(url, PICTURE, clip.url, "still", clip.identity, number, size, str(lut))
    if there := standing_group(output, 1):
        return there
    unit = Unit(render_still, (clip, number, size, lut, output), name=output.name, kind="still")
    return Group(output.name, (unit,))


def render_still(
    clip: Clip, number: int, size: tuple[int, int], lut: Color | None, output: Output
) -> Rendered:
    """Write one frame, unless it is there."""
    if not output.is_done():
        picture = display_picture(clip, size, lut)
        frame = next(clip.frames(number, number + 1, threads=1))
        with output.making(output.url) as path:
            _write_image(picture(frame), path, output.mark)
    output.clear()
    return Rendered(output.url, 1)


def _write_image(image: npt.NDArray[np.uint8], path: Path, mark: Mark) -> None:
    if path.suffix.lower() == ".png":
        info = PngInfo()
        info.add_text("comment", str(mark))
        iio.imwrite(path, image, plugin="pillow", pnginfo=info)
    else:
        iio.imwrite(path, image, plugin="pillow", quality=92, subsampling=0, comment=str(mark))


def _read_text(url: str) -> str | None:
    try:
        with open_file(url) as file, Image.open(file) as image:
            comment: str | bytes = image.info.get("comment", "")
    except UnidentifiedImageError:
        return None
    return comment.decode(errors="replace") if isinstance(comment, bytes) else comment


PICTURE = Format("picture", _read_text)
"""A JPEG or PNG, as `_write_image` makes it."""
