"""What the scheduler's side of a pool tells the workbenches: collected, then one message for each worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mediadask.pool.worker.workbench import ORDERS

if TYPE_CHECKING:
    from distributed import Scheduler

    from mediadask.pool.scheduler.backlog import Ticket
    from mediadask.pool.scheduler.bundle import Bundle
    from mediadask.pool.worker.seat import Order

__all__ = ["Orders"]


class Orders:
    """Kept until `send`. Its methods run in the scheduler's event loop."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._orders: dict[str, dict[str, Order]] = {}
        self._cancelled: dict[str, dict[str, list[int]]] = {}
        self._graphs: dict[str, list[str]] = {}

    def tell(self, bundle: Bundle, order: Order) -> None:
        """The unit of `bundle` that runs is to do this; the latest order is what counts."""
        self._orders.setdefault(bundle.worker, {})[bundle.id] = order

    def cancel(self, ticket: Ticket) -> None:
        """Nobody wants it any more, which a worker has with its bundle."""
        assert ticket.bundle is not None
        orders = self._cancelled.setdefault(ticket.bundle.worker, {})
        orders.setdefault(ticket.bundle.id, []).append(ticket.position)

    def give_back_graph(self, worker: str, job: str) -> None:
        """The tasks of this job's graph that have not begun there are to wait with the scheduler."""
        self._graphs.setdefault(worker, []).append(job)

    def send(self) -> None:
        """Pass all of them on."""
        for worker in self._orders.keys() | self._cancelled.keys() | self._graphs.keys():
            if worker in self._scheduler.workers:
                told = {
                    "orders": self._orders.get(worker, {}),
                    "cancelled": self._cancelled.get(worker, {}),
                    "graphs": self._graphs.get(worker, []),
                }
                self._scheduler.worker_send(worker, {"op": ORDERS, **told})
        self._orders, self._cancelled, self._graphs = {}, {}, {}
