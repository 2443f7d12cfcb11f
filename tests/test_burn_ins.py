"""What reviews burn in lies over nothing that footage burns in."""

from __future__ import annotations

import numpy as np
import pytest

from mediadask import footage
from mediadask.render.burnin import burn_in


@pytest.mark.parametrize("size", [(320, 180), (640, 360), (960, 540), (1280, 536), (1920, 1080)])
def test_the_corners_of_a_review_are_free_in_footage(size: tuple[int, int]) -> None:
    """Over the whole width: a corner's text may be as long as the picture is wide."""
    width, height = size
    text = "A001C001_261122_R1AB 10:00:00:00" * 4
    reviewed = burn_in(
        np.full((height, width, 3), 0.5, np.float32), dict.fromkeys(["top left", "bottom left"], text)
    )
    theirs = np.abs(reviewed - 0.5).max(axis=(1, 2)) > 0
    one, other = (footage.picture(0, width, height, label=label) for label in ("10:00:00:00", "23:59:59:23"))
    ours = np.any(one != other, axis=(1, 2))
    assert ours.any()
    first, last = np.flatnonzero(ours)[[0, -1]]
    assert not theirs[first : last + 1].any()
