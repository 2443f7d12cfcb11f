"""What a workbench keeps on a real worker: nothing of bundles that never come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mediadask.pool.worker.seat import Seat
from mediadask.pool.worker.workbench import Workbench

from mediadask.pool import Pool
from tests.pool.waiting import eventually

if TYPE_CHECKING:
    from distributed import Worker


def early(dask_worker: Worker) -> int:
    bench: Workbench = dask_worker.plugins[Workbench.name]
    return len(bench._early)


def call_back_before_it_begins(dask_worker: Worker) -> None:
    """An order has come for a bundle, and then its task was released."""
    bench: Workbench = dask_worker.plugins[Workbench.name]
    bench._early["unit-1"] = Seat("unit-1")


def test_orders_for_what_never_begins_are_forgotten() -> None:
    with Pool.local(workers=1) as pool:
        eventually(lambda: list(pool.client.run(early).values()) == [0])
        pool.client.run(call_back_before_it_begins)
        eventually(lambda: list(pool.client.run(early).values()) == [0])
