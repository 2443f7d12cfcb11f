"""Lists as real systems write them, each small and for one habit: the frames that each gives, by timecode."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mediadask.editorial import match_events, read_timeline
from tests.editorial.conftest import clip

if TYPE_CHECKING:
    from mediadask.editorial import TurnoverPlan
    from mediadask.metadata import ClipMetadata

LISTS = Path(__file__).parent / "lists"
A, B, C = "A001C001_240101_R1AB", "B002C003_240101_R2CD", "C003C004_240101_R3EF"
D, E = "D001C001_240101_R1AB", "E001C001_240101_R1AB"
NTSC, FILM = Fraction(30000, 1001), Fraction(24000, 1001)
SEQUENCE = "/shots/sq0010_sh0030_comp_v001.%04d.exr"


def named(name: str, start: str) -> ClipMetadata:
    return clip(None, start, 96, path=f"/names/{name}.mov")


def sequence(
    path: str = SEQUENCE, first: int = 1001, frames: int = 24, start: str | None = None
) -> ClipMetadata:
    return replace(
        clip(None, start, frames, path=path),
        container="exr",
        codec="exr",
        frame_rate=None,
        first_number=first,
    )


CAMERAS = [clip(reel, f"0{hour}:00:00:00", 96) for hour, reel in enumerate((A, B, C), 1)]
MIXED = [
    clip(D, "00:59:58;00", 240, rate=NTSC),
    clip(E, "23:59:59:00", 72, rate=FILM),
]
NAMES = [
    named("A009_C012_0615QX_001", "01:00:00:00"),
    named("A_0007C003_250102_101112_h1ABC", "02:00:00:00"),
    named("LONG_PRODUCTION_LOGO_239_SDR_PRORES_MASTER", "03:00:00:00"),
]


def plan_of(file: str, media: list[ClipMetadata], **how: Any) -> TurnoverPlan:
    return match_events(read_timeline(LISTS / file, **how), media)


def frames(plan: TurnoverPlan) -> list[tuple[str, int, int]]:
    """(clip's stem, first frame, frame after the last) of the good events."""
    return [(str(one.url).rpartition("/")[2].partition(".")[0], one.start, one.stop) for one in plan.good]


@pytest.mark.parametrize(
    ("file", "media", "expected"),
    [
        ("reverse.edl", CAMERAS, [(A, 37, 61)]),
        ("dissolve_first.edl", CAMERAS, [(C, 24, 36), (B, 24, 48)]),
        ("dissolve_from_another.edl", CAMERAS, [(A, 24, 48), (C, 24, 36), (B, 24, 48)]),
        ("unknown_reel.edl", CAMERAS, [(A, 24, 48), (B, 24, 48), (C, 24, 48)]),
        ("keys.edl", CAMERAS, [(A, 24, 48), (B, 24, 48), (A, 24, 48), (B, 24, 48)]),
        ("key_freeze.edl", CAMERAS, [(A, 24, 25), (B, 24, 48)]),
        ("m2_without_entry.edl", CAMERAS, [(A, 24, 72)]),
        ("overlaps.edl", CAMERAS, [(A, 24, 48), (B, 24, 48)]),
        ("timewarp.edl", CAMERAS, [(A, 24, 71), (B, 24, 48)]),
        ("mixed_rates.edl", MIXED, [(D, 70, 100), (D, 100, 130), (E, 12, 28)]),
        ("reels.edl", NAMES, [(Path(one.path).stem, 24, 48) for one in NAMES]),
        ("proxy_and_original.otio", CAMERAS, [(A, 24, 72)]),
        ("columns.ale", CAMERAS, [(A, 24, 48)]),
        ("sound.ale", CAMERAS, [(A, 24, 48)]),
    ],
)  # fmt: skip
def test_a_list_gives_these_frames(
    file: str, media: list[ClipMetadata], expected: list[tuple[str, int, int]]
) -> None:
    plan = plan_of(file, media)
    assert frames(plan) == expected
    assert not plan.bad


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("frame_numbers.edl", [(1005, 12)]),
        ("image_sequences.edl", [(1001, 24)] * 5),
        ("image_sequence.xml", [(1005, 12)]),
        ("image_sequence.otio", [(1005, 12)]),
        ("image_sequence_from_0.otio", [(1005, 12)]),
    ],
)
@pytest.mark.parametrize("first", [1001, 991])
def test_a_list_of_image_sequences_gives_these_files(
    file: str, expected: list[tuple[int, int]], first: int
) -> None:
    """Whatever the first file is that is there: a system's names say which one is meant."""
    plan = plan_of(file, [sequence(first=first, frames=1025 - first)], rate=24)
    assert [(first + one.start, len(one)) for one in plan.good] == expected
    assert not plan.bad


def test_what_is_not_sure_is_said() -> None:
    said = {
        "timewarp.edl": ["line 5: a TIMEWARP EFFECT", "line 7: a TIMEWARP EFFECT"],
        "unknown_reel.edl": [f"no clip has reel UNKNOWN: found as {A}.mov", *["no clip has reel"] * 2],
        "keys.edl": ["key background", "key foreground", "key background", "key overlay"],
        "proxy_and_original.otio": [f"found by other media of the clip: {A}.mov"],
    }  # fmt: skip
    for file, notes in said.items():
        plan = plan_of(file, CAMERAS)
        for one, note in zip(plan, notes, strict=True):
            assert one.notes[0].startswith(note)
    assert plan_of("overlaps.edl", CAMERAS).events[1].notes == (
        "lies over event 002 (line 3) on track V by 12 frames",
    )
    assert read_timeline(LISTS / "overlaps.edl").skipped == ("line 4: event 003 repeats event 002 (line 3)",)
    assert read_timeline(LISTS / "sound.ale").skipped == ("line 12: event 002 is sound",)


def test_the_file_and_the_clip_below_a_dissolve_are_what_is_left() -> None:
    plan = plan_of("source_file_outgoing.edl", CAMERAS)
    assert plan.timeline.skipped == ("line 7: event 000002 is black: it names no source",)
    first, left, entered = plan
    assert (first.start, first.stop) == (12, 48)
    assert (left.url, left.start, left.stop) == (f"/card/{A}.mov", 48, 60)
    assert "no clip has reel B002C003_240101_R2CX" in left.notes[0]
    assert "no clip has reel 'B009C003_240101_R2CD'" in entered.problems[0]


def test_a_timewarp_by_keyframes_of_position_is_bad() -> None:
    (one,) = plan_of("position_timewarp.otio", CAMERAS)
    assert "its speed changes as it plays (Motion Control, by keyframes)" in one.problems[0]
