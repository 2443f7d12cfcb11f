"""A finished pull run again: the whole command, while nothing is left to be done."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import footage
from benchmarks.measure import AS_INSTALLED, Failed, Sample, in_turn, median_of, run
from benchmarks.pull import LOG, PRORES_4444
from benchmarks.report import Row, at_most
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from collections.abc import Iterator


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    frames = 100 if quick else 1000
    with tempfile.TemporaryDirectory() as folder:
        command = finished(folder, frames)
        samples = in_turn({"rerun": lambda: rerun(command, Path(folder, "out"))}, rounds)
        seconds = median_of(samples["rerun"], "wall_seconds")
        cpu = median_of(samples["rerun"], "cpu_seconds")
        yield Row(
            "rerun",
            f"{frames} frames that are there",
            "s of pull, from start to end",
            seconds,
            at_most(2),
            note=f"CPU {cpu:.2f} s",
            samples=dict(samples),
        )


def finished(folder: str, frames: int) -> list[str]:
    """``mediadask pull`` of ten events, run to its end; the command."""
    events, length = 10, frames // 10
    clip = footage.clip("mov", PRORES_4444, frames=frames, size=(320, 180))
    media = Path(folder) / "media"
    media.mkdir()
    (media / "A001C001.mov").symlink_to(clip)
    edl = ["TITLE: RERUN", "FCM: NON-DROP FRAME", ""]
    start = Timecode.parse("01:00:00:00", 24)
    for number in range(events):
        first, last = str(start + number * length), str(start + (number + 1) * length)
        edl += [f"{number + 1:03}  AX  V  C  {first} {last} {first} {last}", "* FROM CLIP NAME: A001C001.mov"]
    (Path(folder) / "rerun.edl").write_text("\n".join(edl) + "\n")
    command = [str(Path(sys.executable).with_name("mediadask")), "pull", f"{folder}/rerun.edl"]
    command += ["--media", str(media), "--out", f"{folder}/out", "--handles", "0", "--input-space", LOG]
    command += ["--no-review"]
    asked = [*command, "--json"]
    first_run = subprocess.run(asked, capture_output=True, text=True, check=False, env=AS_INSTALLED)
    if first_run.returncode or sum(row["frames"] for row in json.loads(first_run.stdout)) != events * length:
        raise Failed(first_run.stderr.strip().splitlines()[-1] if first_run.stderr else "no frames")
    return command


def rerun(command: list[str], out: Path) -> Sample:
    """The command from starting the process to its end."""
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    taken = run(command)
    if before != {path: path.stat().st_mtime_ns for path in out.iterdir()}:
        raise Failed("the rerun rewrote something")
    return taken
