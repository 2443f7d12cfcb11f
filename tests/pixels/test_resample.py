"""Pictures at another size, exactly: nothing moves, flat stays flat, filters are what they are called."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from mediadask.errors import InvalidRequest
from mediadask.pixels import resize

PILLOW = {
    "box": Image.Resampling.BOX,
    "triangle": Image.Resampling.BILINEAR,
    "lanczos3": Image.Resampling.LANCZOS,
}


@pytest.mark.parametrize("filter", PILLOW)
@pytest.mark.parametrize("size", [(40, 30), (33, 17), (160, 120), (80, 200)], ids=str)
def test_resize_is_what_pillow_makes_of_floats(filter: Any, size: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).normal(0.5, 1, (60, 80, 3)).astype(np.float32)
    ours = resize(picture, *size, filter)
    inside = (slice(10, -10), slice(10, -10)) if size[1] > 40 else (slice(4, -4), slice(4, -4))
    for channel in range(3):
        theirs = np.asarray(Image.fromarray(picture[..., channel]).resize(size, PILLOW[filter]))
        # Pillow drops taps beyond an edge where the edge repeats here, so edges are left out.
        assert np.abs(ours[..., channel] - theirs)[inside].max() < 1e-5


@pytest.mark.parametrize("filter", ["box", "triangle", "cubic", "lanczos3"])
@pytest.mark.parametrize("size", [(7, 5), (80, 60), (131, 99), (1, 1)], ids=str)
def test_a_flat_picture_stays_flat(filter: Any, size: tuple[int, int]) -> None:
    flat = np.full((60, 80, 4), 3.5, np.float16)
    result = resize(flat, *size, filter)
    assert result.shape == (size[1], size[0], 4)
    assert np.abs(result - 3.5).max() < 1e-5


def test_the_picture_does_not_move() -> None:
    x = np.broadcast_to(np.linspace(0, 1, 200, dtype=np.float32)[None, :, None], (40, 200, 1))
    small = resize(x, 100, 20, "cubic")[..., 0]
    centers = (np.arange(100) * 2 + 0.5) / 199
    assert np.abs(small[10] - centers)[4:-4].max() < 1e-5


def test_bad_sizes_and_filters_are_refused() -> None:
    picture = np.zeros((4, 4, 3), np.float32)
    with pytest.raises(InvalidRequest, match="0x4"):
        resize(picture, 0, 4)
    with pytest.raises(InvalidRequest, match="lanczos3"):
        resize(picture, 2, 2, "sinc")  # type: ignore[arg-type]
