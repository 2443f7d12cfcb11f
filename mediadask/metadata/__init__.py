"""One normalized schema of what clips say of themselves, and how to ask one clip or thousands."""

from mediadask.metadata.cards import FormatCard, format_cards, framings_in, read_cards, write_cards
from mediadask.metadata.frames import frame_metadata
from mediadask.metadata.inspection import describe, inspect, inspect_each, inspect_many
from mediadask.metadata.model import ClipMetadata

__all__ = [
    "ClipMetadata",
    "FormatCard",
    "describe",
    "format_cards",
    "frame_metadata",
    "framings_in",
    "inspect",
    "inspect_each",
    "inspect_many",
    "read_cards",
    "write_cards",
]
