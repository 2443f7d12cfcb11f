"""Commands as people run them, in this process or in one of their own, and the clips they are given."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from tests.conftest import Command, MakeClip

COMMAND = str(Path(sys.executable).with_name("mediadask"))


class Run(Protocol):
    def __call__(self, *words: object, **environment: str) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test runs in an empty folder, and no pool is up already."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MEDIADASK_POOL", raising=False)


@pytest.fixture
def run(here: None, monkeypatch: pytest.MonkeyPatch, mediadask: Command) -> Run:
    """`run("info", clip, TZ="UTC")` is what ``TZ=UTC mediadask info clip`` does in an empty folder."""

    def call(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return mediadask(*words)

    return call


@pytest.fixture
def installed(here: None) -> Run:
    """The same by the installed command, in a process of its own."""

    def call(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [COMMAND, *map(str, words)]
        how: dict[str, Any] = {"capture_output": True, "text": True, "check": False}
        return subprocess.run(command, env={**os.environ, **environment}, timeout=600, **how)

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
