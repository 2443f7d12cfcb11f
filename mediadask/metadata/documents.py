"""Metadata that comes as a document: XML inside a file, XML and tables beside it. Each becomes plain tags."""

from __future__ import annotations

import csv
import io
import itertools
import os
from typing import IO, TYPE_CHECKING
from xml.etree import ElementTree

from mediadask.clips.header import Tag
from mediadask.clips.storage import filesystem_of, is_local, open_file
from mediadask.errors import MediaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mediadask.clips import ClipHeader

__all__ = ["embedded", "sidecars", "table_tags", "xml_tags"]

_LIMIT_BYTES = 4 << 20
"""No camera writes this much static metadata: what is larger is something else."""


def embedded(url: str, header: ClipHeader) -> list[Tag]:
    """Tags of the documents inside a clip's own file."""
    tags = []
    for tag in header.tags:
        if tag.name.casefold() == "com.panasonic.semi-pro.metadata.xml":
            tags += xml_tags(tag.value, f"{tag.source}, {tag.name}")
        elif tag.name == "major_brand" and tag.value.strip() == "XAVC":
            tags += _sony_in_mp4(url)
    return tags


def sidecars(url: str) -> list[Tag]:
    """Tags of the files that cameras and their makers' tools put beside a clip."""
    folder, _, name = url.rpartition("/")
    stem = name.rpartition(".")[0] or name
    readers = {
        f"{stem}M01.XML": xml_tags,  # Sony, on the card and in copies
        f"{stem}M01.xml": xml_tags,
        f"{name}.csv": table_tags,  # ARRI Meta Extract
    }
    tags: list[Tag] = []
    for beside, read in readers.items():
        text = _text(f"{folder}/{beside}")
        if text is not None:
            tags += read(text, f"sidecar {beside}")
    return tags


def xml_tags(text: str, source: str) -> list[Tag]:
    """The elements and attributes of a document, each under every ending of its path that a rule may name.

    ``<Item name="WhiteBalance" value="4300"/>`` in ``<Group name="CameraUnitMetadataSet">`` is
    ``CameraUnitMetadataSet/WhiteBalance``. No tags from what is not well-formed.
    """
    try:
        root = ElementTree.fromstring(text.strip("\0 \r\n\t").encode())
        return [Tag(source, name, value) for name, value in _walk(root, ())]
    except (ElementTree.ParseError, ValueError, RecursionError):
        return []


def _walk(element: ElementTree.Element, above: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    kind = element.tag.rpartition("}")[2]
    named = element.get("name") if kind in ("Group", "Item") else None
    path = (*above, named or kind)
    values = dict(element.attrib)
    if named:
        values.pop("name")
        if "value" in values:
            yield from _endings(path, "", values.pop("value"))
    for attribute, value in values.items():
        yield from _endings(path, f"@{attribute}", value)
    if element.text and element.text.strip():
        yield from _endings(path, "", element.text.strip())
    for child in element:
        yield from _walk(child, path)


def _endings(path: tuple[str, ...], attribute: str, value: str) -> Iterator[tuple[str, str]]:
    for start in range(max(len(path) - 3, 0), max(len(path) - 1, 1)):
        yield "/".join(path[start:]) + attribute, value


def table_tags(text: str, source: str) -> list[Tag]:
    """The columns of a tab-separated table, by the first frame's row. No tags from what is no such table."""
    try:
        head, row = itertools.islice(csv.reader(io.StringIO(text), dialect="excel-tab"), 2)
    except (csv.Error, ValueError):
        return []
    columns = zip(head, row, strict=False)
    return [Tag(source, name.strip(), value.strip()) for name, value in columns if name and value]


def _sony_in_mp4(url: str) -> list[Tag]:
    """The NonRealTimeMeta document in the ``meta`` box at the top of Sony's MP4s."""
    with open_file(url) as file:
        document = _box_text(file, (b"meta", b"xml "))
    return xml_tags(document, "mp4 NonRealTimeMeta") if document else []


def _box_text(file: IO[bytes], path: tuple[bytes, ...]) -> str | None:
    """The text in a box of boxes (ISO/IEC 14496-12), from the file's position on."""
    file.seek(0, os.SEEK_END)
    start, end = 0, file.tell()
    for wanted in path:
        while True:
            file.seek(start)
            head = file.read(16)
            if start + 8 > end or len(head) < 8:
                return None
            size, kind, body = int.from_bytes(head[:4], "big"), head[4:8], 8
            if size == 1:
                size, body = int.from_bytes(head[8:16], "big"), 16
            size = size or end - start
            if size < body:
                return None
            if kind == wanted:
                # Both are full boxes: a version and flags come before what they hold.
                start, end = start + body + 4, start + size
                break
            start += size
    if end - start > _LIMIT_BYTES:
        return None
    file.seek(start)
    return file.read(end - start).decode("utf-8", "replace")


def _text(url: str) -> str | None:
    """A small text file's content; None where there is none that can be read."""
    try:
        if is_local(url):
            if not os.path.isfile(url):
                return None
        else:
            filesystem, path = filesystem_of(url)
            if not filesystem.exists(path):
                return None
        with open_file(url) as file:
            data = file.read(_LIMIT_BYTES + 1)
    except (MediaError, OSError):
        return None
    return data.decode("utf-8-sig", "replace") if len(data) <= _LIMIT_BYTES else None
