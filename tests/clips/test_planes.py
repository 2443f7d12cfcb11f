"""Planes hold the decoder's own samples, in one order, whatever the pixel format; and they stay."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from mediadask.clips import Clip
from mediadask.clips.planes import pixel_format, planes_of
from mediadask.errors import UnsupportedMedia

if TYPE_CHECKING:
    import numpy.typing as npt

    from tests.conftest import MakeClip

WIDTH, HEIGHT = 38, 18  # not a multiple of any alignment


def filled(name: str) -> av.VideoFrame:
    """A frame whose every byte is noise, limited to the format's bits."""
    frame = av.VideoFrame(WIDTH, HEIGHT, name)
    random = np.random.default_rng(3)
    bits = max(part.bits for part in frame.format.components)
    for plane in frame.planes:
        noise = random.integers(0, 256, plane.buffer_size, np.uint8)
        if bits > 8 and not name.startswith("p0"):
            order = ">u2" if name.endswith("be") else "<u2"
            noise = (noise.view(np.uint16) & ((1 << bits) - 1)).astype(order).view(np.uint8)
        elif bits > 8:  # P010 keeps its ten bits at the top
            noise = (noise.view(np.uint16) & 0xFFC0).view(np.uint8)
        plane.update(noise.tobytes())
    return frame


def rows(frame: av.VideoFrame, plane: int, dtype: str) -> npt.NDArray[Any]:
    data = frame.planes[plane]
    return np.frombuffer(data, np.uint8).reshape(data.height, data.line_size).view(dtype)


@pytest.mark.parametrize(
    "name",
    [
        "yuv420p", "yuv422p10le", "yuv444p12le", "yuva444p10le", "yuv411p", "yuv440p", "yuvj422p", "gray",
        "gray12le", "yuv420p16le",
    ],
)  # fmt: skip
def test_planar_formats_are_views(name: str) -> None:
    frame = filled(name)
    form, planes = pixel_format(name), planes_of(frame)
    assert [plane.shape for plane in planes] == list(form.plane_shapes(HEIGHT, WIDTH))
    for at, plane in enumerate(planes):
        assert plane.dtype == form.dtype
        assert not plane.flags.writeable
        assert not plane.flags.owndata
        np.testing.assert_array_equal(plane, rows(frame, at, form.dtype)[:, : plane.shape[1]])
    assert planes[0].__array_interface__["data"][0] == frame.planes[0].buffer_ptr


