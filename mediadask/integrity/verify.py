"""Whether folders are complete and intact by all that their manifests say, as units over a pool."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from mediadask.clips.storage import storage_errors
from mediadask.delivery import Delivery, Failure, Group, Report, Unit, attempt
from mediadask.errors import InvalidRequest, MediaError, MissingMedia, OutputFailed, UnreadableMedia
from mediadask.integrity.batches import batches_of, unit_of
from mediadask.integrity.folder import MANIFEST_FOLDER, FolderFile, Listing, list_folder, local_folder
from mediadask.integrity.hashes import DEFAULT_FORMAT, file_hashes, hash_formats
from mediadask.integrity.manifests import ignored_by, read_records
from mediadask.integrity.records import Records, difference, formats_for
from mediadask.integrity.rolls import Structure, structure_of
from mediadask.integrity.verification import FileCheck, FolderCheck, Verification, verification

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["FolderPlan", "Hashed", "hash_one", "judge", "verify"]

_AGAIN = "verify it again when nothing writes there"


@dataclass(frozen=True)
class FolderPlan:
    """A folder and its manifests, as they were when they were read."""

    listing: Listing
    records: Records
    wanted: tuple[str, ...] = ()
    """Formats that a seal will have; none where nothing is sealed."""

    @classmethod
    def of(cls, folder: str | os.PathLike[str], *, seal: bool, formats: tuple[str, ...] = ()) -> FolderPlan:
        """List a folder and read its manifests; a seal has the formats of the one before, if none are named.

        Raises
        ------
        MissingMedia
            If there is no such folder, or nothing to verify it against.
        """
        root = local_folder(folder)
        records = read_records(root)
        listing = list_folder(root, ignored_by(records))
        if not (seal or records.histories or records.legacy or records.problems):
            raise MissingMedia("holds no manifest to verify it against", where=root, do=_elsewhere(root))
        own = records.histories.get("")
        wanted = formats or ((own and own.formats) or (DEFAULT_FORMAT,) if seal else ())
        return cls(listing, records, tuple(wanted))

    @property
    def root(self) -> str:
        """The folder's path."""
        return self.listing.root

    def formats(self, path: str) -> tuple[str, ...]:
        """The hashes that a file is read for: a new one may be one that is missing under its old name."""
        claims = self.records.claims.get(path)
        if claims is None:
            return self._formats_of_new
        return formats_for(claims, self.wanted) or (DEFAULT_FORMAT,)

    @cached_property
    def _formats_of_new(self) -> tuple[str, ...]:
        claims = [claim for path in self.missing for claim in self.records.claims[path]]
        return formats_for(claims, self.wanted) or (DEFAULT_FORMAT,)

    @cached_property
    def structure(self) -> Structure:
        """What is wrong with its names and rolls."""
        return structure_of(self.listing, self.records)

    @cached_property
    def missing(self) -> list[str]:
        """Files that manifests name and that are not there."""
        ignored = ignored_by(self.records)
        return [
            path
            for path in self.records.claims
            if path not in self.listing.files and path not in self.listing.odd and not ignored(path)
        ]


def _elsewhere(root: str) -> str:
    above = root
    while (above := os.path.dirname(above)) != os.path.dirname(above):
        if os.path.isdir(os.path.join(above, MANIFEST_FOLDER)):
            return f"verify {above}, which has one"
    return "seal it first, with --seal"


@dataclass(frozen=True)
class Hashed:
    """A file as it was when it was read."""

    file: FolderFile
    hashes: Mapping[str, str]


