"""The one door to what Dask and distributed do not promise.

Everything here is used because no documented way was found; each function says why. Elsewhere only documented
names are used (`tests/test_house.py` holds it), and each function here has a test of its own
(`tests/test_dask_api.py`) that fails with the name of what changed in a new release.
"""

from mediadask.dask_api.client import client_generation, close_cluster
from mediadask.dask_api.dashboard import (
    add_dashboard_page,
    has_dashboard,
    pages,
    pages_path,
    pages_port,
    start_dashboard,
)
from mediadask.dask_api.graphs import DataNode, Task, TaskRef, array_getter
from mediadask.dask_api.scheduler import (
    RemovedWorker,
    empty_before_retiring,
    has_plugin,
    hear_from_workers,
    is_idle,
    keep_paused,
    pause_worker,
    removed_worker,
    serve,
    serve_target,
    unpause_worker,
)
from mediadask.dask_api.tasks import (
    NO_WORKER,
    STIMULUS,
    bind_tasks,
    hold_tasks,
    queue_on_scheduler,
    release_tasks,
    reorder_tasks,
    slot_task,
    tasks_without_worker,
    wanted_by,
)
from mediadask.dask_api.worker import (
    executor_of,
    give_back_tasks,
    kill_worker_process,
    listen_to_scheduler,
    process_memory,
    runs_on_thread,
    secede_thread,
    tell_scheduler,
    workers_here,
)

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
