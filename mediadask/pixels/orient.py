"""Stored pictures made upright."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["upright"]


def upright(picture: npt.NDArray[Any], rotation: int, mirrored: bool) -> npt.NDArray[Any]:
    """A view of a (height, width, …) picture as it is to be seen: mirrored left to right, then turned
    clockwise by `rotation` degrees."""
    return np.rot90(picture[:, ::-1] if mirrored else picture, -rotation // 90)
