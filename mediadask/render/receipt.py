"""Receipts: what was written where, so that a rerun knows it again without reading it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter

from mediadask.clips.storage import filesystem_of, is_local, open_file, read_document, stat
from mediadask.errors import MissingMedia, UnreadableMedia
from mediadask.render.output import Output, committed, exists

__all__ = ["MOST_BYTES", "Receipt", "found", "read_receipts", "receipts_json", "reused", "sha256_of"]


MOST_BYTES = 256 << 20
"""The most bytes of a manifest or summary. One of a million frames has 200 MB."""


@dataclass(frozen=True)
class Receipt:
    """One file that was written."""

    name: str
    """Its name in its folder."""

    made_from: str
    """Hash of everything it was made from."""

    sha256: str
    bytes: int
    version: str
    """As `mediadask.clips.storage.FileStamp` has it: while this and the size are the same, so is the file."""

    stand_in: bool = False
    """Whether its picture stands in for one that did not decode."""

    def __post_init__(self) -> None:
        if "/" in self.name or self.name in ("", ".", ".."):
            # Files that receipts name are copied and removed: whoever wrote them, none is outside the folder.
            raise ValueError(f"{self.name!r} is no file of a folder")

    @classmethod
    def of(cls, url: str, made_from: str, sha256: str, *, stand_in: bool = False) -> Receipt:
        """Make the receipt of the file that is at `url` now."""
        stamp = stat(url)
        return cls(url.rpartition("/")[2], made_from, sha256, stamp.size_bytes, stamp.version, stand_in)

    def is_untouched(self, url: str) -> bool:
        """Whether the file at `url` is the one written, as far as can be told without reading it."""
        try:
            stamp = stat(url)
        except (MissingMedia, UnreadableMedia):
            return False
        return (stamp.size_bytes, stamp.version) == (self.bytes, self.version)


_LISTED = TypeAdapter(list[Receipt])


def found(output: Output, known: Mapping[str, Receipt]) -> Receipt | None:
    """The receipt of an output that is there and as it should be; None where it must be made.

    A file whose time or size is another is read: one that was only copied is known by its content. One that
    nobody wrote down is known by the mark it carries.

    Raises
    ------
    InvalidRequest
        If something else is there, which is never overwritten.
    """
    receipt = known.get(output.name)
    made_from = output.mark.made_from
    if receipt is not None and receipt.made_from == made_from and receipt.is_untouched(output.url):
        return receipt
    mark = output.standing()
    if mark is None:
        return None
    content = sha256_of(output.url)
    if receipt is not None and receipt.made_from == made_from and receipt.sha256 != content:
        return None
    return Receipt.of(output.url, made_from, content, stand_in=bool(mark.stand_ins))


def sha256_of(url: str) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with open_file(url) as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def receipts_json(receipts: Iterable[Receipt]) -> list[dict[str, Any]]:
    """Return receipts as JSON types."""
    return [asdict(receipt) for receipt in receipts]


def read_receipts(url: str, key: str | None = None) -> dict[str, Receipt]:
    """The receipts in a JSON file, by name; none where there is no file or it holds no receipts.

    Parameters
    ----------
    key
        Where the list is in the document; None where it is the document.
    """
    if not exists(url):
        return {}
    try:
        document = json.loads(read_document(url, MOST_BYTES))
        listed = _LISTED.validate_python(document if key is None else document[key])
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return {receipt.name: receipt for receipt in listed}


def reused(receipt: Receipt, source: str, target: str, workspace: str, *, link: bool) -> Receipt | None:
    """Have a file that an earlier run wrote at `source` at `target` too, without making it again.

    Parameters
    ----------
    link
        Whether the two may be one file on disk, since that at `source` is to go.

    Returns
    -------
    Receipt or None
        Of the new one; None where the old one is altered, gone or out of reach.
    """
    if not receipt.is_untouched(source):
        return None
    with suppress(OSError):
        if is_local(target):
            with committed(target, workspace) as path:
                os.link(source, path) if link else shutil.copyfile(source, path)
        else:
            filesystem, path_there = filesystem_of(target)
            filesystem.cp_file(filesystem_of(source)[1], path_there)
        return Receipt.of(target, receipt.made_from, receipt.sha256, stand_in=receipt.stand_in)
    return None
