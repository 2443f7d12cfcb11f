"""How a stored picture is turned for viewing: mirrored first, then turned clockwise."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AS_STORED", "Orientation", "of_exif", "of_matrix", "product"]


class Orientation(NamedTuple):
    """The way from a stored picture to the upright one."""

    rotation: int
    """Degrees clockwise: 0, 90, 180 or 270."""

    mirrored: bool
    """Whether left and right change places before it is turned."""


AS_STORED = Orientation(0, False)

# Exif 2.32, tag 274, by number.
_EXIF = {
    2: Orientation(0, True),
    3: Orientation(180, False),
    4: Orientation(180, True),
    5: Orientation(270, True),
    6: Orientation(90, False),
    7: Orientation(90, True),
    8: Orientation(270, False),
}
# (a, b, c, d) of a matrix that takes (x, y) to (a x + c y, b x + d y), y downwards.
_SIGNS = {
    (1, 0, 0, 1): AS_STORED,
    (0, 1, -1, 0): Orientation(90, False),
    (-1, 0, 0, -1): Orientation(180, False),
    (0, -1, 1, 0): Orientation(270, False),
    (-1, 0, 0, 1): Orientation(0, True),
    (0, -1, -1, 0): Orientation(90, True),
    (1, 0, 0, -1): Orientation(180, True),
    (0, 1, 1, 0): Orientation(270, True),
}


def of_exif(value: object) -> Orientation:
    """The orientation that Exif, TIFF, DPX and PNG number 1 to 8; as stored where it is none of them."""
    return _EXIF.get(value, AS_STORED) if isinstance(value, int) else AS_STORED


def of_matrix(matrix: Sequence[float]) -> Orientation:
    """The orientation of a display matrix, of which (a, b, u, c, d) come first (ISO/IEC 14496-12, 6.2.2).

    A matrix may also enlarge. One that turns the picture by an odd angle says nothing that can be done to
    stored pixels: as stored.
    """
    a, b, _, c, d = matrix[:5]
    most = max(abs(a), abs(b), abs(c), abs(d))
    if not most:
        return AS_STORED
    # Beside a side's factor, what is meant as nothing may be a rounding.
    signs = tuple(0 if abs(value) < most / 64 else (1 if value > 0 else -1) for value in (a, b, c, d))
    return _SIGNS.get(signs, AS_STORED)  # type: ignore[arg-type]


def product(first: bytes | memoryview, second: bytes | memoryview) -> tuple[float, ...]:
    """The matrix of one after the other, of two as MOV stores them: nine numbers of 16.16, the third of each
    row 2.30."""
    one, two = (_rows(matrix) for matrix in (first, second))
    return tuple(
        sum(one[row * 3 + at] * two[at * 3 + column] for at in range(3))
        for row in range(3)
        for column in range(3)
    )


def _rows(matrix: bytes | memoryview) -> list[float]:
    return [
        value / (1 << (30 if at % 3 == 2 else 16)) for at, value in enumerate(struct.unpack(">9i", matrix))
    ]
