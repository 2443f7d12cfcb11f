"""Pictures at another size for the eye: fast, by swscale."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.filter import Graph

from mediadask.clips import Frame
from mediadask.clips.planes import pixel_format, planes_of
from mediadask.pixels.matrix import matrix_name
from mediadask.pixels.resample import resize
from mediadask.pixels.rgb import SampleType, to_rgb

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["display_rgb"]

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
