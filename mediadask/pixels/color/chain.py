"""What is done to a picture's color, by OpenColorIO: a chain of steps, applied at once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import PyOpenColorIO as ocio

from mediadask.choices import CONFIG
from mediadask.clips.storage import normalize
from mediadask.documents.cdl import Cdl
from mediadask.errors import InvalidRequest
from mediadask.pixels.color.baked import baked
from mediadask.pixels.color.config import config_url, digest_of, named_space, nearest, open_config
from mediadask.pixels.color.steps import (
    Conversion,
    Grade,
    Look,
    Lut,
    Matrix,
    Step,
    View,
    inverted,
    processor_of,
    sealed,
)
from mediadask.pixels.color.strips import Program

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

__all__ = ["Color"]


@dataclass(frozen=True)
class Color:
    """Color steps as plain data: hashable, picklable, JSON. They know when one of their files has changed.

    Make it with `lut`, `convert`, `view`, `look` and `cdl`, and join several with `chain`.
    """

    steps: tuple[Step, ...] = ()
    """In the order they are applied; none changes nothing."""

    @classmethod
    def lut(cls, url: str | os.PathLike[str], *, inverse: bool = False) -> Color:
        """Apply the table in a .cube, .3dl, .clf, .spi1d or any other file that OpenColorIO reads.

        Raises
        ------
        MissingMedia
            If there is no such file.
        UnreadableMedia
            If it is not a LUT, or has no inverse and one was asked for.
        """
        url = normalize(url)
        return cls._checked(Lut(url, digest_of(url), inverse))

    @classmethod
    def convert(cls, source: str, target: str, config: str | os.PathLike[str] = CONFIG) -> Color:
        """Convert from one color space of a config to another. A config is a file, or ``ocio://`` and a name.

        Raises
        ------
        MissingMedia
            If there is no such config file.
        InvalidRequest
            If the config has no such color space.
        """
        url, digest, (source, target) = _of_config(config, source, target)
        return cls._checked(Conversion(source, target, url, digest))

    @classmethod
    def view(
        cls,
        source: str,
        display: str,
        view: str,
        config: str | os.PathLike[str] = CONFIG,
        *,
        inverse: bool = False,
    ) -> Color:
        """Convert from a color space to the values that a display is sent; its `inverse` converts back.

        The output transforms of ACES take seconds for a UHD frame: see `for_display`.

        Raises
        ------
        MissingMedia
            If there is no such config file.
        InvalidRequest
            If the config has no such color space, display or view.
        """
        url, digest, (source,) = _of_config(config, source)
        opened = open_config(url, digest)
        for name, choices in ((display, opened.getDisplays()), (view, opened.getViews(display))):
            if name not in choices:
                what = "display" if name == display else f"view on {display}"
                raise InvalidRequest(f"has no {what} {name!r}", where=url, do=nearest(name, choices))
        return cls._checked(View(source, display, view, url, digest, inverse))

    @classmethod
    def look(
        cls, look: str, space: str, config: str | os.PathLike[str] = CONFIG, *, inverse: bool = False
    ) -> Color:
        """Apply a look of a config to a picture in one of its color spaces.

        Raises
        ------
        MissingMedia
            If there is no such config file.
        InvalidRequest
            If the config has no such color space or look.
        """
        url, digest, (space,) = _of_config(config, space)
        names = [one.getName() for one in open_config(url, digest).getLooks()]
        if look not in names:
            raise InvalidRequest(f"has no look {look!r}", where=url, do=nearest(look, names))
        return cls._checked(Look(look, space, url, digest, inverse))

    @classmethod
    def cdl(
        cls,
        cdl: Cdl,
        space: str | None = None,
        working: str = "ACEScct",
        config: str | os.PathLike[str] = CONFIG,
    ) -> Color:
        """Apply a grade. Values below 0 and above 1 are kept.

        Parameters
        ----------
        space
            The color space the picture is in, before and after; None applies the grade to values as they are.
        working
            The color space the grade was made in.

        Raises
        ------
        MissingMedia
            If there is no such config file.
        InvalidRequest
            If the config has no such color space.
        """
        grade = cls((Grade(cdl),))
        if space is None:
            return grade
        there, back = cls.convert(space, working, config), cls.convert(working, space, config)
        return cls.chain(there, grade, back)

    @classmethod
    def matrix(cls, rows: Iterable[float]) -> Color:
        """Multiply R, G and B by a matrix, given as nine numbers, row by row."""
        return cls((Matrix(tuple(map(float, rows))),))

    @classmethod
    def chain(cls, *colors: Color) -> Color:
        """Apply one after another."""
        return cls(tuple(step for color in colors for step in color.steps))

    def inverse(self) -> Color:
        """Return the steps that undo these.

        Raises
        ------
        UnreadableMedia
            If one of them is a LUT that has no inverse.
        """
        undone = Color(tuple(inverted(step) for step in reversed(self.steps)))
        for step in undone.steps:
            processor_of(step)
        return undone

    @classmethod
    def _checked(cls, step: Step) -> Color:
        processor_of(step := sealed(step))
        return cls((step,))

    def apply(
        self,
        rgb: npt.NDArray[Any],
        dtype: str | np.dtype[Any] | None = None,
        out: npt.NDArray[Any] | None = None,
    ) -> npt.NDArray[Any]:
        """Return the picture after these steps: same shape, `dtype` or its own, a view of planar memory.

        Parameters
        ----------
        rgb
            (height, width, 3 or 4) uint8, uint16, float16 or float32; integers are full range. Alpha passes
            through.
        out
            (3 or 4, height, width) of that type, to write into.

        Notes
        -----
        Halves of float32 pictures, and of integers that are a camera's own codes (8 or 16 bits), are within
        one half float of what OpenColorIO calculates without any shortcut, for 99.99 % of random colors and
        practically all values of real pictures. If float R'G'B' is rounded to 16 bits first, up to 1 % of
        values miss by more.
        """
        if rgb.shape[2] not in (3, 4):
            what = f"a picture of {rgb.shape[2]} channels was given to a color step"
            raise InvalidRequest(what, do="give R'G'B', or R'G'B' and alpha")
        target = np.dtype(dtype or rgb.dtype)
        return _program(self, rgb.dtype.name, target.name).apply(rgb, target, out)

    def apply_packed(self, rgba: npt.NDArray[np.float32]) -> None:
        """Apply the steps in place to (height, width, 4) float32, C-contiguous, as OpenColorIO takes it."""
        _program(self, "float32", "float32").apply_packed(rgba)

    def for_display(self) -> Program:
        """Return these steps for float32 pictures that are only looked at, with ACES output as a table.

        An ACES output transform becomes a table. On average a picture then differs by less than 0.15 codes of
        8 bits from what `apply` gives; through ACES 2, 99 % of it by less than 1.5. Colors at the edge of a
        display's gamut may be tens of codes off. Without such a transform nothing differs.
        """
        return _shown(self)


def _of_config(config: str | os.PathLike[str], *names: str) -> tuple[str, str, tuple[str, ...]]:
    """A config's URL and digest, and its own names of color spaces."""
    url = config_url(config)
    digest = digest_of(url)
    opened = open_config(url, digest)
    return url, digest, tuple(named_space(opened, name, url) for name in names)


@lru_cache(maxsize=32)
def _processor(color: Color) -> ocio.Processor:
    """One processor for all steps, whatever configs they are of: OpenColorIO folds what can be folded."""
    group = ocio.GroupTransform()
    for step in color.steps:
        group.appendTransform(processor_of(step).createGroupTransform())
    return ocio.Config.CreateRaw().getProcessor(group)


@lru_cache(maxsize=8)
def _shown(color: Color) -> Program:
    return baked(_processor(color)) or _program(color, "float32", "float32")


@lru_cache(maxsize=64)
def _program(color: Color, source: str, target: str) -> Program:
    return Program.of(_processor(color), source, target)
