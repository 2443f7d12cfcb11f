"""What folders, globs, lists and URLs stand for: every clip once, sequences and spans whole."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import fsspec
import pytest

from mediadask.clips import Clip
from mediadask.clips.discover import find_clips
from mediadask.errors import InvalidRequest, MediaError, MissingMedia

if TYPE_CHECKING:
    from pathlib import Path


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def found(where: Any, below: Path) -> list[str]:
    return [url.replace(f"{below}/", "") for url in find_clips(where)]


def test_a_folder_is_all_the_clips_in_it(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "B001.mov", "A002.mxf", "clip10.mp4", "clip2.mp4", "B001.ale", "B001.xml", "notes.txt", "mhl/x.mhl",
        ".hidden.mov", "._B001.mov", ".Trash/C001.mov", "still.png", "raw/A001_C001.R3D", "audio.wav",
        *(f"vfx/plate.{number}.exr" for number in (1001, 1002, 1004)), "vfx/plate.1001.jpg",
    )  # fmt: skip
    assert found(tmp_path, tmp_path) == [
        "A002.mxf", "B001.mov", "clip2.mp4", "clip10.mp4", "still.png",
        "raw/A001_C001.R3D",
        "vfx/plate.1001.jpg", "vfx/plate.%04d.exr",
    ]  # fmt: skip


def test_globs_lists_and_names(tmp_path: Path) -> None:
    touch(tmp_path, "a1.mov", "a2.mov", "b.mov", "deep/er/c.mov", "odd.bin", "p.0001.exr", "p.0002.exr")
    assert found(tmp_path / "a*.mov", tmp_path) == ["a1.mov", "a2.mov"]
    assert found(f"{tmp_path}/**/*.mov", tmp_path) == ["a1.mov", "a2.mov", "b.mov", "deep/er/c.mov"]
    assert found(tmp_path / "*.exr", tmp_path) == ["p.%04d.exr"]
    assert found(tmp_path / "odd.bin", tmp_path) == ["odd.bin"]
    assert found([tmp_path / "b.mov", tmp_path / "deep", tmp_path / "b.mov"], tmp_path) == [
        "b.mov",
        "deep/er/c.mov",
    ]
    assert found(f"{tmp_path}/p.####.exr", tmp_path) == ["p.####.exr"]
    assert found(f"concat:{tmp_path}/a1.mov|{tmp_path}/a2.mov", tmp_path) == ["concat:a1.mov|a2.mov"]
    signed = "https://host/a1.mov?Signature=a*b"
    assert list(find_clips(signed)) == [signed]
    with pytest.raises(InvalidRequest, match="an empty name"):
        list(find_clips(""))


def test_what_is_not_there_is_an_error_or_reported(tmp_path: Path) -> None:
    touch(tmp_path, "a.mov")
    with pytest.raises(MissingMedia, match="nothing matches"):
        list(find_clips(tmp_path / "*.mxf"))
    with pytest.raises(MissingMedia, match="no file has a name like this"):
        list(find_clips(tmp_path / "p.%04d.exr"))
    errors: list[MediaError] = []
    where = [tmp_path / "*.mxf", tmp_path]
    assert list(find_clips(where, on_error=errors.append)) == [f"{tmp_path}/a.mov"]
    assert [type(error) for error in errors] == [MissingMedia]


def test_an_unreadable_folder_costs_no_other(as_nobody: Path) -> None:
    touch(as_nobody, "a/1.mov", "b/2.mov", "c/3.mov")
    (as_nobody / "b").chmod(0)
    errors: list[MediaError] = []
    clips = list(find_clips(as_nobody, on_error=errors.append))
    (as_nobody / "b").chmod(0o700)
    assert clips == [f"{as_nobody}/a/1.mov", f"{as_nobody}/c/3.mov"]
    assert [str(error) for error in errors] == [f"{as_nobody}/b: may not be read; check its permissions"]


@pytest.fixture
def card(make_clip: Any, tmp_path: Path) -> Any:
    """`card("name.mov", first)` puts a clip of 12 frames there, `first` frames after 01:00:00:00."""

    def put(name: str, first: int) -> None:
        label = f"01:00:{first // 24:02}:{first % 24:02}"
        clip = make_clip(
            "c.mov", codec="prores_ks", pixel_format="yuv422p10le", size=(320, 180), frames=12, timecode=label
        )
        shutil.copy(clip, tmp_path / name)

    return put


@pytest.mark.parametrize(
    "names",
    [
        ["A001C001_260101_R1AB_001.mov", "A001C001_260101_R1AB_002.mov", "A001C001_260101_R1AB_003.mov"],
        ["A001_C001_0101AB_001.mov", "A001_C001_0101AB_002.mov", "A001_C001_0101AB_003.mov"],
        ["718_0001_01.mov", "718_0001_02.mov", "718_0001_03.mov"],
        ["GX010042.mov", "GX020042.mov", "GX030042.mov"],
    ],
)
def test_parts_of_one_recording_are_one_clip(card: Any, tmp_path: Path, names: list[str]) -> None:
    for number, name in enumerate(names):
        card(name, number * 12)
    (url,) = find_clips(tmp_path)
    assert url == "concat:" + "|".join(f"{tmp_path}/{name}" for name in names)
    assert len(Clip.open(url)) == 36


@pytest.mark.parametrize(
    ("names", "firsts"),
    [
        (["A001C001_001.mov", "A001C001_002.mov"], [0, 13]),  # timecode jumps
        (["A001C001_001.mov", "A001C002_002.mov"], [0, 12]),  # another clip
        (["A001C001.mov", "A001C002.mov"], [0, 12]),  # takes, with timecode that runs while recording
        (["take_01.mov", "take_02.mov"], [0, 12]),
        (["GX010042.mov", "GX010043.mov"], [0, 12]),
    ],
)
def test_what_only_looks_alike_stays_apart(
    card: Any, tmp_path: Path, names: list[str], firsts: list[int]
) -> None:
    for name, first in zip(names, firsts, strict=True):
        card(name, first)
    assert found(tmp_path, tmp_path) == names


def test_a_hole_in_the_parts_is_not_bridged(card: Any, tmp_path: Path) -> None:
    for number in (1, 2, 4):
        card(f"A001C001_{number:03}.mov", (number - 1) * 12)
    assert found(tmp_path, tmp_path) == ["concat:A001C001_001.mov|A001C001_002.mov", "A001C001_004.mov"]


def test_a_broken_part_does_not_hide_the_others(card: Any, tmp_path: Path) -> None:
    card("A001C001_001.mov", 0)
    (tmp_path / "A001C001_002.mov").write_bytes(b"broken")
    assert found(tmp_path, tmp_path) == ["A001C001_001.mov", "A001C001_002.mov"]


def test_remote_folders_are_like_local_ones(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    root = f"/{tmp_path.name}"
    for name in ("a.mov", "p.0001.exr", "p.0002.exr", "deep/b.mxf", ".x.mov", "notes.txt"):
        memory.pipe_file(f"{root}/{name}", b"x")
    expected = ["a.mov", "p.%04d.exr", "deep/b.mxf"]
    assert [url.partition(f"{root}/")[2] for url in find_clips(f"memory:/{root}")] == expected
    assert [url.partition(f"{root}/")[2] for url in find_clips(f"memory:/{root}/*.mov")] == ["a.mov"]


def test_thousands_of_files_are_listed_not_opened(tmp_path: Path) -> None:
    """None of them is media: opening any would fail."""
    touch(tmp_path, *(f"day{number % 5}/clip{number}.mov" for number in range(1000)))
    touch(tmp_path, *(f"vfx/sh{number % 7}.{number:06}.exr" for number in range(1000)))
    assert len(list(find_clips(tmp_path))) == 1007
