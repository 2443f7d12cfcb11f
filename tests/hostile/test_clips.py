"""Clips that are damaged, or made to do harm: each gives the right picture or one clear line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from mediadask.clips import Clip
from mediadask.clips.storage import listing, stat
from mediadask.errors import UnreadableMedia, UnsupportedMedia
from tests.hostile.conftest import INPUTS
from tests.hostile.examine import clip, line_of

if TYPE_CHECKING:
    from tests.conftest import MakeClip

CLIPS = sorted(
    path.name
    for path in INPUTS.iterdir()
    if path.suffix in (".avi", ".dpx", ".exr", ".mkv", ".mov", ".mp4", ".mxf")
)


@pytest.mark.parametrize("name", CLIPS)
def test_every_clip_gives_pictures_or_a_line(name: str, hostile: Path) -> None:
    line = line_of(hostile / name, clip)
    assert not line or line.startswith(str(hostile))


@pytest.mark.parametrize(
    "name", ["hang_rate.exr", "name_not_utf8.exr", "rate_of_unknown_type.exr", "reel_of_unknown_type.exr"]
)
def test_an_odd_entry_of_a_header_costs_no_picture(name: str, hostile: Path) -> None:
    """The rate was 2147483647, and looking for its pairs of frames never ended."""
    opened = Clip.open(hostile / name)
    (frame,) = opened.frames()
    assert frame.planes[0].any()
    assert opened.header.frame_rate == 24


@pytest.mark.parametrize(("name", "size"), [("display_window.exr", "40001x40001")])
def test_a_picture_that_no_memory_holds_is_refused_by_its_header(name: str, size: str, hostile: Path) -> None:
    with pytest.raises(UnsupportedMedia, match=size):
        Clip.open(hostile / name)


def test_the_size_of_a_scan_is_none_of_a_dpx(hostile: Path) -> None:
    """It says that it was cut out of 2143289344x96 pixels, of which none need be held."""
    opened = Clip.open(hostile / "canvas.dpx")
    (frame,) = opened.frames()
    assert frame.planes[0].shape == (opened.header.height, opened.header.width)
    assert frame.planes[0].nbytes < 1 << 20


def test_frames_of_equal_times_all_come(hostile: Path) -> None:
    opened = Clip.open(hostile / "equal_times.mkv")
    for start in range(6):
        assert [frame.number for frame in opened.frames(start, 6)] == list(range(start, 6))


def test_a_damaged_picture_does_not_show_what_was_decoded_before(hostile: Path) -> None:
    """A slice ends early, which FFmpeg's HEVC decoder does not notice: the rest is what the buffer held."""
    opened = Clip.open(hostile / "stale_buffer.mp4")

    def second(start: int) -> bytes:
        *_, frame = (frame.planes[0].tobytes() for frame in opened.frames(start, 2, threads=1))
        return frame

    assert second(0) == second(1) == second(1)


@pytest.mark.parametrize("name", ["others.mov", "others2.mov"])
def test_a_list_of_other_files_is_no_clip(name: str, hostile: Path, make_clip: MakeClip) -> None:
    real = make_clip("real.mov", codec="prores_ks", pixel_format="yuv422p10le", frames=2)
    (hostile / "mine.mov").write_text(f"ffconcat version 1.0\nfile '{real}'\n")
    for path in (hostile / name, hostile / "mine.mov"):
        with pytest.raises(UnreadableMedia, match="is not media"):
            Clip.open(path)


def test_a_playlist_is_no_clip(hostile: Path, make_clip: MakeClip) -> None:
    real = make_clip("real.ts", codec="mpeg2video", frames=12)
    playlist = hostile / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{real}\n#EXT-X-ENDLIST\n")
    with pytest.raises(UnreadableMedia, match="is not media"):
        Clip.open(playlist)


def test_tables_cut_short_leave_the_clip_to_its_packets(tmp_path: Path, make_clip: MakeClip) -> None:
    """Each box of the tables, cut to its head: the packets tell the same, or a line says that they cannot."""
    whole = make_clip("tables.mp4", codec="libx264", frames=12).read_bytes()
    for kind in (b"mvhd", b"tkhd", b"mdhd", b"stts", b"ctts", b"stss", b"stsz", b"stsc", b"stco", b"elst"):
        at = whole.index(kind) - 4
        length = int.from_bytes(whole[at : at + 4], "big")
        cut = (12).to_bytes(4, "big") + kind + bytes(4)
        padding = (length - 12).to_bytes(4, "big") + b"free" + bytes(length - 20)
        path = tmp_path / f"{kind.decode()}.mp4"
        path.write_bytes(whole[:at] + cut + padding + whole[at + length :])
        line_of(path, clip)


def test_an_image_that_is_none_is_told_before_anything_parses_it(tmp_path: Path) -> None:
    """A copy under way is zeros: readers of other formats took a minute for a gigabyte of them."""
    for suffix in ("exr", "dpx", "tif", "png", "jpg"):
        path = tmp_path / f"zeros.{suffix}"
        path.write_bytes(b"")
        os.truncate(path, 1 << 40)
        with pytest.raises(UnreadableMedia, match=r"is no (EXR|DPX|TIFF|PNG|JPEG) image"):
            Clip.open(path)
    Image.new("RGB", (16, 16)).save(tmp_path / "photo.gif")
    (tmp_path / "photo.gif").rename(tmp_path / "photo.exr")
    with pytest.raises(UnreadableMedia, match="is no EXR image"):
        Clip.open(tmp_path / "photo.exr")
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "photo.jpg")
    (tmp_path / "photo.jpg").rename(tmp_path / "photo.png")
    with pytest.raises(UnreadableMedia, match=r"is a JPEG image by its content; name it \.jpeg"):
        Clip.open(tmp_path / "photo.png")


def test_links_that_lead_nowhere_do_not_hide_a_folder(tmp_path: Path) -> None:
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "gone.mov").symlink_to("nothing.mov")
    (tmp_path / "a.mov").write_bytes(b"a")
    os.mkfifo(tmp_path / "pipe.mov")
    assert [file.url for file in listing(str(tmp_path))[1]] == [str(tmp_path / "a.mov")]


def test_a_pipe_is_told_from_an_empty_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mov")
    with pytest.raises(UnreadableMedia, match="is a pipe or a device"):
        stat(str(tmp_path / "pipe.mov"))
