"""Where outputs go, and what is refused before anything is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mediadask.delivery import Delivery, Group, Unit
from mediadask.errors import InvalidRequest
from mediadask.render.plan import Plan, output_places

if TYPE_CHECKING:
    from pathlib import Path

    from mediadask.clips import Clip
    from tests.conftest import MakeClip

IMAGES = (".jpg", ".png")


@pytest.mark.parametrize(
    "out", ["/out", "/out/", "/day.01", "/cut.v2", "/cam.A", "s3://bucket.prod", "/a.gif/"]
)
def test_a_folder_gets_one_output_a_clip(out: str) -> None:
    places = output_places(["/card/A.mov", "/card/b.####.exr", "/other/a.mov"], out, ".jpg", IMAGES)
    root = out.rstrip("/")
    assert places == [f"{root}/card_A.jpg", f"{root}/b.jpg", f"{root}/other_a.jpg"]


@pytest.mark.parametrize(
    ("clips", "names"),
    [
        (["/r/B/C1.mp4", "/r/C/C1.mp4"], ["B_C1", "C_C1"]),
        (["/r/A/C1.mp4", "/r/B/C1.mp4", "/r/C/C1.mp4", "/r/C/C2.mp4"], ["A_C1", "B_C1", "C_C1", "C2"]),
        (["/r/1/CLIP/C1.mp4", "/r/2/CLIP/C1.mp4"], ["1_CLIP_C1", "2_CLIP_C1"]),
        (["/r/A/C1.mov", "/r/A/C1.mxf"], ["C1", "C1-2"]),
        (["/r/A/C1.mov", "/r/A/C1.mxf", "/r/B/C1.mov"], ["A_C1", "A_C1-2", "B_C1"]),
        (["/r/day_2024-05-01.mov", "/r/day_2024-05-02.mov"], ["day_2024-05-01", "day_2024-05-02"]),
        (["20240501-153000.mp4", "take 1-2.mov"], ["20240501-153000", "take 1-2"]),
        (["plate.%04d.exr?layer=depth", "v2-####.dpx", "####.dpx"], ["plate", "v2", "clip"]),
        (["https://host/a.mov?Signature=b.c/d", "concat:/r/A_001.mov|/r/A_002.mov"], ["a", "A_001"]),
    ],
)
def test_a_clips_name_is_its_own(clips: list[str], names: list[str]) -> None:
    assert output_places(clips, "/out", ".mp4") == [f"/out/{name}.mp4" for name in names]


def test_a_name_of_what_is_made_is_one_clips_output() -> None:
    assert output_places(["A.mov"], "/out/sheet.PNG", ".jpg", IMAGES) == ["/out/sheet.PNG"]
    with pytest.raises(InvalidRequest, match=r"there are 2 clips; name a folder"):
        output_places(["A.mov", "B.mov"], "/out/sheet.png", ".jpg", IMAGES)


@pytest.mark.parametrize("out", ["/out/sheet.gif", "/out/A.zarr", "s3://bucket/A.mp4"])
def test_a_name_of_what_is_not_made_is_no_folder(out: str) -> None:
    with pytest.raises(InvalidRequest, match=r"no \.\w+ is made here; name .jpg or .png or a folder"):
        output_places(["A.mov"], out, ".jpg", IMAGES)


def test_a_folder_may_have_any_name_if_it_is_there_and_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "odd.mov").mkdir()
    assert output_places(["A.mov"], tmp_path / "odd.mov", ".mp4") == [f"{tmp_path}/odd.mov/A.mp4"]
    (tmp_path / "notes").write_text("precious")
    with pytest.raises(InvalidRequest, match="is a file; name a folder"):
        output_places(["A.mov"], tmp_path / "notes", ".mp4")


def test_a_clip_that_brings_a_fault_to_light_takes_no_other_with_it(make_clip: MakeClip) -> None:
    clips = [make_clip(f"{name}.mov", codec="mpeg4", frames=2) for name in "abc"]

    def group(clip: Clip, place: str) -> Group:
        if clip.name == "b.mov":
            raise ValueError("not foreseen")
        return Group(clip.name, (Unit(str.upper, (place,)),))

    report = Delivery("test", Plan(clips, ["x", "y", "z"], group)).compute()
    assert report.results == ["X", "Z"]
    (failure,) = report.failures
    assert failure.failure.error == f"{clips[1]}: ValueError: not foreseen"
