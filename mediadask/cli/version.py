"""Which mediadask this is: its version, and the commit it was made from."""

from __future__ import annotations

import subprocess
from importlib.metadata import distribution
from pathlib import Path

__all__ = ["version_line"]


def version_line() -> str:
    """``mediadask 0.1.0 (35df12c)``; without the commit where neither the package nor git knows it."""
    package = distribution("mediadask")
    # `hatch_build.py` puts it there when a package is built.
    commit = (package.read_text("extra_metadata/commit.txt") or _checked_out()).strip()
    return f"mediadask {package.version} ({commit})" if commit else f"mediadask {package.version}"


def _checked_out() -> str:
    """The commit of the checkout that the code runs from; empty if it runs from no checkout."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return ""
    told = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        return subprocess.run(told, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
