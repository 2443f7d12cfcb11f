"""The frames of a clip as something a Dask task slices, and the graph in which tasks share decodes.

Chunks are whole GOPs up to a byte budget, and such a chunk is one task that decodes what it needs. A GOP
above the budget (60 frames of 4K as 16-bit R'G'B' are 3 GB) becomes several chunks behind one task that
decodes it once and keeps native planes, a quarter of that::

    GOP above the budget                       chunks of whole GOPs
    ("decode-…", 0) ── ("frames-…", 0, 0, 0, 0)    ("frames-…", 3, 0, 0, 0)
                    ├─ ("frames-…", 1, 0, 0, 0)    ("frames-…", 4, 0, 0, 0)
                    └─ ("frames-…", 2, 0, 0, 0)    …

A GOP whose native planes are too much for a worker to hold (250 frames of 4K in 10 bits are 6 GB) has several
such tasks, one after the other: where one ends it leaves its decoder to the next. The next depends on the
frames of the one before, so that a scheduler puts it where they are; elsewhere it decodes from the key again.

Every chunk is a Dask getter, so that slices of it are fused into the task and reach `FrameArray`, which
decodes and converts no more than they need. Tasks are made after culling: a GOP of which one chunk is left
is decoded from there, one of which several are left as far as the last of them needs.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from numbers import Integral
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from dask.highlevelgraph import Layer, MaterializedLayer

from mediadask.clips import Clip, Frame
from mediadask.clips.clip import reopen
from mediadask.dask_api import DataNode, Task, TaskRef, array_getter
from mediadask.errors import InvalidRequest
from mediadask.pixels import SampleType, to_rgb

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Set

    import numpy.typing as npt

    from mediadask.clips import OnCorrupt

__all__ = ["DecodedFrames", "FrameArray", "FrameLayer", "plan_chunks"]

_OPEN_GOP_FRAMES = 20
"""At least so many frames are decoded together where GOPs are open: a run of them also decodes the next key,
which at 20 is 5 %."""

_HELD_BYTES = 3 << 28
"""How many bytes of native planes one task holds for its chunks: half a second of 4K at 60 frames in 10 bits.
A quarter of what Dask gives a worker of one core on a common machine: the part before may still be held."""

_MOST_LEFT = 4
"""Decoders left for tasks to come; an older one is let go."""

_left: dict[tuple[FrameArray, int], Iterator[Frame]] = {}
"""Frames from this number on, by where in which clip they go on."""


@dataclass(frozen=True)
class FrameArray:
    """``(frame, y, x, channel)`` of a clip, decoded where it is sliced. Plain data: tasks carry it."""

    url: str
    identity: str
    shape: tuple[int, int, int, int]
    dtype: np.dtype[Any]
    on_corrupt: OnCorrupt = "fail"

    threads: int = 1
    """For the decoder: 1, since Dask has a task for every core; 0, as it likes, for a task that is alone."""

    ndim = 4

    @classmethod
    def of(cls, clip: Clip, dtype: SampleType | None, on_corrupt: OnCorrupt) -> FrameArray:
        """The array of a clip; `dtype` None for the source's own, 8 or 16 bits for codes.

        Raises
        ------
        InvalidRequest
            If there are no pictures of that type.
        """
        header = clip.header
        shape = (len(clip), header.height, header.width, len(header.pixel_format.channels))
        with suppress(TypeError):  # NumPy knows no such type
            sample = np.dtype(dtype or header.pixel_format.dtype)
            if sample.name in get_args(SampleType):
                return cls(clip.url, clip.identity, shape, sample, on_corrupt)
        raise InvalidRequest(
            f"no pictures are made as {dtype!r}", where=clip.url, do=f"use {', '.join(get_args(SampleType))}"
        )

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:
        return self.take(index, {})

    def take(self, index: Any, decoded: Mapping[int, Frame]) -> npt.NDArray[Any]:
        """What `index` selects, each axis on its own; frames in `decoded` are not decoded again."""
        items = index if isinstance(index, tuple) else (index,)
        items += (slice(None),) * (4 - len(items))
        numbers, rows, columns, channels = (
            np.atleast_1d(np.arange(length)[item]) for length, item in zip(self.shape, items, strict=True)
        )
        # Planar memory, seen as (frame, y, x, channel): the conversion writes it without interleaving.
        out = np.empty((len(numbers), len(channels), len(rows), len(columns)), self.dtype)
        whole = len(columns) == self.shape[2] and len(channels) == self.shape[3]
        direct = whole and _consecutive(rows) and _consecutive(columns) and _consecutive(channels)
        if out.size:
            band = slice(int(rows.min()), int(rows.max()) + 1)
            for frame in self._frames(np.unique(numbers), decoded):
                places = np.flatnonzero(numbers == frame.number)
                if direct:
                    to_rgb(frame, self.dtype, band, out[places[0]])
                else:
                    planes = to_rgb(frame, self.dtype, band).transpose(2, 0, 1)
                    out[places[0]] = planes[np.ix_(channels, rows - band.start, columns)]
                out[places[1:]] = out[places[0]]
        scalars = tuple(0 if isinstance(item, Integral) else slice(None) for item in items)
        return out.transpose(0, 2, 3, 1)[scalars]

    def _frames(self, numbers: npt.NDArray[Any], decoded: Mapping[int, Frame]) -> Iterator[Frame]:
        """Frames of ascending numbers; what lies between two of them is decoded only inside a GOP."""
        missing = [int(number) for number in numbers if int(number) not in decoded]
        for number in numbers:
            if int(number) in decoded:
                yield decoded[int(number)]
        if not missing:
            return
        clip = reopen(self.url, self.identity)
        gops = clip.index.gops
        first = 0
        for last, number in enumerate(missing):
            end = last + 1 == len(missing)
            # The next one starts a range of its own if a GOP begins between the two.
            if end or gops[np.searchsorted(gops, missing[last + 1], side="right") - 1] > number + 1:
                wanted = set(missing[first : last + 1])
                for frame in clip.frames(
                    missing[first], number + 1, on_corrupt=self.on_corrupt, threads=self.threads
                ):
                    if frame.number in wanted:
                        yield frame
                first = last + 1


@dataclass(frozen=True)
class DecodedFrames:
    """A `FrameArray` some of whose frames are decoded: native planes, copied out of the decoder's memory."""

    source: FrameArray
    frames: dict[int, Frame]

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:
        return self.source.take(index, self.frames)

    def __sizeof__(self) -> int:
        return sum(frame.nbytes for frame in self.frames.values())  # Dask's measure of what a worker holds


