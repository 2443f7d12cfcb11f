"""The one door to what Dask and distributed do not promise.

Everything here is used because no documented way was found; each function says why. Elsewhere only documented
names are used (`tests/test_house.py` holds it), and each function here has a test of its own
(`tests/test_dask_api.py`) that fails with the name of what changed in a new release.
"""

from __future__ import annotations

import logging
from asyncio import timeout
from contextlib import suppress
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple

# Dask makes graphs of these and documents the form, not the classes. Layers of our own need them.
from dask._task_spec import DataNode, Task, TaskRef

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from distributed import Client, LocalCluster, Nanny, Scheduler, Worker
    from distributed.scheduler import TaskState
    from tornado.web import Application

__all__ = [
    "NO_WORKER",
    "STIMULUS",
    "DataNode",
    "RemovedWorker",
    "Task",
    "TaskRef",
    "add_dashboard_page",
    "array_getter",
    "bind_tasks",
    "client_generation",
    "close_cluster",
    "empty_before_retiring",
    "executor_of",
    "give_back_tasks",
    "has_dashboard",
    "has_plugin",
    "hear_from_workers",
    "hold_tasks",
    "is_idle",
    "keep_paused",
    "kill_worker_process",
    "listen_to_scheduler",
    "pages",
    "pages_path",
    "pages_port",
    "pause_worker",
    "process_memory",
    "queue_on_scheduler",
    "release_tasks",
    "removed_worker",
    "reorder_tasks",
    "runs_on_thread",
    "secede_thread",
    "serve",
    "serve_target",
    "slot_task",
    "start_dashboard",
    "tasks_without_worker",
    "tell_scheduler",
    "unpause_worker",
    "wanted_by",
    "workers_here",
]

_logger = logging.getLogger(__name__)

NO_WORKER = "mediadask://held"
"""The address of a worker that never comes: tasks bound to it wait."""

STIMULUS = "mediadask"

_PAUSED_THEMSELVES = "mediadask-paused-themselves"
"""An extension of the scheduler: the addresses of the workers that say they take no task."""


# Graphs of arrays.


def array_getter() -> Callable[..., Any]:
    """Slices a chunk. Dask fuses slices of slices into one where each is a call of this very function."""
    from dask.array.core import getter

    function: Callable[..., Any] = getter
    return function


# On the scheduler: tasks.


def slot_task(key: str, function: Callable[..., Any], *args: Any) -> Task:
    """A task that waits in the scheduler's queue until a slot is free.

    Dask sends tasks of small graphs to workers at once, where more urgent ones cannot pass them. Tasks that
    are marked as producing data are the exception, and only the class takes the mark.
    """
    return Task(key, function, *args, _data_producer=True)


def queue_on_scheduler(scheduler: Scheduler) -> None:
    """Have tasks wait on the scheduler, in order of priority, until a slot is free.

    At Dask's default every thread holds one more task than it runs, which an urgent one would wait for. The
    setting ``distributed.scheduler.worker-saturation`` is read before a preload can change it.
    """
    scheduler.WORKER_SATURATION = 1.0


def reorder_tasks(scheduler: Scheduler, tasks: Iterable[TaskState], priority: float) -> None:
    """Give tasks another priority, also those that wait in the queue. Dask has no call for that.

    Parameters
    ----------
    priority
        As in ``client.compute(…, priority=…)``: more goes first.
    """
    for task in tasks:
        if task.priority is None:
            continue
        is_queued = task.state == "queued"
        if is_queued:
            scheduler.queued.remove(task)
        task.priority = (-priority, *task.priority[1:])
        if is_queued:
            scheduler.queued.add(task)


def bind_tasks(scheduler: Scheduler, tasks: Iterable[TaskState]) -> dict[Hashable, Collection[str] | None]:
    """Bind tasks to `NO_WORKER`, so that none begins. Returns the workers that each was bound to before."""
    before: dict[Hashable, Collection[str] | None] = {}
    for task in tasks:
        before[task.key] = task.worker_restrictions
        task.worker_restrictions = {NO_WORKER}
    return before


