"""The writers of a turnover against the duties of every writer: plates, movies, documents, timelines."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import mediadask as md
from mediadask.editorial.summary import PAGE
from mediadask.editorial.trim import TIMELINE
from mediadask.render import segment
from mediadask.render.conformance import WriterConformance
from mediadask.render.plate import FRAME
from mediadask.render.plate_folder import MANIFEST
from mediadask.render.video import MOVIE

if TYPE_CHECKING:
    from pathlib import Path

    from mediadask.delivery import Delivery

CAMERA = {
    "codec": "prores_ks",
    "pixel_format": "yuv422p10le",
    "size": (160, 90),
    "frames": 16,
    "timecode": "01:00:00:00",
    "reel": "A001",
}
EDL = """TITLE: EP104 TURNOVER 1
FCM: NON-DROP FRAME

001  A001     V     C        01:00:00:04 01:00:00:10 01:00:00:00 01:00:00:06
* LOC: 01:00:00:00 RED     ABC_104_065_010
"""


class _Turnover(WriterConformance):
    """Makes outputs of one event."""

    how: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def short_segments(cls) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(segment, "PLATE_UNIT_SECONDS", 0.001)
            yield

    @pytest.fixture(scope="class")
    @classmethod
    def sources(cls, make_clip: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
        folder = tmp_path_factory.mktemp("sources")
        shutil.copy(make_clip("A001.mov", **CAMERA), folder)
        (folder / "turnover.edl").write_text(EDL)
        return folder

    def deliver(self, sources: Path, out: str) -> Delivery:
        how = {"handles": 2, "input_space": "ARRI LogC4", "review": False} | self.how
        return md.pull(sources / "turnover.edl", sources / "A001.mov", out, **how)


class TestExr(_Turnover):
    format, outputs = FRAME, "*.exr"


class TestDpx(_Turnover):
    format, outputs, how = FRAME, "*.dpx", {"format": "dpx10"}


class TestProRes4444(_Turnover):
    format, outputs, how = MOVIE, "*.mov", {"format": "prores4444"}


class TestReview(_Turnover):
    format, outputs, how = MOVIE, "*.mp4", {"review": True}


class TestManifest(_Turnover):
    format, outputs = MANIFEST, "*.json"

    def comparable(self, content: bytes) -> bytes:
        """Without the plate's place, which its mark counts, and when each file was written."""
        return re.sub(rb'"(mediadask|version)": "[^"]*"', b"", content)


class TestPage(_Turnover):
    format, outputs = PAGE, "*.html"


class TestTimeline(_Turnover):
    format, outputs = TIMELINE, "*.otio"

    def deliver(self, sources: Path, out: str) -> Delivery:
        return md.trim(sources / "turnover.edl", sources / "A001.mov", out, handles=2)

    def comparable(self, content: bytes) -> bytes:
        """Without the trims' places, and the mark, which counts them."""
        return re.sub(rb'"(mediadask|clip|target_url)": ".*"', b"", content)
