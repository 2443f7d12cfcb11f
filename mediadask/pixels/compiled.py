"""Compiled functions: what makes them, when it is first needed.

Importing numba takes half a second, which a command that renders nothing should not wait for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

from mediadask.checkpoint import preparing

__all__ = ["Compiled", "compiled"]


class Compiled:
    """A function of numba's, made when it is first called or when another compiled function calls it."""

    def __init__(self, make: Callable[[], Callable[..., Any]]) -> None:
        self._make = make

    @cached_property
    def _function(self) -> Any:
        return self._make()

    def __call__(self, *arguments: Any) -> Any:
        """Call it; the first call imports numba and compiles, which takes a slow machine a minute."""
        if "_function" in self.__dict__ and getattr(self._function, "signatures", True):
            return self._function(*arguments)
        with preparing():
            return self._function(*arguments)

    @property
    def _numba_type_(self) -> Any:  # how numba asks what a global of a function that it compiles is
        return self._function._numba_type_


def compiled(function: Callable[..., Any], *, in_order: bool = False) -> Compiled:
    """Compile at the first call for each set of types; keep machine code on disk where there is a place.

    Sums are in any order, which may be another on another processor, or `in_order` as they are written.
    """
    return Compiled(partial(_jit, function, in_order))


def _jit(function: Callable[..., Any], in_order: bool) -> Callable[..., Any]:
    import numba

    fastmath = {"contract"} if in_order else {"contract", "reassoc", "nsz"}
    how: dict[str, Any] = {"nogil": True, "fastmath": fastmath, "error_model": "numpy"}
    try:
        made: Callable[..., Any] = numba.njit(cache=True, **how)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache folder can be written
        made = numba.njit(**how)(function)
    return made
