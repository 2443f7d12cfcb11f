"""The text of lists, in the encodings in which editing systems of forty years have written it."""

from __future__ import annotations

import codecs
import re

from mediadask.errors import UnreadableMedia

__all__ = ["list_text"]

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_SAMPLE_BYTES = 4096
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x19\x1b-\x1f\x7f]")
_MAC_ALONE = re.compile(r"(?<=[a-z])[ŽŠŸŒ](?![A-Z])|(?<=[A-Za-z])[ƒ†‡ˆ]|[ƒ†‡ˆ](?=[a-z])")
"""What CP1252 makes of a Mac's é, ä, ü and É in a word, where nobody writes it."""


def list_text(data: bytes, where: str) -> str:
    """Text in UTF-8 or UTF-16, with a mark or without; in CP1252 or Mac Roman; padded with NUL or 1A.

    Raises
    ------
    UnreadableMedia
        If it is no text.
    """
    binary = UnreadableMedia("is binary, not text", where=where, do="check that it is the list itself")
    try:
        decoded = _decoded(data)
    except UnicodeDecodeError:
        raise binary from None
    # CP/M's end of text, which DOS kept, and what was on the disk's block behind it.
    body = decoded.partition("\x1a")[0]
    text = re.sub(r"\0+(?=\s|$)|(?:^|(?<=\s))\0+", "", body)
    if "\0" in text or (b"\0" in data and _CONTROL.search(text)):
        raise binary
    return text


def _decoded(data: bytes) -> str:
    mark, encoding = next((one for one in _MARKS if data.startswith(one[0])), (b"", _without_mark(data)))
    if encoding != "utf-8":
        return data[len(mark) : len(data) // 2 * 2].decode(encoding)
    try:
        return data[len(mark) :].decode()
    except UnicodeDecodeError:
        pass
    # Of bytes that are no UTF-8, those of an old Mac: it ends lines with CR alone.
    windows = data.decode("cp1252", errors="replace")
    is_mac = b"\r" in data and b"\n" not in data
    if is_mac or "\ufffd" in windows or _MAC_ALONE.search(windows):
        return data.decode("mac_roman")
    return windows


def _without_mark(data: bytes) -> str:
    """The encoding that zeros tell: of the two bytes of a letter of UTF-16 one is 0."""
    sample = data[:_SAMPLE_BYTES].rstrip(b"\0")
    pairs = max(len(sample) // 2, 1)
    even, odd = (sample[at::2].count(0) / pairs for at in (0, 1))
    if odd > 0.4 and even < 0.1:
        return "utf-16-le"
    if even > 0.4 and odd < 0.1:
        return "utf-16-be"
    return "utf-8"
