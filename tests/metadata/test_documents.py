"""Documents inside and beside a clip, with the structure of real ones (a Sony VENICE's, an ALEXA LF's)."""

from __future__ import annotations

import shutil
import struct
from typing import TYPE_CHECKING, Any

import pytest

import mediadask as md
from mediadask.errors import UnreadableMedia
from mediadask.metadata.documents import read_table, xml_tags

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeClip

VENICE = """<?xml version="1.0" encoding="UTF-8"?>
<NonRealTimeMeta xmlns="urn:schemas-professionalDisc:nonRealTimeMeta:ver.2.10">
  <Duration value="588"/>
  <Device manufacturer="Sony" modelName="AXS-R7" serialNo="00010604"/>
  <Camera manufacturer="Sony" modelName="MPC-3610" serialNo="0010201"/>
  <Lens manufacturer="" modelName="S7i-32                       "/>
  <AcquisitionRecord>
    <Group name="LensUnitMetadataSet">
      <Item name="AnamorphicLensSqueezeRatio" value="200"/>
    </Group>
    <Group name="CameraUnitMetadataSet">
      <Item name="ExposureIndexOfPhotoMeter" value="250"/>
      <Item name="ShutterSpeedAngle" value="10380"/>
      <Item name="ISOSensitivity" value="500"/>
      <Item name="WhiteBalance" value="4300"/>
      <Item name="CaptureGammaEquation" value="s-log3-cine"/>
      <Item name="CaptureColorPrimaries" value="s-gamut3-cine"/>
    </Group>
  </AcquisitionRecord>
</NonRealTimeMeta>
"""

FX3 = VENICE.replace('<Camera manufacturer="Sony" modelName="MPC-3610" serialNo="0010201"/>', "").replace(
    "AXS-R7", "ILME-FX3"
)

ALEXA = (
    "Index\tMaster TC\tReel\tCamera Family\tCamera Serial Number\tCamera Model\tShutter Angle\t"
    "White Balance\tExposure Index ASA\tTarget Color Space\tLens Squeeze\tLens Model\tLens Focal Length\n"
    "       0\t13:36:49:07\tB001R1ZA\tALEXALF\t2566\tAlexa LF Plus W\t172.800\t3200\t400\tLOG-C\t1.000\t"
    "ARRI SP40 T1.8\t40.000\n"
    "       1\t13:36:49:08\tB001R1ZA\tALEXALF\t2566\tAlexa LF Plus W\t172.800\t3200\t400\tLOG-C\t1.000\t"
    "ARRI SP40 T1.8\t40.000\n"
)

SMALL: dict[str, Any] = {"codec": "libx264", "size": (128, 72), "frames": 2}


@pytest.fixture
def clip(make_clip: MakeClip, tmp_path: Path) -> Path:
    shutil.copy(make_clip("plain.mp4", **SMALL), tmp_path / "C0001.MP4")
    return tmp_path / "C0001.MP4"


def test_a_sony_sidecar(clip: Path) -> None:
    clip.with_name("C0001M01.XML").write_text(VENICE)
    found = md.inspect(clip)
    assert (found.camera_make, found.camera_model, found.camera_serial) == ("Sony", "MPC-3610", "0010201")
    assert (found.iso, found.white_balance_k) == (500, 4300)
    assert found.shutter_angle_deg == 173.0  # 10380 minutes of arc
    assert (found.lens, found.squeeze) == ("S7i-32", 2.0)
    assert found.color_space == "S-Log3 S-Gamut3.Cine"
    assert found.sources["iso"] == "sidecar C0001M01.XML: CameraUnitMetadataSet/ISOSensitivity"


def test_where_the_camera_is_the_device(clip: Path) -> None:
    clip.with_name("C0001M01.XML").write_text(FX3)
    assert md.inspect(clip).camera_model == "ILME-FX3"


def test_a_sony_document_inside_an_mp4(clip: Path) -> None:
    body = clip.read_bytes()
    assert body[4:8] == b"ftyp"
    document = b"\0\0\0\0" + FX3.encode() + b"\0"
    handler = struct.pack(">I", 32) + b"hdlr" + bytes(8) + b"nrtm" + bytes(12)
    xml = struct.pack(">I", 8 + len(document)) + b"xml " + document
    meta = b"\0\0\0\0" + handler + xml
    branded = body[:8] + b"XAVC" + body[12:]
    clip.write_bytes(branded + struct.pack(">I", 8 + len(meta)) + b"meta" + meta)
    found = md.inspect(clip)
    assert (found.camera_model, found.iso, found.color_space) == ("ILME-FX3", 500, "S-Log3 S-Gamut3.Cine")
    assert found.sources["iso"].startswith("mp4 NonRealTimeMeta: ")


def test_an_arri_meta_extract_table(clip: Path) -> None:
    clip.with_name("C0001.MP4.csv").write_text(ALEXA)
    found = md.inspect(clip)
    assert (found.camera_make, found.camera_model, found.camera_serial) == ("ARRI", "Alexa LF Plus W", "2566")
    assert (found.reel, found.iso, found.white_balance_k) == ("B001R1ZA", 400, 3200)
    assert (found.shutter_angle_deg, found.focal_length_mm, found.squeeze) == (172.8, 40.0, 1.0)


def test_the_file_comes_before_its_sidecar(make_clip: MakeClip, tmp_path: Path) -> None:
    tagged = make_clip(
        "tagged.mov",
        codec="prores_ks",
        pixel_format="yuv422p10le",
        size=(128, 72),
        frames=2,
        tags={"com.apple.quicktime.model": "from the file"},
        muxer_options={"movflags": "use_metadata_tags"},
    )
    shutil.copy(tagged, tmp_path / "C0002.MOV")
    (tmp_path / "C0002M01.XML").write_text(VENICE)
    found = md.inspect(tmp_path / "C0002.MOV")
    assert (found.camera_model, found.iso) == ("from the file", 500)


@pytest.mark.parametrize("broken", ["", "<", VENICE[:400], "\0\0", "<a>&x;</a>", "{}"])
def test_a_broken_side_file_is_a_line_and_the_clip_is_told(clip: Path, broken: str) -> None:
    sidecar = clip.with_name("C0001M01.XML")
    sidecar.write_text(broken)
    found = md.inspect(clip)
    assert (found.camera_make, found.frames) == (None, 2)
    (problem,) = found.problems
    assert problem.startswith(f"{sidecar}: ")
    assert ";" in problem


@pytest.mark.parametrize(
    "text", ["", "only a heading\n", "one column\nrow\n", '"never closed' + "\t" * 140_000]
)
def test_what_is_no_table_is_told(text: str) -> None:
    with pytest.raises(UnreadableMedia, match="is no table"):
        read_table(text.encode(), "sidecar")


def test_a_hostile_document_is_refused() -> None:
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10 if i else "x" * 100}">' for i in range(12))
    for hostile in ("<a>" * 5000 + "</a>" * 5000, f"<!DOCTYPE a [{entities}]><a>&e11;</a>"):
        with pytest.raises(UnreadableMedia):
            xml_tags(hostile.encode(), "sidecar")