def hold_tasks(scheduler: Scheduler, tasks: Iterable[TaskState]) -> None:
    """Take bound tasks out of the queue, so that they wait for their worker: Dask itself leaves them."""
    scheduler.transitions({task.key: "released" for task in tasks if task.state == "queued"}, STIMULUS)


def release_tasks(
    scheduler: Scheduler, tasks: Iterable[TaskState], before: dict[Hashable, Collection[str] | None]
) -> None:
    """Let tasks begin again that `bind_tasks` bound; Dask looks again at none by itself."""
    tasks = list(tasks)
    for task in tasks:
        workers = before.get(task.key)
        task.worker_restrictions = set(workers) if workers else None
    waiting = {task.key: "released" for task in tasks if task.state == "no-worker"}
    scheduler.transitions(waiting, STIMULUS)


def tasks_without_worker(scheduler: Scheduler) -> tuple[list[TaskState], int]:
    """Tasks that wait for a slot or for a worker that fits: the first hundred, and how many there are."""
    unfit = [task for task in scheduler.unrunnable if NO_WORKER not in (task.worker_restrictions or ())]
    sample = list(islice(chain(unfit, scheduler.queued), 100))
    return sample, len(scheduler.queued) + len(unfit)


def wanted_by(task: TaskState) -> list[str]:
    """The clients that hold a future of the task."""
    return [client.client_key for client in task.who_wants or ()]


def client_generation(client: Client) -> int:
    """How often this client has heard that Dask was restarted: until it has, what it enters is lost."""
    generation: int = client.generation
    return generation


# On the scheduler: workers.


class RemovedWorker(NamedTuple):
    """What Dask notes of a worker that is gone."""

    address: str
    expected: bool
    """Whether it was retired; otherwise its process or its connection ended."""

    reason: str


def removed_worker(topic: str, message: Any) -> RemovedWorker | None:
    """What an event of the scheduler's log tells of a removed worker, or None if it is of something else.

    The plugin's hooks do not say whether a worker was expected to leave; the logged event does, and comes
    before the worker's tasks are given to others.
    """
    if topic != "all" or not isinstance(message, dict) or message.get("action") != "remove-worker":
        return None
    return RemovedWorker(
        message["worker"], bool(message.get("expected")), str(message.get("stimulus_id", ""))
    )


def pause_worker(scheduler: Scheduler, worker: str) -> None:
    """Have Dask send no tasks to a worker: only a worker itself can say that by a documented call."""
    _set_status(scheduler, worker, "paused")


def unpause_worker(scheduler: Scheduler, worker: str) -> None:
    """Have Dask use a worker again, unless it has paused itself, as one does that is short of memory."""
    if worker not in scheduler.extensions.get(_PAUSED_THEMSELVES, ()):
        _set_status(scheduler, worker, "running")


def keep_paused(scheduler: Scheduler, is_kept: Callable[[str], bool]) -> None:
    """Keep workers paused that say themselves that they run, as each new one does after it has joined.

    Parameters
    ----------
    is_kept
        Whether the worker at an address is not to be used yet.
    """

    themselves: set[str] = set()
    scheduler.extensions[_PAUSED_THEMSELVES] = themselves

    def changed(worker: str, status: str, stimulus_id: str) -> None:
        (themselves.add if status == "paused" else themselves.discard)(worker)
        if status == "running" and is_kept(worker):
            status = "paused"
        scheduler.handle_worker_status_change(status, worker, stimulus_id)

    scheduler.stream_handlers["worker-status-change"] = changed


def _set_status(scheduler: Scheduler, worker: str, status: str) -> None:
    from distributed import Status

    scheduler.handle_worker_status_change(Status[status], worker, STIMULUS)


