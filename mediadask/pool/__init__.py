"""The shared pool: jobs, displacement, scaling, turnaround, cost. It knows no media."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mediadask.pool.job import Job, Jobs, Progress
    from mediadask.pool.pool import Pool
else:  # not for workers, which need none of it and would start a quarter later
    from mediadask.lazy import lazily

    __getattr__ = lazily(__name__, {"Job": "job", "Jobs": "job", "Pool": "pool", "Progress": "job"})

__all__ = ["Job", "Jobs", "Pool", "Progress"]
