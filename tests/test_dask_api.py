"""What Dask does not promise, each on a real small cluster: a test fails with the name of what changed."""

from __future__ import annotations

import asyncio
import operator
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import dask
import dask.array as da
import numpy as np
import pytest
from distributed import Client, LocalCluster, Nanny, Scheduler, SchedulerPlugin, Status, Worker
from tornado.httpclient import AsyncHTTPClient

from mediadask import dask_api

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from distributed import Future

LIMIT = 10**10
"""The limit of the worker's memory, in bytes."""

gate = threading.Event()
"""What tasks wait for: they run in this process."""


def wait(number: int) -> int:
    assert gate.wait(60)
    return number


class Cluster:
    """A scheduler, a worker of one thread and a client, all in this event loop."""

    async def __aenter__(self) -> Cluster:
        gate.clear()
        self._opened = AsyncExitStack()
        self.scheduler = await self._opened.enter_async_context(
            Scheduler(host="127.0.0.1", port=0, dashboard=False, dashboard_address="127.0.0.1:0")
        )
        self.client = await self._opened.enter_async_context(
            Client(self.scheduler.address, asynchronous=True, set_as_default=False)
        )
        self.worker = await self._opened.enter_async_context(
            Worker(self.scheduler.address, nthreads=1, memory_limit=LIMIT, dashboard_address="127.0.0.1:0")
        )
        await until(lambda: self.scheduler.running)  # it says so itself, a little later
        return self

    async def __aexit__(self, *error: object) -> None:
        gate.set()
        await self._opened.__aexit__(None, None, None)

    def enter(self, *keys: str, **how: Any) -> list[Future]:
        """Enter slot tasks, one after another."""
        futures = []
        for number, key in enumerate(keys):
            graph = {key: dask_api.slot_task(key, wait, number)}
            futures += self.client.get(graph, [key], sync=False, **how)
        return futures

    def states(self, *keys: str) -> list[str]:
        tasks = self.scheduler.tasks
        return [str(tasks[key].state) if key in tasks else "" for key in keys]

    async def see(self, *keys: str, states: list[str]) -> None:
        await until(lambda: self.states(*keys) == states, lambda: self.states(*keys))

    def tasks(self, *keys: str) -> list[Any]:
        return [self.scheduler.tasks[key] for key in keys]


async def until(condition: Callable[[], object], what: Callable[[], object] = lambda: "it") -> None:
    """Return when it is true."""
    for _ in range(6000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"did not come true: {what()}")


