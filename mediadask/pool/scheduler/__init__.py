"""The scheduler's side of a pool, which ``dask scheduler --preload mediadask.pool.scheduler`` brings up."""

from mediadask.pool.scheduler.foreman import Foreman, dask_setup

__all__ = ["Foreman", "dask_setup"]
