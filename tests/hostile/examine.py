"""Going through an input as commands do: it gives the right pictures, or one clear line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mediadask.clips import BadFrame, Clip
from mediadask.errors import MediaError
from mediadask.metadata import inspect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["clip", "line_of"]

_OWN_FAULT = re.compile(r"cannot be read \(\w+: ")
"""What is said where a library raised what no reader foresaw."""

_MOST_SAMPLES = 48_000


def line_of(path: Path, look: Callable[[Path], None]) -> str:
    """What `look` complains of; empty where it does not. Anything but one clear line is raised."""
    try:
        look(path)
    except MediaError as error:
        line = str(error)
    else:
        return ""
    if _OWN_FAULT.search(line):
        raise AssertionError(line)
    if "\n" in line or not line.isprintable():
        raise AssertionError(f"not one line: {line!r}")
    return line


def clip(path: Path) -> None:
    """Open it, decode its first, middle and last frames, and its sound."""
    found = Clip.open(path)
    inspect(path)
    count = len(found)
    for start in sorted({0, max(count // 2 - 1, 0), max(count - 3, 0)}):
        stop = min(start + 3, count)
        read = list(found.reader.frames(found, start, stop, threads=1))
        if [frame.number for frame in read] != list(range(start, stop)):
            raise AssertionError(f"frames {start} to {stop} gave {[frame.number for frame in read]}")
        for frame in read:
            if not isinstance(frame, BadFrame) and not frame.planes[0].size:
                raise AssertionError(f"frame {frame.number} is empty")
        held = [frame.number for frame in found.frames(start, stop, on_corrupt="hold", threads=1)]
        if held != list(range(start, stop)):
            raise AssertionError(f"frames {start} to {stop} were held as {held}")
    for stream, sound in enumerate(found.header.audio):
        found.audio(0, min(sound.samples, _MOST_SAMPLES), stream=stream)
