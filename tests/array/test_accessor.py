"""``dataset.media`` leads back to the clip and shows it."""

from __future__ import annotations

import base64
import io
import re
from typing import TYPE_CHECKING

import pytest
import xarray as xr
from PIL import Image

import mediadask as md

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeClip


@pytest.fixture
def path(make_clip: MakeClip) -> Path:
    return make_clip(
        "m.mov",
        codec="prores_ks",
        pixel_format="yuv422p10le",
        frames=12,
        size=(320, 180),
        reel="A&B",
        timecode="01:00:00:00",
    )


def test_the_clip_and_its_metadata(path: Path) -> None:
    dataset = md.open_clip(path)
    assert len(dataset.media.clip) == 12
    assert dataset.media.metadata.frames == 12
    assert dataset.isel(frame=slice(3, 5)).media.clip.url == dataset.media.clip.url


def test_a_strip_of_pictures_and_the_facts(path: Path) -> None:
    page = md.open_clip(path).media._repr_html_()
    pictures = re.findall(r"base64,([^']+)'", page)
    assert len(pictures) == 5
    with Image.open(io.BytesIO(base64.b64decode(pictures[0]))) as image:
        assert image.size == (160, 90)
    assert "12 at 24 per second" in page
    assert "A&amp;B" in page
    assert len(page) < 100_000


def test_a_clip_shows_its_facts_in_a_notebook(path: Path) -> None:
    page = md.open_clip(path).media.clip._repr_html_()
    assert "12 at 24 per second" in page
    assert "A&amp;B" in page
    assert "<img" not in page, "a clip on its own decodes nothing to be shown"


def test_a_dataset_from_elsewhere_says_so() -> None:
    import mediadask.array.accessor  # noqa: F401

    with pytest.raises(md.InvalidRequest, match="open_clip"):
        xr.Dataset().media.clip  # noqa: B018
