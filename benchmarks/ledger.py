"""What the ledger costs a pool: writing a unit, the room it takes, and what reports over a million take."""

from __future__ import annotations

import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import cycle
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from benchmarks.measure import isolated
from benchmarks.report import Row, at_most
from mediadask.pool.config import load_config
from mediadask.pool.history import (
    Attempt,
    AttemptEnded,
    JobEnded,
    JobSubmitted,
    WorkerJoined,
    new_id,
    utc_now,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JOBS, UNITS_EACH, WORKERS = 5_000, 200, 64
SHOWS, CLASSES = ("AGM", "DUNE", "ATLAS", "HOUSE"), ("urgent", "normal", "background")


@dataclass(frozen=True)
class Kept:
    """What a ledger of so many units took to write and to ask."""

    write_seconds: float
    """CPU of the process, for one unit."""

    unit_bytes: float
    costs_seconds: float
    """CPU: the database is in the process, and the machine may have other things to do."""

    turnaround_seconds: float
    page_cpu_seconds: float
    page_hold_seconds: float
    """The longest that another thread, such as the scheduler's, had to wait while the page was read."""

    prune_seconds: float
    pruned_bytes: float


def measure(jobs: int, times: int) -> Kept:
    from mediadask.pool.ledger.ledger import Ledger

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite"
        with Ledger(str(path)) as ledger:
            workers = [f"Worker-{token_hex(4)}-{token_hex(16)}" for _ in range(WORKERS)]
            for worker in workers:
                ledger.record(WorkerJoined(worker=worker, tier="spot", price_per_hour=2.0, threads=1))
            ledger.flush()
            began = time.process_time()
            for number in range(jobs):
                one_job(ledger.record, number, workers)
                while ledger.backlog > 20_000:
                    ledger.flush()
            ledger.flush(None)
            write = time.process_time() - began
        units = jobs * UNITS_EACH
        size = path.stat().st_size
        return Kept(write / units, size / units, *ask(path, times))


def one_job(record: Callable[..., None], number: int, workers: list[str]) -> None:
    job, at = new_id(), utc_now()
    show, priority = SHOWS[number % len(SHOWS)], CLASSES[number % len(CLASSES)]
    record(
        JobSubmitted(job=job, name=f"turnover {number}", show=show, priority=priority, kind="pull", groups=8)
    )
    for _, worker in zip(range(UNITS_EACH), cycle(workers[number % WORKERS :] + workers[: number % WORKERS])):
        attempt = Attempt(
            id=new_id(), job=job, unit=f"pull-{token_hex(16)}", kind="pull exr", frames=48, worker=worker
        )
        record(AttemptEnded(attempt=attempt, outcome="done", run_seconds=4.2, started=at))
    record(JobEnded(job=job, status="done", seconds=90.0, running_seconds=80.0, groups_done=8))


def ask(path: Path, times: int) -> tuple[float, ...]:
    from mediadask.pool.ledger.costs import costs
    from mediadask.pool.ledger.prune import give_back_space, prune
    from mediadask.pool.ledger.reports import delays, turnaround
    from mediadask.pool.ledger.tables import open_database

    engine, config = open_database(str(path)), load_config()
    costs(engine, config)  # imports and the file's pages in memory, as in a pool
    asked = [
        min(_seconds(partial(report, engine, config)) for _ in range(times)) for report in (costs, turnaround)
    ]
    with Watched() as watched:
        began = time.process_time()
        for report in (costs, turnaround, lambda engine, _: delays(engine)):
            report(engine, config)
        page = time.process_time() - began
    pruned = _seconds(lambda: prune(engine, utc_now() + timedelta(days=1)))
    give_back_space(engine)
    engine.dispose()
    return (*asked, page, watched.longest, pruned, float(path.stat().st_size))


class Watched:
    """The longest that a thread which wants to run every millisecond did not."""

    def __enter__(self) -> Watched:
        self.longest, self._ends = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ends.set()
        self._thread.join()

    def _watch(self) -> None:
        before = time.perf_counter()
        while not self._ends.wait(0.001):
            now = time.perf_counter()
            self.longest, before = max(self.longest, now - before), now


def _seconds(what: Callable[[], object]) -> float:
    began = time.process_time()
    what()
    return time.process_time() - began


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    jobs = 50 if quick else JOBS
    kept: Kept = isolated(measure, jobs, rounds)
    case = f"{jobs * UNITS_EACH:,} units of {jobs:,} jobs in SQLite"
    row = partial(Row, "ledger", case)
    yield row("CPU µs to write a unit", kept.write_seconds * 1e6, at_most(50))
    yield row("bytes a unit", kept.unit_bytes, at_most(150))
    yield row("costs, CPU seconds", kept.costs_seconds, at_most(1))
    yield row("turnaround, CPU seconds", kept.turnaround_seconds, at_most(1))
    yield row(
        "the page: longest wait of the scheduler's thread, seconds",
        kept.page_hold_seconds,
        at_most(0.3),
        note=f"CPU {kept.page_cpu_seconds:.2f} s, without Python's lock for most of it",
    )
    yield row(
        "pruned to sums, CPU seconds", kept.prune_seconds, note=f"{kept.pruned_bytes / 1e6:.1f} MB are left"
    )
