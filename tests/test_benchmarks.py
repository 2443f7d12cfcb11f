"""The harness of the figures: it measures what ran, in turn, and writes what it found."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import footage
from benchmarks.__main__ import FIGURES
from benchmarks.measure import Failed, Meter, Sample, in_turn, isolated, ratio, run
from benchmarks.report import Row, at_least, at_most
from mediadask.footage import picture

ROOT = Path(__file__).parent.parent


def burn(seconds: float) -> Sample:
    with Meter() as meter:
        done = time.process_time() + seconds
        while time.process_time() < done:
            pass
    return meter.sample("burnt")


def fail() -> None:
    raise ValueError("of itself")


def sleep() -> None:
    time.sleep(600)


def child_burns() -> Sample:
    code = "import time\nwhile time.process_time() < 0.5: pass\nx = bytearray(300_000_000)"
    return run([sys.executable, "-c", code])


def test_every_figure_is_told_of() -> None:
    told = (ROOT / "benchmarks" / "README.md").read_text()
    assert sorted(re.findall(r"^\| `(\w+)` \|", told, re.MULTILINE)) == sorted(FIGURES)


def test_a_sample_counts_the_process_it_ran_in() -> None:
    sample = isolated(burn, 0.5)
    assert sample.value == "burnt"
    assert 0.45 < sample.cpu_seconds < 1, "to a few of the kernel's ticks of 10 ms"


def test_a_sample_counts_children_and_the_largest_of_them() -> None:
    sample = isolated(child_burns)
    assert sample.cpu_seconds > 0.4
    assert sample.peak_bytes > 300_000_000


def test_what_fails_or_hangs_says_so() -> None:
    with pytest.raises(Failed, match="ValueError: of itself"):
        isolated(fail)
    with pytest.raises(Failed, match="longer than 1 s"):
        isolated(sleep, timeout=1)
    with pytest.raises(Failed, match="deliberate"):
        run([sys.executable, "-c", "raise SystemExit('deliberate')"])


def test_sides_take_turns_and_ratios_are_taken_round_by_round() -> None:
    order = []

    def side(name: str, *seconds: float) -> Sample:
        order.append(name)
        return Sample(seconds[len(order) // 3], 0, 0)

    samples = in_turn({"a": lambda: side("a", 1, 10), "b": lambda: side("b", 2, 40)}, 2)
    assert order == ["a", "b", "b", "a"]
    assert ratio(samples["a"], samples["b"], "wall_seconds") == pytest.approx((1 / 2 + 10 / 40) / 2)


def test_a_row_without_a_value_has_not_met_its_target() -> None:
    assert Row("f", "c", "w", 0.96, at_least(0.95)).met
    assert not Row("f", "c", "w", 1.06, at_most(1.05)).met
    assert Row("f", "c", "w", None, at_most(1)).met is False
    assert Row("f", "c", "w", 3).met is None


def test_numbers_are_read_under_damage_as_none() -> None:
    image = picture(77, 320, 180)
    assert footage.number_in(image) == 77
    assert footage.number_in(image * 0) is None


def test_the_command_measures_a_figure_and_writes_it(tmp_path: Path) -> None:
    pytest.importorskip("imageio_ffmpeg")
    out = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "opening", "--quick", "--json", str(out)]
    environment = {"PATH": "/usr/bin:/bin", "MEDIADASK_BENCHMARKS": str(tmp_path / "clips")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert found["machine"]["cores"] >= 1
    assert {row["figure"] for row in found["rows"]} == {"opening"}
    assert all(row["value"] > 0 and isinstance(row["met"], bool) for row in found["rows"])
    assert "targets met" in done.stdout


def test_an_unknown_figure_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "speed"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "no figure speed" in done.stderr
