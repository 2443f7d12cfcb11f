"""The color space of a clip is what its camera, its container or the user says, and never a guess."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mediadask.errors import InvalidRequest
from mediadask.metadata import ClipMetadata, inspect
from mediadask.pixels import input_space
from mediadask.pixels.color.transform_ids import ACES_1


def clip(color_space: str | None = None, **more: Any) -> ClipMetadata:
    facts: dict[str, Any] = {
        "path": "/card/A001C002.mov",
        "container": "mov",
        "codec": "prores",
        "width": 1920,
        "height": 1080,
        "pixel_format": "yuv422p10le",
        "bit_depth": 10,
        "frames": 24,
        "missing_frames": 0,
        "audio_tracks": 0,
        "size_bytes": 1,
        "color_space": color_space,
    }
    return ClipMetadata(**(facts | more))


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("ARRI LogC4", "ARRI LogC4"),
        ("S-Log3 S-Gamut3.Cine", "S-Log3 S-Gamut3.Cine"),
        ("LOG-C", "ARRI LogC3 (EI800)"),
        ("AWG4/LogC4", "ARRI LogC4"),
        ("Apple Log", "Apple Log"),
        ("V-Log / V-Gamut", "V-Log V-Gamut"),
        ("bt2020/smpte2084/bt2020nc", "Rec.2100-PQ - Display"),
        ("bt2020/arib-std-b67/bt2020nc", "Rec.2100-HLG - Display"),
        ("bt709/linear", "Linear Rec.709 (sRGB)"),
        ("ap1/linear", "ACEScg"),
        ("bt709/iec61966-2-1", "sRGB Encoded Rec.709 (sRGB)"),
    ],
)
def test_what_the_clip_says_is_found_in_the_config(said: str, name: str) -> None:
    assert input_space(clip(said)) == name


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("ACEScct", "ACEScct"),
        ("lin_ap0", "ACES2065-1"),
        ("scene_linear", "ACEScg"),
        ("urn:ampas:aces:transformId:v2.0:CSC.Arri.LogC4_to_ACES.a2.v1", "ARRI LogC4"),
        ("urn:ampas:aces:transformId:v1.5:IDT.ARRI.ARRI-LogC4.a1.v1", "ARRI LogC4"),
    ],
)
def test_what_the_user_says_goes_first(said: str, name: str) -> None:
    assert input_space(clip("S-Log3 S-Gamut3"), said) == name


@pytest.mark.parametrize("said", [None, "bt709", "bt2020nc", "bt470bg", "Acme Log"])
def test_what_nobody_says_is_refused_with_the_choices(said: str | None) -> None:
    with pytest.raises(InvalidRequest, match=r"A001C002\.mov.*--input-space.*ARRI LogC4") as raised:
        input_space(clip(said))
    assert "\n" not in str(raised.value)


def test_a_slip_of_the_pen_is_told_what_was_meant() -> None:
    with pytest.raises(InvalidRequest, match="did you mean ARRI LogC4"):
        input_space(clip(), "ARI LogC4")
    with pytest.raises(InvalidRequest, match=r"use one of .*ARRI LogC4"):
        input_space(clip(), "x" * 30)
    with pytest.raises(InvalidRequest, match=r"IDT\.Acme"):
        input_space(clip(), "urn:ampas:aces:transformId:v1.5:IDT.Acme.Camera.a1.v1")


def test_the_name_is_the_config_s_own() -> None:
    assert input_space(clip("Apple Log")) == "Apple Log"
    with pytest.raises(InvalidRequest, match="not enough"):
        input_space(clip("D-Log D-Gamut"), config=ACES_1)


def test_a_curve_that_depends_on_exposure_is_not_taken_for_another_s() -> None:
    assert input_space(clip("LOG-C", iso=800)) == "ARRI LogC3 (EI800)"
    with pytest.raises(InvalidRequest, match="EI 400"):
        input_space(clip("LOG-C", iso=400))
    assert input_space(clip("LOG-C", iso=400), "ARRI LogC3 (EI800)") == "ARRI LogC3 (EI800)"


def test_exr_files_of_aces_say_so(tmp_path: Path) -> None:
    import OpenImageIO as oiio

    ap0 = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767)  # SMPTE ST 2065-1
    for name, primaries in (("ACES2065-1", ap0), (None, (0.6, 0.3, 0.2, 0.7, 0.1, 0.1, 0.3, 0.3))):
        spec = oiio.ImageSpec(32, 16, 3, "half")
        spec.attribute("chromaticities", oiio.TypeDesc("float[8]"), primaries)
        path = tmp_path / f"{name}.exr"
        out = oiio.ImageOutput.create(str(path))
        out.open(str(path), spec)
        out.write_image(np.zeros((16, 32, 3), np.float32))
        out.close()
        if name:
            assert input_space(inspect(path)) == name
        else:
            with pytest.raises(InvalidRequest, match="linear"):
                input_space(inspect(path))
