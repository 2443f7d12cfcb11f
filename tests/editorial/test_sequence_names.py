from __future__ import annotations

import pytest

from mediadask.editorial.matching.reels import names_of_file
from mediadask.editorial.matching.sequence_names import named_sequence


@pytest.mark.parametrize(
    ("name", "stem", "first"),
    [
        ("x.[1001-1024].exr", "x", 1001),
        ("x.[1001-1024]", "x", 1001),
        ("x_[0001..0096].NEW.01", "x", 1),
        ("x.{1001..1024}.exr", "x", 1001),
        ("x[1001-1024].dpx", "x", 1001),
        ("x.[1001-1010,1015-1024].exr", "x", 1001),
        ("x.1001.exr", "x", 1001),
        ("x_0001.TIF", "x", 1),
        ("x-86400.dpx", "x", 86400),
        ("x.1001-1024.exr", "x", 1001),
        ("x.1001-1024#.exr", "x", 1001),
        ("x.1001-1024%04d.exr", "x", 1001),
        ("x.%04d.exr 1001-1024", "x", 1001),
        ("x.####.exr [1001-1024]", "x", 1001),
        ("x.%04d.exr", "x", None),
        ("x.@@@@.exr", "x", None),
        ("x.$F4.exr", "x", None),
        ("x.*.exr", "x", None),
        ("sq010_sh0030_v001.[1001-1024].exr", "sq010_sh0030_v001", 1001),
        ("/show/plates/x.1001.exr", "x", 1001),
        ("S:\\plates\\x.[1001-1024].exr", "x", 1001),
    ],
)
def test_the_names_that_systems_give_a_sequence(name: str, stem: str, first: int | None) -> None:
    found = named_sequence(name)
    assert found is not None
    assert (found.stem, found.first) == (stem, first)


@pytest.mark.parametrize(
    "name",
    [
        "A001C001_0101AB", "A001C001_140102_R2EC.mov", "12A-3 (day)", "12A-3 (1-4)", "203_1-5*", "A*",
        "[1-4].exr", "Z677_4C.take_1", "MY REEL", "sh010.mov", "1001.exr", "A001.0001",
    ],
)  # fmt: skip
def test_names_of_no_sequence(name: str) -> None:
    assert named_sequence(name) is None


def test_one_file_of_a_sequence_may_be_a_still_of_that_name() -> None:
    assert names_of_file("/plates/x.1001.exr") == ["x.1001", "x"]
    assert names_of_file("/plates/B002/x.[1001-1024].exr") == ["x", "B002"]
