"""The shared pool: jobs, displacement, scaling, turnaround, cost. It knows no media."""

from mediadask.pool.job import Job, Jobs, Progress
from mediadask.pool.pool import Pool

__all__ = ["Job", "Jobs", "Pool", "Progress"]
