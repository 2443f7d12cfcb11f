"""Local worker processes are an actuator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mediadask.pool.scaling.conformance import TIERS, ActuatorConformance
from mediadask.pool.scaling.local_workers import LocalWorkers

if TYPE_CHECKING:
    from distributed import Scheduler


class TestLocalWorkers(ActuatorConformance):
    def actuator_for(self, scheduler: Scheduler) -> LocalWorkers:
        return LocalWorkers(scheduler.address, TIERS)
