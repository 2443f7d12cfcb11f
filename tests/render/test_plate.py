"""Plates: how a clip is cut into units, what a frame is made from, what a framing reads."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mediadask.clips import Clip
from mediadask.pixels import Color, Framing, to_rgb
from mediadask.pixels.resample import Rectangle
from mediadask.render.output import Mark
from mediadask.render.plate import Plate, PlateRecipe, plate_picture
from mediadask.render.segment import plate_segments

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeClip


@pytest.fixture
def intra(make_clip: MakeClip) -> Clip:
    return Clip.open(
        make_clip("A.mov", codec="prores_ks", pixel_format="yuv444p10le", size=(128, 96), frames=20)
    )


def recipe(**how: Any) -> PlateRecipe:
    color = Color.convert("ARRI LogC4", "ACES2065-1")
    given = {"framing": Framing.full(128, 96), "color": color, "space": "ACES2065-1", "rate": Fraction(24)}
    return PlateRecipe(**{**given, **how})


def plate(clip: Clip, out: Path, start: int, stop: int, **how: Any) -> Plate:
    return Plate(clip, recipe(**how), f"{out}/p.%04d.exr", start, stop, 1001)


def test_units_are_a_handful_of_frames(intra: Clip) -> None:
    assert plate_segments(intra.index, 3, 5, 5.0) == [(3, 4), (4, 5)]
    lengths = [stop - start for start, stop in plate_segments(intra.index, 0, 24, 0.1)]
    assert max(lengths) <= 15


def test_units_of_long_gops_decode_no_gop_more_than_twice(make_clip: MakeClip) -> None:
    clip = Clip.open(
        make_clip("g.mp4", codec="libx264", size=(128, 96), frames=60, options={"g": "24", "bf": "2"})
    )
    for seconds in (0.01, 0.1, 0.5, 2.0):
        ranges = plate_segments(clip.index, 5, 58, seconds)
        assert ranges[0][0] == 5
        assert ranges[-1][1] == 58
        assert all(one[1] == other[0] for one, other in pairwise(ranges))
        for first, last in clip.index.runs(0, 60):
            assert sum(start < last and stop > first for start, stop in ranges) <= 2


def test_a_frame_is_made_from_the_same_whatever_the_range(intra: Clip, tmp_path: Path) -> None:
    short, long = plate(intra, tmp_path, 5, 10), plate(intra, tmp_path, 2, 15)
    assert short.output(7).mark == long.output(7).mark
    assert short.output(7).mark != short.output(8).mark
    assert short.output(7).mark != plate(intra, tmp_path, 5, 10, sample="float").output(7).mark
    assert (short.output(7).name, long.output(7).name) == ("p.1003.exr", "p.1006.exr")


@pytest.mark.parametrize("sample", ["half", "float"])
@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize(
    "source",
    [
        Rectangle(0, 0, 128, 96),
        Rectangle(10.5, 40.25, 64, 30),
        Rectangle(0, 90, 20, 6),
        Rectangle(3, 0, 60, 5),
    ],
    ids=str,
)
def test_strips_and_unread_rows_change_nothing(
    intra: Clip, source: Rectangle, linear: bool, sample: str
) -> None:
    framing = Framing(source, Rectangle(4, 2, 50, 90), (60, 94), linear=linear)
    how = recipe(framing=framing, sample=sample)
    (frame,) = intra.frames(3, 4)
    rgb = to_rgb(frame, "float32")
    if linear:
        expected = framing.apply(how.color.apply(rgb))
    else:
        expected = how.color.apply(framing.apply(rgb))
    made = plate_picture(how)(frame)
    assert made.dtype == (np.float16 if sample == "half" else np.float32)
    np.testing.assert_array_equal(made, expected.astype(made.dtype))


def test_headers_say_what_is_known_and_nothing_else(intra: Clip, tmp_path: Path) -> None:
    bare = plate(intra, tmp_path, 0, 5, color=Color(), space="Raw")
    entries = bare.attributes(0, Mark("a", "b"))
    assert set(entries) == {
        "framesPerSecond", "pixelAspectRatio", "sourceClip", "sourceFrame", "mediadask",
    }  # fmt: skip
    flagged = replace(bare, recipe=recipe(compression="none", timecode="01:00:00:00"))
    entries = flagged.attributes(2, Mark("a", "b"))
    assert entries["acesImageContainerFlag"] == 1
    assert str(entries["timeCode"]) == "01:00:00:02"
