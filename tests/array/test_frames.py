"""Chunks are whole GOPs inside the budget, or equal parts of one that is above it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mediadask.array.frames import FrameArray, plan_chunks
from mediadask.clips import PixelFormat

if TYPE_CHECKING:
    import numpy.typing as npt


class Index:
    """Tables of a clip with closed GOPs of these lengths: all that planning looks at."""

    def __init__(self, lengths: list[int]) -> None:
        self.gops = np.cumsum([0, *lengths])
        self.intra_only = max(lengths) == 1
        self.shown = np.arange(self.gops[-1])
        self.decode_start = np.repeat(self.gops[:-1], lengths)

    def __len__(self) -> int:
        return int(self.gops[-1])


HEADER = SimpleNamespace(height=2, width=3, pixel_format=PixelFormat("gbrp", "rgb", 8, "uint8"))


def planned(lengths: list[int], most: int, held: int = 10**6) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    index = Index(lengths)
    source = FrameArray("", "", (len(index), 2, 3, 3), np.dtype("uint8"))
    clip: Any = type("Planned", (), {"index": index, "header": HEADER, "__len__": lambda self: len(index)})()
    return plan_chunks(clip, source, most * 18, held * 18)[:2]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(1, 30))
def test_every_plan_keeps_the_rules(lengths: list[int], most: int) -> None:
    edges, owners = planned(lengths, most)
    sizes = np.diff(edges)
    gops = set(np.cumsum([0, *lengths]).tolist())
    assert edges[0] == 0
    assert edges[-1] == sum(lengths)
    assert (sizes > 0).all()
    assert (sizes <= most).all()
    assert len(owners) == len(sizes)
    for owner in np.unique(owners):
        (members,) = np.nonzero(owners == owner)
        start, stop = int(edges[members[0]]), int(edges[members[-1] + 1])
        assert members[0] == owner
        assert {start, stop} <= gops
        if len(members) > 1:  # decoded together because one GOP is above the budget
            assert not gops & set(range(start + 1, stop))
            assert np.ptp(sizes[members]) <= 1


def test_gops_go_together_up_to_the_budget() -> None:
    edges, owners = planned([10, 10, 10, 50, 5, 5], 20)
    assert edges.tolist() == [0, 20, 30, 46, 63, 80, 90]
    assert owners.tolist() == [0, 1, 2, 2, 2, 5]


@given(st.lists(st.integers(1, 400), min_size=1, max_size=20), st.integers(1, 30), st.integers(1, 200))
def test_no_task_holds_more_frames_than_it_may(lengths: list[int], most: int, held: int) -> None:
    edges, owners = planned(lengths, most, held)
    free, _ = planned(lengths, most)
    assert edges.tolist() == free.tolist(), "how chunks are decoded does not move them"
    assert (np.diff(owners) >= 0).all()
    for owner in np.unique(owners):
        (members,) = np.nonzero(owners == owner)
        assert members[0] == owner
        if len(members) > 1:
            assert edges[members[-1] + 1] - edges[owner] <= held


def test_a_gop_too_long_to_hold_is_decoded_in_parts() -> None:
    edges, owners = planned([100], 10, held=40)
    assert edges.tolist() == [*range(0, 101, 10)]
    assert owners.tolist() == [0, 0, 0, 0, 4, 4, 4, 4, 8, 8]
