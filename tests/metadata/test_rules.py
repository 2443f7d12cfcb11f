"""Every family of tags, each read from a real file that carries it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import PyOpenColorIO as ocio
import pytest

import mediadask as md
from mediadask import footage
from mediadask.clips import Tag
from mediadask.metadata import rules
from mediadask.metadata.table import built_in
from mediadask.metadata.values import angle, positive

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeClip

PRORES: dict[str, Any] = {
    "codec": "prores_ks",
    "pixel_format": "yuv422p10le",
    "size": (128, 72),
    "frames": 2,
    "muxer_options": {"movflags": "use_metadata_tags"},
}

MOV_FAMILIES = {
    "ARRI QuickTime": (
        {
            "com.arri.camera.CameraModel": "ALEXA Mini",
            "com.arri.camera.CameraSerialNumber": "25661",
            "com.arri.camera.ReelName": "A001R1ZA",
            "com.arri.camera.ExposureIndexAsa": "800",
            "com.arri.camera.WhiteBalanceKelvin": "3200",
            "com.arri.camera.ShutterAngle": "172800",
            "com.arri.camera.LensType": "ARRI SP40 T1.8",
            "com.arri.camera.ColorGammaSxS": "LOG-C",
        },
        {
            "camera_make": "ARRI",
            "camera_model": "ALEXA Mini",
            "camera_serial": "25661",
            "reel": "A001R1ZA",
            "iso": 800,
            "white_balance_k": 3200,
            "shutter_angle_deg": 172.8,
            "lens": "ARRI SP40 T1.8",
            "color_space": "LOG-C",
        },
    ),
    "Blackmagic": (
        {
            "com.apple.proapps.manufacturer": "Blackmagic Design",
            "com.apple.proapps.customgamma": "com.blackmagic-design.productioncamera4k.filmlog",
            "com.blackmagic-design.camera.cameraType": "Blackmagic URSA Mini Pro 12K",
            "com.blackmagic-design.camera.iso": "800",
            "com.blackmagic-design.camera.whiteBalanceKelvin": "6000",
            "com.blackmagic-design.camera.shutterAngle": "180°",
            "com.blackmagic-design.camera.lensType": "Cooke Anamorphic /i Prime Lens 50mm",
        },
        {
            "camera_make": "Blackmagic Design",
            "camera_model": "Blackmagic URSA Mini Pro 12K",
            "iso": 800,
            "white_balance_k": 6000,
            "shutter_angle_deg": 180.0,
            "lens": "Cooke Anamorphic /i Prime Lens 50mm",
            "color_space": "com.blackmagic-design.productioncamera4k.filmlog",
        },
    ),
    "RDD 18 QuickTime, through an Atomos recorder": (
        {
            "make": "Atomos",
            "model": "ShogunInferno",
            "com.apple.proapps.manufacturer": "Sony",
            "com.apple.proapps.modelname": "FX9",
            "com.apple.proapps.serialno": "10042",
            "org.smpte.rdd18.camera.isosensitivity": "4000",
            "org.smpte.rdd18.camera.whitebalance": "4300K",
            "org.smpte.rdd18.camera.shutterspeed_angle": "179.2deg",
        },
        {
            "camera_make": "Sony",
            "camera_model": "FX9",
            "camera_serial": "10042",
            "iso": 4000,
            "white_balance_k": 4300,
            "shutter_angle_deg": 179.2,
        },
    ),
    "QuickTime": (
        {
            "com.apple.quicktime.make": "Apple",
            "com.apple.quicktime.model": "iPhone 16 Pro",
            "com.apple.quicktime.camera.lens_model": "iPhone 16 Pro back camera 6.765mm f/1.78",
            "org.smpte.rdd18.camera.shutterspeed_angle": "10800",
        },
        {
            "camera_make": "Apple",
            "camera_model": "iPhone 16 Pro",
            "lens": "iPhone 16 Pro back camera 6.765mm f/1.78",
            "shutter_angle_deg": 180.0,
        },
    ),
    "QuickTime user data": (
        {"make": "Canon", "model": "EOS C300 Mark III"},
        {"camera_make": "Canon", "camera_model": "EOS C300 Mark III"},
    ),
}


@pytest.mark.parametrize("family", MOV_FAMILIES)
def test_tags_of_a_mov(make_clip: MakeClip, family: str) -> None:
    tags, expected = MOV_FAMILIES[family]
    clip = md.inspect(make_clip("tagged.mov", tags=tags, **PRORES))
    assert {name: getattr(clip, name) for name in expected} == expected
    for name in set(expected) - {"reel"}:
        assert any(tag in clip.sources[name] for tag in tags), f"{name} does not say which tag it came from"


def test_panasonic_xml_in_a_mov(make_clip: MakeClip) -> None:
    document = (
        '<?xml version="1.0" encoding="UTF-8" standalone="no" ?>\n'
        '<ClipMain xmlns="urn:schemas-Professional-Plug-in:Semi-Pro:ClipMetadata:v1.0"><ClipContent>'
        "<ClipMetadata><Device><Manufacturer>Panasonic</Manufacturer><ModelName>DC-GH6</ModelName></Device>"
        "</ClipMetadata></ClipContent><UserArea>"
        '<AcquisitionMetadata xmlns="urn:schemas-Professional-Plug-in:P2:CameraMetadata:v1.2">'
        "<CameraUnitMetadata><ISOSensitivity>250</ISOSensitivity>"
        "<WhiteBalanceColorTemperature>5600K</WhiteBalanceColorTemperature>"
        "<Gamma><CaptureGamma>V-Log</CaptureGamma></Gamma><Gamut><CaptureGamut>V-Gamut</CaptureGamut></Gamut>"
        "</CameraUnitMetadata></AcquisitionMetadata></UserArea></ClipMain>\n"
    )
    clip = md.inspect(make_clip("gh6.mov", tags={"com.panasonic.Semi-Pro.metadata.xml": document}, **PRORES))
    assert (clip.camera_make, clip.camera_model) == ("Panasonic", "DC-GH6")
    assert (clip.iso, clip.white_balance_k) == (250, 5600)
    assert clip.color_space == "V-Log V-Gamut"
    assert "com.panasonic.Semi-Pro.metadata.xml: CameraUnitMetadata/ISOSensitivity" in clip.sources["iso"]


DNXHR: dict[str, Any] = {
    "codec": "dnxhd",
    "pixel_format": "yuv422p",
    "size": (256, 144),
    "frames": 2,
    "options": {"profile": "dnxhr_sq"},
}


def test_an_mxf_that_an_arri_camera_wrote(make_clip: MakeClip) -> None:
    tags = {"company_name": "ARRI", "product_name": "ALEXA 35"}
    clip = md.inspect(make_clip("alexa35.mxf", tags=tags, **DNXHR))
    assert (clip.camera_make, clip.camera_model) == ("ARRI", "ALEXA 35")


def test_an_application_that_wrote_an_mxf_is_no_camera(make_clip: MakeClip) -> None:
    tags = {"company_name": "Avid", "product_name": "Media Composer"}
    clip = md.inspect(make_clip("mc.mxf", tags=tags, **DNXHR))
    assert (clip.camera_make, clip.camera_model) == (None, None)


def test_exr_attributes(tmp_path: Path) -> None:
    attributes = {
        "cameraMake": "ARRI",
        "cameraModel": "ALEXA 35",
        "cameraSerialNumber": "50123",
        "isoSpeed": np.float32(1600),
        "cameraCCTSetting": np.float32(5600),
        "lensModel": "Signature Prime 40",
        "nominalFocalLength": np.float32(40),
    }
    footage.write_sequence(
        tmp_path / "plate.%04d.exr",
        frames=3,
        size=(64, 36),
        timecode="10:00:00:00",
        reel="A001C003",
        attributes={k: float(v) if isinstance(v, np.float32) else v for k, v in attributes.items()},
    )
    clip = md.inspect(tmp_path / "plate.%04d.exr")
    assert (clip.camera_make, clip.camera_model, clip.camera_serial) == ("ARRI", "ALEXA 35", "50123")
    assert (clip.iso, clip.white_balance_k, clip.focal_length_mm) == (1600, 5600, 40.0)
    assert clip.lens == "Signature Prime 40"
    assert (clip.start_timecode, clip.reel, clip.frames) == ("10:00:00:00", "A001C003", 3)
    assert clip.sources["iso"] == "exr header: isoSpeed"


@pytest.mark.parametrize(
    ("text", "degrees"),
    [
        ("172.8", 172.8),
        ("1728", 172.8),
        ("172800", 172.8),
        ("358", None),
        ("11", 11.0),
        ("0", None),
        ("x", None),
    ],
)
def test_an_arri_shutter_is_read_only_where_one_reading_is_possible(text: str, degrees: float | None) -> None:
    tag = Tag("mov", "com.arri.camera.ShutterAngle", text)
    said = rules.apply([[tag]]).get("shutter_angle_deg")
    assert (said[0].value if said else None) == degrees


@pytest.mark.parametrize("nothing", ["", "  ", "--", "n/a", "Unknown", "\0\0", "no name"])
def test_what_says_nothing_is_unknown(nothing: str) -> None:
    assert rules.apply([[Tag("mov", "com.apple.quicktime.make", nothing)]]) == {}


@pytest.mark.parametrize("nothing", ["0", "-1", "auto", "", "1/0"])
def test_a_number_that_is_none_is_unknown(nothing: str) -> None:
    assert rules.apply([[Tag("mov", "com.blackmagic-design.camera.iso", nothing)]]) == {}


def test_rationals_of_a_dng_are_two_numbers() -> None:
    tags = {"FNumber": "28 10", "ExposureTime": "1 48", "FocalLength": "350 10", "TStop": "3 1"}
    said = rules.apply([[Tag("dng header", name, text) for name, text in tags.items()]])
    values = {name: each[0].value for name, each in said.items()}
    assert values == {
        "f_number": 2.8,
        "shutter_s": pytest.approx(1 / 48),
        "focal_length_mm": 35.0,
        "t_stop": 3.0,
    }


def test_tag_names_match_whatever_their_case() -> None:
    assert rules.apply([[Tag("mov", "COM.APPLE.QUICKTIME.MAKE", "Apple")]])["camera_make"][0].value == "Apple"


def test_camera_color_spaces_are_names_that_opencolorio_knows() -> None:
    config = ocio.Config.CreateFromBuiltinConfig("studio-config-latest")
    assert set(built_in().spaces.values()) <= set(config.getColorSpaceNames())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9.99999994e-39", None),
        ("1e-3", 0.001),
        ("4E5", 400000.0),
        ("1e999", None),
        ("5600K", 5600.0),
        ("3/2", 1.5),
    ],
)
def test_numbers_with_an_exponent_are_read_whole(text: str, value: float | None) -> None:
    assert positive(text) == value
    assert angle("400000") is None
