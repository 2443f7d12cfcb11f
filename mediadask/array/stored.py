"""Archives of clips as arrays: bounded by their metadata, and damage told with the file's name."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import xarray as xr
import zarr
from dask.base import tokenize

from mediadask.clips.storage import stat, storage_errors
from mediadask.errors import MediaError, UnreadableMedia

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

__all__ = ["archive_errors", "open_archive"]

_MOST_CHUNK_BYTES = 4 << 30
"""The most bytes of one picture, or of 10 seconds of sound, that are read at once."""

_MOST_COORDINATE_BYTES = 1 << 30
"""The most bytes of a coordinate, which is read when an archive is opened. Ten days of frames need 150 MB."""


@contextmanager
def archive_errors(store: str) -> Iterator[None]:
    """Say of the archive what is raised inside the block, as an `UnreadableMedia`."""
    try:
        with storage_errors(store):
            yield
    except MediaError:
        raise
    except Exception as error:  # codecs and parsers raise whatever a damaged byte makes of them
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UnreadableMedia(
            f"is a damaged archive ({reason})", where=store, do="make it again, or copy it again"
        ) from error


def open_archive(store: str) -> xr.Dataset:
    """A store as xarray has it, its arrays in chunks as stored.

    Raises
    ------
    MissingMedia, UnreadableMedia
        If it is not there, is no store, or asks for more memory than any archive needs; the same where an
        array is computed whose chunk is damaged.
    """
    with archive_errors(store):
        _check_sizes(store)
        dataset: xr.Dataset = xr.open_dataset(store, engine="zarr", chunks=None, cache=False)
        if not {"frames", "time"} <= set(dataset.variables):
            raise UnreadableMedia("is no archive of a clip", where=store, do="open it with xarray.open_zarr")
        version = stat(f"{store}/zarr.json").version
        lazy = {
            name: _chunked(store, version, str(name), variable)
            for name, variable in dataset.variables.items()
            if name not in dataset.xindexes
        }
    return dataset.assign(lazy)


def _check_sizes(store: str) -> None:
    for name, array in zarr.open_group(store, mode="r").arrays():
        item_bytes = np.dtype(array.dtype).itemsize
        chunk, whole = (math.prod(shape) * item_bytes for shape in (array.chunks, array.shape))
        if chunk > _MOST_CHUNK_BYTES or (name not in ("frames", "audio") and whole > _MOST_COORDINATE_BYTES):
            raise UnreadableMedia(
                f"says that {name} holds {array.shape} in chunks of {array.chunks}, more than any archive",
                where=store,
                do="make it again",
            )


def _chunked(store: str, version: str, name: str, variable: xr.Variable) -> xr.Variable:
    preferred = variable.encoding.get("preferred_chunks", {})
    chunks = tuple(preferred.get(dim, -1) for dim in variable.dims)
    array = da.from_array(
        _Stored(store, variable),
        chunks=chunks,
        name=f"{name}-{tokenize(store, version)}",
        inline_array=True,
        meta=np.empty((0,) * variable.ndim, variable.dtype),
    )
    return xr.Variable(variable.dims, array, variable.attrs, variable.encoding)


class _Stored:
    """One variable of an archive, read where a chunk of it is computed."""

    def __init__(self, store: str, variable: xr.Variable) -> None:
        self._store, self._variable = store, variable
        self.shape, self.dtype, self.ndim = variable.shape, variable.dtype, variable.ndim

    def __getitem__(self, key: Any) -> npt.NDArray[Any]:
        with archive_errors(self._store):
            return np.asarray(self._variable[key].values)
