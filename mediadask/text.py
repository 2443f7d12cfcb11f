"""Other people's text as it is shown: names of files, tags and messages may hold what a terminal obeys."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["escaped_json", "json_text", "printable"]


def printable(text: str) -> str:
    """The text with control characters, escapes, direction marks and bytes that are no text written out.

    An escape is ``\\x1b``, a mark that turns the direction of what follows ``\\u202e``.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def json_text(value: Any) -> str:
    """The value as indented JSON, whose reader gets every name as it is, and whose looker a harmless one."""
    return escaped_json(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def escaped_json(text: str) -> str:
    """JSON with what is not printable in its strings as ``\\u`` escapes, which mean the same."""
    lines = (line if line.isprintable() else "".join(map(_escaped, line)) for line in text.split("\n"))
    return "\n".join(lines)


def _escaped(char: str) -> str:
    return char if char.isprintable() else json.dumps(char)[1:-1]
