"""What must hold after a fault, whatever it was. Each check gives a line for all that is wrong."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from sqlalchemy import select

from mediadask.pool.ledger import tables
from mediadask.pool.ledger.check import check
from tests.chaos.pools import marked
from tests.chaos.work import FRAMES, key_of, runs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.chaos.faults import Fault, Stage

PARTING_SECONDS = 30.0


def contents(out: Path) -> dict[str, str]:
    """Every file's hash, by its path in `out`."""
    found = {}
    for path in sorted(out.rglob("*")):
        if path.is_file():
            found[str(path.relative_to(out))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def unfinished(name: str) -> bool:
    """Whether this is where nobody looks for outputs."""
    return ".mediadask" in Path(name).parts[:-1] or name in ("filling", "lost+found")


def outputs_now(out: Path, reference: Mapping[str, str]) -> Iterator[str]:
    """In the middle of it: whole, or not there."""
    folders = Counter(_output(name) for name in reference)
    there: dict[str, list[str]] = {}
    for name, sha in contents(out).items():
        if unfinished(name):
            continue
        there.setdefault(_output(name), []).append(name)
        if sha != reference.get(name):
            yield f"{name} stands there, and is not what it should be"
    for output, names in there.items():
        if len(names) != folders[output]:
            yield f"{output} stands there with {len(names)} of {folders[output]} files"


def _output(name: str) -> str:
    """``archives/plate.zarr`` of a file in it."""
    return "/".join(Path(name).parts[:2])


def outputs_at_the_end(out: Path, reference: Mapping[str, str]) -> Iterator[str]:
    """Bit-identical, no file more and none less."""
    there = contents(out)
    for name in reference.keys() - there.keys():
        yield f"{name} is missing"
    for name in there.keys() - reference.keys():
        yield f"{name} is left"
    for name in there.keys() & reference.keys():
        if there[name] != reference[name]:
            yield f"{name} differs from an undisturbed run's"
    for folder in out.rglob(".mediadask"):
        yield f"{folder.relative_to(out)} is left"


def frames(notes: Path, fault: Fault) -> Iterator[str]:
    """None is computed twice in one run of a take, and no take twice unless the fault explains it."""
    for number, computed in runs(notes).items():
        for run in computed:
            if run != list(range(len(run))):
                yield f"take {number}: a run computed the frames {run}"
        whole = sum(len(run) == FRAMES for run in computed)
        if len(computed) > 1 and not (fault.again or fault.dies):
            yield f"take {number}: begun {len(computed)} times"
        if whole > 1 and not (fault.again == "done" or fault.dies):
            yield f"take {number}: computed {whole} times"


def ledger(stage: Stage, fault: Fault) -> Iterator[str]:
    """Sound, everything in it has an end, and it knows of every run."""
    engine = tables.open_database(str(stage.ledger))
    try:
        for finding in check(engine):
            if not finding.is_sound or (finding.check == "journals" and not finding.found.startswith("0 ")):
                yield f"ledger: {finding.check}: {finding.found}"
        with engine.connect() as connection:
            jobs = connection.execute(select(tables.jobs)).all()
            attempts = connection.execute(select(tables.attempts)).all()
            leases = connection.execute(select(tables.leases)).all()
            sessions = connection.execute(select(tables.sessions)).all()
            displacements = connection.execute(select(tables.displacements)).all()
    finally:
        engine.dispose()
    ended = {"done", "failed"} if fault.fails else {"done"}
    for job in jobs:
        if job.status not in (ended | {"cancelled"} if job.job in stage.cancelled else ended):
            yield f"ledger: job {job.name} is {job.status}"
        if job.payload is not None or job.ended is None or min(job.seconds, job.running_seconds) < 0:
            yield f"ledger: job {job.name} has not quite ended: {job}"
    if not fault.forgets:
        for name in stage.jobs.keys() - {job.name for job in jobs}:
            yield f"ledger: job {name} is missing"
    names = {job.job: job.name for job in jobs}
    for attempt in attempts:
        what = f"ledger: an attempt of {names.get(attempt.job, attempt.job)}, {attempt.unit}"
        if attempt.ended is None or attempt.outcome is None:
            yield f"{what} has no end"
    done = Counter((each.job, each.unit, each.kind) for each in attempts if each.outcome == "done")
    for (job, unit, _), times in done.items():
        if times > 1 and not fault.dies:
            yield f"ledger: {names.get(job, job)}, {unit} was done {times} times"
    if not (fault.forgets or fault.dies):
        known = Counter(each.unit for each in attempts)
        for number, computed in runs(stage.notes).items():
            if len(computed) > (count := known[key_of(stage.notes, number)]):
                yield f"take {number} ran {len(computed)} times, {count} attempts are known"
    yield from (
        f"ledger: the lease of {each.name} is open"
        for each in leases
        if each.ended is None or each.seconds < 0
    )
    yield from (f"ledger: session {each.session} is open" for each in sessions if each.ended is None)
    yield from (
        f"ledger: a displacement of {each.unit} is open" for each in displacements if each.seconds is None
    )
    journals = stage.ledger.parent / "journals"
    yield from (f"{path.name} is left" for path in journals.glob("*.journal"))


def processes() -> Iterator[str]:
    """None is left; those that are, are ended."""
    give_up = time.monotonic() + PARTING_SECONDS
    while (left := marked()) and time.monotonic() < give_up:
        time.sleep(0.05)
    for process in left:
        try:
            yield f"process {process.pid} is left: {' '.join(process.cmdline())[-160:]}"
            process.kill()
        except psutil.NoSuchProcess:
            pass


def scratch(folder: Path) -> Iterator[str]:
    """No file is left where temporary ones are made."""
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix not in (".lock", ".dirlock") and path.name != "global.lock":
            yield f"{path.relative_to(folder)} is left in scratch"


def logs(folder: Path) -> Iterator[str]:
    """No error of our own code that nobody caught."""
    for path in folder.rglob("*.log"):
        lines = path.read_text(errors="replace").splitlines()
        for at, line in enumerate(lines):
            if line.startswith("Traceback"):
                rest = lines[at + 1 : at + 80]
                end = next((n for n, one in enumerate(rest) if one and not one.startswith(" ")), len(rest))
                if any("/mediadask/" in one for one in rest[:end]):
                    yield f"{path.name}, line {at + 1}: {' '.join(rest[end : end + 1])}"
