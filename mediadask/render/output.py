"""Outputs that are whole or not there, and that say what they were made from.

Everything unfinished lives in a hidden folder beside the output, ``.mediadask/<name>-<hash>/``: finished
parts under names that a rerun finds again, and temporary files. A final name appears in one step, a rename
on a disk or one PUT on an object store, and the hidden folder goes when the output is there. So a kill at
any moment leaves either the whole output or parts for the next run, and two runs at once write the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av.error

from mediadask.clips.storage import filesystem_of, is_local
from mediadask.errors import InvalidRequest, MediaError, OutputFailed, UnreadableMedia, UnsupportedMedia
from mediadask.render.recipe import fingerprint

__all__ = [
    "Format",
    "Mark",
    "Output",
    "Rendered",
    "committed",
    "exists",
    "join_url",
    "move",
    "output_errors",
    "remove",
]

_ABANDONED_SECONDS = 7 * 24 * 3600
_WORKSPACE = re.compile(r".+-[0-9a-f]{20}", re.DOTALL)


@dataclass(frozen=True)
class Mark:
    """What an output carries inside itself: what made it, of which source, and what stands in for frames."""

    made_from: str
    """Hash of the source's identity, the range and the recipe: equal hashes mean equal outputs."""

    source: str
    """Hash of where the source is: outputs of one clip replace each other, never those of another."""

    stand_ins: tuple[int, ...] = ()
    """Frames that did not decode and are held or black."""

    def __str__(self) -> str:
        return json.dumps({"mediadask": self.made_from, "source": self.source, "stand_ins": self.stand_ins})

    @classmethod
    def parse(cls, text: str | None) -> Mark | None:
        """What ``str`` wrote; None where the text is somebody else's."""
        try:
            found = json.loads(text or "")
            return cls(found["mediadask"], found["source"], tuple(found["stand_ins"]))
        except (ValueError, KeyError, TypeError):
            return None


@dataclass(frozen=True)
class Rendered:
    """A committed output."""

    url: str
    frames: int
    stand_ins: tuple[int, ...] = ()
    """Frames of the source that did not decode, and are held or black in the output."""

    def __str__(self) -> str:
        return self.url

    def __fspath__(self) -> str:
        """Its URL, so that `open_clip` and others take it as they take a path."""
        return self.url

    def _repr_jpeg_(self) -> bytes | None:
        """Its middle frame in small, for notebooks and a pool's page; None where it cannot be shown."""
        from mediadask.render.thumbnail import thumbnail  # not for who only writes outputs

        try:
            return thumbnail(self.url)
        except MediaError:
            return None


@dataclass(frozen=True)
class Format:
    """A kind of output, and where it carries its mark.

    `mediadask.render.conformance` has tests of what its writer must do.
    """

    name: str

    read_text: Callable[[str], str | None]
    """What stands in the file at a URL where this format has its marks; None where nothing does. It may raise
    `UnreadableMedia` for a file of another kind. A function of a module: outputs are pickled."""

    def read_mark(self, url: str) -> Mark | None:
        """What an output says it was made from; None where there is none, or somebody else's."""
        try:
            return Mark.parse(self.read_text(url)) if exists(url) else None
        except (UnreadableMedia, UnsupportedMedia):  # a file of another kind, or a damaged one
            return None


