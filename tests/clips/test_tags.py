"""Tags whose bytes are not UTF-8."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import mediadask as md
from mediadask.clips.packets import opened
from mediadask.clips.tags import tags_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeClip


@pytest.mark.parametrize("name", ["a.mov", "a.mkv"])
def test_a_tag_that_is_not_utf8_is_text_with_a_mark_for_each_byte(
    name: str, make_clip: MakeClip, tmp_path: Path
) -> None:
    made = make_clip(name, codec="mjpeg", pixel_format="yuvj420p", tags={"comment": "Cafe, take 7"})
    path = tmp_path / name
    path.write_bytes(made.read_bytes().replace(b"Cafe, take 7", b"Caf\xe9, take 7"))
    said = {tag.name.lower(): tag.value for tag in md.Clip.open(path).header.tags}
    assert said["comment"] == "Caf\N{REPLACEMENT CHARACTER}, take 7"
    with opened(str(path)) as container:
        assert "Caf\N{REPLACEMENT CHARACTER}, take 7" in tags_of(container).values()
        # Who copies the tags copies the bytes.
        assert "Caf\udce9, take 7" in container.metadata.values()
