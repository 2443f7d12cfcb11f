"""The pool's metrics, beside Dask's own on the scheduler's ``/metrics``."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, get_args

import prometheus_client
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from mediadask.pool.history import AttemptOutcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from mediadask.pool.view.pool_view import PoolView

__all__ = ["PoolMetrics"]


_registered: list[PoolMetrics] = []


class PoolMetrics:
    """A collector, from `register` until `unregister`. Dask calls it in the scheduler's event loop.

    Prometheus has one registry for a process: of several pools in it the latest is told, as by Dask itself.
    """

    def __init__(self, view: PoolView) -> None:
        self._view = view

    def register(self) -> None:
        """Appear on ``/metrics``."""
        _registered.append(self)
        prometheus_client.REGISTRY.register(self)

    def unregister(self) -> None:
        """Disappear: the scheduler closes."""
        prometheus_client.REGISTRY.unregister(self)
        _registered.remove(self)

    def describe(self) -> list[Metric]:
        """Nothing: the registry would refuse a second pool with the same metrics."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All metrics of this moment; money and turnaround are of the last seconds."""
        if _registered[-1] is not self:
            return
        self._view.refresh_soon()
        yield from self._of_jobs()
        yield from self._of_tiers()
        yield from self._of_shows()
        ledger = self._view.ledger
        yield GaugeMetricFamily(
            "mediadask_ledger_backlog_events", "Events that wait to be written", value=ledger.backlog
        )
        yield GaugeMetricFamily(
            "mediadask_ledger_away_seconds", "How long the database has been away", value=ledger.away_seconds
        )
        yield CounterMetricFamily(
            "mediadask_ledger_refused_events", "Events that could not be kept", value=ledger.refused
        )

    def _of_jobs(self) -> Iterator[Metric]:
        names = self._view.config.class_names
        jobs, units = Counter[str](), Counter[tuple[str, str]]()
        for job in self._view.running():
            jobs[job.priority] += 1
            units[job.priority, "running"] += job.units_running
            units[job.priority, "paused"] += job.units_paused
            done = job.units_done + job.units_running + job.units_paused
            units[job.priority, "waiting"] += max(0, job.units - done)
        metric = GaugeMetricFamily("mediadask_jobs_running", "Jobs that have not ended", labels=["priority"])
        for name in names:
            metric.add_metric([name], jobs[name])
        yield metric
        metric = GaugeMetricFamily(
            "mediadask_units", "Planned units of these jobs", labels=["priority", "state"]
        )
        for name in names:
            for state in ("waiting", "running", "paused"):
                metric.add_metric([name, state], units[name, state])
        yield metric
        ended = CounterMetricFamily("mediadask_attempts", "Attempts of units that ended", labels=["outcome"])
        for outcome in get_args(AttemptOutcome):
            ended.add_metric([outcome], self._view.state.attempts.ended[outcome])
        yield ended
        yield from self._turnaround()

    def _turnaround(self) -> Iterator[Metric]:
        metric = GaugeMetricFamily(
            "mediadask_turnaround_seconds", "Of the jobs that ended", labels=["priority", "quantile"]
        )
        targets = GaugeMetricFamily(
            "mediadask_turnaround_target_seconds", "As configured", labels=["priority"]
        )
        for row in self._view.turnaround:
            for quantile in ("p50", "p90", "max"):
                metric.add_metric([str(row["priority"]), quantile], row[f"{quantile}_seconds"])
        for name, each in self._view.config.classes.items():
            targets.add_metric([name], each.target_turnaround)
        yield metric
        yield targets

    def _of_tiers(self) -> Iterator[Metric]:
        metric = GaugeMetricFamily(
            "mediadask_workers", "Workers there, requested, and the target", labels=["tier", "state"]
        )
        for tier in self._view.tiers():
            for label, number in (
                ("there", tier.workers),
                ("requested", tier.requested),
                ("target", tier.target),
            ):
                metric.add_metric([tier.tier, label], number)
        yield metric
        missing = GaugeMetricFamily(
            "mediadask_missing_workers",
            "Workers that were asked for and do not come, and why",
            labels=["tier", "why"],
        )
        requested = {tier.tier: tier.requested for tier in self._view.tiers()}
        for name, why in self._view.scaler.troubles().items():
            missing.add_metric([name, why], requested[name])
        yield missing

    def _of_shows(self) -> Iterator[Metric]:
        metric = GaugeMetricFamily(
            "mediadask_spent", "Cost so far, in the configured currency", labels=["show", "on"]
        )
        for row in self._view.costs:
            for part in ("compute", "retries", "displaced", "idle"):
                metric.add_metric([str(row["show"]), part], row[part])
        yield metric
        aside = CounterMetricFamily(
            "mediadask_displaced_seconds", "That units were paused for higher classes", labels=["show"]
        )
        seconds = Counter[str]()
        for row in self._view.delays:
            seconds[str(row["show"])] += row["seconds"]
        for show, sum_of_seconds in seconds.items():
            aside.add_metric([show], sum_of_seconds)
        yield aside
