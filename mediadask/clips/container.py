"""Containers through PyAV: MOV, MP4, MXF, MKV, AVI, TS."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from mediadask.clips.frame import BadFrame, ColorTags, Frame, PixelFormat
from mediadask.clips.header import ClipHeader
from mediadask.clips.index import FrameIndex
from mediadask.clips.storage import FileStamp, stat
from mediadask.errors import UnreadableMedia

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from mediadask.clips.clip import Clip


class ContainerReader:
    """First sketch: scans packets, decodes from the start."""

    name = "container"
    version = 0

    def claims(self, url: str) -> bool:
        return True

    def files(self, url: str) -> tuple[FileStamp, ...]:
        return (stat(url),)

    def probe(self, url: str, files: tuple[FileStamp, ...]) -> tuple[ClipHeader, FrameIndex]:
        try:
            with av.open(url) as container:
                stream = container.streams.video[0]
                packets = [p for p in container.demux(stream) if p.size]
                context = stream.codec_context
                fmt = av.VideoFormat(context.pix_fmt)
                bits = fmt.components[0].bits
                header = ClipHeader(
                    container=container.format.name.split(",")[0],
                    codec=context.name,
                    width=context.width,
                    height=context.height,
                    pixel_format=PixelFormat(
                        context.pix_fmt,
                        "rgb" if fmt.is_rgb else "yuv",
                        bits,
                        "uint8" if bits == 8 else "uint16",
                        (round(context.width / fmt.chroma_width(context.width)), round(context.height / fmt.chroma_height(context.height))),
                    ),
                    frame_rate=Fraction(stream.average_rate),
                    color=ColorTags(matrix="bt709", range="limited"),
                    timecode=stream.metadata.get("timecode"),
                )
                pts = np.array([p.pts for p in packets], np.int64)
                index = FrameIndex(
                    stream.time_base,
                    pts,
                    np.array([p.dts for p in packets], np.int64),
                    np.full(len(pts), -1, np.int64),
                    np.array([p.size for p in packets], np.int64),
                    np.array([p.is_keyframe for p in packets], bool),
                    np.argsort(pts, kind="stable"),
                )
                return header, index
        except av.FFmpegError as error:
            raise UnreadableMedia(f"is not media ({error.strerror})", where=url) from error

    def frames(self, clip: Clip, start: int, stop: int, *, threads: int) -> Iterator[Frame | BadFrame]:
        with av.open(clip.url) as container:
            for number, native in enumerate(container.decode(video=0)):
                if number >= stop:
                    return
                if number >= start:
                    yield Frame(number, planes(native), clip.header.pixel_format, clip.header.color)

    def audio(self, clip: Clip, stream: int, start: int, stop: int) -> npt.NDArray[np.float32]:
        return np.zeros((stop - start, 2), np.float32)


def planes(native: av.VideoFrame) -> tuple[npt.NDArray[Any], ...]:
    wide = native.format.components[0].bits > 8
    dtype = np.dtype("<u2" if wide else "u1")
    out = []
    for plane in native.planes:
        row = plane.line_size // dtype.itemsize
        out.append(np.frombuffer(plane, dtype)[: row * plane.height].reshape(plane.height, row)[:, : plane.width])
    return tuple(out)
