"""Puts the commit that a wheel or sdist is built from into it, for `mediadask --version`."""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NAME = "commit.txt"


class CommitHook(BuildHookInterface):  # type: ignore[type-arg]
    """A wheel has the commit beside its metadata; an sdist has it in a file, for the wheel built from it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the commit where the build picks it up; an editable install asks git when it is asked."""
        commit = _commit(Path(self.root))
        if version == "editable" or not commit:
            return
        with NamedTemporaryFile("w", suffix=NAME, delete=False) as file:
            file.write(f"{commit}\n")
        self._file = Path(file.name)
        if self.target_name == "sdist":
            build_data["force_include"][file.name] = NAME
        else:
            build_data["extra_metadata"][file.name] = NAME

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what `initialize` wrote."""
        if hasattr(self, "_file"):
            self._file.unlink()


def _commit(root: Path) -> str:
    """The short hash of what is built; empty if that is not known."""
    if (root / NAME).exists():
        return (root / NAME).read_text().strip()
    if not (root / ".git").exists():
        return ""
    told = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        return subprocess.run(told, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
