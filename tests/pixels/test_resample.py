"""Pictures at another size, exactly: nothing moves, flat stays flat, filters are what they are called."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import OpenImageIO as oiio
import pytest
from PIL import Image

from mediadask.errors import InvalidRequest
from mediadask.pixels import Filter, resize
from mediadask.pixels.resample import Rectangle, place, place_rows

if TYPE_CHECKING:
    import numpy.typing as npt

FILTERS = get_args(Filter)
PILLOW = {
    "box": Image.Resampling.BOX,
    "triangle": Image.Resampling.BILINEAR,
    "lanczos3": Image.Resampling.LANCZOS,
}


def noise(height: int, width: int, channels: int = 3) -> npt.NDArray[np.float32]:
    """Scene light: some of it far above 1, some below 0."""
    values = np.random.default_rng(1).normal(0.5, 1, (channels, height, width)).astype(np.float32)
    return values.transpose(1, 2, 0)


@pytest.mark.parametrize("filter", PILLOW)
@pytest.mark.parametrize("size", [(40, 30), (33, 17), (160, 120), (80, 200)], ids=str)
def test_resize_is_what_pillow_makes_of_floats(filter: Any, size: tuple[int, int]) -> None:
    picture = noise(60, 80)
    ours = resize(picture, *size, filter)
    inside = (slice(10, -10), slice(10, -10)) if size[1] > 40 else (slice(4, -4), slice(4, -4))
    for channel in range(3):
        theirs = np.asarray(Image.fromarray(picture[..., channel]).resize(size, PILLOW[filter]))
        # Pillow drops taps beyond an edge where the edge repeats here, so edges are left out.
        assert np.abs(ours[..., channel] - theirs)[inside].max() < 1e-5


@pytest.mark.parametrize(
    ("filter", "theirs"),
    [
        ("triangle", "triangle"),
        ("cubic", "catmull-rom"),
        ("mitchell", "mitchell"),
        ("lanczos3", "lanczos3"),
        ("blackman-harris", "blackman-harris"),
    ],
)
@pytest.mark.parametrize("size", [(64, 36), (50, 40), (200, 90)], ids=str)
def test_resize_is_what_openimageio_makes_of_it(filter: Any, theirs: str, size: tuple[int, int]) -> None:
    picture = np.ascontiguousarray(noise(72, 128))
    source = oiio.ImageBuf(picture)
    result = oiio.ImageBufAlgo.resize(
        source, filtername=theirs, roi=oiio.ROI(0, size[0], 0, size[1], 0, 1, 0, 3)
    )
    difference = np.abs(resize(picture, *size, filter) - result.get_pixels(oiio.FLOAT))
    # OpenImageIO looks filters up in its own tables and leaves out taps beyond edges.
    assert difference[8:-8, 8:-8].max() < 2e-3
    assert difference[8:-8, 8:-8].mean() < 2e-4


def reference(
    picture: npt.NDArray[Any],
    source: Rectangle,
    target: Rectangle,
    size: tuple[int, int],
    filter: str,
) -> npt.NDArray[np.float64]:
    """The definition, sample by sample, in doubles."""

    def bicubic(x: float, b: float, c: float) -> float:
        if x < 1:
            return ((12 - 9 * b - 6 * c) * x**3 + (12 * b + 6 * c - 18) * x**2 + 6 - 2 * b) / 6
        if x < 2:
            return (
                (-b - 6 * c) * x**3 + (6 * b + 30 * c) * x**2 + (-12 * b - 48 * c) * x + 8 * b + 24 * c
            ) / 6
        return 0

    def at(x: float) -> float:
        if filter == "box":
            return float(-0.5 <= x < 0.5)
        x = abs(x)
        if filter == "triangle":
            return max(1 - x, 0)
        if filter in ("cubic", "mitchell"):
            return bicubic(x, *{"cubic": (0, 0.5), "mitchell": (1 / 3, 1 / 3)}[filter])
        if filter == "lanczos3":
            return float(np.sinc(x) * np.sinc(x / 3)) if x < 3 else 0
        terms = (0.35875, 0.48829, 0.14128, 0.01168)  # Harris 1978, the minimum 4-term window
        return sum(a * np.cos(2 * np.pi * n * x / 3) for n, a in enumerate(terms)) if x < 1.5 else 0

    def matrix(inputs: int, start: float, length: float, offset: float, placed: float, outputs: int) -> Any:
        result = np.zeros((outputs, inputs))
        step = length / placed
        for output in range(outputs):
            if not offset <= output + 0.5 < offset + placed:
                continue
            center = start + (output + 0.5 - offset) * step
            reach = range(int(center - 4 * max(step, 1)) - 2, int(center + 4 * max(step, 1)) + 3)
            weights = [at((n + 0.5 - center) / max(step, 1)) for n in reach]
            for n, weight in zip(reach, weights, strict=True):
                result[output, min(max(n, 0), inputs - 1)] += weight / sum(weights)
        return result

    rows, columns, _ = picture.shape
    down = matrix(rows, source.y, source.height, target.y, target.height, size[1])
    across = matrix(columns, source.x, source.width, target.x, target.width, size[0])
    return np.einsum("yr,rck,xc->yxk", down, picture.astype(np.float64), across)


@pytest.mark.parametrize("filter", FILTERS)
@pytest.mark.parametrize(
    ("source", "target", "size"),
    [
        (Rectangle(0, 0, 60, 40), Rectangle(0, 0, 25, 30), (25, 30)),
        (Rectangle(7.25, 3.5, 40.5, 30.1), Rectangle(0, 0, 80, 64), (80, 64)),
        (Rectangle(5, 2.2, 50, 30), Rectangle(3.3, 4.4, 25, 30), (40, 45)),  # 2x squeezed, on a larger canvas
        (Rectangle(10, 10, 40, 20), Rectangle(-7.7, -3.1, 60, 33.3), (45, 20)),  # cropped by the canvas
    ],
    ids=["resize", "sub-pixel crop", "desqueeze and pad", "crop to canvas"],
)
def test_every_filter_is_its_definition(
    filter: Any, source: Rectangle, target: Rectangle, size: tuple[int, int]
) -> None:
    picture = noise(40, 60, 2)
    ours = place(picture, source, target, size, filter)
    assert ours.shape == (size[1], size[0], 2)
    assert np.abs(ours - reference(picture, source, target, size, filter)).max() < 3e-6


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("rows", [(0, 330), (41.5, 200), (300, 30)], ids=str)
def test_rows_made_as_they_are_needed_give_the_same_each_made_once(
    rows: tuple[float, float], dtype: Any
) -> None:
    picture, made = noise(330, 16), []

    def make(first: int, stop: int, out: npt.NDArray[np.float32]) -> None:
        made.extend(range(first, stop))
        assert first % 16 == 0
        assert stop % 16 == 0 or stop == 330
        out[:] = picture.transpose(2, 0, 1)[:, first:stop]

    how: Any = Rectangle(0, rows[0], 16, rows[1]), Rectangle(0, 3, 12, 170), (12, 180), "lanczos3", dtype
    np.testing.assert_array_equal(place_rows(make, picture.shape, *how, step=16), place(picture, *how))
    assert len(made) == len(set(made)) <= rows[1] + 40


@pytest.mark.parametrize("filter", FILTERS)
@pytest.mark.parametrize("size", [(7, 5), (80, 60), (131, 99), (1, 1)], ids=str)
def test_a_flat_picture_stays_flat(filter: Any, size: tuple[int, int]) -> None:
    flat = np.full((60, 80, 4), 3.5, np.float16)
    result = resize(flat, *size, filter)
    assert result.shape == (size[1], size[0], 4)
    assert np.abs(result - 3.5).max() < 1e-5


def test_the_picture_does_not_move() -> None:
    x = np.broadcast_to(np.linspace(0, 1, 200, dtype=np.float32)[None, :, None], (40, 200, 1))
    small = resize(x, 100, 20, "cubic")[..., 0]
    centers = (np.arange(100) * 2 + 0.5) / 199
    assert np.abs(small[10] - centers)[4:-4].max() < 1e-5


@pytest.mark.parametrize("filter", FILTERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_whole_pixels_are_copied_whatever_the_filter(filter: Any, dtype: Any) -> None:
    picture = noise(40, 60).astype(dtype)
    picture[3, 3] = (np.inf, -np.inf, np.nan)
    out = place(picture, Rectangle(2, 1, 50, 30), Rectangle(5, -4, 50, 30), (70, 30), filter, dtype)
    expected = np.zeros((30, 70, 3), dtype)
    expected[:26, 5:55] = picture[5:31, 2:52]
    assert out.dtype == dtype
    assert np.array_equal(out, expected, equal_nan=True)


def test_one_axis_may_be_copied_while_the_other_is_resampled() -> None:
    picture = noise(40, 60)
    wide = place(picture, Rectangle(0, 5, 60, 20), Rectangle(0, 0, 120, 20), (120, 20))
    assert np.array_equal(wide, resize(picture, 120, 40)[5:25])


def test_a_crop_has_no_edge_of_its_own() -> None:
    picture = noise(60, 80)
    part = place(picture, Rectangle(20, 10, 40, 40), Rectangle(0, 0, 20, 20), (20, 20))
    assert np.array_equal(part, resize(picture, 40, 30)[5:25, 10:30])


def test_what_is_not_covered_is_black_alpha_too() -> None:
    white = np.ones((20, 20, 4), np.float32)
    out = place(white, Rectangle(0, 0, 20, 20), Rectangle(2.4, 3.6, 10, 5), (16, 10))
    covered = out[..., 3] > 0.5
    assert (out[~covered] == 0).all()
    # A pixel is covered if its center is.
    assert np.flatnonzero(covered.any(axis=0)).tolist() == list(range(2, 12))
    assert np.flatnonzero(covered.any(axis=1)).tolist() == list(range(4, 9))
    nothing = place(white, Rectangle(0, 0, 20, 20), Rectangle(50, 50, 10, 5), (16, 10))
    assert (nothing == 0).all()


SCALED = (Rectangle(3.5, 2, 70, 50), Rectangle(0, 1.5, 41, 33), (45, 40))


def test_halves_are_read_exactly() -> None:
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16).reshape(1, 256, 256).transpose(1, 2, 0)
    copied = place(every, Rectangle(0, 0, 256, 256), Rectangle(0, 0, 256, 256), (256, 256))
    assert np.array_equal(copied, every.astype(np.float32), equal_nan=True)
    picture = noise(60, 80).astype(np.float16)
    assert np.array_equal(place(picture, *SCALED), place(picture.astype(np.float32), *SCALED))


def test_halves_are_written_rounded_to_nearest() -> None:
    picture = noise(60, 80)
    assert np.array_equal(
        place(picture, *SCALED, dtype=np.float16), place(picture, *SCALED).astype(np.float16)
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_integers_are_full_range(dtype: Any) -> None:
    peak = np.iinfo(dtype).max
    picture = np.random.default_rng(0).integers(0, peak, (3, 60, 80), dtype, endpoint=True).transpose(1, 2, 0)
    floats = picture.astype(np.float32) / peak
    assert np.abs(place(picture, *SCALED) - place(floats, *SCALED)).max() < 1e-6
    same = place(picture, Rectangle(0, 0, 80, 60), Rectangle(0, 0, 80, 60), (80, 60))
    assert np.abs(same - floats).max() < 1e-7


def test_memory_layout_changes_nothing() -> None:
    planar = noise(60, 80)
    expected = place(planar, *SCALED)
    packed = np.ascontiguousarray(planar)
    padded = np.zeros((3, 60, 96), np.float32)
    padded[..., :80] = planar.transpose(2, 0, 1)
    turned = np.asfortranarray(planar[::-1])[::-1]
    for same in (packed, padded[..., :80].transpose(1, 2, 0), turned, planar.astype(np.float64)):
        assert np.array_equal(place(same, *SCALED), expected)


def test_threads_change_nothing() -> None:
    pictures = [noise(90, 120) * (n + 1) for n in range(8)]
    expected = [resize(picture, 77, 51) for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda picture: resize(picture, 77, 51), pictures * 4))
    assert all(np.array_equal(result, expected[n % 8]) for n, result in enumerate(results))


def test_bad_sizes_and_filters_are_refused() -> None:
    picture = np.zeros((4, 4, 3), np.float32)
    with pytest.raises(InvalidRequest, match="0x4"):
        resize(picture, 0, 4)
    with pytest.raises(InvalidRequest, match="lanczos3"):
        resize(picture, 2, 2, "sinc")  # type: ignore[arg-type]
    whole = Rectangle(0, 0, 4, 4)
    with pytest.raises(InvalidRequest, match="4x0 at 0, 0"):
        place(picture, Rectangle(0, 0, 4, 0), whole, (4, 4))
    with pytest.raises(InvalidRequest, match="4x-1"):
        place(picture, whole, Rectangle(0, 0, 4, -1), (4, 4))
