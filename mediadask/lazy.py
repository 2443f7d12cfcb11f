"""Names that a package hands on without importing what they are in (PEP 562).

Why not lazy_loader: where a function is called like its module, as ``checkpoint`` and ``delivery`` are, its
version 0.6 gives the package a class of its own, which cloudpickle cannot pickle. Functions of a notebook
that use ``md`` would reach no worker.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["lazily"]


def lazily(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's ``__getattr__``: a name is imported when it is first asked for.

    A name that is also a module's cannot come this way: once the module is imported, it is what one gets.

    Parameters
    ----------
    homes
        Module by name, as seen from the package. For type checkers the package imports the same names under
        ``if TYPE_CHECKING``.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return get
