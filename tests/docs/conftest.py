"""The show that pages and docstrings speak of, and a pool that their commands share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docs.show import make_show

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def show(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("show")
    make_show(folder)
    return folder


@pytest.fixture
def place(show: Path, tmp_path: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with the show in it and nothing else, and a pool for commands."""
    folder = tmp_path / "page"
    shutil.copytree(show, folder)
    monkeypatch.chdir(folder)
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    variables = {
        "MEDIADASK_POOL": scheduler,
        "XDG_RUNTIME_DIR": str(runtime),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    yield folder
    if any(runtime.rglob("local*")):
        left = ["mediadask", "pool", "down", "--pool", "local", "--now"]
        subprocess.run(left, capture_output=True, check=False)
