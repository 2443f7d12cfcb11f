"""What every writer of outputs must hold to, as tests.

Write a test module with a subclass for each kind of output, and run it with pytest::

    class TestProxy(WriterConformance):
        format = MOVIE
        outputs = "*.mp4"

        @pytest.fixture(scope="class")
        @classmethod
        def sources(cls, tmp_path_factory):
            ...                             # a folder with what the output is made of

        def deliver(self, sources, out):
            return mediadask.proxy(f"{sources}/A001.mov", out)
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import dask
import pytest

from mediadask.checkpoint import checkpoints_call
from mediadask.clips.storage import filesystem_of
from mediadask.errors import MediaError

if TYPE_CHECKING:
    from mediadask.delivery import Delivery, Report
    from mediadask.render.output import Format

__all__ = ["WriterConformance"]


class WriterConformance:
    """A writer's duties. Subclasses name `format` and `outputs`, and give `sources` and `deliver`."""

    format: Format

    outputs: str
    """Which files or folders of all that is delivered are outputs of this format, as a glob."""

    @pytest.fixture(scope="class")
    @classmethod
    def sources(cls) -> Path:
        """A folder with everything that the outputs are made of."""
        raise NotImplementedError

    def deliver(self, sources: Path, out: str) -> Delivery:
        """What makes the outputs of the folder `sources` in the folder `out`, which may be a URL."""
        raise NotImplementedError

    def comparable(self, content: bytes) -> bytes:
        """A file's bytes without what tells when and where it was written."""
        return content

    @pytest.fixture(scope="class")
    @classmethod
    def made(cls, sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """A folder in which everything is made."""
        out = tmp_path_factory.mktemp("made") / "out"
        cls()._run(sources, str(out))
        return out

    def test_outputs_say_what_they_were_made_from(self, made: Path) -> None:
        """Each carries its mark inside, and nothing unfinished is left beside them."""
        found = self._found(made)
        assert found
        for path in found:
            mark = self.format.read_mark(str(path))
            assert mark is not None
            assert mark.made_from
            assert mark.source
        assert not [*made.rglob(".mediadask"), *made.rglob("*.part*")]

    def test_a_second_run_writes_nothing(self, sources: Path, made: Path) -> None:
        """What is there is known, and left as it is."""
        before = _stamps(made)
        self._run(sources, str(made))
        assert _stamps(made) == before

    def test_the_same_work_gives_the_same_bytes(self, sources: Path, made: Path, tmp_path: Path) -> None:
        """Everything written again is as it was."""
        again = made.rename(tmp_path / "before")
        self._run(sources, str(made))
        try:
            assert self._contents(str(made)) == self._contents(str(again))
        finally:
            shutil.rmtree(again)

    def test_an_object_store_holds_the_same(self, sources: Path, made: Path) -> None:
        """Outputs do not depend on where they are put."""
        out = f"memory://{type(self).__name__}/out"
        self._run(sources, out)
        assert self._contents(out) == self._contents(str(made))

    @pytest.mark.parametrize("share", [0.0, 0.5, 1.0], ids=["first", "middle", "last"])
    def test_a_run_that_is_broken_off_leaves_no_half_output(
        self, sources: Path, made: Path, tmp_path: Path, share: float
    ) -> None:
        """Wherever work ends, each output is whole or not there, and the next run makes the rest."""
        out = str(tmp_path / "out")
        counted = _Checkpoints()
        with checkpoints_call(counted):
            self._run(sources, str(tmp_path / "counted"))
        counted.left = max(round(share * counted.count), 1)
        with checkpoints_call(counted), suppress(_BrokenOff):
            self._run(sources, out)
        whole = self._contents(str(made))
        there = self._contents(out) if os.path.isdir(out) else {}
        assert not there.keys() - whole.keys()
        assert there == {name: whole[name] for name in there}
        self._run(sources, out)
        assert self._contents(out) == whole

    def test_what_was_not_made_here_is_never_replaced(
        self, sources: Path, made: Path, tmp_path: Path
    ) -> None:
        """Somebody else's file in an output's place stays, and a line says so."""
        foreign = [tmp_path / "out" / path.relative_to(made) for path in self._found(made)]
        for path in foreign:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"precious")
        lines = self._complaints(sources, str(tmp_path / "out"))
        assert any("not made here" in line for line in lines), lines
        assert {path.read_bytes() for path in foreign} == {b"precious"}

    def test_outputs_of_another_source_are_never_replaced(
        self, sources: Path, made: Path, tmp_path: Path
    ) -> None:
        """Two sources of one name do not take turns in one place."""
        shutil.copytree(sources, tmp_path / "others")
        out = tmp_path / "out"
        shutil.copytree(made, out)
        before = self._contents(str(out))
        assert self._complaints(tmp_path / "others", str(out))
        assert self._contents(str(out)) == before

    @pytest.mark.parametrize("eighths", range(8))
    def test_a_damaged_file_is_no_fault(self, made: Path, tmp_path: Path, eighths: int) -> None:
        """A file that is cut short has its mark or not, and reading raises nothing; an empty one has none."""
        path = next(iter(self._found(made)))
        copy = tmp_path / path.name
        if path.is_dir():
            shutil.copytree(path, copy)
        else:
            copy.write_bytes(path.read_bytes())
        for file in [copy] if copy.is_file() else [file for file in copy.rglob("*") if file.is_file()]:
            os.truncate(file, file.stat().st_size * eighths // 8)
        mark = self.format.read_mark(str(copy))
        assert mark is None or eighths
        assert self.format.read_mark(str(tmp_path / "nothing")) is None

    def _run(self, sources: Path, out: str) -> None:
        report = _computed(self.deliver(sources, out))
        assert not report.failures, report.failures

    def _complaints(self, sources: Path, out: str) -> list[str]:
        try:
            report = _computed(self.deliver(sources, out))
        except MediaError as error:
            return [str(error)]
        return [outcome.failure.error for outcome in report.failures if outcome.failure]

    def _found(self, folder: Path) -> list[Path]:
        return sorted(folder.rglob(self.outputs))

    def _contents(self, folder: str) -> dict[str, bytes]:
        """The bytes of every file of an output, by its path in the folder."""
        filesystem, root = filesystem_of(folder)
        found = {}
        for path in filesystem.find(root):
            name = PurePosixPath(path.removeprefix(root).lstrip("/"))
            is_output = any(part.match(self.outputs) for part in (name, *name.parents))
            if is_output and ".mediadask" not in name.parts:
                found[str(name)] = self.comparable(filesystem.cat_file(path))
        return found


def _computed(delivery: Delivery) -> Report:
    (report,) = dask.compute(delivery, scheduler="sync")  # in this thread, whose checkpoints are counted
    found: Report = report
    return found


def _stamps(folder: Path) -> dict[Path, Any]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


class _BrokenOff(BaseException):
    """Ends work as an interrupt does: nothing that handles errors handles it."""


class _Checkpoints:
    """Counts checkpoints; with `left` set, breaks the work off when so many have been passed."""

    def __init__(self) -> None:
        self.count = 0
        self.left: int | None = None

    def __call__(self) -> None:
        self.count += 1
        if self.left is not None:
            self.left -= 1
            if self.left <= 0:
                raise _BrokenOff