def on_a_cluster(test: Callable[[Cluster], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test on a cluster of its own."""

    async def open_and_test() -> None:
        async with Cluster() as cluster:
            await test(cluster)

    def run() -> None:
        asyncio.run(asyncio.wait_for(open_and_test(), 60))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


TOGETHER = {
    "TaskRef": "Task",
    "DataNode": "Task",
    "unpause_worker": "pause_worker",
    "tell_scheduler": "hear_from_workers",
    "has_dashboard": "start_dashboard",
    "pages": "start_dashboard",
    "pages_port": "start_dashboard",
}
"""What is tested with another."""


def test_everything_here_has_a_test() -> None:
    values = {"NO_WORKER", "STIMULUS", "RemovedWorker"}
    names = {TOGETHER.get(name, name) for name in dask_api.__all__} - values
    assert not [name for name in names if f"test_{name.lower()}" not in globals()]


# Graphs.


def test_task() -> None:
    graph = {"x": dask_api.DataNode("x", 1), "y": dask_api.Task("y", operator.add, dask_api.TaskRef("x"), 1)}
    assert dask.get(graph, "y") == 2


@on_a_cluster
async def test_slot_task(cluster: Cluster) -> None:
    """It waits on the scheduler, where another task of a small graph is sent to the worker at once."""
    dask_api.queue_on_scheduler(cluster.scheduler)
    futures = cluster.enter("a", "b", "c")
    await cluster.see("a", "b", "c", states=["processing", "queued", "queued"])
    others = [cluster.client.submit(wait, number, key=f"other {number}") for number in range(2)]
    await cluster.see("other 0", "other 1", states=["processing", "processing"])
    gate.set()
    assert await cluster.client.gather([*futures, *others]) == [0, 1, 2, 0, 1]


def test_array_getter() -> None:
    """A slice asks for the part of a chunk that it needs, and no more."""
    asked = []

    class Chunk:
        shape, dtype, ndim = (10,), np.dtype(int), 1

        def __getitem__(self, index: Any) -> np.ndarray:
            asked.append(index)
            return np.arange(10)[index]

    graph = {
        ("x", 0): dask_api.Task(
            ("x", 0), dask_api.array_getter(), dask_api.DataNode("c", Chunk()), (slice(0, 10),)
        )
    }
    array = da.Array(graph, "x", chunks=((10,),), dtype=int)[2:4]
    assert array.compute(scheduler="sync").tolist() == [2, 3]
    assert asked == [(slice(2, 4, None),)]


# Tasks on the scheduler.


@on_a_cluster
async def test_queue_on_scheduler(cluster: Cluster) -> None:
    """A thread holds no task beyond the one that it runs: before it holds one more."""
    before = cluster.enter("a", "b", "c")
    await cluster.see("a", "b", "c", states=["processing", "processing", "queued"])
    gate.set()
    await cluster.client.gather(before)
    gate.clear()
    dask_api.queue_on_scheduler(cluster.scheduler)
    after = cluster.enter("d", "e", "f")
    await cluster.see("d", "e", "f", states=["processing", "queued", "queued"])
    gate.set()
    await cluster.client.gather(after)


@on_a_cluster
async def test_reorder_tasks(cluster: Cluster) -> None:
    dask_api.queue_on_scheduler(cluster.scheduler)
    futures = cluster.enter("runs", "a", "b", "c")
    await cluster.see("runs", "a", "b", "c", states=["processing", "queued", "queued", "queued"])
    dask_api.reorder_tasks(cluster.scheduler, cluster.tasks("runs", "c"), 10)
    assert [task.key for task in cluster.scheduler.queued.sorted()] == ["c", "a", "b"]
    gate.set()
    assert await cluster.client.gather(futures) == [0, 1, 2, 3]


async def held(cluster: Cluster) -> tuple[list[Future], dict[Any, Any]]:
    """Queued tasks that are bound to a worker that never comes, one of them by its user to the one there."""
    dask_api.queue_on_scheduler(cluster.scheduler)
    futures = cluster.enter("runs", "a")
    futures += cluster.enter("b", workers=[cluster.worker.address])
    await cluster.see("runs", "a", "b", states=["processing", "queued", "processing"])
    before = dask_api.bind_tasks(cluster.scheduler, cluster.tasks("a", "b"))
    return futures, before


@on_a_cluster
async def test_bind_tasks(cluster: Cluster) -> None:
    _, before = await held(cluster)
    assert {key: set(workers or ()) for key, workers in before.items()} == {
        "a": set(),
        "b": {cluster.worker.address},
    }
    assert all(task.worker_restrictions == {dask_api.NO_WORKER} for task in cluster.tasks("a", "b"))


@on_a_cluster
async def test_hold_tasks(cluster: Cluster) -> None:
    await held(cluster)
    dask_api.hold_tasks(cluster.scheduler, cluster.tasks("a", "b"))
    assert cluster.states("a", "b") == ["no-worker", "processing"], "what is on a worker is given back by it"


@on_a_cluster
async def test_release_tasks(cluster: Cluster) -> None:
    futures, before = await held(cluster)
    dask_api.hold_tasks(cluster.scheduler, cluster.tasks("a", "b"))
    dask_api.release_tasks(cluster.scheduler, cluster.tasks("a", "b"), before)
    assert [task.worker_restrictions for task in cluster.tasks("a", "b")] == [None, {cluster.worker.address}]
    gate.set()
    assert await cluster.client.gather(futures) == [0, 1, 0]


@on_a_cluster
async def test_tasks_without_worker(cluster: Cluster) -> None:
    dask_api.queue_on_scheduler(cluster.scheduler)
    queued = cluster.enter("runs", "a", "b", "bound")
    unfit = cluster.client.submit(wait, 0, key="unfit", resources={"GPU": 1})
    await cluster.see("a", "b", "bound", "unfit", states=["queued", "queued", "queued", "no-worker"])
    dask_api.bind_tasks(cluster.scheduler, cluster.tasks("bound"))
    dask_api.hold_tasks(cluster.scheduler, cluster.tasks("bound"))
    sample, number = dask_api.tasks_without_worker(cluster.scheduler)
    assert ({task.key for task in sample}, number) == ({"a", "b", "unfit"}, 3)
    del queued, unfit


@on_a_cluster
async def test_wanted_by(cluster: Cluster) -> None:
    (future,) = cluster.enter("a")
    await cluster.see("a", states=["processing"])
    assert dask_api.wanted_by(*cluster.tasks("a")) == [cluster.client.id]
    del future


@on_a_cluster
async def test_client_generation(cluster: Cluster) -> None:
    """It counts what the client has heard of, which is later than what the scheduler did."""
    before = dask_api.client_generation(cluster.client)
    seen = []

    class Restarted(SchedulerPlugin):
        def restart(self, scheduler: Scheduler) -> None:
            seen.append(dask_api.client_generation(cluster.client))

    cluster.scheduler.add_plugin(Restarted(), name="restarted")
    await cluster.client.restart(timeout=60, wait_for_workers=False)
    assert seen == [before]
    await until(lambda: dask_api.client_generation(cluster.client) == before + 1)


# Workers, as the scheduler has them.


@pytest.mark.parametrize("expected", [True, False])
def test_removed_worker(expected: bool) -> None:
    """It is told before its tasks are given to others."""
    seen: list[tuple[dask_api.RemovedWorker, list[str]]] = []

    class Listens(SchedulerPlugin):
        def log_event(self, topic: str, message: Any) -> None:
            if (removed := dask_api.removed_worker(topic, message)) is not None:
                seen.append((removed, cluster_of[0].states("a")))

    cluster_of: list[Cluster] = []

    @on_a_cluster
    async def remove(cluster: Cluster) -> None:
        cluster_of.append(cluster)
        cluster.scheduler.add_plugin(Listens(), name="listens")
        (future,) = cluster.enter("a")
        await cluster.see("a", states=["processing"])
        address = cluster.worker.address
        await cluster.scheduler.remove_worker(address, stimulus_id="because", expected=expected)
        assert seen == [(dask_api.RemovedWorker(address, expected, "because"), ["processing"])]
        del future

    remove()
    for nothing in (("all", {"action": "add-worker"}), ("all", "text"), ("other", {})):
        assert dask_api.removed_worker(*nothing) is None


@on_a_cluster
async def test_pause_worker(cluster: Cluster) -> None:
    dask_api.pause_worker(cluster.scheduler, cluster.worker.address)
    future = cluster.client.submit(wait, 7, key="a")
    await cluster.see("a", states=["no-worker"])
    dask_api.unpause_worker(cluster.scheduler, cluster.worker.address)
    gate.set()
    assert await future == 7


@on_a_cluster
async def test_keep_paused(cluster: Cluster) -> None:
    """A worker registers first, and says a little later that it runs."""
    kept: list[str] = []

    class Joined(SchedulerPlugin):
        def add_worker(self, scheduler: Scheduler, worker: str) -> None:
            kept.append(worker)
            dask_api.pause_worker(scheduler, worker)

    cluster.scheduler.add_plugin(Joined(), name="joined")
    dask_api.keep_paused(cluster.scheduler, kept.__contains__)
    async with Worker(cluster.scheduler.address, nthreads=1, dashboard_address="127.0.0.1:0") as late:
        dask_api.tell_scheduler(late, {"op": "mediadask-test"})  # after what it says of itself
        told = asyncio.Event()
        dask_api.hear_from_workers(cluster.scheduler, "mediadask-test", lambda worker: told.set())
        await told.wait()
        assert [each.address for each in cluster.scheduler.running] == [cluster.worker.address]
        dask_api.unpause_worker(cluster.scheduler, late.address)
        assert len(cluster.scheduler.running) == 2
        kept.clear()
        late.status = Status.paused  # as when its memory is full
        await until(lambda: len(cluster.scheduler.running) == 1)
        dask_api.pause_worker(cluster.scheduler, late.address)
        dask_api.unpause_worker(cluster.scheduler, late.address)
        assert len(cluster.scheduler.running) == 1, "it would keep its tasks waiting"
        late.status = Status.running
        await until(lambda: len(cluster.scheduler.running) == 2)


@on_a_cluster
async def test_empty_before_retiring(cluster: Cluster) -> None:
    """What Dask retires is emptied first, and gets no task meanwhile; it goes on where it cannot leave."""
    emptied: list[str] = []

    async def empty(workers: list[str]) -> None:
        emptied.extend(workers)
        assert not cluster.scheduler.running
        gate.set()
        await until(lambda: cluster.states("running") != ["processing"])

    dask_api.empty_before_retiring(cluster.scheduler, empty)
    running = cluster.client.submit(wait, 1, key="running")
    await cluster.see("running", states=["processing"])
    assert not await cluster.client.retire_workers([cluster.worker.address])  # it alone has the result
    assert emptied == [cluster.worker.address]
    await until(lambda: cluster.scheduler.running)
    del running
    await until(lambda: not cluster.scheduler.tasks)
    assert await cluster.client.retire_workers([cluster.worker.address])
    await until(lambda: not cluster.scheduler.workers)


@on_a_cluster
async def test_is_idle(cluster: Cluster) -> None:
    address = cluster.worker.address
    assert dask_api.is_idle(cluster.scheduler, address)
    future = cluster.client.submit(wait, 0, key="a")
    await cluster.see("a", states=["processing"])
    assert not dask_api.is_idle(cluster.scheduler, address)
    gate.set()
    await future
    assert not dask_api.is_idle(cluster.scheduler, address), "it holds the result"
    future.release()
    await until(lambda: dask_api.is_idle(cluster.scheduler, address))


# What the scheduler is asked.


@on_a_cluster
async def test_serve(cluster: Cluster) -> None:
    async def double(number: int) -> int:
        return 2 * number

    dask_api.serve(cluster.scheduler, "mediadask_double", double)
    assert await cluster.client.scheduler.mediadask_double(number=4) == 8


@on_a_cluster
async def test_serve_target(cluster: Cluster) -> None:
    dask_api.serve_target(cluster.scheduler, lambda target_duration=None: 42)
    assert cluster.scheduler.adaptive_target() == 42
    assert await cluster.client.scheduler.adaptive_target(target_duration="5s") == 42


# Messages.


@on_a_cluster
async def test_hear_from_workers(cluster: Cluster) -> None:
    told: list[tuple[str, int]] = []
    dask_api.hear_from_workers(
        cluster.scheduler, "mediadask-test", lambda worker, number: told.append((worker, number))
    )
    for number in range(3):
        dask_api.tell_scheduler(cluster.worker, {"op": "mediadask-test", "number": number})
    await until(lambda: len(told) == 3)
    assert told == [(cluster.worker.address, number) for number in range(3)]


heard: list[int] = []


def heard_so_far() -> list[int]:
    return list(heard)


@on_a_cluster
async def test_listen_to_scheduler(cluster: Cluster) -> None:
    """A message that is sent as a task gets its slot arrives before the task."""
    heard.clear()
    dask_api.listen_to_scheduler(cluster.worker, "mediadask-test", lambda number: heard.append(number))

    class Sends(SchedulerPlugin):
        def transition(self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any) -> None:
            if finish == "processing":
                cluster.scheduler.worker_send(cluster.worker.address, {"op": "mediadask-test", "number": 1})

    cluster.scheduler.add_plugin(Sends(), name="sends")
    assert await cluster.client.submit(heard_so_far, key="a") == [1]


@on_a_cluster
async def test_has_plugin(cluster: Cluster) -> None:
    """Not before it has started: what answers to others until then is no pool."""
    seen = []

    class Slow(SchedulerPlugin):
        async def start(self, scheduler: Scheduler) -> None:
            seen.append(dask_api.has_plugin(scheduler, "slow"))

    await cluster.scheduler.register_scheduler_plugin(Slow(), name="slow", idempotent=True)
    assert seen == [False]
    assert dask_api.has_plugin(cluster.scheduler, "slow")


# Dask's pages.


async def page(cluster: Cluster, path: str) -> str:
    url = f"http://127.0.0.1:{dask_api.pages_port(cluster.scheduler)}{path}"
    return (await AsyncHTTPClient().fetch(url, request_timeout=60)).body.decode()


@on_a_cluster
async def test_start_dashboard(cluster: Cluster) -> None:
    assert not dask_api.has_dashboard(cluster.scheduler)
    assert dask_api.start_dashboard(cluster.scheduler)
    assert dask_api.has_dashboard(cluster.scheduler)
    assert dask_api.start_dashboard(cluster.scheduler), "once more does no harm"
    assert "<title>Dask" in await page(cluster, "/status")
    assert len(dask_api.pages(cluster.scheduler).applications) == 1
    assert dask_api.pages(cluster.worker).default_router.rules


@on_a_cluster
async def test_add_dashboard_page(cluster: Cluster) -> None:
    seen: list[Any] = []
    dask_api.add_dashboard_page(cluster.scheduler, "ours", seen.append)
    assert seen == [], "there are no pages yet"
    dask_api.start_dashboard(cluster.scheduler)
    dask_api.add_dashboard_page(cluster.scheduler, "ours", seen.append)
    assert 'href="ours"' in await page(cluster, "/status")
    assert 'href="status"' in await page(cluster, "/ours")
    (document,) = seen
    assert callable(document.add_root)


@on_a_cluster
async def test_pages_path(cluster: Cluster) -> None:
    dask_api.start_dashboard(cluster.scheduler)
    assert dask_api.pages_path(cluster.scheduler, "status") == "/status"
    assert "<title>Dask" in await page(cluster, dask_api.pages_path(cluster.scheduler, "status"))


def test_close_cluster() -> None:
    patience = {"distributed.comm.timeouts.connect": "100s"}
    with dask.config.set(patience), ThreadPoolExecutor(1) as thread:
        cluster = LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0")
        cluster.sync(cluster.scheduler.close)
        thread.submit(dask_api.close_cluster, cluster).result(60)
    assert cluster.status == Status.closed


# On a worker.


@on_a_cluster
async def test_workers_here(cluster: Cluster) -> None:
    assert cluster.worker in dask_api.workers_here()


@on_a_cluster
async def test_executor_of(cluster: Cluster) -> None:
    ours = dask_api.executor_of(cluster.worker).submit(threading.get_ident).result(60)
    assert await cluster.client.submit(threading.get_ident) == ours


@on_a_cluster
async def test_give_back_tasks(cluster: Cluster) -> None:
    with dask.annotate(job="ours"):
        futures = cluster.client.map(wait, range(3), key="ours", workers=[cluster.worker.address])
    await until(lambda: len(cluster.worker.state.tasks) == 3)
    keys = [future.key for future in futures]
    dask_api.give_back_tasks(cluster.worker, lambda key, annotations: annotations.get("job") == "another's")
    assert {task.state for task in cluster.worker.state.tasks.values()} == {"executing", "ready"}
    dask_api.bind_tasks(cluster.scheduler, cluster.tasks(*keys))
    dask_api.give_back_tasks(cluster.worker, lambda key, annotations: annotations.get("job") == "ours")
    await until(lambda: sorted(cluster.states(*keys)) == ["no-worker", "no-worker", "processing"])
    assert [task.state for task in cluster.worker.state.tasks.values()] == ["executing"]


@on_a_cluster
async def test_process_memory(cluster: Cluster) -> None:
    held_bytes, limit_bytes = dask_api.process_memory(cluster.worker)
    assert held_bytes > 10**6
    assert limit_bytes == LIMIT


@on_a_cluster
async def test_kill_worker_process(cluster: Cluster) -> None:
    with TemporaryDirectory() as folder:
        begun, preload = Path(folder) / "begun", Path(folder) / "preload.py"
        preload.write_text(f"import time; open({str(begun)!r}, 'w').close(); time.sleep(3600)")
        nanny = Nanny(cluster.scheduler.address, preload=[str(preload)], preload_argv=[[]])
        starting = asyncio.ensure_future(nanny)
        await until(begun.exists)
        await dask_api.kill_worker_process(nanny)
        with pytest.raises(RuntimeError, match="failed to start"):
            await starting


@on_a_cluster
async def test_secede_thread(cluster: Cluster) -> None:
    """The worker has one thread; what has seceded leaves it to others and goes on."""

    def seceding() -> int:
        dask_api.secede_thread()
        return wait(5)

    seceded = dask_api.executor_of(cluster.worker).submit(seceding)
    assert await cluster.client.submit(abs, -1) == 1
    assert not seceded.done()
    gate.set()
    assert await asyncio.wrap_future(seceded) == 5


@on_a_cluster
async def test_runs_on_thread(cluster: Cluster) -> None:
    begun = threading.Event()

    def shown() -> int:
        with dask_api.runs_on_thread(cluster.worker, "batch-1"):
            begun.set()
            return wait(1)

    running = dask_api.executor_of(cluster.worker).submit(shown)
    await until(begun.is_set)
    stacks = cluster.worker.get_call_stack()
    assert any("test_dask_api" in line for line in stacks["batch-1"])
    gate.set()
    await asyncio.wrap_future(running)
    assert "batch-1" not in cluster.worker.get_call_stack()
