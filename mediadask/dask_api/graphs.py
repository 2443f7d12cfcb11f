"""Graphs of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# Dask makes graphs of these and documents the form, not the classes. Layers of our own need them.
from dask._task_spec import DataNode, Task, TaskRef

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DataNode", "Task", "TaskRef", "array_getter"]


def array_getter() -> Callable[..., Any]:
    """Slices a chunk. Dask fuses slices of slices into one where each is a call of this very function."""
    from dask.array.core import getter

    function: Callable[..., Any] = getter
    return function
