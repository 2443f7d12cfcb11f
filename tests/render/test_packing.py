"""A clip of many GOPs is cut into ranges of unequal lengths: pools of any size make the same of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import pytest

import mediadask as md
from mediadask import footage
from mediadask.pool import Pool

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeClip

pytestmark = pytest.mark.usefixtures("short_segments")

GOP, FRAMES = 12, 24 * 12  # six frames a second: a GOP of two seconds is short


@pytest.fixture
def clip(make_clip: MakeClip) -> Path:
    return make_clip(
        "A.mov", codec="prores_ks", pixel_format="yuv422p10le", size=(160, 90), rate=6, frames=FRAMES
    )


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_pools_of_one_and_of_two_workers_make_the_same_bytes(clip: Path, tmp_path: Path, codec: str) -> None:
    made = set()
    for workers in (1, 2):
        with Pool.local(workers=workers) as pool:
            report = pool.submit(md.proxy(clip, tmp_path / str(workers), codec=codec), name="A").result()
        assert not report.failures
        made.add((tmp_path / str(workers) / "A.mp4").read_bytes())
    assert len(made) == 1


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_it_has_every_frame_and_keyframes_two_seconds_apart_on_average(
    clip: Path, tmp_path: Path, codec: str
) -> None:
    delivery = md.proxy(clip, tmp_path, codec=codec)
    assert len({unit.frames for unit in delivery.groups[0].units}) > 10, "ranges of many lengths"
    assert not delivery.compute(num_workers=2).failures
    with av.open(str(tmp_path / "A.mp4")) as container:
        frames = list(container.decode(video=0))
    shown = [footage.read_number(frame.to_ndarray(format="gray")) for frame in frames]
    assert shown == list(range(FRAMES))
    keys = [row for row, frame in enumerate(frames) if frame.key_frame]
    assert len(keys) <= FRAMES / GOP
    assert max(later - key for key, later in zip(keys, [*keys[1:], FRAMES], strict=True)) <= 1.5 * GOP


def test_sound_is_begun_first(make_clip: MakeClip, tmp_path: Path) -> None:
    """It would be waited for if it were the last."""
    clip = make_clip("B.mov", codec="prores_ks", pixel_format="yuv422p10le", sound="pcm_s24le")
    for delivery in (md.proxy(clip, tmp_path), md.archive(clip, tmp_path)):
        assert [unit.kind for unit in delivery.groups[0].units].index("sound") == 0
