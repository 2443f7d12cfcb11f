"""ACES output transforms as tables: near enough for the eye, and nothing else is touched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mediadask import footage
from mediadask.documents import Cdl
from mediadask.pixels import Color
from mediadask.pixels.color.transform_ids import ACES_1

ACES_2 = Color.view("ARRI LogC4", "sRGB - Display", "ACES 2.0 - SDR 100 nits (Rec.709)")
VIEWS = {
    "ACES 2": ACES_2,
    "ACES 1": Color.view("ARRI LogC4", "Rec.1886 Rec.709 - Display", "ACES 1.0 - SDR Video", ACES_1),
    "graded": Color.chain(Color.cdl(Cdl((1.1, 1.0, 0.9), (0.02, 0.0, -0.01)), "ARRI LogC4"), ACES_2),
}
FLOATS = np.dtype(np.float32)


def log_picture() -> np.ndarray[Any, np.dtype[np.float32]]:
    """A landscape as a camera records it, up to some stops above white."""
    to_light = Color.convert("sRGB Encoded Rec.709 (sRGB)", "Linear Rec.709 (sRGB)")
    light = to_light.apply((footage.picture(0, 320, 180) / 255).astype(np.float32))
    light = light * np.geomspace(0.1, 20, 320, dtype=np.float32)[:, None]
    return Color.convert("Linear Rec.709 (sRGB)", "ARRI LogC4").apply(light.astype(np.float32))


def packed(rgb: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.ascontiguousarray(np.dstack([rgb, rgb[..., :1]]), np.float32)


@pytest.mark.parametrize("name", VIEWS)
def test_a_picture_is_within_a_code_or_two_of_the_exact_one(name: str) -> None:
    view, picture = VIEWS[name], log_picture()
    exact = view.apply(picture).clip(0, 1) * 255
    rgba = packed(picture)
    view.for_display().apply_packed(rgba)
    for given in (view.for_display().apply(picture, FLOATS), rgba[..., :3]):
        off = np.abs(given.clip(0, 1) * 255 - exact)
        assert off.mean() < 0.15
        assert name == "ACES 1" or np.quantile(off, 0.99) < 1.5


def test_scene_light_has_no_end_and_no_beginning() -> None:
    view = Color.view("ACES2065-1", "sRGB - Display", "ACES 2.0 - SDR 100 nits (Rec.709)")
    light = np.repeat(np.array([-0.01, 0, 0.18, 1, 16, 100, 5000], np.float32), 3).reshape(1, 7, 3)
    off = view.for_display().apply(light, FLOATS) - view.apply(light)
    assert np.abs(off).max() < 1.5 / 255


@pytest.mark.parametrize(
    "color",
    [
        Color.convert("ARRI LogC4", "ACEScg"),
        Color.view("ACEScct", "sRGB - Display", "Un-tone-mapped"),
        Color.look("ACES 1.3 Reference Gamut Compression", "ACEScg"),
        ACES_2.inverse(),
        Color(),
    ],
    ids=lambda color: color.steps[0].kind if color.steps else "nothing",
)
def test_everything_else_is_exact(color: Color) -> None:
    picture = log_picture()
    np.testing.assert_array_equal(color.for_display().apply(picture, FLOATS), color.apply(picture))
