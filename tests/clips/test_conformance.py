"""Our own readers against the duties of every reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mediadask.clips import Clip
from mediadask.clips.conformance import ReaderConformance
from mediadask.footage import write_sequence

CLIP = {"frames": 14, "size": (160, 90)}
PRORES = {**CLIP, "codec": "prores_ks", "pixel_format": "yuv422p10le"}
H264 = {
    **CLIP,
    "codec": "libx264",
    "options": {"preset": "veryfast", "x264-params": "keyint=7:bframes=2:b-adapt=0:b-pyramid=0"},
}
DNXHR = {
    **CLIP,
    "size": (320, 180),
    "codec": "dnxhd",
    "pixel_format": "yuv422p",
    "options": {"profile": "dnxhr_sq"},
}


def _damage(clip: Path, number: int, copy: Path) -> str:
    """A copy in which the middle of one frame's data is zeros."""
    index = Clip.open(clip).index
    row = index.shown[number]
    data = bytearray(clip.read_bytes())
    at, size = int(index.offset[row]), int(index.size[row])
    data[at : at + size] = bytes(size)
    copy.write_bytes(data)
    return str(copy)


class TestProResMov(ReaderConformance):
    reader = "container"

    @pytest.fixture
    def url(self, make_clip: Any) -> str:
        return str(make_clip("a.mov", **PRORES, sound="pcm_s24le", timecode="01:00:00:00", reel="A001"))

    @pytest.fixture
    def damaged(self, url: str, tmp_path: Path, make_clip: Any) -> tuple[str, set[int]]:
        return _damage(make_clip("silent.mov", **PRORES), 5, tmp_path / "damaged.mov"), {5}


class TestH264Mp4(ReaderConformance):
    reader = "container"

    @pytest.fixture
    def url(self, make_clip: Any) -> str:
        return str(make_clip("a.mp4", **H264, sound="aac"))

    @pytest.fixture
    def damaged(self, make_clip: Any, tmp_path: Path) -> tuple[str, set[int]]:
        """A B-frame: no other leans on it."""
        return _damage(make_clip("silent.mp4", **H264), 12, tmp_path / "damaged.mp4"), {12}


class TestDnxhrMxf(ReaderConformance):
    reader = "container"

    @pytest.fixture
    def url(self, make_clip: Any) -> str:
        return str(make_clip("a.mxf", **DNXHR, sound="pcm_s16le"))

    @pytest.fixture
    def damaged(self, make_clip: Any, tmp_path: Path) -> tuple[str, set[int]]:
        clip = make_clip("silent.mxf", **DNXHR)
        return _damage(clip, 4, tmp_path / "damaged.mxf"), {4}


class _Sequence(ReaderConformance):
    reader = "sequence"
    dtype = "half"
    suffix = "exr"

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        pattern = tmp_path / f"plate.%04d.{self.suffix}"
        write_sequence(pattern, frames=9, size=(160, 90), dtype=self.dtype, timecode="01:00:00:00")
        return str(pattern)

    @pytest.fixture
    def damaged(self, url: str) -> tuple[str, set[int]]:
        """A hole, and two files cut short."""
        for number, keep in ((1003, None), (1005, 500), (1006, 3000)):
            file = Path(url % number)
            if keep is None:
                file.unlink()
            else:
                file.write_bytes(file.read_bytes()[:keep])
        return url, {2, 4, 5}


class TestExr(_Sequence):
    pass


class TestDpx(_Sequence):
    suffix, dtype = "dpx", "uint10"


class TestSpan(ReaderConformance):
    reader = "spans"

    @pytest.fixture
    def url(self, make_clip: Any) -> str:
        first = make_clip("b_001.mov", **{**PRORES, "frames": 6}, sound="pcm_s24le", timecode="01:00:00:00")
        how = {**PRORES, "frames": 5, "first_number": 6}
        second = make_clip("b_002.mov", **how, sound="pcm_s24le", timecode="01:00:00:06")
        return f"concat:{first}|{second}"

    @pytest.fixture
    def damaged(self, make_clip: Any, tmp_path: Path) -> tuple[str, set[int]]:
        """The first frame of the second part: what is held is the last of the first."""
        first = make_clip("c_001.mov", **{**PRORES, "frames": 6})
        second = make_clip("c_002.mov", **{**PRORES, "frames": 5, "first_number": 6})
        return f"concat:{first}|{_damage(second, 0, tmp_path / 'damaged.mov')}", {6}

    def broken(self, url: str, folder: Path, content: bytes | None) -> str:
        path = folder / "broken.mov"
        if content is not None:
            path.write_bytes(content)
        return f"{url.partition('|')[0]}|{path}"
