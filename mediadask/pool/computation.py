"""Dask graphs as jobs: arrays and other collections that a pool computes, beside the deliveries it makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from mediadask.delivery import Delivery, Group
from mediadask.errors import MediaError

if TYPE_CHECKING:
    from mediadask.delivery import Report

__all__ = ["Computation"]


class Computation(Delivery):
    """A Dask collection as a delivery of one output: the computed object."""

    is_graph: ClassVar[bool] = True

    def __init__(self, name: str, collection: Any) -> None:
        super().__init__(name, [Group(name, ())], finish=_only)
        self.collection = collection


def _only(report: Report) -> Any:
    (outcome,) = report.outcomes
    if outcome.failure is not None:
        raise MediaError(outcome.failure.error, where=report.name)
    return outcome.value
