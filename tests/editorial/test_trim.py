"""Conform pulls: every event's frames by their burnt-in numbers, bad events listed, the timeline relinked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import dask
import opentimelineio as otio
import pytest

import mediadask as md
from mediadask import footage
from mediadask.clips.storage import normalize

if TYPE_CHECKING:
    from mediadask.delivery import Report
    from tests.conftest import MakeClip

EDL = """TITLE: DAY 12
FCM: NON-DROP FRAME

001  A001C001_261122_R1AB             V     C        10:00:00:10 10:00:00:20 01:00:00:00 01:00:00:10
002  B002C014_261122                  V     C        11:00:00:20 11:00:01:06 01:00:00:10 01:00:00:20
003  plate_010                        V     C        12:00:00:04 12:00:00:08 01:00:00:20 01:00:01:00
004  A009C009_261122_R1AB             V     C        10:00:00:10 10:00:00:20 01:00:01:00 01:00:01:10
005  A001C001_261122_R1AB             V     C        10:00:01:20 10:00:01:23 01:00:01:10 01:00:01:13
"""


@pytest.fixture(scope="module")
def card(make_clip: MakeClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ProRes, a long-GOP and an EXR original, numbered from 100, 200 and 1001."""
    folder = tmp_path_factory.mktemp("card")
    small = {"frames": 48, "size": (320, 180)}
    for name, how in {
        "A001C001_261122_R1AB.mov": {
            "codec": "prores_aw", "pixel_format": "yuv422p10le", "sound": "pcm_s24le", "first_number": 100,
            "timecode": "10:00:00:00", "reel": "A001C001_261122_R1AB",
        },
        "B002C014_261122.mp4": {
            "codec": "libx264", "options": {"g": "12", "bf": "2"}, "sound": "aac", "first_number": 200,
            "timecode": "11:00:00:00",
        },
    }.items():  # fmt: skip
        (folder / name).symlink_to(make_clip(name, **small, **how))
    (folder / "plate").mkdir()
    footage.write_sequence(
        folder / "plate" / "plate_010.%04d.exr",
        frames=12,
        size=(64, 36),
        timecode="12:00:00:00",
        reel="plate_010",
    )
    return folder


@pytest.fixture
def edl(tmp_path: Path) -> Path:
    path = tmp_path / "day12.edl"
    path.write_text(EDL)
    return path


def trim(edl: Path, card: Path, out: Path, **how: int) -> Report:
    (report,) = dask.compute(md.trim(edl, card, out, **how), scheduler="sync")
    return report


def numbers(url: str) -> list[int]:
    clip = md.Clip.open(url)
    return [footage.read_number(frame.planes[0]) for frame in clip.frames()]


