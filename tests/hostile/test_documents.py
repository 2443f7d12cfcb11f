"""Timelines, framing, color and lists from outside: none runs, hangs, fills memory or reaches other files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mediadask.clips.storage import read_document
from mediadask.documents import Amf, Cdl
from mediadask.documents.amf_pipeline import Transform
from mediadask.documents.fdl import read_fdl
from mediadask.editorial import read_timeline
from mediadask.editorial.matching.media import find_media
from mediadask.errors import MediaError, UnreadableMedia
from mediadask.pixels.color import Color
from mediadask.render.receipt import Receipt, read_receipts

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_timeline_that_crashes_its_reader_is_a_line(hostile: Path) -> None:
    with pytest.raises(UnreadableMedia, match=r"null_tracks.otio: crashed what reads it \(SIGSEGV\)"):
        read_timeline(hostile / "null_tracks.otio")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("abort_version.fdl", "the number 18446744073709551616 is too large"),
        ("dimensions_true.fdl", "/dimensions: Input should be an object"),
    ],
)
def test_a_framing_list_of_wrong_types_is_refused_before_native_code(
    name: str, what: str, hostile: Path
) -> None:
    with pytest.raises(UnreadableMedia, match=what):
        read_fdl(hostile / name)


def test_a_lut_that_is_no_text_is_a_line(hostile: Path) -> None:
    with pytest.raises(UnreadableMedia, match="is no LUT OpenColorIO reads"):
        Color.lut(hostile / "utf16.cube")


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("a.edl", read_timeline),
        ("a.otio", read_timeline),
        ("a.fcpxml", read_timeline),
        ("a.fdl", read_fdl),
        ("a.amf", Amf.read),
        ("a.cdl", Cdl.read),
        ("a.cube", Color.lut),
        ("a.json", find_media),
    ],
)
def test_what_is_read_whole_has_a_bound(name: str, read: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / name
    path.touch()
    os.truncate(path, 2 << 30)
    with pytest.raises(MediaError, match="are the most for a file of its kind"):
        read(path)


@pytest.mark.parametrize(
    "text", ["../secret/x.cube", "/etc/passwd", "file:///etc/passwd", "luts/../../x.cube"]
)
def test_an_amf_names_no_file_outside_its_folder(text: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableMedia, match="names a file elsewhere"):
        Transform(file=text).location(str(tmp_path / "show" / "a.amf"))


def test_nor_one_that_a_link_leads_out_to(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "x.cube").write_text("LUT_3D_SIZE 2\n")
    folder = tmp_path / "show"
    folder.mkdir()
    (folder / "luts").symlink_to(tmp_path / "secret")
    with pytest.raises(UnreadableMedia, match="names a file elsewhere"):
        Transform(file="luts/x.cube").location(str(folder / "a.amf"))
    (folder / "own.cube").write_text("LUT_3D_SIZE 2\n")
    assert Transform(file="own.cube").location(str(folder / "a.amf")) == str(folder / "own.cube")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "..", "", "inner/file"])
def test_receipts_name_files_of_their_own_folder_alone(name: str, tmp_path: Path) -> None:
    """What receipts name is copied into the next version, and removed when it is stale."""
    path = tmp_path / "plate.json"
    entry = {"name": name, "made_from": "", "sha256": "", "bytes": 1, "version": "2"}
    path.write_text(json.dumps({"files": [entry]}))
    assert read_receipts(str(path), "files") == {}
    path.write_text(json.dumps({"files": [{**entry, "name": "a.exr"}]}))
    assert read_receipts(str(path), "files") == {"a.exr": Receipt("a.exr", "", "", 1, "2")}


def test_a_document_is_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert read_document(str(tmp_path / "a"), 3) == b"abc"
