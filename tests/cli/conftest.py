"""The installed command itself, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from tests.conftest import MakeClip


class Run(Protocol):
    def __call__(self, *words: object, **how: Any) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`run("info", clip)` is what ``mediadask info clip`` does, in an empty folder."""

    def call(*words: object, **how: Any) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("mediadask")), *map(str, words)]
        environment = {name: value for name, value in os.environ.items() if name != "MEDIADASK_POOL"}
        where = {"cwd": tmp_path, "env": environment, "timeout": 120, **how}
        return subprocess.run(command, capture_output=True, text=True, check=False, **where)

    return call


@pytest.fixture
def good(make_clip: MakeClip) -> Path:
    """A clip with nothing wrong."""
    return make_clip(
        "A001C001.mov",
        codec="prores_ks",
        pixel_format="yuv422p10le",
        size=(128, 72),
        frames=6,
        timecode="10:00:00:00",
        reel="A001",
        sound="pcm_s24le",
    )


@pytest.fixture
def bad(good: Path, tmp_path: Path) -> dict[str, Path]:
    """Files that are no clips, by what is wrong with them."""
    folder = tmp_path / "bad"
    folder.mkdir()
    contents = {
        "empty.mov": b"",
        "text.mov": b"These are notes from the set, not pictures.\n" * 40,
        "cut.mov": good.read_bytes()[:2000],
        "camera.R3D": b"\0\0\0\x20RED2" + bytes(4000),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name.partition(".")[0]: folder / name for name in contents} | {"missing": folder / "missing.mov"}
