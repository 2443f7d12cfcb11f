"""Small clips must still be cut into several segments, or joining would go untested."""

from __future__ import annotations

import pytest

from mediadask.render import segment


@pytest.fixture
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment, "UNIT_SECONDS", 0.001)
