"""Contact sheets and stills."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask
import numpy as np
import pytest
from PIL import Image

import mediadask as md
from mediadask import footage
from mediadask.render.sheet import facts

if TYPE_CHECKING:
    from tests.conftest import MakeClip

HOW: dict[str, Any] = {
    "codec": "libx264",
    "size": (320, 180),
    "frames": 50,
    "options": {"preset": "ultrafast", "g": "12"},
    "timecode": "10:00:00:00",
}


def run(delivery: md.Delivery) -> md.Report:
    (report,) = dask.compute(delivery)
    return report


def cells(path: Path, columns: int, count: int) -> list[int]:
    """The numbers burnt into the pictures of a sheet, found by its layout."""
    image = np.asarray(Image.open(path).convert("L"))
    width = image.shape[1]
    gap = max(width // 120, 4)
    cell = (width - gap * (columns + 1)) // columns // 2 * 2
    height = round(cell * 9 / 16 / 2) * 2
    top, step = gap * 2 + round(width * 0.038), height + round(width * 0.016) + gap
    found = []
    for place in range(count):
        x, y = gap + place % columns * (cell + gap), top + place // columns * step
        found.append(footage.read_number(image[y : y + height, x : x + cell]))
    return found


def test_a_sheet_shows_the_whole_clip_in_order(make_clip: MakeClip, tmp_path: Path) -> None:
    path = tmp_path / "sheet.jpg"
    (result,) = run(md.sheet(make_clip("A.mov", **HOW), path, frames=10)).results
    assert result.url == str(path)
    assert cells(path, 5, 10) == [0, 5, 10, 15, 20, 25, 30, 35, 40, 45]


def test_frames_are_chosen_by_number(make_clip: MakeClip, tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    run(md.sheet(make_clip("A.mov", **HOW), path, frames=[3, 49, 7], columns=2, width=800))
    assert cells(path, 2, 3) == [3, 49, 7]


def test_under_each_picture_is_text(make_clip: MakeClip, tmp_path: Path) -> None:
    with_code, without = tmp_path / "with.png", tmp_path / "without.png"
    how: dict[str, Any] = {"frames": [0], "columns": 1, "width": 640}
    run(md.sheet(make_clip("A.mov", **HOW), with_code, **how))
    run(md.sheet(make_clip("A.mov", **(HOW | {"timecode": None})), without, **how))
    rows = slice(-40, None)
    lit = [np.asarray(Image.open(path).convert("L"))[rows] > 60 for path in (with_code, without)]
    assert lit[0][:, :200].any()
    assert lit[0][:, -200:].any()
    assert not lit[1][:, -200:].any()


def test_many_clips_go_to_a_folder_and_bad_ones_fail_alone(make_clip: MakeClip, tmp_path: Path) -> None:
    clip = make_clip("A.mov", **HOW)
    report = run(md.sheet([clip, clip, tmp_path / "none.mov"], tmp_path / "out", frames=4))
    assert [Path(result.url).name for result in report.results] == ["A.jpg", "A-2.jpg"]
    assert len(report.failures) == 1
    with pytest.raises(md.InvalidRequest, match="name a folder"):
        md.sheet([clip, clip], tmp_path / "one.jpg")


def test_a_rerun_rewrites_nothing(make_clip: MakeClip, tmp_path: Path) -> None:
    clip = make_clip("A.mov", **HOW)
    path = tmp_path / "sheet.jpg"
    run(md.sheet(clip, path, frames=4))
    before = path.stat()
    run(md.sheet(clip, path, frames=4))
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    run(md.sheet(clip, path, frames=6))
    assert path.stat().st_mtime_ns != before.st_mtime_ns
    assert [file.name for file in tmp_path.iterdir()] == ["sheet.jpg"]


def test_pictures_do_not_pass_through_the_scheduler_and_are_made_once(
    make_clip: MakeClip, tmp_path: Path
) -> None:
    (group,) = md.sheet(make_clip("A.mov", **HOW), tmp_path / "sheet.jpg", frames=10).groups
    assert [unit() for unit in group.units] == [(), (), ()]
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")}
    assert len(before) == 3
    results = [unit() for unit in group.units]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")} == before
    assert group.finish is not None
    group.finish(results)
    assert [file.name for file in tmp_path.iterdir()] == ["sheet.jpg"]


def test_somebody_elses_picture_is_not_overwritten(make_clip: MakeClip, tmp_path: Path) -> None:
    path = tmp_path / "poster.png"
    Image.new("RGB", (8, 8)).save(path)
    (failed,) = run(md.sheet(make_clip("A.mov", **HOW), path)).failures
    assert failed.failure is not None
    assert "not made here" in failed.failure.error


def test_a_still_is_the_frame_asked_for(make_clip: MakeClip, tmp_path: Path) -> None:
    path = tmp_path / "still.png"
    run(md.still(make_clip("A.mov", **HOW), 31, path))
    image = np.asarray(Image.open(path))
    assert image.shape == (180, 320, 3)
    assert footage.read_number(image) == 31
    expected = footage.picture(31, 320, 180, label="10:00:01:07").astype(float)
    assert np.abs(image - expected).mean() < 12
    (failed,) = run(md.still(make_clip("A.mov", **HOW), 50, tmp_path / "late.png")).failures
    assert failed.failure is not None
    assert "the clip has 50" in failed.failure.error
    with pytest.raises(md.InvalidRequest, match=r"\.jpg or \.png"):
        md.still(make_clip("A.mov", **HOW), 0, tmp_path / "still.bmp")


def test_a_frame_that_does_not_decode_is_shown_as_such(make_clip: MakeClip, tmp_path: Path) -> None:
    how = HOW | {"codec": "prores_ks", "pixel_format": "yuv422p10le", "options": None}
    source = make_clip("A.mov", **how)
    clip, path = tmp_path / "corrupt.mov", tmp_path / "sheet.png"
    shutil.copy(source, clip)
    at = int(md.Clip.open(source).index.offset[1])
    with clip.open("r+b") as file:
        file.seek(at)
        file.write(bytes(64))
    (result,) = run(md.sheet(clip, path, frames=[0, 1], columns=2, width=800)).results
    assert cells(path, 2, 1) == [0]
    assert result.stand_ins == (1,)


@pytest.mark.parametrize("how", [{"columns": 0}, {"frames": 0}, {"frames": []}, {"columns": 40}])
def test_a_sheet_that_cannot_be_is_refused(make_clip: MakeClip, tmp_path: Path, how: dict[str, Any]) -> None:
    with pytest.raises(md.InvalidRequest, match="ask for"):
        md.sheet(make_clip("A.mov", **HOW), tmp_path / "a.jpg", **how)


@pytest.mark.parametrize(("frames", "length"), [(28, "58.8 s"), (57, "2 min 0 s"), (58, "2 min 2 s")])
def test_a_length_is_rounded_as_a_whole(make_clip: MakeClip, frames: int, length: str) -> None:
    clip = make_clip("slow.mov", **{**HOW, "frames": frames, "rate": Fraction(10, 21), "timecode": None})
    assert f"{frames} frames, {length}" in facts(md.Clip.open(clip))
