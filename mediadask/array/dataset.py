"""A clip as an `xarray.Dataset`: lazy, chunked, frame-exact."""

from __future__ import annotations

import os
from dataclasses import asdict
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import dask
import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph
from dask.utils import parse_bytes
from xarray.indexes import PandasIndex

from mediadask.array.frames import FrameArray, FrameLayer, plan_chunks
from mediadask.array.seconds import SecondsIndex
from mediadask.array.sound import SoundArray
from mediadask.array.stored import archive_errors, open_archive
from mediadask.array.timecodes import TimecodeIndex
from mediadask.array.variable import DaskVariable
from mediadask.clips import Clip
from mediadask.clips.storage import normalize
from mediadask.errors import InvalidRequest
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mediadask.clips import OnCorrupt
    from mediadask.pixels import SampleType

__all__ = ["open_clip"]

_SOUND_SECONDS = 10


def open_clip(
    url: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | Clip,
    *,
    chunks: Mapping[str, Any] | None = None,
    dtype: SampleType | None = None,
    on_corrupt: OnCorrupt = "fail",
) -> xr.Dataset:
    """Open a clip as ``frames (frame, y, x, channel)`` and, where it has sound, ``audio (sample, track)``.

    Nothing is decoded until it is computed. Coordinates are ``frame`` (0-based), ``time`` (seconds since the
    first frame), ``timecode`` (where the clip has one) and ``keyframe``; ``.sel`` takes the first three.

    Parameters
    ----------
    url
        A file, an image sequence's pattern, the parts of one spanned recording in order, an open clip, or an
        archive (``.zarr``), which gives the same dataset in the sample type that it was stored in.
    chunks
        With None or ``{}`` a chunk holds whole GOPs, up to Dask's ``array.chunk-size``. A longer GOP is split
        into several chunks and decoded once. ``{"frame": 12}`` and the like rechunk this; every frame is
        still decoded once.
    dtype
        The default is ``uint8`` for 8-bit sources, ``uint16`` for deeper ones, and a float source's own type.
        Integers are full range and clipped. ``float32`` and ``float16`` are exact and unclipped, 1.0 =
        reference white.
    on_corrupt
        What to do with a frame that does not decode: ``fail`` raises an error when it is computed, ``hold``
        repeats the last good picture, ``black`` gives black.

    Returns
    -------
    xarray.Dataset
        ``frames`` has the channels R, G, B, and A if the clip has alpha, or only Y; a sound recording has no
        frames. ``audio`` is float32, full scale ±1, at the first stream's rate, and ``track_name`` is what
        the recorder calls its tracks. The attributes are the clip's facts.

    Raises
    ------
    MediaError
        If there is no such file, it is damaged, or no reader opens it.

    Examples
    --------
    >>> ds = md.open_clip("A001C001.mov")
    >>> dict(ds.frames.sizes), str(ds.frames.dtype)
    ({'frame': 48, 'y': 108, 'x': 192, 'channel': 3}, 'uint16')
    >>> ds.frames.sel(timecode="10:01:13:12").compute().frame.item()
    36
    >>> ds.frames.isel(frame=slice(0, 4)).mean("frame").compute().shape
    (108, 192, 3)
    """
    if isinstance(url, str | os.PathLike) and normalize(url).endswith(".zarr"):
        archived = _archived(normalize(url), dtype)
        return archived.chunk(chunks) if chunks else archived
    clip = url if isinstance(url, Clip) else Clip.open(url)
    variables = {}
    if clip.header.has_pictures:
        variables["frames"] = _frames(clip, FrameArray.of(clip, dtype, on_corrupt))
    sound = SoundArray.of(clip)
    if sound is not None:
        variables["audio"] = _audio(clip, sound)
    dataset = xr.Dataset(variables, coords=_coordinates(clip, sound), attrs=_attributes(clip))
    dataset.encoding["source"] = clip.url
    return dataset.chunk(chunks) if chunks else dataset


def _archived(store: str, dtype: SampleType | None) -> xr.Dataset:
    """What `mediadask.archive` stored, with the clip's own indexes: Zarr has no place for them."""
    dataset = open_archive(store)
    if dtype is not None and dataset["frames"].dtype != dtype:
        what = f"was stored as {dataset['frames'].dtype}, not {dtype}"
        raise InvalidRequest(what, where=store, do="open the camera file")
    with archive_errors(store):
        dataset = dataset.set_xindex("time", SecondsIndex)
        if "timecode" not in dataset.variables:
            return dataset
        start = Timecode.parse(dataset.attrs["start_timecode"], Fraction(dataset.attrs["frame_rate"]))
        index = TimecodeIndex.starting(start, dataset.sizes["frame"], "frame")
        return dataset.assign_coords(xr.Coordinates(index.create_variables(), {"timecode": index}))


