"""Pictures become encoder frames that say what they are and turn back into the same picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mediadask.clips import ColorTags, Frame
from mediadask.clips.planes import pixel_format, planes_of
from mediadask.errors import InvalidRequest
from mediadask.pixels import strips_to_video_frame, to_rgb, to_video_frame


def frame_of(native: Any, matrix: str, code_range: Any) -> Frame:
    return Frame(0, planes_of(native), pixel_format(native.format.name), ColorTags(matrix, code_range))


def gradient(height: int = 36, width: int = 50) -> np.ndarray[Any, np.dtype[np.float32]]:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x / width, y / height, (x + y) / (width + height)], -1).astype(np.float32)


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m", "bt2020nc"])
@pytest.mark.parametrize("code_range", ["limited", "full"])
@pytest.mark.parametrize("name", ["yuv444p", "yuv444p10le", "yuv444p12le", "yuv444p16le"])
def test_full_chroma_turns_back_within_rounding(matrix: str, code_range: Any, name: str) -> None:
    picture = np.random.default_rng(0).random((33, 47, 3), np.float32)
    native = to_video_frame(picture, name, matrix, code_range)
    codes = 2.0 ** pixel_format(name).bits * 219 / 256
    assert np.abs(to_rgb(frame_of(native, matrix, code_range)) - picture).max() < 1.6 / codes


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p", "yuv422p10le", "yuv420p10le"])
@pytest.mark.parametrize("size", [(36, 50), (35, 49), (1, 1)], ids=str)
def test_less_chroma_keeps_smooth_pictures_and_their_place(name: str, size: tuple[int, int]) -> None:
    # A gradient survives averaging and interpolation if, and only if, both agree where chroma sits.
    picture = gradient(*size)
    back = to_rgb(frame_of(to_video_frame(picture, name), "bt709", "limited"))
    inside = (slice(2, -2), slice(2, -2)) if min(size) > 4 else (slice(None),)
    assert np.abs(back - picture)[inside].max() < 2 / 2.0 ** pixel_format(name).bits


def test_reference_levels() -> None:
    """White, black and the primaries in BT.709, 8-bit codes from SMPTE RP 219's table rounding."""
    colors = np.array([[1, 1, 1], [0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    native = to_video_frame(colors[None], "yuv444p")
    codes = [plane[0].tolist() for plane in planes_of(native)]
    assert codes[0] == [235, 16, 63, 173, 32]
    assert codes[1] == [128, 128, 102, 42, 240]
    assert codes[2] == [128, 128, 240, 26, 118]


@pytest.mark.parametrize("packed", [False, True])
def test_a_dithered_sky_has_no_bands(packed: bool) -> None:
    shades = np.linspace(0.3, 0.31, 40, dtype=np.float32)  # two codes of luma
    picture = np.broadcast_to(np.repeat(shades, 16)[None, :, None], (64, 640, 3))
    given = np.ascontiguousarray(np.dstack([picture, picture[..., :1]]) if packed else picture)
    luma, *chroma = planes_of(to_video_frame(given, "yuv420p", dither=True))
    seen = luma.reshape(8, 8, 40, 16).mean((1, 3))
    assert np.abs(seen - (16 + 219 * shades)).max() < 0.02
    assert all((plane == 128).all() for plane in chroma), "what is a code stays that code"


def test_strips_are_dithered_as_the_whole_picture_is() -> None:
    picture = np.random.default_rng(0).random((36, 50, 3), np.float32)
    whole = to_video_frame(picture, "yuv420p", dither=True)
    parts = (picture[top : top + 6] for top in range(0, 36, 6))
    strips = strips_to_video_frame(parts, (50, 36), "yuv420p", dither=True)
    for one, other in zip(planes_of(whole), planes_of(strips), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["yuv444p", "yuv444p10le"])
def test_codes_are_the_nearest_where_no_dither_is_asked_for_or_there_are_more_bits(name: str) -> None:
    bits = pixel_format(name).bits
    luma = planes_of(to_video_frame(gradient(), name, dither=bits > 8))[0]
    exact = (16 + 219 * gradient() @ [0.2126, 0.7152, 0.0722]) * 2 ** (bits - 8)
    assert np.abs(luma - exact).max() < 0.501


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16"])
def test_every_sample_type_is_taken(dtype: Any) -> None:
    picture = gradient()
    peak = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    whole = np.round(picture * peak) if peak != 1 else picture
    given = planes_of(to_video_frame(whole.astype(dtype), "yuv422p10le"))
    exact = planes_of(to_video_frame(whole.astype(dtype).astype(np.float32) / peak, "yuv422p10le"))
    for one, other in zip(given, exact, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "yuv444p"])
def test_packed_pictures_give_the_codes_that_planar_ones_give(name: str) -> None:
    picture = np.random.default_rng(0).random((35, 49, 3), np.float32)
    packed = np.dstack([picture, np.zeros((35, 49, 1), np.float32)])
    given, planar = (planes_of(to_video_frame(one, name)) for one in (packed, picture))
    for one, other in zip(given, planar, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1


def test_outside_the_codes_is_clipped() -> None:
    picture = np.array([[[9, 9, 9], [-9, -9, -9]]], np.float32)
    assert planes_of(to_video_frame(picture, "yuv444p10le"))[0].tolist() == [[1023, 0]]


def test_alpha_goes_along_and_is_opaque_where_there_is_none() -> None:
    picture = gradient()
    given = np.concatenate([picture, picture[..., :1]], -1)
    alpha = planes_of(to_video_frame(given, "yuva444p12le"))[3]
    assert np.abs(alpha / 4095 - picture[..., 0]).max() < 1 / 4000
    assert (planes_of(to_video_frame(picture, "yuva444p12le"))[3] == 4095).all()


def test_the_frame_is_tagged() -> None:
    native = to_video_frame(gradient(), "yuv420p", "smpte170m", "full")
    assert (native.colorspace, native.color_range) == (6, 2)


@pytest.mark.parametrize("name", ["rgb24", "nv12", "gbrp", "yuv410p", "yuv420p10be", "gray"])
def test_other_pixel_formats_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match=name):
        to_video_frame(gradient(), name)


def test_an_unknown_matrix_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="bt709"):
        to_video_frame(gradient(), "yuv420p", "ictcp")
