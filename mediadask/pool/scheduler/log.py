"""What happens in a pool, as lines of its log, with the ids by which the ledger knows jobs and units.

They are of level INFO, which pools on Kubernetes write and Python's defaults do not: a program that runs its
own pool prints none of them.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from mediadask.pool.history import AttemptEnded, JobEnded, JobSubmitted

if TYPE_CHECKING:
    from mediadask.pool.history import Record

__all__ = ["log"]

_logger = logging.getLogger(__name__)


def log(record: Record) -> None:
    """Write a line where a job begins or ends, or a unit was not done."""
    match record:
        case JobSubmitted():
            whose = f" of show {record.show}" if record.show else ""
            _logger.info("job %s: %s%s is submitted, %s", record.job, record.name, whose, record.priority)
        case JobEnded():
            why = f": {record.error}" if record.error else ""
            _logger.info("job %s: %s after %.1f s%s", record.job, record.status, record.seconds, why)
        case AttemptEnded() if record.outcome != "done":
            it = record.attempt
            why = f": {record.error}" if record.error else ""
            _logger.info("job %s unit %s: %s on worker %s%s", it.job, it.unit, record.outcome, it.worker, why)
