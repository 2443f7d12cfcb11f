from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mediadask.editorial import find_media
from mediadask.errors import MediaError, MissingMedia, UnreadableMedia
from mediadask.metadata import ClipMetadata, inspect

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeClip

SMALL = {"codec": "prores_ks", "pixel_format": "yuv422p10le", "frames": 6, "size": (64, 36)}


@pytest.fixture
def card(make_clip: MakeClip, tmp_path: Path) -> Path:
    folder = tmp_path / "card"
    (folder / "day2").mkdir(parents=True)
    for name, timecode in (("A001C001.mov", "01:00:00:00"), ("day2/A002C001.mov", "02:00:00:00")):
        clip = make_clip(name.rpartition("/")[2], timecode=timecode, reel=name[-12:-4], **SMALL)
        (folder / name).symlink_to(clip)
    return folder


def test_a_folder_is_searched_and_its_clips_inspected(card: Path) -> None:
    report = find_media(card).compute()
    assert [(clip.reel, clip.start_timecode, clip.frames) for clip in report.results] == [
        ("A001C001", "01:00:00:00", 6),
        ("A002C001", "02:00:00:00", 6),
    ]


def test_a_clip_that_cannot_be_read_stops_no_other(card: Path) -> None:
    (card / "A003C001.mov").write_bytes(b"no movie")
    report = find_media(card).compute()
    assert len(report.results) == 2
    assert "A003C001.mov" in report.failures[0].name


def test_a_list_that_info_printed_is_media_too(card: Path, tmp_path: Path) -> None:
    known = inspect(card / "A001C001.mov")
    (tmp_path / "rushes.json").write_text(json.dumps([known.as_dict()]))
    report = find_media([tmp_path / "rushes.json", card / "day2"]).compute()
    assert all(isinstance(clip, ClipMetadata) for clip in report.results)
    assert [clip.reel for clip in report.results] == ["A001C001", "A002C001"]
    assert report.results[0] == known


@pytest.mark.parametrize("text", ["[", '{"path": 1}', '[{"path": "x"}]', "\0"])
def test_a_file_that_is_no_such_list_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "rushes.json").write_text(text)
    with pytest.raises(UnreadableMedia, match=r"rushes.json: is no list of clips"):
        find_media(tmp_path / "rushes.json")


def test_what_is_not_there(tmp_path: Path) -> None:
    assert "no such file" in str(find_media(tmp_path / "nowhere").compute().failures[0].failure)
    with pytest.raises(MissingMedia):
        find_media(tmp_path / "*.mov")
    heard: list[MediaError] = []
    assert len(find_media([tmp_path / "*.mov"], on_error=heard.append)) == 0
    assert len(heard) == 1
