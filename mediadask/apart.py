"""Calls in processes apart: what native code makes of a stranger's file must not end the caller's process.

Parsers of media are C and C++, and a file that was made for it, or only damaged, may crash one, keep it going
for ever or have it ask for all memory. `apart` calls a function in a process that is kept for such calls; if
that process ends, or does not answer in time, the call fails with a line that names the file.
"""

from __future__ import annotations

import atexit
import math
import os
import pickle
import signal
import subprocess
import sys
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar, cast

from mediadask.errors import MediaError, UnreadableMedia

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MEMORY_BYTES", "abandon", "apart", "serve"]

MEMORY_BYTES = 4 << 30
"""What a process apart may allocate, where the system can say so (Linux)."""

_IDLE_SECONDS = 10.0
"""A process that nobody asks for so long ends: it holds some 100 MB."""

_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""A thread a core in every library would cost more than a header takes to read."""

_START = "import sys; sys.path[:] = {path!r}; from mediadask.apart import serve; serve({handle})"

Result = TypeVar("Result")


class _Process:
    """One process apart, and the line to it. Serves one call at a time."""

    def __init__(self) -> None:
        self.user = os.geteuid()
        self.is_abandoned = False
        self._environment = dict(os.environ)
        self._line, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START.format(path=sys.path, handle=theirs.fileno())],
                env={**self._environment, **_ONE_THREAD},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )

    def call(self, request: bytes, seconds: float, where: str) -> tuple[bool, Any]:
        """Whether the function returned, and what; or else what it raised.

        Raises
        ------
        _GoneError
            If the process had ended before it heard of the call.
        UnreadableMedia
            If it ended over the call, or does not end it.
        """
        begun = False
        now = dict(os.environ)
        changed, self._environment = (None if now == self._environment else now), now
        try:
            self._line.send_bytes(pickle.dumps((changed, request)))
            begun = bool(self._line.recv_bytes())
            if self._line.poll(seconds):
                answer: tuple[bool, Any] = pickle.loads(self._line.recv_bytes())
                return answer
            what = f"was not read within {seconds:.0f} seconds"
        except (EOFError, OSError) as error:
            if self.is_abandoned:
                what = "was being read when that was given up"
            elif begun:
                what = f"crashed what reads it ({self._how_it_ended()})"
            else:
                raise _GoneError from error
        raise UnreadableMedia(what, where=where, do="copy it again from the source")

    def _how_it_ended(self) -> str:
        code = self._process.wait()
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def end(self) -> None:
        """Now, whatever it does."""
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)


class _GoneError(Exception):
    """A process apart has ended for want of calls."""


_lock = Lock()
_idle: list[_Process] = []
_busy: set[_Process] = set()
_is_apart = False


def apart(function: Callable[..., Result], *args: Any, seconds: float, where: str) -> Result:
    """The result of a call that is made in another process; in this one where it is apart already.

    Parameters
    ----------
    function, args
        Importable, and plain data. What cannot be sent is called here.
    seconds
        How long it may take.
    where
        The file that it reads, for the message.

    Raises
    ------
    UnreadableMedia
        If the call crashes its process, or takes too long.
    MediaError, MemoryError
        As the function raised it, without its cause. Any other error of it is a RuntimeError.
    """
    if _is_apart:
        return function(*args)
    try:
        request = pickle.dumps((function, args, seconds))
    except (pickle.PicklingError, AttributeError, TypeError):
        return function(*args)
    for _ in range(_TRIES):
        process = _take()
        try:
            returned, result = process.call(request, seconds, where)
        except _GoneError:
            _drop(process)
            continue
        except BaseException:
            _drop(process)
            raise
        with _lock:
            _busy.discard(process)
            _idle.append(process)
        if returned:
            return cast("Result", result)
        raise result
    raise RuntimeError(f"no process that reads files can be started with {sys.executable}")


_TRIES = 3


def _take() -> _Process:
    user = os.geteuid()
    with _lock:
        stale = [one for one in _idle if one.user != user]
        _idle[:] = [one for one in _idle if one.user == user]
        process = _idle.pop() if _idle else None
    for one in stale:
        one.end()
    process = process or _Process()
    with _lock:
        _busy.add(process)
    return process


def _drop(process: _Process) -> None:
    with _lock:
        _busy.discard(process)
    process.end()


def abandon() -> None:
    """End every call that is under way, and the processes: each fails at once."""
    with _lock:
        every = [*_idle, *_busy]
        _idle.clear()
    for process in every:
        process.is_abandoned = True
        process.end()


def _forget() -> None:
    """In a forked process: the lines are its parent's."""
    global _lock
    _lock = Lock()
    _idle.clear()
    _busy.clear()


atexit.register(abandon)
os.register_at_fork(after_in_child=_forget)


def serve(handle: int) -> None:
    """The life of a process apart: calls come in by `handle`, a file descriptor, until nobody has any."""
    global _is_apart
    _is_apart = True
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever was interrupted ends it
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    _limit_memory()
    with Connection(handle) as line, suppress(EOFError, OSError):
        while line.poll(_IDLE_SECONDS):
            changed, request = pickle.loads(line.recv_bytes())
            if changed is not None:
                os.environ.clear()
                os.environ.update(changed | _ONE_THREAD)
            function, args, seconds = pickle.loads(request)
            line.send_bytes(b"begun")
            signal.alarm(math.ceil(seconds) + 1)  # ends it in the midst of native code, if its caller is gone
            answer = _answer(function, args)
            signal.alarm(0)
            line.send_bytes(answer)


def _answer(function: Callable[..., Any], args: tuple[Any, ...]) -> bytes:
    try:
        return pickle.dumps((True, function(*args)), pickle.HIGHEST_PROTOCOL)
    except MediaError as error:
        # What it came of stays here: a library's own error need not survive the way, and would be read first.
        error.__cause__ = error.__context__ = None
        return pickle.dumps((False, error))
    except MemoryError as error:
        return pickle.dumps((False, MemoryError(*map(str, error.args))))
    except Exception as error:
        return pickle.dumps((False, RuntimeError(repr(error)[:500])))


def _limit_memory() -> None:
    with suppress(ImportError, OSError, ValueError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        bound = MEMORY_BYTES if most == resource.RLIM_INFINITY else min(MEMORY_BYTES, most)
        resource.setrlimit(resource.RLIMIT_DATA, (bound, most))
        # Of a crash the line tells: no core is left behind.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
