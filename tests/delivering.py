"""Deliveries computed in this process: most tests ask what comes out, which no pool changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dask

if TYPE_CHECKING:
    from mediadask.delivery import Delivery, Report


def deliver(delivery: Delivery) -> Report:
    """Make all of it, here and now."""
    report: Report
    (report,) = dask.compute(delivery, scheduler="sync")
    assert not report.failures, report.failures
    return report
