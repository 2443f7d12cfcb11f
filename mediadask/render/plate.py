"""Plates: frames of a clip as the files a VFX vendor works on, one by one, each with what made it inside.

What a frame is made from does not depend on the range it is asked for in: a longer range later leaves the
frames that are there as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter

from mediadask.choices import Compression, ExrSample, OnCorrupt, PlateFormat
from mediadask.clips import Clip
from mediadask.clips.storage import open_file
from mediadask.pixels import Color, to_rgb
from mediadask.pixels.framing.layout import Framing
from mediadask.render import dpx, exr
from mediadask.render.exr import Attribute
from mediadask.render.output import Format, Mark, Output, committed, join_url, output_errors
from mediadask.render.receipt import Receipt
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    import numpy.typing as npt

    from mediadask.clips import Frame

__all__ = [
    "FRAME",
    "STRIP_ROWS",
    "Plate",
    "PlateRecipe",
    "plate_picture",
    "write_frame",
]

# SMPTE ST 2065-1 and ACES S-2014-004 (AP1), with ACES white.
_WHITE = (0.32168, 0.33767)
_CHROMATICITIES = {
    "ACES2065-1": (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, *_WHITE),
    "ACEScg": (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, *_WHITE),
}
_INTEROP = {"ACES2065-1": "lin_ap0_scene", "ACEScg": "lin_ap1_scene"}


@dataclass(frozen=True)
class PlateRecipe:
    """How frames of a clip become plates. Plain data: hashable, JSON."""

    framing: Framing
    color: Color
    """From the clip's values to the plate's."""

    space: str
    """The color space of the plates, by its config's name."""

    rate: Fraction
    """Frames a second, for headers."""

    timecode: str | None = None
    """The timecode of the clip's first frame."""

    attributes: tuple[tuple[str, str | int | float], ...] = ()
    """What else headers say, the same in every frame: OpenEXR's names."""

    format: PlateFormat = "exr"
    compression: Compression = "zip"
    sample: ExrSample = "half"
    on_corrupt: OnCorrupt = "fail"

    def json(self) -> str:
        """The same recipe as text."""
        return _RECIPE.dump_json(self).decode()


_RECIPE: TypeAdapter[PlateRecipe] = TypeAdapter(PlateRecipe)


@dataclass(frozen=True)
class Plate:
    """Frames ``[start, stop)`` of a clip as numbered files."""

    clip: Clip
    recipe: PlateRecipe
    pattern: str
    """URL of the files, with ``%04d`` where the number goes."""

    start: int
    stop: int
    first_number: int

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def is_files(self) -> bool:
        """Whether every frame is a file; otherwise all are one movie."""
        return self.recipe.format != "prores4444"

    @property
    def reel(self) -> str:
        """The clip's reel, empty where it has none."""
        return str(dict(self.recipe.attributes).get("reelName", ""))

    @cached_property
    def _recipe_json(self) -> str:
        return self.recipe.json()

    def number(self, frame: int) -> int:
        """The number in the name of a frame's file."""
        return self.first_number + frame - self.start

    def output(self, frame: int) -> Output:
        """Where a frame of the clip goes, and what it is made from: nothing that depends on the range."""
        folder, _, name = self.pattern.rpartition("/")  # a folder's name may hold a % of its own
        url = join_url(folder, name % self.number(frame))
        return Output.of(url, FRAME, self.clip.url, "plate", self.clip.identity, frame, self._recipe_json)

    def timecode(self, frame: int) -> Timecode | None:
        """The label of a frame, where the clip has timecode."""
        start = self.recipe.timecode
        return None if start is None else Timecode.parse(start, self.recipe.rate) + frame

    def attributes(self, frame: int, mark: Mark) -> dict[str, Attribute]:
        """The header of a frame."""
        recipe = self.recipe
        code = self.timecode(frame)
        entries: dict[str, Attribute] = {
            **dict(recipe.attributes),
            "framesPerSecond": recipe.rate,
            "pixelAspectRatio": float(recipe.framing.pixel_aspect),
            "sourceClip": self.clip.name,
            "sourceFrame": frame,
            "mediadask": str(mark),
        }
        if code is not None:
            entries["timeCode"] = code
        if recipe.space in _CHROMATICITIES:
            entries |= {"chromaticities": _CHROMATICITIES[recipe.space], "adoptedNeutral": _WHITE}
            entries["colorInteropID"] = _INTEROP[recipe.space]
        if recipe.space == "ACES2065-1" and (recipe.compression, recipe.sample) == ("none", "half"):
            entries["acesImageContainerFlag"] = 1  # SMPTE ST 2065-4 knows no compression
        return entries


