"""The notebook runs from top to bottom in an empty folder, and what it asserts holds."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "docs" / "turnover.ipynb"


def test_the_turnover_notebook(tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(
        notebook, timeout=1200, startup_timeout=600, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    assert len(list(tmp_path.glob("plates/**/*.1001.exr"))) == 3
