"""Each kind of file beside a clip, in the layout of a real one (see `SOURCES`), becomes the same fields.

SOURCES: SMPTE/ris-osvp-metadata-camdkit has a VENICE's XML, an ALEXA LF's and a RANGER's tables and an URSA's
text; Panasonic's P2 clip metadata, DJI's subtitles and Avid's logs are laid out as their makers publish them.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import mediadask as md
from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from tests.conftest import MakeClip

SONY = """<?xml version="1.0" encoding="UTF-8"?>
<NonRealTimeMeta xmlns="urn:schemas-professionalDisc:nonRealTimeMeta:ver.2.10">
  <LtcChangeTable tcFps="24" halfStep="false"><LtcChange frameCount="0" value="19044716" status="increment"/>
  <LtcChange frameCount="587" value="06294716" status="end"/></LtcChangeTable>
  <CreationDate value="2021-07-16T11:46:22-08:00"/>
  <VideoFormat><VideoRecPort port="DIRECT"/>
    <VideoFrame videoCodec="F55_X-OCN_XT_6K_16:9" captureFps="48.00p" formatFps="23.98p"/>
    <VideoLayout pixel="5674" numOfVerticalLine="3192" aspectRatio="16:9"/></VideoFormat>
  <Device manufacturer="Sony" modelName="AXS-R7" serialNo="1"><Element software="6.00"/></Device>
  <Camera manufacturer="Sony" modelName="MPC-3610" serialNo="10201"><Element software="6.10"/></Camera>
  <Lens manufacturer="" modelName="S7i-32    "/>
  <AcquisitionRecord><Group name="LensUnitMetadataSet">
    <Item name="AnamorphicLensSqueezeRatio" value="100"/></Group>
  <Group name="CameraUnitMetadataSet"><Item name="ExposureIndexOfPhotoMeter" value="250"/>
    <Item name="NeutralDensityFilterWheelSetting" value="4"/><Item name="ShutterSpeedAngle" value="10380"/>
    <Item name="ISOSensitivity" value="500"/><Item name="WhiteBalance" value="4300"/>
    <Item name="CaptureGammaEquation" value="s-log3-cine"/>
    <Item name="CaptureColorPrimaries" value="s-gamut3-cine"/>
  </Group></AcquisitionRecord>
  <UserDescriptiveMetadata><Meta name="CameraIndex" content="D"/><Meta name="Scene" content="12A"/>
    <Meta name="Take" content="3"/></UserDescriptiveMetadata>
</NonRealTimeMeta>
"""

ARRI = "\t".join(
    [
        *(
            "Index",
            "Master TC",
            "Reel",
            "Scene",
            "Take",
            "Camera Clip Name",
            "Camera Family",
            "Camera Serial Number",
        ),
        *("Camera Index", "Camera SUP Name", "Camera Model", "System Image Creation Date", "Exposure Time"),
        *("Shutter Angle", "Sensor FPS", "Project FPS", "Active Image Width", "Active Image Height"),
        *("White Balance", "White Balance CC", "Exposure Index ASA", "Target Color Space", "Lens Squeeze"),
        *(
            "Lens Model",
            "Lens Serial Number",
            "Lens Distance Unit",
            "Lens Focus Distance",
            "Lens Focal Length",
        ),
        *("Lens Iris", "ND Filter Type"),
    ]
)
ARRI_ROW = "\t".join(
    [
        *("{index}", "13:36:49:{frame:02}", "B001R1ZA", "no scene name", "n.a.", "C0001", "ALEXALF", "2566"),
        *("B", "AlexaLF_2.0:41017", "Alexa LF Plus W", "2018/03/27", "20.000 ms"),
        *("172.800", "24.000", "24.000", "1920", "1080", "3200", "  0", "400", "LOG-C", "1.000"),
        *("ARRI SP40 T1.8", "2", "Meter", "{focus}", "40.000", "1.4 + 7/10", "No Filter"),
    ]
)

RED = (
    "Clip Name,File Name,AltReelID,CamReelID,Camera,Camera Model,Camera PIN,Sensor Name,Clip,Date,"
    "Frame Width,Frame Height,FPS,Record FPS,Abs TC,Color Space,Gamma Space,Kelvin,Tint,ISO,"
    "Shutter (1/sec),"
    "Shutter (deg),Firmware Version,Aperture,Focal Length,Focus Distance,Lens,Lens Brand,Lens Name,"
    "Lens Serial Number,Scene,Take,Lens,Aperture\n"
    "C0001,C0001.R3D,A001_C066,A001,A,RANGER MONSTRO 8K VV,130-27E-4B5,MONSTRO 8K VV,066,20220303,4096,"
    "2160,24,24,23:17:21:08,25,34,5600,0,250,48,180,7.4.1,F5.6,40mm,410mm,,SIGMA   ,40mm T1.5 FF | 018,"
    "G53599764,,,,F5.6\n"
)

BLACKMAGIC = """
Clip Metadata
manufacturer: Blackmagic Design
camera_type: Blackmagic URSA Mini Pro 12K
firmware_version: 7.2.1
sensor_area_captured: 7680,6408,
clip_number: A001_04190112_C102
scene: 1
take: 99
lens_type: Cooke Anamorphic /i Prime Lens 50mm
camera_number: A
anamorphic: 2x
anamorphic_enable: 1
viewing_gamma: Blackmagic Design Film
date_recorded: 2021:04:19

