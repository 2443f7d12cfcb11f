"""When jobs are expected to end: from the same snapshot by which the policy sizes the pool."""

from __future__ import annotations

from math import inf
from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mediadask.pool.config import PoolConfig
    from mediadask.pool.scaling.policy import Snapshot, Target

__all__ = ["expected_seconds"]


def expected_seconds(snapshot: Snapshot, target: Target, config: PoolConfig) -> dict[str, float]:
    """Return the seconds until each job is expected to end, by its id.

    Work is served in the order of classes, then of deadlines, then of submission. A job ends when all work up
    to and including its own has fitted on the threads that are there and, once they have had time to start,
    on those that are on their way; never sooner than its longest unit. A job without an estimate is left
    out: nothing is known of its work, or no thread is there or on its way.
    """
    threads = sum(worker.threads for worker in snapshot.workers)
    aimed = sum(count * config.tiers[tier].threads for tier, count in target.workers.items())
    startup = max(
        (
            config.tiers[tier].startup if state.startup_seconds is None else state.startup_seconds
            for tier, state in snapshot.tiers.items()
            if state.requested
        ),
        default=0.0,
    )
    more = max(aimed - threads, 0)
    if not threads + more:
        return {}
    turns = (
        (
            config.classes[work.priority].order,
            inf if work.deadline_seconds is None else work.deadline_seconds,
            -work.waited_seconds,
            work,
        )
        for work in snapshot.work
    )
    ahead, ends = 0.0, {}
    for *_, work in sorted(turns, key=itemgetter(0, 1, 2)):
        ahead += work.seconds
        if work.job and work.seconds:
            soon = ahead / threads if threads else inf
            late = (ahead + more * startup) / (threads + more)
            ends[work.job] = max(soon if soon <= startup else late, work.longest_seconds)
    return ends
