from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediadask.errors import InvalidRequest
from mediadask.timecode import Timecode

NTSC = Fraction(30000, 1001)
RATES = [
    (Fraction(24000, 1001), False), (Fraction(24), False), (Fraction(25), False), (NTSC, False), (NTSC, True),
    (Fraction(60000, 1001), True), (Fraction(120), False), (Fraction(120000, 1001), True),
]  # fmt: skip


@given(st.sampled_from(RATES), st.integers(0, 10**8))
def test_a_label_reads_back_as_the_frame_it_was_written_for(rate: tuple[Fraction, bool], frames: int) -> None:
    code = Timecode(0, round(rate[0]), rate[1]) + frames
    assert Timecode.parse(str(code), rate[0]) == code


@given(st.sampled_from([*RATES[:6], (Fraction(48), False), (Fraction(50), False)]), st.integers(0, 10**8))
def test_packed_timecode_reads_back(rate: tuple[Fraction, bool], frames: int) -> None:
    code = Timecode(0, round(rate[0]), rate[1]) + frames
    assert Timecode.unpacked(code.packed, rate[0]) == code


@pytest.mark.parametrize("bits", [0xFFFFFFFF, 0x0A, 0x24])
def test_bits_that_are_no_timecode_are_refused(bits: int) -> None:
    with pytest.raises(InvalidRequest):
        Timecode.unpacked(bits, 24)


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_a_day_has_as_many_labels_as_frames(rate: tuple[Fraction, bool]) -> None:
    midnight = Timecode(0, round(rate[0]), rate[1])
    labels = midnight.labels(np.arange(0, midnight.frames_per_day, 7))
    assert len(set(labels.tolist())) == len(labels)
    assert str(midnight + midnight.frames_per_day) == str(midnight)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("00:00:59;29", "00:01:00;02"),  # two labels dropped
        ("00:09:59;29", "00:10:00;00"),  # but not every tenth minute
        ("23:59:59;29", "00:00:00;00"),
    ],
)
def test_drop_frame_skips_labels_not_frames(before: str, after: str) -> None:
    assert str(Timecode.parse(before, NTSC) + 1) == after


def test_drop_frame_keeps_to_the_clock() -> None:
    # SMPTE ST 12-1: an hour of drop-frame labels is 107,892 frames of 29.97.
    assert Timecode.parse("01:00:00;00", NTSC).frames == 107_892


@pytest.mark.parametrize("text", ["", "1:2:3", "00:61:00:00", "00:00:00:24", "frames"])
def test_what_is_not_a_timecode_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        Timecode.parse(text, 24)


def test_a_dropped_label_is_refused_with_the_next_one() -> None:
    with pytest.raises(InvalidRequest, match="00:01:00;02"):
        Timecode.parse("00:01:00;00", NTSC)


def test_drop_frame_at_a_rate_without_it_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"29\.97"):
        Timecode.parse("00:00:00;00", 24)
