"""Pictures at another size for the eye: fast."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.filter import Graph

from mediadask.clips import Frame
from mediadask.clips.planes import pixel_format, planes_of
from mediadask.pixels.kernels import halve
from mediadask.pixels.matrix import chroma_siting, code_range, matrix_name
from mediadask.pixels.resample import resize
from mediadask.pixels.rgb import SampleType, contiguous_rows, to_rgb

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from mediadask.clips import ColorTags

__all__ = ["display_frame", "display_rgb", "display_strips"]

_SCALERS_PER_THREAD = 4
_thread = threading.local()


def display_rgb(frame: Frame, width: int, height: int, dtype: SampleType = "uint16") -> npt.NDArray[Any]:
    """The picture of a frame at another size: (height, width, channels), as `to_rgb` gives it.

    Raises
    ------
    UnsupportedMedia
        If the color matrix is none that is known.
    """
    return to_rgb(display_frame(frame, width, height), dtype)


def display_frame(frame: Frame, width: int, height: int) -> Frame:
    """A frame at another size, for the eye: its own model with full chroma in 16 bits, or R'G'B' floats.

    Codes are scaled as they are, bicubic as FFmpeg's, which is several times cheaper than scaling R'G'B':
    by our own loop to half the size, the usual proxy, and by swscale to others. Floats go through `resize`.

    Raises
    ------
    UnsupportedMedia
        If the color matrix is none that is known.
    """
    if (frame.width, frame.height) == (width, height):
        return frame
    name = None if frame.format.is_float else _TARGETS.get((frame.format.model, frame.format.alpha))
    if name is None:
        picture = resize(to_rgb(frame, "float32"), width, height, "cubic")
        form = replace(frame.format, dtype="float32", chroma=(1, 1))
        return Frame(frame.number, tuple(picture.transpose(2, 0, 1)), form, frame.color, frame.valid)
    if _is_half(frame, width, height):
        (halved,) = display_strips(frame, width, height, height)
        return halved
    planes = _scaled(frame, width, height, name)
    return Frame(frame.number, planes, pixel_format(name), _tagged(frame), frame.valid)


def display_strips(frame: Frame, width: int, height: int, rows: int) -> Iterator[Frame]:
    """`display_frame` to another size from top to bottom: some rows at a time, as frames of their own.

    Each may be in the memory of the one before. Halving a UHD frame so takes a third less than as a whole
    picture, which is written to memory that is new.

    Parameters
    ----------
    frame
        Y'CbCr, R'G'B' or gray, not of the size asked for: chroma is full in every strip.
    """
    if not _is_half(frame, width, height):
        whole = display_frame(frame, width, height)
        for top in range(0, height, rows):
            yield replace(whole, planes=tuple(plane[top : top + rows] for plane in whole.planes))
        return
    form, color = pixel_format(_TARGETS[frame.format.model, frame.format.alpha]), _tagged(frame)
    sources = [(contiguous_rows(plane), plane.shape[1]) for plane in frame.planes]
    halves, taps = [np.empty((rows, width), np.uint16) for _ in sources], _halving(frame)
    for top in range(0, height, rows):
        strips = [half[: height - top] for half in halves]
        for (source, columns), strip, how in zip(sources, strips, taps, strict=True):
            halve(source, strip, top, columns, *how)
            strip.flags.writeable = False
        yield Frame(frame.number, tuple(strips), form, color, frame.valid)


def _is_half(frame: Frame, width: int, height: int) -> bool:
    form = frame.format
    codes = not form.is_float and (form.model, form.alpha) in _TARGETS and max(form.chroma) <= 2
    return codes and (frame.width, frame.height) == (2 * width, 2 * height)


def _tagged(frame: Frame) -> ColorTags:
    # What is assumed where tags say nothing depends on the height.
    return replace(frame.color, matrix=matrix_name(frame.color, frame.height))


_TARGETS = {
    ("yuv", False): "yuv444p16le",
    ("yuv", True): "yuva444p16le",
    ("rgb", False): "gbrp16le",
    ("rgb", True): "gbrap16le",
    ("gray", False): "gray16le",
}


def _halving(frame: Frame) -> list[tuple[Any, Any, np.float32, np.float32]]:
    """For every plane what `halve` takes: taps down and across, gain and offset."""
    form, siting = frame.format, chroma_siting(frame.format, frame.color)
    stretched, shifted = 65535 / ((1 << form.bits) - 1), float(1 << (16 - form.bits))
    gain = stretched if code_range(form, frame.color) == "full" else shifted
    luma = _taps(1, 0)
    how = [(luma, luma, gain, 0.0)] * len(frame.planes)
    if form.model == "yuv":
        across, down = _taps(form.chroma[0], siting.x), _taps(form.chroma[1], siting.y)
        how[1] = how[2] = (down, across, gain, 32768 - gain * (1 << (form.bits - 1)))
    if form.alpha:
        how[-1] = (luma, luma, stretched, 0.0)
    return [
        (down, across, np.float32(factor), np.float32(offset + 0.5)) for down, across, factor, offset in how
    ]


@cache
def _taps(step: int, siting: float) -> npt.NDArray[np.float32]:
    """What `halve` takes for samples that `step` pixels share, the first of them at pixel `siting`."""
    away = (np.arange(8) - 3.5) / 2 if step == 1 else np.arange(-1, 3) - (0.5 - siting) / 2
    near, far = np.minimum(np.abs(away), 1), np.clip(np.abs(away), 1, 2)
    # FFmpeg's "bicubic": B = 0, C = 0.6.
    weights = (1.4 * near**3 - 2.4 * near**2 + 1) + (-0.6 * far**3 + 3 * far**2 - 4.8 * far + 2.4)
    return np.asarray(weights / weights.sum(), np.float32)


def _scaled(frame: Frame, width: int, height: int, name: str) -> tuple[npt.NDArray[Any], ...]:
    location = frame.color.chroma_location or "left"
    graph, source = _scaler(frame.width, frame.height, frame.format.name, location, width, height, name)
    for part, samples in zip(source.format.components, frame.planes, strict=True):
        plane = source.planes[part.plane]
        rows = np.frombuffer(memoryview(plane), samples.dtype).reshape(plane.height, -1)
        rows[:, : samples.shape[1]] = samples
    graph.vpush(source)
    return planes_of(graph.vpull())


def _scaler(*key: Any) -> tuple[Graph, av.VideoFrame]:
    """A filter graph for one pair of sizes and formats, and the frame to feed it with.

    This thread's own: graphs are not thread-safe. The frame is used again, since new memory costs as much as
    the scaling.
    """
    scalers: OrderedDict[Any, tuple[Graph, av.VideoFrame]] = _thread.__dict__.setdefault(
        "scalers", OrderedDict()
    )
    if key not in scalers:
        scalers[key] = _make_scaler(*key)
        if len(scalers) > _SCALERS_PER_THREAD:
            scalers.popitem(last=False)
    scalers.move_to_end(key)
    return scalers[key]


def _make_scaler(
    width: int, height: int, name: str, location: str, new_width: int, new_height: int, new_name: str
) -> tuple[Graph, av.VideoFrame]:
    graph = Graph()
    graph.threads = 1
    source = graph.add("buffer", f"video_size={width}x{height}:pix_fmt={name}:time_base=1/1")
    # Range and matrix stay as they are, whatever the tags say: codes in, codes out.
    how = f"{new_width}:{new_height}:flags=bicubic+accurate_rnd+full_chroma_inp:in_chroma_loc={location}"
    graph.link_nodes(source, graph.add("scale", how), graph.add("format", new_name), graph.add("buffersink"))
    graph.configure()
    return graph, av.VideoFrame(width, height, name)
