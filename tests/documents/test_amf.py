"""AMFs of both versions: read, applied as far as they are not applied yet, written as the schema has them."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import PyOpenColorIO as ocio
import pytest

from mediadask.choices import CONFIG
from mediadask.documents import Amf, Cdl
from mediadask.documents.amf import AmfClip
from mediadask.documents.amf_pipeline import LookTransform, Transform
from mediadask.errors import InvalidRequest, MediaError, MissingMedia, UnreadableMedia
from mediadask.pixels import Color
from mediadask.pixels.color.transform_ids import ACES_1, color_of, id_of_space

MADE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PLATE = AmfClip("ep1_010_0010", "ep1_010_0010_v001.####.exr", (1001, 1048))
CDL = Cdl((1.1, 1.0, 0.9), (0.02, 0.0, -0.01), (1.0, 1.1, 1.0), 0.9)
V15, V20 = "urn:ampas:aces:transformId:v1.5:", "urn:ampas:aces:transformId:v2.0:"
LOGC4 = f"<aces:transformId>{V20}CSC.Arri.LogC4_to_ACES.a2.v1</aces:transformId>"
SRGB_ID = "Output.Academy.Rec709-D65_100nit_in_Rec709-D65_sRGB-Piecewise.a2.v1"
SRGB = f"<aces:transformId>{V20}{SRGB_ID}</aces:transformId>"
GRADE = f"""
    <aces:cdlWorkingSpace><aces:fromCdlWorkingSpace>
        <aces:transformId>{V20}CSC.Academy.ACEScct_to_ACES.a2.v1</aces:transformId>
    </aces:fromCdlWorkingSpace></aces:cdlWorkingSpace>
    <cdl:SOPNode>
        <cdl:Slope>1.1 1 0.9</cdl:Slope><cdl:Offset>0.02 0 -0.01</cdl:Offset><cdl:Power>1 1.1 1</cdl:Power>
    </cdl:SOPNode>
    <cdl:SatNode><cdl:Saturation>0.9</cdl:Saturation></cdl:SatNode>
