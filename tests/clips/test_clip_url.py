"""The text that names a clip: the URL of a file, or those of a spanned recording's parts."""

from __future__ import annotations

import pickle
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mediadask as md
from mediadask.clips import Clip, find_clips
from mediadask.clips.clip_url import ClipUrl
from mediadask.errors import InvalidRequest
from mediadask.footage import read_number
from mediadask.render.plan import output_places

if TYPE_CHECKING:
    from pathlib import Path

MAKE = {"codec": "prores_ks", "pixel_format": "yuv422p10le", "size": (320, 180)}


@pytest.fixture
def parts(make_clip: Any, tmp_path: Path) -> list[Path]:
    """Two parts of one recording, with bars in their names."""
    first = make_clip("1.mov", **MAKE, frames=4, timecode="01:00:00:00")
    second = make_clip("2.mov", **MAKE, frames=3, first_number=4, timecode="01:00:00:04")
    files = [tmp_path / "A|B_0001.mov", tmp_path / "A|B_0002.mov"]
    for made, file in zip((first, second), files, strict=True):
        shutil.copy(made, file)
    return files


def numbers(clip: Clip) -> list[int]:
    return [read_number(frame.planes[0]) for frame in clip.frames()]


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("/r/a.mov", ["/r/a.mov"]),
        ("/r/A|B.mov", ["/r/A|B.mov"]),
        ("concat:/r/a_1.mov|/r/a_2.mov", ["/r/a_1.mov", "/r/a_2.mov"]),
        ("concat:a_1.mov|a_2.mov", ["a_1.mov", "a_2.mov"]),
        ("concat:s3://b/a%201.mov|s3://b/a%202.mov", ["s3://b/a%201.mov", "s3://b/a%202.mov"]),
        ("concat:/r/A||B_1.mov|/r/A||B_2.mov", ["/r/A|B_1.mov", "/r/A|B_2.mov"]),
        ("concat:/r/a|||/r/b", ["/r/a|", "/r/b"]),
        ("concat:x/clip.mov", ["concat:x/clip.mov"]),
        ("/mnt/concat:x/a.mov", ["/mnt/concat:x/a.mov"]),
    ],
)
def test_a_text_names_parts(text: str, urls: list[str]) -> None:
    assert list(ClipUrl.parse(text).parts) == urls
    assert str(ClipUrl.parse(text)) == text


@given(st.lists(st.text("a|:%?& é").map("/".__add__), min_size=1, max_size=4))
def test_no_name_is_lost_in_the_text(urls: list[str]) -> None:
    url = ClipUrl(tuple(urls))
    assert ClipUrl.parse(str(url)) == url


def test_a_list_of_parts_is_one_text() -> None:
    assert str(ClipUrl.of(["/r/a_1.mov", "file:///r/a_2.mov"])) == "concat:/r/a_1.mov|/r/a_2.mov"
    assert str(ClipUrl.of(["/r/a.mov"])) == "/r/a.mov"
    assert ClipUrl.parse("concat:/r/a.mov").parts == ("/r/a.mov",)  # as versions before wrote it


def test_spans_are_joined_to_one() -> None:
    joined = ClipUrl.joined(["/r/a_1.mov", "concat:/r/a_2.mov|/r/a_3.mov"])
    assert str(joined) == "concat:/r/a_1.mov|/r/a_2.mov|/r/a_3.mov"
    assert (joined.name, joined.label) == ("a_1.mov", "a_1.mov +2")


def test_a_part_without_a_name_is_refused_in_one_line() -> None:
    with pytest.raises(InvalidRequest) as refused:
        Clip.open("concat:/r/a_1.mov|")
    assert str(refused.value) == (
        "concat:/r/a_1.mov|: one part of a spanned recording has no name; write concat:first.mov|second.mov"
    )


def test_files_with_bars_are_clips(parts: list[Path]) -> None:
    clip = Clip.open(parts[0])
    assert clip.name == "A|B_0001.mov"
    assert numbers(clip) == numbers(Clip.open(clip.url)) == [0, 1, 2, 3]
    assert list(find_clips(parts[0].parent)) == [str(part) for part in parts]
    assert output_places(parts, "/out", ".mp4") == ["/out/A|B_0001.mp4", "/out/A|B_0002.mp4"]


def test_files_with_bars_are_parts_of_spans(parts: list[Path]) -> None:
    clip = Clip.open(parts)
    assert clip.url == "concat:" + "|".join(str(part).replace("|", "||") for part in parts)
    for again in (clip, Clip.open(clip.url), pickle.loads(pickle.dumps(clip))):
        assert numbers(again) == list(range(7))
    assert md.inspect(clip.url).frames == 7


@pytest.mark.parametrize("name", ["concat:x/clip.mov", "./concat:x/clip.mov"])
def test_a_folder_may_be_called_as_spans_begin(
    name: str, make_clip: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "concat:x").mkdir()
    shutil.copy(make_clip("1.mov", **MAKE, frames=4), tmp_path / "concat:x" / "clip.mov")
    monkeypatch.chdir(tmp_path)
    clip = Clip.open(name)
    monkeypatch.chdir("/")  # as a worker is elsewhere
    assert clip.url == f"{tmp_path}/concat:x/clip.mov"
    assert numbers(pickle.loads(pickle.dumps(clip))) == [0, 1, 2, 3]


def test_a_span_of_relative_paths_is_the_same_everywhere(
    parts: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = parts[0].parent
    for part, name in zip(parts, ("1.mov", "2.mov"), strict=True):
        part.rename(folder / name)
    monkeypatch.chdir(folder)
    clip = Clip.open("concat:1.mov|2.mov")
    assert clip.url == f"concat:{folder}/1.mov|{folder}/2.mov"
    monkeypatch.chdir("/")
    assert numbers(clip) == list(range(7))
