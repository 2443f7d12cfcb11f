"""A pool on Dask's scheduler, which ``dask scheduler --preload mediadask.pool.scheduler`` brings up."""

from mediadask.pool.scheduler.plugin import PoolPlugin, dask_setup

__all__ = ["PoolPlugin", "dask_setup"]
