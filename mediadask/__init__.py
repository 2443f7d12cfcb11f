"""Camera-file processing for film and TV on an elastic Dask pool."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mediadask.checkpoint import checkpoint
from mediadask.delivery import Delivery, Report, delivery
from mediadask.errors import (
    CorruptFrame,
    InvalidRequest,
    MediaChanged,
    MediaError,
    MediaWarning,
    MissingMedia,
    OutputFailed,
    UnreadableMedia,
    UnsupportedMedia,
)

if TYPE_CHECKING:
    from mediadask.clips import Clip
    from mediadask.dataset import open_clip
    from mediadask.editorial.pull import pull
    from mediadask.editorial.trim import trim
    from mediadask.metadata import ClipMetadata, inspect, inspect_many
    from mediadask.pool import Job, Pool
    from mediadask.render import Cut, Trimmed, archive, proxy, sheet, still, trim_ranges

__all__ = [
    "Clip",
    "ClipMetadata",
    "CorruptFrame",
    "Cut",
    "Delivery",
    "InvalidRequest",
    "Job",
    "MediaChanged",
    "MediaError",
    "MediaWarning",
    "MissingMedia",
    "OutputFailed",
    "Pool",
    "Report",
    "Trimmed",
    "UnreadableMedia",
    "UnsupportedMedia",
    "archive",
    "checkpoint",
    "delivery",
    "inspect",
    "inspect_many",
    "open_clip",
    "proxy",
    "pull",
    "sheet",
    "still",
    "trim",
    "trim_ranges",
]


# Where the names are that need FFmpeg, OpenColorIO or xarray: only who asks for one waits for its import, and
# `mediadask --help` for none. A name that is also a module's (`delivery`) cannot come this way.
_HOMES = {
    "Clip": "clips",
    "ClipMetadata": "metadata",
    "Cut": "render",
    "Job": "pool",
    "Pool": "pool",
    "Trimmed": "render",
    "inspect": "metadata",
    "inspect_many": "metadata",
    "archive": "render",
    "open_clip": "dataset",
    "proxy": "render",
    "pull": "editorial.pull",
    "sheet": "render",
    "still": "render",
    "trim": "editorial.trim",
    "trim_ranges": "render",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "open_clip":
        import_module("mediadask.accessor")  # registers `Dataset.media`
    return getattr(import_module(f"mediadask.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
