"""What is fetched of files on servers: each byte that is needed once, and few others."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import OpenEXR
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from mediadask.clips import Clip
from mediadask.clips.container import ContainerReader
from mediadask.clips.remote import RemoteFile, fetched, runs
from mediadask.errors import MediaChanged, MissingMedia, UnsupportedMedia
from mediadask.footage import read_number
from tests.clips.test_reading import H264, OPEN, PRORES, RangeHandler, serving
from tests.clips.test_tracks import write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import MakeClip

DNXHR: dict[str, Any] = {
    "size": (320, 180),
    "frames": 24,
    "codec": "dnxhd",
    "pixel_format": "yuv422p",
    "options": {"profile": "dnxhr_hq"},
}
SOUND: dict[str, Any] = OPEN | {"sound": "mp2"}
Given = list[tuple[int, int]]


class Counting(RangeHandler):
    """Notes which bytes it gave."""

    given: ClassVar[Given] = []
    looks: ClassVar[int] = 0

    def send_head(self) -> Any:
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if self.command == "GET" and asked:
            self.given.append((int(asked[1]), int(asked[2]) + 1))
        Counting.looks += self.command == "HEAD"
        return super().send_head()


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[tuple[str, Path, Given]]:
    with serving(Counting, tmp_path) as root:
        Counting.given.clear()
        yield root, tmp_path, Counting.given


def _once(given: Given) -> int:
    """How many bytes were given, none of them twice."""
    ordered = sorted(given)
    assert all(end <= begin for (_, end), (begin, _) in pairwise(ordered)), ordered
    return sum(end - begin for begin, end in ordered)


@pytest.mark.parametrize(
    ("name", "how"),
    [("a.mov", PRORES), ("a.mp4", H264), ("a.mkv", H264), ("a.mp4", OPEN), ("a.ts", SOUND)],
    ids=str,
)
def test_the_packets_of_a_frame_are_fetched_and_nothing_else(
    name: str, how: dict[str, Any], make_clip: MakeClip, counted: tuple[str, Path, Given]
) -> None:
    root, folder, given = counted
    (folder / name).write_bytes(make_clip(name, **how).read_bytes())
    clip = Clip.open(f"{root}/{name}")
    size, starts, shown = clip.index.ends - clip.index.offset, clip.index.decode_start, clip.index.shown
    for number in (17, 5):
        given.clear()
        (frame,) = clip.frames(number, number + 1)
        assert read_number(frame.planes[0]) == number
        assert _once(given) <= 1.05 * size[starts[number] : shown[number] + 1].sum()


def test_a_server_is_asked_of_the_file_before_and_after_its_frames(
    make_clip: MakeClip, counted: tuple[str, Path, Given]
) -> None:
    """And at no other time: each answer takes as long as the way to the server and back."""
    root, folder, _ = counted
    (folder / "a.mp4").write_bytes(make_clip("a.mp4", **H264).read_bytes())
    clip = Clip.open(f"{root}/a.mp4")
    Counting.looks = 0
    assert len(list(clip.frames(5, 6))) == 1
    assert Counting.looks == 2


@pytest.mark.parametrize(
    ("name", "how"), [("a.mov", PRORES), ("a.mp4", H264), ("a.mp4", OPEN), ("a.ts", SOUND)], ids=str
)
def test_units_fetch_no_packet_twice(
    name: str, how: dict[str, Any], make_clip: MakeClip, counted: tuple[str, Path, Given]
) -> None:
    root, folder, given = counted
    (folder / name).write_bytes(make_clip(name, **how).read_bytes())
    clip = Clip.open(f"{root}/{name}")
    given.clear()
    numbers = [
        read_number(frame.planes[0])
        for start, stop in pairwise(clip.index.gops.tolist())
        for frame in clip.frames(start, stop)
    ]
    assert numbers == list(range(len(clip)))
    assert _once(given) <= 1.05 * (clip.index.ends - clip.index.offset).sum()


@pytest.mark.parametrize(
    ("name", "how"),
    [("a.mkv", H264), ("a.mxf", DNXHR), ("a.mov", PRORES), ("a.avi", H264), ("a.ts", H264)],
    ids=str,
)
def test_opening_fetches_no_byte_twice(
    name: str, how: dict[str, Any], make_clip: MakeClip, counted: tuple[str, Path, Given]
) -> None:
    root, folder, given = counted
    (folder / name).write_bytes(make_clip(name, **how).read_bytes())
    reader = ContainerReader()
    url = f"{root}/{name}"
    reader.probe(url, reader.files(url))
    assert _once(given)


def test_telling_two_tracks_apart_fetches_no_byte_twice(
    tmp_path: Path, counted: tuple[str, Path, Given]
) -> None:
    root, folder, given = counted
    write(folder / "a.mkv", ("libx264", (160, 90), 24), ("libx264", (320, 180), 24))
    reader = ContainerReader()
    header, _ = reader.probe(f"{root}/a.mkv", reader.files(f"{root}/a.mkv"))
    assert header.width == 320
    assert _once(given)


@pytest.fixture
def noise() -> Iterator[tuple[RemoteFile, bytes]]:
    """A file of a megabyte, and what is in it."""
    content = np.random.default_rng(1).bytes(1 << 20)
    store = MemoryFileSystem()
    store.pipe("/noise", content)
    yield RemoteFile(store, "/noise", len(content)), content
    store.rm("/noise")


def test_a_remote_file_reads_as_a_local_one(noise: tuple[RemoteFile, bytes]) -> None:
    file, content = noise
    random = np.random.default_rng(2)
    for at, size in random.integers(0, (len(content), 200_000), (200, 2)):
        file.seek(int(at))
        assert file.read(int(size)) == content[at : at + size]
        assert file.tell() == min(at + size, len(content))
    file.seek(-10, 2)
    assert (file.read(), file.read(5)) == (content[-10:], b"")
    other = file.again()
    assert other.read(100) == content[:100]
    assert file.tell() == len(content), "each has a place of its own"
    assert b"".join(file.pieces()) == content


def test_ranges_come_in_order_and_end_with_the_file(noise: tuple[RemoteFile, bytes]) -> None:
    file, content = noise
    ranges = [(begin, begin + 1000) for begin in range(0, len(content), 1500)]
    assert list(fetched(file, ranges)) == [content[begin:end] for begin, end in ranges]


def test_the_first_request_shares_the_line_with_one_other(noise: tuple[RemoteFile, bytes]) -> None:
    asked = []

    class Told(RemoteFile):
        def fetch(self, begin: int, end: int) -> bytes:
            asked.append(begin)
            return noise[0].fetch(begin, end)

    coming = fetched(Told(None, "", len(noise[1])), ((begin, begin + 1) for begin in range(20)))
    next(coming)
    assert set(asked) <= {0, 1}
    assert sum(1 for _ in coming) == 19


def test_requests_begin_small() -> None:
    """All of them share the line: the first picture does not wait for what comes after it."""
    size = [64 << 10] * 1000
    parts = list(runs([at * size[0] for at in range(len(size))], size))
    requests = [sum(size[first:stop]) for first, stop in parts]
    assert requests[:7] == [(256 << 10) << at for at in (0, 1, 2, 3, 4, 4, 4)]
    assert sum(requests) == sum(size)


def test_a_request_joins_what_touches() -> None:
    assert list(runs([0, 100, 200], [100, 100, 100])) == [(0, 3)]
    assert list(runs([0, 103, 500], [100, 100, 100])) == [(0, 2), (2, 3)], "little is skipped, much is not"
    assert list(runs([200, 100, 0], [100, 100, 100])) == [(0, 1), (1, 2), (2, 3)]
    large = 3 << 20
    assert list(runs([0, large], [large, large])) == [(0, 1), (1, 2)], "a request has four megabytes at most"
    assert list(runs([], [])) == []


class Unsteady(RangeHandler):
    """A server on a bad day: `fault` says which."""

    fault: ClassVar[str] = ""
    faults_left: ClassVar[int] = 0

    def do_GET(self) -> None:  # noqa: N802
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if asked is None or not Unsteady.fault or not Unsteady.faults_left:
            super().do_GET()
            return
        Unsteady.faults_left -= 1
        if Unsteady.fault == "busy":
            self.send_error(503)
            return
        begin, end = int(asked[1]), int(asked[2]) + 1
        data = Path(self.translate_path(self.path)).read_bytes()[begin:end]
        half = data[: max(len(data) // 2, 1)]
        told = len(half) if Unsteady.fault == "gives less" else len(data)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {begin}-{begin + told - 1}/*")
        self.send_header("Content-Length", str(told))
        self.end_headers()
        self.wfile.write(half)
        self.close_connection = True


@pytest.fixture
def unsteady(tmp_path: Path) -> Iterator[str]:
    with serving(Unsteady, tmp_path) as root:
        yield root
    Unsteady.fault = ""


@pytest.mark.parametrize("fault", ["breaks off", "gives less", "busy"])
def test_what_a_server_fails_to_give_is_asked_for_again(
    make_clip: MakeClip, tmp_path: Path, unsteady: str, fault: str
) -> None:
    (tmp_path / "a.mov").write_bytes(make_clip("a.mov", **PRORES).read_bytes())
    Unsteady.fault, Unsteady.faults_left = fault, 2
    clip = Clip.open(f"{unsteady}/a.mov")
    Unsteady.faults_left = 2
    assert [read_number(frame.planes[0]) for frame in clip.frames()] == list(range(len(clip)))
    assert not Unsteady.faults_left


@pytest.mark.parametrize("fault", ["breaks off", "busy"])
def test_a_server_that_goes_on_failing_is_no_damaged_clip(
    make_clip: MakeClip, tmp_path: Path, unsteady: str, fault: str
) -> None:
    (tmp_path / "a.mov").write_bytes(make_clip("a.mov", **PRORES).read_bytes())
    clip = Clip.open(f"{unsteady}/a.mov")
    Unsteady.fault, Unsteady.faults_left = fault, 1000
    with pytest.raises(MissingMedia, match=r"cannot be fetched .*; check the server"):
        list(clip.frames(on_corrupt="black"))


@pytest.mark.parametrize("shrinks", [True, False])
def test_a_file_that_changes_while_it_is_read(
    make_clip: MakeClip, tmp_path: Path, counted: tuple[str, Path, Given], shrinks: bool
) -> None:
    """Each request would be answered from another file; the frames that are out already are not the last."""
    root, folder, _ = counted
    first = make_clip("a.mov", **PRORES).read_bytes()
    (folder / "b.mov").write_bytes(first)
    clip = Clip.open(f"{root}/b.mov")
    frames = clip.frames()
    next(frames)
    (folder / "b.mov").write_bytes(first[: len(first) // 2] if shrinks else first[::-1] + b"\0")
    with pytest.raises(MediaChanged):
        list(frames)


SIGNATURE = "X-Amz-Credential=AK%2F20261128%2Faws4&Expires=60&sig=a%2Bb%2dc%3D"


class Signed(RangeHandler):
    """Answers the very URL that was signed and no other."""

    def send_head(self) -> Any:
        if self.path.partition("?")[2] != SIGNATURE:
            self.send_error(403)
            return None
        return super().send_head()


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.mov", PRORES),
        ("a.ts", H264),
        ("a.png", {"codec": "png", "pixel_format": "rgb24", "frames": 1, "muxer": "image2"}),
        ("a.dpx", {"codec": "dpx", "pixel_format": "gbrp10le", "frames": 1, "muxer": "image2"}),
        ("a.h264", H264),
    ],
    ids=lambda x: str(x)[:6],
)
def test_a_signed_url_is_asked_for_as_it_is(
    name: str, how: dict[str, Any], make_clip: MakeClip, tmp_path: Path
) -> None:
    made = make_clip(name, **how)
    (tmp_path / name).write_bytes(made.read_bytes())
    with serving(Signed, tmp_path) as root:
        clip = Clip.open(f"{root}/{name}?{SIGNATURE}")
        ours = [frame.planes for frame in clip.frames()]
    for mine, local in zip(ours, Clip.open(made).frames(), strict=True):
        for one, other in zip(mine, local.planes, strict=True):
            assert np.array_equal(one, other)


@pytest.mark.parametrize(("choice", "value"), [("", 1.0), ("?view=left", 1.0), ("?view=right", 2.0)])
def test_choices_stand_behind_a_signature(tmp_path: Path, choice: str, value: float) -> None:
    flat = np.full((36, 64), 1, np.float16)
    eyes = {f"{eye}.{name}": flat * at for at, eye in enumerate(("left", "right"), 1) for name in "RGB"}
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File({**header, "multiView": ["left", "right"]}, eyes).write(str(tmp_path / "a.exr"))
    with serving(Signed, tmp_path) as root:
        (frame,) = Clip.open(f"{root}/a.exr?{SIGNATURE}{choice}").frames()
    assert {float(plane.mean()) for plane in frame.planes} == {value}


def test_raw_stills_are_named_behind_a_signature(tmp_path: Path) -> None:
    (tmp_path / "a.nef").write_bytes(b"MM\0*" + bytes(100))
    with serving(Signed, tmp_path) as root, pytest.raises(UnsupportedMedia, match="Nikon raw still"):
        Clip.open(f"{root}/a.nef?{SIGNATURE}")
