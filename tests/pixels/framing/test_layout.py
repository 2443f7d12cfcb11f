"""A framing is plain data, and one step from the clip's picture to the canvas."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydantic import TypeAdapter

from mediadask.clips import Clip
from mediadask.errors import InvalidRequest
from mediadask.footage import read_number
from mediadask.pixels import Framing, resize, to_rgb
from mediadask.pixels.resample import Rectangle

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeClip

SOME = Framing(Rectangle(1.5, 2, 60, 40), Rectangle(-1, 0.25, 90, 60), (88, 61), 1.5, "mitchell", False)


def test_a_framing_travels_as_json_and_pickle() -> None:
    adapter = TypeAdapter(Framing)
    assert adapter.validate_json(adapter.dump_json(SOME)) == SOME
    assert pickle.loads(pickle.dumps(SOME)) == SOME
    assert len({SOME, replace(SOME), SOME.using("box")}) == 2


def test_full_is_every_pixel() -> None:
    picture = np.random.default_rng(0).normal(size=(20, 30, 4)).astype(np.float32)
    framing = Framing.full(30, 20)
    assert framing.size == (30, 20)
    assert framing.pixel_aspect == 1
    assert np.array_equal(framing.apply(picture), picture)


def test_a_squeeze_is_kept_or_undone() -> None:
    picture = np.random.default_rng(0).normal(size=(20, 30, 3)).astype(np.float32)
    kept = Framing.full(30, 20, 2.0)
    assert (kept.size, kept.pixel_aspect) == ((30, 20), 2.0)
    assert np.array_equal(kept.apply(picture), picture)
    undone = Framing.full(30, 20, 2.0, desqueeze=True)
    assert (undone.size, undone.pixel_aspect) == ((60, 20), 1.0)
    assert np.array_equal(undone.apply(picture), resize(picture, 60, 20))
    odd = Framing.full(30, 20, 1.33, desqueeze=True)  # 39.9 wide, in the middle of 40
    assert odd.size == (40, 20)
    assert odd.placed.x == pytest.approx(0.05)


def test_what_is_not_said_stays() -> None:
    assert SOME.using() == SOME
    assert SOME.using("box") == replace(SOME, filter="box")
    assert SOME.using(linear=True) == replace(SOME, linear=True)


def test_points_go_where_their_pixels_go() -> None:
    assert SOME.on_canvas(1.5, 2) == (-1, 0.25)
    assert SOME.on_canvas(61.5, 42) == (89, 60.25)


def test_a_framing_says_what_it_does() -> None:
    assert str(SOME) == "60x40 at 1.5, 2 as 90x60 at -1, 0.25 on 88x61, pixels 1.5:1"
    assert str(Framing.full(30, 20)) == "30x20 at 0, 0 at 0, 0 on 30x20"


def test_what_is_no_framing_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="0x20"):
        Framing.full(0, 20)
    with pytest.raises(InvalidRequest, match="'sinc' is no filter"):
        SOME.using("sinc")  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match=r"keeps 60x40 at 1\.5, 2, the picture is 45x30"):
        SOME.apply(np.zeros((30, 45, 3), np.float32))


@pytest.fixture
def squeezed(make_clip: MakeClip) -> Path:
    return make_clip("sq.mov", codec="prores_ks", pixel_format="yuv422p10le", frames=3, size=(320, 180))


def test_a_clip_framed_by_an_fdl(squeezed: Path, tmp_path: Path) -> None:
    """The number burnt into each frame is still there after a desqueeze to twice the width."""
    decision = {
        "id": "C-F",
        "framing_intent_id": "F",
        "dimensions": {"width": 320, "height": 180},
        "anchor_point": {"x": 0, "y": 0},
    }
    canvas = {
        "id": "C",
        "source_canvas_id": "C",
        "dimensions": {"width": 320, "height": 180},
        "anamorphic_squeeze": 2.0,
        "framing_decisions": [decision],
    }
    template = {
        "id": "T",
        "target_dimensions": {"width": 640, "height": 400},
        "target_anamorphic_squeeze": 1.0,
        "fit_source": "framing_decision.dimensions",
        "fit_method": "fit_all",
        "maximum_dimensions": {"width": 640, "height": 400},
        "pad_to_maximum": True,
    }
    document = {
        "uuid": "BCD142EB-3BAA-4EA8-ADD8-A46AE8DC4D97",
        "version": {"major": 2, "minor": 0},
        "framing_intents": [{"id": "F", "aspect_ratio": {"width": 2, "height": 1}}],
        "contexts": [{"canvases": [canvas]}],
        "canvas_templates": [template],
    }
    path = tmp_path / "show.fdl"
    path.write_text(json.dumps(document))
    clip = Clip.open(squeezed)
    framing = Framing.of_fdl(path, clip.header)
    assert framing.size == (640, 400)
    assert framing.placed == Rectangle(0, 110, 640, 180)
    for frame in clip.frames():
        picture = framing.apply(to_rgb(frame))
        assert (picture[:110] == 0).all()
        assert (picture[290:] == 0).all()
        assert read_number(picture[110:290]) == frame.number
