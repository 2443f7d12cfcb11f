"""Color steps are plain data, agree with OpenColorIO, and say in a line what is wrong with their file."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import PyOpenColorIO as ocio
import pytest

from mediadask.errors import InvalidRequest, MediaChanged, MediaError, MissingMedia, UnreadableMedia
from mediadask.pixels import Color
from mediadask.pixels.steps import Lut

STUDIO = "ocio://studio-config-v2.1.0_aces-v1.3_ocio-v2.3"


def write_cube(path: Path, size: int = 17, power: float = 1.2) -> Path:
    grid = np.linspace(0, 1, size)
    lines = [f"{r**power:.6f} {g:.6f} {1 - b:.6f}" for b in grid for g in grid for r in grid]
    path.write_text(f"LUT_3D_SIZE {size}\n" + "\n".join(lines) + "\n")
    return path


def picture(dtype: Any, channels: int = 3) -> np.ndarray[Any, np.dtype[Any]]:
    values = np.random.default_rng(0).random((channels, 100, 60))
    peak = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    return (values * peak).astype(dtype).transpose(1, 2, 0)


@pytest.mark.parametrize("source", ["uint8", "uint16", "float16", "float32"])
@pytest.mark.parametrize("target", ["uint8", "uint16", "float16", "float32"])
@pytest.mark.parametrize("channels", [3, 4])
def test_a_lut_does_what_opencolorio_does(tmp_path: Path, source: Any, target: Any, channels: int) -> None:
    color = Color.lut(write_cube(tmp_path / "look.cube"))
    given = picture(source, channels)
    values = given / (np.iinfo(source).max if np.dtype(source).kind == "u" else 1)
    expected = np.ascontiguousarray(values, np.float32)
    transform = ocio.FileTransform(str(tmp_path / "look.cube"), interpolation=ocio.INTERP_TETRAHEDRAL)
    cpu = ocio.Config.CreateRaw().getProcessor(transform).getDefaultCPUProcessor()
    (cpu.applyRGB if channels == 3 else cpu.applyRGBA)(expected)
    result = color.apply(given, target)
    assert result.dtype == target
    assert result.shape == given.shape
    scale = np.iinfo(target).max if np.dtype(target).kind == "u" else 1
    tolerance = {"uint8": 0.6 / 255, "uint16": 1e-4, "float16": 2e-3, "float32": 2e-4}[target]
    assert np.abs(result / scale - expected).max() <= tolerance


def test_a_config_converts_between_its_spaces() -> None:
    color = Color.convert("ARRI LogC4", "ACEScg", STUDIO)
    middle = np.full(
        (2, 2, 3), 0.2783958, np.float32
    )  # LogC4's code of 18 % gray (ARRI, LogC4 specification)
    assert np.abs(color.apply(middle) - 0.18).max() < 1e-4


def test_it_is_a_value(tmp_path: Path) -> None:
    color = Color.lut(write_cube(tmp_path / "look.cube"))
    again = pickle.loads(pickle.dumps(color))
    assert again == color == Color.lut(tmp_path / "look.cube")
    assert hash(again) == hash(color)
    write_cube(tmp_path / "look.cube", power=1.5)
    assert Color.lut(tmp_path / "look.cube") != color


def test_a_file_that_changed_since_is_noticed_where_it_is_used(tmp_path: Path) -> None:
    path = write_cube(tmp_path / "look.cube")
    planned = Color((Lut(os.fspath(path), "0" * 64),))
    with pytest.raises(MediaChanged, match=r"look\.cube"):
        planned.apply(picture("float32"))


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda folder: Color.lut(folder / "none.cube"), MissingMedia),
        (lambda folder: Color.lut(folder), UnreadableMedia),
        (lambda folder: Color.lut(folder / "broken.cube"), UnreadableMedia),
        (lambda folder: Color.convert("a", "b", folder / "none.ocio"), MissingMedia),
        (lambda folder: Color.convert("a", "b", folder / "broken.cube"), UnreadableMedia),
        (lambda folder: Color.convert("no such space", "ACEScg", STUDIO), InvalidRequest),
        (lambda folder: Color.convert("a", "b", "ocio://no-such-config"), UnreadableMedia),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, make: Any, error: type[MediaError]) -> None:
    (tmp_path / "broken.cube").write_text("LUT_3D_SIZE 2\n0 0\n")
    with pytest.raises(error) as raised:
        make(tmp_path)
    assert "\n" not in str(raised.value)
