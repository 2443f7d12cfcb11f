"""Rolls as cameras leave them, and the reference implementation of ASC MHL beside ours."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pytest
from ascmhl import commands
from click.testing import CliRunner

FILES = {
    "CLIPS/A001C001.mov": b"first clip" * 4000,
    "CLIPS/A001C002.mov": b"second clip" * 4000,
    "A001.ale": b"Heading\n",
    "empty.txt": b"",
}


class Reference(Protocol):
    def __call__(self, name: str, *words: object) -> int: ...


def write_roll(root: Path, files: dict[str, bytes] = FILES) -> Path:
    for path, content in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return root


@pytest.fixture
def roll(tmp_path: Path) -> Path:
    """A roll that nobody has sealed."""
    return write_roll(tmp_path / "A001")


@pytest.fixture
def ascmhl() -> Reference:
    """`ascmhl("create", folder)`: the exit code of the committee's own command; `verify` is its debugger's.

    In this process: the program itself looks on the web for a newer version each time.
    """

    def call(name: str, *words: object) -> int:
        return CliRunner().invoke(getattr(commands, name), [str(word) for word in words]).exit_code

    return call
