"""Zarr stores of clips, written shard by shard by units that know nothing of each other."""

from __future__ import annotations

import json
import os
import uuid
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from zarr.codecs import ZstdCodec
from zarr.storage import FsspecStore, LocalStore, MemoryStore

from mediadask.array.frames import FrameArray
from mediadask.array.sound import SoundArray
from mediadask.checkpoint import checkpoint
from mediadask.clips import Clip
from mediadask.clips.storage import filesystem_of, is_local, open_file, read_document
from mediadask.errors import OutputFailed
from mediadask.pixels import to_rgb
from mediadask.render.output import Format, Mark, Output, Rendered, exists, join_url, output_errors

if TYPE_CHECKING:
    from mediadask.clips import OnCorrupt
    from mediadask.render.segment import Segment

__all__ = ["STORE", "archive_frames", "archive_sound", "finish_archive", "shard_frames"]

_SHARD_BYTES = 128 << 20
"""So many bytes of uncompressed pictures go into one object: a unit holds them in memory while it writes."""

_LARGE = ("frames", "audio")
"""The arrays that units write."""

_MARK = "frames/.mediadask.json"
"""Inside an array, where readers of the hierarchy do not look."""

_MARK_BYTES = 16 << 20
"""More than one has that names a million stand-ins."""


def shard_frames(frames: FrameArray) -> int:
    """How many frames of an array one shard holds."""
    frame_bytes = int(np.prod(frames.shape[1:])) * frames.dtype.itemsize
    return int(min(max(_SHARD_BYTES // frame_bytes, 1), frames.shape[0]))


def archive_frames(clip: Clip, on_corrupt: OnCorrupt, output: Output, segment: Segment) -> list[int]:
    """Write the shards of one segment, unless they are there; the frames that did not decode."""
    note = output.part(f"frames-{segment.start}-{segment.stop}.json")
    if output.is_done():
        return []
    if not exists(note):
        stand_ins: list[int] = []
        with output.making(note) as path:
            _write_shards(_array(clip, output, "frames"), clip, on_corrupt, segment, stand_ins)
            path.write_text(json.dumps(stand_ins))
    with open_file(note) as file:
        return list(json.loads(file.read()))


def _write_shards(
    array: Any, clip: Clip, on_corrupt: OnCorrupt, segment: Segment, stand_ins: list[int]
) -> None:
    length = array.shards[0]
    _, height, width, channels = array.shape
    shard = np.empty((length, channels, height, width), array.dtype)
    for frame in clip.frames(*segment, on_corrupt=on_corrupt, threads=1):
        row = frame.number % length
        to_rgb(frame, array.dtype, out=shard[row])
        if not frame.valid:
            stand_ins.append(frame.number)
        if row == length - 1 or frame.number == segment.stop - 1:
            array[frame.number - row : frame.number + 1] = shard[: row + 1].transpose(0, 2, 3, 1)
        checkpoint()


def archive_sound(clip: Clip, output: Output) -> list[int]:
    """Write the clip's sound, unless it is there."""
    note = output.part("sound.json")
    sound = SoundArray.of(clip)
    if sound is not None and not exists(note) and not output.is_done():
        with output.making(note) as path:
            array = _array(clip, output, "audio")
            for first in range(0, sound.shape[0], array.chunks[0]):
                array[first : first + array.chunks[0]] = sound[first : first + array.chunks[0]]
                checkpoint()
            path.write_text("[]")
    return []


def finish_archive(stand_ins: Sequence[list[int]], clip: Clip, output: Output) -> Rendered:
    """Write coordinates and metadata, and put the store in its place."""
    found = output.standing()
    if found is None:
        numbers = tuple(sorted({number for some in stand_ins for number in some}))
        found = Mark(output.mark.made_from, output.mark.source, numbers)
        with output_errors(output.url):
            for key, value in {**_template(clip), _MARK: str(found).encode()}.items():
                _put(join_url(_store_url(output), key), value)
            _drop_unfinished(_store_url(output))
            with warnings.catch_warnings():
                # Not in the v3 specification yet; others pass over it, and xarray warns where it is missing.
                warnings.filterwarnings("ignore", "Consolidated metadata")
                zarr.consolidate_metadata(_zarr_store(_store_url(output)))
            if _is_whole(_store_url(output)):
                _move(_store_url(output), output)
            elif not output.is_done():  # nor has another try of this unit been first
                output.clear()  # also what says that parts are made
                raise OutputFailed(
                    "frames went from its working folder as it was made", where=output.url, do="run it again"
                )
    output.clear()
    return Rendered(output.url, len(clip), found.stand_ins if found else ())


def _read_text(url: str) -> str | None:
    """One that lost an object since is made from nothing: its pictures would read as black."""
    place = join_url(url, _MARK)
    if not exists(place):
        return None
    text = read_document(place, _MARK_BYTES).decode(errors="replace")
    mark = Mark.parse(text)
    return text if mark is None or _is_whole(url) else str(replace(mark, made_from=""))


STORE = Format("Zarr store", _read_text)


def _is_whole(url: str) -> bool:
    try:
        arrays = zarr.open_group(_zarr_store(url), mode="r").arrays()
        return all(array.nchunks_initialized >= array.nchunks for name, array in arrays if name in _LARGE)
    except (FileNotFoundError, ValueError):  # its metadata is gone or damaged
        return False


def _store_url(output: Output) -> str:
    return output.part("store.zarr")


def _template(clip: Clip) -> dict[str, bytes]:
    """The store without pictures and sound, key by key: metadata and coordinates.

    xarray writes it, so that xarray reads it back; every unit can make it, and it is the same each time.
    """
    from mediadask.array.dataset import (
        open_clip,  # with xarray and pandas, a second that only one unit has to wait
    )

    dataset = open_clip(clip)
    shard = shard_frames(FrameArray.of(clip, None, "fail"))
    dataset["frames"] = dataset["frames"].variable.chunk({"frame": shard})
    packed: dict[str, Any] = {"compressors": [ZstdCodec(level=3, checksum=True)]}
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
    array = zarr.open_array(_zarr_store(url), path=name, mode="r+")
    return array.with_config({"write_empty_chunks": True})  # black and silence too: what is not there is lost


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
        filesystem, place = filesystem_of(url)
        filesystem.pipe_file(place, content)


def _drop_unfinished(store: str) -> None:
    """Drop what writes of ours and of Zarr's have left that a kill or a full disk ended."""
    if is_local(store):
        for left in Path(store).rglob("*.part*"):
            left.unlink(missing_ok=True)


def _move(store: str, output: Output) -> None:
    if is_local(store):
        replaced = output.part("replaced.zarr") if os.path.exists(output.url) else None
        if replaced is not None:
            os.rename(output.url, replaced)
        Path(output.url).parent.mkdir(parents=True, exist_ok=True)
        try:
            os.rename(store, output.url)
        except FileNotFoundError:  # another try of this unit was first
            if replaced is not None:
                os.rename(replaced, output.url)
            raise
        return
    # No renames there: what makes it a store, and what says it is whole, come last.
    filesystem, source = filesystem_of(store)
    _, target = filesystem_of(output.url)
    last = {"/zarr.json": 1, f"/{_MARK}": 2}
    names = (path.removeprefix(source) for path in filesystem.find(source))
    for name in sorted(names, key=lambda name: last.get(name, 0)):
        filesystem.copy(source + name, target + name)
