"""Copies that are verified: a file is read once, hashed while it is written to all places, and read back.

It gets its name at a place only when what is there has the hash of what was read. Until then it lies in the
place's hidden workspace, so a file under its own name is whole, whenever the power goes.
"""

from __future__ import annotations

import os
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from mediadask.checkpoint import checkpoint
from mediadask.clips.storage import storage_errors
from mediadask.delivery import Failure, attempt
from mediadask.errors import MediaChanged, OutputFailed, UnreadableMedia
from mediadask.integrity.folder import FolderFile
from mediadask.integrity.hashes import FORMATS, Hashes, chunks_of, fresh, reader
from mediadask.integrity.receipts import Receipt, write_receipts
from mediadask.integrity.records import Claim, difference
from mediadask.render.output import output_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    Steps = Generator[None, None, None]

__all__ = ["Copied", "CopyTask", "Place", "Placed", "copy_batch", "copy_file"]

_SYNC_BYTES = 256 << 20
"""After so many bytes they are put on the disk: a sync at the end of a long clip would take minutes."""


@dataclass(frozen=True)
class Place:
    """Where a card goes."""

    root: str
    """The folder that becomes the image of the card."""

    workspace: str
    """A hidden folder on the same disk, for what is unfinished."""


@dataclass(frozen=True)
class CopyTask:
    """One file of a card."""

    file: FolderFile
    formats: tuple[str, ...]
    """Hashes to take of it."""

    claims: tuple[Claim, ...] = ()
    """What the card's own manifests say of it."""

    receipts: tuple[Receipt | None, ...] = ()
    """What an earlier run has left at each place."""

    any_will_do: bool = False
    """Whether a file that is at a place already may differ: a chain of manifests grows there."""


@dataclass(frozen=True)
class Placed:
    """A file at a place, verified."""

    is_new: bool
    """Whether it was copied now; else it was there."""

    modified_ns: int


@dataclass(frozen=True)
class Copied:
    """One file of a card, and what became of it at each place."""

    file: FolderFile
    hashes: dict[str, str]
    places: tuple[Placed | Failure, ...]


def copy_batch(card: str, places: Sequence[Place], tasks: Sequence[CopyTask]) -> list[Copied | Failure]:
    """Each file on its own: one that fails stops no other, and what was done is written down."""
    found: list[Copied | Failure] = []
    with ThreadPoolExecutor(max(len(places), 1)) as threads:
        try:
            for task in tasks:
                done = attempt(partial(copy_file, card, places, task, threads))
                found.append(done)
        finally:
            for row, place in enumerate(places):
                write_receipts(place.workspace, _receipts(place, row, tasks, found))
    return found


def _receipts(
    place: Place, row: int, tasks: Sequence[CopyTask], found: Sequence[Copied | Failure]
) -> Iterable[Receipt]:
    for task, copied in zip(tasks, found, strict=False):
        if isinstance(copied, Copied) and isinstance(copied.places[row], Placed):
            known = task.receipts[row] if task.receipts else None
            if known is None or not known.is_of(copied.file):
                with suppress(OSError):
                    yield Receipt.of(copied.file, copied.hashes, os.path.join(place.root, copied.file.path))


def copy_file(card: str, places: Sequence[Place], task: CopyTask, threads: ThreadPoolExecutor) -> Copied:
    """Copy a file to the places that lack it, and verify it at all of them.

    Raises
    ------
    MissingMedia, UnreadableMedia, MediaChanged
        If the card's file cannot be read, is not what the card's manifest says, or was written to since.
    """
    file = task.file
    source = os.path.join(card, file.path)
    known = [_remembered(place, row, task) for row, place in enumerate(places)]
    if all(known) and (hashes := _agreed(task.receipts)):
        return Copied(file, hashes, tuple(placed for placed in known if placed))
    with ExitStack() as stack:
        targets = [_Target(place, file, any_will_do=task.any_will_do) for place in places]
        for target in targets:
            target.attempt(target.open)
            stack.callback(target.abandon)
        if failures := _failures(targets):
            return Copied(file, {}, failures)
        with storage_errors(source):
            hashes = _read_to(source, file, task.formats, targets, threads)
        if failures := _failures(targets):
            return Copied(file, {}, failures)
        if wrong := difference(task.claims, file.size_bytes, hashes):
            raise UnreadableMedia(
                f"{wrong}, the card's own manifest", where=source, do="copy it from another card"
            )
        wanted = min(hashes, key=FORMATS.index)
        receipts = task.receipts or (None,) * len(places)
        unread = [
            target
            for target, placed, receipt in zip(targets, known, receipts, strict=True)
            if not target.failure
            and not (placed and receipt and receipt.hashes.get(wanted) == hashes[wanted])
            and not (task.any_will_do and target.is_there)
        ]
        _read_back(unread, wanted, hashes[wanted], threads)
        for target in targets:
            target.attempt(target.commit)
        return Copied(file, hashes, tuple(target.result() for target in targets))


def _failures(targets: Sequence[_Target]) -> tuple[Failure, ...]:
    """The failure at each place, once no place is left; empty while there is one."""
    failures = tuple(target.failure for target in targets if target.failure)
    return failures if len(failures) == len(targets) else ()


def _remembered(place: Place, row: int, task: CopyTask) -> Placed | None:
    """A file that an earlier run verified at a place and that nobody has touched since."""
    receipt = task.receipts[row] if task.receipts else None
    if receipt is None or not receipt.is_of(task.file):
        return None
    if set(task.formats) - set(receipt.hashes):
        return None
    return receipt.standing(os.path.join(place.root, task.file.path), Placed)