def verify(
    folders: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    seal: bool = False,
    hashes: Sequence[str] = (),
) -> Delivery:
    """Check that folders are complete and intact by every generation of their ASC MHL histories.

    Manifests of MHL 1.x count, too. Every file is read once, from its storage.

    Parameters
    ----------
    folders
        A folder with an ``ascmhl`` folder or a ``.mhl`` in it, or several.
    seal
        Whether a new generation is written afterwards where nothing is missing, changed or unreadable. New
        and renamed files are recorded in it. A folder without a history gets its first generation.
    hashes
        Formats of the new generation: ``xxh128``, ``xxh3``, ``xxh64``, ``md5``, ``sha1``, ``c4``. By default
        those of the generation before, or ``xxh128``.

    Returns
    -------
    Delivery
        Computes to a `mediadask.integrity.verification.Verification`, with an outcome for each file.

    Raises
    ------
    InvalidRequest
        If there is no such format.

    Examples
    --------
    >>> report = md.verify("rushes", seal=True).compute()
    >>> print(report, "-", len(report.failures), "failed")
    verify: 2 new - 0 failed
    >>> print(md.verify("rushes").compute())
    verify: 2 verified
    """
    formats = hash_formats(hashes)
    if formats and not seal:
        raise InvalidRequest("are of a seal, and none is asked for", where="hashes", do="seal, too")
    named = [folders] if isinstance(folders, str | os.PathLike) else list(folders)
    plans: list[FolderPlan] = []
    bad: list[Group] = []
    for folder in named:
        try:
            plans.append(FolderPlan.of(folder, seal=seal, formats=formats))
        except MediaError as error:
            bad.append(Group.failed(os.fspath(folder), error))
    groups = list(bad)
    batches: list[tuple[int, list[FolderFile]]] = []
    for row, plan in enumerate(plans):
        for batch in batches_of(plan.listing.files.values()):
            work = tuple((file, plan.formats(file.path)) for file in batch)
            unit = unit_of(
                _hash_batch, (plan.root, work), batch, plan.root, f"verify {' '.join(plan.wanted)}".strip()
            )
            groups.append(Group(unit.name, (unit,)))
            batches.append((row, batch))
    closing = Unit(_seal_each, (tuple(plan.root for plan in plans), formats), name="seal", kind="seal")
    finish = partial(_finish, plans, batches)
    return Delivery("verify", groups, finish=finish, closing=closing if seal else None)


def _hash_batch(
    root: str, work: Sequence[tuple[FolderFile, tuple[str, ...]]]
) -> tuple[str, list[Hashed | tuple[str, Failure]]]:
    """Each file on its own: one that cannot be read stops no other."""
    found: list[Hashed | tuple[str, Failure]] = []
    for file, formats in work:
        hashed = attempt(partial(hash_one, root, file, formats))
        found.append((file.path, hashed) if isinstance(hashed, Failure) else hashed)
    return root, found


def hash_one(root: str, file: FolderFile, formats: tuple[str, ...]) -> Hashed:
    """Read a file of a folder for its hashes.

    Raises
    ------
    MissingMedia, UnreadableMedia
        If it cannot be read, or was written to meanwhile.
    """
    place = os.path.join(root, file.path)
    with storage_errors(place):
        before = os.stat(place)
        hashes = file_hashes(place, formats)
        after = os.stat(place)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise UnreadableMedia("was written to while it was read", where=place, do=_AGAIN)
    return Hashed(FolderFile(file.path, before.st_size, before.st_mtime_ns), hashes)


def _finish(
    plans: Sequence[FolderPlan], batches: Sequence[tuple[int, list[FolderFile]]], report: Report
) -> Verification:
    from mediadask.integrity.seal import new_manifest

    found: list[dict[str, Hashed | Failure]] = [{} for _ in plans]
    of_batches = [outcome for outcome in report.outcomes if outcome.name != "seal"]
    first = len(of_batches) - len(batches)
    for (row, batch), outcome in zip(batches, of_batches[first:], strict=True):
        if outcome.failure is not None:
            found[row] |= {file.path: outcome.failure for file in batch}
        else:
            found[row] |= _by_path(outcome.value[1])
    for plan, hashed in zip(plans, found, strict=True):  # each file as it was when it was read
        plan.listing.files.update(
            {path: each.file for path, each in hashed.items() if isinstance(each, Hashed)}
        )
    others = [*of_batches[:first], *(outcome for outcome in report.outcomes if outcome.name == "seal")]
    folders = []
    for plan, hashed in zip(plans, found, strict=True):
        checks = judge(plan, hashed)
        own = plan.records.histories.get("")
        sealed = new_manifest(plan.root, own) if plan.wanted else None
        generations = own.generations if own else 0
        notes = tuple(plan.structure.notes)
        folders.append(FolderCheck(plan.root, tuple(checks), generations, sealed, notes))
    return verification(report.name, folders, others)


def _by_path(results: Iterable[Hashed | tuple[str, Failure]]) -> dict[str, Hashed | Failure]:
    return dict((each.file.path, each) if isinstance(each, Hashed) else each for each in results)


def _seal_each(values: Sequence[Any], roots: Sequence[str], formats: tuple[str, ...]) -> None:
    """Seal each folder that is as it should be, looking at it once more.

    Raises
    ------
    OutputFailed
        Naming those that are not sealed.
    """
    from mediadask.integrity.seal import seal

    found: dict[str, dict[str, Hashed | Failure]] = defaultdict(dict)
    for value in values:
        if not isinstance(value, Failure):
            found[value[0]] |= _by_path(value[1])
    refused = []
    for root in roots:
        try:
            plan = FolderPlan.of(root, seal=True, formats=formats)
            seal(plan, FolderCheck(root, tuple(judge(plan, found[root]))), "in-place")
        except MediaError as error:
            refused.append(error)
    if len(refused) == 1:
        raise refused[0]
    if refused:
        raise OutputFailed("; ".join(map(str, refused)))


