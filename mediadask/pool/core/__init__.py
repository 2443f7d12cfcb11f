"""The pool's state: one machine without I/O. Events in, commands out, time passed in."""

from mediadask.pool.core.clock import Now
from mediadask.pool.core.state import PoolState

__all__ = ["Now", "PoolState"]
