"""The show that pages speak of: real rushes, edits, framing, grades and looks, by the names that they use."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from mediadask import footage
from mediadask.documents.amf import Amf, AmfClip
from mediadask.documents.amf_pipeline import Info, InputTransform, Pipeline, Transform
from tests.clips.ltc_signal import signal
from tests.clips.wav_files import bext, ixml, noise, write_wav
from tests.sounds.takes import shoot

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["make_show"]

_REELS = {"A001C001_240101_R1AB": "01:00:00:00", "B002C003_240101_R2CD": "02:00:00:00"}
_SIZE = (192, 108)
_CAMERA = (  # what a camera writes that records V-Log
    '<ClipMain xmlns="urn:schemas-Professional-Plug-in:Semi-Pro:ClipMetadata:v1.0"><ClipContent>'
    "<ClipMetadata><Device><Manufacturer>Panasonic</Manufacturer><ModelName>DC-GH6</ModelName></Device></ClipMetadata>"
    "</ClipContent><UserArea>"
    '<AcquisitionMetadata xmlns="urn:schemas-Professional-Plug-in:P2:CameraMetadata:v1.2">'
    "<CameraUnitMetadata><Gamma><CaptureGamma>V-Log</CaptureGamma></Gamma><Gamut><CaptureGamut>V-Gamut"
    "</CaptureGamut></Gamut></CameraUnitMetadata></AcquisitionMetadata></UserArea></ClipMain>\n"
)
_EDIT = """TITLE: REEL 1
FCM: NON-DROP FRAME

001  A001C001_240101_R1AB V     C        01:00:00:08 01:00:00:{a} 01:00:00:00 01:00:00:{b}
* LOC: 01:00:00:00 GREEN   ABC_104_0010
002  B002C003_240101_R2CD V     C        02:00:00:10 02:00:00:14 01:00:00:{b} 01:00:00:{c}
* LOC: 01:00:00:{b} GREEN   ABC_105_0010
003  A001C001_240101_R1AB V     C        01:00:01:00 01:00:01:04 01:00:00:{c} 01:00:00:{d}
* LOC: 01:00:00:{c} GREEN   ABC_105_0020
"""
_FCPX = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE fcpxml>
<fcpxml version="1.10"><resources><format id="f" frameDuration="1/24s"/>
<asset id="a" name="{reel}" start="3600s" duration="2s" hasVideo="1" format="f"><media-rep src="file:///card/{reel}.mov"/></asset>
</resources><library><event><project name="REEL 1"><sequence format="f" tcStart="3600s"><spine>
<asset-clip ref="a" start="3601s" duration="8/24s"/>
</spine></sequence></project></event></library></fcpxml>
"""
_CCC = """<ColorCorrectionCollection xmlns="urn:ASC:CDL:v1.2"><ColorCorrection id="sh010">
<SOPNode><Slope>1.1 1 0.9</Slope><Offset>0 0 0</Offset><Power>1 1 1</Power></SOPNode>
<SatNode><Saturation>0.9</Saturation></SatNode></ColorCorrection></ColorCorrectionCollection>
"""
_CLF = """<?xml version="1.0" encoding="UTF-8"?>
<ProcessList xmlns="urn:AMPAS:CLF:v3.0" id="show" compCLFversion="3.0">
<Range inBitDepth="32f" outBitDepth="32f"><minInValue>0</minInValue><minOutValue>0</minOutValue></Range>
</ProcessList>
"""
_V_LOG = "urn:ampas:aces:transformId:v2.0:CSC.Panasonic.VLog_VGamut_to_ACES.a2.v1"
_WHEN = "2026-01-01T00:00:00+00:00"


