"""One normalized schema of what clips say of themselves, and how to ask one clip or thousands."""

from mediadask.metadata.inspection import inspect, inspect_many
from mediadask.metadata.model import ClipMetadata

__all__ = ["ClipMetadata", "inspect", "inspect_many"]
