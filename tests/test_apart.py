"""Calls apart: whatever they do to their process, the caller hears one line and goes on."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from tblib import pickling_support

from mediadask.apart import MEMORY_BYTES, abandon, apart
from mediadask.errors import InvalidRequest, UnreadableMedia
from tests.cli.conftest import COMMAND
from tests.pool.waiting import eventually

if TYPE_CHECKING:
    from tests.conftest import MakeClip

HOW = {"seconds": 60.0, "where": "/card/a.mov"}


def refuse(what: str) -> None:
    raise InvalidRequest(what, where="here", do="ask for less")


def crash() -> None:
    ctypes.string_at(0)


def fill() -> int:
    return int(np.ones(MEMORY_BYTES, np.uint8).sum())


def fail() -> None:
    raise OSError("a library's own")


def send_causes() -> None:
    """As an import of Dask does for the errors of every module that is imported by then."""
    pickling_support.install()


def lack_memory() -> None:
    raise av.error.MemoryError(errno.ENOMEM, "Cannot allocate memory")


def refuse_for_lack_of_memory() -> None:
    try:
        lack_memory()
    except MemoryError as error:
        raise UnreadableMedia("is damaged", where="here") from error


def test_what_is_returned_and_raised_comes_back() -> None:
    assert apart(os.getpid, **HOW) != os.getpid()
    np.testing.assert_array_equal(apart(np.arange, 5, **HOW), range(5))
    with pytest.raises(InvalidRequest, match="here: too much; ask for less"):
        apart(refuse, "too much", **HOW)
    with pytest.raises(RuntimeError, match="a library's own"):
        apart(fail, **HOW)


def test_an_error_of_a_library_that_cannot_be_sent_comes_back_as_ours() -> None:
    """Once Dask is imported, errors are pickled with their causes; this one of PyAV cannot be read back."""
    apart(send_causes, **HOW)
    with pytest.raises(MemoryError, match="Cannot allocate memory"):
        apart(lack_memory, **HOW)
    with pytest.raises(UnreadableMedia, match="here: is damaged"):
        apart(refuse_for_lack_of_memory, **HOW)


def test_a_process_serves_call_after_call() -> None:
    assert apart(os.getpid, **HOW) == apart(os.getpid, **HOW)


@pytest.mark.parametrize(("call", "how"), [(crash, "SIGSEGV"), (os.abort, "SIGABRT")])
def test_a_crash_is_a_line_that_names_the_file(call: object, how: str) -> None:
    with pytest.raises(UnreadableMedia, match=rf"/card/a.mov: crashed what reads it \({how}\)"):
        apart(call, **HOW)  # type: ignore[arg-type]
    assert apart(abs, -1, **HOW) == 1


def test_what_never_ends_is_ended() -> None:
    before = apart(os.getpid, **HOW)
    with pytest.raises(UnreadableMedia, match="was not read within 0 seconds"):
        apart(signal.pause, seconds=0.2, where="/card/a.mov")
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say how much a process may have")
def test_memory_has_a_bound() -> None:
    with pytest.raises(MemoryError):
        apart(fill, **HOW)


def test_calls_under_way_end_when_they_are_abandoned() -> None:
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(apart, signal.pause, **HOW)
        while not call.done():  # there may be no process yet
            abandon()
        with pytest.raises(UnreadableMedia, match="was being read when that was given up"):
            call.result()
    assert apart(abs, -1, **HOW) == 1


def test_an_environment_that_changed_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = apart(os.getpid, **HOW)
    monkeypatch.setenv("KEY_OF_A_SERVER", "new")
    assert apart(os.getenv, "KEY_OF_A_SERVER", **HOW) == "new"
    monkeypatch.delenv("KEY_OF_A_SERVER")
    assert apart(os.getenv, "KEY_OF_A_SERVER", **HOW) is None
    assert apart(os.getpid, **HOW) == before, "and takes no new process"


READER = """
    import os, signal
    from pathlib import Path
    from mediadask.clips.storage import stat

    class CrashReader:
        name, version = "crash", 1

        def claims(self, url):
            return url.endswith((".crash.mov", ".hang.mov"))

        def files(self, url):
            return (stat(url),)

        def probe(self, url, files):
            if url.endswith(".crash.mov"):
                os.abort()
            Path(url + ".begun").touch()
            signal.pause()
"""


@pytest.fixture
def vendors(tmp_path: Path) -> dict[str, str]:
    """An environment with a vendor's reader, which comes in by the door of ours: it crashes, or hangs."""
    installed = tmp_path / "installed"
    (installed / "crash-1.dist-info").mkdir(parents=True)
    told = "Metadata-Version: 2.1\nName: crash\nVersion: 1\n"
    (installed / "crash-1.dist-info" / "METADATA").write_text(told)
    entry = "[mediadask.readers]\ncrash = crash_reader:CrashReader\n"
    (installed / "crash-1.dist-info" / "entry_points.txt").write_text(entry)
    (installed / "crash_reader.py").write_text(textwrap.dedent(READER))
    path = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path}


def test_info_and_sheets_outlive_a_reader_that_crashes(
    vendors: dict[str, str], tmp_path: Path, make_clip: MakeClip
) -> None:
    good = make_clip("good.mov", codec="mpeg4", frames=2)
    bad = tmp_path / "bad.crash.mov"
    bad.write_bytes(b"anything")
    for words in (["info", bad, good], ["sheet", bad, good, "--out", tmp_path / "out"]):
        command = [COMMAND, *map(str, words)]
        done = subprocess.run(command, env=vendors, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "good" in done.stdout
        assert done.stderr.startswith(f"{bad}: crashed what reads it (SIGABRT)")
        assert len(done.stderr.splitlines()) == 1


def test_a_command_that_waits_for_a_reader_can_be_interrupted(
    vendors: dict[str, str], tmp_path: Path
) -> None:
    clips = [tmp_path / f"{number}.hang.mov" for number in range(3)]
    for clip in clips:
        clip.write_bytes(b"anything")
    command = subprocess.Popen(
        [COMMAND, "info", *map(str, clips)],
        env=vendors,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    eventually(lambda: any(tmp_path.glob("*.begun")) or command.poll() is not None)
    command.send_signal(signal.SIGINT)
    _, said = command.communicate(timeout=30)
    assert (command.returncode, said) == (130, "")
