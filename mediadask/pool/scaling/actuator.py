"""What brings workers and takes them away. Nothing above this knows where workers come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mediadask.pool.scaling.policy import Target

__all__ = ["Actuator", "adjust"]


class Actuator(Protocol):
    """Starts and stops workers of tiers. Names them ``<tier>-…``, never the same name twice.

    `mediadask.pool.scaling.conformance` is what every implementation must pass.
    """

    async def start(self, n: int, tier: str) -> None:
        """Ask for `n` more workers of `tier`. Returns when they are asked for, not when they are there."""

    async def stop(self, workers: Collection[str]) -> None:
        """End these workers, arrived or not, whatever they run. Names that are gone already are fine."""

    async def state(self) -> Mapping[str, Sequence[str]]:
        """By tier, the workers that there are or that are on their way, oldest first."""

    def trouble(self) -> str:
        """Why workers that were asked for do not come, one line; empty while they do."""

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
