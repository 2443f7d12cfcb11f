"""What a clip's files say of themselves, before any picture is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar, Literal

from mediadask.clips.frame import ColorTags, PixelFormat

__all__ = ["NO_PICTURES", "AudioStream", "ClipHeader", "Tag"]

NO_PICTURES = PixelFormat("none", "gray", 8, "uint8")
"""The pixel format of a sound recording, which has no frames."""


@dataclass(frozen=True)
class AudioStream:
    """One sound stream of a clip."""

    codec: str
    rate: int
    """Samples a second."""

    channels: int

    samples: int
    """Samples of each channel."""

    start: int = 0
    """The clip's first frame, counted in samples from the stream's first: what must be skipped for sync;
    negative where sound begins after picture."""

    index: int = 0
    """The stream's number in its container."""

    names: tuple[str, ...] = ()
    """What the recorder calls each channel, ``""`` where it has no name; empty where none has."""

    time_reference: int | None = None
    """Samples from midnight to the first sample, where a recorder says it (EBU Tech 3285)."""

    timestamp_rate: int | None = None
    """Samples a second that `time_reference` is counted at, where that is not `rate`."""

    offset: int = 0
    """The first byte of the samples, where they lie in the file as plain PCM."""


@dataclass(frozen=True)
class Tag:
    """One entry of a file's metadata, kept as found."""

    source: str
    """Where it was: ``mov tmcd``, ``mxf material package``, ``exr header``."""

    name: str
    value: str


@dataclass(frozen=True)
class ClipHeader:
    """The facts decoding and inspection need, as plain data (it travels as JSON)."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"ser_json_bytes": "base64", "val_json_bytes": "base64"}

    container: str
    """``mov``, ``mp4``, ``mxf``, ``mkv``, ``avi``, ``ts``, ``wav``; a sequence's file type: ``exr``."""

    codec: str
    """FFmpeg's name: ``prores``, ``h264``, ``av1``, ``pcm_s24le``; for an image sequence its file type."""

    width: int
    """Pixels; 0 for a sound recording."""

    height: int
    pixel_format: PixelFormat
    frame_rate: Fraction
    """Frames a second, exact; 24 where a sequence or a sound recording does not say."""

    variable: bool = field(default=False, kw_only=True)
    """Whether frames come at other times than that rate's, beyond the rounding of the file's clock."""

    color: ColorTags = field(default=ColorTags())

    profile: str | None = None
    """The codec's flavor, as FFmpeg names it: ``HQ``, ``High 4:2:2``."""

    pixel_aspect: Fraction = Fraction(1)
    field_order: Literal["progressive", "top", "bottom"] | None = None
    """``top`` and ``bottom``: interlaced, the field that comes first. None: not said."""

    rotation: int = 0
    """Degrees clockwise to turn the picture for viewing: 0, 90, 180 or 270. Frames are never turned."""

    mirrored: bool = False
    """Whether left and right change places for viewing, before the picture is turned. Frames never are."""

    alpha: Literal["straight", "premultiplied"] | None = None
    """What colors under an alpha channel are, where the file or its format says so. Frames are as stored."""

    timecode: str | None = None
    """The first frame's: ``HH:MM:SS:FF``, ``;FF`` for drop-frame."""

    reel: str | None = None
    audio: tuple[AudioStream, ...] = ()
    tags: tuple[Tag, ...] = field(default=(), repr=False)
    first_number: int | None = None
    """The number in the name of a sequence's first file."""

    stream: int = 0
    """The video stream's number in its container."""

    extradata: bytes = field(default=b"", repr=False)
    """What the decoder needs besides packets, as the container stores it."""

    skipped_rows: int = 0
    """Rows above the picture that the codec holds and that are no picture: a frame begins below them."""

    lead_in: bytes = field(default=b"", repr=False)
    """What the first packet says for all: it goes before the packet that a decoder begins with."""

    palette: bytes = field(default=b"", repr=False)
    """The colors of a palette that the container gives beside the first packet alone: 256 times BGRA."""

    decoder: str = ""
    """FFmpeg's decoder, where it is not called as the codec is: ``libdav1d``."""

    codec_tag: str = ""
    """The container's four letters for the codec, ``apch``; some decoders ask."""

    coded_bits: int = 0
    """Bits of a stored pixel or sample where the container says; raw video's decoder asks."""

    native_format: str = ""
    """FFmpeg's name of the decoder's own pixel format, where `pixel_format` is a planar form of it."""

    @property
    def has_pictures(self) -> bool:
        """Whether the clip is more than sound."""
        return self.width > 0