def test_every_event_is_cut_with_its_handles(edl: Path, card: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = trim(edl, card, out, handles=3)
    prores, h264, plate, late = report.results
    assert [Path(made.url).relative_to(out).as_posix() for made in report.results] == [
        "A001C001_261122_R1AB_001.mov",
        "B002C014_261122_002.mp4",
        "plate_010_003/plate_010.%04d.exr",
        "A001C001_261122_R1AB_005.mov",
    ]
    assert numbers(prores.url) == list(range(107, 123))
    assert md.Clip.open(prores.url).header.timecode == "10:00:00:07"
    found = numbers(h264.url)
    assert found == list(range(200 + h264.start, 200 + h264.start + h264.frames))
    assert h264.start == 12, "from the key before frame 17"
    assert {217, 232} <= set(found)
    assert h264.notes[0] == "begins 5 frames early, at its key"
    assert numbers(plate.url) == list(range(1002, 1012))
    assert numbers(late.url) == list(range(141, 148)), "the clip ends here: one frame of handle"

    (bad,) = report.failures
    assert bad.failure.error.startswith("event 004")
    assert "no clip has reel 'A009C009_261122_R1AB'" in bad.failure.error


def test_handles_reach_into_the_next_part_of_a_recording(make_clip: MakeClip, tmp_path: Path) -> None:
    (tmp_path / "card").mkdir()
    for number, code in ((1, "10:00:00:00"), (2, "10:00:02:00")):
        name = f"P001C001_{number}.mov"
        how = {"codec": "prores_aw", "pixel_format": "yuv422p10le", "frames": 48, "size": (320, 180)}
        made = make_clip(name, **how, timecode=code, reel="P001C001", first_number=48 * number)
        (tmp_path / "card" / name).symlink_to(made)
    list_ = tmp_path / "span.edl"
    list_.write_text("001  P001C001 V     C        10:00:01:12 10:00:01:22 01:00:00:00 01:00:00:10\n")
    (trimmed,) = trim(list_, tmp_path / "card", tmp_path / "out", handles=8).results
    assert numbers(trimmed.url) == list(range(48 + 28, 48 + 54))
    assert md.Clip.open(trimmed.url).header.timecode == "10:00:01:04"


def test_the_timeline_comes_along_relinked(edl: Path, card: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = trim(edl, card, out, handles=2)
    timeline = otio.adapters.read_from_file(str(out / "DAY_12.otio"))
    clips = list(timeline.find_clips())
    assert len(clips) == 5
    assert isinstance(clips[3].media_reference, otio.schema.MissingReference)
    linked = [clip for clip in clips if isinstance(clip.media_reference, otio.schema.ExternalReference)]
    assert [clip.media_reference.target_url for clip in linked] == [made.url for made in report.results]
    for clip, first, made in zip(linked, (110, 220, 1005, 144), report.results, strict=True):
        available = clip.media_reference.available_range
        assert available.duration.value == made.frames
        into = round((clip.source_range.start_time - available.start_time).value)
        assert numbers(made.url)[into] == first, "the cut's first frame, counted in the trim"


def test_a_rerun_and_a_change_of_handles(edl: Path, card: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = trim(edl, card, out)
    stamps = {path: path.stat().st_mtime_ns for path in out.glob("*.m??")}
    assert trim(edl, card, out) == first
    assert {path: path.stat().st_mtime_ns for path in out.glob("*.m??")} == stamps
    trim(edl, card, out, handles=4)
    assert numbers(first.results[0].url) == list(range(106, 124))


def test_the_relinked_timeline_replaces_its_own_alone(edl: Path, card: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    trim(edl, card, out)
    linked = out / "DAY_12.otio"
    before = linked.stat().st_mtime_ns
    trim(edl, card, out)
    assert linked.stat().st_mtime_ns == before
    trim(edl, card, out, handles=1)
    assert linked.stat().st_mtime_ns != before

    ours = tmp_path / "edit" / "DAY_12.otio"  # a cut of the same name, in the folder it is to go to
    ours.parent.mkdir()
    cut = md.editorial.read_timeline(edl)
    planned = md.editorial.match_events(cut, [md.inspect(normalize(path)) for path in card.glob("*.mov")])
    otio.adapters.write_to_file(planned.to_otio(), str(ours))
    content = ours.read_bytes()
    with pytest.raises(md.InvalidRequest, match=r"DAY_12.otio: is there already and was not made here"):
        md.trim(ours, card, ours.parent)
    assert [path.name for path in ours.parent.iterdir()] == ["DAY_12.otio"]
    assert ours.read_bytes() == content


def test_nothing_to_deliver_leaves_no_timeline(edl: Path, tmp_path: Path, make_clip: MakeClip) -> None:
    other = make_clip("X.mov", codec="mpeg4", frames=4, size=(320, 180))
    report = trim(edl, other, tmp_path / "out")
    assert (len(report.results), len(report.failures)) == (0, 5)
    assert not (tmp_path / "out").exists()


def test_media_may_be_inspected_already(edl: Path, card: Path, tmp_path: Path) -> None:
    known = [md.inspect(normalize(path)) for path in card.glob("*.mov")]
    (report,) = dask.compute(md.trim(edl, known, tmp_path / "out"), scheduler="sync")
    assert len(report.results) == 2
