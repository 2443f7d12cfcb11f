"""What can go wrong, in one tree, each error one line: where, what, what to do.

::

    MediaError                     everything mediadask raises on purpose
    ├── MissingMedia               no such file, or no permission to read it  (FileNotFoundError)
    ├── UnreadableMedia            empty, truncated, or not media             (ValueError)
    ├── UnsupportedMedia           media, but a format nothing here reads     (ValueError)
    ├── CorruptFrame               one frame does not decode
    ├── MediaChanged               the file is no longer the one that was opened
    ├── OutputFailed               an output could not be written             (OSError)
    └── InvalidRequest             an argument that cannot be met             (ValueError)

    MediaWarning                   what work goes on without                  (UserWarning)
"""

from __future__ import annotations

from typing import Any

from mediadask.text import printable

__all__ = [
    "CorruptFrame",
    "InvalidRequest",
    "MediaChanged",
    "MediaError",
    "MediaWarning",
    "MissingMedia",
    "OutputFailed",
    "UnreadableMedia",
    "UnsupportedMedia",
]


class MediaError(Exception):
    """Something about a medium or an output is wrong: ``where: what; do``.

    Parameters
    ----------
    what
        What went wrong, lower case, without a full stop.
    where
        The file, folder or option concerned.
    frame
        The frame number (0-based, presentation order), where one frame is concerned.
    do
        What the reader of the message can do about it.
    """

    def __init__(
        self, what: str, *, where: object = None, frame: int | None = None, do: str | None = None
    ) -> None:
        self.what, self.frame, self.do = what, frame, do
        self.where = None if where is None else str(where)
        super().__init__(str(self))

    def __str__(self) -> str:
        place = self.where or ""
        if self.frame is not None:
            place = f"{place} frame {self.frame}".strip()
        line = f"{place}: {self.what}" if place else self.what
        line = f"{line}; {self.do}" if self.do else line
        return printable(" ".join(line.split()))

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors come back from workers: keep every field, which Exception's own pickling would lose.
        return _rebuild, (type(self), self.what, self.where, self.frame, self.do)


def _rebuild(
    kind: type[MediaError], what: str, where: str | None, frame: int | None, do: str | None
) -> MediaError:
    return kind(what, where=where, frame=frame, do=do)


class MissingMedia(MediaError, FileNotFoundError):
    """There is no such file, or it may not be read."""


class UnreadableMedia(MediaError, ValueError):
    """The file is empty, truncated, or not media at all."""


class UnsupportedMedia(MediaError, ValueError):
    """The file is media, but no installed reader opens its format."""


class CorruptFrame(MediaError):
    """One frame of a clip does not decode, or is missing from a sequence."""


class MediaChanged(MediaError):
    """The file's size or modification stamp is no longer the one the work was planned on."""


class OutputFailed(MediaError, OSError):
    """An output could not be written; nothing is left under its final name."""


class InvalidRequest(MediaError, ValueError):
    """An argument that cannot be met, such as a range outside the clip or an unknown codec."""


class MediaWarning(UserWarning):
    """Something that work goes on without, such as a clip that cannot be read: one line, like an error."""
