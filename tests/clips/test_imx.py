"""IMX shows its active picture; the lines above it are there for who asks."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from mediadask import footage
from mediadask.clips import Clip
from mediadask.errors import InvalidRequest
from mediadask.metadata import inspect

if TYPE_CHECKING:
    from pathlib import Path

SYSTEMS = {608: (576, 25), 512: (486, Fraction(30000, 1001))}


def write(path: Path, coded: int) -> Path:
    """D-10 at 50 Mbit/s by FFmpeg: white and black lines above the picture."""
    height, rate = SYSTEMS[coded]
    options = {
        "g": "0", "intra_vlc": "1", "non_linear_quant": "1", "qmin": "1", "qmax": "12", "dc": "10", "ps": "1",
        "alternate_scan": "1", "flags": "+ildct+low_delay", "maxrate": "50M", "minrate": "50M",
        "bufsize": "2000000", "rc_init_occupancy": "2000000",
    }  # fmt: skip
    muxer = "mxf_d10" if path.suffix == ".mxf" and coded == 608 else None
    with av.open(str(path), "w", format=muxer) as container:
        stream: Any = container.add_stream("mpeg2video", rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 720, coded, "yuv422p", 50_000_000
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3) * coded / 720
        for number in range(2):
            picture = np.zeros((coded, 720, 3), np.uint8)
            picture[: coded - height : 2] = 255
            picture[coded - height :] = footage.picture(number, 720, height)
            frame = av.VideoFrame.from_ndarray(picture).reformat(format="yuv422p")
            frame.pts, frame.time_base = number, 1 / Fraction(rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("coded", SYSTEMS)
@pytest.mark.parametrize("name", ["a.mxf", "a.mov"])
def test_the_picture_and_all_lines(tmp_path: Path, coded: int, name: str) -> None:
    path = write(tmp_path / name, coded)
    height, _ = SYSTEMS[coded]
    active, every = Clip.open(path), Clip.open(f"{path}?lines=all")
    assert (active.header.height, every.header.height) == (height, coded)
    assert active.header.pixel_aspect == every.header.pixel_aspect == Fraction(4, 3) * height / 720
    assert active.header.color.matrix == every.header.color.matrix
    for number in (1, 0):
        (picture,), (lines,) = (clip.frames(number, number + 1) for clip in (active, every))
        assert footage.read_number(picture.planes[0]) == number
        for mine, whole in zip(picture.planes, lines.planes, strict=True):
            np.testing.assert_array_equal(mine, whole[coded - height :])
        assert lines.planes[0][0].mean() > 200
    found = inspect(path)
    assert (found.width, found.height) == (720, height)


def test_lines_are_all_or_active(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mov", 608)
    with pytest.raises(InvalidRequest, match=r"has no lines 'some'; add .lines=all"):
        Clip.open(f"{path}?lines=some")
