"""Frames of VP8 and VP9 that are never shown are no frames of the clip."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import pytest
from av.bitstream import BitStreamFilterContext

from mediadask.clips import Clip
from tests.clips.test_exactness import assert_exact

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeClip

ALTREF = {"auto-alt-ref": "1", "lag-in-frames": "16", "b": "300k", "g": "20", "cpu-used": "8", "deadline": "good"}
FRAMES = 40


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
@pytest.mark.parametrize("name", ["a.webm", "a.mkv"])
def test_alternate_references_of_encoders(make_clip: MakeClip, codec: str, name: str) -> None:
    assert_exact(make_clip(name, codec=codec, options=ALTREF, frames=FRAMES, size=(320, 180)), range(FRAMES))


@pytest.mark.parametrize("name", ["a.webm", "a.mp4", "a.ivf"])
def test_hidden_frames_in_packets_of_their_own(make_clip: MakeClip, tmp_path: Path, name: str) -> None:
    """As some hardware writes VP9: no superframes."""
    source = make_clip("a.webm", codec="libvpx-vp9", options=ALTREF, frames=FRAMES, size=(320, 180))
    path = tmp_path / name
    with av.open(str(source)) as read, av.open(str(path), "w") as written:
        stream = read.streams.video[0]
        out: Any = written.add_stream_from_template(stream)
        out.time_base = Fraction(1, 1000)
        split = BitStreamFilterContext("vp9_superframe_split", stream)
        last = -1
        packets = 0
        for packet in (packet for packet in read.demux(stream) if packet.size):
            pts, key = packet.pts, packet.is_keyframe  # the filter takes them
            parts = [bytes(part) for part in split.filter(packet)]
            for number, body in enumerate(parts):
                piece: Any = av.Packet(body)
                time = round(pts * stream.time_base * 1000) - (len(parts) - 1 - number)
                last = max(time, last + 1)
                piece.stream, piece.time_base, piece.pts, piece.dts = out, Fraction(1, 1000), last, last
                piece.is_keyframe = key
                written.mux(piece)
                packets += 1
    assert packets > FRAMES, "the encoder hid no frame: the test shows nothing"
    clip = assert_exact(path, range(FRAMES))
    assert clip.index.hidden is not None
    again = Clip.open(path)  # from the cache
    assert again.index.hidden is not None
    assert (again.index.hidden == clip.index.hidden).all()
