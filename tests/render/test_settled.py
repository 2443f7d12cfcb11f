"""Groups say whether anything is to be made: what is there already, and what cannot be made, is settled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dask
import pytest

import mediadask as md
from mediadask import footage
from mediadask.render.trim import Cut, trim_ranges

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import MakeClip

MAKERS: dict[str, Callable[[Path, Path], md.Delivery]] = {
    "proxy": lambda clip, out: md.proxy([clip], out),
    "sheet": lambda clip, out: md.sheet([clip], out, frames=4),
    "still": lambda clip, out: md.still(clip, 3, out / "still.png"),
    "archive": lambda clip, out: md.archive([clip], out),
    "trim": lambda clip, out: trim_ranges([Cut(clip, 2, 5)], out),
}


@pytest.mark.parametrize("name", MAKERS)
def test_an_output_is_made_once_and_then_settled(name: str, make_clip: MakeClip, tmp_path: Path) -> None:
    clip = make_clip("A001.mov", codec="prores_ks", pixel_format="yuv422p10le", size=(128, 72), frames=8)
    out = tmp_path / "out"
    out.mkdir()
    first = MAKERS[name](clip, out)
    assert [group.is_settled for group in first.groups] == [False]
    (report,) = dask.compute(first)
    assert not report.failures
    again = MAKERS[name](clip, out)
    assert [group.is_settled for group in again.groups] == [True]
    assert dask.compute(again)[0].results == report.results, "and is handed on as it was"


def test_copied_files_are_settled_and_a_missing_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "plate").mkdir()
    footage.write_sequence(tmp_path / "plate" / "p.%04d.exr", frames=40, size=(32, 18))
    cut = [Cut(tmp_path / "plate" / "p.%04d.exr", 0, 40)]
    (report,) = dask.compute(trim_ranges(cut, tmp_path / "out"))
    again = trim_ranges(cut, tmp_path / "out")
    assert [group.is_settled for group in again.groups] == [True]
    assert dask.compute(again)[0].results == report.results
    next((tmp_path / "out").rglob("*.exr")).unlink()
    (group,) = trim_ranges(cut, tmp_path / "out").groups
    assert (group.is_settled, len(group.units)) == (False, 1), "the files that are there are not looked at"


def test_a_clip_that_cannot_be_read_is_settled(tmp_path: Path) -> None:
    (tmp_path / "bad.mov").write_text("no clip")
    delivery = md.proxy([tmp_path / "bad.mov"], tmp_path / "out")
    assert [group.is_settled for group in delivery.groups] == [True]
    assert len(dask.compute(delivery)[0].failures) == 1
