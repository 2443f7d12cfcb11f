"""Archives with altered bytes, or made to do harm: each gives the right pictures or one line."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr

import mediadask as md

if TYPE_CHECKING:
    from tests.conftest import MakeClip


@pytest.fixture
def archive(make_clip: MakeClip, tmp_path: Path) -> Path:
    how = {"pixel_format": "yuv422p10le", "size": (96, 64), "timecode": "01:00:00:00", "sound": "pcm_s24le"}
    clip = make_clip("archived.mov", codec="prores_ks", frames=4, **how)
    (made,) = md.archive(clip, tmp_path / "a.zarr").compute().results
    return Path(made.url)


def test_an_altered_byte_is_a_line_that_names_the_archive(archive: Path) -> None:
    """A byte of a file is changed: it is the same archive, or is said to be damaged."""
    with md.open_clip(archive) as whole:
        whole.load()
    rng = random.Random(1)
    for path in sorted(path for path in archive.rglob("*") if path.is_file()):
        content = path.read_bytes()
        for _ in range(4):
            at = rng.randrange(len(content))
            path.write_bytes(content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :])
            try:
                with md.open_clip(archive) as found:
                    found.load()
            except md.MediaError as error:
                line = str(error)
                assert line.startswith(str(archive)), path
            else:
                assert found.sizes == whole.sizes, path
                assert np.array_equal(found.frames, whole.frames), path
        path.write_bytes(content)
    with md.open_clip(archive) as again:
        xr.testing.assert_identical(again.load(), whole)


def test_an_archive_asks_for_no_more_memory_than_one_may(archive: Path) -> None:
    for name, field in (("frame", "shape"), ("frames", "chunk")):
        path = archive / name / "zarr.json"
        content = path.read_text()
        said = json.loads(content)
        if field == "shape":
            said["shape"] = [1 << 40]
        else:
            said["chunk_grid"]["configuration"]["chunk_shape"] = [1 << 30, *said["shape"][1:]]
            for codec in said["codecs"]:
                if codec["name"] == "sharding_indexed":
                    codec["configuration"]["chunk_shape"] = [1 << 30, *said["shape"][1:]]
        path.write_text(json.dumps(said))
        root = archive / "zarr.json"
        whole = root.read_text()
        kept = json.loads(whole)
        kept.pop("consolidated_metadata")
        root.write_text(json.dumps(kept))
        with pytest.raises(md.UnreadableMedia, match="more than any archive"):
            md.open_clip(archive)
        path.write_text(content)
        root.write_text(whole)
