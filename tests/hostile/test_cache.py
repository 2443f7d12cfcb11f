"""The index cache: what is not as it was written is made anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mediadask.clips import Clip, cache, recall

if TYPE_CHECKING:
    from tests.conftest import MakeClip


def test_a_damaged_index_is_made_anew(
    make_clip: MakeClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every bit counts: believed, one made frames of other packets, or none."""
    monkeypatch.setenv("MEDIADASK_CACHE", str(tmp_path))
    path = make_clip("cached.mp4", codec="libx264", frames=12)
    whole = Clip.open(path)
    (file,) = tmp_path.rglob("*.index")
    content = file.read_bytes()
    assert recall(path) is not None
    for at in range(0, len(content), 7):
        file.write_bytes(content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :])
        assert cache.load(whole.identity) is None
    file.write_bytes(content[:-8])
    assert cache.load_facts(whole.identity) is None
    assert np.array_equal(Clip.open(path).index.shown, whole.index.shown)
    assert file.read_bytes() == content
