"""A round: a pool, jobs, a fault at some moment, and what must hold afterwards; a seed says all of it."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import dask

from mediadask.errors import InvalidRequest, MediaError
from tests.chaos import checks
from tests.chaos.faults import FAULTS, TTL_SECONDS, Stage
from tests.chaos.pools import MARK, SITES, until
from tests.chaos.program import submit_all
from tests.chaos.work import FRAMES, MEDIA, checksum_of, make_media, media_delivery, noted, takes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from mediadask.delivery import Report
    from tests.chaos.faults import Fault

STILL_SECONDS = 60.0
LONGEST_SECONDS = 240.0

POOLS = tuple(SITES)


@dataclass(frozen=True)
class Round:
    """What happens in it."""

    seed: int
    pool: str
    fault: str
    media: tuple[str, ...]
    takes: int
    moment: int
    """The fault comes when so many frames of takes are computed."""

    @classmethod
    def of(cls, seed: int, *, fault: str | None = None, pool: str | None = None) -> Round:
        """The round of a seed; its fault and its pool may be chosen."""
        rng = Random(seed)
        # Each fault in turn, so that a few rounds have many of them.
        fits = [name for name in FAULTS if pool is None or pool in FAULTS[name].pools]
        turn = Random(seed // len(fits)).sample(fits, len(fits))[seed % len(fits)]
        fault = fault or turn
        pools = FAULTS[fault].pools
        drawn = rng.choice(pools)
        pool = pool if pool in pools else drawn
        number = rng.randint(4, 10)
        moment = int(rng.uniform(0, 0.8) * number * FRAMES)
        return cls(seed, pool, fault, tuple(rng.sample(MEDIA, rng.randint(1, 2))), number, moment)

    def __str__(self) -> str:
        return (
            f"{self.seed:4} {self.pool:5} {self.fault:22} after {self.moment:3} of {self.takes * FRAMES:3} "
            f"frames, with {' and '.join(self.media)}"
        )


@dataclass(frozen=True)
class Story:
    """How a round went: nothing is wrong with it, or what."""

    round: Round
    seconds: float
    wrong: tuple[str, ...]
    happened: tuple[str, ...]


class Series:
    """Rounds in one folder, which have media and what an undisturbed run makes of them in common."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        make_media(folder / "media")
        self.out = folder / "out"
        self.out.mkdir()
        self.reference: dict[str, dict[str, str]] = {}
        for kind in MEDIA:
            report = dask.compute(
                media_delivery(kind, folder / "media", self.out), scheduler="sync", traverse=False
            )[0]
            assert not report.failures, report.failures
            self.reference[kind] = checks.contents(self.out)
            _empty(self.out)

    def play(self, round: Round) -> Story:
        """Have it happen."""
        begun, happened = time.monotonic(), list[str]()
        place = self.folder / "round"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        wrong: list[str]
        with ExitStack() as undo:
            undo.enter_context(_disk(self.folder, FAULTS[round.fault].tmpfs))
            undo.enter_context(_environment(place))
            try:
                wrong = list(self._play(round, happened))
            except Exception:
                wrong = [f"the round itself: {traceback.format_exc()}"]
            wrong += checks.processes()
            wrong += checks.scratch(place / "tmp")
            wrong += checks.logs(place)
            _empty(self.out)
        return Story(round, time.monotonic() - begun, tuple(wrong), tuple(happened))

    def _play(self, round: Round, happened: list[str]) -> Iterator[str]:
        fault = FAULTS[round.fault]
        place, numbers = self.folder / "round", range(round.takes)
        (place / "notes").mkdir()
        site = SITES[round.pool](place)
        stage = Stage(self.folder, Random(round.seed), site, {}, numbers)
        reference = {name: sha for kind in round.media for name, sha in self.reference[kind].items()}

        def tell(what: str) -> None:
            happened.append(f"{time.monotonic() - begun:5.1f} s  {what}")

        begun = time.monotonic()
        with ExitStack() as undo:
            undo.callback(site.close)
            if fault.by_program and round.pool == "local":
                address = "own"
            else:
                site.start()
                address = getattr(site, "address", "local")
            tell("the pool is up")
            if fault.by_program:
                undo.callback(lambda: stage.program and stage.program.poll() is None and stage.program.kill())
                _by_program(stage, address, round)
            else:
                stage.jobs |= submit_all(site.connect(), self.folder, round.media, numbers)
            tell("jobs are submitted")
            waits = undo.enter_context(ThreadPoolExecutor(1))
            waiting = None
            if not fault.by_program:
                waiting = waits.submit(site.connect().job(stage.jobs["takes"]).result, LONGEST_SECONDS)
            until(lambda: noted(stage.notes) >= round.moment, "the moment of the fault", LONGEST_SECONDS)
            tell(f"{round.fault}, after {noted(stage.notes)} frames")
            fault.happen(stage)
            tell("the fault has happened")
            yield from checks.outputs_now(self.out, reference)
            for name in [*stage.jobs]:
                yield from _ended(stage, name, fault, tell)
            tell("the jobs have ended")
            if waiting is not None:
                yield from _came_back(waiting, stage, fault)
            yield from _made_again(stage, fault, tell)
        tell("the pool is closed")
        yield from checks.outputs_at_the_end(self.out, reference)
        yield from checks.frames(stage.notes, fault)
        yield from checks.ledger(stage, fault)
        tell("all is looked at")


