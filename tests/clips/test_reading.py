"""How much is read and decoded, and that storage makes no difference."""

from __future__ import annotations

import os
import re
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import fsspec
import numpy as np
import pytest
from fsspec.implementations.local import LocalFileSystem

from mediadask.clips import Clip, decode
from mediadask.errors import MissingMedia, UnreadableMedia
from mediadask.footage import read_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import MakeClip

SMALL: dict[str, Any] = {"size": (320, 180), "frames": 24}
H264 = SMALL | {"codec": "libx264", "options": {"g": "6", "bf": "2", "preset": "veryfast"}}
OPEN = SMALL | {
    "codec": "libx264",
    "options": {"g": "6", "bf": "2", "preset": "veryfast", "x264-params": "open-gop=1"},
}
PRORES = SMALL | {"codec": "prores_ks", "pixel_format": "yuv422p10le", "sound": "pcm_s16le"}


class Counting(LocalFileSystem):
    """Local files that count what is read of them."""

    protocol = "counted"
    read_bytes = 0

    def _open(self, path: str, mode: str = "rb", **how: Any) -> Any:
        return CountingFile(super()._open(path, mode, **how))


class CountingFile:
    def __init__(self, file: Any) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._file.read(size)
        Counting.read_bytes += len(data)
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> CountingFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


@pytest.fixture
def counted() -> type[Counting]:
    fsspec.register_implementation("counted", Counting, clobber=True)
    Counting.read_bytes = 0
    return Counting


@pytest.mark.parametrize("flags", ["write_colr", "faststart"], ids=["moov at the end", "moov in front"])
def test_opening_does_not_read_pictures(
    flags: str, make_clip: MakeClip, counted: type[Counting], tmp_path: Path
) -> None:
    source = make_clip("v210.mov", **SMALL | {"codec": "v210", "pixel_format": "yuv422p10le"})
    path = tmp_path / "big.mov"
    with av.open(str(source)) as short, av.open(str(path), "w", options={"movflags": flags}) as out:
        stream = out.add_stream_from_template(short.streams.video[0])
        packets = [packet for packet in short.demux(video=0) if packet.size]
        step = packets[1].pts
        for number in range(800):
            packet = packets[number % 24]
            packet.pts = packet.dts = number * step
            packet.stream = stream
            out.mux(packet)
    size = path.stat().st_size
    assert size > 120_000_000
    clip = Clip.open(f"counted://{path}")
    assert len(clip) == 800
    assert 0 < counted.read_bytes <= size / 100
    counted.read_bytes = 0
    (frame,) = clip.frames(600, 601)
    assert read_number(frame.planes[0]) == 0
    assert counted.read_bytes <= 1.1 * clip.index.size[600]
    path.unlink()


class Decodes:
    """Counts the packets that decoders are given."""

    def __init__(self) -> None:
        self.packets = self.opened = 0

    def open(self, header: Any, **how: Any) -> Any:
        counter, context = self, open_decoder(header, **how)
        counter.opened += 1

        class Counted:
            flush_buffers = context.flush_buffers

            def decode(self, packet: Any) -> Any:
                counter.packets += packet is not None
                return context.decode(packet)

        return Counted()


open_decoder = decode.open_decoder


@pytest.fixture
def decodes(monkeypatch: pytest.MonkeyPatch) -> Decodes:
    counter = Decodes()
    monkeypatch.setattr(decode, "open_decoder", counter.open)
    monkeypatch.setattr(decode, "_thread", threading.local())  # decoders that other tests have left
    return counter


@pytest.mark.parametrize("how", [PRORES, H264, OPEN], ids=["intra", "closed", "open"])
def test_single_frames_of_a_clip_come_from_one_decoder_exactly(
    how: dict[str, Any], make_clip: MakeClip, decodes: Decodes
) -> None:
    clip = Clip.open(make_clip("a.mov", **how))
    whole = [frame.planes[0].copy() for frame in clip.frames()]
    decodes.opened = 0
    for number in (17, 3, 4, 23, 0, 11, 5):
        frame = next(clip.frames(number, number + 1, threads=1))
        assert frame.number == number
        assert np.array_equal(frame.planes[0], whole[number])
    assert decodes.opened == 1


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.ts", "a.avi"])
@pytest.mark.parametrize("how", [H264, OPEN], ids=["closed", "open"])
def test_nothing_is_decoded_twice(
    name: str, how: dict[str, Any], make_clip: MakeClip, decodes: Decodes
) -> None:
    clip = Clip.open(make_clip(name, **how))
    assert len(list(clip.frames())) == 24
    assert decodes.packets == 24
    decodes.packets = 0
    for start, stop in zip(clip.index.gops, clip.index.gops[1:], strict=False):
        assert len(list(clip.frames(int(start), int(stop)))) == stop - start
    keys_again = 0 if how is H264 else len(clip.index.gops) - 2  # an open GOP's end leans on the next key
    assert decodes.packets == 24 + keys_again


def test_a_frame_costs_at_most_its_way_from_the_key(make_clip: MakeClip, decodes: Decodes) -> None:
    clip = Clip.open(make_clip("a.mp4", **H264))
    for number in range(24):
        decodes.packets = 0
        assert next(clip.frames(number, number + 1)).number == number
        row = clip.index.shown[number]
        assert decodes.packets == row - clip.index.decode_start[number] + 1
    intra = Clip.open(make_clip("a.mov", **PRORES))
    decodes.packets = 0
    assert len(list(intra.frames(7, 12))) == 5
    assert decodes.packets == 5


