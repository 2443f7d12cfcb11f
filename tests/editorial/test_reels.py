from __future__ import annotations

import pytest

from mediadask.editorial.matching.reels import ReelIndex, names_of_file


def found(clips: list[str], name: str) -> list[str]:
    """The first answer of an index whose clips are their own names."""
    return next(ReelIndex((clip, clip) for clip in clips).find(name), [])


@pytest.mark.parametrize(
    ("written", "reel"),
    [
        ("A001C001", "a001c001"),
        ("A001_C001_0101AB.mxf", "A001_C001_0101AB"),
        ("A001_C001_0101AB", "A001_C001_0101AB.R3D"),
        ("A001C001_0101AB", "A001_C001_0101AB"),
        ("A001-C001-0101AB", "A001_C001_0101AB"),
        ("A001C001", "A001_C001_0101AB"),
        ("A001_C001", "A001C001_140102_R2EC"),
        ("A001_C001_0101AB", "A001C001"),
        ("A001", "A001C007_140102_R2EC"),
        ("A001", "A001R2EC"),
        ("Z677_4C.", "Z677_4C.take_1"),
        ("ZZ100_50", "ZZ100_501"),
        ("A001_C00", "A001_C001_0101AB"),
        ("A009_C012_0615QX", "A009_C012_0615QX_001"),
        ("A009_C012_0615QX_001", "A009_C012_0615QX"),
        ("A009C012_0615QX", "A009_C012_0615QX_002"),
        ("A_0007C003", "A_0007C003_250102_101112_h1ABC"),
        ("A_0007_C003", "A_0007C003_250102_101112_h1ABC"),
        ("A_0007C003_250102_101112_h1ABC", "A_0007C003"),
        ("A_0007_1ABC", "A_0007C003_250102_101112_h1ABC"),
        ("A_0007", "A_0007C003_250102_101112_h1ABC"),
        ("A004R1JL", "A004C010_20100610_R1JL"),
        ("A001_D001", "A001D001_140102_R2EC"),
        ("J001_E050_0309BX", "J001_E050_0309BX_001"),
        ("A001_B003", "A001_B003_0101AB"),
        ("A001_C003", "A001_08151512_C003"),
        ("LONG_PRODUCTION_LOGO_239_SDR_PRO", "LONG_PRODUCTION_LOGO_239_SDR_PRORES_MASTER"),
        ("LONG_PRODUCTION_LOGO_239_SDR.mov"[:32], "LONG_PRODUCTION_LOGO_239_SDR"),
        ("LONG_PRODUCTION_LOGO_239_SDRX.mo", "LONG_PRODUCTION_LOGO_239_SDRX"),
        ("LONG_PRODUCTION_", "LONG_PRODUCTION_LOGO_239"),
        ("LONG PRODUCTION LOGO", "LONG_PRODUCTION-LOGO"),
        ("LONG_PRODUCTION_LOGO_239_SDR_PRO", "LONG PRODUCTION LOGO 239 SDR PRORES"),
        ("LONG PRODUCTION LOGO 239 SDR PR", "LONG PRODUCTION LOGO 239 SDR PR MASTER"),
    ],
)
def test_a_reel_is_found_however_the_list_writes_it(written: str, reel: str) -> None:
    assert found([reel, "B002_C001_0101AB"], written) == [reel]


@pytest.mark.parametrize(
    ("written", "reel"),
    [
        ("A001C001", "A001C002"),
        ("A001C001", "B001C001"),
        ("A001_C001_0101AB", "A001_C001_0202CD"),
        ("A001C0012", "A001C001"),
        ("A00", "A001C001"),
        ("A001_C0", "A001_C001_0101AB"),  # seven characters: nobody's truncation
        ("A001", "A0011C001"),
        ("A009_C012_0615QX_001", "A009_C012_0616QX_001"),
        ("ABC_010", "ABC_010_001"),  # no camera's name: a shot, a take, a version
        ("A004R1JL", "A004C010_20100610_R2XX"),
        ("A_0007C003", "A_0007C004_250102_101112_h1ABC"),
        ("LONG_PRODUCTION_LOGO_239_SDR_PR", "LONG_PRODUCTION_LOGO_239_SDR_PRORES_MASTER"),
        ("SH_010", "SH_010_comp"),
    ],
)
def test_another_reel_is_another_reel(written: str, reel: str) -> None:
    assert found([reel], written) == []


def test_the_exact_name_comes_before_those_it_may_abbreviate() -> None:
    answers = list(ReelIndex((name, name) for name in ("A001C001_AB", "A001C001")).find("A001C001"))
    assert answers[0] == ["A001C001"]
    assert "A001C001_AB" in {name for answer in answers for name in answer}


def test_the_nearest_names_are_offered() -> None:
    index = ReelIndex((f"A{roll:03}C{take:03}", 0) for roll in range(1, 90) for take in range(1, 20))
    assert index.nearest("A044X001")[0] == "A044C001"
    assert index.nearest("ZZZZ") == []


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("/card/A001C001.mov", ["A001C001"]),
        ("S:\\media\\A001C001.take_1.mxf", ["A001C001.take_1"]),
        ("/card/A001C001/A001C001.%07d.ari", ["A001C001", "A001C001"]),
        ("/plates/B002/frame_%04d.exr", ["frame", "B002"]),
        ("s3://cards/A001/A001C002.mxf", ["A001C002"]),
        ("concat:/card/A001_C001_001.mov|/card/A001_C001_002.mov", ["A001_C001_001"]),
    ],
)
def test_names_that_a_file_says(url: str, names: list[str]) -> None:
    assert names_of_file(url) == names
