"""Scene light in any gamut looks alike: its chromaticities say all it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import OpenEXR
import pytest
from PIL import Image

import mediadask as md
from mediadask.choices import CONFIG
from mediadask.clips import ColorTags
from mediadask.clips.gamuts import GAMUTS
from mediadask.metadata import inspect
from mediadask.pixels.color import spaces
from mediadask.pixels.color.config import open_config
from mediadask.pixels.color.primaries import to_rec709, to_xyz
from mediadask.pixels.color.spaces import input_space
from tests.delivering import deliver

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

PATCHES = np.array([[0.5, 0.1, 0.1], [0.1, 0.5, 0.1], [0.1, 0.1, 0.5], [0.4, 0.4, 0.4]])  # of Rec.709
SHOWN = [[188, 89, 89], [89, 188, 89], [89, 89, 188], [170, 170, 170]]
D65 = (0.3127, 0.3290)
NOBODY = (0.7, 0.3, 0.2, 0.75, 0.12, 0.02, *D65)
CONFIG_SPACES = {
    name: space
    for (name, transfer), space in spaces._TAGGED.items()
    if transfer == "linear" and name != "cie xyz"
}


def write(path: Path, values: npt.NDArray[Any], **header: Any) -> Path:
    """An EXR of patches side by side, 16 pixels each."""
    picture = np.repeat(np.repeat(values.astype(np.float32)[None], 36, 0), 16, 1)
    how = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **header}
    OpenEXR.File(how, {"RGB": np.ascontiguousarray(picture)}).write(str(path))
    return path


def shown(path: Path) -> npt.NDArray[Any]:
    deliver(md.still(path, 0, path.with_suffix(".png")))
    return np.asarray(Image.open(path.with_suffix(".png")), int)[18, 8::16]


@pytest.mark.parametrize("points", [*GAMUTS.values(), NOBODY], ids=[*GAMUTS, "nobody's"])
def test_the_same_light_looks_the_same(tmp_path: Path, points: tuple[float, ...]) -> None:
    white = points[6:]
    rec709 = (*GAMUTS["bt709"][:6], *(white if points != GAMUTS["cie xyz"] else D65))
    # Neutral is neutral in each; CIE XYZ itself holds the light as it is.
    own = np.eye(3) if points == GAMUTS["cie xyz"] else to_xyz(points)
    values = PATCHES @ (np.linalg.inv(own) @ to_xyz(rec709)).T
    pixels = shown(write(tmp_path / "a.exr", values, chromaticities=points))
    near = 1 if np.allclose(white, D65, atol=1e-3) or points == GAMUTS["cie xyz"] else 15
    assert np.abs(pixels - SHOWN).max() <= near
    assert np.abs(pixels[3] - 170).max() <= 1, "gray stays gray"


@pytest.mark.parametrize("name", CONFIG_SPACES)
def test_the_config_s_spaces_have_these_primaries(name: str) -> None:
    config = open_config(CONFIG)
    processor = config.getProcessor(CONFIG_SPACES[name], "Linear Rec.709 (sRGB)").getDefaultCPUProcessor()
    columns = [processor.applyRGB([float(one) for one in row]) for row in np.eye(3)]
    np.testing.assert_allclose(np.array(columns).T.ravel(), to_rec709(GAMUTS[name]), atol=0.012)


@pytest.mark.parametrize("name", ["arri wide gamut 4", "redwidegamutrgb", "s-gamut3.cine", "cie xyz", "ap0"])
def test_a_pull_knows_the_space_of_a_camera_gamut(tmp_path: Path, name: str) -> None:
    found = inspect(write(tmp_path / "a.exr", PATCHES, chromaticities=GAMUTS[name]))
    space = input_space(found)
    assert space == spaces._TAGGED[name, "linear"]
    assert open_config(CONFIG).getColorSpace(space).getEncoding() in ("scene-linear", "")


def test_no_code_of_video_names_a_camera_gamut() -> None:
    assert spaces.video_tags("Linear ARRI Wide Gamut 4") == ColorTags("bt709", "limited", None, None, "left")


def test_pixels_that_are_no_numbers_are_black_and_make_no_noise(tmp_path: Path, mediadask: Any) -> None:
    values = np.array([[np.nan, np.nan, np.nan], [np.inf, np.inf, np.inf], [-np.inf, 0, 0], [0.4, 0.4, 0.4]])
    path = write(tmp_path / "a.exr", values)
    assert shown(path).tolist() == [[0, 0, 0], [255, 255, 255], [0, 0, 0], [170, 170, 170]]
    for words in (("sheet", "--still", 0, "--out", tmp_path / "a.png"), ("proxy", "--out", tmp_path / "out")):
        made = mediadask(*words, path)
        assert (made.returncode, made.stderr) == (0, "")


def test_matrices_are_steps_that_can_be_undone() -> None:
    from mediadask.pixels import Color

    there = Color.matrix(to_rec709(GAMUTS["arri wide gamut 3"]))
    picture = np.random.default_rng(1).random((4, 5, 3), np.float32)
    back = Color.chain(there, there.inverse()).apply(picture)
    np.testing.assert_allclose(back, picture, atol=1e-5)
