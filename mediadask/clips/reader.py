"""The door every format comes in by, ours and a vendor's alike: entry points in ``mediadask.readers``."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from mediadask.errors import MediaError, UnreadableMedia, UnsupportedMedia

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt

    from mediadask.clips.clip import Clip
    from mediadask.clips.frame import BadFrame, Frame
    from mediadask.clips.header import ClipHeader
    from mediadask.clips.index import FrameIndex
    from mediadask.clips.storage import FileStamp

__all__ = ["Reader", "reader_for", "readers", "reading"]

_OURS = (
    "spans",
    "wav",
    "sequence",
    "container",
)  # the container reader takes whatever is left, so it comes last


@runtime_checkable
class Reader(Protocol):
    """Opens one family of formats. Stateless: whatever it needs to decode comes with the clip.

    `mediadask.clips.conformance` has tests of what is asked here, for vendors' readers as for ours.
    """

    name: str

    version: int
    """Raise it when `probe` learns something: cached headers and indexes of older versions are made anew."""

    def claims(self, url: str) -> bool:
        """Whether this reader opens the URL; from its form or its first bytes, without raising."""
        ...

    def files(self, url: str) -> tuple[FileStamp, ...]:
        """The files that make up the clip, as they are now.

        Raises `MissingMedia` or `UnreadableMedia` where there are none.
        """
        ...

    def probe(self, url: str, files: tuple[FileStamp, ...]) -> tuple[ClipHeader, FrameIndex]:
        """Header and index, without decoding, and without reading pictures where the format has tables.

        Raises a `MediaError` that says what is wrong with the file.
        """
        ...

    def frames(self, clip: Clip, start: int, stop: int, *, threads: int) -> Iterator[Frame | BadFrame]:
        """Every frame of ``[start, stop)`` in order, one in memory at a time; a `BadFrame` where one does
        not decode. `threads` is for the decoder: 0 for as many as it likes.
        """
        ...

    def audio(self, clip: Clip, stream: int, start: int, stop: int) -> npt.NDArray[np.float32]:
        """(stop - start, channels) of the header's `stream`-th sound stream, full scale ±1, sample 0 at the
        clip's first frame; silence outside what was recorded.
        """
        ...


@contextmanager
def reading(url: str) -> Iterator[None]:
    """What a reader raises inside the block, always as a `MediaError` that names the file.

    A damaged file may make a library raise anything. What is no `MediaError` of the reader's own is told with
    its kind, since it is also a fault of the reader's.
    """
    try:
        yield
    except MediaError:
        raise
    except MemoryError as error:
        raise UnreadableMedia("takes more memory than there is", where=url) from error
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UnreadableMedia(
            f"cannot be read ({reason})",
            where=url,
            do="copy it again; if other programs read it, report this",
        ) from error


@cache
def readers() -> dict[str, Reader]:
    """Every installed reader by name, in the order they are asked: vendors' first."""
    found: dict[str, Any] = {entry.name: entry.load()() for entry in entry_points(group="mediadask.readers")}
    order = sorted(found, key=lambda name: (_OURS.index(name) if name in _OURS else -1, name))
    return {name: found[name] for name in order}


def reader_for(url: str) -> Reader:
    """The first installed reader that claims the URL.

    Raises
    ------
    UnsupportedMedia
        If none does.
    """
    for reader in readers().values():
        if reader.claims(url):
            return reader
    raise UnsupportedMedia("no installed reader opens this", where=url, do="install the reader of its format")
