"""Receipts of an offload: which files were verified at a place, for a run that goes on after a kill."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TypeVar

from pydantic import TypeAdapter

from mediadask.integrity.folder import FolderFile

__all__ = ["Receipt", "read_receipts", "write_receipts"]

P = TypeVar("P")
_SUFFIX = ".receipts.json"


@dataclass(frozen=True)
class Receipt:
    """One file that was copied and verified."""

    path: str
    size_bytes: int
    modified_ns: int
    """The card's file, as it was when it was copied."""

    hashes: Mapping[str, str]
    there_modified_ns: int
    there_changed_ns: int
    """The copy's own stamp: whoever writes to it, or renames it, changes this."""

    @classmethod
    def of(cls, file: FolderFile, hashes: Mapping[str, str], place: str) -> Receipt:
        """For a file that stands at a place, verified."""
        info = os.stat(place)
        return cls(file.path, file.size_bytes, file.modified_ns, hashes, info.st_mtime_ns, info.st_ctime_ns)

    def is_of(self, file: FolderFile) -> bool:
        """Whether it is about this file of the card, as it is now."""
        return FolderFile(self.path, self.size_bytes, self.modified_ns) == file

    def standing(self, place: str, made: Callable[[bool, int], P]) -> P | None:
        """``made(False, modified_ns)`` where the copy is untouched; None where it is to be read."""
        try:
            info = os.stat(place, follow_symlinks=False)
        except OSError:
            return None
        known = (self.size_bytes, self.there_modified_ns, self.there_changed_ns)
        untouched = (info.st_size, info.st_mtime_ns, info.st_ctime_ns) == known
        return made(False, info.st_mtime_ns) if untouched else None


_LISTED = TypeAdapter(list[Receipt])


def write_receipts(workspace: str, receipts: Iterable[Receipt]) -> None:
    """Write some down in a file of their own. Where that fails, their files are read again: no matter."""
    listed = [asdict(receipt) for receipt in receipts]
    if not listed:
        return
    place = os.path.join(workspace, uuid.uuid4().hex)
    with suppress(OSError):
        os.makedirs(workspace, exist_ok=True)
        with open(f"{place}.part", "w", errors="surrogatepass") as file:
            json.dump(listed, file)
        os.rename(f"{place}.part", place + _SUFFIX)


def read_receipts(workspace: str) -> dict[str, Receipt]:
    """All receipts in a workspace, by path; what is no receipt is passed over."""
    found: dict[str, Receipt] = {}
    if not os.path.isdir(workspace):
        return found
    for name in os.listdir(workspace):
        if name.endswith(_SUFFIX):
            with suppress(OSError, ValueError), open(os.path.join(workspace, name), "rb") as file:
                found.update({each.path: each for each in _LISTED.validate_json(file.read())})
    return found
