"""What only the first packet says is known to a decoder that begins elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import dask
import numpy as np
import pytest

import mediadask as md
from mediadask import footage
from mediadask.clips import Clip
from mediadask.clips.lead_in import lead_in
from tests.clips.test_exactness import assert_exact, assert_planes_equal, decoded_whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import MakeClip

INPUTS = Path(__file__).parent / "inputs"


def rewritten(source: Path, target: Path, change: Callable[[int, bytes], bytes], codec: str = "") -> Path:
    """A copy whose packets are changed, each by its number."""
    with av.open(str(source)) as read, av.open(str(target), "w") as written:
        stream = read.streams.video[0]
        out: Any = written.add_stream_from_template(stream)
        if codec:
            out.codec_context.codec_tag = codec
        packets = [packet for packet in read.demux(stream) if packet.size]
        for number, packet in enumerate(packets):
            new: Any = av.Packet(change(number, bytes(packet)))
            new.stream, new.time_base = out, packet.time_base
            new.pts, new.dts, new.duration = packet.pts, packet.dts, packet.duration
            new.is_keyframe = packet.is_keyframe
            written.mux(new)
    return target


def test_x264_before_core_151_in_444() -> None:
    """Its note of its version is in the first packet alone; FFmpeg decodes around that version's fault.

    Made by `ffmpeg -f lavfi -i testsrc2=s=320x180:r=24 -t 3 -pix_fmt yuv444p -c:v libx264 -g 24
    -keyint_min 24 -sc_threshold 0` of FFmpeg 3.1 with x264 core 148.
    """
    path = INPUTS / "x264_148_444.mp4"
    whole = decoded_whole(path)
    clip = Clip.open(path)
    assert len(clip) == len(whole) == 72
    for number in (71, 24, 25, 0, 48, 30):
        (frame,) = clip.frames(number, number + 1, threads=1)
        assert_planes_equal(frame.planes, whole[number])
    for frame in clip.frames(20, 60):
        assert_planes_equal(frame.planes, whole[frame.number])


def test_jpegs_whose_tables_are_in_the_first_alone(make_clip: MakeClip, tmp_path: Path) -> None:
    """The abbreviated format of ITU-T T.81, B.5."""
    source = make_clip("a.avi", codec="mjpeg", pixel_format="yuvj420p", frames=6, size=(320, 180))

    def without_tables(number: int, packet: bytes) -> bytes:
        kept, at = packet[:2], 2
        while packet[at + 1] != 0xDA:
            length = 2 + int.from_bytes(packet[at + 2 : at + 4], "big")
            if number == 0 or packet[at + 1] not in (0xDB, 0xC4):
                kept += packet[at : at + length]
            at += length
        return kept + packet[at:]

    path = rewritten(source, tmp_path / "a.avi", without_tables)
    assert_exact(path, range(6))


@pytest.mark.parametrize(("codec", "sets"), [("libx264", (7, 8)), ("libx265", (32, 33, 34))])
def test_parameter_sets_that_only_the_first_packet_has(
    make_clip: MakeClip, tmp_path: Path, codec: str, sets: tuple[int, ...]
) -> None:
    """An elementary stream whose sets are at its beginning alone."""
    options = (
        {"g": "6", "bf": "2"} if codec == "libx264" else {"x265-params": "keyint=6:open-gop=0:log-level=0"}
    )
    suffix = "h264" if codec == "libx264" else "hevc"
    source = make_clip(f"a.{suffix}", codec=codec, options=options, frames=20, size=(320, 180))
    units = re.split(rb"\0{2,3}\x01", source.read_bytes())[1:]
    kinds = [unit[0] & 31 if codec == "libx264" else unit[0] >> 1 & 63 for unit in units]
    first = max(kinds.index(kind) for kind in sets)
    kept = [unit for at, unit in enumerate(units) if at <= first or kinds[at] not in sets]
    assert len(kept) < len(units)
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"".join(b"\0\0\0\x01" + unit for unit in kept))
    assert_exact(path, range(20))


def test_user_data_of_mpeg_by_which_decoders_know_an_encoder(tmp_path: Path) -> None:
    """FFmpeg decodes MPEG-1 by TMPGEnc with another precision, and knows it from the first packet."""
    plain = footage.write_clip(
        tmp_path / "plain.mpg", codec="mpeg1video", rate=25, options={"g": "6", "bf": "0"}, frames=18,
        size=(320, 176), muxer="mpeg1video",
    )  # fmt: skip
    data = plain.read_bytes()
    group = data.index(b"\0\0\1\xb8")
    marked = tmp_path / "tmpgenc.m1v"
    marked.write_bytes(data[:group] + b"\0\0\1\xb2\0TMPGEXS\0" + data[group:])
    whole = decoded_whole(marked)
    assert any((one[0] != other[0]).any() for one, other in zip(whole, decoded_whole(plain), strict=True))
    clip = Clip.open(marked)
    assert len(clip) == 18
    for number in (17, 6, 12, 0, 7):
        (frame,) = clip.frames(number, number + 1, threads=1)
        assert_planes_equal(frame.planes, whole[number])


def test_nothing_is_kept_where_every_key_has_its_own(make_clip: MakeClip) -> None:
    clip = Clip.open(make_clip("a.mov", codec="prores_ks", pixel_format="yuv422p10le", frames=2))
    assert clip.header.lead_in == b""


@pytest.mark.parametrize("codec", ["h264", "hevc", "mpeg2video", "mpeg4", "mjpeg", "prores"])
def test_what_is_no_packet_of_the_codec_gives_nothing_or_a_part_of_it(codec: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, 4000, np.uint8).tobytes()
    for packet in (b"", b"\0", noise, b"\xff\xd8" + noise, b"\0\0\0\1" + noise):
        assert len(lead_in(codec, packet, b"")) <= 2 * len(packet) + 4


def test_a_trim_says_what_the_first_packet_did(tmp_path: Path) -> None:
    path = INPUTS / "x264_148_444.mp4"
    whole = decoded_whole(path)
    delivery = md.trim_ranges([md.Cut(str(path), 30, 40)], tmp_path)
    (report,) = dask.compute(delivery)
    (trimmed,) = (outcome.value for outcome in report.outcomes)
    found = decoded_whole(Path(trimmed.url))
    assert len(found) == trimmed.frames
    for number, planes in enumerate(found, trimmed.start):
        assert_planes_equal(planes, whole[number])
