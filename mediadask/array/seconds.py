"""Seconds as an xarray coordinate of frames that `xr.map_blocks` cuts into blocks like any other array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr
from xarray.indexes import PandasIndex

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SecondsIndex"]


class SecondsIndex(PandasIndex):
    """A pandas index whose coordinate is a plain variable.

    xarray's own makes an ``IndexVariable``, which is never chunked: `xr.map_blocks` takes none but those named
    as their dimension is.
    """

    def create_variables(self, variables: Mapping[Any, xr.Variable] | None = None) -> dict[Any, xr.Variable]:
        """The coordinate."""
        made = super().create_variables(variables)  # type: ignore[no-untyped-call]
        return {
            name: xr.Variable(one.dims, one.values, one.attrs, one.encoding) for name, one in made.items()
        }
