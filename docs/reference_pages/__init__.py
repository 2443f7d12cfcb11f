"""The Sphinx extension by which code writes pages of the reference, and files of the repository are pages.

A page that holds the block

    ```{generated} commands
    ```

gets in its place what `commands.page()` here writes, and ``{repository-file} CHANGELOG.md`` that file. Both
are Markdown that Sphinx reads as if it stood in the page, with headings, links and a table of contents.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reference_pages import commands, errors, metrics, settings, tables
from reference_pages.links import relinked

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["GENERATED", "filled", "setup"]

GENERATED = {
    "commands": commands.page,
    "errors": errors.page,
    "metrics": metrics.page,
    "settings": settings.page,
    "specs": settings.spec_page,
    "tables": tables.page,
}

_BLOCK = re.compile(r"^```\{(generated|repository-file)\} (\S+)\n```$", re.MULTILINE)
_DOCS = Path(__file__).parents[1]


def filled(text: str, page: Path) -> str:
    """The page's text with its blocks filled, and its links leading to pages of the site."""

    def block(found: re.Match[str]) -> str:
        if found[1] == "generated":
            return GENERATED[found[2]]()
        file = _DOCS.parent / found[2]
        return relinked(file.read_text(), file, page)

    return _BLOCK.sub(block, relinked(text, page, page))


def _read(app: Sphinx, name: str, source: list[str]) -> None:
    page = Path(app.env.doc2path(name))
    if page.suffix == ".md":
        source[0] = filled(source[0], page)
    if _BLOCK.search(page.read_text()):
        app.env.note_reread()  # what it shows changes with other files


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to Sphinx."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "version": "1"}
