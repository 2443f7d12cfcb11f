"""Headers and indexes of clips seen before, so that a second open is nearly free."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
from numpy.lib.format import read_array
from platformdirs import user_cache_path
from pydantic import TypeAdapter

from mediadask.clips.header import ClipHeader
from mediadask.clips.index import FrameIndex

__all__ = ["cache_folder", "load", "store"]

_FACTS = TypeAdapter(tuple[ClipHeader, Fraction])
"""The header, and the index's time base."""


def cache_folder() -> Path:
    """Where indexes are kept: ``MEDIADASK_CACHE``, else the user's cache folder."""
    folder = os.environ.get("MEDIADASK_CACHE")
    return Path(folder) if folder else _own_folder()


@cache
def _own_folder() -> Path:
    return user_cache_path("mediadask") / "clips"


def load(identity: str) -> tuple[ClipHeader, FrameIndex] | None:
    """What `store` kept under this identity; None where there is nothing, or nothing whole."""
    try:
        with open(_path(identity), "rb") as file:
            text, packets, shown = (read_array(file) for _ in range(3))
        header, base = _FACTS.validate_json(text.tobytes())
        pts, dts, offset, size, keyframe = packets
        return header, FrameIndex(base, pts, dts, offset, size, keyframe.astype(bool), shown)
    except (OSError, ValueError, TypeError, EOFError):
        return None


def store(identity: str, header: ClipHeader, index: FrameIndex) -> None:
    """Keep them, atomically. A cache that cannot be written (read-only home, full disk) is done without."""
    path = _path(identity)
    text = np.frombuffer(_FACTS.dump_json((header, index.time_base)), np.uint8)
    packets = np.stack([index.pts, index.dts, index.offset, index.size, index.keyframe])
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".npy")
        try:
            with os.fdopen(handle, "wb") as file:
                # One after another: a plan looks up thousands of clips, and reading the directory of an
                # archive would take longer than what is in it.
                for array in (text, packets, index.shown):
                    np.save(file, array, allow_pickle=False)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise


def _path(identity: str) -> Path:
    return cache_folder() / identity[:2] / f"{identity}.npy"
