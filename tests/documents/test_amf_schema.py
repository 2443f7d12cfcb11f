"""AMFs against the Academy's own schema, where it is at hand: ``MEDIADASK_AMF_SCHEMAS`` names its folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lxml import etree

from mediadask.documents import Amf, Cdl
from mediadask.documents.amf import AmfClip
from tests.documents.test_amf import CDL, GRADE, LOGC4, MADE, PLATE, SRGB, stage, write

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = os.environ.get("MEDIADASK_AMF_SCHEMAS")
VIEW = ("Rec.1886 Rec.709 - Display", "ACES 2.0 - SDR 100 nits (Rec.709)")

pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="MEDIADASK_AMF_SCHEMAS names no folder with the schema"
)


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(Path(str(FOLDER)) / "acesMetadataFile.xsd")))


def of_turnover(folder: Path) -> Amf:
    (folder / "show.cube").write_text("LUT_1D_SIZE 2\n0 0 0\n1 1 1\n")
    Cdl((1.1, 1, 1), id="sh010").write(folder / "show.ccc")
    named = '<cdl:ColorCorrectionRef ref="sh010"/><aces:file>show.ccc</aces:file>'
    looks = (
        "<aces:workingLocation/>",
        stage("lookTransform", "<aces:file>show.cube</aces:file>"),
        stage("lookTransform", f"<aces:description>Grade</aces:description>{GRADE}"),
        stage("lookTransform", GRADE.partition("<cdl:SOPNode>")[0] + named),
    )
    return Amf.read(
        write(folder, stage("inputTransform", LOGC4) + "".join(looks) + stage("outputTransform", SRGB))
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda _: Amf.of_plate(PLATE, made=MADE, source="ARRI LogC4", cdl=CDL, view=VIEW),
        lambda _: Amf.of_plate(PLATE, made=MADE, source="ARRI LogC4", space="ACEScg", cdl=CDL),
        lambda _: Amf.of_plate(AmfClip("sh010", "sh010.mov"), made=MADE, source="ACES2065-1"),
        lambda _: Amf.of_plate(PLATE, made=MADE, source="Linear Rec.709 (sRGB)"),
        lambda folder: of_turnover(folder),
        lambda folder: of_turnover(folder).with_applied("input", PLATE, MADE),
        lambda folder: of_turnover(folder).with_applied("look", PLATE, MADE),
        lambda folder: of_turnover(folder).with_applied("input", PLATE, MADE, "ACEScct"),
        lambda folder: of_turnover(folder).with_grade(CDL),
    ],
)
def test_what_is_written_is_valid(
    make: Callable[[Path], Amf], schema: etree.XMLSchema, tmp_path: Path
) -> None:
    document = etree.fromstring(make(tmp_path).document("sh010_v001."))
    assert schema.validate(document), schema.error_log


def test_what_is_wrong_is_not(schema: etree.XMLSchema) -> None:
    """Or the test above would say nothing."""
    document = Amf.of_plate(PLATE, made=MADE, source="ARRI LogC4").document()
    assert not schema.validate(etree.fromstring(document.replace(b'applied="true"', b'applied="maybe"')))
