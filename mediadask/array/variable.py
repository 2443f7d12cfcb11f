"""A variable that stays a Dask array when xarray opens it as a backend's."""

from __future__ import annotations

from typing import Any

import xarray as xr
from xarray.core.indexing import ExplicitlyIndexed

__all__ = ["DaskVariable"]


class DaskVariable(xr.Variable):
    """The variable that a backend returns if it makes the Dask graph itself.

    ``xr.open_dataset`` wraps every array of a backend against being written to, Dask's too, and chunks the
    wrapper: tasks would then compute our graph inside, chunk by chunk, and no two could share a decode.
    A Dask array needs no such protection.
    """

    __slots__ = ()

    @property
    def data(self) -> Any:
        """The Dask array."""
        return super().data

    @data.setter
    def data(self, data: Any) -> None:
        if not isinstance(data, ExplicitlyIndexed):
            xr.Variable.data.fset(self, data)  # type: ignore[attr-defined]
