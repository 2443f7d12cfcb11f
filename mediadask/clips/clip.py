"""A clip: one camera recording, open for reading frame by frame."""

from __future__ import annotations

import hashlib
import html
import os
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from mediadask.apart import apart
from mediadask.choices import OnCorrupt
from mediadask.clips import cache
from mediadask.clips.clip_url import ClipUrl
from mediadask.clips.frame import BadFrame, Frame
from mediadask.clips.notebook import facts_html
from mediadask.clips.reader import reader_for, reading
from mediadask.clips.storage import (
    is_local,
    is_shared,
    open_file,
    storage_settings,
    use_storage_settings,
)
from mediadask.errors import CorruptFrame, InvalidRequest, MediaChanged, UnreadableMedia
from mediadask.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from mediadask.clips.header import ClipHeader
    from mediadask.clips.index import FrameIndex
    from mediadask.clips.reader import Reader
    from mediadask.clips.storage import FileStamp

__all__ = ["Clip", "ClipFacts", "facts_of", "recall", "reopen"]


@dataclass(frozen=True)
class ClipFacts:
    """What a clip is, without the index that reading frames takes. Plain data."""

    url: str
    files: tuple[FileStamp, ...]
    header: ClipHeader
    frames: int
    missing_frames: int


class Clip:
    """One camera recording: a container file, a spanned set of files, or an image sequence; or a sound
    recording, which has no frames.

    Make it with `Clip.open`. It holds no open file. It pickles as its URL, and is opened again on the other
    side, from the index cache or the file.
    """

    def __init__(
        self, url: str, reader: Reader, files: tuple[FileStamp, ...], header: ClipHeader, index: FrameIndex
    ) -> None:
        self.url = url
        self.reader = reader
        self.files = files
        self.header = header
        self.index = index
        self.identity = _identity(reader, url, files)

    @classmethod
    def open(cls, url: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> Clip:
        """Open a clip.

        Reads tables, not pictures, where the container has tables (MOV, MP4, MXF).

        Parameters
        ----------
        url
            A file, an image sequence's pattern, or the parts of one spanned recording in order.

        Returns
        -------
        Clip
            The clip, with its header and frame index. It holds no open file.

        Raises
        ------
        MediaError
            If there is no such file, it is damaged, or no reader opens it: one line, with what to do.

        Examples
        --------
        >>> clip = md.Clip.open("A001C001.mov")
        >>> clip
        <Clip 'A001C001.mov': 48 frames, 192x108, prores in mov>
        >>> clip.header.timecode
        '10:01:12:00'
        """
        return _open(*_found(url))

    def __len__(self) -> int:
        return len(self.index)

    def __repr__(self) -> str:
        header = self.header
        if not header.has_pictures:
            sound = header.audio[0]
            length = f"{sound.samples / sound.rate:.3f} s of sound, {sound.channels} tracks"
            return f"<Clip {self.name!r}: {length}, {header.codec} in {header.container}>"
        size = f"{header.width}x{header.height}"
        return f"<Clip {self.name!r}: {len(self)} frames, {size}, {header.codec} in {header.container}>"

    def _repr_html_(self) -> str:
        return f"<div><b>{html.escape(printable(self.name))}</b>{facts_html(self)}</div>"

    def __reduce__(self) -> tuple[Any, ...]:
        return reopen, (self.url, self.identity)

    def __dask_tokenize__(self) -> tuple[str, str, str]:
        return (type(self).__name__, self.url, self.identity)

    @property
    def name(self) -> str:
        """The last part of the URL, for people; for a span, that of its first file."""
        return ClipUrl.parse(self.url).name

    @property
    def size_bytes(self) -> int:
        """How many bytes all its files have together."""
        return sum(file.size_bytes for file in self.files)

    @property
    def facts(self) -> ClipFacts:
        """What it is, without its index."""
        missing = self.index.missing(self.size_bytes)
        return ClipFacts(self.url, self.files, self.header, len(self), missing)

    def frames(
        self, start: int = 0, stop: int | None = None, *, on_corrupt: OnCorrupt = "fail", threads: int = 0
    ) -> Iterator[Frame]:
        """Stream ``[start, stop)`` as native planes, one frame in memory at a time.

        Parameters
        ----------
        start, stop
            0-based frame numbers in presentation order; `stop` None for the end.
        on_corrupt
            What to do with a frame that does not decode: ``fail`` raises an error, ``hold`` repeats the last
            good picture (black before the first one), ``black`` gives black. Such frames have ``valid``
            False. They do not depend on where the range begins.
        threads
            How many threads the decoder may use: 0 as many as it likes, 1 where many clips decode at once.

        Returns
        -------
        Iterator[Frame]
            The frames in order. ``frame.planes`` are (height, width) arrays of the file's own codes, such as
            Y', Cb and Cr, the latter two smaller where chroma is subsampled; ``frame.number`` is 0-based.

        Raises
        ------
        InvalidRequest
            If the range is not inside the clip.
        CorruptFrame
            With the number, where a frame does not decode and the policy is ``fail``.

        Examples
        --------
        >>> for frame in md.Clip.open("A001C001.mov").frames(0, 2):
        ...     print(frame.number, [plane.shape for plane in frame.planes])
        0 [(108, 192), (108, 96), (108, 96)]
        1 [(108, 192), (108, 96), (108, 96)]
        """
        if on_corrupt not in ("fail", "hold", "black"):
            raise InvalidRequest(f"on_corrupt is {on_corrupt!r}", do="use fail, hold or black")
        first, last = self.index.check(start, stop, self.url)
        return self._frames(first, last, on_corrupt, threads)

    def _frames(self, start: int, stop: int, on_corrupt: OnCorrupt, threads: int) -> Iterator[Frame]:
        good: Frame | None = None
        for frame in self._read(start, stop, threads):
            if isinstance(frame, Frame):
                good = frame
                yield frame
            elif on_corrupt == "fail":
                raise CorruptFrame(
                    frame.reason,
                    where=self.url,
                    frame=frame.number,
                    do="copy the clip again, or let on-corrupt be hold or black",
                )
            else:
                if on_corrupt == "hold" and good is None:
                    good = self._last_good(start, threads)
                if on_corrupt == "hold" and good is not None:
                    yield Frame(frame.number, good.planes, good.format, good.color, valid=False)
                else:
                    header = self.header
                    yield Frame.black(
                        frame.number, header.height, header.width, header.pixel_format, header.color
                    )

    def _read(self, start: int, stop: int, threads: int) -> Iterator[Frame | BadFrame]:
        """What the reader gives: every frame of the range, in order."""
        expected = start
        with reading(self.url):
            for frame in self.reader.frames(self, start, stop, threads=threads):
                if frame.number != expected:
                    break
                expected += 1
                yield frame
        if expected != stop:
            raise UnreadableMedia(
                f"its reader gave no frame {expected}", where=self.url, do="copy it again from the source"
            )

    def _last_good(self, before: int, threads: int) -> Frame | None:
        """The last frame before `before` that decodes, looking back a GOP at a time."""
        stop = before
        while stop > 0:
            start = int(self.index.gops[np.searchsorted(self.index.gops, stop) - 1])
            found = None
            for frame in self._read(start, stop, threads):
                found = frame if isinstance(frame, Frame) else found
            if found is not None:
                return found
            stop = start
        return None

    def audio(self, start: int, stop: int, *, stream: int = 0) -> npt.NDArray[np.float32]:
        """Read samples of a sound stream.

        Parameters
        ----------
        start, stop
            Half-open range of samples at the stream's rate. Sample 0 is at the clip's first frame; what was
            not recorded is silent.
        stream
            Number of the sound stream, 0-based.

        Returns
        -------
        numpy.ndarray
            (samples, channels) float32, full scale ±1.

        Raises
        ------
        InvalidRequest
            If the clip has no such stream.
        CorruptFrame, UnreadableMedia
            If the sound does not decode.
        """
        if not 0 <= stream < len(self.header.audio):
            raise InvalidRequest(
                f"sound stream {stream} was asked for, the clip has {len(self.header.audio)}", where=self.url
            )
        with reading(self.url):
            return self.reader.audio(self, stream, start, stop)


def facts_of(url: str | os.PathLike[str]) -> ClipFacts:
    """Return the facts of a clip. If it was opened before, its index, which may be megabytes, is not read.

    Raises
    ------
    MediaError
        As `Clip.open`.
    """
    found = _found(url)
    return _recalled(*found) or _open(*found).facts


def recall(url: str | os.PathLike[str]) -> ClipFacts | None:
    """Return the facts of a clip from the cache alone; None if the clip has to be opened.

    Raises
    ------
    MediaError
        If there is no such file, or no reader opens it.
    """
    return _recalled(*_found(url))


def _found(
    url: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
) -> tuple[str, Reader, tuple[FileStamp, ...], str]:
    """A clip's URL, reader, files as they are now, and the identity that these make."""
    text = str(ClipUrl.of(url))
    with reading(text):
        reader = reader_for(text)
        files = reader.files(text)
    return text, reader, files, _identity(reader, text, files)


def _recalled(url: str, reader: Reader, files: tuple[FileStamp, ...], identity: str) -> ClipFacts | None:
    known = cache.load_facts(identity)
    return None if known is None else ClipFacts(url, files, *known)


def _open(url: str, reader: Reader, files: tuple[FileStamp, ...], identity: str) -> Clip:
    found = cache.load(identity)
    if found is None:
        found = _probed_apart(reader, url, files)
        header, index = found
        cache.store(identity, header, index, index.missing(sum(file.size_bytes for file in files)))
    return Clip(url, reader, files, *found)


_LEAST_SECONDS, _BYTES_A_SECOND = 60, 10 << 20
"""How long a clip may take to open: most take milliseconds, but of some every byte is read."""


def _probed_apart(reader: Reader, url: str, files: tuple[FileStamp, ...]) -> tuple[ClipHeader, FrameIndex]:
    """Header and index, made in a process apart: nobody knows yet what the file does to its reader."""
    if ClipUrl.parse(url).is_span or not is_shared(url):  # a span opens its parts, each apart
        return _probed(reader, url, files, None)
    settings = None if is_local(url) else storage_settings()
    if settings is None:
        with open_file(files[0].url):  # whether it may be read is known here
            pass
    seconds = _LEAST_SECONDS + max(file.size_bytes for file in files) / _BYTES_A_SECOND
    return apart(_probed, reader, url, files, settings, seconds=seconds, where=url)


def _probed(
    reader: Reader, url: str, files: tuple[FileStamp, ...], settings: dict[str, Any] | None
) -> tuple[ClipHeader, FrameIndex]:
    if settings is not None:
        use_storage_settings(settings)
    with reading(url):
        return reader.probe(url, files)


def _identity(reader: Reader, url: str, files: tuple[FileStamp, ...]) -> str:
    """Names the exact clip: reader and its version, the URL (two can mean the same files differently), then
    every file's URL, size and version."""
    digest = hashlib.sha256(f"{reader.name} {reader.version} {url}".encode(errors="surrogateescape"))
    for file in files:
        digest.update(f"\0{file.url}\0{file.size_bytes}\0{file.version}".encode(errors="surrogateescape"))
    return digest.hexdigest()[:40]


@lru_cache(maxsize=16)
def reopen(url: str, identity: str) -> Clip:
    """The clip that was open elsewhere, such as where a task was planned, if its files are still the same."""
    clip = Clip.open(url)
    if clip.identity != identity:
        raise MediaChanged("has changed since the work was planned", where=url, do="submit the work again")
    return clip
