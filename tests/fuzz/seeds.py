"""What mutants are made of: small real files of every format that comes from outside."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mediadask import footage
from mediadask.documents import Cdl
from mediadask.metadata import inspect
from tests.clips.test_stills import INPUTS, luminance_chroma

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["make_seeds"]

_SIZE = (96, 64)
_CLIPS: dict[str, dict[str, Any]] = {
    "prores.mov": {"codec": "prores_ks", "pixel_format": "yuv422p10le", "sound": "pcm_s24le", "reel": "A001"},
    "bframes.mp4": {"codec": "libx264", "options": {"g": "6", "bf": "2"}, "sound": "aac"},
    "fragments.mp4": {"codec": "libx264", "muxer_options": {"movflags": "frag_keyframe+empty_moov"}},
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none"}},
    "v210.mov": {"codec": "v210", "pixel_format": "yuv422p10le"},
    "mpeg2.mxf": {"codec": "mpeg2video"},
    "h264.mxf": {"codec": "libx264"},
    "h264.mkv": {"codec": "libx264", "options": {"bf": "2"}},
    "ffv1.mkv": {"codec": "ffv1"},
    "mjpeg.avi": {"codec": "mjpeg", "pixel_format": "yuvj420p"},
    "mpeg4.avi": {"codec": "mpeg4", "sound": "pcm_s16le"},
    "h264.ts": {"codec": "libx264"},
    "mpeg2.mpg": {"codec": "mpeg2video"},
    "raw.h264": {"codec": "libx264", "options": {"bf": "2"}},
    "raw.hevc": {"codec": "libx265", "options": {"x265-params": "log-level=none"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"auto-alt-ref": "1", "lag-in-frames": "6"}},
    "palette.mov": {"codec": "qtrle", "pixel_format": "gray"},
}
_IMAGES = {"exr": "half", "dpx": "uint10", "tif": "uint16", "png": "uint8", "jpg": "uint8"}
_EDL = """TITLE: SHOW
FCM: NON-DROP FRAME

001  A001     V     C        01:00:00:00 01:00:00:06 01:00:00:00 01:00:00:06
M2   A001       012.0                01:00:00:00
* FROM CLIP NAME: prores.mov
* ASC_SOP (1.1 1.0 0.9)(0.0 0.1 0.0)(1.0 1.0 1.0)
* ASC_SAT 0.9
002  A001     V     D    003 01:00:00:02 01:00:00:08 01:00:00:06 01:00:00:12
* TO CLIP NAME: prores.mov
"""
_ALE = """Heading
FIELD_DELIM\tTABS
VIDEO_FORMAT\t1080
FPS\t24

Column
Name\tTape\tStart\tEnd\tFPS

Data
prores.mov\tA001\t01:00:00:00\t01:00:00:06\t24
"""
_SHOTS = """Shot,Reel,In,Out,Handles,Plate,Version
SH_0010,A001,01:00:00:01,01:00:00:05,2,BG01,1
SH_0020,A001,01:00:00:05,01:00:00:08,0+1,CLN,
"""
_FCPX = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE fcpxml>
<fcpxml version="1.10"><resources>
<format id="r1" frameDuration="1/24s" width="96" height="64"/>
<asset id="r2" name="prores" start="3600s" duration="1/2s" hasVideo="1" format="r1">
<media-rep kind="original-media" src="file:///card/prores.mov"/></asset></resources>
<library><event name="e"><project name="p"><sequence format="r1" duration="1/4s"><spine>
<asset-clip ref="r2" name="prores" offset="0s" start="3600s" duration="1/4s"/>
<gap offset="1/4s" duration="1/4s"/>
</spine></sequence></project></event></library></fcpxml>
"""
_AMF = """<?xml version="1.0" encoding="UTF-8"?>
<aces:acesMetadataFile version="2.0" xmlns:aces="urn:ampas:aces:amf:v2.0" xmlns:cdl="urn:ASC:CDL:v1.01">
<aces:amfInfo><aces:dateTime><aces:creationDateTime>2026-01-01T00:00:00Z</aces:creationDateTime>
<aces:modificationDateTime>2026-01-02T00:00:00Z</aces:modificationDateTime></aces:dateTime>
<aces:uuid>urn:uuid:11111111-1111-4111-8111-111111111111</aces:uuid></aces:amfInfo>
<aces:clipId><aces:clipName>prores</aces:clipName><aces:file>prores.mov</aces:file></aces:clipId>
<aces:pipeline><aces:pipelineInfo><aces:dateTime>
<aces:creationDateTime>2026-01-01T00:00:00Z</aces:creationDateTime>
<aces:modificationDateTime>2026-01-02T00:00:00Z</aces:modificationDateTime></aces:dateTime>
<aces:systemVersion><aces:majorVersion>2</aces:majorVersion><aces:minorVersion>0</aces:minorVersion>
<aces:patchVersion>0</aces:patchVersion></aces:systemVersion></aces:pipelineInfo>
<aces:inputTransform applied="false">
<aces:transformId>urn:ampas:aces:transformId:v2.0:CSC.Arri.LogC4_to_ACES.a2.v1</aces:transformId>
</aces:inputTransform>
<aces:lookTransform applied="false"><aces:file>look.cube</aces:file></aces:lookTransform>
<aces:lookTransform applied="false"><cdl:SOPNode><cdl:Slope>1.1 1 0.9</cdl:Slope>
<cdl:Offset>0 0 0</cdl:Offset><cdl:Power>1 1 1</cdl:Power></cdl:SOPNode>
<cdl:SatNode><cdl:Saturation>0.9</cdl:Saturation></cdl:SatNode></aces:lookTransform>
</aces:pipeline></aces:acesMetadataFile>
"""
_CLF = """<?xml version="1.0" encoding="UTF-8"?>
<ProcessList id="a" compCLFversion="3">
<Matrix inBitDepth="32f" outBitDepth="32f"><Array dim="3 3">1 0 0 0 1 0 0 0 0.9</Array></Matrix>
<LUT1D inBitDepth="32f" outBitDepth="32f"><Array dim="4 1">0 0.3 0.6 1</Array></LUT1D>
<Log inBitDepth="32f" outBitDepth="32f" style="log2"/></ProcessList>
"""


