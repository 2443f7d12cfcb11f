"""``xr.open_dataset(url, engine="mediadask", chunks={})``: xarray's door to `mediadask.open_clip`."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from xarray.backends import BackendEntrypoint

from mediadask.array import accessor  # noqa: F401 - registers `Dataset.media`
from mediadask.array.dataset import open_clip

if TYPE_CHECKING:
    from collections.abc import Iterable

    import xarray as xr

    from mediadask.clips import OnCorrupt
    from mediadask.pixels import SampleType

__all__ = ["MediaBackendEntrypoint"]

# Not still-image suffixes: other engines open those, and a clip of one image is seldom meant.
_SUFFIXES = frozenset([".mov", ".mp4", ".m4v", ".mxf", ".mkv", ".avi", ".ts", ".mts", ".m2ts", ".webm"])


class MediaBackendEntrypoint(BackendEntrypoint):
    """Camera files: MOV, MP4, MXF and more, and image sequences."""

    description = "Camera files as lazy, frame-exact arrays"
    open_dataset_parameters = ("filename_or_obj", "drop_variables", "dtype", "on_corrupt")

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        dtype: SampleType | None = None,
        on_corrupt: OnCorrupt = "fail",
    ) -> xr.Dataset:
        """What `mediadask.open_clip` gives; the options are its own."""
        dataset = open_clip(filename_or_obj, dtype=dtype, on_corrupt=on_corrupt)
        dropped = [drop_variables] if isinstance(drop_variables, str) else list(drop_variables or ())
        return dataset.drop_vars(dropped, errors="ignore")

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Guess by the suffix only."""
        if not isinstance(filename_or_obj, str | os.PathLike):
            return False
        return PurePosixPath(os.fspath(filename_or_obj)).suffix.lower() in _SUFFIXES
