"""Matrices between sets of primaries, from their chromaticities (SMPTE RP 177)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mediadask.clips.gamuts import GAMUTS
from mediadask.errors import UnsupportedMedia

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["to_rec709", "to_xyz"]

# Cone responses of Bradford's, as ICC.1 (annex E) and the ACES matrices use them.
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def to_rec709(chromaticities: Sequence[float]) -> tuple[float, ...]:
    """Nine numbers, row by row, from linear light with these primaries and white to that of Rec.709.

    Another white than D65 becomes D65: what is gray stays gray.

    Raises
    ------
    UnsupportedMedia
        If the chromaticities are no primaries: three on a line, or one with y of 0.
    """
    shown = to_xyz(GAMUTS["bt709"])
    source = to_xyz(chromaticities)
    white, target = source.sum(1), shown.sum(1)
    if not np.allclose(white, target, atol=1e-3):
        gains = (_BRADFORD @ target) / (_BRADFORD @ white)
        source = np.linalg.inv(_BRADFORD) @ np.diag(gains) @ _BRADFORD @ source
    return tuple(np.linalg.solve(shown, source).ravel().tolist())


def to_xyz(chromaticities: Sequence[float]) -> npt.NDArray[Any]:
    """(3, 3) from R, G, B to CIE XYZ, with Y of 1 for white."""
    x, y = np.reshape(np.asarray(chromaticities, np.float64), (4, 2)).T
    columns = np.stack([x, y, 1 - x - y])
    try:
        scale = np.linalg.solve(columns[:, :3], columns[:, 3] / y[3])
    except np.linalg.LinAlgError:
        scale = np.zeros(3)
    matrix: npt.NDArray[Any] = columns[:, :3] * scale
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-9:
        points = " ".join(f"{value:g}" for value in chromaticities)
        raise UnsupportedMedia(f"says that its primaries are {points}, which are none")
    return matrix
