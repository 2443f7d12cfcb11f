"""Receipts: what was written where, so that a rerun knows it again without reading it."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from mediadask.clips.storage import is_local, open_file, stat
from mediadask.errors import MissingMedia, UnreadableMedia
from mediadask.render.output import Mark, Output, exists, join_url

__all__ = ["Moves", "Receipt", "found", "read_receipts", "receipts_json", "sha256_of"]


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

    @classmethod
    def of(cls, url: str, made_from: str, sha256: str, *, stand_in: bool = False) -> Receipt:
        """For the file that stands at `url` now."""
        stamp = stat(url)
        return cls(url.rpartition("/")[2], made_from, sha256, stamp.size_bytes, stamp.version, stand_in)

    def is_untouched(self, url: str) -> bool:
        """Whether the file at `url` is the one written, as far as can be told without reading it."""
        try:
            stamp = stat(url)
        except (MissingMedia, UnreadableMedia):
            return False
        return (stamp.size_bytes, stamp.version) == (self.bytes, self.version)


def found(
    output: Output, known: Mapping[str, Receipt], read_mark: Callable[[str], Mark | None]
) -> Receipt | None:
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
    if not exists(output.url):
        return None
    mark = read_mark(output.url)
    if not output.is_done(mark):
        return None
    content = sha256_of(output.url)
    if receipt is not None and receipt.made_from == made_from and receipt.sha256 != content:
        return None
    return Receipt.of(output.url, made_from, content, stand_in=bool(mark and mark.stand_ins))


def sha256_of(url: str) -> str:
    """Of a file's content."""
    with open_file(url) as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def receipts_json(receipts: Iterable[Receipt]) -> list[dict[str, Any]]:
    """As JSON types."""
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
        with open_file(url) as file:
            document = json.loads(file.read())
        listed = document if key is None else document[key]
        fields = Receipt.__dataclass_fields__
        return {
            entry["name"]: Receipt(**{name: entry[name] for name in fields if name in entry})
            for entry in listed
        }
    except (ValueError, KeyError, TypeError):
        return {}


@dataclass(frozen=True)
class Moves:
    """Files of an earlier run that are wanted under other names: frames whose numbers have shifted.

    Every file is linked into the workspace before something else takes its name, so that the units of a plate
    need no order among them. On object stores, and where files cannot be linked, nothing is moved.
    """

    before: Mapping[str, Receipt]
    """What the earlier run wrote, by name."""

    workspace: str

    @cached_property
    def _by_content(self) -> dict[str, Receipt]:
        return {receipt.made_from: receipt for receipt in self.before.values()}

    def into(self, output: Output) -> Receipt | None:
        """Make way for an output, and put what it is to be there if an earlier run wrote it; else None."""
        if not self.before or not is_local(output.url):
            return None
        os.makedirs(self.workspace, exist_ok=True)
        folder = output.url.rpartition("/")[0]
        standing, wanted = self.before.get(output.name), self._by_content.get(output.mark.made_from)
        if standing is not None and standing.is_untouched(output.url):
            with suppress(OSError):
                os.link(output.url, self._aside(standing))
        if wanted is None:
            return None
        temporary = join_url(self.workspace, f"{uuid.uuid4().hex}.part")
        for source in (self._aside(wanted), join_url(folder, wanted.name), self._aside(wanted)):
            with suppress(OSError):
                os.link(source, temporary)
                if wanted.is_untouched(temporary):
                    os.replace(temporary, output.url)
                    return replace(wanted, name=output.name)
            with suppress(OSError):
                os.unlink(temporary)
        return None

    def _aside(self, receipt: Receipt) -> str:
        return join_url(self.workspace, f"kept-{receipt.made_from}")
