"""How files are shared out among units: many small ones together, a large one alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mediadask.delivery import Unit
from mediadask.integrity.hashes import CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mediadask.integrity.folder import FolderFile

__all__ = ["batches_of", "unit_of"]

_UNITS_TO_SHARE = 64
_LEAST_BYTES, _MOST_BYTES = 64 << 20, 1 << 30
"""A pool spends 2 ms on a unit; a gigabyte takes a second of a fast disk, ten of a slow one."""

_MOST_FILES = 500


def batches_of(files: Iterable[FolderFile]) -> list[list[FolderFile]]:
    """Neighbors in order, so that a disk reads on; enough batches that every slot has some to the end."""
    every = list(files)
    whole = sum(file.size_bytes for file in every)
    most = min(max(whole // _UNITS_TO_SHARE, _LEAST_BYTES), _MOST_BYTES)
    found: list[list[FolderFile]] = []
    filled = most
    for file in every:
        if filled + file.size_bytes > most or len(found[-1]) == _MOST_FILES:
            found.append([])
            filled = 0
        found[-1].append(file)
        filled += file.size_bytes
    return found


def unit_of(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    batch: list[FolderFile],
    place: str,
    kind: str,
    passes: int = 1,
) -> Unit:
    """A unit that reads a batch `passes` times; its frames are the chunks between which it pauses."""
    more = f" and {len(batch) - 1} more" if len(batch) > 1 else ""
    chunks = sum(-(-file.size_bytes // CHUNK_BYTES) for file in batch)
    return Unit(
        function, args, name=f"{place}/{batch[0].path}{more}", kind=kind, frames=max(chunks * passes, 1)
    )
