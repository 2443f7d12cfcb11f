"""The tutorials run from top to bottom in an empty folder, and what they assert holds."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

TUTORIALS = Path(__file__).parents[1] / "docs" / "tutorials"


@pytest.mark.parametrize("notebook", sorted(path.name for path in TUTORIALS.glob("*.ipynb")))
def test_a_tutorial_runs(notebook: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIADASK_LEDGER", str(tmp_path / "ledger.sqlite"))
    cells = nbformat.read(TUTORIALS / notebook, as_version=4)
    client = NotebookClient(
        cells, timeout=1200, startup_timeout=600, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    if notebook == "turnover.ipynb":
        assert len(list(tmp_path.glob("plates/**/*.1001.exr"))) == 3


@pytest.mark.parametrize("notebook", sorted(path.name for path in TUTORIALS.glob("*.ipynb")))
def test_tutorials_are_kept_without_outputs(notebook: str) -> None:
    cells = nbformat.read(TUTORIALS / notebook, as_version=4).cells
    assert not any(cell.get("outputs") for cell in cells)