Frame 0 Metadata
sensor_rate: 48,1,
shutter_value: 180°
internal_nd: 6
aperture: T2.3
focal_length: 50mm
distance: 991mm
iso: 800
white_balance_kelvin: 6000
white_balance_tint: 0

Frame 1 Metadata
iso: 1600
"""

P2 = """<?xml version="1.0" encoding="UTF-8"?>
<P2Main xmlns="urn:schemas-Professional-Plug-in:P2:ClipMetadata:v3.1"><ClipContent><ClipName>C0001</ClipName>
<EssenceList><Video><VideoFormat>MXF</VideoFormat><Codec Class="100">AVC-I_1080/50i</Codec>
<FrameRate>50i</FrameRate><StartTimecode>10:00:00:00</StartTimecode></Video>
</EssenceList>
<ClipMetadata><Access>
<CreationDate>2015-01-08T14:03:22+01:00</CreationDate></Access>
<Device><Manufacturer>Panasonic</Manufacturer><SerialNo.>A1TCA0001</SerialNo.><ModelName>AJ-HPX3100G</ModelName>
</Device><Scenario><SceneNo.>7</SceneNo.><TakeNo.>2</TakeNo.></Scenario></ClipMetadata></ClipContent></P2Main>
"""

DJI = """1
00:00:00,000 --> 00:00:00,041
<font size="36">FrameCnt : 1, DiffTime : 41ms
2023-07-15 11:55:16,320,933
[iso : 100] [shutter : 1/400.0] [fnum : 280] [ct : 5818] [focal_len : 240] [latitude: 18.541234] \
[longitude: 73.901112] [rel_alt: 12.300 abs_alt: 564.230] </font>

