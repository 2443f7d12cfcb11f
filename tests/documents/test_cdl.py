"""CDL files are read and written as the ASC says, grades are its formula, and hostile files get nowhere."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import PyOpenColorIO as ocio
import pytest
from pydantic import TypeAdapter

from mediadask.documents import Cdl
from mediadask.errors import InvalidRequest, MediaError, MissingMedia, UnreadableMedia
from mediadask.pixels import Color

GRADE = Cdl((1.1, 1.0, 0.9), (0.01, -0.02, 0.0), (1.0, 1.2, 0.8), 0.75, "sh010_grade")

CC = """<?xml version="1.0" encoding="UTF-8"?>
<ColorCorrection id="sh010_grade" {ns}>
    <SOPNode>
        <Description>A note</Description>
        <Slope>1.1 1 .9</Slope><Offset>1e-2 -0.02 0</Offset><Power>1 1.2 0.8</Power>
    </SOPNode>
    <{sat}><Saturation>0.75</Saturation></{sat}>
</ColorCorrection>
"""


@pytest.mark.parametrize("namespace", ["", 'xmlns="urn:ASC:CDL:v1.01"', 'xmlns="urn:ASC:CDL:v1.2"'])
@pytest.mark.parametrize("sat", ["SatNode", "SATNode"])
def test_a_correction_is_read_whatever_wrote_it(tmp_path: Path, namespace: str, sat: str) -> None:
    (tmp_path / "a.cc").write_text(CC.format(ns=namespace, sat=sat))
    assert Cdl.read(tmp_path / "a.cc") == GRADE


@pytest.mark.parametrize("kind", [".cc", ".ccc", ".cdl"])
def test_what_is_written_reads_the_same_here_and_in_opencolorio(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a{kind}"
    GRADE.write(path)
    assert Cdl.read(path) == Cdl.read(path, "sh010_grade") == GRADE
    theirs = ocio.CDLTransform.CreateFromFile(str(path), "sh010_grade")
    assert [*theirs.getSlope(), *theirs.getOffset(), *theirs.getPower(), theirs.getSat()] == pytest.approx(
        [*GRADE.slope, *GRADE.offset, *GRADE.power, GRADE.saturation]
    )


def test_a_correction_is_chosen_by_id(tmp_path: Path) -> None:
    path = tmp_path / "show.ccc"
    first, second = (CC.format(ns="", sat="SatNode").partition("?>")[2].replace("sh010", id) for id in "ab")
    path.write_text(f"<ColorCorrectionCollection>{first}{second}</ColorCorrectionCollection>")
    assert Cdl.read(path, "b_grade").id == "b_grade"
    assert [cdl.id for cdl in Cdl.read_all(path)] == ["a_grade", "b_grade"]
    with pytest.raises(InvalidRequest, match="name one of a_grade, b_grade"):
        Cdl.read(path)
    with pytest.raises(InvalidRequest, match="no correction 'c'; it has a_grade, b_grade"):
        Cdl.read(path, "c")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", UnreadableMedia),
        ("<ColorCorrection><SOPNode>", UnreadableMedia),
        ("<ColorCorrectionCollection/>", UnreadableMedia),
        ("<ColorCorrection id='a'/>", UnreadableMedia),
        ("<ColorCorrection><SOPNode><Slope>1 1</Slope></SOPNode></ColorCorrection>", UnreadableMedia),
        ("<ColorCorrection><SOPNode><Slope>1 one 1</Slope></SOPNode></ColorCorrection>", UnreadableMedia),
        ("<ColorCorrection><SOPNode><Slope>1 1 nan</Slope></SOPNode></ColorCorrection>", UnreadableMedia),
        ("<ColorCorrection><SOPNode><Slope>1 -1 1</Slope></SOPNode></ColorCorrection>", UnreadableMedia),
        ("<ColorCorrection><SOPNode><Power>1 0 1</Power></SOPNode></ColorCorrection>", UnreadableMedia),
        ("<ColorCorrection><SatNode><Saturation/></SatNode></ColorCorrection>", UnreadableMedia),
        (
            "<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>"
            "<ColorCorrection id='&e;'><SatNode><Saturation>1</Saturation></SatNode></ColorCorrection>",
            UnreadableMedia,
        ),
        (
            "<!DOCTYPE a [<!ENTITY b 'lol'>"
            + "".join(f"<!ENTITY b{n} '{'&b;' * 9}'>" for n in range(9))
            + "]>"
            "<ColorCorrection><SatNode><Saturation>&b8;</Saturation></SatNode></ColorCorrection>",
            UnreadableMedia,
        ),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, text: str, error: type[MediaError]) -> None:
    path = tmp_path / "bad.cc"
    path.write_text(text)
    with pytest.raises(error, match=r"bad\.cc") as raised:
        Cdl.read(path)
    assert "\n" not in str(raised.value)
    assert "root:" not in str(raised.value)


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingMedia, match=r"none\.cc"):
        Cdl.read(tmp_path / "none.cc")
    with pytest.raises(InvalidRequest, match=r"'\.txt'"):
        GRADE.write(tmp_path / "a.txt")
    assert not list(tmp_path.iterdir())


def test_it_is_plain_data() -> None:
    assert pickle.loads(pickle.dumps(GRADE)) == GRADE
    plain = TypeAdapter(Cdl)
    assert plain.validate_json(plain.dump_json(GRADE)) == GRADE


# ASC CDL release 1.2, section 3: out = (in * slope + offset) ** power, then saturation by Rec. 709 luma.
@pytest.mark.parametrize(
    ("cdl", "given", "expected"),
    [
        (Cdl(), (0.2, 0.5, 0.8), (0.2, 0.5, 0.8)),
        (Cdl(slope=(1.2, 1.0, 0.5)), (0.5, 0.5, 0.5), (0.6, 0.5, 0.25)),
        (Cdl(offset=(0.1, 0.0, -0.1)), (0.5, 0.5, 0.5), (0.6, 0.5, 0.4)),
        (Cdl(power=(2.0, 1.0, 0.5)), (0.5, 0.5, 0.25), (0.25, 0.5, 0.5)),
        (Cdl(saturation=0.0), (0.2, 0.5, 0.8), (0.45788, 0.45788, 0.45788)),
        (Cdl(saturation=2.0), (0.2, 0.5, 0.8), (-0.05788, 0.54212, 1.14212)),
        (Cdl((2.0,) * 3, (0.1,) * 3, (1.5,) * 3, 1.0), (0.3, 0.6, 0.9), (0.585662, 1.482228, 2.618969)),
        (Cdl(offset=(-0.5,) * 3, power=(2.0,) * 3), (0.25, 0.5, 1.0), (-0.25, 0.0, 0.25)),  # not clamped
    ],
)
def test_grades_are_what_the_asc_says(cdl: Cdl, given: Any, expected: Any) -> None:
    picture = np.broadcast_to(np.float32(given), (4, 6, 3))
    assert Color.cdl(cdl).apply(picture)[2, 3] == pytest.approx(expected, abs=2e-5)
