"""What pools that are up tell of jobs that have not ended: progress, expected end, what they wait for."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mediadask.errors import MediaError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from mediadask.pool import Pool

__all__ = ["LivePools"]


class LivePools:
    """Connections to the pools that are asked, kept for as long as this is open.

    Parameters
    ----------
    named
        The only pool to ask. By default those are asked that `mediadask pool up` keeps on this machine.
    """

    def __init__(self, named: str | None = None) -> None:
        self._named = named
        self._pools: dict[str, Pool | None] = {}

    def __enter__(self) -> LivePools:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pool in self._pools.values():
            if pool is not None:
                pool.close()

    def open_jobs(self, pools: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return what is known of the open jobs of these pools, by id: fields of `JobDescription`.

        Raises
        ------
        MediaError
            The pool that was named does not answer. Of others nothing is told then.
        """
        names = [self._named] if self._named is not None else dict.fromkeys(pools)
        return {
            job["id"]: job
            for name in names
            if (pool := self._connected(name)) is not None
            for job in self._jobs(name, pool)
        }

    def outputs(self, job: str, name: str, most: int | None) -> list[dict[str, Any]]:
        """Return the outputs of a job that are planned, as far as a pool still keeps them: name, state,
        fraction, paths and error of each.

        Parameters
        ----------
        name
            The job's pool.
        most
            About so many; None for all.
        """
        found: list[dict[str, Any]] = []
        if (pool := self._connected(self._named or name)) is not None:
            with suppress(MediaError):  # it does not know the job, or has just ended
                while most is None or len(found) < most:
                    page = pool.ask("outputs", job=job, start=len(found))
                    if not page:
                        break
                    found += page
        kept = ("name", "state", "fraction", "paths", "error")
        return [{key: each[key] for key in kept} for each in found]

    def _jobs(self, name: str, pool: Pool) -> list[dict[str, Any]]:
        try:
            jobs: list[dict[str, Any]] = pool.status()["jobs"]
        except MediaError:
            if self._named is not None:
                raise
            self._pools[name] = None
            pool.close()
            return []
        return jobs

    def _connected(self, name: str) -> Pool | None:
        if name not in self._pools:
            from mediadask.pool import Pool, standing

            try:
                if self._named is None:
                    standing.find(name)
                self._pools[name] = Pool.connect(name)
            except MediaError:
                if self._named is not None:
                    raise
                self._pools[name] = None
        return self._pools[name]
