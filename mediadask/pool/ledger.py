"""The durable record of a pool: jobs, attempts, displacements and worker leases, in SQLite or PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mediadask.pool.events import Event

__all__ = ["Ledger"]


class Ledger:
    """Where a pool's events are kept.

    Parameters
    ----------
    url
        ``sqlite:///…`` or ``postgresql://…``; by default ``MEDIADASK_LEDGER``, else a SQLite file in the
        user's data folder.
    pool
        The name of the pool that writes: a restarted scheduler takes up the jobs of its own name only.
    """

    def __init__(self, url: str | None = None, *, pool: str = "local") -> None:
        self.url, self.pool = url, pool

    def record(self, event: Event) -> None:
        """Take note of `event`: some microseconds, never blocks, never raises; durable within a second."""
        raise NotImplementedError

    def close(self) -> None:
        """Write what is still to be written and let go of the database."""
        raise NotImplementedError