2
00:00:00,041 --> 00:00:00,083
<font size="36">FrameCnt : 2, DiffTime : 42ms
2023-07-15 11:55:16,361,933
[iso : 200] [shutter : 1/400.0] [fnum : 280] [ct : 5818] [focal_len : 240] [latitude: 18.541234] \
[longitude: 73.901112] [rel_alt: 12.300 abs_alt: 564.230] </font>
"""

ALE = (
    "Heading\r\nFIELD_DELIM\tTABS\r\nFPS\t24\r\n\r\nColumn\r\n"
    "Name\tTape\tStart\tEnd\tScene\tTake\tASA\tWhite Balance\tLens Type\tCamera Model\r\n\r\nData\r\n"
    "other\tB002\t01:00:00:00\t01:00:01:00\t1\t1\t100\r\n"
    "C0001.mov\tA001R1AB\t01:00:00:00\t01:00:01:00\t42\t7\t800\t5600K\tFérrier 40\tALEXA Mini\tone more\r\n"
)

EACH: dict[str, tuple[str, str, dict[str, Any]]] = {
    "Sony": (
        "C0001M01.XML",
        SONY,
        {
            "camera_make": "Sony",
            "camera_model": "MPC-3610",
            "camera_serial": "10201",
            "camera_firmware": "6.10",
            "camera_letter": "D",
            "sensor_mode": "6K_16:9",
            "active_width": 5674,
            "iso": 500,
            "nd_stops": 2.0,
            "shutter_angle_deg": 173.0,
            "capture_rate": "48/1",
            "project_rate": "24000/1001",
            "start_timecode": "16:47:04:19",
            "drop_frame": False,
            "transfer": "S-Log3",
            "gamut": "S-Gamut3.Cine",
            "color_space": "S-Log3 S-Gamut3.Cine",
            "scene": "12A",
            "take": "3",
            "created": "2021-07-16T11:46:22-08:00",
        },
    ),
    "ARRI": (
        "C0001.MOV.csv",
        f"{ARRI}\n{ARRI_ROW.format(index=0, frame=7, focus='4.812')}\n",
        {
            "camera_make": "ARRI",
            "camera_model": "Alexa LF Plus W",
            "camera_firmware": "AlexaLF_2.0:41017",
            "camera_letter": "B",
            "reel": "B001R1ZA",
            "scene": None,
            "take": None,
            "shutter_s": 0.02,
            "active_width": 1920,
            "tint": 0.0,
            "nd_stops": 0.0,
            "focus_m": 4.812,
            "t_stop": 1.78,
            "transfer": "LogC3",
            "color_space": "LOG-C",
            "created": "2018-03-27",
            "start_timecode": "13:36:49:07",
        },
    ),
    "RED": (
        "C0001.csv",
        RED,
        {
            "camera_make": "RED",
            "camera_model": "RANGER MONSTRO 8K VV",
            "camera_serial": "130-27E-4B5",
            "camera_firmware": "7.4.1",
            "camera_letter": "A",
            "roll": "A001",
            "reel": "A001_C066",
            "white_balance_k": 5600,
            "shutter_angle_deg": 180.0,
            "shutter_s": pytest.approx(1 / 48),
            "f_number": 5.6,
            "t_stop": None,
            "focus_m": 0.41,
            "lens_make": "SIGMA",
            "lens": "40mm T1.5 FF | 018",
            "color_space": "Log3G10 REDWideGamutRGB",
            "created": "2022-03-03",
        },
    ),
    "Blackmagic": (
        "C0001.txt",
        BLACKMAGIC,
        {
            "camera_model": "Blackmagic URSA Mini Pro 12K",
            "clip_number": "C102",
            "reel": "A001_04190112_C102",
            "active_width": 7680,
            "active_height": 6408,
            "iso": 800,
            "nd_stops": 6.0,
            "capture_rate": "48/1",
            "t_stop": 2.3,
            "f_number": None,
            "focus_m": 0.991,
            "squeeze": 2.0,
            "created": "2021-04-19",
        },
    ),
    "Panasonic P2": (
        "../CLIP/C0001.XML",
        P2,
        {
            "camera_make": "Panasonic",
            "camera_model": "AJ-HPX3100G",
            "camera_serial": "A1TCA0001",
            "project_rate": "25/1",
            "scene": "7",
            "take": "2",
            "created": "2015-01-08T14:03:22+01:00",
        },
    ),
    "DJI": (
        "C0001.SRT",
        DJI,
        {
            "iso": 100,
            "shutter_s": 0.0025,
            "f_number": 2.8,
            "focal_length_mm": 24.0,
            "white_balance_k": 5818,
            "gps_latitude_deg": 18.541234,
            "gps_longitude_deg": 73.901112,
            "gps_altitude_m": 564.23,
        },
    ),
    "ALE": (
        "day one.ale",
        ALE,
        {
            "reel": "A001R1AB",
            "iso": 800,
            "white_balance_k": 5600,
            "lens": "Férrier 40",
            "scene": "42",
            "take": "7",
            "camera_model": "ALEXA Mini",
        },
    ),
}


@pytest.fixture
def clip(make_clip: MakeClip, tmp_path: Path) -> Path:
    made = make_clip("plain.mov", codec="libx264", size=(128, 72), frames=4)
    (tmp_path / "CONTENTS" / "CLIP").mkdir(parents=True)
    folder = tmp_path / "CONTENTS" / "VIDEO"
    folder.mkdir()
    return Path(shutil.copy(made, folder / "C0001.MOV"))


def put(clip: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = clip.parent / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("maker", EACH)
def test_a_maker_s_file_beside_a_clip(clip: Path, maker: str) -> None:
    name, text, expected = EACH[maker]
    put(clip, name, text, "latin-1" if maker == "ALE" else "utf-8")
    found = md.inspect(clip)
    assert {field: getattr(found, field) for field in expected} == expected
    for field in expected:
        if getattr(found, field) is not None:
            assert f"sidecar {name.rpartition('/')[2]}: " in found.sources[field]
    assert found.problems == ()


def test_sources_that_disagree_are_told(clip: Path) -> None:
    put(clip, "C0001M01.XML", SONY)
    put(clip, "roll.ale", ALE)
    found = md.inspect(clip)
    assert (found.iso, found.reel) == (500, "A001R1AB")
    assert found.disagreements["iso"] == {"sidecar roll.ale: ale asa": 800}
    assert found.disagreements["frame_rate"] == {
        "sidecar C0001M01.XML: VideoFormat/VideoFrame@formatFps": "24000/1001"
    }
    assert "tint" not in found.disagreements
    assert any("roll.ale: ale asa says 800" in source for name, _, source in found.rows() if name == "iso")


def test_what_agrees_is_not_told(clip: Path) -> None:
    put(clip, "C0001M01.XML", SONY.replace("S7i-32", "Cooke S7i-32").replace('value="500"', 'value="800"'))
    put(clip, "roll.ale", ALE.replace("Férrier 40", "S7i 32").replace("ALEXA Mini", "mpc3610"))
    assert not {"lens", "iso", "camera_model"} & set(md.inspect(clip).disagreements)


def test_rows_of_other_clips_say_nothing(clip: Path) -> None:
    put(clip, "roll.ale", ALE.replace("C0001.mov", "C0002.mov"))
    put(clip, "roll.csv", RED.replace("C0001", "C0002"))
    put(clip, "shopping.csv", "one column\nof words\n")
    found = md.inspect(clip)
    assert (found.iso, found.reel, found.problems) == (None, None, ())


@pytest.mark.parametrize(
    ("name", "roll", "number"),
    [
        ("A001C001_190715_RN80", "A001", "C001"),
        ("A001_C066_0303LZ", "A001", "C066"),
        ("D001C005_210716AG", "D001", "C005"),
        ("A001_04190112_C102", "A001", "C102"),
        ("A_0005C002_221019_172236_a12SO", "A_0005", "C002"),
        ("IMG_0042", None, None),
    ],
)
def test_a_clip_s_name_says_where_it_belongs(
    clip: Path, name: str, roll: str | None, number: str | None
) -> None:
    found = md.inspect(clip.rename(clip.with_name(f"{name}.MOV")))
    assert (found.roll, found.clip_number) == (roll, number)
    assert found.camera_letter == (roll and roll[0])
    assert found.sources.get("roll") == (roll and "file name")


PAGE = Path(__file__).parents[2] / "docs" / "metadata.md"
(TABLE,) = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_a_table_of_one_s_own_needs_no_code(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ours.yaml").write_text(TABLE)
    monkeypatch.setenv("MEDIADASK_METADATA", str(tmp_path / "ours.yaml"))
    clip = clip.rename(clip.with_name("12A-3.MOV"))
    logger = "<Logger><Distance>10.0 ft</Distance><Unit>main</Unit><Speed>640</Speed><Mode>{}</Mode></Logger>"
    put(clip, "12A-3.log.xml", logger.format("manual"))
    found = md.inspect_many([clip]).compute().iloc[0]
    assert (found.focus_m, found.camera_letter, found.iso) == (3.048, "A", 640)
    assert (found.scene, found["take"]) == ("12A", "3")
    put(clip, "12A-3.log.xml", logger.format("auto"))
    assert md.inspect(clip).iso is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("families: [", "is not YAML"),
        ("families:\n  - {name: x, fields: {speed: tag}}", "'speed' is no field that a tag can give"),
        ("families:\n  - {name: x, fields: {iso: {tag: t, read: guess}}}", "no way to read called 'guess'"),
        ("families:\n  - {name: x, fields: {iso: {tag: t, pattern: '('}}}", "is no regular expression"),
        ("side-files:\n  - {name: x, read: mind}", "side-files/0/read"),
        ("- a list", "correct the table"),
    ],
)
def test_a_table_that_is_wrong_is_one_line(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, line: str
) -> None:
    (tmp_path / "wrong.yaml").write_text(text)
    monkeypatch.setenv("MEDIADASK_METADATA", str(tmp_path))
    with pytest.raises(InvalidRequest) as error:
        md.inspect(clip)
    assert line in str(error.value)
    assert str(tmp_path / "wrong.yaml") in str(error.value)