def plate_picture(recipe: PlateRecipe) -> Callable[[Frame], npt.NDArray[Any]]:
    """A function from a clip's frames to (height, width, 3) pictures as plates hold them.

    They are halves where their files hold halves, else float32.
    """
    framing, color = recipe.framing, recipe.color
    dtype = np.dtype(np.float16 if (recipe.format, recipe.sample) == ("exr", "half") else np.float32)

    def framed_light(frame: Frame) -> npt.NDArray[Any]:
        def rows(first: int, stop: int, out: npt.NDArray[np.float32]) -> None:
            for top in range(first, stop, STRIP_ROWS):
                end = min(top + STRIP_ROWS, stop)
                rgb, light = _rgb(frame, slice(top, end)), out[:, top - first : end - first]
                if color.steps:
                    color.apply(rgb, light.dtype, light)
                else:
                    light[:] = rgb.transpose(2, 0, 1)

        return framing.apply_rows(rows, (frame.height, frame.width, 3), dtype, STRIP_ROWS)

    def lit_framing(frame: Frame) -> npt.NDArray[Any]:
        rgb = _rgb(frame, slice(None))
        return color.apply(framing.apply(rgb), dtype) if color.steps else framing.apply(rgb, dtype)

    return framed_light if framing.linear else lit_framing


STRIP_ROWS = 16
"""Codes become light so many rows at a time. A multiple of the strips that OpenColorIO is given, so that it
sees the same ones as in a whole picture."""


def _rgb(frame: Frame, rows: slice) -> npt.NDArray[Any]:
    rgb = to_rgb(frame, "float32", rows)[..., :3]
    return rgb if rgb.shape[2] == 3 else np.repeat(rgb[..., :1], 3, axis=2)


def _read_text(url: str) -> str | None:
    with open_file(url) as file:
        return dpx.read_text(file) if url.endswith(".dpx") else exr.read_text(file, "mediadask")


FRAME = Format("frame", _read_text)
"""An EXR or DPX, as `write_frame` makes it."""


def write_frame(
    plate: Plate, frame: Frame, picture: npt.NDArray[Any], output: Output, workspace: str
) -> Receipt:
    """Put one frame's picture where `output` is.

    Raises
    ------
    OutputFailed
        If it cannot be written; nothing is left under its name that was not there before.
    """
    recipe = plate.recipe
    mark = output.mark if frame.valid else replace(output.mark, stand_ins=(frame.number,))
    attributes = plate.attributes(frame.number, mark)
    with output_errors(output.url), committed(output.url, workspace) as path:
        if recipe.format == "exr":
            content = exr.exr_bytes(picture, attributes, recipe.compression, recipe.sample)
            path.write_bytes(content)
        else:
            dpx.write_dpx(
                path,
                picture,
                int(recipe.format.removeprefix("dpx")),
                text=str(mark),
                source=plate.clip.name,
                rate=recipe.rate,
                timecode=plate.timecode(frame.number),
                reel=plate.reel,
                frame=frame.number,
                pixel_aspect=recipe.framing.pixel_aspect,
            )
            content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return Receipt.of(output.url, output.mark.made_from, digest, stand_in=not frame.valid)