@pytest.mark.parametrize("name", ["gbrp", "gbrp10le", "gbrap12le", "gbrpf32le"])
def test_planar_rgb_comes_in_the_order_of_its_name(name: str) -> None:
    frame = av.VideoFrame(WIDTH, HEIGHT, name)
    form = pixel_format(name)
    for at, plane in enumerate(frame.planes):  # FFmpeg: green, blue, red, alpha
        plane.update(np.full(plane.buffer_size // np.dtype(form.dtype).itemsize, at, form.dtype).tobytes())
    assert [int(plane[0, 0]) for plane in planes_of(frame)] == [2, 0, 1, 3][: len(form.channels)]
    assert form.channels == ("R", "G", "B", "A")[: len(frame.planes)]


@pytest.mark.parametrize(
    ("name", "order"),
    [("rgb24", "012"), ("bgr24", "210"), ("rgba", "0123"), ("argb", "1230"), ("bgra", "2103")],
)
def test_packed_rgb_is_unpacked_exactly(name: str, order: str) -> None:
    frame = filled(name)
    pixels = rows(frame, 0, "u1")[:, : WIDTH * len(order)].reshape(HEIGHT, WIDTH, len(order))
    for at, plane in zip(order, planes_of(frame), strict=True):
        np.testing.assert_array_equal(plane, pixels[..., int(at)])


@pytest.mark.parametrize("name", ["rgb48be", "rgb48le", "rgba64be", "rgba64le"])
def test_packed_16_bit_rgb_is_unpacked_exactly(name: str) -> None:
    frame = filled(name)
    planes = planes_of(frame)
    pixels = rows(frame, 0, ">u2" if name.endswith("be") else "<u2")[:, : WIDTH * len(planes)]
    for at, plane in enumerate(planes):
        np.testing.assert_array_equal(plane, pixels.reshape(HEIGHT, WIDTH, -1)[..., at])


@pytest.mark.parametrize(("name", "luma"), [("uyvy422", 1), ("yuyv422", 0)])
def test_packed_ycbcr_is_unpacked_exactly(name: str, luma: int) -> None:
    frame = filled(name)
    pixels = rows(frame, 0, "u1")[:, : WIDTH * 2]
    y, cb, cr = planes_of(frame)
    np.testing.assert_array_equal(y, pixels[:, luma::2])
    np.testing.assert_array_equal(cb, pixels[:, 1 - luma :: 4])
    np.testing.assert_array_equal(cr, pixels[:, 3 - luma :: 4])


@pytest.mark.parametrize(("name", "dtype", "shift"), [("nv12", "u1", 0), ("p010le", "<u2", 6)])
def test_half_planar_is_unpacked_exactly(name: str, dtype: str, shift: int) -> None:
    for _ in range(100):  # swscale's threads damaged one such picture in ten
        frame = filled(name)
        y, cb, cr = planes_of(frame)
        np.testing.assert_array_equal(y, rows(frame, 0, dtype)[:, :WIDTH] >> shift)
        np.testing.assert_array_equal(cb, rows(frame, 1, dtype)[:, 0:WIDTH:2] >> shift)
        np.testing.assert_array_equal(cr, rows(frame, 1, dtype)[:, 1 : WIDTH + 1 : 2] >> shift)


@pytest.mark.parametrize("name", ["yuv422p10be", "yuv444p16be", "gray16be", "gbrp12be"])
def test_big_endian_is_swapped_exactly(name: str) -> None:
    frame = filled(name)
    form = pixel_format(name)
    assert form.name == name.replace("be", "le")
    parts = frame.format.components
    for part, plane in zip(parts, planes_of(frame), strict=True):
        np.testing.assert_array_equal(plane, rows(frame, part.plane, ">u2")[:, : plane.shape[1]])


def test_full_range_is_told_by_color_not_by_name() -> None:
    assert pixel_format("yuvj420p") == pixel_format("yuv420p")


@pytest.mark.parametrize(("name", "dtype"), [("ya8", "u1"), ("ya16le", "<u2"), ("ya16be", ">u2")])
def test_gray_with_alpha_is_two_planes(name: str, dtype: str) -> None:
    frame = filled(name)
    pixels = rows(frame, 0, dtype)[:, : 2 * WIDTH]
    assert pixel_format(name).channels == ("Y", "A")
    for at, plane in enumerate(planes_of(frame)):
        np.testing.assert_array_equal(plane, pixels[:, at::2])


def test_palettes_become_rgb() -> None:
    frame = av.VideoFrame(WIDTH, HEIGHT, "pal8")
    palette = np.random.default_rng(0).integers(0, 256, (256, 4), np.uint8)  # B, G, R, A in memory
    codes = np.random.default_rng(1).integers(0, 256, frame.planes[0].buffer_size, np.uint8)
    frame.planes[0].update(codes.tobytes())
    frame.planes[1].update(palette.tobytes())
    codes = codes.reshape(HEIGHT, -1)[:, :WIDTH]
    for plane, channel in zip(planes_of(frame), (2, 1, 0, 3), strict=True):
        np.testing.assert_array_equal(plane, palette[codes][..., channel])


def test_mosaics_are_one_plane() -> None:
    form = pixel_format("bayer_rggb16le")
    assert (form.model, form.dtype, form.bits) == ("bayer", "uint16", 16)


def test_a_format_without_planar_form_is_refused() -> None:
    with pytest.raises(UnsupportedMedia, match="xyz12le"):
        pixel_format("xyz12le")


def test_planes_outlive_everything_else(make_clip: MakeClip) -> None:
    path = make_clip("a.mp4", codec="libx264", frames=24, size=(320, 180))
    kept = [frame.planes for frame in Clip.open(path).frames()]
    copies = [[plane.copy() for plane in frame.planes] for frame in Clip.open(path).frames()]
    gc.collect()
    for mine, other in zip(kept, copies, strict=True):
        for plane, copy in zip(mine, other, strict=True):
            np.testing.assert_array_equal(plane, copy)
