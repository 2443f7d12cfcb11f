"""Selection by timecode: a label means the frame the clip itself calls so."""

from __future__ import annotations

from fractions import Fraction

import pytest

import mediadask as md
from mediadask.array.timecodes import TimecodeIndex
from mediadask.timecode import Timecode

RATE = Fraction(30000, 1001)


@pytest.mark.parametrize("label", ["01:00:00;00", "01:00:00:00"])
def test_drop_frame_labels_may_be_written_with_colons(label: str) -> None:
    index = TimecodeIndex.starting(Timecode.parse("00:59:59;20", RATE), 200, "frame")
    assert index.sel({"timecode": label}).dim_indexers == {"frame": 10}


def test_drop_frame_labels_of_a_clip_that_does_not_drop_are_refused() -> None:
    index = TimecodeIndex.starting(Timecode.parse("01:00:00:00", RATE), 400, "frame")
    with pytest.raises(md.InvalidRequest, match="drop-frame"):
        index.sel({"timecode": "01:00:10;00"})
