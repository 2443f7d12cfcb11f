"""Timecode as an xarray coordinate: labels made when looked at, selection by arithmetic.

A day of labels takes seconds to build and hash; opening a clip must not wait for them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing
from xarray.core.indexing import IndexSelResult
from xarray.indexes import Index, PandasIndex

from mediadask.errors import InvalidRequest
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

__all__ = ["TimecodeIndex"]


class TimecodeIndex(Index):
    """Labels ``HH:MM:SS:FF`` over frame counts since midnight, which go on counting past it."""

    def __init__(self, counts: PandasIndex, base: int, drop: bool, name: str) -> None:
        self.counts, self.base, self.drop, self.name = counts, base, drop, name

    @classmethod
    def starting(cls, start: Timecode, count: int, dim: str, name: str = "timecode") -> TimecodeIndex:
        """The labels of `count` frames from `start` on, along `dim`."""
        counts = pd.RangeIndex(start.frames, start.frames + count, name=name)
        return cls(PandasIndex(counts, dim), start.base, start.drop, name)

    def _with(self, counts: PandasIndex | None) -> TimecodeIndex | None:
        return None if counts is None else TimecodeIndex(counts, self.base, self.drop, self.name)

    def create_variables(self, variables: Mapping[Any, xr.Variable] | None = None) -> dict[Any, xr.Variable]:
        """The coordinate, its labels lazy."""
        array = _Labels(self.counts.index, Timecode(0, self.base, self.drop))
        old = (variables or {}).get(self.name)
        attrs, encoding = (old.attrs, old.encoding) if old is not None else (None, None)
        lazy = indexing.LazilyIndexedArray(array)
        return {self.name: xr.Variable(self.counts.dim, lazy, attrs, encoding)}

    def to_pandas_index(self) -> pd.Index:
        """The labels, all of them: what ``Dataset.indexes`` shows, and `xr.map_blocks` asks for."""
        counts = np.asarray(self.counts.index, np.int64)
        labels = Timecode(0, self.base, self.drop).labels(counts)
        index: pd.Index = pd.Index(labels, dtype=object, name=self.name)
        return index

    def sel(self, labels: dict[Any, Any], **options: Any) -> IndexSelResult:
        """Positions of one label, several, or a slice of labels, both ends included as in pandas.

        Raises
        ------
        InvalidRequest
            If one is no timecode, does not exist at the clip's rate, or is drop-frame where the clip is not.
        """
        ((name, label),) = labels.items()
        index = self.counts.index
        middle = (int(index.min()) + int(index.max())) // 2 if len(index) else 0
        if isinstance(label, slice):
            counts: Any = slice(self._count(label.start, middle), self._count(label.stop, middle), label.step)
        else:
            texts = np.asarray(getattr(label, "values", label))
            found = np.array([self._count(str(text), middle) for text in texts.ravel()], np.int64)
            counts = found.reshape(texts.shape)[()]
        return self.counts.sel({name: counts}, **options)

    def _count(self, label: str | None, middle: int) -> int | None:
        """The frame of a label in the day around the frame `middle`."""
        if label is None:
            return None
        # Many write drop-frame with colons only; counted as if it were none it would be another frame.
        code = Timecode.parse(re.sub(r"\D(?=\d+$)", ";", label) if self.drop else label, self.base)
        if code.drop != self.drop:
            raise InvalidRequest(f"{label!r} is drop-frame, the clip is not", do="write HH:MM:SS:FF")
        begin = middle - code.frames_per_day // 2
        return begin + (code.frames - begin) % code.frames_per_day

    def isel(self, indexers: Mapping[Any, Any]) -> TimecodeIndex | None:
        """The index of the frames selected; None for a single one."""
        return self._with(self.counts.isel(indexers))

    def equals(self, other: Index, *, exclude: frozenset[Any] | None = None) -> bool:
        """Whether both label the same frames alike."""
        return (
            isinstance(other, TimecodeIndex)
            and (self.base, self.drop) == (other.base, other.drop)
            and self.counts.equals(other.counts)
        )

    def join(self, other: TimecodeIndex, how: Any = "inner") -> TimecodeIndex:
        """Frames of both, or of either, by label."""
        joined = self._with(self.counts.join(other.counts, how=how))
        assert joined is not None
        return joined

    def reindex_like(self, other: TimecodeIndex, **options: Any) -> dict[Any, Any]:
        """Where the other's labels are here."""
        return dict(self.counts.reindex_like(other.counts, **options))

    @classmethod
    def concat(
        cls, indexes: Sequence[TimecodeIndex], dim: Any, positions: Iterable[Iterable[int]] | None = None
    ) -> TimecodeIndex:
        """One after the other."""
        joined = indexes[0]._with(PandasIndex.concat([index.counts for index in indexes], dim, positions))
        assert joined is not None
        return joined

    def rename(self, name_dict: Mapping[Any, Any], dims_dict: Mapping[Any, Any]) -> TimecodeIndex:
        """Under another name, along another dimension."""
        counts = self.counts.rename(name_dict, dims_dict)  # type: ignore[no-untyped-call]
        return TimecodeIndex(counts, self.base, self.drop, name_dict.get(self.name, self.name))


class _Labels(BackendArray):
    """The text of frame counts, made for the part that is asked for."""

    def __init__(self, counts: pd.Index, zero: Timecode) -> None:
        self.counts, self.zero = counts, zero
        self.shape = (len(counts),)
        self.dtype = zero.labels(np.zeros(1, np.int64)).dtype

    def __getitem__(self, key: Any) -> npt.NDArray[Any]:
        outer = indexing.IndexingSupport.OUTER
        return np.asarray(indexing.explicit_indexing_adapter(key, self.shape, outer, self._labels))

    def _labels(self, key: tuple[Any, ...]) -> npt.NDArray[Any]:
        return self.zero.labels(np.asarray(self.counts[key[0]], np.int64))