def make_show(folder: Path) -> None:
    """Write all of it into `folder`."""
    rushes = folder / "rushes"
    rushes.mkdir()
    for scene, (reel, start) in enumerate(_REELS.items()):
        _record(rushes / f"{reel}.mov", start, scene, reel)
    _record(folder / "A001C001.mov", "10:01:12:00", 0, "A001C001")
    _sound(folder / "12A_3.wav")
    (folder / "day").mkdir()
    shoot(folder / "day", 1, seconds=12.0)
    for name in ("turnover", "reel1", "cut", "cut_v1", "cut_v2"):
        (folder / f"{name}.edl").write_text(_EDIT.format(a=12, b="04", c="08", d=12))
    (folder / "cut_v3.edl").write_text(_EDIT.format(a=14, b="06", c=10, d=14))
    (folder / "cut.fcpxml").write_text(_FCPX.format(reel=next(iter(_REELS))))
    (folder / "shots.csv").write_text(
        "Shot,Reel,In,Out,Handles,Plate,Version,Notes\n"
        "ABC_104_0010,A001C001_240101_R1AB,01:00:00:08,01:00:00:12,8,BG01,1,hero\n"
        "ABC_104_0010,B002C003_240101_R2CD,02:00:00:10,02:00:00:12,0+4,CLN,,clean plate\n"
    )
    (folder / "asked.csv").write_text("Shot,Handles\nABC_104_0010,4\n")
    (folder / "approved.txt").write_text("ABC_104_0010\n")
    footage.write_clip(folder / "offline.mov", codec="libx264", frames=12, size=_SIZE, timecode="01:00:00:00")
    (folder / "reel1_offline.mov").write_bytes((folder / "offline.mov").read_bytes())
    (folder / "show.fdl").write_text(json.dumps(_framing()))
    (folder / "show.ccc").write_text(_CCC)
    (folder / "show.clf").write_text(_CLF)
    (folder / "show.cube").write_text("LUT_1D_SIZE 2\n0 0 0\n1 1 1\n")
    (folder / "amfs").mkdir()
    for reel in _REELS:
        info, transform = Info(_WHEN, _WHEN), InputTransform(False, (Transform(_V_LOG),))
        amf = Amf(info, Pipeline(info, transform), AmfClip(reel, file=f"{reel}.mov"))
        (folder / "amfs" / f"{reel}.amf").write_bytes(amf.document())
    (folder / "A001C001.amf").write_bytes((folder / "amfs" / f"{next(iter(_REELS))}.amf").read_bytes())


def _record(path: Path, start: str, scene: int, reel: str) -> None:
    """As a camera does: two seconds of ProRes with sound, in V-Log."""
    footage.write_clip(
        path,
        codec="prores_ks",
        pixel_format="yuv422p10le",
        size=_SIZE,
        frames=48,
        timecode=start,
        reel=reel,
        scene=scene,
        sound="pcm_s24le",
        tags={"com.panasonic.Semi-Pro.metadata.xml": _CAMERA},
        muxer_options={"movflags": "use_metadata_tags"},
    )


def _sound(path: Path) -> None:
    """As a recorder does: a boom, and timecode on a track beside it, at 24 frames a second."""
    code = signal("10:01:12:00", 48, frame_rate=24, offset=0)
    boom = noise(len(code))[:, 0]
    notes = ((b"bext", bext(36072 * 48000)), (b"iXML", ixml("24/1").replace(b"Anna", b"LTC")))
    write_wav(path, np.stack([boom, code], 1), notes=notes)


def _framing() -> dict[str, object]:
    """An ASC FDL: 2.39:1 in a 2x anamorphic recording, and a template for plates."""
    decision = {
        "id": "OG-239",
        "framing_intent_id": "239",
        "dimensions": {"width": 100, "height": 90},
        "anchor_point": {"x": 46, "y": 9},
    }
    canvas = {
        "id": "OG",
        "source_canvas_id": "OG",
        "dimensions": {"width": _SIZE[0], "height": _SIZE[1]},
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
    return {
        "uuid": "7B1E2A52-5C0F-4E6B-9C55-0B9E1F2C7A11",
        "version": {"major": 2, "minor": 0},
        "default_framing_intent": "239",
        "framing_intents": [{"id": "239", "aspect_ratio": {"width": 20, "height": 9}}],
        "contexts": [{"canvases": [canvas]}],
        "canvas_templates": [template],
    }
