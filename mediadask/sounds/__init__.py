"""Sound to picture: which recording belongs to a camera clip, and at which sample."""

from mediadask.sounds.find import find_sounds
from mediadask.sounds.match import Synced, sync

__all__ = ["Synced", "find_sounds", "sync"]
