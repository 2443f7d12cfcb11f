"""Camera formats that only their maker's SDK decodes, known by sight: the refusal says what to install."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mediadask.clips.storage import suffix_of
from mediadask.errors import UnsupportedMedia

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "RAW_FRAME_SUFFIXES",
    "RAW_SUFFIXES",
    "VENDOR_SUFFIXES",
    "refuse",
    "refuse_encrypted",
    "refuse_undecodable",
    "refuse_unknown_codec",
]


@dataclass(frozen=True)
class _Format:
    name: str
    sdk: str
    """What decodes it; empty where nothing can be installed here."""

    suffix: str = ""
    signed: Callable[[bytes], bool] | None = None
    """Whether a file begins as this format does; else the suffix decides."""


_BRAW = _Format("Blackmagic RAW", "Blackmagic RAW SDK", ".braw")
_CANON_RAW = _Format(
    "Canon Cinema RAW Light",
    "Canon RAW SDK",
    ".crm",
    lambda head: head[4:12] == b"ftypcrx " and b"CanonCR3" not in head,
)
_CANON_STILL = _Format(  # the same container, told apart by the compressor's version (CNCV)
    "a Canon raw still (CR3)", "", ".cr3", lambda head: head[4:12] == b"ftypcrx " and b"CanonCR3" in head
)
_PRORES_RAW = _Format("Apple ProRes RAW", "Apple ProRes RAW SDK")
_SONY_RAW = _Format("Sony X-OCN or RAW", "Sony RAW SDK")
_ARRI_MXF = _Format("ARRIRAW or ARRICORE in MXF", "ARRI Image SDK")
_STILLS = {
    ".3fr": "Hasselblad",
    ".arw": "Sony",
    ".cr2": "Canon",
    ".iiq": "Phase One",
    ".nef": "Nikon",
    ".orf": "Olympus",
    ".pef": "Pentax",
    ".raf": "Fujifilm",
    ".rw2": "Panasonic",
}
_FORMATS = (
    _Format("REDCODE RAW (R3D)", "RED R3D SDK", ".r3d", lambda head: head[4:8] in (b"RED1", b"RED2")),
    _BRAW,
    _CANON_RAW,
    _Format("ARRICORE", "ARRI Image SDK", ".arx"),
    _Format("Nikon N-RAW", "RED R3D SDK with N-RAW support", ".nev"),
    _CANON_STILL,
    _Format("MotionCam RAW", "", ".mcraw"),
    *(
        _Format(f"a {maker} raw still ({suffix[1:].upper()})", "", suffix)
        for suffix, maker in _STILLS.items()
    ),
)
_SAMPLE_ENTRIES = {  # the first letters of QuickTime's codec code
    b"br": _BRAW,
    b"CRAW": _CANON_RAW,
    b"aprn": _PRORES_RAW,
    b"aprh": _PRORES_RAW,
}
_SAMPLE_ENTRY = re.compile(rb"stsd.{4}\0\0\0.{5}(.{4})", re.DOTALL)
# The picture coding (local tag 3201) is a label of a registered organization: 0E then its number.
_PRIVATE_CODING = re.compile(rb"\x32\x01\x00\x10\x06\x0e\x2b\x34\x04\x01\x01.\x0e(.)", re.DOTALL)
_ORGANIZATIONS = {b"\x06": _SONY_RAW, b"\x17": _ARRI_MXF}  # SMPTE's registry of private labels (class 14)

_ENCRYPTED_ENTRIES = (b"encv", b"drmi")  # ISO/IEC 14496-12 8.12, Apple's FairPlay
_SCHEME = re.compile(rb"schm.{4}(.{4})", re.DOTALL)
_HEAD_BYTES = 1 << 18
_ENCRYPTED_HEADS = (
    bytes.fromhex("060e2b34025301010d01040102020000"),  # MXF: a cryptographic context (SMPTE ST 429-6)
    bytes.fromhex("060e2b34025301010d0104010201000000")[:14],
)

RAW_SUFFIXES = frozenset(form.suffix for form in _FORMATS)
"""File names of formats that no reader here opens."""

_MATROSKA_ENCRYPTION = re.compile(rb"\x6d\x80.{1,8}\x62\x40.{1,40}\x50\x35", re.DOTALL)
"""ContentEncodings, ContentEncoding, ContentEncryption (RFC 9559, 5.1.4.1.31)."""

VENDOR_SUFFIXES = frozenset({".arx", ".braw", ".crm", ".mcraw", ".nev", ".r3d"})
"""Those of them that are footage: a folder that holds some holds clips."""

RAW_FRAME_SUFFIXES = frozenset({".arx"})
"""Those of them that hold a frame each: many are one clip."""


def refuse(url: str, head: bytes) -> None:
    """Nothing, for a file that may be readable; `head` is its first 12 bytes or more.

    Raises
    ------
    UnsupportedMedia
        If it is a vendor's raw format: with the format's name and the SDK that reads it.
    """
    suffix = suffix_of(url)
    signed = (form for form in _FORMATS if form.signed and form.signed(head))
    # A damaged file is still told by its name, unless it is text.
    named = (form for form in _FORMATS if form.suffix == suffix and (not form.signed or b"\0" in head))
    for form in (*signed, *named):
        raise _refusal(form, url)


def refuse_undecodable(url: str, tables: bytes | memoryview) -> None:
    """The same for a container whose pictures nothing decodes; `tables` is a MOV's ``moov`` or the beginning
    of an MXF or another file."""
    for entry in _SAMPLE_ENTRY.finditer(tables):
        for code, form in _SAMPLE_ENTRIES.items():
            if entry[1].startswith(code):
                raise _refusal(form, url)
    for label in _PRIVATE_CODING.finditer(tables):
        if label[1] in _ORGANIZATIONS:
            raise _refusal(_ORGANIZATIONS[label[1]], url)


def refuse_unknown_codec(url: str, tables: bytes | memoryview) -> None:
    """The same for pictures that no decoder here is for, whatever they are."""
    data = bytes(tables)
    # In a movie's tables a track's handler comes before its codec.
    handlers = [(found.start(), found[1]) for found in _HANDLER.finditer(data)]
    codes = (
        entry[1]
        for entry in _SAMPLE_ENTRY.finditer(data)
        if max(((at, kind) for at, kind in handlers if at < entry.start()), default=(0, b""))[1] == b"vide"
    )
    matroska = (found[1] for found in _MATROSKA_CODEC.finditer(data))
    for code in (*codes, *matroska):
        word = code.decode("latin-1").strip()
        if word and word.isprintable():
            raise UnsupportedMedia(
                f"has pictures coded as {word!r}, which nothing here decodes",
                where=url,
                do="transcode it first, or install a reader for it (entry point 'mediadask.readers')",
            )


_HANDLER = re.compile(rb"hdlr.{4}(?:mhlr|\0{4})(.{4})", re.DOTALL)  # of the medium, not of its data
_MATROSKA_CODEC = re.compile(rb"\x86[\x80-\xff](V_[A-Z0-9/._]+)")


def refuse_encrypted(url: str, tables: bytes | memoryview) -> None:
    """Nothing, for a file that anybody may play; `tables` as in `refuse_undecodable`.

    Raises
    ------
    UnsupportedMedia
        If its pictures are encrypted: what a decoder makes of them looks like damage.
    """
    for entry in _SAMPLE_ENTRY.finditer(tables):
        if entry[1] in _ENCRYPTED_ENTRIES:
            scheme = _SCHEME.search(tables)
            how = f" ({scheme[1].decode('latin-1').strip()})" if scheme else ""
            raise _encrypted(url, how)
    head = bytes(tables[:_HEAD_BYTES])
    if any(sign in head for sign in _ENCRYPTED_HEADS) or _MATROSKA_ENCRYPTION.search(head):
        raise _encrypted(url, "")


def _encrypted(url: str, how: str) -> UnsupportedMedia:
    return UnsupportedMedia(
        f"is encrypted{how}, and nothing here has the key", where=url, do="ask for a file without encryption"
    )


def _refusal(form: _Format, url: str) -> UnsupportedMedia:
    if not form.sdk:
        return UnsupportedMedia(
            f"is {form.name}, which nothing here decodes",
            where=url,
            do="make EXR or TIFF of it first, or install a reader for it (entry point 'mediadask.readers')",
        )
    return UnsupportedMedia(
        f"is {form.name}, which only the {form.sdk} decodes",
        where=url,
        do="install a reader built on it (entry point 'mediadask.readers'), or transcode the clip first",
    )
