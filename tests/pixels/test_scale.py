"""Pictures at another size for the eye: the fast way looks like the exact one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mediadask.clips import Clip, ColorTags, Frame, PixelFormat
from mediadask.footage import read_number
from mediadask.pixels import display_frame, display_rgb, display_strips, resize, to_rgb

if TYPE_CHECKING:
    from tests.conftest import MakeClip


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("a.mov", "prores_ks", "yuv422p10le"),
        ("a.mov", "prores_ks", "yuva444p10le"),
        ("b.mp4", "libx264", "yuv420p"),
        ("c.mkv", "ffv1", "gbrp10le"),
        ("d.mkv", "ffv1", "gray10le"),
    ],
)
def test_display_is_the_exact_picture_resized_but_for_what_no_eye_sees(
    make_clip: MakeClip, name: str, codec: str, pixel_format: str
) -> None:
    path = make_clip(name, codec=codec, pixel_format=pixel_format, frames=2, size=(640, 360))
    frame = list(Clip.open(path).frames())[1]
    exact = np.clip(resize(np.clip(to_rgb(frame), 0, 1), 320, 180, "cubic"), 0, 1)
    shown = display_rgb(frame, 320, 180, "uint16") / 65535
    assert shown.shape == exact.shape
    error = np.abs(shown - exact)
    assert error.mean() < 1e-3
    assert np.sqrt((error**2).mean()) < 4e-3
    assert read_number(shown) == 1


@pytest.mark.parametrize("level", [(0, 0.0), (219, 1.0)])
def test_display_keeps_white_and_black(level: tuple[int, float]) -> None:
    form = PixelFormat("yuv422p10le", "yuv", 10, "uint16", (2, 1))
    planes = tuple(np.full(shape, 512, np.uint16) for shape in form.plane_shapes(120, 160))
    planes[0][:] = (16 + level[0]) * 4
    picture = display_rgb(Frame(0, planes, form, ColorTags("bt709", "limited")), 80, 60, "float32")
    assert np.abs(picture - level[1]).max() < 1e-4


@pytest.mark.parametrize("size", [(32, 18), (24, 14)], ids=str)
@pytest.mark.parametrize("chroma", [(1, 1), (2, 1), (2, 2)], ids=str)
@pytest.mark.parametrize(("bits", "dtype"), [(8, "uint8"), (10, "uint16"), (16, "uint16")])
def test_strips_are_the_picture(
    chroma: tuple[int, int], bits: int, dtype: Any, size: tuple[int, int]
) -> None:
    sampled = {(1, 1): "444", (2, 1): "422", (2, 2): "420"}[chroma]
    form = PixelFormat(f"yuv{sampled}p{'' if bits == 8 else f'{bits}le'}", "yuv", bits, dtype, chroma)
    random = np.random.default_rng(0)
    planes = tuple(random.integers(0, 1 << bits, shape, dtype) for shape in form.plane_shapes(36, 64))
    frame = Frame(3, planes, form, ColorTags(range="limited"))
    whole = display_frame(frame, *size)
    copies = [[plane.copy() for plane in strip.planes] for strip in display_strips(frame, *size, rows=8)]
    assert max(len(strip[0]) for strip in copies) == 8
    for parts, plane in zip(zip(*copies, strict=True), whole.planes, strict=True):
        assert np.array_equal(np.concatenate(parts), plane)
    strip = next(display_strips(frame, *size, rows=8))
    assert (strip.number, strip.format, strip.color) == (3, whole.format, whole.color)


def test_display_at_its_own_size_is_exact() -> None:
    form = PixelFormat("yuv444p10le", "yuv", 10, "uint16")
    planes = tuple(np.random.default_rng(0).integers(0, 1024, (3, 20, 30), np.uint16))
    frame = Frame(0, planes, form, ColorTags("bt709"))
    assert np.array_equal(display_rgb(frame, 30, 20, "float32"), to_rgb(frame))


def test_float_sources_scale_too() -> None:
    plane = np.full((20, 30), 0.5, np.float16)
    frame = Frame(0, (plane,) * 3, PixelFormat("gbrpf16le", "rgb", 16, "float16"), ColorTags())
    assert (display_rgb(frame, 15, 10, "uint16") == 32768).all()
    assert display_rgb(frame, 15, 10, "float16").dtype == np.float16


def test_threads_do_not_disturb_each_other() -> None:
    form = PixelFormat("yuv420p", "yuv", 8, "uint8", (2, 2))
    frames = [
        Frame(
            n,
            tuple(np.full(s, 20 * n + 20, np.uint8) for s in form.plane_shapes(64, 96)),
            form,
            ColorTags("bt709"),
        )
        for n in range(8)
    ]
    expected = [display_rgb(frame, 48, 32, "uint8") for frame in frames]
    results: dict[int, Any] = {}

    def work(number: int) -> None:
        for _ in range(20):
            results[number] = display_rgb(frames[number], 48, 32, "uint8")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(results[number], expected[number]) for number in range(8))
