"""Our own writers against the duties of every writer."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import mediadask as md
from mediadask.array.store import STORE
from mediadask.render import segment
from mediadask.render.conformance import WriterConformance
from mediadask.render.sheet import PICTURE
from mediadask.render.trim import TRIM
from mediadask.render.video import MOVIE

if TYPE_CHECKING:
    from pathlib import Path

    from mediadask.delivery import Delivery

SMALL = {"frames": 14, "timecode": "01:00:00:00"}
PRORES = {
    **SMALL,
    "size": (160, 90),
    "codec": "prores_ks",
    "pixel_format": "yuv422p10le",
    "sound": "pcm_s24le",
    "reel": "A001",
}
H264 = {
    **SMALL,
    "size": (160, 90),
    "codec": "libx264",
    "options": {"preset": "veryfast", "x264-params": "keyint=7:bframes=2:b-adapt=0"},
}
DNXHR = {
    **SMALL,
    "size": (320, 180),
    "codec": "dnxhd",
    "pixel_format": "yuv422p",
    "options": {"profile": "dnxhr_sq"},
}


_UMID = re.compile(rb"\x06\x0a\x2b\x34\x01\x01\x01\x05\x01\x01\x0d\x00\x13.{18}", re.DOTALL)
"""What names one MXF alone (SMPTE ST 330): FFmpeg draws it by lot."""


class _Writer(WriterConformance):
    """Makes outputs of one clip, in several parts."""

    name = "A001.mov"
    how: ClassVar[dict[str, Any]] = PRORES

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def short_segments(cls) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(segment, "UNIT_SECONDS", 0.001)
            yield

    @pytest.fixture(scope="class")
    @classmethod
    def sources(cls, make_clip: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
        folder = tmp_path_factory.mktemp("sources")
        shutil.copy(make_clip(cls.name, **cls.how), folder)
        return folder


class _Proxy(_Writer):
    format = MOVIE
    outputs = "*.mp4"
    codec = "h264"

    def deliver(self, sources: Path, out: str) -> Delivery:
        return md.proxy(sources / self.name, out, codec=self.codec)


class TestH264(_Proxy):
    pass


class TestHevc(_Proxy):
    codec = "hevc"


class TestAv1(_Proxy):
    codec = "av1"


class TestProRes(_Proxy):
    codec, outputs = "prores", "*.mov"


class TestDnxhr(_Proxy):
    codec, outputs = "dnxhr", "*.mov"
    how = PRORES | {"size": (320, 180)}


class TestSheet(_Writer):
    format = PICTURE
    outputs = "*.jpg"

    def deliver(self, sources: Path, out: str) -> Delivery:
        return md.sheet(sources / self.name, out, frames=5, columns=3, width=480)


class TestStill(_Writer):
    format = PICTURE
    outputs = "*.png"

    def deliver(self, sources: Path, out: str) -> Delivery:
        return md.still(sources / self.name, 3, f"{out}/still.png")


class TestArchive(_Writer):
    format = STORE
    outputs = "*.zarr"

    def deliver(self, sources: Path, out: str) -> Delivery:
        return md.archive(sources / self.name, out)


class _Trim(_Writer):
    format = TRIM

    def deliver(self, sources: Path, out: str) -> Delivery:
        return md.trim_ranges([md.Cut(sources / self.name, 2, 9)], out)


class TestTrimMov(_Trim):
    outputs = "*.mov"


class TestTrimMp4(_Trim):
    name, outputs, how = "A001.mp4", "*.mp4", H264


class TestTrimMkv(_Trim):
    name, outputs, how = "A001.mkv", "*.mkv", H264


class TestTrimMxf(_Trim):
    name, outputs, how = "A001.mxf", "*.mxf", DNXHR

    def comparable(self, content: bytes) -> bytes:
        return _UMID.sub(b"", content)


class TestTrimAvi(_Trim):
    name, outputs = "A001.avi", "*.avi"
    how: ClassVar = {"frames": 14, "size": (160, 90), "codec": "mjpeg", "pixel_format": "yuvj422p"}
