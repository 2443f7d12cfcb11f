"""Markdown that shows plain text as it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["code", "prose", "table"]

_CODE = re.compile(r"(``[^`]+``|`[^`]+`)")
_SPECIAL = re.compile(r"([\\*_<>\[\]{}$])")


def code(text: str) -> str:
    """The text as code."""
    return f"`{text}`"


def prose(text: str) -> str:
    """A docstring or help text in one line: words in backticks are code, nothing else has a meaning."""
    parts = _CODE.split(" ".join(text.split()))
    return "".join(code(it.strip("`")) if it.startswith("`") else _SPECIAL.sub(r"\\\1", it) for it in parts)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are Markdown already."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
