"""Transport streams: packets in pieces are cut out of the file as they are, wherever decoding begins."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mediadask.clips import Clip
from mediadask.clips.packets import demuxed, ranged
from mediadask.footage import read_number
from tests.clips import field_pictures
from tests.clips.test_exactness import CODECS, assert_exact, assert_planes_equal, remux
from tests.clips.test_reading import RangeHandler, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import MakeClip

FRAMES = 30
STEP, VIDEO = 188, 0x100
KINDS = {
    "H.264": CODECS["h264-open.ts"] | {"sound": "mp2"},
    "HEVC": CODECS["hevc-open.ts"] | {"sound": "ac3"},
    "MPEG-2": CODECS["mpeg2.ts"] | {"sound": "mp2"},
}


def as_it_is(data: bytes) -> bytes:
    return data


def with_times(data: bytes) -> bytes:
    """As Blu-ray and AVCHD have it: 4 bytes before each transport packet."""
    return b"".join(at.to_bytes(4, "big") + data[at : at + STEP] for at in range(0, len(data), STEP))


def with_parity(data: bytes) -> bytes:
    """As DVB modulators have it: 16 bytes after each."""
    return b"".join(data[at : at + STEP] + bytes(16) for at in range(0, len(data), STEP))


def behind_junk(data: bytes) -> bytes:
    return bytes(1001) + data


def with_stuffing(data: bytes) -> bytes:
    """Null packets, as a constant rate has them, and the reserved form without data."""
    null, empty = b"\x47\x1f\xff\x10" + b"\xff" * 184, b"\x47\x01\x00\x00" + b"\xff" * 184
    return b"".join(data[at : at + STEP] + (null, empty)[at % 3 > 1] for at in range(0, len(data), STEP))


def in_long_pes(data: bytes) -> bytes:
    """Several pictures in a PES packet, unstuffed: they begin within transport packets."""
    out, video, starts = bytearray(), bytearray(), 0
    for at in range(0, len(data), STEP):
        packet = data[at : at + STEP]
        if int.from_bytes(packet[1:3], "big") & 0x1FFF != VIDEO:
            out += packet
            continue
        begin = 4 + (1 + packet[4] if packet[3] & 0x20 else 0)
        if packet[1] & 0x40:
            starts += 1
            if starts % 3 == 1:
                out += in_packets(video)
                video = bytearray()
            else:
                begin += 9 + packet[begin + 8]
        video += packet[begin:]
    return bytes(out) + in_packets(video)


def in_packets(pes: bytes) -> bytes:
    out = bytearray()
    for number, at in enumerate(range(0, len(pes), STEP - 4)):
        part = pes[at : at + STEP - 4]
        head = bytes([0x47, 0x40 * (at == 0) | VIDEO >> 8, VIDEO & 255])
        lacks = STEP - 4 - len(part)
        if lacks:
            stuffing = bytes([lacks - 1]) + (b"\0" + b"\xff" * (lacks - 2) if lacks > 1 else b"")
            out += head + bytes([0x30 | number % 16]) + stuffing + part
        else:
            out += head + bytes([0x10 | number % 16]) + part
    return bytes(out)


FORMS = (as_it_is, with_times, with_parity, behind_junk, with_stuffing, in_long_pes)


def sample(kind: str, make_clip: MakeClip) -> bytes:
    return make_clip("a.ts", **KINDS[kind] | {"frames": FRAMES}).read_bytes()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    with serving(RangeHandler, tmp_path) as root:
        yield root


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_is_exact_wherever_decoding_begins(
    kind: str, form: Callable[[bytes], bytes], make_clip: MakeClip, tmp_path: Path, web: str
) -> None:
    path = tmp_path / "a.ts"
    path.write_bytes(form(sample(kind, make_clip)))
    clip = assert_exact(path, range(FRAMES))
    assert clip.index.by_ranges
    assert clip.header.audio
    if form is in_long_pes:
        assert clip.index.before is not None
        assert clip.index.before.any(), "packets that begin within a transport packet"
    there = Clip.open(f"{web}/a.ts")
    for number in range(0, FRAMES, 3):
        (far,), (near,) = there.frames(number, number + 1), clip.frames(number, number + 1)
        assert_planes_equal(far.planes, near.planes)


def test_fields_in_packets_of_their_own_are_one_range(tmp_path: Path) -> None:
    path = field_pictures.write(tmp_path / "a.ts", 19, as_fields=lambda number: number % 3 > 0, packets=2)
    clip = Clip.open(path)
    assert len(clip) == 19
    assert clip.index.by_ranges


@pytest.mark.parametrize("kind", KINDS)
def test_times_that_begin_again_at_zero(kind: str, make_clip: MakeClip, tmp_path: Path) -> None:
    """A clock of 33 bits does so once a day."""
    source = make_clip("a.ts", **KINDS[kind] | {"frames": FRAMES})
    first = int(Clip.open(source).index.frame_pts[0])
    path = remux(source, tmp_path / "late.ts", shift=(1 << 33) - first - 45_000)
    assert assert_exact(path, range(FRAMES)).index.by_ranges


@pytest.mark.parametrize("kind", KINDS)
def test_times_that_jump(kind: str, make_clip: MakeClip, tmp_path: Path) -> None:
    """Two recordings one after the other: counters and times go on elsewhere."""
    source = make_clip("a.ts", **KINDS[kind] | {"frames": FRAMES})
    late = remux(source, tmp_path / "late.ts", shift=90_000 * 20)
    path = tmp_path / "both.ts"
    path.write_bytes(source.read_bytes() + late.read_bytes())
    clip = Clip.open(path)
    assert clip.index.by_ranges
    for number in range(FRAMES, 2 * FRAMES):
        (frame,) = clip.frames(number, number + 1, threads=1)
        assert read_number(frame.planes[0]) == number - FRAMES


@pytest.mark.parametrize("harm", ["lost", "noise", "flagged", "no sync", "cut", "begun late"])
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_packets_are_those_that_ffmpeg_reads(
    kind: str, harm: str, make_clip: MakeClip, tmp_path: Path
) -> None:
    data = bytearray(sample(kind, make_clip))
    middle = len(data) // STEP // 2 * STEP
    while data[middle + 1 : middle + 3] != b"\x01\x00":
        middle += STEP
    if harm == "lost":
        del data[middle : middle + STEP]
    elif harm == "noise":
        data[middle + 20 : middle + 84] = np.random.default_rng(1).bytes(64)
    elif harm == "flagged":
        data[middle + 1] |= 0x80
    elif harm == "no sync":
        data[middle] = 0
    elif harm == "cut":
        del data[middle + 100 :]
    else:
        del data[: middle + 100]
    path = tmp_path / "a.ts"
    path.write_bytes(data)
    clip = Clip.open(path)
    last = len(clip.index.pts) - 1
    begin = int(clip.index.decode_start[0])
    for first, stop in ((begin, last), (last // 2, last), (last, last), (last // 3, last // 2)):
        theirs = [(row, bytes(packet)) for row, packet in demuxed(clip, first, stop)]
        assert theirs[0][0] == first
        if clip.index.by_ranges:
            assert [(row, bytes(packet)) for row, packet in ranged(clip, first, stop)] == theirs
    assert clip.index.by_ranges or harm == "no sync"


def test_a_decoder_that_is_left_early_ends(make_clip: MakeClip, tmp_path: Path) -> None:
    """Its threads need nothing of Python while they are waited for. It hung within some dozen times."""
    data = sample("H.264", make_clip)
    middle = len(data) // STEP // 2 * STEP
    (tmp_path / "a.ts").write_bytes(data[:middle] + data[middle + 3 * STEP :])
    code = """if True:
        import sys
        from mediadask.clips import Clip
        clip = Clip.open(sys.argv[1])
        for _ in range(60):
            assert len(list(clip.frames(on_corrupt="black", threads=3))) == len(clip)
    """
    subprocess.run([sys.executable, "-c", code, tmp_path / "a.ts"], check=True, timeout=240)
