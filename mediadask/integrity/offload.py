"""Offload: a card copied to several places at once, verified at each and sealed there."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from mediadask.delivery import Delivery, Failure, Group, Outcome, Report, Unit
from mediadask.errors import InvalidRequest, MediaError, MissingMedia, OutputFailed
from mediadask.integrity.batches import batches_of, unit_of
from mediadask.integrity.copying import Copied, CopyTask, Place, Placed, copy_batch
from mediadask.integrity.folder import MANIFEST_FOLDER, FolderFile, Listing, list_folder, local_folder
from mediadask.integrity.hashes import DEFAULT_FORMAT, hash_formats
from mediadask.integrity.manifests import CHAIN, ignored_by, read_records
from mediadask.integrity.receipts import read_receipts
from mediadask.integrity.records import Records, formats_for
from mediadask.integrity.rolls import structure_of, unusable
from mediadask.integrity.seal import new_manifest, seal
from mediadask.integrity.verification import FolderCheck
from mediadask.integrity.verify import FolderPlan, Hashed, judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mediadask.integrity.records import History

__all__ = ["Offload", "PlaceCheck", "offload"]

LITTER = frozenset(
    {
        *(".DS_Store", ".Spotlight-V100", ".TemporaryItems", ".Trashes", ".fseventsd", ".mediadask"),
        *("$RECYCLE.BIN", "System Volume Information", "lost+found"),
    }
)
"""What operating systems leave on a card, by name: no part of the recording, and often locked."""


@dataclass(frozen=True)
class PlaceCheck:
    """A card at one place."""

    root: str
    copied: int
    there: int
    """Files that were there before, and are the card's."""

    failed: int
    manifest: str | None
    """The seal of what is there; None where it is not all there, verified: then the card is not safe here."""


