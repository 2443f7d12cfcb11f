"""A sample of mutants, on every run: `python -m tests.fuzz` runs as many as you like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fuzz.looks import look_at
from tests.fuzz.run import fuzz
from tests.fuzz.seeds import make_seeds

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_what_mutants_are_made_of_is_right(tmp_path: Path) -> None:
    seeds = make_seeds(tmp_path)
    assert {name: look_at(tmp_path / name) for name in seeds} == dict.fromkeys(seeds, "")


def test_five_hundred_mutants_give_pictures_or_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIADASK_CACHE", "")  # set by the run, and given back
    findings = [str(finding) for finding in fuzz(range(500), seed=1, jobs=2) if finding]
    assert not findings, "\n".join(findings)
