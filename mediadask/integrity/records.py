"""What manifests say of the files of a folder, whichever kind of manifest it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mediadask.integrity.hashes import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Claim", "History", "Records", "difference", "formats_for"]


@dataclass(frozen=True)
class Claim:
    """What one manifest says of one file."""

    manifest: str
    """Its name for people: ``0002_A001_2026-05-01_101500Z.mhl``."""

    size_bytes: int | None
    hashes: Mapping[str, str]
    """By format; those that the manifest itself says failed are left out."""


@dataclass
class History:
    """One ``ascmhl`` folder: the generations of the folder that it lies in."""

    root: str
    """The folder whose history it is, from the verified folder on; empty for that itself."""

    generations: int = 0
    formats: tuple[str, ...] = ()
    """The formats of the hashes in its latest generation."""

    chain: list[tuple[str, str]] = field(default_factory=list)
    """File name and C4 hash of each generation, as ``ascmhl_chain.xml`` has them."""

    ignore: list[str] = field(default_factory=list)
    """Patterns of what its latest generation leaves out, as in a ``.gitignore``."""

    paths: set[str] = field(default_factory=set)
    """Files whose original hash is in this history, under their names of now."""


@dataclass
class Records:
    """What all manifests of a folder say together."""

    claims: dict[str, list[Claim]] = field(default_factory=dict)
    """Each file's claims, by its present path, the oldest first."""

    folders: set[str] = field(default_factory=set)
    histories: dict[str, History] = field(default_factory=dict)
    """By root."""

    legacy: list[str] = field(default_factory=list)
    """Paths of manifests of MHL 1.x."""

    references: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """By the path of a manifest: paths and C4 hashes of those of inner folders that it was sealed with."""

    problems: dict[str, str] = field(default_factory=dict)
    """Manifests with something wrong, by path: what it is, and what to do."""

    def add(self, path: str, claim: Claim, previous: str | None = None) -> None:
        """Add what a manifest says; `previous` is the file's path before it was renamed."""
        if previous is not None and previous != path:
            self.claims.setdefault(path, []).extend(self.claims.pop(previous, []))
        self.claims.setdefault(path, []).append(claim)

    def history_of(self, path: str) -> History | None:
        """The innermost history that a path belongs to."""
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            if folder in self.histories:
                return self.histories[folder]
        return None


def formats_for(claims: Iterable[Claim], wanted: Iterable[str] = ()) -> tuple[str, ...]:
    """The formats `wanted`, and as few fast ones besides as it takes to check one hash of every claim."""
    chosen = list(wanted)
    for claim in claims:
        if claim.hashes and not any(name in claim.hashes for name in chosen):
            chosen.append(min(claim.hashes, key=FORMATS.index))
    return tuple(dict.fromkeys(chosen))


def difference(claims: Iterable[Claim], size_bytes: int, hashes: Mapping[str, str]) -> str | None:
    """How a file differs from what manifests say of it; None where it is as all of them have it."""
    for claim in claims:
        if claim.size_bytes not in (None, size_bytes):
            return f"has {size_bytes} bytes, and {claim.size_bytes} in {claim.manifest}"
        for name, value in claim.hashes.items():
            if hashes.get(name, value) != value:
                return f"differs: {name} is {hashes[name]}, and {value} in {claim.manifest}"
    return None
