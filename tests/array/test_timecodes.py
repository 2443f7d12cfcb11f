"""Selection by timecode: a label means the frame the clip itself calls so."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import mediadask as md
from mediadask.array.timecodes import TimecodeIndex
from mediadask.timecode import Timecode

RATE = Fraction(30000, 1001)


@pytest.mark.parametrize("label", ["01:00:00;00", "01:00:00:00"])
def test_drop_frame_labels_may_be_written_with_colons(label: str) -> None:
    index = TimecodeIndex.starting(Timecode.parse("00:59:59;20", RATE), 200, "frame")
    assert index.sel({"timecode": label}).dim_indexers == {"frame": 10}


@pytest.mark.parametrize("start", ["01:00:00:00", "00:00:00:00", "23:59:59:20"])
def test_labels_outside_are_before_or_behind_whichever_is_nearer(start: str) -> None:
    begin = Timecode.parse(start, 24)
    index = TimecodeIndex.starting(begin, 48, "frame")
    (chosen,) = index.sel({"timecode": slice(str(begin + -24), str(begin + 3))}).dim_indexers.values()
    assert range(48)[chosen] == range(4)
    before = index.sel({"timecode": str(begin + -1)}, method="nearest").dim_indexers
    behind = index.sel({"timecode": str(begin + 50)}, method="nearest").dim_indexers
    assert (before, behind) == ({"frame": 0}, {"frame": 47})


@pytest.mark.parametrize("order", [slice(None, None, -1), [20, 10, 5]])
def test_labels_are_found_whatever_the_order(order: slice | list[int]) -> None:
    index = TimecodeIndex.starting(Timecode.parse("01:00:00:00", 24), 48, "frame").isel({"frame": order})
    assert index is not None
    assert index.sel({"timecode": "01:00:00:10"}).dim_indexers == {
        "frame": np.arange(48)[order].tolist().index(10)
    }


def test_drop_frame_labels_of_a_clip_that_does_not_drop_are_refused() -> None:
    index = TimecodeIndex.starting(Timecode.parse("01:00:00:00", RATE), 400, "frame")
    with pytest.raises(md.InvalidRequest, match="drop-frame"):
        index.sel({"timecode": "01:00:10;00"})
