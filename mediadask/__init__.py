"""Camera-file processing for film and TV on an elastic Dask pool."""

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
    "proxy",
]