def empty_before_retiring(scheduler: Scheduler, empty: Callable[[list[str]], Awaitable[None]]) -> None:
    """Wait for `empty` before a worker is removed that a client, a tool of Dask or the worker itself retires.

    Dask moves data away first, but does not wait for what the worker runs, and tells plugins when it is gone.
    """
    retire = scheduler.retire_workers

    async def retire_empty(
        workers: list[str] | None = None,
        *,
        names: list[Any] | None = None,
        close_workers: bool = False,
        remove: bool = True,
        **how: Any,
    ) -> dict[str, Any]:
        leaving: dict[str, Any] = {}
        if remove and (workers is not None or names is not None):  # those that Dask picks itself run nothing
            leaving = await retire(workers, names=names, close_workers=False, remove=False)
            await empty(list(leaving))
        gone: dict[str, Any] = await retire(
            workers, names=names, close_workers=close_workers, remove=remove, **how
        )
        stay = leaving.keys() - gone.keys()  # their results have no other place
        for worker in stay & scheduler.stream_comms.keys():
            change = {"op": "worker-status-change", "status": "running", "stimulus_id": STIMULUS}
            scheduler.stream_comms[worker].send(change)
        return gone

    scheduler.handlers["retire_workers"] = retire_empty


def is_idle(scheduler: Scheduler, worker: str) -> bool:
    """Whether a worker runs nothing and holds no result."""
    state = scheduler.workers[worker]
    return not state.processing and not state.has_what


def serve(scheduler: Scheduler, name: str, function: Callable[..., Any]) -> None:
    """Answer clients' calls of ``client.scheduler.NAME(…)``: Dask's extensions do it this way."""
    scheduler.handlers[name] = function


def serve_target(scheduler: Scheduler, target: Callable[..., int]) -> None:
    """Answer how many workers there should be: Dask's own adaptive scaling asks a method of the scheduler."""
    scheduler.adaptive_target = target
    scheduler.handlers["adaptive_target"] = target


def hear_from_workers(scheduler: Scheduler, op: str, function: Callable[..., None]) -> None:
    """Call a function with the worker's address and the fields of each message of this kind."""
    scheduler.stream_handlers[op] = function


def close_cluster(cluster: LocalCluster) -> None:
    """Close a cluster of this process. One whose scheduler has ended would look for it half a minute."""
    if cluster.scheduler.status.name in ("closing", "closed"):
        cluster.sync(cluster.scheduler.finished)
        cluster.shutdown_scheduler = False
    cluster.close()


async def kill_worker_process(nanny: Nanny) -> None:
    """End the process of a nanny that may not have come up yet. `Nanny.kill` waits until it has."""
    worker = nanny.process
    if worker is not None and worker.process is not None:
        with suppress(TimeoutError):  # it may not even have been forked
            async with timeout(_KILL_SECONDS):
                await worker.process.kill()
                await worker.stopped.wait()


_KILL_SECONDS = 5.0


def pages(server: Scheduler | Worker) -> Application:
    """What serves a scheduler's or a worker's pages and metrics."""
    application: Application = server.http_application
    return application


def pages_path(scheduler: Scheduler, name: str) -> str:
    """The path of a page beside Dask's own, under the prefix that these have."""
    application = next(iter(scheduler.http_application.applications), None)
    return f"{getattr(application, 'prefix', '')}/{name}"


def pages_port(scheduler: Scheduler) -> int:
    """The port of its pages."""
    port: int = scheduler.http_server.port
    return port


def has_plugin(scheduler: Scheduler, name: str) -> bool:
    """Whether a plugin of this name has started."""
    return name in scheduler.plugins


def start_dashboard(scheduler: Scheduler) -> bool:
    """Serve Dask's own pages from now on, where the scheduler was started without. False without Bokeh's."""
    try:
        from distributed.dashboard.scheduler import connect

        if "dashboard" not in scheduler.services:
            return False
        if not scheduler.http_application.applications:
            connect(scheduler.http_application, scheduler.http_server, scheduler)
    except (ImportError, AttributeError) as error:
        _logger.warning("this release of Dask has no dashboard that the pool knows: %s", error)
        return False
    return True


def has_dashboard(scheduler: Scheduler) -> bool:
    """Whether Dask's own pages are served."""
    return bool(scheduler.http_application.applications)


