"""From a clip's frame to a picture to look at: scaled, R'G'B' through a LUT, upright."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import PyOpenColorIO as ocio
from av.video.reformatter import VideoReformatter

from mediadask.clips.planes import planes_of
from mediadask.errors import InvalidRequest
from mediadask.pixels import to_rgb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy.typing as npt

    from mediadask.clips import Clip, ColorTags, Frame
    from mediadask.render.recipe import Lut

__all__ = ["display_picture", "proxy_picture"]


def display_picture(
    clip: Clip, size: tuple[int, int], lut: Lut | None
) -> Callable[[Frame], npt.NDArray[np.uint8]]:
    """A function from the clip's frames to (height, width, 3) uint8 R'G'B'. Not thread-safe."""
    rgb = _display_rgb(clip, size, lut)

    def picture(frame: Frame) -> npt.NDArray[np.uint8]:
        codes: npt.NDArray[np.float32] = np.clip(rgb(frame), 0, 1) * np.float32(255) + np.float32(0.5)
        return codes.astype(np.uint8)

    return picture


def proxy_picture(
    clip: Clip, size: tuple[int, int], lut: Lut | None, pixel_format: str, color: ColorTags
) -> Callable[[Frame], av.VideoFrame]:
    """A function from the clip's frames to pictures an encoder takes. Not thread-safe: one for each unit."""
    rgb, converter = _display_rgb(clip, size, lut), VideoReformatter()
    matrix = {"smpte170m": 6, "bt470bg": 5, "bt2020nc": 9}.get(color.matrix or "", 1)

    def picture(frame: Frame) -> av.VideoFrame:
        planar = _planar_frame(rgb(frame))
        made = converter.reformat(planar, format=pixel_format, dst_colorspace=matrix, dst_color_range=1)
        return made

    return picture


def _display_rgb(clip: Clip, size: tuple[int, int], lut: Lut | None) -> Callable[[Frame], npt.NDArray[Any]]:
    """A function from frames to (height, width, 3) float32 R'G'B', planar in memory."""
    width, height = size if clip.header.rotation % 180 == 0 else size[::-1]
    color = _processor(lut, linear=clip.header.color.transfer == "linear")
    scaler = VideoReformatter()

    def picture(frame: Frame) -> npt.NDArray[Any]:
        if frame.format.model == "yuv":
            # In Y'CbCr, where there is half as much to scale, and to convert once it is small.
            planes = to_rgb(_scaled_planes(frame, width, height, scaler), "float32").transpose(2, 0, 1)[:3]
        else:
            planes = to_rgb(frame, "float32").transpose(2, 0, 1)
            planes = planes[:3] if len(planes) > 2 else planes[:1].repeat(3, axis=0)
            if (frame.width, frame.height) != (width, height):
                scaled = scaler.reformat(
                    _planar_frame(planes.transpose(1, 2, 0)), width, height, interpolation="BICUBIC"
                )
                planes = np.stack([planes_of(scaled)[row] for row in (0, 1, 2)])
        if color is not None:
            color.apply(ocio.PlanarImageDesc(*planes, width, height))
        return np.rot90(planes, -clip.header.rotation // 90, axes=(1, 2)).transpose(1, 2, 0)

    return picture


def _processor(lut: Lut | None, *, linear: bool) -> Any:
    """What turns the clip's numbers into those of a display; None where they are that already."""
    if lut is not None:
        lut.check()
        transform: Any = ocio.FileTransform(lut.url, interpolation=ocio.INTERP_TETRAHEDRAL)
    elif linear:
        transform = ocio.ExponentWithLinearTransform([2.4, 2.4, 2.4, 1], [0.055, 0.055, 0.055, 0])
        transform.setDirection(ocio.TRANSFORM_DIR_INVERSE)
    else:
        return None
    try:
        return ocio.Config.CreateRaw().getProcessor(transform).getDefaultCPUProcessor()
    except ocio.Exception as error:
        raise InvalidRequest(
            f"OpenColorIO does not read this LUT ({error})",
            where=lut and lut.url,
            do="use a .cube, .clf or .3dl",
        ) from error


def _scaled_planes(frame: Frame, width: int, height: int, scaler: VideoReformatter) -> Frame:
    if (frame.width, frame.height) == (width, height):
        return frame
    native = av.VideoFrame(frame.width, frame.height, frame.format.name)
    _fill(native, frame.planes)
    small = scaler.reformat(native, width, height, interpolation="BICUBIC")
    return replace(frame, planes=planes_of(small))


def _planar_frame(rgb: npt.NDArray[Any]) -> av.VideoFrame:
    """As FFmpeg's picture of float planes."""
    height, width, _ = rgb.shape
    native = av.VideoFrame(width, height, "gbrpf32le")
    red, green, blue = rgb.transpose(2, 0, 1)
    _fill(native, (green, blue, red))
    return native


def _fill(native: av.VideoFrame, planes: Iterable[npt.NDArray[Any]]) -> None:
    for target, plane in zip(native.planes, planes, strict=True):
        buffer: Any = target
        rows = np.frombuffer(buffer, plane.dtype).reshape(target.height, -1)
        rows[:, : target.width] = plane
