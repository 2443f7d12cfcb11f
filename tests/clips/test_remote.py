"""What is fetched of files on servers: each byte that is needed once, and few others."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from mediadask.clips import Clip
from mediadask.clips.container import ContainerReader
from mediadask.clips.remote import RemoteFile, fetched, runs
from mediadask.footage import read_number
from tests.clips.test_reading import H264, OPEN, PRORES, RangeHandler, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import MakeClip

DNXHR: dict[str, Any] = {
    "size": (320, 180),
    "frames": 24,
    "codec": "dnxhd",
    "pixel_format": "yuv422p",
    "options": {"profile": "dnxhr_hq"},
}
Given = list[tuple[int, int]]


class Counting(RangeHandler):
    """Notes which bytes it gave."""

    given: ClassVar[Given] = []

    def send_head(self) -> Any:
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if self.command == "GET" and asked:
            self.given.append((int(asked[1]), int(asked[2]) + 1))
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
    ("name", "how"), [("a.mov", PRORES), ("a.mp4", H264), ("a.mkv", H264), ("a.mp4", OPEN)], ids=str
)
def test_the_packets_of_a_frame_are_fetched_and_nothing_else(
    name: str, how: dict[str, Any], make_clip: MakeClip, counted: tuple[str, Path, Given]
) -> None:
    root, folder, given = counted
    (folder / name).write_bytes(make_clip(name, **how).read_bytes())
    clip = Clip.open(f"{root}/{name}")
    size, starts, shown = clip.index.size, clip.index.decode_start, clip.index.shown
    for number in (17, 5):
        given.clear()
        (frame,) = clip.frames(number, number + 1)
        assert read_number(frame.planes[0]) == number
        assert _once(given) <= 1.05 * size[starts[number] : shown[number] + 1].sum()


@pytest.mark.parametrize(("name", "how"), [("a.mov", PRORES), ("a.mp4", H264), ("a.mp4", OPEN)], ids=str)
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
    assert _once(given) <= 1.05 * clip.index.size.sum()


@pytest.mark.parametrize(("name", "how"), [("a.mkv", H264), ("a.mxf", DNXHR), ("a.mov", PRORES)], ids=str)
def test_opening_fetches_no_byte_twice(
    name: str, how: dict[str, Any], make_clip: MakeClip, counted: tuple[str, Path, Given]
) -> None:
    root, folder, given = counted
    (folder / name).write_bytes(make_clip(name, **how).read_bytes())
    reader = ContainerReader()
    url = f"{root}/{name}"
    reader.probe(url, reader.files(url))
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


def test_a_request_joins_what_touches() -> None:
    assert list(runs([0, 100, 200], [100, 100, 100])) == [(0, 3)]
    assert list(runs([0, 103, 500], [100, 100, 100])) == [(0, 2), (2, 3)], "little is skipped, much is not"
    assert list(runs([200, 100, 0], [100, 100, 100])) == [(0, 1), (1, 2), (2, 3)]
    large = 3 << 20
    assert list(runs([0, large], [large, large])) == [(0, 1), (1, 2)], "a request has four megabytes at most"
    assert list(runs([], [])) == []
