"""The command lines and Python that pages show, found in their Markdown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PAGES", "ROOT", "Snippet", "snippets"]

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "SECURITY.md",
        ROOT / "benchmarks" / "README.md",
        *(ROOT / "docs").rglob("*.md"),
    ]
    if "_build" not in path.parts
)

_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>.+?) -->\n+)?```(?P<language>sh|python)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Snippet:
    """One fenced block."""

    place: str
    """Page and line, for people."""

    language: str
    text: str
    reason: str | None
    """Why it is not run, where it says so."""


def snippets(page: str) -> list[Snippet]:
    """All blocks of a page, from its top to its bottom."""
    text = (ROOT / page).read_text()
    return [
        Snippet(
            f"{page}:{text.count(chr(10), 0, found.start('text'))}",
            found["language"],
            found["text"],
            found["reason"],
        )
        for found in _BLOCK.finditer(text)
    ]