"""


def stage(name: str, inside: str, applied: bool = False) -> str:
    return f'<aces:{name} applied="{str(applied).lower()}">{inside}</aces:{name}>'


def write(folder: Path, pipeline: str, version: int = 2, doctype: str = "") -> Path:
    when = "<aces:creationDateTime>2026-01-01T00:00:00Z</aces:creationDateTime>"
    when += "<aces:modificationDateTime>2026-01-02T00:00:00Z</aces:modificationDateTime>"
    uuid = f"urn:uuid:{'1' * 8}-1111-4111-8111-{'1' * 12}"
    when = f"<aces:dateTime>{when}</aces:dateTime><aces:uuid>{uuid}</aces:uuid>"
    numbers = "<aces:majorVersion>2</aces:majorVersion><aces:minorVersion>0</aces:minorVersion>"
    system = f"<aces:systemVersion>{numbers}<aces:patchVersion>0</aces:patchVersion></aces:systemVersion>"
    path = folder / "look.amf"
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>{doctype}'
        f'<aces:acesMetadataFile version="{version}.0" xmlns:aces="urn:ampas:aces:amf:v{version}.0"'
        f' xmlns:cdl="urn:ASC:CDL:v1.01"><aces:amfInfo>{when}</aces:amfInfo>'
        "<aces:clipId><aces:clipName>A001C002</aces:clipName><aces:file>A001C002.mov</aces:file></aces:clipId>"
        f"<aces:pipeline><aces:pipelineInfo>{when}{system}</aces:pipelineInfo>{pipeline}</aces:pipeline>"
        "</aces:acesMetadataFile>"
    )
    return path


def picture() -> Any:
    return np.random.default_rng(0).random((16, 16, 3), np.float32) * np.float32(0.7)


def same(one: Color, other: Color) -> bool:
    made, expected = one.apply(picture()), other.apply(picture())
    return bool(np.allclose(made, expected, rtol=2e-4, atol=1e-5))


INPUT = Color.convert("ARRI LogC4", "ACES2065-1")
LOOK = Color.cdl(CDL, "ACES2065-1", "ACEScct")
OUTPUT = Color.view("ACES2065-1", "sRGB - Display", "ACES 2.0 - SDR 100 nits (Rec.709)")


@pytest.mark.parametrize(
    ("applied", "until", "remains"),
    [
        ((False, False, False), "output", (INPUT, LOOK, OUTPUT)),
        ((False, False, False), "look", (INPUT, LOOK)),
        ((False, False, False), "input", (INPUT,)),
        ((True, False, False), "output", (LOOK, OUTPUT)),
        ((True, True, False), "output", (OUTPUT,)),
        ((True, True, False), "look", ()),
        ((True, True, True), "output", ()),
    ],
)
def test_what_is_not_applied_yet_remains(tmp_path: Path, applied: Any, until: Any, remains: Any) -> None:
    parts = zip(
        ("inputTransform", "lookTransform", "outputTransform"), (LOGC4, GRADE, SRGB), applied, strict=True
    )
    amf = Amf.read(write(tmp_path, "".join(stage(*part) for part in parts)))
    assert amf.clip == AmfClip("A001C002", "A001C002.mov")
    assert amf.pipeline.looks[0].cdl == CDL
    assert same(amf.color(until), Color.chain(*remains))


@pytest.mark.parametrize(
    "id", ["ACEScsc.Academy.ACEScct_to_ACES.a1.0.3", "ACEScsc.Academy.ACEScc_to_ACES.a1.0.3"]
)
def test_a_grade_is_made_in_the_space_its_amf_names(tmp_path: Path, id: str) -> None:
    look = GRADE.replace(f"{V20}CSC.Academy.ACEScct_to_ACES.a2.v1", V15 + id)
    amf = Amf.read(write(tmp_path, stage("lookTransform", look), version=1))
    space = "ACEScct" if "ACEScct" in id else "ACEScc"
    assert same(amf.color(), Color.cdl(CDL, "ACES2065-1", space))


def test_version_1_has_its_output_in_two_halves(tmp_path: Path) -> None:
    halves = f"""
        <aces:referenceRenderingTransform><aces:transformId>{V15}RRT.a1.0.3</aces:transformId>
        </aces:referenceRenderingTransform><aces:outputDeviceTransform>
        <aces:transformId>{V15}ODT.Academy.Rec709_100nits_dim.a1.0.3</aces:transformId>
        </aces:outputDeviceTransform>"""
    amf = Amf.read(write(tmp_path, f"<aces:outputTransform>{halves}</aces:outputTransform>", version=1))
    expected = Color.view("ACES2065-1", "Rec.1886 Rec.709 - Display", "ACES 1.0 - SDR Video", ACES_1)
    assert same(amf.color(), expected)
    inverse = halves.replace("reference", "inverseReference").replace("outputDevice", "inverseOutputDevice")
    inverse = inverse.replace(":RRT", ":InvRRT").replace(":ODT", ":InvODT")
    first, middle, second = inverse.partition("</aces:inverseReferenceRenderingTransform>")
    undone = Amf.read(write(tmp_path, stage("inputTransform", second + first + middle)))
    assert undone.pipeline.input
    assert undone.pipeline.input.inverse_output
    assert np.abs(Color.chain(undone.color(), amf.color()).apply(picture()) - picture()).max() < 0.02


def test_luts_are_found_beside_the_amf_and_checked(tmp_path: Path) -> None:
    folder = tmp_path / "a show"
    folder.mkdir()
    table = folder / "show look.cube"
    table.write_text("LUT_1D_SIZE 2\n0 0 0\n0.5 0.5 0.5\n")
    digest = base64.b64encode(hashlib.sha256(table.read_bytes()).digest()).decode()
    said = f'<aces:hash algorithm="http://www.w3.org/2001/04/xmlenc#sha256">{digest}</aces:hash>'
    amf = Amf.read(write(folder, stage("lookTransform", f"{said}<aces:file>show%20look.cube</aces:file>")))
    assert amf.files == (str(table),)
    np.testing.assert_allclose(amf.color().apply(picture()), picture() / 2, atol=1e-6)
    table.write_text("LUT_1D_SIZE 2\n0 0 0\n1 1 1\n")
    with pytest.raises(UnreadableMedia, match=r"show look\.cube: is not the LUT that .*look\.amf"):
        amf.color()
    table.unlink()
    with pytest.raises(
        MissingMedia, match=r"look\.amf: the file show%20look\.cube .* put it at .*show look\.cube"
    ):
        amf.color()


def test_a_grade_in_a_file_is_chosen_by_its_id(tmp_path: Path) -> None:
    Cdl(CDL.slope, CDL.offset, CDL.power, CDL.saturation, "sh010").write(tmp_path / "show.ccc")
    space = GRADE.partition("<cdl:SOPNode>")[0]
    named = '<cdl:ColorCorrectionRef ref="sh010"/><aces:file>show.ccc</aces:file>'
    amf = Amf.read(write(tmp_path, stage("lookTransform", space + named)))
    assert amf.files == (str(tmp_path / "show.ccc"),)
    assert same(amf.color(), LOOK)


@pytest.mark.parametrize(
    ("pipeline", "error", "words"),
    [
        (stage("inputTransform", LOGC4.replace("LogC4", "LogX")), InvalidRequest, "LogX_to_ACES"),
        (stage("inputTransform", "<aces:uuid>urn:uuid:1</aces:uuid>"), InvalidRequest, "UUID only"),
        (stage("inputTransform", ""), UnreadableMedia, "names no transform"),
        (stage("lookTransform", "<aces:file>none.clf</aces:file>"), MissingMedia, "none.clf"),
        (stage("lookTransform", "<aces:file>http://h/x.clf</aces:file>"), UnreadableMedia, "elsewhere"),
        (stage("lookTransform", GRADE.replace("1.1 1 0.9", "1.1 x 0.9")), UnreadableMedia, "numbers"),
        (stage("inputTransform", LOGC4) + stage("outputTransform", SRGB, True), InvalidRequest, "applied"),
    ],
)
def test_what_cannot_be_applied_is_one_line(
    tmp_path: Path, pipeline: str, error: type[MediaError], words: str
) -> None:
    with pytest.raises(error, match=r"look\.amf") as raised:
        Amf.read(write(tmp_path, pipeline)).color()
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<a/>",
        "<aces:acesMetadataFile xmlns:aces='urn:ampas:aces:amf:v9.0'/>",
        "\0",
        "<aces:acesMetadataFile",
    ],
)
def test_what_is_no_amf_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.amf").write_text(text)
    with pytest.raises(UnreadableMedia, match=r"bad\.amf"):
        Amf.read(tmp_path / "bad.amf")


def test_a_hostile_document_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "", doctype="<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>")
    with pytest.raises(UnreadableMedia, match="DOCTYPE"):
        Amf.read(path)


@pytest.mark.parametrize("version", [1, 2])
def test_what_is_read_is_written_again(tmp_path: Path, version: int) -> None:
    stages = stage("inputTransform", LOGC4, True) + "<aces:workingLocation/>" * (version > 1)
    stages += stage("lookTransform", f"<aces:description>Grade</aces:description>{GRADE}")
    stages = stages.replace(V20 + "CSC.Arri.LogC4_to_ACES.a2.v1", V15 + "IDT.ARRI.ARRI-LogC4.a1.v1")
    stages = stages.replace(
        V20 + "CSC.Academy.ACEScct_to_ACES.a2.v1", V15 + "ACEScsc.Academy.ACEScct_to_ACES.a1.0.3"
    )
    output = f"<aces:transformId>{V15}RRTODT.Academy.Rec2020_1000nits_15nits_ST2084.a1.1.0</aces:transformId>"
    stages += stage("outputTransform", output).replace(
        ' applied="false"', "" if version == 1 else ' applied="false"'
    )
    amf = Amf.read(write(tmp_path, stages, version))
    amf.write(tmp_path / "again.amf")
    assert Amf.read(tmp_path / "again.amf") == amf
    text = (tmp_path / "again.amf").read_text()
    assert f'xmlns:aces="urn:ampas:aces:amf:v{version}.0"' in text
    assert ('outputTransform applied="false"' in text) == (version == 2)
    assert ("workingLocation" in text) == (version == 2)


def test_a_plate_s_amf_says_what_it_has_had_and_what_remains(tmp_path: Path) -> None:
    view = ("Rec.1886 Rec.709 - Display", "ACES 2.0 - SDR 100 nits (Rec.709)")
    amf = Amf.of_plate(PLATE, made=MADE, source="ARRI LogC4", cdl=CDL, view=view)
    amf.write(tmp_path / "plate.amf")
    read = Amf.read(tmp_path / "plate.amf")
    assert read.clip == PLATE
    assert read.pipeline.input
    assert read.pipeline.input.applied
    assert read.pipeline.input.transforms == (Transform(f"{V20}CSC.Arri.LogC4_to_ACES.a2.v1"),)
    assert same(read.color("look"), LOOK)
    assert same(read.color(), Color.chain(LOOK, Color.view("ACES2065-1", *view)))
    assert (
        amf.document() == Amf.of_plate(PLATE, made=MADE, source="ARRI LogC4", cdl=CDL, view=view).document()
    )
    assert len(set(re.findall(r"urn:uuid:[0-9a-f-]{36}", amf.document().decode()))) == 2


def test_a_plate_that_is_not_aces2065_says_how_it_becomes_it() -> None:
    amf = Amf.of_plate(PLATE, made=MADE, source="ARRI LogC4", space="ACEScg", cdl=CDL)
    expected = Color.chain(Color.convert("ACEScg", "ACES2065-1"), LOOK)
    assert same(amf.color(), expected)
    with pytest.raises(InvalidRequest, match=r"Linear Rec\.709 \(sRGB\) has no ACES transform ID"):
        Amf.of_plate(PLATE, made=MADE, source="ARRI LogC4", space="Linear Rec.709 (sRGB)")


def test_a_turnover_s_amf_becomes_the_plate_s(tmp_path: Path) -> None:
    (tmp_path / "luts").mkdir()
    (tmp_path / "luts" / "show.cube").write_text("LUT_1D_SIZE 2\n0 0 0\n0.5 0.5 0.5\n")
    file = "<aces:file>luts/show.cube</aces:file>"
    path = write(
        tmp_path,
        stage("inputTransform", LOGC4) + stage("lookTransform", file) + stage("outputTransform", SRGB),
    )
    amf = Amf.read(path)
    plate = amf.with_applied("input", PLATE, made=MADE)
    assert plate.files == (str(tmp_path / "luts" / "show.cube"),)
    assert plate.archived == (amf.pipeline,)
    out = tmp_path / "out"
    out.mkdir()
    (out / "show.cube").write_bytes(Path(plate.files[0]).read_bytes())
    plate.write(out / "plate.amf")
    shipped = Amf.read(out / "plate.amf")
    table = Color.lut(tmp_path / "luts" / "show.cube")
    assert shipped.clip == PLATE
    assert same(shipped.color("look"), table)
    assert same(Color.chain(amf.color("input"), shipped.color()), amf.color())
    as_cg = amf.with_applied("input", PLATE, made=MADE, space="ACEScg")
    as_cg.write(out / "cg.amf")
    assert same(
        Amf.read(out / "cg.amf").color("look"), Color.chain(Color.convert("ACEScg", "ACES2065-1"), table)
    )


def test_version_1_says_what_it_has_no_words_for(tmp_path: Path) -> None:
    amf = Amf.read(
        write(tmp_path, stage("inputTransform", LOGC4) + stage("outputTransform", SRGB), version=1)
    )
    with pytest.raises(
        InvalidRequest, match=r"LogC4_to_ACES\.a2\.v1 cannot be written to an AMF of version 1"
    ):
        amf.write(tmp_path / "out.amf")
    assert not (tmp_path / "out.amf").exists()


@pytest.mark.parametrize("config", [CONFIG, ACES_1])
def test_every_color_space_s_id_means_that_space(config: str) -> None:
    spaces = [one.getName() for one in ocio.Config.CreateFromFile(config).getColorSpaces()]
    ids = {name: id for name in spaces if (id := id_of_space(name, config))}
    assert len(ids) >= 15
    for name, id in ids.items():
        assert color_of(id, config) == Color.convert(name, "ACES2065-1", config)


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        (V20 + "CSC.Academy.ACES_to_ACEScct.a2.v1", Color.convert("ACES2065-1", "ACEScct")),
        (
            V20 + "Look.Academy.ReferenceGamutCompress.a2.v1",
            Color.look("ACES 1.3 Reference Gamut Compression", "ACES2065-1"),
        ),
        (
            V20 + "InvLook.Academy.ReferenceGamutCompress.a2.v1",
            Color.look("ACES 1.3 Reference Gamut Compression", "ACES2065-1", inverse=True),
        ),
        (
            f"{V20}Inv{SRGB_ID}",
            OUTPUT.inverse(),
        ),
    ],
)
def test_ids_say_which_way_they_go(id: str, expected: Color) -> None:
    assert color_of(id) == expected


def test_a_look_by_id_is_applied(tmp_path: Path) -> None:
    look = LookTransform(False, Transform(V20 + "Look.Academy.ReferenceGamutCompress.a2.v1"))
    amf = Amf.read(
        write(tmp_path, stage("lookTransform", f"<aces:transformId>{look.transform.id}</aces:transformId>"))
    )
    assert amf.pipeline.looks == (look,)
    assert amf.color() == Color.look("ACES 1.3 Reference Gamut Compression", "ACES2065-1")


def test_a_plate_s_amf_of_aces_1_is_in_its_words() -> None:
    view = ("Rec.1886 Rec.709 - Display", "ACES 1.0 - SDR Video")
    amf = Amf.of_plate(
        PLATE, made=MADE, source="ARRI LogC4", cdl=CDL, working="ARRI LogC4", view=view, config=ACES_1
    )
    text = amf.document().decode()
    ids = re.findall(r"v1\.5:(\w+)\.", text)
    assert ids == ["IDT", "ACEScsc", "RRT", "ODT"]
    assert "<aces:minorVersion>3<" in text
    expected = (Color.cdl(CDL, "ACES2065-1", "ARRI LogC4", ACES_1), Color.view("ACES2065-1", *view, ACES_1))
    assert same(amf.color(), Color.chain(*expected))
