"""What became of every file of a folder that was verified."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mediadask.delivery import Failure, Outcome, Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

__all__ = ["FileCheck", "FolderCheck", "Verification", "verification"]

_RIGHT = ("verified", "new", "renamed")
"""What a seal may hold."""

_SEALED_ANYHOW = (*_RIGHT, "name", "roll")


@dataclass(frozen=True)
class FileCheck:
    """One file, or one other thing that a folder or its manifests name."""

    path: str
    """From the folder on, with slashes."""

    status: str
    """``verified``, ``new``, ``renamed``, ``changed``, ``missing``, ``unreadable``; ``odd`` for a link, a
    pipe or a folder that cannot be listed; ``manifest``, ``name`` or ``roll`` where that is wrong."""

    size_bytes: int | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)
    """By format, in the spelling of ASC MHL."""

    was: str | None = None
    """The path that manifests have for it, where it was renamed."""

    line: str | None = None
    """What is wrong and what to do; None where nothing is."""

    def row(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "path": self.path,
            "status": self.status,
            "size_bytes": self.size_bytes,
            "hashes": dict(self.hashes),
            "was": self.was,
            "error": self.line,
        }


@dataclass(frozen=True)
class FolderCheck:
    """One folder that was verified."""

    root: str
    checks: tuple[FileCheck, ...]
    generations: int = 0
    """How many the folder's own history had before."""

    sealed: str | None = None
    """The manifest that was written, where one was."""

    notes: tuple[str, ...] = ()
    """What is unusual and no fault, one line each."""

    @property
    def counts(self) -> Counter[str]:
        """How many of each status."""
        return Counter(check.status for check in self.checks)

    @property
    def size_bytes(self) -> int:
        """The sum over all files that are there."""
        return sum(check.size_bytes or 0 for check in self.checks if check.status != "missing")

    @property
    def blocking(self) -> list[FileCheck]:
        """What keeps the folder from being sealed."""
        return [check for check in self.checks if check.status not in _SEALED_ANYHOW]

    def is_right(self, check: FileCheck) -> bool:
        """Whether a file is as the manifests have it; what a new seal has recorded is."""
        return check.status == "verified" or (self.sealed is not None and check.status in _RIGHT)


@dataclass(frozen=True)
class Verification(Report):
    """A report with an outcome for each file, in order of folder and path, and for whatever else is wrong.

    A file that is as the manifests have it is done; any other has failed, and its failure's ``kind`` is the
    status.
    """

    folders: tuple[FolderCheck, ...] = field(default=(), repr=False)

    def rows(self) -> list[dict[str, Any]]:
        """One row a file, of JSON types."""
        return [
            {
                "folder": folder.root,
                **check.row(),
                "error": None if folder.is_right(check) else check.line,
                "sealed": folder.sealed,
            }
            for folder in self.folders
            for check in folder.checks
        ]

    def table(self) -> pd.DataFrame:
        """`rows` as a pandas table."""
        import pandas as pd

        return pd.DataFrame(self.rows()).convert_dtypes()

    def __str__(self) -> str:
        counts = sum((folder.counts for folder in self.folders), Counter[str]())
        return f"{self.name}: " + ", ".join(f"{count} {status}" for status, count in counts.items())


def verification(name: str, folders: Iterable[FolderCheck], others: Iterable[Outcome] = ()) -> Verification:
    """The report of folders, and of what could not be verified at all."""
    known = tuple(folders)
    outcomes = [_outcome(folder, check) for folder in known for check in folder.checks]
    return Verification(name, (*outcomes, *others), known)


def _outcome(folder: FolderCheck, check: FileCheck) -> Outcome:
    name = f"{folder.root}/{check.path}"
    if folder.is_right(check):
        return Outcome(name, check)
    return Outcome(name, failure=Failure(check.line or f"{name}: is {check.status}", check.status))
