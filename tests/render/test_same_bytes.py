"""The same bytes every time, from every encoder and writer, whatever was in memory before."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import pytest

from mediadask.clips import ColorTags
from mediadask.render.video import ENCODERS, video_writer
from tests.same_bytes import FILLINGS, WRITERS, make_sources, run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    folder = tmp_path_factory.mktemp("same")
    make_sources(folder)
    return [run(folder, filling) for filling in FILLINGS[:2]]


@pytest.mark.parametrize("writer", WRITERS)
def test_writes_the_same_bytes_whatever_was_in_memory(runs: list[dict[str, str]], writer: str) -> None:
    first, second = (digests[writer] for digests in runs)
    assert first == second


def test_parameters_of_one_s_own_leave_the_encoder_s(tmp_path: Path) -> None:
    """Without ``frame-threads=1`` x265 would take a number of threads that depends on the machine's cores."""
    path, options = tmp_path / "a.mp4", {"x265-params": "rc-lookahead=7"}
    shape: dict[str, Any] = {"width": 64, "height": 64, "rate": Fraction(24), "gop": 24, "color": ColorTags()}
    with (
        path.open("w+b", buffering=0) as file,
        video_writer(file, ENCODERS["hevc"], options=options.items(), **shape) as write,
    ):
        write(av.VideoFrame(64, 64, "yuv420p"))
    said = path.read_bytes()  # x265 writes its settings into the stream
    assert b" rc-lookahead=7 " in said
    assert b" frame-threads=1 " in said
    assert b" no-wpp " in said
