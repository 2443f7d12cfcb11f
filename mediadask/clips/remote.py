"""Files on servers: only the bytes that are asked for, each once, by several requests at a time."""

from __future__ import annotations

import io
import time
from collections import OrderedDict, deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from mediadask.errors import MediaChanged, MediaError, MissingMedia

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

__all__ = ["RemoteFile", "fetched", "runs"]

_REQUESTS_AT_ONCE = 8
_REQUEST_BYTES = 4 << 20
"""What is read ahead is at most this for each request."""

_FIRST_REQUEST_BYTES = 256 << 10
"""Requests under way share the line: were all of them large, the first picture would wait for nearly all. So
the first is this small, and each is twice as large as the one before."""

_TRIES = 4
_PAUSE_SECONDS = 0.2

_BLOCK_BYTES = 32 << 10
_KEPT_BYTES = 32 << 20
_GAPS_SHARE = 1 / 32
"""So much of a request may be what nobody asked for, such as sound between pictures."""


def runs(offset: list[int], size: list[int]) -> Iterator[tuple[int, int]]:
    """Rows ``[first, stop)`` that one request fetches: their bytes touch, or nearly so.

    Parameters
    ----------
    offset, size
        The bytes of each row in the file. Those of neighbors may overlap.
    """
    first, limit = 0, _FIRST_REQUEST_BYTES
    while first < len(offset):
        end, skipped, stop = offset[first] + size[first], 0, first + 1
        while stop < len(offset):
            gap, whole = max(offset[stop] - end, 0), offset[stop] + size[stop] - offset[first]
            back = offset[stop] < offset[stop - 1]
            if back or whole > limit or skipped + gap > _GAPS_SHARE * whole:
                break
            end, skipped, stop = offset[stop] + size[stop], skipped + gap, stop + 1
        yield first, stop
        first, limit = stop, min(2 * limit, _REQUEST_BYTES)


def fetched(file: RemoteFile, ranges: Iterable[tuple[int, int]]) -> Generator[bytes]:
    """The bytes ``[begin, end)`` of each range in order; requests go ahead of who takes them.

    Two at first, for the first picture waits for all that share the line with it; one more with each that is
    taken. At most eight are under way or wait to be taken, so that of ranges of 4 MB, the most that `runs`
    joins, 32 MB are in memory. What lies beyond the end of the file is left out.
    """
    coming: deque[Future[bytes]] = deque()
    ahead = 2
    threads = ThreadPoolExecutor(_REQUESTS_AT_ONCE, thread_name_prefix="mediadask-fetch")
    try:
        for begin, end in ranges:
            if len(coming) == ahead:
                yield coming.popleft().result()
                ahead = min(ahead + 1, _REQUESTS_AT_ONCE)
            coming.append(threads.submit(file.fetch, begin, end))
        while coming:
            yield coming.popleft().result()
    finally:  # who needs no more of them does not wait for those that are under way
        threads.shutdown(wait=False, cancel_futures=True)


def _may_pass(error: Exception) -> bool:
    """Whether what a request met may be gone the next time: a lost connection, a server that is too busy."""
    status = getattr(error, "status", None)
    if status is not None:
        return int(status) >= 500 or int(status) in (408, 429)
    lasting = (FileNotFoundError, PermissionError, IsADirectoryError, ImportError, ValueError, MediaError)
    return not isinstance(error, lasting)


