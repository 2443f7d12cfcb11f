"""Y'CbCr becomes R'G'B' as ITU-R BT.601, 709 and 2020 define it, to a thousandth of a code, unclipped.

The reference below shares nothing with the package: double precision, whole-frame NumPy, written from the
standards' formulas and from the definition of linear interpolation at a siting.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mediadask.clips import Clip, ColorTags, Frame, PixelFormat
from mediadask.errors import InvalidRequest, UnsupportedMedia
from mediadask.footage import read_number
from mediadask.pixels import to_rgb

if TYPE_CHECKING:
    import numpy.typing as npt

    from tests.conftest import MakeClip

KR_KB = {"smpte170m": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020nc": (0.2627, 0.0593)}
SITED = {
    "left": (0, 0.5),
    "center": (0.5, 0.5),
    "topleft": (0, 0),
    "top": (0.5, 0),
    "bottomleft": (0, 1),
    "bottom": (0.5, 1),
}


def interpolated(
    plane: npt.NDArray[np.float64], length: int, step: int, siting: float
) -> npt.NDArray[np.float64]:
    """Along the first axis: chroma sample k sits at luma position ``step * k + siting * (step - 1)``."""
    at = np.arange(len(plane)) * step + siting * (step - 1)
    columns = plane.reshape(len(plane), -1).T
    return np.stack([np.interp(np.arange(length), at, column) for column in columns], 1)


def reference(frame: Frame) -> npt.NDArray[np.float64]:
    bits, (step_x, step_y) = frame.format.bits, frame.format.chroma
    luma, cb, cr = (plane.astype(np.float64) for plane in frame.planes[:3])
    x, y = SITED[frame.color.chroma_location or "left"]
    cb, cr = (interpolated(plane, frame.height, step_y, y) for plane in (cb, cr))
    cb, cr = (interpolated(plane.T, frame.width, step_x, x).T for plane in (cb, cr))
    if frame.color.range == "full":
        luma, cb, cr = (
            luma / (2**bits - 1),
            (cb - 2 ** (bits - 1)) / (2**bits - 1),
            (cr - 2 ** (bits - 1)) / (2**bits - 1),
        )
    else:
        luma = (luma / 2 ** (bits - 8) - 16) / 219
        cb, cr = ((plane / 2 ** (bits - 8) - 128) / 224 for plane in (cb, cr))
    kr, kb = KR_KB[frame.color.matrix or "bt709"]
    red, blue = luma + 2 * (1 - kr) * cr, luma + 2 * (1 - kb) * cb
    return np.stack([red, (luma - kr * red - kb * blue) / (1 - kr - kb), blue], -1)


def noise(
    bits: int = 10, chroma: tuple[int, int] = (2, 1), size: tuple[int, int] = (50, 34), **tags: Any
) -> Frame:
    """Every code there is, illegal ones too: nothing may be clipped."""
    form = PixelFormat("", "yuv", bits, "uint8" if bits == 8 else "uint16", chroma)
    random = np.random.default_rng(bits)
    width, height = size
    planes = tuple(
        random.integers(0, 2**bits, shape, form.dtype) for shape in form.plane_shapes(height, width)
    )
    return Frame(0, planes, form, ColorTags(**({"matrix": "bt709", "range": "limited"} | tags)))


@pytest.mark.parametrize("chroma", [(1, 1), (2, 1), (2, 2), (4, 1), (1, 2)], ids=str)
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("code_range", ["limited", "full"])
def test_floats_are_exact_and_unclipped(bits: int, chroma: tuple[int, int], code_range: str) -> None:
    frame = noise(bits, chroma, range=code_range)
    expected = reference(frame)
    picture = to_rgb(frame)
    assert picture.dtype == np.float32
    assert expected.min() < -0.1
    assert expected.max() > 1.1
    # A thousandth of a 10-bit code; at 16 bits single precision itself ends at a fiftieth of a code.
    assert np.abs(picture - expected).max() < 1e-6


@pytest.mark.parametrize("matrix", KR_KB)
def test_each_matrix(matrix: str) -> None:
    frame = noise(matrix=matrix)
    assert np.abs(to_rgb(frame) - reference(frame)).max() < 1e-6


@pytest.mark.parametrize("location", [None, *SITED])
@pytest.mark.parametrize("size", [(50, 34), (51, 35), (1, 1), (3, 2)], ids=str)
def test_chroma_siting_and_odd_sizes(location: str | None, size: tuple[int, int]) -> None:
    frame = noise(8, (2, 2), size, chroma_location=location)
    assert np.abs(to_rgb(frame) - reference(frame)).max() < 1e-6


def test_white_and_black_are_one_and_zero() -> None:
    for bits in (8, 10, 12):
        frame = noise(bits)
        for level, value in ((16, 0.0), (235, 1.0)):
            planes = [np.full_like(plane, 128 << bits - 8) for plane in frame.planes]
            planes[0][:] = level << bits - 8
            assert np.abs(to_rgb(replace(frame, planes=tuple(planes))) - value).max() < 1e-6


@pytest.mark.parametrize(("dtype", "peak"), [("uint8", 255), ("uint16", 65535)])
def test_integers_are_the_exact_picture_rounded_and_clipped(dtype: Any, peak: int) -> None:
    frame = noise(10)
    exact = np.clip(reference(frame), 0, 1) * peak
    picture = to_rgb(frame, dtype)
    assert picture.dtype == dtype
    assert np.abs(picture - exact).max() < 0.51


def test_half_floats_are_the_exact_picture_in_half_precision() -> None:
    frame = noise(10)
    assert np.array_equal(to_rgb(frame, "float16"), to_rgb(frame).astype(np.float16))


def test_every_half_float_rounds_as_numpy_rounds() -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)].astype(np.float32)
    between = (np.sort(halves)[1:] + np.sort(halves)[:-1]) / 2
    edges = np.array(
        [65519.99, 65520, 1e9, -1e9, np.inf, -np.inf, np.nan, 1e-9, -0.0, 2.0**-25, 3e-8], np.float32
    )
    values = np.concatenate(
        [halves, between, np.nextafter(between, np.float32(0)), np.nextafter(between, np.float32(9)), edges]
    )
    frame = Frame(0, (values[None],) * 3, PixelFormat("", "rgb", 32, "float32"), ColorTags())
    with np.errstate(over="ignore"):
        expected = values.astype(np.float16)
    assert np.array_equal(to_rgb(frame, "float16")[0, :, 0], expected, equal_nan=True)


@pytest.mark.parametrize("dtype", ["float32", "uint8", "float16"])
def test_some_rows_are_the_same_rows(dtype: Any) -> None:
    frame = noise(8, (2, 2), (50, 35))
    whole = to_rgb(frame, dtype)
    for rows in (slice(0, 1), slice(3, 8), slice(34, 35), slice(-4, None), slice(5, 5)):
        assert np.array_equal(to_rgb(frame, dtype, rows), whole[rows])


def test_rows_in_steps_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="steps of 2"):
        to_rgb(noise(), "float32", slice(None, None, 2))


def test_without_tags_it_is_limited_and_the_matrix_follows_the_height() -> None:
    for height, matrix in ((576, "smpte170m"), (577, "bt709")):
        silent = noise(8, (2, 2), (6, height), matrix=None, range=None)
        said = replace(silent, color=ColorTags(matrix, "limited"))
        assert np.array_equal(to_rgb(silent), to_rgb(said))


def test_a_matrix_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedMedia, match="ictcp"):
        to_rgb(noise(matrix="ictcp"))


def test_padded_rows_and_reversed_rows_read_the_same() -> None:
    frame = noise(10)
    padded = tuple(np.pad(plane, ((0, 0), (0, 7)), constant_values=999)[:, :-7] for plane in frame.planes)
    flipped = tuple(np.ascontiguousarray(plane[::-1])[::-1] for plane in frame.planes)
    for planes in (padded, flipped):
        assert np.array_equal(to_rgb(replace(frame, planes=planes)), to_rgb(frame))


def test_alpha_is_full_range_and_follows_the_colors() -> None:
    frame = noise(12, (1, 1))
    alpha = np.linspace(0, 4095, frame.planes[0].size).astype(np.uint16).reshape(frame.planes[0].shape)
    form = replace(frame.format, alpha=True)
    picture = to_rgb(Frame(0, (*frame.planes, alpha), form, frame.color))
    assert picture.shape[-1] == 4
    assert np.abs(picture[..., 3] - alpha / 4095).max() < 1e-6
    assert np.array_equal(picture[..., :3], to_rgb(frame))


def test_rgb_and_gray_are_only_scaled() -> None:
    codes = tuple(np.arange(1024, dtype=np.uint16).reshape(32, 32) + part for part in (0, 0, 0))
    rgb = Frame(0, codes, PixelFormat("gbrp10le", "rgb", 10, "uint16"), ColorTags())
    gray = Frame(0, codes[:1], PixelFormat("gray10le", "gray", 10, "uint16"), ColorTags())
    assert np.abs(to_rgb(rgb) - codes[0][..., None] / 1023).max() < 1e-6
    assert to_rgb(gray).shape == (32, 32, 1)
    video = replace(rgb, color=ColorTags(range="limited"))
    assert np.abs(to_rgb(video) - (codes[0][..., None].astype(float) - 64) / 876).max() < 1e-6


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_scene_values_stay_as_they_are(dtype: Any) -> None:
    plane = np.array([[-2.0, 0.0, 0.18, 60000.0]], dtype)
    frame = Frame(0, (plane,) * 3, PixelFormat("", "rgb", 16, dtype), ColorTags())
    assert np.array_equal(to_rgb(frame, dtype)[..., 0], plane)
    assert to_rgb(frame, "uint8")[..., 1].tolist() == [[0, 0, 46, 255]]


def test_the_picture_is_planar_memory_and_can_be_given() -> None:
    frame = noise(8)
    out = np.empty((3, frame.height, frame.width), np.uint8)
    picture = to_rgb(frame, "uint8", out=out)
    assert picture.base is out
    assert np.array_equal(out.transpose(1, 2, 0), to_rgb(frame, "uint8"))


@pytest.mark.parametrize(
    ("codec", "pixel_format"), [("prores_ks", "yuv422p10le"), ("ffv1", "yuv420p"), ("ffv1", "gbrp10le")]
)
def test_decoded_frames(make_clip: MakeClip, codec: str, pixel_format: str) -> None:
    path = make_clip(
        "a.mov" if codec != "ffv1" else "a.mkv",
        codec=codec,
        pixel_format=pixel_format,
        frames=4,
        size=(318, 178),
    )
    for number, frame in enumerate(Clip.open(path).frames()):
        assert read_number(to_rgb(frame)) == number
        if frame.format.model == "yuv":
            tagged = replace(frame, color=replace(frame.color, matrix="bt709", range="limited"))
            assert np.abs(to_rgb(tagged) - reference(tagged)).max() < 1e-6
