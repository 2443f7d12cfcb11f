"""Archives: a clip as a Zarr v3 store that opens as the very dataset the clip opens as."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from mediadask.clips import Clip
from mediadask.delivery import Delivery, Group, Unit
from mediadask.errors import InvalidRequest
from mediadask.render.output import Output
from mediadask.render.plan import Plan, Source, output_places, source_list, standing_group
from mediadask.render.segment import segments

if TYPE_CHECKING:
    from mediadask.clips import OnCorrupt

__all__ = ["archive"]


def archive(
    clips: Source | Iterable[Source], out: str | os.PathLike[str], *, on_corrupt: OnCorrupt = "fail"
) -> Delivery:
    """Store clips losslessly as Zarr v3.

    ``xr.open_zarr(store)`` equals ``mediadask.open_clip(clip)``. ``mediadask.open_clip(store)`` equals it,
    too, and can be selected by time and timecode. One chunk is one frame. A shard, which is the object that
    is stored, holds about 128 MB of chunks. They are compressed with Zstandard, and a damaged one is noticed
    when it is read.

    Parameters
    ----------
    clips
        URLs, or clips that are open already.
    out
        A name ending in ``.zarr`` for one clip; otherwise a folder, which gets ``<clip>.zarr`` for each.
    on_corrupt
        What a frame that does not decode becomes: ``fail``, ``hold`` or ``black``.

    Returns
    -------
    Delivery
        One group a clip; its values are `Rendered`.

    Raises
    ------
    InvalidRequest
        For options that make no sense. A bad clip fails alone.
    """
    sources = source_list(clips)
    if on_corrupt not in ("fail", "hold", "black"):
        raise InvalidRequest(f"on_corrupt is {on_corrupt!r}", do="use fail, hold or black")
    places = output_places(sources, out, ".zarr", (".zarr",))
    return Delivery("archive", Plan(sources, places, partial(_archive_group, on_corrupt)))


def _archive_group(on_corrupt: OnCorrupt, clip: Clip, url: str) -> Group:
    # Zarr and xarray take a second to import: who makes proxies must not wait for them.
    from mediadask.array import store
    from mediadask.array.frames import FrameArray

    output = Output.of(url, store.STORE, clip.url, "archive", clip.identity, on_corrupt)
    if there := standing_group(output, len(clip)):
        return there
    header = clip.header
    frames = FrameArray.of(clip, None, on_corrupt)
    seconds = (
        header.width * header.height * 14e-9 + int(np.prod(frames.shape[1:])) * frames.dtype.itemsize * 9e-9
    )
    shard = store.shard_frames(frames)
    points = np.unique(clip.index.gops[:-1] // shard * shard)
    kind = f"archive {header.codec} {header.width}x{header.height}"
    units = [
        segment.unit(
            store.archive_frames,
            (clip, on_corrupt, output, segment),
            output=output.name,
            kind=kind,
            seconds_per_frame=seconds,
        )
        for segment in segments([*points.tolist(), len(clip)], seconds)
    ]
    if header.audio:  # first: at the end the pool would wait for it
        units.insert(0, Unit(store.archive_sound, (clip, output), name=f"{output.name} sound", kind="sound"))
    finish = Unit(store.finish_archive, (clip, output), name=output.name, kind="consolidate")
    return Group(output.name, tuple(units), finish)
