"""The sound of a clip as something a Dask task slices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mediadask.clips.clip import reopen

if TYPE_CHECKING:
    import numpy.typing as npt

    from mediadask.clips import Clip

__all__ = ["SoundArray"]


@dataclass(frozen=True)
class SoundArray:
    """``(sample, track)`` float32 of a clip: every channel of every stream at the first one's rate."""

    url: str
    identity: str
    rate: int
    streams: tuple[tuple[int, int], ...]
    """Number and channels of each stream that takes part."""

    samples: int
    names: tuple[str, ...] = ()
    """What the recorder calls each track; empty where it names none."""

    dtype = np.dtype(np.float32)
    ndim = 2

    @classmethod
    def of(cls, clip: Clip) -> SoundArray | None:
        """The sound of a clip, from its first frame to the end of its longest stream; None without sound."""
        streams = clip.header.audio
        if not streams:
            return None
        rate = streams[0].rate
        chosen = [(number, stream) for number, stream in enumerate(streams) if stream.rate == rate]
        samples = max(max(stream.samples - stream.start, 0) for _, stream in chosen)
        channels = tuple((number, stream.channels) for number, stream in chosen)
        names = [name for _, stream in chosen for name in (stream.names or ("",) * stream.channels)]
        return cls(clip.url, clip.identity, rate, channels, samples, tuple(names) if any(names) else ())

    @property
    def shape(self) -> tuple[int, int]:
        """Samples and tracks."""
        return self.samples, len(self.tracks)

    @property
    def tracks(self) -> list[str]:
        """``A1``, ``A2``, … in the order of streams and their channels."""
        return [f"A{number}" for number in range(1, 1 + sum(channels for _, channels in self.streams))]

    def __getitem__(self, index: Any) -> npt.NDArray[np.float32]:
        items = index if isinstance(index, tuple) else (index,)
        asked = items[0]
        if isinstance(asked, slice):  # a table of every sample of a day would be gigabytes
            wanted = np.arange(*asked.indices(self.samples))
        else:
            wanted = np.arange(self.samples)[asked]
        rows = np.atleast_1d(wanted)
        if not rows.size:
            return np.empty((0, len(self.tracks)), np.float32)[(slice(None), *items[1:])]
        clip = reopen(self.url, self.identity)
        start, stop = int(rows.min()), int(rows.max()) + 1
        parts = [clip.audio(start, stop, stream=number) for number, _ in self.streams]
        found: npt.NDArray[np.float32] = np.concatenate(parts, axis=1)[(wanted - start, *items[1:])]
        return found
