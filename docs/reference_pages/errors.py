"""The list of errors, from the classes themselves."""

from __future__ import annotations

import inspect

from mediadask import errors
from reference_pages.markdown import code, prose, table

__all__ = ["page"]


def page() -> str:
    """A table of all errors: what each means, and the built-in error that it also is."""
    rows = []
    for name in errors.__all__:
        kind = getattr(errors, name)
        builtin = next(base for base in kind.__mro__ if base.__module__ == "builtins")
        first, *_ = (inspect.getdoc(kind) or "").split("\n\n")
        rows.append((f"[](#mediadask.{name})", prose(first), code(builtin.__name__)))
    return table(("Error", "Meaning", "Also a"), rows)
