"""Picture math on a dataset's frames: the same function a unit calls, mapped over chunks, lazily."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np

from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt
    import xarray as xr

__all__ = ["map_pictures"]

_PICTURE = ("y", "x", "channel")


def map_pictures(
    dataset: xr.Dataset,
    function: Callable[[npt.NDArray[Any]], npt.NDArray[Any]],
    *,
    size: tuple[int, int] | None = None,
    dtype: npt.DTypeLike = np.float32,
    attrs: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """The dataset with every picture of ``frames`` replaced by what `function` makes of it.

    Chunks along ``frame`` stay as they are, and so do coordinates, sound and where the clip is.

    Parameters
    ----------
    function
        Takes (rows, columns, channels) of the dataset's type and gives as many channels. Picklable, and equal
        functions are equal to Dask: a frozen dataclass's method, say.
    size
        (width, height) of what it gives; None for the size it takes.
    dtype
        Of what it gives.
    attrs
        Facts of the dataset that are others afterwards.

    Raises
    ------
    InvalidRequest
        If the dataset has no ``frames`` with rows, columns and channels.
    """
    if "frames" not in dataset or not set(_PICTURE) <= set(dataset["frames"].dims):
        raise InvalidRequest(
            "this dataset has no frames (frame, y, x, channel)", do="open it with mediadask.open_clip"
        )
    frames = dataset["frames"].transpose(..., *_PICTURE)
    width, height = size or (frames.sizes["x"], frames.sizes["y"])
    shape = (height, width, frames.sizes["channel"])
    if isinstance(frames.data, da.Array):
        # A picture is one block: what it becomes may depend on all of it.
        data = frames.data.rechunk(dict.fromkeys(range(frames.ndim - 3, frames.ndim), -1))
        mapped = da.map_blocks(
            _map,
            data,
            function=function,
            shape=shape,
            kind=np.dtype(dtype),
            dtype=np.dtype(dtype),
            chunks=(*data.chunks[:-3], *((length,) for length in shape)),
            meta=np.empty((0,) * frames.ndim, dtype),
        )
    else:
        mapped = _map(frames.data, function=function, shape=shape, kind=np.dtype(dtype))
    resized = {dim for dim, length in zip(_PICTURE, shape, strict=True) if length != frames.sizes[dim]}
    misplaced = [name for name, coordinate in dataset.coords.items() if resized & set(coordinate.dims)]
    result = dataset.drop_vars(["frames", *misplaced]).assign(frames=(frames.dims, mapped, frames.attrs))
    result.attrs = {**dataset.attrs, **(attrs or {})}
    result.encoding = dict(dataset.encoding)
    source = frames.encoding.get("source")
    if source:
        result["frames"].encoding["source"] = source
    return result[list(dataset.data_vars)]


def _map(
    pictures: npt.NDArray[Any],
    *,
    function: Callable[[npt.NDArray[Any]], npt.NDArray[Any]],
    shape: tuple[int, int, int],
    kind: np.dtype[Any],
) -> npt.NDArray[Any]:
    before = pictures.shape[:-3]
    height, width, channels = shape
    # Planar memory, as the pictures come and as the next step likes them.
    out = np.moveaxis(np.empty((*before, channels, height, width), kind), -3, -1)
    for index in np.ndindex(before):
        out[index] = function(pictures[index])
    return out
