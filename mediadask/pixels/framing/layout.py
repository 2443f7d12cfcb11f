"""Framing: which part of a clip's picture lies where on a canvas, as plain data and in one resampling."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mediadask.choices import Filter
from mediadask.documents.fdl import place_by_fdl
from mediadask.errors import InvalidRequest
from mediadask.pixels.resample import Rectangle, Rows, check_placing, place, place_rows

if TYPE_CHECKING:
    import os

    import numpy.typing as npt

    from mediadask.clips import ClipHeader
    from mediadask.pixels.framing.canvas import Area, Placement

__all__ = ["Framing"]


@dataclass(frozen=True)
class Framing:
    """Crop, desqueeze, scale and padding as one step. Plain data: hashable, picklable, JSON.

    Make it with `Framing.full`, or with `Framing.of_fdl` from an ASC FDL.
    """

    source: Rectangle
    """The part of the clip's picture that is kept, in its pixels as stored."""

    placed: Rectangle
    """Where that part lies on the canvas; its shape differs from `source` where pixels are desqueezed."""

    size: tuple[int, int]
    """(width, height) of the canvas in pixels; what lies outside `placed` is black, alpha too."""

    pixel_aspect: float = 1.0
    """Width over height of the canvas's pixels when they are shown: 2.0 where a 2x squeeze is kept."""

    filter: Filter = "lanczos3"

    linear: bool = True
    """Whether scene light is resampled, which is what a lens would have mixed: the step then comes after the
    conversion to a linear color space. Otherwise it comes before any color step, on values as recorded."""

    def __post_init__(self) -> None:
        check_placing(self.source, self.placed, self.size, self.filter)

    @classmethod
    def full(cls, width: int, height: int, squeeze: float = 1.0, *, desqueeze: bool = False) -> Framing:
        """Make the framing of the whole picture, pixel by pixel, or desqueezed to square pixels.

        Parameters
        ----------
        squeeze
            The clip's anamorphic squeeze, such as 2.0, as header, camera metadata or the user says.
        """
        whole = Rectangle(0, 0, width, height)
        if not desqueeze:
            return cls(whole, whole, (width, height), squeeze)
        wide = width * squeeze
        columns = max(round(wide), 1)
        return cls(whole, Rectangle((columns - wide) / 2, 0, wide, height), (columns, height))

    @classmethod
    def of_fdl(
        cls,
        url: str | os.PathLike[str],
        header: ClipHeader,
        *,
        clip_name: str | None = None,
        context: str | None = None,
        canvas: str | None = None,
        intent: str | None = None,
        template: str | None = None,
        templates: str | os.PathLike[str] | None = None,
        desqueeze: bool = True,
    ) -> Framing:
        """Make the framing that an ASC FDL gives a clip: its framing decision through its canvas template.

        Without a template the decision's area is cropped and not scaled. How one of several canvases,
        decisions and templates is chosen, `mediadask.documents.fdl.place_by_fdl` says.

        Raises
        ------
        MissingMedia, UnreadableMedia
            If there is no such file, or it is no valid FDL: it says where.
        InvalidRequest
            If the canvas is not this clip's, something named is not there, or there are several to choose
            from: they are listed.
        """
        found = place_by_fdl(
            url,
            header.width,
            header.height,
            clip_name=clip_name,
            context=context,
            canvas=canvas,
            intent=intent,
            template=template,
            templates=templates,
            desqueeze=desqueeze,
        )
        return cls.of_placement(found)

    @classmethod
    def of_placement(cls, placement: Placement) -> Framing:
        """Make the framing that exact fractions give."""
        source, placed = _rectangle(placement.source), _rectangle(placement.placed)
        return cls(source, placed, placement.size, float(placement.squeeze))

    def using(self, filter: Filter | None = None, *, linear: bool | None = None) -> Framing:
        """Return the same framing with another filter, or for other values; None changes nothing."""
        return replace(self, filter=filter or self.filter, linear=self.linear if linear is None else linear)

    def on_canvas(self, x: float, y: float) -> tuple[float, float]:
        """Return a point's place on the canvas from that in the clip, in pixels from the top left."""
        across = self.placed.width / self.source.width
        down = self.placed.height / self.source.height
        return self.placed.x + (x - self.source.x) * across, self.placed.y + (y - self.source.y) * down

    def apply(self, picture: npt.NDArray[Any], dtype: npt.DTypeLike = np.float32) -> npt.NDArray[Any]:
        """Return the framed picture: (height, width, channels), a view of planar memory.

        Parameters
        ----------
        picture
            (rows, columns, channels), the clip's whole picture. Floats keep their values; integers are full
            range: their highest becomes 1.0.
        dtype
            float32 or float16.

        Raises
        ------
        InvalidRequest
            If the picture is smaller than what is to be kept of it.
        """
        self._check(*picture.shape[:2])
        return place(picture, self.source, self.placed, self.size, self.filter, dtype)

    def apply_rows(
        self, rows: Rows, shape: tuple[int, int, int], dtype: npt.DTypeLike = np.float32, step: int = 1
    ) -> npt.NDArray[Any]:
        """Frame a picture whose rows are made when they are needed; other rows are never made.

        Parameters
        ----------
        rows, shape, step
            As `mediadask.pixels.resample.place_rows` has them.

        Raises
        ------
        InvalidRequest
            If the picture is smaller than what is to be kept of it.
        """
        self._check(*shape[:2])
        return place_rows(rows, shape, self.source, self.placed, self.size, self.filter, dtype, step)

    def _check(self, rows: int, columns: int) -> None:
        source = self.source
        if source.x + source.width > columns + 1 or source.y + source.height > rows + 1:
            raise InvalidRequest(
                f"the framing keeps {source}, the picture is {columns}x{rows}",
                do="frame the clip's whole picture, before any other change of size",
            )

    def __str__(self) -> str:
        kept = "" if self.pixel_aspect == 1 else f", pixels {self.pixel_aspect:g}:1"
        scaled = (
            f" as {self.placed}"
            if (self.placed.width, self.placed.height) != (self.source.width, self.source.height)
            else f" at {self.placed.x:g}, {self.placed.y:g}"
        )
        return f"{self.source}{scaled} on {self.size[0]}x{self.size[1]}{kept}"


def _rectangle(area: Area) -> Rectangle:
    return Rectangle(*map(float, area))
