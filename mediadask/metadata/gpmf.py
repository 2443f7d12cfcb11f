"""GoPro's metadata format (GPMF), as github.com/gopro/gpmf-parser describes it: keys, types, sizes, repeats.

A stream (``STRM``) samples one thing, such as exposure (``SHUT``), sensitivity (``ISOE``), the gyroscope
(``GYRO``) or GPS (``GPS5``, ``GPS9``). It says at which scale (``SCAL``) and in which unit.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mediadask.clips.header import Tag

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

__all__ = ["Stream", "items", "static_tags", "streams"]

_TYPES = {
    "b": ">i1", "B": ">u1", "s": ">i2", "S": ">u2", "l": ">i4", "L": ">u4", "f": ">f4", "d": ">f8",
    "j": ">i8", "J": ">u8", "q": ">i4", "Q": ">i8",
}  # fmt: skip
_MOST_DEPTH = 8


@dataclass(frozen=True)
class Item:
    """One key: its type, the bytes of one of its values, and all of them."""

    key: str
    type: str
    size: int
    data: bytes

    @property
    def text(self) -> str:
        """What text it is."""
        return self.data.split(b"\0")[0].decode("latin-1").strip()

    def numbers(self, types: str = "") -> npt.NDArray[np.float64] | None:
        """(values, elements) of its numbers; None where it has none. `types` are those of a structure."""
        if self.type == "?" and types:
            return self._structures(types)
        kind = _TYPES.get(self.type)
        if kind is None or not self.size:
            return None
        width = np.dtype(kind).itemsize
        count = len(self.data) // self.size
        if self.size % width or not count:
            return None
        found = np.frombuffer(self.data[: count * self.size], kind).reshape(count, -1).astype(np.float64)
        return found / (1 << (16 if self.type == "q" else 32)) if self.type in "qQ" else found

    def _structures(self, types: str) -> npt.NDArray[np.float64] | None:
        kinds = [_TYPES.get(each) for each in types]
        if None in kinds or not self.size:
            return None
        row = np.dtype([(f"f{place}", kind) for place, kind in enumerate(kinds)])
        if row.itemsize != self.size:
            return None
        table = np.frombuffer(self.data[: len(self.data) // self.size * self.size], row)
        return np.stack([table[name].astype(np.float64) for name in row.names or ()], axis=-1)


def items(data: bytes, depth: int = 0) -> Iterator[Item | list[Item | list[Any]]]:
    """The keys of a piece of GPMF; those of a nested one as a list. It ends where it is damaged."""
    at = 0
    while at + 8 <= len(data):
        key, kind, size, repeat = struct.unpack_from(">4scBH", data, at)
        length = size * repeat
        body = data[at + 8 : at + 8 + length]
        if not key.isalnum() or len(body) < length:
            return
        if kind == b"\0":
            if depth < _MOST_DEPTH:
                yield list(items(body, depth + 1))
        else:
            yield Item(key.decode("ascii"), kind.decode("latin-1"), size, body)
        at += 8 + -(-length // 4) * 4


def static_tags(data: bytes, source: str) -> list[Tag]:
    """The texts and numbers of GPMF that says what does not change in a clip: ``GPMF MINF`` is the model."""
    return [
        Tag(source, f"GPMF {item.key}", shown)
        for item in _flat(items(data))
        if (shown := _shown(item)) is not None
    ]


def _flat(found: Iterator[Any] | list[Any]) -> Iterator[Item]:
    for each in found:
        if isinstance(each, list):
            yield from _flat(each)
        else:
            yield each


def _shown(item: Item) -> str | None:
    if item.type in "cU":
        return item.text
    numbers = item.numbers()
    return None if numbers is None else f"{numbers.flat[0]:.10g}"


@dataclass(frozen=True)
class Stream:
    """What one stream of a payload sampled."""

    key: str
    """``GYRO``, ``ISOE``, ``GPS5``, …"""

    values: npt.NDArray[np.float64]
    """(samples, elements), in the stream's unit."""


def streams(payload: bytes) -> Iterator[Stream]:
    """The streams of numbers in the payload of a sample of GoPro's ``gpmd`` track."""
    for device in items(payload):
        for stream in device if isinstance(device, list) else ():
            if not isinstance(stream, list):
                continue
            known = {item.key: item for item in stream if isinstance(item, Item)}
            sampled = [item for item in stream if isinstance(item, Item)][-1:]
            for item in sampled:
                values = item.numbers(known["TYPE"].text if "TYPE" in known else "")
                if values is None or item.key in _ABOUT:
                    continue
                scale = known["SCAL"].numbers() if "SCAL" in known else None
                if scale is not None and np.all(scale != 0):
                    scale = scale.reshape(-1)
                    if len(scale) in (1, values.shape[1]):
                        values = values / scale
                yield Stream(item.key, values)


_ABOUT = {
    "SCAL",
    "STNM",
    "SIUN",
    "UNIT",
    "TYPE",
    "TSMP",
    "TMPC",
    "STMP",
    "TICK",
    "TOCK",
    "EMPT",
    "GPSF",
    "GPSP",
}
