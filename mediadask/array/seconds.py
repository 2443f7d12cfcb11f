"""Seconds as an xarray coordinate of frames that `xr.map_blocks` cuts into blocks like any other array."""

from __future__ import annotations

from typing import Any

import xarray as xr
from xarray.indexes import PandasIndex

__all__ = ["SecondsIndex"]


class SecondsIndex(PandasIndex):
    """A pandas index whose coordinate is a plain variable.

    xarray's own makes an ``IndexVariable``, which is never chunked: `xr.map_blocks` takes none but those
    named as their dimension is.
    """

    def create_variables(self, variables: Any = None) -> dict[Any, xr.Variable]:
        """The coordinate."""
        made = super().create_variables(variables)
        return {
            name: xr.Variable(one.dims, one.values, one.attrs, one.encoding) for name, one in made.items()
        }
