"""Frames of VP8 and VP9 that are never shown are no frames of the clip."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import dask
import pytest

import mediadask as md
from mediadask.clips import Clip
from mediadask.clips.vpx import is_hidden
from tests.clips.test_exactness import assert_exact, number_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.conftest import MakeClip

FRAMES, GOP = 40, 10
SHOW_FIRST = b"\x88"  # a VP9 frame that shows what is in reference 0 (show_existing_frame)
NAMES = ["a.webm", "a.mp4", "a.mkv"]


def packets_of(make_clip: MakeClip, codec: str) -> list[tuple[bytes, bool]]:
    options = {"g": str(GOP), "cpu-used": "8", "deadline": "realtime"}
    path = make_clip("a.webm", codec=codec, options=options, frames=FRAMES, size=(320, 180))
    with av.open(str(path)) as read:
        return [(bytes(packet), packet.is_keyframe) for packet in read.demux(video=0) if packet.size]


def write(path: Path, codec: str, packets: Iterable[tuple[bytes, bool]]) -> Path:
    """A file of these very packets: FFmpeg would join those of VP9."""
    with av.open(str(path), "w", options={"fflags": "-autobsf"}) as written:
        stream: Any = written.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.time_base = Fraction(1, 1000)
        for number, (body, key) in enumerate(packets):
            packet: Any = av.Packet(body)
            packet.stream, packet.time_base = stream, Fraction(1, 1000)
            packet.pts = packet.dts = number * 40
            packet.duration, packet.is_keyframe = 40, key
            written.mux(packet)
    return path


def hidden_key(body: bytes) -> bytes:
    """A VP9 keyframe that is not shown: the bit after its type."""
    assert body[0] == 0x82
    return b"\x80" + body[1:]


@pytest.mark.parametrize("name", NAMES)
def test_hidden_frames_in_packets_of_their_own(make_clip: MakeClip, tmp_path: Path, name: str) -> None:
    """As androidx/media's roadtrip-vp92-10bit.webm has them: hidden, and shown by a later packet."""

    def packets() -> Iterator[tuple[bytes, bool]]:
        for body, key in packets_of(make_clip, "libvpx-vp9"):
            yield (hidden_key(body), True) if key else (body, False)
            if key:
                yield SHOW_FIRST, False

    clip = assert_exact(write(tmp_path / name, "libvpx-vp9", packets()), range(FRAMES))
    assert clip.index.hidden is not None
    assert int(clip.index.hidden.sum()) == FRAMES // GOP
    again = Clip.open(clip.url)  # from the cache
    assert again.index.hidden is not None
    assert (again.index.hidden == clip.index.hidden).all()


def test_a_trim_counts_the_frames_that_are_shown(make_clip: MakeClip, tmp_path: Path) -> None:
    def packets() -> Iterator[tuple[bytes, bool]]:
        for body, key in packets_of(make_clip, "libvpx-vp9"):
            yield (hidden_key(body), True) if key else (body, False)
            if key:
                yield SHOW_FIRST, False

    path = write(tmp_path / "a.webm", "libvpx-vp9", packets())
    (report,) = dask.compute(md.trim_ranges([md.Cut(str(path), 13, 18)], tmp_path / "out"))
    (trimmed,) = (outcome.value for outcome in report.outcomes)
    clip = Clip.open(trimmed.url)
    assert len(clip) == trimmed.frames
    numbers = [number_of(frame.planes) for frame in clip.frames()]
    assert numbers == list(range(trimmed.start, trimmed.start + trimmed.frames))
    assert trimmed.start <= 13
    assert trimmed.start + trimmed.frames >= 18


def test_frames_that_nothing_shows(make_clip: MakeClip, tmp_path: Path) -> None:
    packets = packets_of(make_clip, "libvpx-vp9")
    changed = [(hidden_key(body), True) if key else (body, False) for body, key in packets]
    path = write(tmp_path / "a.webm", "libvpx-vp9", changed)
    assert_exact(path, [number for number in range(FRAMES) if number % GOP])


def test_superframes_are_one_picture(make_clip: MakeClip, tmp_path: Path) -> None:
    def packets() -> Iterator[tuple[bytes, bool]]:
        for body, key in packets_of(make_clip, "libvpx-vp9"):
            sizes = len(body).to_bytes(4, "little") + (1).to_bytes(4, "little")
            marker = bytes([0xC0 | 3 << 3 | 1])
            yield (hidden_key(body) + SHOW_FIRST + marker + sizes + marker, True) if key else (body, False)

    clip = assert_exact(write(tmp_path / "a.webm", "libvpx-vp9", packets()), range(FRAMES))
    assert clip.index.hidden is None


@pytest.mark.parametrize("name", ["a.webm", "a.mkv", "a.ivf", "a.avi"])
def test_alternate_references_of_vp8(make_clip: MakeClip, tmp_path: Path, name: str) -> None:
    """Every fifth frame is refered to, and not shown: bit 4 of its tag (RFC 6386, 9.1)."""
    packets = packets_of(make_clip, "libvpx")
    changed = [
        (bytes([body[0] & ~0x10]) + body[1:], key) if number % 5 == 2 else (body, key)
        for number, (body, key) in enumerate(packets)
    ]
    path = write(tmp_path / name, "libvpx", changed)
    assert_exact(path, [number for number in range(FRAMES) if number % 5 != 2])


@pytest.mark.parametrize("codec", ["vp8", "vp9"])
def test_nothing_is_read_beyond_a_packet(codec: str) -> None:
    for packet in (b"", b"\0", b"\xc0", b"\xdf", b"\xdf" * 9, b"\xb0"):
        assert is_hidden(codec, packet) in (True, False)
