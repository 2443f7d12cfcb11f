"""Usage, endings and start-up of the command."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import dask
import pytest

from mediadask import footage
from tests.cli.conftest import COMMAND
from tests.pool.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Run


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
            "mediadask proxy: Invalid value for '--codec': 'betamax' is not one of "
            "'h264', 'hevc', 'av1', 'prores', 'dnxhr'; see mediadask proxy --help",
        ),
        (
            ["proxy", "x.mov", "--out", "x", "--option", "crf"],
            "mediadask: --option crf: is not NAME=VALUE; put a = between the two",
        ),
        (
            ["info", "x.mov", "--deadline", "soon"],
            "mediadask: --deadline soon: is not a time; write 90m, 2h, 18:30 or 2026-05-01T09:00",
        ),
        (
            ["info", "x.mov", "--pool", "local", "--workers", "2"],
            "mediadask: --workers 2: the workers of a pool that is up are its own; "
            "leave it out, or --pool local (MEDIADASK_POOL)",
        ),
        (
            ["info", "x.mov", "--priority", "asap"],
            "mediadask: no priority class 'asap'; use one of urgent, normal, background",
        ),
    ],
)
def test_bad_usage_is_one_line_that_says_what_to_do(run: Run, words: list[str], complaint: str) -> None:
    done = run(*words)
    # Some versions of Typer say what kind of Python error it was.
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.replace("Value error, ", "") == complaint + "\n"


def test_no_pool_at_an_address_is_bad_input(run: Run) -> None:
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        done = run("info", "x.mov", "--pool", "tcp://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(
        r"mediadask: tcp://127.0.0.1:9: no pool answers .+; check the address.+\n", done.stderr
    )


def test_settings_that_are_no_yaml_are_bad_input(installed: Run, good: Path, tmp_path: Path) -> None:
    (tmp_path / "house.yaml").write_text("mediadask: [")
    done = installed("proxy", good, "--out", "x", DASK_CONFIG=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"mediadask: A dask config file at '{tmp_path / 'house.yaml'}' is malformed" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_version(installed: Run) -> None:
    told = re.escape(f"mediadask {version('mediadask')}")
    assert re.fullmatch(rf"{told}( \([0-9a-f]{{7,}}(-dirty)?\))?\n", installed("--version").stdout)


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


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii:strict"])
@pytest.mark.parametrize("form", [[], ["--json"], ["--csv"]])
def test_a_name_that_is_no_text_is_written_out(encoding: str, form: list[str], tmp_path: Path) -> None:
    clip = os.fsencode(tmp_path) + b"/caf\xe9.mov"
    footage.write_clip(tmp_path / "a.mov", codec="mjpeg", pixel_format="yuvj420p", frames=1, size=(96, 64))
    os.rename(tmp_path / "a.mov", clip)
    done = subprocess.run(
        [COMMAND, "info", *form, clip],
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        check=True,
    )
    assert b"caf\\udce9.mov" in done.stdout
    if form == ["--json"]:
        assert os.path.exists(json.loads(done.stdout)[0]["path"])


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
    eventually(lambda: any((tmp_path / "out").rglob("*")) or process.poll() is not None)
    os.killpg(process.pid, signal.SIGINT)
    shown, complaints = process.communicate(timeout=600)
    assert (process.returncode, shown, complaints) == (130, b"", b"")
    assert not (tmp_path / "out" / "long.mp4").exists()


IMPORTS = """
import json, sys
from mediadask.cli.main import run
for words in json.loads(sys.argv[1]):
    run(words)
    print(json.dumps([words, list(sys.modules)]), file=sys.stderr)
"""


def loaded(*commands: list[str]) -> Iterator[tuple[str, set[str]]]:
    """Commands that one process runs, and the modules it has imported after each."""
    words = [sys.executable, "-c", IMPORTS, json.dumps(commands)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=600)
    for line in done.stderr.splitlines():
        said, modules = json.loads(line)
        yield " ".join(said), set(modules)


def test_help_and_one_clip_wait_for_nothing_heavy(good: Path) -> None:
    (_, of_help), (_, of_info) = loaded(["--help"], ["info", str(good)])
    assert not of_help & {"av", "distributed", "xarray", "pandas", "OpenImageIO", "PyOpenColorIO"}
    assert not of_info & {"distributed", "xarray", "pandas", "zarr"}


def test_a_rerun_with_nothing_left_to_do_starts_no_pool(
    run: Run, good: Path, tmp_path: Path, scheduler: str
) -> None:
    frames = tmp_path / "B001" / "B001.%04d.exr"
    frames.parent.mkdir()
    footage.write_sequence(frames, frames=6, size=(64, 36), timecode="10:00:00:00", reel="B001")
    for reel in ("A001", "B001"):
        event = f"001  {reel}  V  C  10:00:00:01 10:00:00:03 01:00:00:00 01:00:00:02"
        (tmp_path / f"{reel}.edl").write_text(f"TITLE: {reel}\n{event}\n")
    sheet = ["sheet", f"{good}", "--out", "sheets/s.jpg"]
    commands = [
        ["proxy", f"{good}", "--out", "proxies"],
        sheet,
        ["archive", f"{good}", "--out", "a.zarr"],
        ["trim", "A001.edl", "--media", f"{good.parent}", "--out", "trims"],
        ["trim", "B001.edl", "--media", f"{frames.parent}", "--out", "trims"],
        ["pull", "A001.edl", "--media", f"{good.parent}", "--out", "plates", "--no-review"],
    ]
    commands[-1] += ["--input-space", "Linear Rec.709 (sRGB)"]
    for words in commands:
        assert run(*words, "--pool", scheduler).returncode == 0
    for command, modules in loaded(*commands):
        assert "distributed" not in modules, command
    (tmp_path / "sheets" / "s.jpg").unlink()
    ((_, modules),) = loaded(sheet)
    assert "distributed" in modules
    assert (tmp_path / "sheets" / "s.jpg").exists()