def test_what_an_edit_hides_before_the_key_is_not_decoded(make_clip: MakeClip, decodes: Decodes) -> None:
    clip = Clip.open(make_clip("open.mp4", **OPEN))
    start = int(clip.index.gops[2])
    decodes.packets = 0
    next(clip.frames(start, start + 1))
    assert decodes.packets == 1


class RangeHandler(SimpleHTTPRequestHandler):
    """Serves byte ranges, as every object store does."""

    def send_head(self) -> Any:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            return super().send_head()
        size = path.stat().st_size
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first, last = (int(asked[1]), min(int(asked[2] or size - 1), size - 1)) if asked else (0, size - 1)
        if first >= size:
            self.send_error(416)
            return None
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("ETag", f'"{size}"')
        self.end_headers()
        self.left = last - first + 1
        file = path.open("rb")
        file.seek(first)
        return file

    def copyfile(self, source: Any, outputfile: Any) -> None:
        outputfile.write(source.read(getattr(self, "left", -1)))

    def log_message(self, *words: Any) -> None:
        pass


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("served")
    with serving(RangeHandler, folder) as root:
        yield root, folder


@contextmanager
def serving(handler: type[SimpleHTTPRequestHandler], folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("storage", ["memory", "http", "s3"])
@pytest.mark.parametrize(
    ("name", "how"),
    [("a.mov", PRORES), ("a.mp4", H264), ("a.mkv", H264), ("a.ts", H264)],
    ids=lambda x: str(x)[:5],
)
def test_storage_makes_no_difference(
    storage: str, name: str, how: dict[str, Any], make_clip: MakeClip, request: pytest.FixtureRequest
) -> None:
    path = make_clip(name, **how)
    if storage == "http":
        root, folder = request.getfixturevalue("http")
        (folder / name).write_bytes(path.read_bytes())
    else:
        root = request.getfixturevalue("bucket") if storage == "s3" else "memory://cards"
        with fsspec.open(f"{root}/{name}", "wb") as file:
            file.write(path.read_bytes())
    here, there = Clip.open(path), Clip.open(f"{root}/{name}")
    assert there.header == here.header
    assert there.files[0].size_bytes == here.files[0].size_bytes
    assert there.files[0].version
    for start, stop in ((17, 18), (3, 11)):
        for mine, other in zip(there.frames(start, stop), here.frames(start, stop), strict=True):
            assert read_number(mine.planes[0]) == mine.number == other.number
            for plane, same in zip(mine.planes, other.planes, strict=True):
                np.testing.assert_array_equal(plane, same)
    if here.header.audio:
        np.testing.assert_array_equal(there.audio(100, 5000), here.audio(100, 5000))


def test_missing_and_cut_off_elsewhere(http: tuple[str, Path], make_clip: MakeClip) -> None:
    root, folder = http
    with pytest.raises(MissingMedia, match="no such file"):
        Clip.open(f"{root}/none.mov")
    with pytest.raises(MissingMedia, match="no such file"):
        Clip.open("memory://none.mov")
    (folder / "cut.mov").write_bytes(make_clip("a.mov", **PRORES).read_bytes()[:50_000])
    with pytest.raises(UnreadableMedia, match="moov"):
        Clip.open(f"{root}/cut.mov")


def test_a_server_that_is_not_there_is_not_a_missing_file() -> None:
    with pytest.raises(MissingMedia, match=r"cannot be fetched \(.*Cannot connect"):
        Clip.open("http://127.0.0.1:1/a.mov")


def test_a_server_without_ranges_is_named(make_clip: MakeClip) -> None:
    path = make_clip("a.mov", **PRORES)
    with (
        serving(SimpleHTTPRequestHandler, path.parent) as root,
        pytest.raises(UnreadableMedia, match="gives whole files only"),
    ):
        Clip.open(f"{root}/a.mov")


class DatedHandler(RangeHandler):
    """Says when a file was changed, not which version of it this is."""

    def send_header(self, keyword: str, value: str) -> None:
        changed = Path(self.translate_path(self.path)).stat().st_mtime
        dated = keyword == "ETag"
        super().send_header(*("Last-Modified", self.date_time_string(changed)) if dated else (keyword, value))


def test_a_file_of_the_same_size_is_another_by_its_date(make_clip: MakeClip, tmp_path: Path) -> None:
    how = {"codec": "v210", "pixel_format": "yuv422p10le", "size": (96, 64), "frames": 3}
    path = tmp_path / "a.mov"
    found = []
    with serving(DatedHandler, tmp_path) as root:
        for hour in (1, 2):
            path.write_bytes(make_clip("a.mov", **how, timecode=f"0{hour}:00:00:00").read_bytes())
            os.utime(path, (hour * 3600,) * 2)
            clip = Clip.open(f"{root}/a.mov")
            found.append((clip.size_bytes, clip.header.timecode))
    assert found == [(path.stat().st_size, "01:00:00:00"), (path.stat().st_size, "02:00:00:00")]


def test_a_changed_file_is_noticed_by_its_tag(http: tuple[str, Path], make_clip: MakeClip) -> None:
    root, folder = http
    (folder / "b.mp4").write_bytes(make_clip("a.mp4", **H264).read_bytes())
    first = Clip.open(f"{root}/b.mp4")
    (folder / "b.mp4").write_bytes(make_clip("b.mp4", **H264 | {"frames": 30}).read_bytes())
    assert (len(first), len(Clip.open(f"{root}/b.mp4"))) == (24, 30)