def _frames(clip: Clip, source: FrameArray) -> xr.Variable:
    plan = plan_chunks(clip, source, parse_bytes(dask.config.get("array.chunk-size")))
    name = f"frames-{tokenize(clip, source, *plan)}"
    layer, edges = FrameLayer(name, source, *plan), plan[0]
    chunks = (tuple(np.diff(edges).tolist()), *((length,) for length in source.shape[1:]))
    graph = HighLevelGraph({name: layer}, {name: set()})
    array = da.Array(graph, name, chunks, dtype=source.dtype)
    preferred = {"frame": chunks[0], "y": source.shape[1], "x": source.shape[2], "channel": source.shape[3]}
    return DaskVariable(
        ("frame", "y", "x", "channel"), array, encoding={"preferred_chunks": preferred, "source": clip.url}
    )


def _audio(clip: Clip, sound: SoundArray) -> xr.Variable:
    samples = min(_SOUND_SECONDS * clip.header.audio[0].rate, sound.shape[0])
    name = f"audio-{tokenize(clip)}"
    array = da.from_array(
        sound, chunks=(samples, -1), name=name, inline_array=True, meta=np.empty((0, 0), "f4")
    )
    preferred = {"sample": samples, "track": sound.shape[1]}
    return DaskVariable(
        ("sample", "track"), array, {"rate": sound.rate}, {"preferred_chunks": preferred, "source": clip.url}
    )


def _coordinates(clip: Clip, sound: SoundArray | None) -> xr.Coordinates:
    of_frames = _frame_coordinates(clip) if clip.header.has_pictures else ({}, {})
    variables, indexes = of_frames
    tracks = sound.tracks if sound is not None else ()
    channels = clip.header.pixel_format.channels if clip.header.has_pictures else ()
    for dim, labels in {"channel": channels, "track": tracks}.items():
        if labels:
            text = np.array(labels)
            indexes[dim] = PandasIndex(pd.Index(labels, dtype=object, name=dim), dim, coord_dtype=text.dtype)
            variables |= indexes[dim].create_variables({dim: xr.Variable(dim, text)})
    if sound is not None and sound.names:
        variables["track_name"] = xr.Variable("track", np.array(sound.names))
    return xr.Coordinates(variables, indexes)


def _frame_coordinates(clip: Clip) -> tuple[dict[Any, Any], dict[str, Any]]:
    """The coordinates along ``frame``, and their indexes."""
    index = clip.index
    count = len(index)
    seconds = (index.frame_pts - index.frame_pts[:1]) * float(index.time_base)
    indexes: dict[str, Any] = {
        "frame": PandasIndex(pd.RangeIndex(count, name="frame"), "frame"),
        "time": SecondsIndex(pd.Index(seconds, name="time"), "frame"),
    }
    variables: dict[Any, Any] = {
        **indexes["frame"].create_variables(),
        **indexes["time"].create_variables(),
        "keyframe": xr.Variable("frame", index.frame_keys),
    }
    variables["time"].attrs["units"] = "s"
    if clip.header.timecode is not None:
        start = Timecode.parse(clip.header.timecode, clip.header.frame_rate)
        indexes["timecode"] = TimecodeIndex.starting(start, count, "frame")
        variables |= indexes["timecode"].create_variables()
    return variables, indexes


def _attributes(clip: Clip) -> dict[str, Any]:
    """What a user reads, in JSON's own types so that every store takes it; what is not known is left out."""
    header = clip.header
    facts = {
        "codec": header.codec,
        "profile": header.profile,
        "container": header.container,
        "frame_rate": str(header.frame_rate),
        "pixel_format": header.pixel_format.name,
        "bit_depth": header.pixel_format.bits,
        "pixel_aspect": str(header.pixel_aspect),
        "field_order": header.field_order,
        "rotation": header.rotation,
        "mirrored": header.mirrored or None,
        "alpha": header.alpha,
        "start_timecode": header.timecode,
        "reel": header.reel,
        **{f"color_{name}": _plain(value) for name, value in asdict(header.color).items()},
    }
    if not header.has_pictures:
        assumed = any(tag.source == "assumed" for tag in header.tags)
        of_sound = ("codec", "container", "start_timecode", "reel", *(() if assumed else ("frame_rate",)))
        facts = {name: facts[name] for name in of_sound} | {"time_reference": header.audio[0].time_reference}
    return {name: value for name, value in facts.items() if value is not None}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