def _by_program(stage: Stage, address: str, round: Round) -> None:
    handed = stage.folder / "round" / "handed"
    handed.write_bytes(pickle.dumps((stage.folder, round.media, stage.numbers)))
    with (stage.folder / "round" / "program.log").open("wb") as log:
        command = [sys.executable, "-m", "tests.chaos.program", address, str(handed)]
        stage.program = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    ids = handed.with_suffix(".ids")
    until(ids.exists, "a program that submits jobs")
    stage.jobs |= pickle.loads(ids.read_bytes())


def _ended(stage: Stage, name: str, fault: Fault, tell: Callable[[str], None]) -> Iterator[str]:
    """Wait until the job has ended, and look at what became of it; the pool is mended meanwhile."""
    give_up = time.monotonic() + LONGEST_SECONDS
    seen, moved = "", time.monotonic()
    while True:
        if stage.site.mend():
            tell("the pool is mended")
        try:
            job = stage.pool.job(stage.jobs[name])
            progress = job.progress
        except InvalidRequest:  # it ended before the pool did: the ledger tells of it
            tell(f"{name} had ended")
            return
        except MediaError as error:
            progress = None
            tell(f"{name}: {error}")
        if progress is not None and progress.status not in ("waiting", "running"):
            break
        now = "" if progress is None else f"{progress.units_done} {progress.fraction} {noted(stage.notes)}"
        if now != seen or (progress is not None and progress.notice):
            seen, moved = now, time.monotonic()
        if time.monotonic() - moved > STILL_SECONDS:
            yield f"{name}: still for {STILL_SECONDS:.0f} s without a word: {progress}"
            return
        if time.monotonic() > give_up:
            yield f"{name}: not within {LONGEST_SECONDS:.0f} s: {progress}"
            return
        time.sleep(0.05)
    tell(f"{name}: {progress}")
    if stage.jobs[name] not in stage.cancelled:
        yield from _right(job.result(), name, stage, fault)


def _right(report: Report, name: str, stage: Stage, fault: Fault) -> Iterator[str]:
    for failed in report.failures:
        line = failed.failure.error
        if not fault.fails:
            yield f"{name}: {failed.name} failed: {line}"
        elif not line or "\n" in line or "Traceback" in line:
            yield f"{name}: {failed.name} failed without a clear line: {line!r}"
        stage.failed.setdefault(name, []).append(failed.name)
    if name.removesuffix(" again") not in MEDIA:
        done = [outcome for outcome in report.outcomes if outcome.failure is None]
        for outcome in done:
            if outcome.value != checksum_of(int(outcome.name)):
                yield f"{name}: {outcome.name} gave {outcome.value}"


def _came_back(waiting: Future[Report], stage: Stage, fault: Fault) -> Iterator[str]:
    """Whoever waited since before the fault has its result, or was told why not."""
    try:
        list(_right(waiting.result(STILL_SECONDS), "takes", stage, fault))
    except TimeoutError:
        yield "who waited for the takes still waits"
    except (MediaError, CancelledError) as error:
        if not (fault.dies or stage.cancelled):
            yield f"who waited for the takes was told: {error!r}"


def _made_again(stage: Stage, fault: Fault, tell: Callable[[str], None]) -> Iterator[str]:
    """What failed is submitted again, and done: what is there is not made twice."""
    for name, failed in [*stage.failed.items()]:
        if name in MEDIA:
            delivery = media_delivery(name, stage.folder / "media", stage.out)
        else:
            delivery = takes(stage.notes, sorted({int(number) for number in failed}))
        stage.jobs[f"{name} again"] = stage.pool.submit(delivery, name=f"{name} again").id
        yield from _ended(stage, f"{name} again", replace(fault, fails=False), tell)


@contextmanager
def _environment(place: Path) -> Iterator[None]:
    """Folders of the round's own, for this process and those that it starts."""
    folders = {}
    for name in ("XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CACHE_HOME", "TMPDIR"):
        folder = place / name.removeprefix("XDG_").removesuffix("_HOME").removesuffix("DIR").lower()
        folder.mkdir(mode=0o700, exist_ok=True)
        folders[name] = str(folder)
    before = dict(os.environ)
    root = str(Path(__file__).parents[2])
    os.environ |= folders | {
        MARK: str(place),
        "MEDIADASK_CACHE": str(place / "index"),
        "PYTHONPATH": os.pathsep.join([root, *filter(None, [before.get("PYTHONPATH")])]),
        "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": f"{TTL_SECONDS} s",
        "DASK_TEMPORARY_DIRECTORY": folders["TMPDIR"],
    }
    for name in ("MEDIADASK_LEDGER", "MEDIADASK_POOL", "PYTHONDONTWRITEBYTECODE"):
        os.environ.pop(name, None)
    settings = {
        "distributed.scheduler.worker-ttl": f"{TTL_SECONDS} s",
        "temporary-directory": folders["TMPDIR"],
    }
    temporary, tempfile.tempdir = tempfile.tempdir, None
    try:
        with dask.config.set(settings):
            yield
    finally:
        tempfile.tempdir = temporary
        os.environ.clear()
        os.environ |= before


@contextmanager
def _disk(folder: Path, name: str) -> Iterator[None]:
    """A small disk of its own for this folder, if one is asked for."""
    if not name:
        yield
        return
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=700", "chaos", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
