"""A simulated pool: the same state as a real one, with simulated workers, a simulated Dask and virtual time.

`simulate` runs jobs on a pool in which nothing goes wrong, for quotes and what-if replays;
`jobs_from_ledger` gives it the jobs of a real one. ``python -m mediadask.pool.simulation`` runs the pool in
worlds in which much goes wrong, each made from a seed, and checks its invariants after every event.
"""

from mediadask.pool.simulation.model import GraphModel, GroupModel, JobModel, UnitModel
from mediadask.pool.simulation.outcome import JobOutcome, Outcome, TierOutcome, simulate
from mediadask.pool.simulation.recorded import jobs_from_ledger

__all__ = [
    "GraphModel",
    "GroupModel",
    "JobModel",
    "JobOutcome",
    "Outcome",
    "TierOutcome",
    "UnitModel",
    "jobs_from_ledger",
    "simulate",
]