class RemoteFile(io.RawIOBase):
    """A seekable binary file of which each block is fetched once while it is kept.

    Where it is read on and on, half as much as was read so far is fetched ahead.

    Parameters
    ----------
    filesystem, path
        As fsspec names the file.
    size_bytes
        How long it is.
    """

    def __init__(self, filesystem: Any, path: str, size_bytes: int) -> None:
        self._filesystem, self._path, self._size = filesystem, path, size_bytes
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._at = 0
        self._read_on = (0, 0)
        """Where the last request ended, and how many bytes were fetched up to there without a jump."""

    def again(self) -> RemoteFile:
        """Return the same file with a position of its own; both share what either fetches."""
        other = RemoteFile(self._filesystem, self._path, self._size)
        other._blocks = self._blocks
        return other

    def fetch(self, begin: int, end: int) -> bytes:
        """The bytes ``[begin, end)`` by a request for just these; by more where a server breaks off.

        Raises
        ------
        MissingMedia
            If it breaks off, or does not answer, again and again.
        MediaChanged
            If the file ends before they do: it has become shorter.
        """
        end, data, tries = min(end, self._size), b"", 0
        while begin + len(data) < end:
            failure: Exception | None = None
            try:
                piece = self._request(begin + len(data), end)
            except Exception as error:
                if not _may_pass(error):
                    raise
                piece, failure = b"", error
            data += piece
            tries = 0 if piece else tries + 1
            if tries == _TRIES:
                raise self._gives_up(failure)
            if tries:
                time.sleep(_PAUSE_SECONDS * tries)
        return data

    def _request(self, begin: int, end: int) -> bytes:
        with self._filesystem.open(self._path, "rb", cache_type="none", size=self._size) as file:
            file.seek(begin)
            data: bytes = file.read(end - begin)
            return data

    def _gives_up(self, failure: Exception | None) -> MediaError:
        where = self._filesystem.unstrip_protocol(self._path)
        if failure is None:
            return MediaChanged("has become shorter since it was opened", where=where, do="open it again")
        status = getattr(failure, "status", None)
        what = f"HTTP {status}" if status else " ".join(f"{type(failure).__name__}: {failure}".split())[:100]
        error = MissingMedia(f"cannot be fetched ({what})", where=where, do="check the server, and try again")
        error.__cause__ = failure
        return error

    def pieces(self) -> Iterator[bytes]:
        """All of the file, in order, without keeping any of it."""
        edges = range(0, self._size, _REQUEST_BYTES)
        return fetched(self, ((edge, edge + _REQUEST_BYTES) for edge in edges))

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Read from there next."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, but for what lies beyond the end; how many bytes that is."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int | None = -1) -> bytes:
        """So many bytes from here, or all."""
        left = max(self._size - self._at, 0)
        end = self._at + (left if size is None or size < 0 else min(size, left))
        if end == self._at:
            return b""
        first, stop = self._at // _BLOCK_BYTES, -(-end // _BLOCK_BYTES)
        ready = self._ready(first, stop)
        begin = self._at - first * _BLOCK_BYTES
        data = b"".join(ready)[begin : begin + end - self._at]
        self._at += len(data)
        return data

    def readall(self) -> bytes:
        """Read from here to the end."""
        return self.read()

    def _ready(self, first: int, stop: int) -> list[bytes]:
        """These blocks; a request for each run of those that are not there."""
        ready: dict[int, bytes] = {}
        number = first
        while number < stop:
            if number in self._blocks:
                self._blocks.move_to_end(number)
                ready[number] = self._blocks[number]
                number += 1
                continue
            missing = number + 1
            while missing < stop and missing not in self._blocks:
                missing += 1
            ready.update(self._fetch_blocks(number, missing))
            number = missing
        while len(self._blocks) > _KEPT_BYTES // _BLOCK_BYTES:
            self._blocks.popitem(last=False)
        return [ready[number] for number in range(first, stop)]

    def _fetch_blocks(self, first: int, stop: int) -> dict[int, bytes]:
        before, so_far = self._read_on
        so_far = so_far if before == first else 0
        ahead = min(so_far // 2, _REQUEST_BYTES // _BLOCK_BYTES)
        data = self.fetch(first * _BLOCK_BYTES, (stop + ahead) * _BLOCK_BYTES)
        count = -(-len(data) // _BLOCK_BYTES)
        blocks = {first + at: data[at * _BLOCK_BYTES : (at + 1) * _BLOCK_BYTES] for at in range(count)}
        self._read_on = first + count, so_far + count
        self._blocks.update(blocks)
        return blocks
