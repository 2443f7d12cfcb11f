"""A file that ends too early is cut only where pictures are missing."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from mediadask.clips import Clip
from mediadask.errors import UnreadableMedia
from tests.clips.test_exactness import assert_exact

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeClip

FRAMES = 24
AVI: dict[str, Any] = {"codec": "mjpeg", "pixel_format": "yuvj420p", "frames": FRAMES, "size": (320, 180)}
MKV: dict[str, Any] = {"codec": "libx264", "options": {"g": "6"}, "frames": FRAMES, "size": (320, 180)}


@pytest.mark.parametrize("sound", [None, "pcm_s16le"])
def test_an_avi_whose_recorder_wrote_no_index(make_clip: MakeClip, tmp_path: Path, sound: str | None) -> None:
    data = make_clip("a.avi", **AVI, sound=sound).read_bytes()
    path = tmp_path / "a.avi"
    path.write_bytes(data[: data.rindex(b"idx1")])
    assert_exact(path, range(FRAMES))


def test_an_avi_that_ends_in_its_index(make_clip: MakeClip, tmp_path: Path) -> None:
    data = make_clip("a.avi", **AVI).read_bytes()
    path = tmp_path / "a.avi"
    path.write_bytes(data[: data.rindex(b"idx1") + 50])
    assert_exact(path, range(FRAMES))


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_an_avi_that_lacks_pictures_is_cut(make_clip: MakeClip, tmp_path: Path, share: float) -> None:
    data = make_clip("a.avi", **AVI).read_bytes()
    path = tmp_path / "a.avi"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(UnreadableMedia, match=r"truncated: of its pictures only \d+ are there"):
        Clip.open(path)


def test_matroska_that_lacks_its_cues_and_tags_alone(make_clip: MakeClip, tmp_path: Path) -> None:
    data = make_clip("a.mkv", **MKV).read_bytes()
    cues = data.rindex(b"\x1c\x53\xbb\x6b")
    for end in (cues, cues + 7):
        path = tmp_path / f"{end}.mkv"
        path.write_bytes(data[:end])
        assert_exact(path, range(FRAMES))


def test_matroska_that_lacks_pictures_is_cut(make_clip: MakeClip, tmp_path: Path) -> None:
    source = make_clip("a.mkv", **MKV)
    path = tmp_path / "a.mkv"
    shutil.copy(source, path)
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"\x1c\x53\xbb\x6b") - 100])
    with pytest.raises(UnreadableMedia, match="truncated"):
        Clip.open(path)