@dataclass(frozen=True)
class Offload(Report):
    """A report with an outcome for each file of a card, and for each place where one has failed."""

    card: str = ""
    places: tuple[PlaceCheck, ...] = field(default=(), repr=False)
    files: tuple[Copied, ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()

    @property
    def is_safe(self) -> bool:
        """Whether every file is verified and sealed at every place."""
        return bool(self.places) and all(place.manifest for place in self.places)

    def rows(self) -> list[dict[str, Any]]:
        """One row for each file and place, and one for what has failed besides, of JSON types."""
        rows: list[dict[str, Any]] = []
        for place, check in enumerate(self.places):
            for copied in self.files:
                placed = copied.places[place]
                rows.append(
                    {
                        "path": copied.file.path,
                        "place": check.root,
                        "status": _status(placed),
                        "size_bytes": copied.file.size_bytes,
                        "hashes": dict(copied.hashes),
                        "manifest": check.manifest,
                        "error": placed.error if isinstance(placed, Failure) else None,
                    }
                )
        known = {row["error"] for row in rows}
        rows += [
            {"path": outcome.name, "place": None, "status": "failed", "error": outcome.failure.error}
            for outcome in self.failures
            if outcome.failure and outcome.failure.error not in known
        ]
        return rows


def _status(placed: Placed | Failure) -> str:
    if isinstance(placed, Failure):
        return "failed"
    return "copied" if placed.is_new else "there"


@dataclass
class _Plan:
    card: Listing
    records: Records
    places: list[Place]
    formats: tuple[str, ...]
    before: list[History | None]
    """The history at each place."""

    notes: list[str]
    findings: dict[str, tuple[str, str]]
    """What is wrong on the card besides its files, by path: status and line."""


def offload(
    card: str | os.PathLike[str],
    to: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    roll: str | None = None,
    hashes: Sequence[str] = (),
) -> Delivery:
    """Copy a card to several places, verify it there, and seal it at each with an ASC MHL generation.

    Every file is read once and hashed while it is written everywhere; then it is read back from each disk,
    and only what has the same hash gets its name. A second run copies what is not there. Nothing is
    overwritten.

    Parameters
    ----------
    card
        The folder that a card is mounted at.
    to
        A folder that is there, or several: the card becomes a folder in each.
    roll
        What that folder is called. By default as the card.
    hashes
        Formats of the seal: ``xxh128``, ``xxh3``, ``xxh64``, ``md5``, ``sha1``, ``c4``. By default those of
        the manifest that the card brings, or ``xxh128``.

    Returns
    -------
    Delivery
        Computes to a `mediadask.integrity.offload.Offload`, whose ``is_safe`` says whether the card may be
        formatted.

    Raises
    ------
    MissingMedia, InvalidRequest
        If the card or a place is not there, has no room, or holds another card of that name.

    Examples
    --------
    >>> import os
    >>> os.mkdir("raid"), os.mkdir("shuttle")
    (None, None)
    >>> report = md.offload("rushes", ["raid", "shuttle"], roll="A001").compute()
    >>> report.is_safe, sorted(os.listdir("raid/A001"))
    (True, ['A001C001_240101_R1AB.mov', 'B002C003_240101_R2CD.mov', 'ascmhl'])
    """
    plan = _plan(card, [to] if isinstance(to, str | os.PathLike) else list(to), roll, hash_formats(hashes))
    receipts = [read_receipts(place.workspace) for place in plan.places]
    groups, batches = [], []
    for batch in batches_of(plan.card.files.values()):
        tasks = tuple(_task(plan, file, tuple(one.get(file.path) for one in receipts)) for file in batch)
        args = (plan.card.root, tuple(plan.places), tasks)
        kind = f"offload {len(plan.places)} {' '.join(plan.formats)}"
        unit = unit_of(copy_batch, args, batch, plan.card.root, kind, passes=2)
        groups.append(Group(unit.name, (unit,)))
        batches.append(batch)
    args_of_seal = (plan.card.root, tuple(plan.places), plan.formats)
    closing = Unit(_seal_places, args_of_seal, name="seal", kind="seal")
    return Delivery("offload", groups, finish=partial(_finish, plan, batches), closing=closing)


def _plan(
    card: str | os.PathLike[str],
    to: Sequence[str | os.PathLike[str]],
    roll: str | None,
    formats: tuple[str, ...],
) -> _Plan:
    root = local_folder(card)
    name = roll or os.path.basename(root)
    if not name or "/" in name or name in (".", "..", ".mediadask") or unusable(name):
        raise InvalidRequest("is no name for a roll", where=name or root, do="give it one with --roll A001")
    if not to:
        raise InvalidRequest("goes nowhere", where=root, do="name a place with --to")
    records = read_records(root)
    listing, notes = _listing(root, records)
    if not listing.files and not listing.odd:
        raise MissingMedia("holds no files", where=root, do="check that the card is mounted")
    places = []
    for one in to:
        place = local_folder(one)
        final = os.path.join(place, name)
        _check_apart(root, place, final)
        if os.path.islink(os.path.join(place, ".mediadask")):
            raise InvalidRequest("is a link", where=os.path.join(place, ".mediadask"), do="remove it")
        places.append(Place(final, os.path.join(place, ".mediadask", name)))
    if len({os.path.realpath(place.root) for place in places}) != len(places):
        raise InvalidRequest("is named twice", where=", ".join(map(str, to)), do="name each place once")
    before = [_check_place(place, listing) for place in places]
    _check_room(places, listing)
    structure = structure_of(listing, records)
    notes += structure.notes
    findings = {path: ("name", line) for path, line in structure.names.items()}
    findings |= {path: ("roll", line) for path, line in structure.rolls.items()}
    findings |= {path: ("manifest", line) for path, line in records.problems.items()}
    ignored = ignored_by(records)
    findings |= {
        path: ("missing", "is in the card's own manifest, and not on the card; look for it before you go on")
        for path in records.claims
        if path not in listing.files and not ignored(path)
    }
    findings |= {path: ("odd", line) for path, line in listing.odd.items()}
    own = records.histories.get("")
    wanted = formats or (own and own.formats) or (DEFAULT_FORMAT,)
    return _Plan(listing, records, places, tuple(wanted), before, notes, findings)


def _listing(root: str, records: Records) -> tuple[Listing, list[str]]:
    """The files of a card that are copied, and a note on what is left out: litter that no manifest names."""
    litter: list[str] = []

    def ignored(path: str) -> bool:
        path = path.rstrip("/")
        if path.rpartition("/")[2] not in LITTER:
            return False
        if path in records.claims or any(known.startswith(f"{path}/") for known in records.claims):
            return False
        litter.append(path)
        return True

    listing = list_folder(root, ignored)
    left = ", ".join(dict.fromkeys(litter))
    return listing, [f"not copied, since an operating system left it there: {left}"] if left else []


def _check_apart(card: str, place: str, final: str) -> None:
    real, into = os.path.realpath(card), os.path.realpath(place)
    if os.path.commonpath([real, into]) == real:
        raise InvalidRequest("is on the card itself", where=place, do="choose another disk")
    if os.path.realpath(final) == real:
        raise InvalidRequest("is the card itself", where=final, do="choose another folder")


def _check_place(place: Place, card: Listing) -> History | None:
    """The history of what is there already; a folder with what the card does not have is another card's."""
    if not os.path.lexists(place.root):
        return None
    if not os.path.isdir(place.root) or os.path.islink(place.root):
        raise InvalidRequest("is no folder", where=place.root, do="move it away")
    records = read_records(place.root)
    there, _ = _listing(place.root, records)
    strange = [
        path for path in there.files if path not in card.files and MANIFEST_FOLDER not in path.split("/")
    ]
    if strange:
        more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        raise InvalidRequest(
            f"holds what the card does not have ({strange[0]}{more}): it is another card's",
            where=place.root,
            do="give this card another name with --roll",
        )
    return records.histories.get("")


def _check_room(places: Sequence[Place], card: Listing) -> None:
    """Room for all that is not there, on each disk for all places on it."""
    needed: dict[int, int] = defaultdict(int)
    for place in places:
        parent = os.path.dirname(place.root)
        lacking = sum(
            file.size_bytes
            for file in card.files.values()
            if not os.path.lexists(os.path.join(place.root, file.path))
        )
        device = os.stat(parent).st_dev
        needed[device] += lacking
        free = shutil.disk_usage(parent).free
        if needed[device] > free:
            raise InvalidRequest(
                f"has {free >> 20} MB free, and the card needs {needed[device] >> 20} MB there",
                where=parent,
                do="make room, or choose another disk",
            )


def _task(plan: _Plan, file: FolderFile, receipts: tuple[Any, ...]) -> CopyTask:
    in_history = MANIFEST_FOLDER in file.path.split("/")
    claims = () if in_history else tuple(plan.records.claims.get(file.path, ()))
    grows = in_history and file.path.endswith(CHAIN)
    return CopyTask(file, formats_for(claims, plan.formats), claims, receipts, any_will_do=grows)


def _seal_places(values: Sequence[Any], card: str, places: Sequence[Place], formats: tuple[str, ...]) -> None:
    """Seal each place where the whole card is, looking once more at the card and the place.

    Raises
    ------
    OutputFailed
        Naming places that are not sealed.
    """
    done: dict[str, Copied] = {}
    for value in values:
        for copied in () if isinstance(value, Failure) else value:
            if isinstance(copied, Copied):
                done[copied.file.path] = copied
    refused: list[MediaError] = []
    for row, place in enumerate(places):
        try:
            _seal_place(card, place, row, done, formats)
        except MediaError as error:
            refused.append(error)
    if refused:
        raise refused[0] if len(refused) == 1 else OutputFailed("; ".join(map(str, refused)))


def _seal_place(card: str, place: Place, row: int, done: dict[str, Copied], formats: tuple[str, ...]) -> None:
    now, _ = _listing(local_folder(card), read_records(card))
    changed = [path for path, file in now.files.items() if path not in done or done[path].file != file]
    lacking = [path for path, copied in done.items() if not isinstance(copied.places[row], Placed)]
    lacking += [path for path in changed if path not in lacking] + list(now.odd)
    if lacking:
        every = len(now.files) + len(now.odd)
        raise OutputFailed(
            f"is not sealed: {len(lacking)} of the card's {every} files are not there",
            where=place.root,
            do="run again when the cause is gone",
        )
    for folder in now.folders:
        os.makedirs(os.path.join(place.root, folder), exist_ok=True)
    plan = FolderPlan.of(place.root, seal=True, formats=formats)
    hashed: dict[str, Hashed | Failure] = {
        path: Hashed(FolderFile(path, copied.file.size_bytes, placed.modified_ns), copied.hashes)
        for path, copied in done.items()
        if isinstance(placed := copied.places[row], Placed)
    }
    check = FolderCheck(place.root, tuple(judge(plan, hashed)))
    new = any(isinstance(one := copied.places[row], Placed) and one.is_new for copied in done.values())
    is_sealed = "" in plan.records.histories and not check.counts["new"] and not check.blocking
    if new or not is_sealed:
        seal(plan, check, "transfer")
    shutil.rmtree(place.workspace, ignore_errors=True)
    with suppress(OSError):  # other cards are on their way here
        os.rmdir(os.path.dirname(place.workspace))


def _finish(plan: _Plan, batches: Sequence[Sequence[FolderFile]], report: Report) -> Offload:
    outcomes: list[Outcome] = []
    files: list[Copied] = []
    of_seal = [outcome for outcome in report.outcomes if outcome.name == "seal"]
    of_batches = [outcome for outcome in report.outcomes if outcome.name != "seal"]
    for batch, outcome in zip(batches, of_batches, strict=True):
        results = [outcome.failure] * len(batch) if outcome.failure else outcome.value
        for file, copied in zip(batch, results, strict=True):
            outcomes += _outcomes(plan, file, copied)
            if isinstance(copied, Copied):
                files.append(copied)
    if _is_gone(plan.card.root):
        outcomes = list(_pulled_out(plan.card, outcomes))
    outcomes += [
        Outcome(path, failure=Failure(str(MediaError(line, where=plan.card.place(path))), status))
        for path, (status, line) in plan.findings.items()
    ]
    checks = tuple(_place_check(plan, row, files, of_seal) for row in range(len(plan.places)))
    notes = tuple(plan.notes)
    return Offload(report.name, (*outcomes, *of_seal), plan.card.root, checks, tuple(files), notes)


def _outcomes(plan: _Plan, file: FolderFile, copied: Copied | Failure) -> Iterator[Outcome]:
    if isinstance(copied, Failure):
        yield Outcome(plan.card.place(file.path), failure=copied)
        return
    failed = [placed for placed in copied.places if isinstance(placed, Failure)]
    for failure in failed:
        yield Outcome(file.path, failure=failure)
    if not failed:
        yield Outcome(plan.card.place(file.path), copied)


def _is_gone(card: str) -> bool:
    """Whether a card was taken out: its folder often stays behind, empty."""
    try:
        return not os.listdir(card)
    except OSError:
        return True


def _pulled_out(card: Listing, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """One line for a card that is gone, in place of one for each of its files."""
    lost = 0
    for outcome in outcomes:
        if outcome.failure and outcome.failure.kind in ("MissingMedia", "UnreadableMedia"):
            lost += 1
        else:
            yield outcome
    what = f"was taken out: {lost} of its {len(card.files)} files are not copied"
    error = MissingMedia(what, where=card.root, do="mount it there again, and run again")
    yield Outcome(card.root, failure=Failure.of(error))


def _place_check(plan: _Plan, row: int, files: Sequence[Copied], of_seal: Sequence[Outcome]) -> PlaceCheck:
    place = plan.places[row]
    placed = [copied.places[row] for copied in files]
    there = [one for one in placed if isinstance(one, Placed)]
    # What the card brings is no seal of this place.
    known = [one for one in (plan.before[row], plan.records.histories.get("")) if one]
    manifest = new_manifest(place.root, max(known, key=lambda one: len(one.chain), default=None))
    if manifest is None and not of_seal:  # nothing was sealed since nothing needed it
        manifest = new_manifest(place.root, None)
    whole = len(there) == len(plan.card.files) > 0 and not plan.card.odd
    copied = sum(one.is_new for one in there)
    failed = len(plan.card.files) - len(there)
    return PlaceCheck(place.root, copied, len(there) - copied, failed, manifest if whole else None)
