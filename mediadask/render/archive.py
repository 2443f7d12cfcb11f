"""Archives: a clip as a Zarr v3 store that opens as the very dataset the clip opens as."""

from __future__ import annotations

import json
import os
import uuid
import warnings
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
import numpy as np
import zarr
from zarr.codecs import ZstdCodec
from zarr.storage import FsspecStore, LocalStore, MemoryStore

from mediadask.array.frames import FrameArray
from mediadask.array.sound import SoundArray
from mediadask.checkpoint import checkpoint
from mediadask.clips import Clip
from mediadask.clips.storage import is_local, normalize, open_file
from mediadask.dataset import open_clip
from mediadask.delivery import Delivery, Group, Unit
from mediadask.errors import InvalidRequest
from mediadask.pixels import to_rgb
from mediadask.render.output import Mark, Output, Rendered, exists, join_url, output_errors
from mediadask.render.plan import Plan, Source, distinct_names, source_list
from mediadask.render.segment import segments

if TYPE_CHECKING:
    from mediadask.clips import OnCorrupt

__all__ = ["archive"]

_SHARD_BYTES = 128 << 20
"""Of uncompressed pictures in one object: what a unit holds in memory while it writes."""

_MARK = "frames/.mediadask.json"
"""Inside an array, where readers of the hierarchy do not look."""


def archive(
    clips: Source | Iterable[Source], out: str | os.PathLike[str], *, on_corrupt: OnCorrupt = "fail"
) -> Delivery:
    """Zarr v3 stores of clips, lossless: ``xr.open_zarr(store)`` equals ``mediadask.open_clip(clip)``.

    One chunk is one frame; a shard, the object that is stored, about 128 MB of them. Numbers are compressed
    with Zstandard.

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
    sources, place = source_list(clips), normalize(out)
    if on_corrupt not in ("fail", "hold", "black"):
        raise InvalidRequest(f"on_corrupt is {on_corrupt!r}", do="use fail, hold or black")
    if place.endswith(".zarr"):
        if len(sources) != 1:
            raise InvalidRequest(f"{len(sources)} clips in one store", where=place, do="name a folder")
        places = [place]
    else:
        places = [join_url(place, f"{name}.zarr") for name in distinct_names(sources)]
    return Delivery("archive", Plan(sources, places, partial(_archive_group, on_corrupt)))


def _archive_group(on_corrupt: OnCorrupt, clip: Clip, url: str) -> Group:
    output = Output.of(url, clip.url, "archive", clip.identity, on_corrupt)
    output.is_done(read_mark(url))  # what may not be replaced is known before anything is rendered
    header = clip.header
    frames = FrameArray.of(clip, None, on_corrupt)
    seconds = (
        header.width * header.height * 14e-9 + int(np.prod(frames.shape[1:])) * frames.dtype.itemsize * 9e-9
    )
    ranges = segments(clip.index, seconds, grid=_shard_frames(frames))
    units = [
        Unit(
            archive_frames,
            (clip, on_corrupt, output, start, stop),
            name=f"{output.name} frames {start}-{stop - 1}",
            kind=f"archive {header.codec} {header.width}x{header.height}",
            frames=stop - start,
            seconds=seconds * (stop - start),
        )
        for start, stop in ranges
    ]
    if header.audio:
        units.append(Unit(archive_sound, (clip, output), name=f"{output.name} sound", kind="sound"))
    finish = Unit(finish_archive, (clip, output), name=output.name, kind="consolidate")
    return Group(output.name, tuple(units), finish)


def _shard_frames(frames: FrameArray) -> int:
    frame_bytes = int(np.prod(frames.shape[1:])) * frames.dtype.itemsize
    return int(min(max(_SHARD_BYTES // frame_bytes, 1), frames.shape[0]))


def archive_frames(clip: Clip, on_corrupt: OnCorrupt, output: Output, start: int, stop: int) -> list[int]:
    """Write the shards of one segment, unless they are there; the frames that did not decode."""
    note = output.part(f"frames-{start}-{stop}.json")
    if output.is_done(read_mark(output.url)):
        return []
    if not exists(note):
        stand_ins: list[int] = []
        with output.making(note, read_mark) as path:
            _write_shards(_array(clip, output, "frames"), clip, on_corrupt, start, stop, stand_ins)
            path.write_text(json.dumps(stand_ins))
    with open_file(note) as file:
        return list(json.loads(file.read()))


def _write_shards(
    array: Any, clip: Clip, on_corrupt: OnCorrupt, start: int, stop: int, stand_ins: list[int]
) -> None:
    length = array.shards[0]
    _, height, width, channels = array.shape
    shard = np.empty((length, channels, height, width), array.dtype)
    for frame in clip.frames(start, stop, on_corrupt=on_corrupt, threads=1):
        row = frame.number % length
        to_rgb(frame, array.dtype, out=shard[row])
        if not frame.valid:
            stand_ins.append(frame.number)
        if row == length - 1 or frame.number == stop - 1:
            array[frame.number - row : frame.number + 1] = shard[: row + 1].transpose(0, 2, 3, 1)
        checkpoint()


def archive_sound(clip: Clip, output: Output) -> list[int]:
    """Write the clip's sound, unless it is there."""
    note = output.part("sound.json")
    sound = SoundArray.of(clip)
    if sound is not None and not exists(note) and not output.is_done(read_mark(output.url)):
        with output.making(note, read_mark) as path:
            array = _array(clip, output, "audio")
            for first in range(0, sound.shape[0], array.chunks[0]):
                array[first : first + array.chunks[0]] = sound[first : first + array.chunks[0]]
                checkpoint()
            path.write_text("[]")
    return []


