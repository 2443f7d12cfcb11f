"""Palettes that a container gives beside its first packet, or changes on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from mediadask.clips import Clip

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Colors = npt.NDArray[np.uint8]


def _write(path: Path, codec: str, palettes: list[Colors]) -> list[Colors]:
    """A clip of a frame for each palette; the pictures, (height, width, 3), as they are meant."""
    codes = (np.mgrid[:48, :64].sum(0) % 256).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "pal8"
        for number, palette in enumerate(palettes):
            picture = av.VideoFrame(64, 48, "pal8")
            picture.planes[0].update(np.roll(codes, number, 1).tobytes())
            picture.planes[1].update(palette[:, [2, 1, 0, 3]].tobytes())
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return [palette[np.roll(codes, number, 1)] for number, palette in enumerate(palettes)]


def _palette(seed: int) -> Colors:
    colors = np.random.default_rng(seed).integers(0, 256, (256, 4)).astype(np.uint8)
    colors[:, 3] = 255
    return colors


@pytest.mark.parametrize(("name", "changes"), [("a.avi", False), ("a.avi", True), ("a.mov", False)])
def test_palettes_are_known_wherever_decoding_begins(tmp_path: Path, name: str, changes: bool) -> None:
    palettes = [_palette(number // 3 if changes else 0) for number in range(9)]
    wanted = _write(tmp_path / name, "rawvideo", palettes)
    clip = Clip.open(tmp_path / name)
    for number in (7, 0, 4):
        (frame,) = clip.frames(number, number + 1)
        assert np.array_equal(np.stack(frame.planes, -1), wanted[number])
    assert [frame.number for frame in clip.frames(2, 8)] == list(range(2, 8))
