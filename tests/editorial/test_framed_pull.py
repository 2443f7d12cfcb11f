"""Plates framed by an ASC FDL: size, black, squeeze and bits; clips that the FDL is not for fail alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import dask
import numpy as np
import OpenEXR
import pytest

from mediadask.clips import Clip
from mediadask.editorial.pull import pull
from mediadask.errors import InvalidRequest
from mediadask.pixels import Color, Framing, to_rgb

if TYPE_CHECKING:
    import mediadask as md
    from tests.conftest import MakeClip

EDL = """TITLE: T
FCM: NON-DROP FRAME

001  A001 V     C        01:00:00:04 01:00:00:06 00:00:00:00 00:00:00:02
* LOC: 00:00:00:00 RED     ABC_101_010_010
002  B001 V     C        02:00:00:04 02:00:00:06 00:00:00:02 00:00:00:04
* LOC: 00:00:00:02 RED     ABC_101_010_020
"""


@pytest.fixture
def rushes(make_clip: MakeClip, tmp_path: Path) -> Path:
    """A camera of 192x108 and one of 160x90."""
    folder = tmp_path / "rushes"
    folder.mkdir()
    for reel, start, size in (("A001", "01:00:00:00", (192, 108)), ("B001", "02:00:00:00", (160, 90))):
        made = make_clip(
            f"{reel}.mov",
            codec="prores_ks",
            pixel_format="yuv444p10le",
            frames=10,
            size=size,
            timecode=start,
            reel=reel,
        )
        (folder / made.name).write_bytes(made.read_bytes())
    return folder


@pytest.fixture
def fdl(tmp_path: Path) -> Path:
    """In 192x108, squeezed 2:1, it is 100x90 at 50.5, 10 for a width of 160 on a canvas of 160x100."""
    decision = {
        "id": "A-1",
        "framing_intent_id": "1",
        "dimensions": {"width": 100, "height": 90},
        "anchor_point": {"x": 50.5, "y": 10},
    }
    canvas = {
        "id": "A",
        "source_canvas_id": "A",
        "dimensions": {"width": 192, "height": 108},
        "anamorphic_squeeze": 2.0,
        "framing_decisions": [decision],
    }
    template = {
        "id": "VFX",
        "target_dimensions": {"width": 160, "height": 100},
        "target_anamorphic_squeeze": 1.0,
        "fit_source": "framing_decision.dimensions",
        "fit_method": "width",
        "maximum_dimensions": {"width": 160, "height": 100},
        "pad_to_maximum": True,
    }
    document = {
        "uuid": "BCD142EB-3BAA-4EA8-ADD8-A46AE8DC4D97",
        "version": {"major": 2, "minor": 0},
        "framing_intents": [{"id": "1", "aspect_ratio": {"width": 20, "height": 9}}],
        "contexts": [{"canvases": [canvas]}],
        "canvas_templates": [template],
    }
    path = tmp_path / "show.fdl"
    path.write_text(json.dumps(document))
    return path


def pulled(rushes: Path, out: Path, **options: Any) -> md.Report:
    edl = out.with_suffix(".edl")
    edl.write_text(EDL)
    how = {"handles": 0, "input_space": "ARRI LogC4", "review": False, **options}
    delivery = pull(edl, rushes, out, **how)
    (report,) = dask.compute(delivery)
    return report


def pixels(path: Path) -> Any:
    return OpenEXR.File(str(path)).channels()["RGB"].pixels


def test_a_plate_is_framed_and_what_the_fdl_is_not_for_fails_alone(
    rushes: Path, fdl: Path, tmp_path: Path
) -> None:
    report = pulled(rushes, tmp_path / "out", fdl=fdl)
    (failed,) = report.failures
    assert failed.failure is not None
    assert "canvas 'A' of 192x108, the clip is 160x90" in failed.failure.error
    assert "\n" not in failed.failure.error
    plates = sorted((tmp_path / "out").glob("*.exr"))
    assert [path.name[:15] for path in plates] == ["ABC_101_010_010"] * 2
    picture = pixels(plates[0])
    assert picture.shape == (100, 160, 3)
    # 100 squeezed columns are 200 wide and 90 high: scaled by 0.8, 72 rows in the middle of 100.
    assert np.flatnonzero(picture.any(axis=(1, 2)))[[0, -1]].tolist() == [14, 85]
    assert OpenEXR.File(str(plates[0])).header()["pixelAspectRatio"] == 1


def test_the_plates_own_fdl_stands_beside_it(rushes: Path, fdl: Path, tmp_path: Path) -> None:
    pulled(rushes, tmp_path / "out", fdl=fdl)
    (path,) = (tmp_path / "out").glob("*.fdl")
    assert path.stem == "ABC_101_010_010_PL01_v001"
    command = Path(sys.executable).with_name("fdl-validate")
    assert subprocess.run([command, path], capture_output=True).returncode == 0
    framing = Framing.of_fdl(path, Clip.open(tmp_path / "out").header)
    assert framing.size == (160, 72)
    manifest = json.loads((tmp_path / "out" / f"{path.stem}.json").read_text())
    assert path.name in json.dumps(manifest)


def test_light_is_resampled_and_the_array_gives_the_same_bits(
    rushes: Path, fdl: Path, tmp_path: Path
) -> None:
    pulled(rushes, tmp_path / "out", fdl=fdl, sample="float")
    clip = Clip.open(rushes / "A001.mov")
    framing = Framing.of_fdl(fdl, clip.header)
    color = Color.convert("ARRI LogC4", "ACES2065-1")
    for row, frame in enumerate(clip.frames(4, 6)):
        plate = sorted((tmp_path / "out").glob("*.exr"))[row]
        expected = framing.apply(color.apply(to_rgb(frame, "float32")))
        assert np.array_equal(pixels(plate), expected)


def test_without_an_fdl_every_pixel_is_kept(rushes: Path, tmp_path: Path) -> None:
    report = pulled(rushes, tmp_path / "out")
    assert not report.failures
    sizes = [pixels(path).shape[:2] for path in sorted((tmp_path / "out").glob("*.exr"))]
    assert sizes == [(108, 192)] * 2 + [(90, 160)] * 2


@pytest.mark.parametrize("format", ["exr", "dpx10", "prores4444"])
def test_a_squeeze_is_in_the_header_and_a_rerun_notices_another(
    rushes: Path, tmp_path: Path, format: str
) -> None:
    for squeeze in (2.0, 1.8, 1.0):
        report = pulled(rushes, tmp_path / "out", format=format, squeeze=squeeze, version="auto")
        assert not report.failures
        for plate in report.results:
            assert float(Clip.open(plate.url).header.pixel_aspect) == pytest.approx(squeeze)


def test_a_turned_clip_has_plates_as_stored_and_an_upright_review(tmp_path: Path) -> None:
    (tmp_path / "rushes").mkdir()
    stored = np.zeros((180, 320, 3), np.uint8)
    stored[:, 160:] = 255  # right half
    with av.open(str(tmp_path / "rushes" / "A001.mov"), "w") as container:
        stream: Any = container.add_stream("mpeg2video", rate=24, options={"g": "1"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.metadata["timecode"] = "01:00:00:00"
        stream.set_display_rotation(90)
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(stored)))
        container.mux(stream.encode(None))
    turned = Clip.open(tmp_path / "rushes" / "A001.mov").header.rotation
    report = pulled(tmp_path / "rushes", tmp_path / "out", review=True)
    (plate,) = report.results
    assert pixels(Path(plate.url % 1001)).shape == (180, 320, 3)
    (note,) = json.loads(Path(f"{plate.stem}.json").read_text())["notes"]
    assert note == f"the clip is shown turned by {turned} degrees: plates are as stored, reviews upright"
    (frame,) = Clip.open(f"{plate.stem}.mp4").frames(0, 1)
    upright = to_rgb(frame, "float32")
    assert upright.shape == (320, 180, 3)
    assert turned == 270
    assert upright[80].mean() > 0.5 > upright[240].mean(), "turned by 270 degrees, right is up"


def test_the_filter_and_the_squeeze_are_options(rushes: Path, fdl: Path, tmp_path: Path) -> None:
    pulled(rushes, tmp_path / "sharp", fdl=fdl)
    pulled(rushes, tmp_path / "soft", fdl=fdl, filter="blackman-harris")
    first = [min((tmp_path / name).glob("*.exr")) for name in ("sharp", "soft")]
    assert pixels(first[0]).shape == pixels(first[1]).shape
    assert not np.array_equal(pixels(first[0]), pixels(first[1]))
    pulled(rushes, tmp_path / "whole", squeeze=1.8)
    whole = min((tmp_path / "whole").glob("*.exr"))
    assert OpenEXR.File(str(whole)).header()["pixelAspectRatio"] == pytest.approx(1.8)
    assert pixels(whole).shape == (108, 192, 3)
    for wrong, message in (
        ({"filter": "sinc"}, "filter: cannot be 'sinc'; use blackman-harris, box"),
        ({"squeeze": 0}, "squeeze: cannot be 0; it should be greater than 0"),
    ):
        with pytest.raises(InvalidRequest, match=message):
            pulled(rushes, tmp_path / "none", **wrong)