def add_dashboard_page(
    scheduler: Scheduler, name: str, show: Callable[[Any], None], *, style: str = ""
) -> None:
    """Add a page to Dask's own and to their menu, under their prefix. Where none are served, do nothing.

    Parameters
    ----------
    name
        Of the page, in its URL and in the menu.
    show
        Fills the Bokeh document of each visitor.
    style
        CSS of the page around it.
    """
    try:
        from distributed.dashboard.components.scheduler import BOKEH_THEME, env
        from distributed.dashboard.core import BokehApplication
        from distributed.dashboard.scheduler import template_variables
        from tornado.ioloop import IOLoop

        if "dashboard" not in scheduler.services or not has_dashboard(scheduler):
            return
        variables = template_variables(scheduler)

        def fill(_: Scheduler, of_template: dict[str, Any], document: Any) -> None:
            document.template = env.from_string(_STYLED_PAGE)
            document.template_variables["style"] = style
            document.template_variables.update(of_template)
            document.theme = BOKEH_THEME
            show(document)

        application = BokehApplication(
            {f"/{name}": fill},
            scheduler,
            prefix=scheduler.http_application.applications[0].prefix,
            template_variables=variables,
        )
        scheduler.http_application.add_application(application)
        application.initialize(IOLoop.current())
        if name not in variables["pages"]:
            variables["pages"].insert(1, name)  # the list that all of Dask's pages draw their menu from
    except (ImportError, AttributeError, KeyError) as error:
        _logger.warning("this release of Dask takes no page of others: %s", error)


_STYLED_PAGE = (
    '{% extends "simple.html" %}{% block extra_resources %}<style>{{ style }}</style>{% endblock %}'
)


# On a worker.


def listen_to_scheduler(worker: Worker, op: str, function: Callable[..., None]) -> None:
    """Call a function with the fields of each message of this kind from the scheduler."""
    worker.stream_handlers[op] = function


def tell_scheduler(worker: Worker, message: dict[str, Any]) -> None:
    """Send a message after those that were sent before, and before what Dask sends later."""
    worker.batched_send(message)


def workers_here() -> list[Worker]:
    """The workers of this process: `get_worker` knows one only in a Dask task's thread, not in a unit's."""
    from distributed import Worker

    return list(Worker._instances)


def executor_of(worker: Worker) -> Any:
    """The threads in which tasks run."""
    return worker.executors["default"]


def give_back_tasks(worker: Worker, is_meant: Callable[[Hashable, dict[str, Any]], bool]) -> None:
    """Have tasks that have not begun wait with the scheduler again. Dask only lets a running task ask for it.

    Parameters
    ----------
    is_meant
        Whether a task with this key and these annotations is.
    """
    from distributed.worker_state_machine import FreeKeysEvent

    keys = [
        task.key
        for task in worker.state.tasks.values()
        if task.state in ("waiting", "ready", "constrained") and is_meant(task.key, task.annotations or {})
    ]
    if not keys:
        return
    worker.handle_stimulus(FreeKeysEvent(keys=keys, stimulus_id=STIMULUS))
    for key in keys:
        worker.batched_send({"op": "reschedule", "key": key, "stimulus_id": STIMULUS})


def process_memory(worker: Worker) -> tuple[int, int]:
    """Bytes that the worker's process holds, and its limit; 0 where it has none."""
    try:
        return worker.monitor.get_process_memory(), worker.memory_manager.memory_limit or 0
    except AttributeError as error:  # a worker that cannot say it does not run out sooner
        _logger.debug("this release of Dask tells no memory: %s", error)
        return 0, 0


def secede_thread() -> None:
    """Let another thread serve the slot. The documented `secede` wants a Dask task on its own thread."""
    from distributed.threadpoolexecutor import secede

    secede()


def runs_on_thread(worker: Worker, key: str) -> AbstractContextManager[None]:
    """Have Dask's profile and call stacks show what runs on this thread as the task `key`."""
    import threading
    from contextlib import contextmanager, nullcontext

    if not hasattr(worker, "active_threads_lock"):
        return nullcontext()

    @contextmanager
    def shown() -> Iterator[None]:
        ident = threading.get_ident()
        with worker.active_threads_lock:
            worker.active_threads[ident] = key
        try:
            yield
        finally:
            with worker.active_threads_lock:
                worker.active_threads.pop(ident, None)

    return shown()
