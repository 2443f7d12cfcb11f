"""Links between files of the repository, which are to lead to pages of the site where there is one."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["PAGES", "relinked"]

_DOCS = Path(__file__).parents[1]
_ROOT = _DOCS.parent

PAGES = {
    "README.md": "getting-started.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "explanation/security.md",
    "benchmarks/README.md": "explanation/benchmarks.md",
}
"""The page of the site that shows a file from outside of ``docs``."""

_LINK = re.compile(r"(\]\()(?![a-z]+:|#)([^)#\s]+)")


def relinked(text: str, file: Path, page: Path) -> str:
    """The text of `file`, its relative links leading to the same places from `page`."""

    def link(found: re.Match[str]) -> str:
        target = Path(os.path.normpath(file.parent / found[2])).relative_to(_ROOT)
        if str(target) in PAGES:
            return found[1] + os.path.relpath(_DOCS / PAGES[str(target)], page.parent)
        return found[1] + os.path.relpath(_ROOT / target, page.parent)

    return _LINK.sub(link, text)
