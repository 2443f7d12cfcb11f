"""Where a clip is: the URL of its file or image sequence, or those of a spanned recording's parts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mediadask.clips.choices import split_choices
from mediadask.clips.storage import is_local, normalize
from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["ClipUrl"]

_SPAN = "concat:"


@dataclass(frozen=True)
class ClipUrl:
    """The URLs of a clip's parts, in order; all clips but spans have one.

    Its text is what names a clip everywhere else: in command lines, pickles, receipts and the ledger. The
    text of one part is its URL. That of a span is ``concat:first.mov|second.mov``, where ``||`` stands for a
    bar in a part's own name.
    """

    parts: tuple[str, ...]

    @classmethod
    def parse(cls, text: str | os.PathLike[str]) -> ClipUrl:
        """The parts as a text names them.

        ``concat:`` before a single relative path is the beginning of a folder's or file's name: a span has
        several parts.
        """
        text = os.fspath(text)
        if not text.startswith(_SPAN):
            return cls((text,))
        # No path holds a NUL: it keeps the place of a doubled bar.
        parts = text.removeprefix(_SPAN).replace("||", "\0").split("|")
        if len(parts) == 1 and is_local(parts[0]) and not parts[0].startswith(("/", "~")):
            return cls((text,))
        return cls(tuple(part.replace("\0", "|") for part in parts))

    @classmethod
    def of(cls, source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> ClipUrl:
        """Make a URL that every process understands from what a user names: local paths become absolute.

        Raises
        ------
        InvalidRequest
            If no part is named, or one has no name.
        """
        if isinstance(source, str | os.PathLike):
            parts = cls.parse(source).parts
        else:
            parts = tuple(os.fspath(part) for part in source)
        if not parts:
            raise InvalidRequest("a recording of no parts", do="name its files")
        if len(parts) > 1 and not all(parts):
            what = "one part of a spanned recording has no name"
            raise InvalidRequest(what, where=str(cls(parts)), do="write concat:first.mov|second.mov")
        return cls(tuple(map(normalize, parts)))

    @classmethod
    def joined(cls, texts: Iterable[str]) -> ClipUrl:
        """One recording of several clips, which may be spans themselves."""
        return cls(tuple(part for text in texts for part in cls.parse(text).parts))

    def __str__(self) -> str:
        if not self.is_span:
            return self.parts[0]
        return _SPAN + "|".join(part.replace("|", "||") for part in self.parts)

    @property
    def is_span(self) -> bool:
        """Whether it is a recording of several parts."""
        return len(self.parts) > 1

    @property
    def first(self) -> str:
        """The URL of the first part, by which people know a span."""
        return self.parts[0]

    @property
    def name(self) -> str:
        """The last word of the first part's URL, for people."""
        return self.first.rstrip("/").rpartition("/")[2] or self.first

    @property
    def label(self) -> str:
        """The name, and how many parts follow: ``A001_C002_001.mov +2``."""
        return f"{self.name} +{len(self.parts) - 1}" if self.is_span else self.name

    @property
    def files(self) -> list[str]:
        """The parts' files or frame patterns, without what chooses a picture in them (``?layer=diffuse``)."""
        return [split_choices(part)[0] for part in self.parts]