def _decode(
    source: FrameArray, reached: int, start: int, stop: int, end: int, *before: FrameArray | DecodedFrames
) -> FrameArray | DecodedFrames:
    """Frames ``[start, stop)``, or the plain array where there are none.

    The task `before`, if it ran in this process, has left a decoder that `reached` a frame; it goes on from
    there, and is left at `stop` to the next task unless that is the `end`.
    """
    if start == stop:
        return source
    reader = _left.pop((source, reached), None)
    if reader is None:
        reached = start
        clip = reopen(source.url, source.identity)
        reader = clip.frames(start, end, on_corrupt=source.on_corrupt, threads=source.threads)
    frames = {}
    for frame in islice(reader, stop - reached):
        if frame.number >= start:
            planes = tuple(plane.copy() for plane in frame.planes)
            frames[frame.number] = replace(frame, planes=planes)
    if stop < end:
        _left[source, stop] = reader
        for oldest in list(_left)[:-_MOST_LEFT]:
            _left.pop(oldest, None)
    return DecodedFrames(source, frames)


def _consecutive(positions: npt.NDArray[Any]) -> bool:
    return len(positions) > 0 and bool((np.diff(positions) == 1).all())


def plan_chunks(
    clip: Clip, source: FrameArray, budget_bytes: int, held_bytes: int = _HELD_BYTES
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Edges of chunks, (chunks + 1,) frame numbers; (chunks,) the first chunk that is decoded with each; and
    (chunks,) the first chunk of the GOPs it belongs to.

    Chunks with the same first chunk are decoded together: by one task, which holds no more than `held_bytes`
    of native planes.
    """
    count = len(clip)
    most = max(budget_bytes // max(int(np.prod(source.shape[1:])) * source.dtype.itemsize, 1), 1)
    if clip.index.intra_only:
        edges = np.array([*range(0, count, most), count], np.int64)
        alone = np.arange(len(edges) - 1)
        return edges, alone, alone
    least = _OPEN_GOP_FRAMES if _has_open_gops(clip) else 1
    together, start, stop = [0], 0, 0
    for edge in clip.index.gops.tolist():
        if stop - start >= least and edge - start > most:
            together.append(stop)
            start = stop
        stop = edge
    starts, stops = np.array(together), np.array([*together[1:], count])
    parts = np.maximum(-(-(stops - starts) // most), 1)
    firsts = np.repeat(np.cumsum(parts) - parts, parts)
    part = np.arange(len(firsts)) - firsts
    group = np.repeat(np.arange(len(parts)), parts)
    chunk_bytes = -(-(stops - starts) // parts) * _native_bytes(clip)
    owners = firsts + part - part % np.maximum(held_bytes // chunk_bytes, 1)[group]
    edges = starts[group] + (stops - starts)[group] * part // parts[group]
    return np.append(edges, count), owners, firsts


def _native_bytes(clip: Clip) -> int:
    header = clip.header
    return header.pixel_format.frame_bytes(header.height, header.width)


def _has_open_gops(clip: Clip) -> bool:
    """Whether frames shown before some key come after it in decode order."""
    index = clip.index
    if len(index.gops) < 3 or index.intra_only:
        return False
    last_packet = np.maximum.reduceat(index.shown, index.gops[:-1])
    return bool((last_packet[:-1] > index.decode_start[index.gops[1:-1]]).any())


class FrameLayer(Layer):
    """The tasks of a clip's chunks, made when a graph is culled. It travels as URL, shape and chunk edges."""

    def __init__(
        self,
        name: str,
        source: FrameArray,
        edges: npt.NDArray[np.int64],
        owners: npt.NDArray[np.int64],
        firsts: npt.NDArray[np.int64],
    ) -> None:
        super().__init__()
        self.name, self.source = name, source
        self.edges, self.owners, self.firsts = edges, owners, firsts
        self._all: dict[Any, Task | DataNode] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_all": None}

    def __repr__(self) -> str:
        return f"<FrameLayer {self.name!r}: {len(self.owners)} chunks>"

    @property
    def _tasks(self) -> dict[Any, Task | DataNode]:
        if self._all is None:
            self._all = self._make(range(len(self.owners)))
        return self._all

    def __getitem__(self, key: Any) -> Task | DataNode:
        return self._tasks[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)

    def is_materialized(self) -> bool:
        """Whether its tasks have been made."""
        return self._all is not None

    def get_output_keys(self) -> Set[Any]:
        """The chunks."""
        return {(self.name, chunk, 0, 0, 0) for chunk in range(len(self.owners))}

    def cull(self, keys: set[Any], all_hlg_keys: Collection[Any]) -> tuple[Layer, Mapping[Any, set[Any]]]:
        """The tasks of some chunks, with no more decoding than those need."""
        tasks = self._make(sorted(key[1] for key in keys if key[0] == self.name))
        layer = MaterializedLayer(tasks, annotations=self.annotations)
        return layer, {key: set(task.dependencies) for key, task in tasks.items()}

    def _make(self, chunks: Collection[int]) -> dict[Any, Task | DataNode]:
        source = replace(self.source, threads=0) if len(chunks) == 1 else self.source
        tasks: dict[Any, Task | DataNode] = {}
        groups: dict[int, list[int]] = {}
        for chunk in chunks:
            groups.setdefault(int(self.firsts[chunk]), []).append(chunk)
        for first, needed in groups.items():
            parts = np.unique(
                self.owners[first : needed[-1] + 1][self.firsts[first : needed[-1] + 1] == first]
            )
            several = np.count_nonzero(self.firsts == first) > 1
            if several:
                tasks |= self._decoding(source, parts.tolist(), needed)
            for chunk in needed:
                key = self._decoding_key(int(self.owners[chunk]))
                decoded = TaskRef(key) if several else DataNode(key, source)
                index = (slice(int(self.edges[chunk]), int(self.edges[chunk + 1])), *(slice(None),) * 3)
                name = (self.name, chunk, 0, 0, 0)
                tasks[name] = Task(name, array_getter(), decoded, index)
        return tasks

    def _decoding_key(self, owner: int) -> tuple[str, int]:
        return f"decode-{self.name}", owner

    def _decoding(
        self, source: FrameArray, parts: list[int], needed: list[int]
    ) -> dict[Any, Task | DataNode]:
        """The tasks that decode one GOP for its chunks, each after the one before.

        Every key depends on the same keys however much of the GOP is needed: a scheduler that holds one of
        them from another computation must not see its dependencies change.
        """
        tasks: dict[Any, Task | DataNode] = {}
        end = int(self.edges[needed[-1] + 1])
        reached = int(self.edges[needed[0]])
        before: tuple[TaskRef, ...] = ()
        for part in parts:
            key = self._decoding_key(part)
            here = [chunk for chunk in needed if self.owners[chunk] == part]
            start = stop = reached
            if here and len(needed) > 1:  # one alone decodes what is asked of it by itself
                start, stop = int(self.edges[here[0]]), int(self.edges[here[-1] + 1])
            tasks[key] = Task(key, _decode, source, reached, start, stop, end, *before)
            reached, before = stop, (TaskRef(key),)
        return tasks
