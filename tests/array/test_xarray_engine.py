"""xarray's own door gives what `open_clip` gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask
import numpy as np
import pytest
import xarray as xr

import mediadask as md
from mediadask.array.xarray_engine import MediaBackendEntrypoint
from mediadask.clips import Clip

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeClip

LONG_GOP: dict[str, Any] = {"codec": "libx264", "frames": 40, "size": (320, 180), "options": {"g": "20"}}


@pytest.fixture
def path(make_clip: MakeClip) -> Path:
    return make_clip("e.mov", **LONG_GOP, timecode="10:00:00:00", sound="pcm_s16le")


def test_the_engine_opens_the_same_dataset(path: Path) -> None:
    with dask.config.set({"array.chunk-size": 7 * 320 * 180 * 3}):
        ours = md.open_clip(path)
        theirs = xr.open_dataset(path, engine="mediadask", chunks={})
    assert theirs.frames.chunks == ours.frames.chunks
    assert theirs.frames.data.name == ours.frames.data.name
    assert theirs.audio.data.name == ours.audio.data.name
    xr.testing.assert_identical(
        theirs.drop_vars(["frames", "audio"]).load(), ours.drop_vars(["frames", "audio"]).load()
    )
    assert np.array_equal(theirs.frames[11].values, ours.frames[11].values)
    assert theirs.sel(timecode="10:00:01:02").frame == 26


def test_the_engine_is_found_by_suffix(path: Path) -> None:
    assert xr.open_dataset(path).frames.shape == (40, 180, 320, 3)
    backend = MediaBackendEntrypoint()
    assert backend.guess_can_open("s3://bucket/A001.MXF")
    assert not backend.guess_can_open("picture.tif")
    assert not backend.guess_can_open(b"bytes")


def test_options_and_dropped_variables(path: Path) -> None:
    dataset = xr.open_dataset(path, engine="mediadask", chunks={}, dtype="float32", drop_variables=["audio"])
    assert dataset.frames.dtype == np.float32
    assert "audio" not in dataset


def test_chunks_asked_for_are_chunks_given(path: Path) -> None:
    dataset = xr.open_dataset(path, engine="mediadask", chunks={"frame": 10})
    assert dataset.frames.chunks[0] == (10,) * 4


def test_the_engine_shares_decodes_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ranges: list[tuple[int, int]] = []
    real = Clip.frames

    def counted(self: Clip, start: int = 0, stop: int | None = None, **options: Any) -> Any:
        ranges.append((start, stop or len(self)))
        return real(self, start, stop, **options)

    monkeypatch.setattr(Clip, "frames", counted)
    with dask.config.set({"array.chunk-size": 7 * 320 * 180 * 3}):
        dataset = xr.open_dataset(path, engine="mediadask", chunks={})
    dataset.frames.mean().compute()
    assert sorted(ranges) == [(0, 20), (20, 40)]
