"""A web server of byte ranges that counts what it gives, and is as slow as a server far away."""

from __future__ import annotations

import multiprocessing
import re
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

_PIECE_BYTES = 64 << 10


@dataclass
class Served:
    """A folder on the web."""

    root: str
    _given: Any

    def given(self) -> tuple[int, int]:
        """How many bytes and answers with some it gave since this was last asked."""
        with self._given.get_lock():
            taken = self._given[0], self._given[1]
            self._given[:] = [0, 0]
        return taken


class _Line:
    """So many bytes a second over all connections."""

    def __init__(self, bytes_a_second: float) -> None:
        self._pace, self._free_at, self._lock = bytes_a_second, 0.0, threading.Lock()

    def wait(self, size: int) -> None:
        with self._lock:
            begin = max(self._free_at, time.monotonic())
            self._free_at = begin + size / self._pace
        if (ahead := self._free_at - time.monotonic()) > 0.001:
            time.sleep(ahead)


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *args: Any, given: Any, line: _Line, delay: float, **how: Any) -> None:
        self._given, self._line, self._delay = given, line, delay
        super().__init__(*args, **how)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        path = Path(self.translate_path(self.path))
        time.sleep(self._delay)
        if not path.is_file():
            self.send_error(404)
            return
        size = path.stat().st_size
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first, last = (int(asked[1]), min(int(asked[2] or size - 1), size - 1)) if asked else (0, size - 1)
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("ETag", f'"{path.stat().st_mtime_ns}"')
        self.end_headers()
        if with_body:
            self._send(path, first, last + 1)

    def _send(self, path: Path, at: int, end: int) -> None:
        with self._given.get_lock():
            self._given[1] += 1
        with path.open("rb") as file:
            while at < end:
                size = min(_PIECE_BYTES, end - at)
                self._line.wait(size)
                self.connection.sendfile(file, at, size)
                at += size
                with self._given.get_lock():
                    self._given[0] += size

    def log_message(self, *words: Any) -> None:
        pass


def _serve(folder: str, given: Any, delay: float, bytes_a_second: float, there: Connection) -> None:
    line = _Line(bytes_a_second)
    handler = partial(_Handler, directory=folder, given=given, line=line, delay=delay)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    there.send(server.server_port)
    server.serve_forever()


@contextmanager
def serving(folder: Path, *, delay: float = 0.0, bytes_a_second: float = float("inf")) -> Iterator[Served]:
    """A server of the files of a folder, in a process of its own.

    Parameters
    ----------
    delay
        Seconds until the first byte of each answer.
    bytes_a_second
        Of all answers together.
    """
    context = multiprocessing.get_context("spawn")
    given = context.Array("q", 2)
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(str(folder), given, delay, bytes_a_second, there))
    process.start()
    try:
        yield Served(f"http://127.0.0.1:{here.recv()}", given)
    finally:
        process.terminate()
        process.join()
