"""What every actuator must do, whatever its workers are. Subclass it and give it `actuator_for`."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from distributed import Scheduler

from mediadask.pool.config import load_config
from mediadask.pool.scaling.actuator import adjust
from mediadask.pool.scaling.policy import Target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from mediadask.pool.scaling.actuator import Actuator

TIERS = load_config(
    {
        "tiers": {
            "local": None,
            "one": {"kind": "local", "price-per-hour": 0, "threads": 1},
            "two": {"kind": "local", "price-per-hour": 0, "threads": 2},
        }
    }
).tiers


async def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    """Return when the condition holds; fail where it does not in time."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


class ActuatorConformance:
    """Each test has a real scheduler and an actuator with the tiers ``one`` and ``two`` threads a worker."""

    host: ClassVar[str] = "127.0.0.1"
    """Where the scheduler listens."""

    def actuator_for(self, scheduler: Scheduler) -> Actuator:
        raise NotImplementedError

    @asynccontextmanager
    async def bench(self) -> AsyncIterator[tuple[Scheduler, Actuator]]:
        async with Scheduler(host=self.host, port=0, dashboard_address="127.0.0.1:0") as scheduler:
            actuator = self.actuator_for(scheduler)
            try:
                yield scheduler, actuator
            finally:
                await actuator.close()

    def test_workers_are_listed_at_once_and_arrive_under_their_names(self) -> None:
        async def run() -> None:
            async with self.bench() as (scheduler, actuator):
                await actuator.start(1, "one")
                await actuator.start(1, "two")
                state = await actuator.state()
                assert {tier: len(names) for tier, names in state.items()} == {"one": 1, "two": 1}
                names = {name for group in state.values() for name in group}
                await until(lambda: {str(ws.name) for ws in scheduler.workers.values()} == names)
                threads = {str(ws.name): ws.nthreads for ws in scheduler.workers.values()}
                assert threads == {state["one"][0]: 1, state["two"][0]: 2}
                assert all(name.startswith(f"{tier}-") for tier, group in state.items() for name in group)

                await actuator.stop(state["one"])
                await until(lambda: {str(ws.name) for ws in scheduler.workers.values()} == set(state["two"]))
                assert dict(await actuator.state()).get("one", []) == []
                await actuator.stop([*state["one"], "one-that-never-was"])

                await actuator.start(1, "one")
                assert set((await actuator.state())["one"]).isdisjoint(state["one"])

        asyncio.run(run())

    def test_a_worker_that_has_not_arrived_can_be_taken_back(self) -> None:
        async def run() -> None:
            async with self.bench() as (scheduler, actuator):
                await actuator.start(1, "one")
                await actuator.stop((await actuator.state())["one"])
                assert not any((await actuator.state()).values())
                await until(lambda: not scheduler.workers)

        asyncio.run(run())

    def test_a_worker_that_dies_comes_back_or_is_no_longer_listed(self) -> None:
        async def run() -> None:
            async with self.bench() as (scheduler, actuator):
                await actuator.start(1, "one")
                await until(lambda: scheduler.workers)
                (before,) = scheduler.workers.values()
                await self.kill(scheduler, before.address)
                await until(lambda: before.address not in scheduler.workers)
                async with asyncio.timeout(60):
                    while True:
                        listed = {name for group in (await actuator.state()).values() for name in group}
                        if listed == {str(ws.name) for ws in scheduler.workers.values()}:
                            break
                        await asyncio.sleep(0.02)

        asyncio.run(run())

    async def kill(self, scheduler: Scheduler, address: str) -> None:
        """End a worker's process without a word."""

        def suicide() -> None:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGKILL)
            os._exit(1)  # the first process of a container cannot kill itself

        async with asyncio.timeout(60):
            from distributed import Client

            async with Client(scheduler.address, asynchronous=True, set_as_default=False) as client:
                client.submit(suicide, workers=[address], retries=0, pure=False)
                await until(lambda: address not in scheduler.workers)

    def test_a_target_is_fulfilled_from_whatever_there_is(self) -> None:
        async def run() -> None:
            async with self.bench() as (scheduler, actuator):
                await adjust(actuator, Target({"one": 1, "two": 0}))
                await adjust(actuator, Target({"one": 1, "two": 0}))
                (name,) = (await actuator.state())["one"]
                await adjust(actuator, Target({"one": 0, "two": 1}, stop=(name,)))
                state = await actuator.state()
                assert {tier: len(names) for tier, names in state.items() if names} == {"two": 1}
                await until(lambda: [ws.nthreads for ws in scheduler.workers.values()] == [2])
                await actuator.close()
                assert not any((await actuator.state()).values())
                await until(lambda: not scheduler.workers)

        asyncio.run(run())
