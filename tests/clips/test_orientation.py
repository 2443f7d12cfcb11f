"""How a movie's picture is to be turned and mirrored, in every place that says it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from PIL import Image

import mediadask as md
from mediadask.clips import Clip
from mediadask.clips.orientation import Orientation, of_matrix
from mediadask.metadata import inspect
from tests.delivering import deliver

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeClip

# (a, b, c, d): x' = a x + c y, y' = b x + d y, y downwards.
MATRICES = {
    (1, 0, 0, 1): Orientation(0, False),
    (0, 1, -1, 0): Orientation(90, False),
    (-1, 0, 0, -1): Orientation(180, False),
    (0, -1, 1, 0): Orientation(270, False),
    (-1, 0, 0, 1): Orientation(0, True),
    (0, -1, -1, 0): Orientation(90, True),
    (1, 0, 0, -1): Orientation(180, True),
    (0, 1, 1, 0): Orientation(270, True),
}
IDENTITY = (1, 0, 0, 1)


def stored(matrix: tuple[float, ...]) -> bytes:
    a, b, c, d = (round(value * 65536) for value in matrix)
    return struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)


def turned(source: Path, target: Path, *, track: tuple[float, ...] = IDENTITY, movie: Any = IDENTITY) -> Path:
    """A copy with these matrices in its track's and its movie's headers (ISO/IEC 14496-12, 8.2.2, 8.3.2)."""
    data = bytearray(source.read_bytes())
    for name, offset, matrix in ((b"mvhd", 40, movie), (b"tkhd", 44, track)):
        at = data.index(name) + offset
        assert data[at : at + 36] == stored(IDENTITY)
        data[at : at + 36] = stored(matrix)
    target.write_bytes(data)
    return target


@pytest.fixture(scope="module")
def plain(make_clip: MakeClip) -> Path:
    return make_clip("a.mov", codec="mjpeg", pixel_format="yuvj420p", frames=2, size=(96, 64))


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("scale", [1, 2, 0.5])
def test_every_display_matrix_of_a_mov(plain: Path, tmp_path: Path, matrix: Any, scale: float) -> None:
    path = turned(plain, tmp_path / "a.mov", track=tuple(scale * value for value in matrix))
    header = Clip.open(path).header
    assert Orientation(header.rotation, header.mirrored) == MATRICES[matrix]
    found = inspect(path)
    assert (found.rotation, found.mirrored) == MATRICES[matrix]


@pytest.mark.parametrize("matrix", MATRICES)
def test_stills_and_proxies_are_upright(plain: Path, tmp_path: Path, matrix: tuple[int, ...]) -> None:
    """Each stored pixel is where the matrix takes it."""
    path = turned(plain, tmp_path / "a.mov", track=matrix)
    deliver(md.still(plain, 0, tmp_path / "plain.png"))
    deliver(md.still(path, 0, tmp_path / "still.png"))
    deliver(md.proxy(path, tmp_path / "out", options={"crf": 1}))
    picture = np.asarray(Image.open(tmp_path / "plain.png"), int)
    rows, columns = picture.shape[:2]
    a, b, c, d = matrix
    y, x = np.mgrid[0:rows, 0:columns]
    to_x, to_y = a * x + c * y, b * x + d * y
    expected = np.empty((*((rows, columns) if a else (columns, rows)), 3), int)
    expected[to_y - to_y.min(), to_x - to_x.min()] = picture
    still = np.asarray(Image.open(tmp_path / "still.png"), int)
    assert still.shape == expected.shape
    assert np.abs(still - expected).mean() < 1
    with av.open(str(next((tmp_path / "out").glob("*.mp4")))) as made:
        proxy = next(made.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    assert proxy.shape == expected.shape
    assert np.abs(proxy - expected).mean() < 8


def test_a_movie_may_be_turned_as_a_whole(plain: Path, tmp_path: Path) -> None:
    header = Clip.open(turned(plain, tmp_path / "a.mov", movie=(0, 1, -1, 0))).header
    assert (header.rotation, header.mirrored) == (90, False)
    both = turned(plain, tmp_path / "b.mov", track=(0, 1, -1, 0), movie=(-1, 0, 0, 1))
    header = Clip.open(both).header
    # First turned, then mirrored: as mirrored first and turned the other way.
    assert (header.rotation, header.mirrored) == (270, True)


def test_fragments_are_turned_too(make_clip: MakeClip, tmp_path: Path) -> None:
    flags = {"movflags": "frag_keyframe+empty_moov"}
    source = make_clip(
        "a.mp4", codec="libx264", frames=4, size=(96, 64), muxer_options=flags, options={"g": "2"}
    )
    header = Clip.open(turned(source, tmp_path / "a.mp4", track=(0, -1, -1, 0))).header
    assert (header.rotation, header.mirrored) == (90, True)


def test_matroska_is_turned_by_its_projection(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("mjpeg", rate=24)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p"
        stream.set_display_rotation(90)
        frame = av.VideoFrame(96, 64, "yuvj420p")
        frame.pts = 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    with av.open(str(path)) as container:
        rotation = next(container.decode(video=0)).rotation  # counterclockwise, as PyAV counts
    header = Clip.open(path).header
    assert rotation
    assert (header.rotation, header.mirrored) == (-rotation % 360, False)


@pytest.mark.parametrize("matrix", [(0, 0, 0, 0, 0), (0.7, 0.7, 0, -0.7, 0.7)])
def test_a_matrix_that_pixels_cannot_follow_leaves_them(matrix: tuple[float, ...]) -> None:
    assert of_matrix(matrix) == Orientation(0, False)
