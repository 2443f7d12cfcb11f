"""What brings workers and takes them away. Nothing above this knows where workers come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Collection, Mapping, Sequence

    from mediadask.pool.scaling.policy import Target

__all__ = ["Actuator", "Departure", "adjust"]


@dataclass(frozen=True, slots=True)
class Departure:
    """An end of a worker that the pool did not ask for."""

    reason: str
    """One line, for the ledger."""

    is_taken: bool
    """Whether others ended it, so that what it ran is not to blame."""

    has_ended: bool = True
    """Whether it is gone, whatever its connection says; else it is about to go."""


class Actuator(Protocol):
    """Starts and stops workers of tiers. Names them ``<tier>-…``, never the same name twice.

    `mediadask.pool.scaling.conformance` is what every implementation must pass.
    """

    news: asyncio.Event
    """Set whenever something has happened to workers. Whoever waits for it clears it."""

    async def start(self, n: int, tier: str) -> None:
        """Ask for `n` more workers of `tier`. Returns when they are asked for, not when they are there."""

    async def stop(self, workers: Collection[str]) -> None:
        """End these workers, arrived or not, whatever they run. Names that are gone already are fine."""

    async def state(self) -> Mapping[str, Sequence[str]]:
        """Return the workers of each tier that exist or are on their way, oldest first, without `leaving`."""

    def leaving(self) -> Collection[str]:
        """Workers that others are about to end: they shall give their work back at once."""

    def departure(self, worker: str) -> Departure | None:
        """How a worker ended or is about to that nobody has stopped here; None where that is not known."""

    def troubles(self) -> Mapping[str, str]:
        """Return, for each tier whose workers do not come, one line that says why."""

    async def close(self) -> None:
        """End all of its workers."""


async def adjust(actuator: Actuator, target: Target) -> None:
    """Bring the workers to what `target` says."""
    if target.stop:
        await actuator.stop(target.stop)
    there = await actuator.state()
    for tier, count in target.workers.items():
        missing = count - len(set(there.get(tier, ())).difference(target.stop))
        if missing > 0:
            await actuator.start(missing, tier)
