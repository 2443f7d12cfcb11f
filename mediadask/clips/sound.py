"""Sound of a clip, sample-exact against its pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import numpy as np

from mediadask.clips.packets import only, opened
from mediadask.errors import UnreadableMedia

if TYPE_CHECKING:
    import numpy.typing as npt

    from mediadask.clips.clip import Clip

__all__ = ["samples"]

_PREROLL_SECONDS = (
    0.25  # what a transform codec's overlap and its seek tables need before its first good sample
)


def samples(clip: Clip, number: int, start: int, stop: int) -> npt.NDArray[np.float32]:
    """(stop - start, channels) of the clip's sound stream `number`, ±1; sample 0 is at the first frame."""
    said = clip.header.audio[number]
    out = np.zeros((max(stop - start, 0), said.channels), np.float32)
    # Recorded are [-start, samples - start) of the clip's own count.
    first, last = max(start, -said.start), min(stop, said.samples - said.start)
    if first >= last:
        return out
    origin = int(clip.index.frame_pts[0]) * clip.index.time_base
    with opened(clip.files[0].url) as container:
        stream = container.streams[said.index]
        seconds = float(origin) + first / said.rate - _PREROLL_SECONDS
        try:
            # Not to the beginning: the packet that its first sample leans on lies before it.
            if (ticks := int(seconds / stream.time_base)) > (stream.start_time or 0):
                container.seek(ticks, stream=stream)
            for frame in (frame for packet in only(clip.url, container, stream) for frame in packet.decode()):
                if frame.pts is None:
                    continue
                at = round((frame.pts * frame.time_base - origin) * said.rate)
                if at >= last:
                    break
                wave = _wave(frame)
                if wave.shape[1] != said.channels:
                    raise UnreadableMedia(
                        f"its sound has {said.channels} channels, and {wave.shape[1]} later",
                        where=clip.url,
                        do="copy it again from the source",
                    )
                low, high = max(at, first), min(at + len(wave), last)
                if low < high:
                    out[low - start : high - start] = wave[low - at : high - at]
        except av.FFmpegError as error:
            raise UnreadableMedia(
                f"its sound does not decode ({error.strerror})",
                where=clip.url,
                do="copy it again from the source",
            ) from error
    return out


def _wave(frame: Any) -> npt.NDArray[np.float32]:
    """(samples, channels) float32, ±1."""
    data = frame.to_ndarray()
    if not frame.format.is_planar:
        data = data.reshape(-1, frame.layout.nb_channels).T
    if data.dtype == np.uint8:
        wave = (data.astype(np.float32) - 128) / 128
    elif data.dtype.kind == "i":
        wave = (data / -float(np.iinfo(data.dtype).min)).astype(np.float32)
    else:
        wave = data.astype(np.float32)
    return np.ascontiguousarray(wave.T)
