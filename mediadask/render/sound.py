"""The sound of a proxy: encoded once for the whole clip, in step with its pictures."""

from __future__ import annotations

from fractions import Fraction
from typing import IO, TYPE_CHECKING, Any

import av
import numpy as np

from mediadask.checkpoint import checkpoint

if TYPE_CHECKING:
    from mediadask.clips import Clip

__all__ = ["write_sound"]

_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)


def write_sound(
    file: IO[bytes], container: str, clip: Clip, seconds: Fraction, offset: Fraction = Fraction(0)
) -> None:
    """Encode every sound stream of a clip, or of a recording, from the picture's first frame on.

    Mono and stereo streams stay what they are. Streams of more channels become one mono track for each: what
    such channels mean differs from recorder to recorder, and players fold them down wrongly.

    Parameters
    ----------
    file
        Open for writing and reading, unbuffered.
    container
        ``mp4`` gets AAC, ``mov`` 24-bit PCM.
    seconds
        Of the picture: sound is cut, or silence added, to the same length.
    offset
        Where the picture begins, in seconds of the sound.
    """
    with av.open(file, "w", format=container) as output:
        tracks: list[list[tuple[Any, slice]]] = []
        for sound in clip.header.audio:
            whole = sound.channels <= 2
            ways = [slice(0, sound.channels)] if whole else [slice(n, n + 1) for n in range(sound.channels)]
            tracks.append(
                [(_track(output, container, sound.rate, way.stop - way.start), way) for way in ways]
            )
        # A second of every stream in turn: what is held stays small, and the file is interleaved.
        for second in range(int(-(-seconds // 1))):
            for number, sound in enumerate(clip.header.audio):
                total = round(seconds * sound.rate)
                start, stop = second * sound.rate, min((second + 1) * sound.rate, total)
                skipped = round(offset * sound.rate)
                samples = clip.audio(skipped + start, skipped + stop, stream=number)
                for track, way in tracks[number]:
                    output.mux(track.encode(_sound_frame(samples[:, way], start, sound.rate)))
            checkpoint()
        for lanes in tracks:
            for track, _ in lanes:
                output.mux(track.encode(None))


def _track(output: Any, container: str, rate: int, channels: int) -> Any:
    layout = "mono" if channels == 1 else "stereo"
    if container == "mov":
        return output.add_stream("pcm_s24le", rate=rate, layout=layout)
    # Rates AAC does not have are resampled by the encoder's own converter.
    return output.add_stream(
        "aac", rate=rate if rate in _AAC_RATES else 48000, layout=layout, bit_rate=96000 * channels
    )


def _sound_frame(samples: np.ndarray[Any, np.dtype[np.float32]], start: int, rate: int) -> av.AudioFrame:
    layout = "mono" if samples.shape[1] == 1 else "stereo"
    planes = np.ascontiguousarray(samples.T, np.float32)
    frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
    return frame
