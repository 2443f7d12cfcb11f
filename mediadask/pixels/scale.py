"""Pictures at another size: fast for the eye, or exact with a named filter."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, get_args

import av
import numpy as np
from av.filter import Graph

from mediadask.clips import Frame
from mediadask.clips.planes import pixel_format, planes_of
from mediadask.errors import InvalidRequest
from mediadask.pixels.kernels import resample
from mediadask.pixels.matrix import matrix_name
from mediadask.pixels.rgb import SampleType, to_rgb

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Filter", "display_rgb", "resize"]

Filter = Literal["box", "triangle", "cubic", "lanczos3"]
"""``triangle`` is linear, ``cubic`` Catmull-Rom. All widen with the reduction, so that nothing aliases."""

_SCALERS_PER_THREAD = 4
_thread = threading.local()


def display_rgb(frame: Frame, width: int, height: int, dtype: SampleType = "uint16") -> npt.NDArray[Any]:
    """The picture of a frame at another size: (height, width, channels), as `to_rgb` gives it.

    For the eye: codes are scaled first, by swscale (bicubic, 16 bits), which is several times cheaper than
    scaling R'G'B'. Float sources go through `resize`.

    Raises
    ------
    UnsupportedMedia
        If the color matrix is none that is known.
    """
    if (frame.width, frame.height) == (width, height):
        return to_rgb(frame, dtype)
    if frame.format.is_float or (frame.format.model, frame.format.alpha) not in _TARGETS:
        picture = resize(to_rgb(frame, "float32"), width, height, "cubic")
        return _as_type(picture, dtype)
    return to_rgb(_scaled(frame, width, height), dtype)


def resize(
    picture: npt.NDArray[Any], width: int, height: int, filter: Filter = "lanczos3"
) -> npt.NDArray[np.float32]:
    """A picture at another size: (height, width, channels) float32, a view of planar memory.

    Parameters
    ----------
    picture
        (rows, columns, channels) of any real type; values keep their scale and are not clipped.
    width, height
        Pixels.
    filter
        See `Filter`. Picture edges stay where they are; beyond them the edge repeats.

    Raises
    ------
    InvalidRequest
        If the size is not positive, or the filter is unknown.
    """
    if width < 1 or height < 1:
        raise InvalidRequest(f"a picture of {width}x{height} was asked for", do="give a positive size")
    if filter not in get_args(Filter):
        raise InvalidRequest(f"{filter!r} is no filter", do=f"use one of {', '.join(get_args(Filter))}")
    planes = picture.transpose(2, 0, 1)
    if planes.dtype == np.float16:
        planes = planes.astype(np.float32)
    out = np.empty((len(planes), height, width), np.float32)
    rows, columns = _taps(planes.shape[1], height, filter), _taps(planes.shape[2], width, filter)
    for plane, result in zip(planes, out, strict=True):
        resample(plane, result, *rows, *columns)
    return out.transpose(1, 2, 0)


def _kernel(filter: Filter, at: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    x = np.abs(at)
    if filter == "box":
        return ((at >= -0.5) & (at < 0.5)).astype(np.float64)
    if filter == "triangle":
        return np.asarray(np.maximum(1 - x, 0))
    if filter == "cubic":
        near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
        return np.where(x < 1, near, np.where(x < 2, far, 0))
    return np.where(x < 3, np.sinc(x) * np.sinc(x / 3), 0)


_RADIUS = {"box": 0.5, "triangle": 1.0, "cubic": 2.0, "lanczos3": 3.0}


@lru_cache(maxsize=32)
def _taps(source: int, target: int, filter: Filter) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """First input and weights of each of `target` outputs from `source` inputs: what `resample` takes."""
    wide = max(source / target, 1.0)
    center = (np.arange(target) + 0.5) * source / target - 0.5
    first = np.floor(center - _RADIUS[filter] * wide).astype(np.int64)
    taps = int(np.ceil(2 * _RADIUS[filter] * wide)) + 2
    at = first[:, None] + np.arange(taps)
    weights = _kernel(filter, (at - center[:, None]) / wide)
    weights /= weights.sum(axis=1, keepdims=True)
    # Beyond an edge its sample repeats: those weights are the edge's.
    width = min(taps, source)
    start = np.clip(first, 0, source - width)
    inside = np.zeros((target, width))
    np.add.at(inside, (np.arange(target)[:, None], np.clip(at, 0, source - 1) - start[:, None]), weights)
    return start, inside.astype(np.float32)


def _as_type(picture: npt.NDArray[np.float32], dtype: SampleType) -> npt.NDArray[Any]:
    if np.dtype(dtype).kind == "f":
        return picture.astype(dtype, copy=False)
    peak = np.iinfo(dtype).max
    return (np.clip(picture, 0, 1) * np.float32(peak) + np.float32(0.5)).astype(dtype)


def _scaled(frame: Frame, width: int, height: int) -> Frame:
    """The frame at another size: its own model, full chroma, 16 bits."""
    name = _TARGETS[frame.format.model, frame.format.alpha]
    location = frame.color.chroma_location or "left"
    graph, source = _scaler(frame.width, frame.height, frame.format.name, location, width, height, name)
    for part, samples in zip(source.format.components, frame.planes, strict=True):
        plane = source.planes[part.plane]
        rows = np.frombuffer(memoryview(plane), samples.dtype).reshape(plane.height, -1)
        rows[:, : samples.shape[1]] = samples
    graph.vpush(source)
    scaled = graph.vpull()
    color = replace(frame.color, matrix=matrix_name(frame.color, frame.height))
    return Frame(frame.number, planes_of(scaled), pixel_format(name), color, frame.valid)


_TARGETS = {
    ("yuv", False): "yuv444p16le",
    ("yuv", True): "yuva444p16le",
    ("rgb", False): "gbrp16le",
    ("rgb", True): "gbrap16le",
    ("gray", False): "gray16le",
}


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
