"""What cameras keep in the boxes of MOV and MP4 (ISO/IEC 14496-12) and FFmpeg leaves there."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from mediadask.clips.header import Tag
from mediadask.clips.storage import open_file
from mediadask.errors import MediaError
from mediadask.metadata.documents import HEAD_BYTES, xml_tags
from mediadask.metadata.gpmf import static_tags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mediadask.clips import ClipHeader

__all__ = ["embedded", "top_box"]


def embedded(url: str, header: ClipHeader) -> list[Tag]:
    """Tags of the documents inside a clip's own file. What is damaged there says nothing."""
    tags: list[Tag] = []
    with suppress(MediaError, OSError):
        for tag in header.tags:
            if tag.name.casefold() == "com.panasonic.semi-pro.metadata.xml":
                tags += xml_tags(tag.value.encode(), f"{tag.source}, {tag.name}")
            elif tag.name == "major_brand" and tag.value.strip() == "XAVC":
                tags += _sony_in_mp4(url)
        if any("GoPro" in tag.value for tag in header.tags if tag.name == "handler_name"):
            tags += _gopro(url, header.container)
    return tags


def _sony_in_mp4(url: str) -> list[Tag]:
    """The NonRealTimeMeta document in the ``meta`` box at the top of Sony's MP4s."""
    with open_file(url) as file:
        meta = top_box(file, b"meta")
    # Both are full boxes: a version and flags come before what they hold.
    document = next((body for kind, body in _boxes(meta[4:]) if kind == b"xml "), b"") if meta else b""
    return xml_tags(document[4:], "mp4 NonRealTimeMeta") if document else []


def _gopro(url: str, container: str) -> list[Tag]:
    """GoPro's user data: firmware, lens, and the GPMF of what does not change in a clip."""
    with open_file(url) as file:
        moov = top_box(file, b"moov", 64 << 20)
    tags: list[Tag] = []
    for kind, body in _boxes(moov or b""):
        if kind == b"udta":
            for inner, value in _boxes(body):
                if inner == b"GPMF":
                    tags += static_tags(value, f"{container} udta GPMF")
                elif inner in (b"FIRM", b"LENS"):
                    text = value.split(b"\0")[0].decode("latin-1")
                    tags.append(Tag(f"{container} udta", f"udta {inner.decode()}", text))
    return tags


def top_box(file: IO[bytes], wanted: bytes, most_bytes: int = HEAD_BYTES) -> bytes | None:
    """What the first box of a kind at the top of a file holds; None where it is not there, or too large."""
    file.seek(0, os.SEEK_END)
    start, end = 0, file.tell()
    while start + 8 <= end:
        file.seek(start)
        head = file.read(16)
        if len(head) < 8:
            return None
        size, kind, body = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1:
            size, body = int.from_bytes(head[8:16], "big"), 16
        size = size or end - start
        if size < body:
            return None
        if kind == wanted:
            if size - body > most_bytes:
                return None
            file.seek(start + body)
            return file.read(size - body)
        start += size
    return None


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes that a box consists of: kind and what they hold."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big") or len(data) - at
        if size < 8:
            return
        yield data[at + 4 : at + 8], data[at + 8 : at + size]
        at += size
