"""Reference movies: what the offline cut shows of a shot, in step with its plate."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import av
import dask
import numpy as np
import pytest

import mediadask as md
from mediadask import footage
from mediadask.clips import Clip
from mediadask.footage import write_clip

EDL = """TITLE: T
FCM: NON-DROP FRAME
001  A001 V C 01:00:01:00 01:00:01:08 10:00:00:00 10:00:00:08
* LOC: 10:00:00:00 RED AB_0010
002  A001 V C 01:00:02:00 01:00:02:11 10:00:00:08 10:00:00:14
M2   A001       048.0                01:00:02:00
* LOC: 10:00:00:08 RED AB_0020
003  A001 V C 01:00:03:00 01:00:03:03 10:00:00:14 10:00:00:20
M2   A001       012.0                01:00:03:00
* LOC: 10:00:00:14 RED AB_0030
"""
BLACK = None


def movie(path: Path, **how: Any) -> Path:
    """A clip in whose pictures their numbers are to be read."""
    settings: dict[str, Any] = {"size": (320, 180), "rate": 24, "frames": 96}
    write_clip(path, **{**settings, "codec": "mjpeg", "pixel_format": "yuvj422p", **how})
    return path


def h264(path: Path, frames: int, timecode: str | None, **how: Any) -> Path:
    """An offline as editors export it: long groups of pictures."""
    return movie(
        path,
        codec="libx264",
        pixel_format="yuv420p",
        frames=frames,
        timecode=timecode,
        options={"g": "12", "bf": "2"},
        **how,
    )


@pytest.fixture
def show(tmp_path: Path) -> Path:
    (tmp_path / "rushes").mkdir()
    movie(tmp_path / "rushes" / "A001.mov", timecode="01:00:00:00", reel="A001")
    (tmp_path / "cut.edl").write_text(EDL)
    return tmp_path


def pulled(show: Path, reference: Path, **how: Any) -> tuple[md.Report, str]:
    settings: dict[str, Any] = {
        "handles": 2,
        "input_space": "ACEScg",
        "review": False,
        "reference": reference,
    }
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", md.MediaWarning)
        delivery = md.pull(show / "cut.edl", show / "rushes", show / "out", **{**settings, **how})
        (report,) = dask.compute(delivery, num_workers=2)
    return report, "\n".join(str(one.message) for one in caught)


def seen(path: Path) -> list[int | None]:
    """The numbers in a movie's pictures; None for black."""
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    return [None if np.median(picture) < 20 else footage.read_number(picture) for picture in pictures]


STEPS = {
    "AB_0010": [BLACK, BLACK, 0, 1, 2, 3, 4, 5, 6, 7, BLACK, BLACK],
    "AB_0020": [BLACK, BLACK, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, BLACK, BLACK],
    "AB_0030": [BLACK, BLACK, 14, 16, 18, BLACK, BLACK],
}


def test_each_plate_has_what_the_cut_shows_of_it(show: Path) -> None:
    cut = h264(show / "cut.mov", 24, "10:00:00:00")
    report, told = pulled(show, cut)
    assert not report.failures
    assert not told
    for shot, steps in STEPS.items():
        stem = show / "out" / f"{shot}_PL01_v001"
        assert seen(Path(f"{stem}.ref.mp4")) == steps
        assert len(list((show / "out").glob(f"{stem.name}.*.exr"))) == len(steps), "as many as the plate has"
    assert Clip.open(show / "out" / "AB_0010_PL01_v001.ref.mp4").header.timecode == "01:00:00:22"
    again, _ = pulled(show, cut)
    assert [plate.written for plate in again.results] == [0, 0, 0]
    assert "AB_0010_PL01_v001.ref.mp4" in (show / "out" / "AB_0010_PL01_v001.json").read_text()


def test_parts_of_it_are_made_by_units_of_their_own(show: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediadask.render.segment.PLATE_UNIT_SECONDS", 0.005)
    cut = h264(show / "cut.mov", 24, "10:00:00:00")
    delivery = md.pull(
        show / "cut.edl", show / "rushes", show / "out", handles=2, input_space="ACEScg", reference=cut
    )
    assert len(delivery.groups[0].units) > 1
    dask.compute(delivery, num_workers=2)
    assert seen(show / "out" / "AB_0010_PL01_v001.ref.mp4") == STEPS["AB_0010"]


def test_the_cut_may_begin_before_the_first_shot_and_end_early(show: Path) -> None:
    report, _ = pulled(show, h264(show / "cut.mov", 30, "09:59:59:12"))
    assert not report.failures
    steps = [None if at is None else at + 12 for at in STEPS["AB_0010"]]
    assert seen(show / "out" / "AB_0010_PL01_v001.ref.mp4") == steps
    steps = [None if at is None or at + 12 >= 30 else at + 12 for at in STEPS["AB_0030"]]
    assert seen(show / "out" / "AB_0030_PL01_v001.ref.mp4") == steps
    (show / "out").rename(show / "before")
    report, _ = pulled(show, h264(show / "short.mov", 8, "10:00:00:00"))
    assert not (show / "out" / "AB_0030_PL01_v001.ref.mp4").exists()
    assert "the reference does not show it" in (show / "out" / "AB_0030_PL01_v001.json").read_text()


@pytest.mark.parametrize(
    ("timecode", "said"),
    [(None, "has no timecode"), ("00:00:00:00", "begins at 00:00:00:00, where no event")],
)
def test_where_the_cut_begins_is_told_where_its_timecode_does_not_say(
    show: Path, timecode: str | None, said: str
) -> None:
    report, told = pulled(show, h264(show / "cut.mov", 24, timecode), only_shots="AB_0020")
    assert said in told
    assert not report.failures
    assert seen(show / "out" / "AB_0020_PL01_v001.ref.mp4") == STEPS["AB_0020"]


def test_a_cut_of_another_rate_is_refused(show: Path) -> None:
    with pytest.raises(
        md.InvalidRequest, match=r"counts 25 frames a second, the timeline 24; export the cut"
    ):
        pulled(show, h264(show / "cut.mov", 24, "10:00:00:00", rate=25))
    with pytest.raises(md.MissingMedia):
        pulled(show, show / "none.mov")
    assert not (show / "out").exists()