@dataclass(frozen=True)
class Output:
    """A final place, and what is to stand there."""

    url: str
    format: Format
    mark: Mark

    @classmethod
    def of(cls, url: str, format: Format, source: str, *made_of: Any) -> Output:
        """The output at `url` made from `source` (a URL) and everything else in `made_of` (plain data)."""
        # The source is the same whatever version reads it: what an older one made is replaced, not refused.
        named = hashlib.sha256(source.encode(errors="surrogateescape")).hexdigest()[:8]
        return cls(url, format, Mark(fingerprint(*made_of), named))

    @property
    def name(self) -> str:
        """The last part of its URL."""
        return self.url.rpartition("/")[2]

    @property
    def workspace(self) -> str:
        """The hidden folder of its parts."""
        return join_url(self.url.rpartition("/")[0], ".mediadask", f"{self.name}-{self.mark.made_from}")

    def part(self, name: str) -> str:
        """Where a part of it is kept until it is whole."""
        return join_url(self.workspace, name)

    def standing(self) -> Mark | None:
        """The mark of this output where it stands already; None where it is to be made.

        Raises
        ------
        InvalidRequest
            If something is there that is not an earlier version of this output: it is never overwritten. Or
            if the folder of unfinished parts is a link: nothing is written, or tidied up, where it leads.
        """
        hidden = self.workspace.rpartition("/")[0]
        if is_local(self.url) and os.path.islink(hidden):
            raise InvalidRequest("is a link", where=hidden, do="remove it, or choose another folder")
        found = self.format.read_mark(self.url)
        if found is None:
            if not exists(self.url):
                return None
            raise InvalidRequest(
                "is there already and was not made here",
                where=self.url,
                do="choose another folder, or move it",
            )
        if found.source != self.mark.source:
            raise InvalidRequest(
                "was made here, from a source of another path",
                where=self.url,
                do="choose another folder, or move it",
            )
        return found if found.made_from == self.mark.made_from else None

    def is_done(self) -> bool:
        """Whether this output stands there already. Raises what `standing` does."""
        return self.standing() is not None

    @contextmanager
    def making(self, url: str) -> Iterator[Path]:
        """A local path to write inside the block; when it ends well, what was written stands at `url`.

        `url` is the output's own or that of a part. Where another run has finished the output meanwhile, and
        taken the workspace away, failing is no failure.

        Raises
        ------
        OutputFailed
            If it cannot be written; nothing is left at `url` that was not there before.
        """
        try:
            with output_errors(self.url), committed(url, self.workspace) as path:
                yield path
        except MediaError:
            if not self.is_done():
                raise

    def clear(self) -> None:
        """Remove its parts, and those that runs of other recipes abandoned long ago."""
        parent = self.workspace.rpartition("/")[0]
        if not is_local(self.url):
            filesystem, path = filesystem_of(self.workspace)
            with suppress(OSError):
                filesystem.rm(path, recursive=True)
            return
        shutil.rmtree(self.workspace, ignore_errors=True)
        with suppress(OSError):
            for folder in () if os.path.islink(parent) else Path(parent).iterdir():
                abandoned = time.time() - folder.lstat().st_mtime > _ABANDONED_SECONDS
                if abandoned and _WORKSPACE.fullmatch(folder.name):
                    shutil.rmtree(folder, ignore_errors=True)
            Path(parent).rmdir()  # fails while other outputs are in the making


def join_url(*parts: str) -> str:
    """Path parts with slashes between them."""
    return "/".join(part.rstrip("/") for part in parts)


def exists(url: str) -> bool:
    """Whether a file is there."""
    if is_local(url):
        return os.path.exists(url)
    filesystem, path = filesystem_of(url)
    return bool(filesystem.exists(path))


def move(source: str, target: str) -> None:
    """Put a file in another's place; on a disk in one step."""
    if is_local(target):
        os.replace(source, target)
    else:
        filesystem, path = filesystem_of(source)
        filesystem.mv(path, filesystem_of(target)[1])


def remove(url: str) -> None:
    """Delete a file; one that is gone already is no matter."""
    with suppress(FileNotFoundError):
        if is_local(url):
            os.unlink(url)
        else:
            filesystem, path = filesystem_of(url)
            filesystem.rm_file(path)


@contextmanager
def output_errors(url: str) -> Iterator[None]:
    """Turn what writing raises inside the block into one line a user can act on."""
    try:
        yield
    except MediaError:
        raise
    except (OSError, av.error.FFmpegError, MemoryError) as error:
        # What our file object raised is behind what FFmpeg makes of it.
        first = error.__context__ if isinstance(error, av.error.PyAVCallbackError) else error
        reason = getattr(first, "strerror", None) or str(first) or type(first).__name__
        raise OutputFailed(
            f"cannot be written ({reason})",
            where=url,
            do="check the space and permissions there, then run again",
        ) from error


@contextmanager
def committed(url: str, workspace: str) -> Iterator[Path]:
    """A local path to write inside the block; when it ends well, what was written stands at `url`."""
    if is_local(url):
        folder = Path(workspace)
        folder.mkdir(parents=True, exist_ok=True)
    else:
        folder = Path(tempfile.gettempdir())
    # The suffix stays: encoders choose by it.
    temporary = folder / f"{uuid.uuid4().hex}.part{Path(url).suffix}"
    try:
        yield temporary
        if is_local(url):
            _sync(temporary)
            os.replace(temporary, url)
        else:
            filesystem, path = filesystem_of(url)
            filesystem.put_file(str(temporary), path)
    finally:
        temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    # A rename may reach the disk before the data does; after a power cut the name would be of an empty file.
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
