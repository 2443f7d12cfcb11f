"""Sound recordings as clips without pictures: WAV, Broadcast Wave, RF64, of one track or many."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from mediadask.clips.choices import split_choices
from mediadask.clips.header import NO_PICTURES, AudioStream, ClipHeader, Tag
from mediadask.clips.index import FrameIndex
from mediadask.clips.riff import read_chunks, read_format
from mediadask.clips.storage import FileStamp, open_file, stat, storage_errors, suffix_of
from mediadask.clips.wave_notes import read_notes
from mediadask.errors import InvalidRequest, MediaChanged, UnreadableMedia
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from mediadask.clips.clip import Clip
    from mediadask.clips.frame import BadFrame, Frame
    from mediadask.clips.wave_notes import WaveNotes

__all__ = ["SOUND_SUFFIXES", "WavReader"]

SOUND_SUFFIXES = frozenset({".bwf", ".rf64", ".wav", ".wave"})
"""What a sound recording must be called to be opened as one."""


class WavReader:
    """Reads PCM by its place in the file: any range of samples is one read."""

    name = "wav"
    version = 1

    def claims(self, url: str) -> bool:
        """Names that end as a WAV file's."""
        return suffix_of(split_choices(url)[0]) in SOUND_SUFFIXES

    def files(self, url: str) -> tuple[FileStamp, ...]:
        """The one file."""
        place, choices = split_choices(url)
        for name in choices:
            raise InvalidRequest(f"is sound, and has no {name} to choose", where=place, do="leave it out")
        return (stat(place),)

    def probe(self, url: str, files: tuple[FileStamp, ...]) -> tuple[ClipHeader, FrameIndex]:
        """Header, and an index of no frames; the sound is not read."""
        size_bytes = files[0].size_bytes
        with storage_errors(url), open_file(url) as file:
            chunks = read_chunks(file, size_bytes, url)
        form = read_format(chunks.kept[b"fmt "], url)
        notes = read_notes(chunks.kept.get(b"bext"), chunks.kept.get(b"iXML"), url)
        tags = list(notes.tags)
        present = max(size_bytes - chunks.offset, 0)
        if chunks.unfinished:
            tags.append(Tag("wav", "unfinished", "the recorder did not write how long its sound is"))
        elif chunks.size > present:
            lost = (chunks.size - present) / form.block_bytes / form.rate
            tags.append(Tag("wav", "truncated", f"{lost:.3f} s of sound are cut off at the end"))
        if notes.timecode_rate is None:
            tags.append(Tag("assumed", "frame_rate", "24"))
        stream = AudioStream(
            codec=form.codec,
            rate=form.rate,
            channels=form.channels,
            samples=chunks.size // form.block_bytes,
            time_reference=notes.time_reference,
            timestamp_rate=notes.timestamp_rate,
            names=tuple(notes.track_names.get(place, "") for place in range(form.channels))
            if notes.track_names
            else (),
            offset=chunks.offset,
        )
        header = ClipHeader(
            container="wav",
            codec=form.codec,
            width=0,
            height=0,
            pixel_format=NO_PICTURES,
            frame_rate=notes.timecode_rate or Fraction(24),
            timecode=_timecode(notes, form.rate),
            reel=notes.reel,
            audio=(stream,),
            tags=tuple(tags),
        )
        return header, _NO_FRAMES

    def frames(self, clip: Clip, start: int, stop: int, *, threads: int) -> Iterator[Frame | BadFrame]:
        """None."""
        return iter(())

    def audio(self, clip: Clip, stream: int, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Read from the samples' own bytes; float samples are not clipped."""
        said, stamp = clip.header.audio[stream], clip.files[0]
        if stat(stamp.url, anew=True) != stamp:
            raise MediaChanged("has changed since it was opened", where=clip.url, do="open it again")
        out = np.zeros((max(stop - start, 0), said.channels), np.float32)
        first, last = max(start, 0), min(stop, said.samples)
        if first >= last:
            return out
        block = said.channels * _BYTES[said.codec]
        with storage_errors(stamp.url), open_file(stamp.url, stamp.size_bytes) as file:
            file.seek(said.offset + first * block)
            data = file.read((last - first) * block)
        if len(data) < (last - first) * block:
            raise UnreadableMedia(
                f"its sound ends after {first + len(data) // block} of {said.samples} samples",
                where=clip.url,
                do="copy it again from the source",
            )
        out[first - start : last - start] = _waves(data, said.codec).reshape(-1, said.channels)
        return out


_BYTES = {"pcm_u8": 1, "pcm_s16le": 2, "pcm_s24le": 3, "pcm_s32le": 4, "pcm_f32le": 4, "pcm_f64le": 8}
_SAMPLES = {
    "pcm_u8": ("u1", 2.0**-7),
    "pcm_s16le": ("<i2", 2.0**-15),
    "pcm_s32le": ("<i4", 2.0**-31),
    "pcm_f32le": ("<f4", 1.0),
    "pcm_f64le": ("<f8", 1.0),
}
_NONE = np.zeros(0, np.int64)
_NO_FRAMES = FrameIndex(Fraction(1, 1), _NONE, _NONE, _NONE, _NONE, np.zeros(0, np.bool_), _NONE)


def _waves(data: bytes, codec: str) -> npt.NDArray[np.float32]:
    """(samples,) float32, full scale ±1."""
    if codec == "pcm_s24le":  # into the upper bytes of a word, so that its sign is the sample's
        words = np.zeros((len(data) // 3, 4), np.uint8)
        words[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        codes, scale = words.view("<i4")[:, 0], 2.0**-31
    else:
        form, scale = _SAMPLES[codec]
        codes = np.frombuffer(data, form)
    wave = np.asarray(codes, np.float32)
    if codec == "pcm_u8":
        wave = wave - np.float32(128)
    return wave * np.float32(scale)


def _timecode(notes: WaveNotes, rate: int) -> str | None:
    """The label of the frame that the first sample is in; None where the file does not say the rate."""
    if notes.time_reference is None or notes.timecode_rate is None:
        return None
    frames = int(notes.time_reference * notes.timecode_rate / (notes.timestamp_rate or rate))
    base = round(notes.timecode_rate)
    code = Timecode(0, base, notes.drop and base % 30 == 0)
    return str(code + frames)
