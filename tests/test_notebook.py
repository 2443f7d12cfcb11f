"""The tutorials run from top to bottom in an empty folder, and what they assert holds."""

from __future__ import annotations

import fcntl
from pathlib import Path

import nbformat
import pytest
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbclient import NotebookClient

DOCS = Path(__file__).parents[1] / "docs"
TUTORIALS = DOCS / "tutorials"
CACHE = DOCS / "_build" / ".jupyter_cache"
"""Where the documentation site takes outputs from: `nb_execution_cache_path` in docs/conf.py."""


@pytest.mark.parametrize("notebook", sorted(path.name for path in TUTORIALS.glob("*.ipynb")))
def test_a_tutorial_runs(notebook: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIADASK_LEDGER", str(tmp_path / "ledger.sqlite"))
    cells = nbformat.read(TUTORIALS / notebook, as_version=4)
    client = NotebookClient(
        cells,
        timeout=1200,
        startup_timeout=600,
        record_timing=False,  # times in the cells would make them others than those that the site looks up
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()
    if notebook == "turnover.ipynb":
        assert len(list(tmp_path.glob("plates/**/*.1001.exr"))) == 3
    keep_for_the_site(notebook, cells)


def keep_for_the_site(notebook: str, cells: nbformat.NotebookNode) -> None:
    """The site shows these outputs: what the tests have run need not run again to be looked at."""
    CACHE.parent.mkdir(exist_ok=True)
    with open(CACHE.parent / "cache.lock", "w") as lock:  # other tutorials run in other processes
        fcntl.flock(lock, fcntl.LOCK_EX)
        bundle = CacheBundleIn(cells, str(TUTORIALS / notebook), data={})
        get_cache(CACHE).cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


@pytest.mark.parametrize("notebook", sorted(path.name for path in TUTORIALS.glob("*.ipynb")))
def test_tutorials_are_kept_without_outputs(notebook: str) -> None:
    cells = nbformat.read(TUTORIALS / notebook, as_version=4).cells
    assert not any(cell.get("outputs") for cell in cells)
