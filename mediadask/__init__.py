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
from mediadask.lazy import lazily

if TYPE_CHECKING:
    from mediadask.array.dataset import open_clip
    from mediadask.clips import Clip
    from mediadask.clips.ltc import read_ltc
    from mediadask.editorial.edits.changes import changes
    from mediadask.editorial.pull import pull
    from mediadask.editorial.trim import trim
    from mediadask.integrity.offload import offload
    from mediadask.integrity.verify import verify
    from mediadask.metadata import (
        ClipMetadata,
        FormatCard,
        format_cards,
        frame_metadata,
        inspect,
        inspect_many,
    )
    from mediadask.pool import Job, Pool
    from mediadask.render.archive import archive
    from mediadask.render.clip_report import clip_report
    from mediadask.render.proxy import proxy
    from mediadask.render.sheet import sheet, still
    from mediadask.render.trim import Cut, Trimmed, trim_ranges
    from mediadask.sounds import Synced, sync

__all__ = [
    "Clip",
    "ClipMetadata",
    "CorruptFrame",
    "Cut",
    "Delivery",
    "FormatCard",
    "InvalidRequest",
    "Job",
    "MediaChanged",
    "MediaError",
    "MediaWarning",
    "MissingMedia",
    "OutputFailed",
    "Pool",
    "Report",
    "Synced",
    "Trimmed",
    "UnreadableMedia",
    "UnsupportedMedia",
    "archive",
    "changes",
    "checkpoint",
    "clip_report",
    "delivery",
    "format_cards",
    "frame_metadata",
    "inspect",
    "inspect_many",
    "offload",
    "open_clip",
    "proxy",
    "pull",
    "read_ltc",
    "sheet",
    "still",
    "sync",
    "trim",
    "trim_ranges",
    "verify",
]


# Only who asks for one of these waits for FFmpeg, OpenColorIO or xarray, and `mediadask --help` for none.
_later = lazily(
    __name__,
    {
        "Clip": "clips",
        "ClipMetadata": "metadata",
        "Cut": "render.trim",
        "FormatCard": "metadata",
        "Job": "pool",
        "Pool": "pool",
        "Synced": "sounds",
        "Trimmed": "render.trim",
        "archive": "render.archive",
        "changes": "editorial.edits.changes",
        "clip_report": "render.clip_report",
        "format_cards": "metadata",
        "frame_metadata": "metadata",
        "inspect": "metadata",
        "inspect_many": "metadata",
        "offload": "integrity.offload",
        "open_clip": "array.dataset",
        "proxy": "render.proxy",
        "pull": "editorial.pull",
        "read_ltc": "clips.ltc",
        "sheet": "render.sheet",
        "still": "render.sheet",
        "sync": "sounds",
        "trim": "editorial.trim",
        "trim_ranges": "render.trim",
        "verify": "integrity.verify",
    },
)

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name == "open_clip":
            import_module("mediadask.array.accessor")  # registers `Dataset.media`
        return _later(name)


def __dir__() -> list[str]:
    return __all__
