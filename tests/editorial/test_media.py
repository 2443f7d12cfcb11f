from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

import fsspec
import imageio.v3 as iio
import numpy as np
import pytest

from mediadask.clips import find_clips
from mediadask.editorial import find_media
from mediadask.editorial.matching.media import inspected
from mediadask.errors import MediaWarning, MissingMedia, UnreadableMedia
from mediadask.metadata import ClipMetadata, inspect, inspect_each
from tests.clips import conftest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeClip

as_nobody = conftest.as_nobody
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


@pytest.fixture
def listed(card: Path, tmp_path: Path) -> Path:
    """A list of both clips of the card, made just now."""
    rows = [inspect(card / name).as_dict() for name in ("A001C001.mov", "day2/A002C001.mov")]
    path = tmp_path / "rushes.json"
    path.write_text(json.dumps(rows))
    return path


def test_a_clip_that_has_changed_since_it_was_listed_is_inspected_again(
    card: Path, listed: Path, make_clip: MakeClip
) -> None:
    other = make_clip("A001C001-longer.mov", timecode="03:00:00:00", **{**SMALL, "frames": 9})
    (card / "A001C001.mov").unlink()
    (card / "A001C001.mov").symlink_to(other)
    with pytest.warns(MediaWarning, match=r"rushes.json: 1 of its 2 clips have changed since"):
        report = find_media(listed).compute()
    assert sorted((clip.start_timecode, clip.frames) for clip in report.results) == [
        ("02:00:00:00", 6),
        ("03:00:00:00", 9),
    ]


def test_a_clip_that_is_newer_than_its_list_is_inspected_again(card: Path, listed: Path) -> None:
    os.utime(listed, ns=(0, (card / "A001C001.mov").stat().st_mtime_ns - 1))
    with pytest.warns(MediaWarning, match="have changed since"):
        assert len(find_media(listed).compute().results) == 2


def test_a_clip_that_is_gone_since_it_was_listed_is_listed_as_failed(card: Path, listed: Path) -> None:
    (card / "A001C001.mov").unlink()
    report = find_media(listed).compute()
    assert [clip.start_timecode for clip in report.results] == ["02:00:00:00"]
    assert "A001C001.mov: no such file" in str(report.failures[0].failure)
    (card / "day2" / "A002C001.mov").unlink()
    with pytest.raises(MissingMedia, match="none of its 2 clips is there"):
        find_media(listed)


def test_a_listed_sequence_is_known_by_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "plates"
    folder.mkdir()
    for number in range(1001, 1004):
        iio.imwrite(folder / f"plate.{number}.png", np.full((36, 64, 3), number % 255, np.uint8))
    path = tmp_path / "rushes.json"
    path.write_text(json.dumps([inspect(folder / "plate.%04d.png").as_dict()]))
    assert len(find_media(path).groups) == 0
    iio.imwrite(folder / "plate.1004.png", np.zeros((36, 64, 3), np.uint8))
    later = path.stat().st_mtime_ns + 1  # clocks of file systems tick slowly
    os.utime(folder, ns=(later, later))
    with pytest.warns(MediaWarning, match="have changed since"):
        (found,) = find_media(path).compute().results
    assert found.frames == 4


def test_clips_that_cannot_be_read_are_told_where_nobody_sees_the_report(card: Path) -> None:
    (card / "A003C001.mov").write_bytes(b"no movie")
    with pytest.warns(MediaWarning, match=r"A003C001.mov: is"):
        assert len(inspected(card)) == 2


@pytest.mark.parametrize("text", ["[", '{"path": 1}', '[{"path": "x"}]', "\0"])
def test_a_file_that_is_no_such_list_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "rushes.json").write_text(text)
    with pytest.raises(UnreadableMedia, match=r"rushes.json: is no list of clips"):
        find_media(tmp_path / "rushes.json")


def test_listed_clips_of_a_store_are_known_by_its_folders(card: Path, bucket: str, tmp_path: Path) -> None:
    store = fsspec.filesystem("s3")
    folder = f"{bucket}/listed"
    store.pipe({f"{folder}/{n}.mov": (card / "A001C001.mov").read_bytes() for n in range(3)})
    clips = inspect_each(find_clips(folder)).compute().results
    path = tmp_path / "rushes.json"
    path.write_text(json.dumps([clip.as_dict() for clip in clips]))
    assert find_media(path).compute().results == clips
    store.rm_file(f"{folder}/0.mov")
    store.pipe(f"{folder}/1.mov", (card / "A001C001.mov").read_bytes() + bytes(9))
    with pytest.warns(MediaWarning, match=r"rushes.json: 1 of its 3 clips have changed since"):
        report = find_media(path).compute()
    assert sorted(clip.path for clip in report.results) == [f"{folder}/1.mov", f"{folder}/2.mov"]
    assert [outcome.name for outcome in report.failures] == [f"{folder}/0.mov"]
    os.utime(path, ns=(0, 0))
    with pytest.warns(MediaWarning, match=r"rushes.json: 2 of its 3 clips have changed since"):
        find_media(path)
    store.rm(folder, recursive=True)
    with pytest.raises(MissingMedia, match="none of its 3 clips is there"):
        find_media(path)


@pytest.mark.parametrize("word", ["nowhere", "*.mov", "plate.%04d.exr", "memory://nowhere"])
def test_a_place_that_is_not_there_is_refused_beside_others_that_are(
    card: Path, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(card.parent)
    with pytest.raises(MissingMedia, match=f"{re.escape(word)}: no"):
        find_media([card, word])


def test_a_folder_inside_that_may_not_be_read_is_told_and_costs_no_other(as_nobody: Path) -> None:
    for name in ("a", "b"):
        (as_nobody / name).mkdir()
        (as_nobody / name / "1.mov").touch()
    (as_nobody / "b").chmod(0)
    with pytest.warns(MediaWarning, match=rf"{as_nobody}/b: may not be read; check its permissions"):
        assert [group.name for group in find_media(as_nobody).groups] == [f"{as_nobody}/a/1.mov"]
    with pytest.raises(MissingMedia, match=rf"{as_nobody}/b: may not be read"):
        find_media([as_nobody / "a", as_nobody / "b"])
    (as_nobody / "b").chmod(0o700)
