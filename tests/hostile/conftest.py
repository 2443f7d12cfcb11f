"""What tests of hostile input share: the inputs, each of which did harm once."""

from __future__ import annotations

from pathlib import Path

import pytest

INPUTS = Path(__file__).parent / "inputs"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder with copies of them all, which a test may add to."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    for path in INPUTS.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder
