"""Picture math on datasets: lazy, chunk by chunk, and bit for bit what a unit makes of the same frames."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr

import mediadask as md
from mediadask.array.operations import map_pictures
from mediadask.clips import Clip
from mediadask.documents import Cdl
from mediadask.errors import InvalidRequest
from mediadask.pixels import Color, Framing, resize, to_rgb
from mediadask.pixels.resample import Rectangle

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from tests.conftest import MakeClip

FRAMING = Framing(Rectangle(10.5, 0, 300, 170), Rectangle(0, 3, 200, 113.3), (200, 120), 1.33, "mitchell")


@pytest.fixture
def path(make_clip: MakeClip) -> Path:
    return make_clip(
        "o.mov",
        codec="libx264",
        pixel_format="yuv420p",
        frames=12,
        size=(320, 180),
        timecode="01:00:00:00",
        sound="pcm_s16le",
    )


def test_framing_is_what_a_unit_does(path: Path) -> None:
    dataset = md.open_clip(path, chunks={"frame": 5}, dtype="float32")
    framed = dataset.media.framing(FRAMING)
    assert framed["frames"].sizes == {"frame": 12, "y": 120, "x": 200, "channel": 3}
    assert framed["frames"].data.chunks[0] == (5, 5, 2)
    expected = [FRAMING.apply(to_rgb(frame)) for frame in Clip.open(path).frames()]
    assert np.array_equal(framed["frames"].values, np.stack(expected))


def test_nothing_is_decoded_before_it_is_computed(path: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone.mov"
    gone.write_bytes(path.read_bytes())
    framed = md.open_clip(gone).media.resize(64, 36)
    gone.unlink()
    assert framed["frames"].shape == (12, 36, 64, 3)
    with pytest.raises(md.MissingMedia):
        framed["frames"][0].compute()


def test_everything_else_stays(path: Path) -> None:
    dataset = md.open_clip(path)
    framed = dataset.media.framing(FRAMING)
    assert list(framed.data_vars) == list(dataset.data_vars) == ["frames", "audio"]
    for name in ("frame", "time", "timecode", "keyframe", "channel", "track"):
        assert framed[name].equals(dataset[name])
    assert framed.attrs == dataset.attrs | {"pixel_aspect": "133/100"}
    assert framed.media.clip.url == dataset.media.clip.url
    assert framed.sel(timecode="01:00:00:07")["frame"] == 7
    assert framed["audio"].equals(dataset["audio"])


def test_steps_follow_one_another(path: Path) -> None:
    dataset = md.open_clip(path)
    twice = dataset.media.framing(FRAMING).media.resize(50, 30, "box")
    (frame,) = Clip.open(path).frames(4, 5)
    expected = resize(FRAMING.apply(to_rgb(frame, "uint8")), 50, 30, "box")
    assert np.array_equal(twice["frames"][4].values, expected)


def test_equal_steps_are_equal_to_dask(path: Path) -> None:
    dataset = md.open_clip(path)
    names = [dataset.media.resize(64, height)["frames"].data.name for height in (36, 36, 40)]
    assert names[0] == names[1] != names[2]


def test_one_frame_costs_one_frame(path: Path) -> None:
    framed = md.open_clip(path, chunks={"frame": 1}).media.resize(64, 36)
    (graph,) = dask.optimize(framed["frames"][7].data)
    assert sum("_map" in str(key) for key in graph.dask.to_dict()) <= 1


def test_chunked_rows_and_columns_come_together(path: Path) -> None:
    dataset = md.open_clip(path)
    parts = dataset.chunk({"y": 50, "x": 100, "channel": 1})
    small = [each.media.resize(64, 36)["frames"][3].values for each in (parts, dataset)]
    assert np.array_equal(*small)


def test_what_is_loaded_stays_loaded(path: Path) -> None:
    dataset = md.open_clip(path).isel(frame=2)
    loaded = dataset.load().media.resize(64, 36)
    assert not isinstance(loaded["frames"].data, da.Array)
    (frame,) = Clip.open(path).frames(2, 3)
    assert np.array_equal(loaded["frames"].values, resize(to_rgb(frame, "uint8"), 64, 36))


def test_positions_of_pixels_that_are_no_more_go(path: Path) -> None:
    dataset = md.open_clip(path).assign_coords(x=np.arange(320), y=np.arange(180))
    assert not {"x", "y"} & set(dataset.media.resize(64, 36).coords)
    kept = map_pictures(dataset, _negative, dtype=np.uint8)
    assert {"x", "y"} <= set(kept.coords)
    assert kept["frames"].dtype == np.uint8


def _negative(picture: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return ~picture


def test_an_fdl_by_its_path(path: Path, tmp_path: Path) -> None:
    decision = {
        "id": "C-F",
        "framing_intent_id": "F",
        "dimensions": {"width": 300, "height": 150},
        "anchor_point": {"x": 10, "y": 20},
    }
    canvas = {
        "id": "C",
        "source_canvas_id": "C",
        "dimensions": {"width": 320, "height": 180},
        "framing_decisions": [decision],
    }
    document = {
        "uuid": "BCD142EB-3BAA-4EA8-ADD8-A46AE8DC4D97",
        "version": {"major": 2, "minor": 0},
        "framing_intents": [{"id": "F", "aspect_ratio": {"width": 2, "height": 1}}],
        "contexts": [{"label": "A", "canvases": [canvas]}],
    }
    fdl = tmp_path / "show.fdl"
    fdl.write_text(json.dumps(document))
    dataset = md.open_clip(path, dtype="float32")
    framed = dataset.media.framing(fdl, intent="F")
    assert np.array_equal(framed["frames"][5].values, dataset["frames"][5, 20:170, 10:310].values)
    with pytest.raises(InvalidRequest, match="no context 'B'"):
        dataset.media.framing(fdl, context="B")


def test_bad_requests_are_refused_before_any_work(path: Path) -> None:
    dataset = md.open_clip(path)
    with pytest.raises(InvalidRequest, match="0x36"):
        dataset.media.resize(0, 36)
    with pytest.raises(InvalidRequest, match="'sinc' is no filter"):
        dataset.media.resize(64, 36, "sinc")
    with pytest.raises(InvalidRequest, match="no frames"):
        map_pictures(xr.Dataset(), _negative)


@pytest.mark.parametrize("chunk", [1, 5, 12])
def test_color_is_what_a_unit_does(path: Path, chunk: int) -> None:
    dataset = md.open_clip(path, chunks={"frame": chunk}, dtype="float32")
    colored = dataset.media.color("ACEScg", input_space="ARRI LogC4")
    color = Color.convert("ARRI LogC4", "ACEScg")
    expected = np.stack([color.apply(to_rgb(frame)) for frame in Clip.open(path).frames()])
    assert colored["frames"].dtype == np.float32
    assert np.array_equal(colored["frames"].values, expected)
    assert colored.attrs["color_space"] == "ACEScg"
    assert "color_primaries" not in colored.attrs


def test_color_goes_on_from_where_it_is(path: Path) -> None:
    dataset = md.open_clip(path, dtype="float32").isel(frame=[3])
    twice = dataset.media.color("ACES2065-1", input_space="ARRI LogC4").media.color("ARRI LogC4")
    np.testing.assert_allclose(twice["frames"].values, dataset["frames"].values, atol=1e-4)
    graded = dataset.media.color(Color.cdl(Cdl(offset=(0.1, 0.1, 0.1))))
    np.testing.assert_allclose(graded["frames"].values, dataset["frames"].values + 0.1, atol=1e-6)
    assert "color_space" not in graded.attrs


def test_a_color_space_nobody_says_is_refused_before_anything_is_decoded(path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"o\.mov.*--input-space"):
        md.open_clip(path).media.color("ACEScg")
    with pytest.raises(InvalidRequest, match="no color space 'ACESx'"):
        md.open_clip(path).media.color("ACESx", input_space="ACEScct")


def test_equal_colors_are_equal_to_dask(path: Path) -> None:
    dataset = md.open_clip(path)
    targets = ("ACEScg", "ACEScg", "ACES2065-1")
    names = [dataset.media.color(one, input_space="ACEScct")["frames"].data.name for one in targets]
    assert names[0] == names[1] != names[2]