def _area(x: int, y: int, width: int, height: int) -> dict[str, Any]:
    return {"dimensions": {"width": width, "height": height}, "anchor_point": {"x": x, "y": y}}


_FDL = {
    "uuid": "1d4b9c9e-9a0e-4b2c-8a55-2b3a7b1f9f10",
    "version": {"major": 2, "minor": 0},
    "fdl_creator": "mediadask",
    "default_framing_intent": "1",
    "framing_intents": [{"id": "1", "label": "wide", "aspect_ratio": {"width": 16, "height": 9}}],
    "contexts": [
        {
            "label": "camera",
            "canvases": [
                {
                    "id": "1",
                    "label": "open gate",
                    "source_canvas_id": "1",
                    "dimensions": {"width": 96, "height": 64},
                    "anamorphic_squeeze": 1.0,
                    "framing_decisions": [{"id": "1-1", "framing_intent_id": "1", **_area(4, 8, 88, 50)}],
                }
            ],
        }
    ],
    "canvas_templates": [
        {
            "id": "VFX",
            "label": "vfx",
            "target_dimensions": {"width": 192, "height": 108},
            "target_anamorphic_squeeze": 1.0,
            "fit_source": "framing_decision.dimensions",
            "fit_method": "width",
            "alignment_method_vertical": "center",
            "alignment_method_horizontal": "center",
            "round": {"even": "even", "mode": "up"},
        }
    ],
}


def make_seeds(folder: Path) -> dict[str, bytes]:
    """A file of every format, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, how in _CLIPS.items():
        footage.write_clip(folder / name, frames=8, size=_SIZE, timecode="01:00:00:00", **how)
    how = {"frames": 1, "size": _SIZE, "timecode": "01:00:00:00", "reel": "A001"}
    for suffix, dtype in _IMAGES.items():
        footage.write_sequence(folder / f"image.%04d.{suffix}", dtype=dtype, **how)
    footage.write_sequence(folder / "piz.%04d.exr", attributes={"compression": "piz"}, **how)
    luminance_chroma(folder / "chroma.exr")
    (folder / "grid.heic").write_bytes((INPUTS / "grid.heic").read_bytes())
    texts = {
        "cut.edl": _EDL, "cut.ale": _ALE, "cut.fcpxml": _FCPX, "shots.csv": _SHOTS,
        "look.amf": _AMF, "look.clf": _CLF, "frame.fdl": json.dumps(_FDL, indent=1), "look.cube": _cube(),
        "media.json": json.dumps([inspect(folder / "prores.mov").as_dict()], indent=1),
    }  # fmt: skip
    for name, text in texts.items():
        (folder / name).write_text(text)
    for suffix in ("cc", "ccc", "cdl"):
        Cdl((1.1, 1.0, 0.9), (0.0, 0.1, 0.0), (1.0, 1.0, 1.0), 0.9, "shot").write(folder / f"grade.{suffix}")
    _write_timelines(folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def _cube() -> str:
    steps = (0.0, 1.0)
    rows = (f"{red} {green} {blue * 0.9}" for blue in steps for green in steps for red in steps)
    return 'TITLE "a"\nLUT_3D_SIZE 2\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1 1 1\n' + "\n".join(rows) + "\n"


def _write_timelines(folder: Path) -> None:
    import opentimelineio as otio

    def span(start: int, frames: int) -> Any:
        return otio.opentime.TimeRange(*(otio.opentime.RationalTime(value, 24) for value in (start, frames)))

    found = otio.schema.ExternalReference("file:///card/prores.mov", span(86400, 8))
    clip = otio.schema.Clip("prores", found, span(86400, 6))
    clip.effects.append(otio.schema.LinearTimeWarp(time_scalar=float(Fraction(1, 2))))
    timeline = otio.schema.Timeline("cut", global_start_time=otio.opentime.RationalTime(86400, 24))
    track = otio.schema.Track("V1", [clip, otio.schema.Gap(source_range=span(0, 4))], kind="Video")
    timeline.tracks.append(track)
    otio.adapters.write_to_file(timeline, str(folder / "cut.otio"))
    otio.adapters.write_to_file(timeline, str(folder / "cut.xml"), adapter_name="fcp_xml")