def _agreed(receipts: Iterable[Receipt | None]) -> dict[str, str] | None:
    found = [dict(receipt.hashes) for receipt in receipts if receipt]
    return found[0] if found and all(each == found[0] for each in found) else None


def _read_to(
    source: str,
    file: FolderFile,
    formats: tuple[str, ...],
    targets: Sequence[_Target],
    threads: ThreadPoolExecutor,
) -> dict[str, str]:
    """Read a card's file once, as long as a place takes it; a chunk is written while the next is read."""
    hashes, length = Hashes(formats), 0
    with reader(source) as descriptor:
        before = os.fstat(descriptor)
        writing: list[Future[None]] = []
        try:
            for chunk in chunks_of(descriptor, buffers=2):
                _wait(writing)
                if _failures(targets):
                    return {}
                writing = [threads.submit(target.attempt, partial(target.write, chunk)) for target in targets]
                hashes.update(chunk)
                length += len(chunk)
                checkpoint()
        finally:
            _wait(writing)
        after = os.fstat(descriptor)
    was = (file.size_bytes, file.modified_ns)
    if not (was == (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)):
        raise MediaChanged(
            "was written to since it was listed", where=source, do="run again when the card rests"
        )
    if length != file.size_bytes:
        raise UnreadableMedia(
            f"ends after {length} of {file.size_bytes} bytes", where=source, do="check the card"
        )
    return hashes.values()


def _wait(writing: Iterable[Future[None]]) -> None:
    for each in writing:
        each.result()


def _read_back(targets: Sequence[_Target], format: str, wanted: str, threads: ThreadPoolExecutor) -> None:
    """Read files at several places side by side, a chunk at a time, and compare their hashes."""
    with ExitStack() as stack:
        reading = []
        for _ in threads.map(lambda target: target.attempt(target.sync), targets):
            pass
        for target in targets:
            steps = target.reading(format, wanted)
            stack.callback(steps.close)
            reading.append((target, steps))
        while reading:
            futures = [(one, threads.submit(one[0].step, one[1])) for one in reading]
            reading = [one for one, future in futures if future.result()]
            checkpoint()


class _Target:
    """A card's file at one place. What goes wrong there is kept, and stops no other place."""

    def __init__(self, place: Place, file: FolderFile, any_will_do: bool) -> None:
        self.path = os.path.join(place.root, file.path)
        self.is_there = os.path.lexists(self.path)
        self._any_will_do = any_will_do
        self.failure: Failure | None = None
        self._file = file
        self._temporary = os.path.join(place.workspace, f"{uuid.uuid4().hex}.part")
        self._descriptor = -1
        self._unsynced = 0
        self._modified_ns = 0

    def attempt(self, call: Callable[[], None]) -> None:
        """Call it unless something has gone wrong here before."""
        if self.failure is None:

            def guarded() -> None:
                with output_errors(self.path):
                    call()

            failed = attempt(guarded)
            if isinstance(failed, Failure):
                self.failure = failed

    def open(self) -> None:
        if self.is_there:
            alike = self._any_will_do or os.stat(self.path).st_size == self._file.size_bytes
            if os.path.islink(self.path) or not alike:
                self._refuse()
            return
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        os.makedirs(os.path.dirname(self._temporary), exist_ok=True)
        self._descriptor = os.open(self._temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)

    def _refuse(self) -> None:
        raise OutputFailed(
            "is there already, and is not the card's file",
            where=self.path,
            do="move it away, or give the roll another name with --roll",
        )

    def write(self, chunk: memoryview) -> None:
        if self.is_there:
            return
        while chunk:
            written = os.write(self._descriptor, chunk)
            self._unsynced += written
            chunk = chunk[written:]
        if self._unsynced >= _SYNC_BYTES:
            os.fsync(self._descriptor)
            self._unsynced = 0

    def sync(self) -> None:
        """Have it on the disk, so that reading it back comes from there."""
        if self.is_there:
            self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        else:
            os.fsync(self._descriptor)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
        fresh(self._descriptor)

    def reading(self, format: str, wanted: str) -> Steps:
        """Read it back; each step is a chunk, and the last compares."""
        if self.failure is not None:
            return
        hashes = Hashes((format,))
        for chunk in chunks_of(self._descriptor):
            hashes.update(chunk)
            yield
        if hashes.values()[format] != wanted:
            if self.is_there:
                self._refuse()
            raise OutputFailed(
                "is not what was written to it", where=self.path, do="check the disk, then run again"
            )

    def step(self, steps: Steps) -> bool:
        """Whether there was another step."""
        more = False

        def go_on() -> None:
            nonlocal more
            more = next(steps, self) is None

        self.attempt(go_on)
        return more

    def commit(self) -> None:
        """Give it its name, with the time of the card's file."""
        if not self.is_there:
            os.utime(self._temporary, ns=(self._file.modified_ns, self._file.modified_ns))
            if os.path.lexists(self.path):
                self._refuse()
            os.rename(self._temporary, self.path)
            _sync_folder(os.path.dirname(self.path))
        self._modified_ns = os.stat(self.path).st_mtime_ns

    def abandon(self) -> None:
        """Close it; what has no name yet goes."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        with suppress(OSError):
            os.unlink(self._temporary)

    def result(self) -> Placed | Failure:
        return self.failure or Placed(not self.is_there, self._modified_ns)


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
