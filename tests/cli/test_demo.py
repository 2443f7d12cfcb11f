"""The README's first command, with a smaller show."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mediadask.cli import demo

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.cli.conftest import Run

SMALL = {"size": (320, 180), "frames": 6}


def test_a_show_is_made_and_taken_through_everything_once(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "_TAKES", [replace(take, how=take.how | SMALL) for take in demo._TAKES])
    first = run("demo", "show", "--workers", 2)
    assert (first.returncode, first.stderr.count("error")) == (0, 0), first.stderr
    for what in (
        "camera clips",
        "clips inspected",
        "review proxies",
        "contact sheets",
        "Zarr archive",
        "all of it",
    ):
        assert what in first.stdout
    show = tmp_path / "show"
    made = {path: path.stat().st_mtime_ns for path in show.rglob("*") if path.is_file()}
    assert [len(list((show / one).iterdir())) for one in ("footage", "proxies", "sheets", "archive")] == [
        5,
        5,
        5,
        1,
    ]
    assert run("demo", "show", "--workers", 2).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in made} == made, "what is there is not made again"
