"""Usage, endings and start-up of the command."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mediadask import footage

if TYPE_CHECKING:
    from tests.cli.conftest import Run

COMMAND = str(Path(sys.executable).with_name("mediadask"))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["info"], "mediadask info: Missing argument 'CLIP'; see mediadask info --help"),
        (
            ["info", "--nonsense", "x"],
            "mediadask info: No such option: --nonsense; see mediadask info --help",
        ),
        (["nonsense"], "mediadask: No such command 'nonsense'; see mediadask --help"),
        (["proxy", "x.mov"], "mediadask proxy: Missing option '--out' / '-o'; see mediadask proxy --help"),
        (
            ["archive", "x.mov", "--out", "x", "--on-corrupt", "pray"],
            "mediadask archive: Invalid value for '--on-corrupt': 'pray' is not one of "
            "'fail', 'hold', 'black'; see mediadask archive --help",
        ),
        (
            ["proxy", "x.mov", "--out", "x", "--codec", "betamax"],
            "mediadask: no proxies are made as 'betamax'; use h264, hevc, av1, prores, dnxhr",
        ),
        (
            ["proxy", "x.mov", "--out", "x", "--option", "crf"],
            "mediadask: --option crf: is not NAME=VALUE; write --option crf=18",
        ),
        (
            ["info", "x.mov", "--deadline", "soon"],
            "mediadask: --deadline soon: is not a time; write 90m, 2h, 18:30 or 2026-05-01T09:00",
        ),
    ],
)
def test_bad_usage_is_one_line_that_says_what_to_do(run: Run, words: list[str], complaint: str) -> None:
    done = run(*words)
    # Some versions of Typer say what kind of Python error it was.
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.replace("Value error, ", "") == complaint + "\n"


def test_no_pool_at_an_address_is_bad_input(run: Run) -> None:
    impatient = {**os.environ, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "1s"}
    done = run("info", "x.mov", "--pool", "tcp://127.0.0.1:9", env=impatient)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(
        r"mediadask: tcp://127.0.0.1:9: no pool answers .+; check the address.+\n", done.stderr
    )


def test_the_version(run: Run) -> None:
    assert run("--version").stdout == f"mediadask {version('mediadask')}\n"


@pytest.mark.parametrize("words", [[], ["info"], ["proxy"], ["sheet"], ["archive"]])
def test_help_explains_itself(run: Run, words: list[str]) -> None:
    done = run(*words, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: mediadask" in done.stdout


def test_a_closed_pipe_is_quiet(good: Path, tmp_path: Path) -> None:
    clips = []
    for number in range(100):
        clips.append(str(tmp_path / f"{number}.mov"))
        os.link(good, clips[-1])
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [COMMAND, "info", "--json", *clips], stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert done.stderr == b""
    assert done.returncode != 0


def test_interrupting_ends_it_at_once_and_quietly(tmp_path: Path) -> None:
    clip = footage.write_clip(
        tmp_path / "long.mov", codec="prores_ks", pixel_format="yuv422p10le", frames=96, size=(640, 360)
    )
    words = ["proxy", clip, "--out", tmp_path / "out", "--workers", "1", "--option", "preset=placebo"]
    # A group of its own: a terminal sends the signal to every process of the group. A shell that runs the
    # tests in the background has them ignore it.
    process = subprocess.Popen(
        [COMMAND, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not list((tmp_path / "out").rglob("*")) and process.poll() is None:
        pass
    os.killpg(process.pid, signal.SIGINT)
    shown, complaints = process.communicate(timeout=60)
    assert (process.returncode, shown, complaints) == (130, b"", b"")
    assert not (tmp_path / "out" / "long.mp4").exists()


def loaded(*words: str) -> set[str]:
    """The modules a command imports."""
    code = (
        "import sys; from mediadask.cli.main import run; run(sys.argv[1:]); "
        "print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False, timeout=60
    )
    return set(done.stderr.split())


def test_help_waits_for_nothing_heavy() -> None:
    assert not loaded("--help") & {"av", "distributed", "xarray", "pandas", "OpenImageIO", "PyOpenColorIO"}


def test_info_of_one_clip_needs_no_cluster(good: Path) -> None:
    assert not loaded("info", str(good)) & {"distributed", "xarray", "pandas", "zarr"}


def test_a_rerun_with_nothing_left_to_do_starts_no_pool(good: Path, tmp_path: Path) -> None:
    for words in (
        ("proxy", str(good), "--out", str(tmp_path)),
        ("sheet", str(good), "--out", f"{tmp_path}/s.jpg"),
    ):
        assert "distributed" in loaded(*words)
        assert "distributed" not in loaded(*words)
    (tmp_path / "s.jpg").unlink()
    assert "distributed" in loaded(*words)
    assert (tmp_path / "s.jpg").exists()
