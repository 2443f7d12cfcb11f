"""What a unit's result tells whoever looks at it: where its output stands, and how it looks in small.

A path-like result is an output at that path, and so is each of a list of them. A result that a notebook shows
as a picture, by IPython's `_repr_jpeg_` or `_repr_png_`, has a thumbnail. Results come pickled and may be of
any type: call these functions in a process apart.
"""

from __future__ import annotations

import os
import pickle
import reprlib
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from mediadask.delivery import sendable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["THUMBNAIL_SIZE", "Told", "tell", "thumbnail"]

THUMBNAIL_SIZE = (320, 180)
"""The most columns and rows of a thumbnail."""

_AS_PICTURES = ("_repr_jpeg_", "_repr_png_")
_MOST_PATHS, _MOST_CHARACTERS, _MOST_TEXT = 20, 2000, 120


@dataclass(frozen=True)
class Told:
    """What a result tells of itself."""

    paths: tuple[str, ...] = ()
    """Where its output stands; the first few of many."""

    text: str = ""
    """The result itself, in brief, where it is no output at a path."""

    has_picture: bool = False
    """Whether it can be asked for a thumbnail."""


def tell(results: Sequence[bytes]) -> list[Told]:
    """Return what each of these pickled results tells; nothing where it cannot be read here."""
    return [_told(result) for result in results]


def thumbnail(result: bytes) -> bytes | None:
    """Return a JPEG no larger than `THUMBNAIL_SIZE` of a pickled result; None where nothing shows it."""
    from PIL import Image

    for picture in _pictures(pickle.loads(result)):
        with Image.open(BytesIO(picture)) as image:
            image.draft("RGB", THUMBNAIL_SIZE)
            small = image.convert("RGB")
        small.thumbnail(THUMBNAIL_SIZE)
        buffer = BytesIO()
        small.save(buffer, "jpeg", quality=80)
        return buffer.getvalue()
    return None


def _told(result: bytes) -> Told:
    with suppress(Exception):  # whatever somebody's objects raise: their module may not be installed here
        value = pickle.loads(result)
        has_picture = any(
            callable(getattr(each, name, None)) for each in _each(value) for name in _AS_PICTURES
        )
        paths = tuple(_path(each) for each in _each(value)) if _is_output(value) else ()
        text = "" if paths or value is None else sendable(reprlib.repr(value))[:_MOST_TEXT]
        return Told(paths, text, has_picture)
    return Told()


def _is_output(value: Any) -> bool:
    return all(isinstance(each, os.PathLike) for each in _each(value))


def _each(value: Any) -> Sequence[Any]:
    return value[:_MOST_PATHS] if isinstance(value, list | tuple) else (value,)


def _path(value: os.PathLike[Any]) -> str:
    return sendable(os.fsdecode(value))[:_MOST_CHARACTERS]


def _pictures(value: Any) -> Iterator[bytes]:
    for each in _each(value):
        for name in _AS_PICTURES:
            show = getattr(each, name, None)
            shown = show() if callable(show) else None
            if isinstance(shown, tuple):  # with metadata, as IPython has it
                shown = shown[0]
            if isinstance(shown, bytes) and shown:
                yield shown
