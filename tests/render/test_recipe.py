"""What people ask for, as plain data."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mediadask.clips import Clip
from mediadask.errors import InvalidRequest, MissingMedia, UnreadableMedia
from mediadask.options import checked
from mediadask.render.options import ProxyOptions, Size
from mediadask.render.recipe import ProxyRecipe, fitted_size, picture_box

if TYPE_CHECKING:
    from tests.conftest import MakeClip


@pytest.mark.parametrize(
    ("size", "box"),
    [
        (None, None),
        ("1080p", (1920, 1080)),
        ("1280x720", (1280, 720)),
        ("800", (None, 800)),
        (540, (None, 540)),
        ((640, 360), (640, 360)),
    ],
)
def test_sizes_as_people_write_them(size: Size, box: object) -> None:
    assert picture_box(size) == box


@pytest.mark.parametrize("size", ["big", "0x0", 3, (640,), "12x"])
def test_a_size_that_means_nothing_is_refused(size: Size) -> None:
    with pytest.raises(InvalidRequest, match="not a picture size"):
        picture_box(size)


@pytest.mark.parametrize(
    "how", [{"codec": "vp9"}, {"on_corrupt": "skip"}], ids=lambda how: str(next(iter(how)))
)
def test_what_there_is_none_of_is_refused_with_what_there_is(how: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest, match="use "):
        checked(ProxyOptions, how)


def test_pictures_fit_their_box_and_are_never_enlarged(make_clip: MakeClip) -> None:
    clip = Clip.open(
        make_clip("a.mov", codec="prores_ks", pixel_format="yuv422p10le", frames=2, size=(320, 180))
    )
    assert fitted_size(clip, None) == (320, 180)
    assert fitted_size(clip, (160, 160)) == (160, 90)
    assert fitted_size(clip, (None, 45)) == (80, 44)  # even, for 4:2:0
    assert fitted_size(clip, (1920, 1080)) == (320, 180)


def test_anamorphic_pixels_become_square_and_turned_pictures_upright(make_clip: MakeClip) -> None:
    clip = Clip.open(
        make_clip("a.mov", codec="prores_ks", pixel_format="yuv422p10le", frames=2, size=(320, 180))
    )
    clip.header = replace(clip.header, pixel_aspect=Fraction(2))
    assert fitted_size(clip, None) == (640, 180)
    clip.header = replace(clip.header, pixel_aspect=Fraction(1), rotation=90)
    assert fitted_size(clip, (None, 160)) == (90, 160)


def test_a_lut_that_cannot_be_used_is_refused_before_anything_is_rendered(tmp_path: Path) -> None:
    table = tmp_path / "look.cube"
    table.write_text("not a table")
    with pytest.raises(UnreadableMedia, match="no LUT"):
        ProxyRecipe.of(ProxyOptions(lut=table))
    with pytest.raises(MissingMedia, match="no such file"):
        ProxyRecipe.of(ProxyOptions(lut=tmp_path / "none.cube"))