def finish_archive(stand_ins: Sequence[list[int]], clip: Clip, output: Output) -> Rendered:
    """Write coordinates and metadata, and put the store in its place."""
    found = read_mark(output.url)
    if not output.is_done(found):
        numbers = tuple(sorted({number for some in stand_ins for number in some}))
        found = Mark(output.mark.made_from, output.mark.source, numbers)
        with output_errors(output.url):
            for key, value in {**_template(clip), _MARK: str(found).encode()}.items():
                _put(join_url(_store_url(output), key), value)
            with warnings.catch_warnings():
                # Not in the v3 specification yet; others pass over it, and xarray warns where it is missing.
                warnings.filterwarnings("ignore", "Consolidated metadata")
                zarr.consolidate_metadata(_zarr_store(_store_url(output)))
            _move(_store_url(output), output)
    output.clear()
    return Rendered(output.url, len(clip), found.stand_ins if found else ())


def read_mark(url: str) -> Mark | None:
    """What a store says it was made from; None where there is none, or somebody else's."""
    place = join_url(url, _MARK)
    if not exists(place):
        return None
    with open_file(place) as file:
        return Mark.parse(file.read().decode(errors="replace"))


def _store_url(output: Output) -> str:
    return output.part("store.zarr")


def _template(clip: Clip) -> dict[str, bytes]:
    """The store without pictures and sound, key by key: metadata and coordinates.

    xarray writes it, so that xarray reads it back; every unit can make it, and it is the same each time.
    """
    dataset = open_clip(clip)
    shard = _shard_frames(FrameArray.of(clip, None, "fail"))
    dataset["frames"] = dataset["frames"].variable.chunk({"frame": shard})
    packed: dict[str, Any] = {"compressors": [ZstdCodec(level=3)]}
    frame = (1, *dataset["frames"].shape[1:])
    encoding = {"frames": packed | {"chunks": frame, "shards": (shard, *frame[1:])}}
    if "audio" in dataset:
        encoding["audio"] = packed | {"chunks": dataset["audio"].data.chunksize}
    for name, variable in dataset.variables.items():
        variable.encoding.clear()
        if variable.dtype.kind == "U":
            # Text of fixed length has no place in the Zarr v3 specification, text of any length has.
            dataset[name] = variable.astype(object)
    kept: dict[str, Any] = {}
    dataset.to_zarr(MemoryStore(kept), compute=False, encoding=encoding, zarr_format=3, consolidated=False)
    return {key: value.to_bytes() for key, value in kept.items()}


def _array(clip: Clip, output: Output, name: str) -> Any:
    """The store's array, open for writing shards; every unit writes the same metadata if there are none."""
    key = f"{name}/zarr.json"
    url = _store_url(output)
    if not exists(join_url(url, key)):
        _put(join_url(url, key), _template(clip)[key])
    return zarr.open_array(_zarr_store(url), path=name, mode="r+")


def _zarr_store(url: str) -> LocalStore | FsspecStore:
    return LocalStore(url) if is_local(url) else FsspecStore.from_url(url)


def _put(url: str, content: bytes) -> None:
    """Write a small file, whole at any moment: units beside this one may be reading it."""
    if is_local(url):
        path = Path(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{uuid.uuid4().hex}.part")
        temporary.write_bytes(content)
        temporary.replace(path)
    else:
        filesystem, place = fsspec.url_to_fs(url)
        filesystem.pipe_file(place, content)


def _move(store: str, output: Output) -> None:
    if is_local(store):
        if os.path.exists(output.url):
            os.rename(output.url, output.part("replaced.zarr"))
        Path(output.url).parent.mkdir(parents=True, exist_ok=True)
        os.rename(store, output.url)
        return
    # No renames there: what makes it a store, and what says it is whole, come last.
    filesystem, source = fsspec.url_to_fs(store)
    _, target = fsspec.url_to_fs(output.url)
    last = {"/zarr.json": 1, f"/{_MARK}": 2}
    names = (path.removeprefix(source) for path in filesystem.find(source))
    for name in sorted(names, key=lambda name: last.get(name, 0)):
        filesystem.copy(source + name, target + name)
