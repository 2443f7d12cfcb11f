"""Packets made of bytes belong to FFmpeg: its threads let go of them while a decoder ends."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import mediadask
from mediadask.clips.packet import packet_of

if TYPE_CHECKING:
    from tests.conftest import MakeClip

DECODERS_THAT_END = """
    import sys
    import av
    from mediadask.clips.packet import packet_of

    with av.open(sys.argv[1]) as container:
        stream = container.streams.video[0]
        extradata = stream.codec_context.extradata
        packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
    for number in range(200):
        decoder = av.CodecContext.create("h264", "r")
        decoder.extradata, decoder.thread_count, decoder.thread_type = extradata, 4, "FRAME"
        for packet in packets[: 3 + number % 9]:
            decoder.decode(packet_of(packet))
        del decoder
"""


def test_a_decoder_may_end_while_its_threads_have_packets(make_clip: MakeClip) -> None:
    """They waited for Python's lock, and whoever ended the decoder, with the lock, for them: for ever."""
    clip = make_clip("a.mp4", codec="libx264", frames=24, size=(640, 360), options={"g": "12", "bf": "2"})
    code = textwrap.dedent(DECODERS_THAT_END)
    subprocess.run([sys.executable, "-c", code, clip], check=True, timeout=120)


def test_a_packet_has_its_bytes() -> None:
    assert bytes(packet_of(b"abc")) == b"abc"
    assert packet_of(b"").size == 0


def test_packets_are_made_of_bytes_in_one_place() -> None:
    """A packet of a given size is made where its bytes are read, too."""
    package = Path(mediadask.__file__).parent
    found = [path.name for path in package.rglob("*.py") if "av.Packet(" in path.read_text()]
    assert sorted(found) == ["packet.py", "packets.py"]
    assert "av.Packet(size)" in (package / "clips" / "packets.py").read_text()
