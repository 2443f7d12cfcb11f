"""Camera-file processing for film and TV on an elastic Dask pool."""

from typing import TYPE_CHECKING, Any

from mediadask.checkpoint import checkpoint
from mediadask.clips import Clip
from mediadask.delivery import Delivery, Report, delivery
from mediadask.errors import (
    CorruptFrame,
    InvalidRequest,
    MediaChanged,
    MediaError,
    MissingMedia,
    OutputFailed,
    UnreadableMedia,
    UnsupportedMedia,
)
from mediadask.metadata import ClipMetadata, inspect, inspect_many
from mediadask.render import proxy

if TYPE_CHECKING:
    from mediadask.dataset import open_clip

__all__ = [
    "Clip",
    "ClipMetadata",
    "CorruptFrame",
    "Delivery",
    "InvalidRequest",
    "MediaChanged",
    "MediaError",
    "MissingMedia",
    "OutputFailed",
    "Report",
    "UnreadableMedia",
    "UnsupportedMedia",
    "checkpoint",
    "delivery",
    "inspect",
    "inspect_many",
    "open_clip",
    "proxy",
]


def __getattr__(name: str) -> Any:
    # xarray takes half a second to import: only who opens arrays waits for it.
    if name == "open_clip":
        from mediadask import accessor  # noqa: F401 - registers `Dataset.media`
        from mediadask.dataset import open_clip

        return open_clip
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