def judge(plan: FolderPlan, hashed: Mapping[str, Hashed | Failure]) -> list[FileCheck]:
    """What became of every file that is there or should be, in order of their paths."""
    listing, records = plan.listing, plan.records
    checks = [_check(plan, file, hashed.get(file.path)) for file in listing.files.values()]
    covered = bool(records.histories)
    legacy = () if covered else records.legacy
    checks = [
        check for check in checks if not (check.status == "new" and check.path in legacy and not plan.wanted)
    ]
    missing = plan.missing
    renamed = _renamed(records, missing, [check for check in checks if check.status == "new"])
    checks = [
        check
        if check.path not in renamed
        else _finding(plan, check, "renamed", f"was {renamed[check.path]}", was=renamed[check.path])
        for check in checks
    ]
    gone = [path for path in missing if path not in renamed.values()]
    checks += [
        FileCheck(
            path,
            "missing",
            line=_line(plan, path, _as_recorded(records, path), "restore it from another copy"),
        )
        for path in gone
    ]
    ignored = ignored_by(records)
    checks += [
        FileCheck(path, "missing", line=_line(plan, path, "is a folder that is missing", "restore it"))
        for path in sorted(records.folders - set(listing.folders))
        if not ignored(f"{path}/") and not any(lost.startswith(f"{path}/") for lost in missing)
    ]
    structure = plan.structure
    for status, lines in (
        ("odd", listing.odd),
        ("manifest", records.problems),
        ("name", structure.names),
        ("roll", structure.rolls),
    ):
        checks += [FileCheck(path, status, line=_line(plan, path, line)) for path, line in lines.items()]
    return sorted(checks, key=lambda check: check.path)


def _check(plan: FolderPlan, file: FolderFile, found: Hashed | Failure | None) -> FileCheck:
    if found is None:
        found = Failure(_line(plan, file.path, "appeared while the folder was read", _AGAIN), "unreadable")
    if isinstance(found, Failure):
        return FileCheck(file.path, "unreadable", file.size_bytes, line=found.error)
    if found.file != file:
        line = _line(plan, file.path, "was written to while the folder was read", _AGAIN)
        return FileCheck(file.path, "unreadable", file.size_bytes, found.hashes, line=line)
    check = FileCheck(file.path, "verified", file.size_bytes, found.hashes)
    claims = plan.records.claims.get(file.path)
    if claims is None:
        return _finding(plan, check, "new", "is in no manifest", "seal it with --seal, or move it away")
    wrong = difference(claims, file.size_bytes, found.hashes)
    if wrong:
        return _finding(plan, check, "changed", wrong, "restore it from another copy")
    return check


def _finding(
    plan: FolderPlan, check: FileCheck, status: str, what: str, do: str | None = None, was: str | None = None
) -> FileCheck:
    do = do or "record it with --seal, or name it back"
    return FileCheck(
        check.path, status, check.size_bytes, check.hashes, was, _line(plan, check.path, what, do)
    )


def _line(plan: FolderPlan, path: str, what: str, do: str | None = None) -> str:
    return str(MediaError(what, where=plan.listing.place(path), do=do))


def _as_recorded(records: Records, path: str) -> str:
    claim = records.claims[path][0]
    size = "" if claim.size_bytes is None else f", with {claim.size_bytes} bytes"
    return f"is missing: it is in {claim.manifest}{size}"


def _renamed(records: Records, missing: Sequence[str], new: Sequence[FileCheck]) -> dict[str, str]:
    """New files that are missing ones under another name: by path, the old path."""
    by_hash: dict[tuple[str, str], list[FileCheck]] = defaultdict(list)
    for check in new:
        for pair in check.hashes.items():
            by_hash[pair].append(check)
    found: dict[str, str] = {}
    for path in missing:
        claims = records.claims[path]
        alike = [
            check
            for claim in claims
            for pair in claim.hashes.items()
            for check in by_hash.get(pair, ())
            if check.path not in found and difference(claims, check.size_bytes or 0, check.hashes) is None
        ]
        name = os.path.basename(path)
        if alike:
            found[min(alike, key=lambda check: (os.path.basename(check.path) != name, check.path)).path] = (
                path
            )
    return found
