"""Headers and indexes of clips seen before, so that a second open is nearly free."""

from __future__ import annotations

import os
import tempfile
import zipfile
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path
from pydantic import TypeAdapter

from mediadask.clips.header import ClipHeader
from mediadask.clips.index import FrameIndex

__all__ = ["cache_folder", "load", "store"]

_HEADER = TypeAdapter(ClipHeader)


def cache_folder() -> Path:
    """Where indexes are kept: ``MEDIADASK_CACHE``, else the user's cache folder."""
    folder = os.environ.get("MEDIADASK_CACHE")
    return Path(folder) if folder else user_cache_path("mediadask") / "clips"


def load(identity: str) -> tuple[ClipHeader, FrameIndex] | None:
    """What `store` kept under this identity; None where there is nothing, or nothing whole."""
    try:
        with open(_path(identity), "rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        header = _HEADER.validate_json(arrays.pop("header").tobytes())
        numerator, denominator = arrays.pop("time_base").tolist()
        return header, FrameIndex(Fraction(numerator, denominator), **arrays)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None


def store(identity: str, header: ClipHeader, index: FrameIndex) -> None:
    """Keep them, atomically. A cache that cannot be written (read-only home, full disk) is done without."""
    path = _path(identity)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".npz")
        try:
            with os.fdopen(handle, "wb") as file:
                text = np.frombuffer(_HEADER.dump_json(header), np.uint8)
                base = np.array([index.time_base.numerator, index.time_base.denominator], np.int64)
                np.savez(file, allow_pickle=False, header=text, time_base=base, **index.arrays())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise


def _path(identity: str) -> Path:
    return cache_folder() / identity[:2] / f"{identity}.npz"
