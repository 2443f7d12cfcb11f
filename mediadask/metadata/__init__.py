"""One normalized schema of what clips say of themselves, and how to ask one clip or thousands."""

from mediadask.metadata.inspection import describe, inspect, inspect_each, inspect_many
from mediadask.metadata.model import ClipMetadata

__all__ = ["ClipMetadata", "describe", "inspect", "inspect_each", "inspect_many"]
