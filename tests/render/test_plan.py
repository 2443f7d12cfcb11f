"""Where outputs go, and what is refused before anything is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mediadask.errors import InvalidRequest
from mediadask.render.plan import output_places

if TYPE_CHECKING:
    from pathlib import Path

IMAGES = (".jpg", ".png")


@pytest.mark.parametrize(
    "out", ["/out", "/out/", "/day.01", "/cut.v2", "/cam.A", "s3://bucket.prod", "/a.gif/"]
)
def test_a_folder_gets_one_output_a_clip(out: str) -> None:
    places = output_places(["/card/A.mov", "/card/b.####.exr", "/other/a.mov"], out, ".jpg", IMAGES)
    root = out.rstrip("/")
    assert places == [f"{root}/A.jpg", f"{root}/b.jpg", f"{root}/a-2.jpg"]


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
