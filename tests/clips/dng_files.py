"""CinemaDNG files by the book: what tests of their reader open."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_SIZES = {"B": 1, "s": 1, "H": 2, "I": 4, "r": 8, "R": 8}
_TYPES = {"B": 1, "s": 2, "H": 3, "I": 4, "R": 5, "r": 10}
_XYZ_TO_CAMERA = (  # of a camera whose primaries are AP0's, under D65: white is 1, 1, 1
    (1.0498110175, 0.0, -0.0000974845), (-0.4959030231, 1.3733130458, 0.0982400361), (0.0, 0.0, 0.9912520182)
)  # fmt: skip


def packed_12(codes: npt.NDArray[np.uint16]) -> bytes:
    """Two codes in three bytes, the high bits first (TIFF 6.0, FillOrder 1)."""
    first, second = codes[:, 0::2].astype(np.uint16), codes[:, 1::2].astype(np.uint16)
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], -1).astype(np.uint8)
    return packed.tobytes()


def write_dng(
    path: Path,
    codes: npt.NDArray[np.uint16],
    *,
    bits: int = 16,
    black: int = 256,
    white: int = 4095,
    timecode: bytes | None = None,
    rate: tuple[int, int] | None = (24, 1),
    reel: str | None = "A001",
    model: str = "Cine Camera",
    serial: str = "1234",
    neutral: tuple[float, float, float] = (1.0, 1.0, 1.0),
    pattern: bytes = b"\0\1\1\2",
    more: dict[int, tuple[str, Any]] | None = None,
) -> Path:
    """One picture of (rows, columns) codes; `more` adds tags by number: a kind (B, s, H, I, r) and values."""
    height, width = codes.shape
    data = packed_12(codes) if bits == 12 else codes.astype("<u2").tobytes()
    tags: dict[int, tuple[str, Any]] = {
        254: ("I", [0]), 256: ("I", [width]), 257: ("I", [height]), 258: ("H", [bits]), 259: ("H", [1]),
        262: ("H", [32803]), 271: ("s", "Maker"), 272: ("s", model), 273: ("I", [0]), 274: ("H", [1]),
        277: ("H", [1]), 278: ("I", [height]), 279: ("I", [len(data)]), 284: ("H", [1]),
        33421: ("H", [2, 2]), 33422: ("B", pattern), 34855: ("H", [800]), 50706: ("B", b"\1\4\0\0"),
        50707: ("B", b"\1\1\0\0"), 50708: ("s", f"Maker {model}"), 50710: ("B", b"\0\1\2"),
        50711: ("H", [1]), 50714: ("I", [black]), 50717: ("I", [white]),
        50721: ("r", np.ravel(_XYZ_TO_CAMERA).tolist()), 50728: ("R", list(neutral)),
        50735: ("s", serial), 50778: ("H", [21]),
    }  # fmt: skip
    if timecode:
        tags[51043] = ("B", timecode)
    if rate:
        tags[51044] = ("r", [rate[0] / rate[1]]) if rate[1] == 1 else ("r2", [rate])
    if reel:
        tags[51081] = ("s", reel)
    tags |= more or {}
    entries, after = [], b""
    begin = 8 + 2 + 12 * len(tags) + 4
    for number, (kind, values) in sorted(tags.items()):
        content, count = _content(kind, values)
        if number == 273:
            place = len(entries)
        if len(content) > 4:
            at = begin + len(after)
            after += content + bytes(len(content) % 2)
            content = struct.pack("<I", at)
        entries.append([number, _TYPES[kind[0]], count, content.ljust(4, b"\0")])
    entries[place][3] = struct.pack("<I", begin + len(after))
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHI", *entry[:3]) + entry[3] for entry in entries) + bytes(4)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + directory + after + data)
    return path


def _content(kind: str, values: Any) -> tuple[bytes, int]:
    if kind == "s":
        return values.encode() + b"\0", len(values) + 1
    if kind == "B":
        return bytes(values), len(values)
    if kind == "r2":
        return b"".join(struct.pack("<ii", *pair) for pair in values), len(values)
    if kind in "rR":
        return b"".join(struct.pack("<ii", round(value * 10000), 10000) for value in values), len(values)
    return struct.pack(f"<{len(values)}{kind}", *values), len(values)


def bcd(hours: int, minutes: int, seconds: int, frames: int, *, drop: bool = False) -> bytes:
    """Eight bytes of a TimeCodes tag."""
    pairs = [value // 10 << 4 | value % 10 for value in (frames, seconds, minutes, hours)]
    return bytes([pairs[0] | 0x40 * drop, *pairs[1:]]) + bytes(4)


def scene(width: int, height: int, number: int = 0) -> npt.NDArray[np.uint16]:
    """A mosaic with something in it: a ramp and squares, in 12 bits."""
    y, x = np.mgrid[:height, :width]
    return (300 + (x * 37 + y * 11 + number * 5) % 3000 + 500 * ((x // 8 + y // 8) % 2)).astype(np.uint16)
