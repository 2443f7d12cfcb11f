"""Metadata that comes as a document: XML, tables, logs, lines and subtitles. Each becomes plain tags.

What is no such document raises `UnreadableMedia`. Nothing here follows what a hostile document asks for.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mediadask.clips.header import Tag
from mediadask.clips.xml import parse_xml
from mediadask.documents.xml import local_name
from mediadask.errors import UnreadableMedia

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml import etree

__all__ = [
    "HEAD_BYTES",
    "Table",
    "decoded",
    "read_log",
    "read_table",
    "subtitle_tags",
    "telemetry",
    "text_tags",
    "xml_tags",
]

HEAD_BYTES = 4 << 20
"""No camera writes more of what does not change in a clip: a larger XML is something else, and the beginning
of a table with a row for each frame tells it."""


def decoded(data: bytes) -> str:
    """Text of a file whose encoding nobody tells: UTF-8, UTF-16 by its mark, else Windows' Latin-1."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def xml_tags(data: bytes, source: str) -> list[Tag]:
    """The elements and attributes of a document, each under every ending of its path that a rule may name.

    ``<Item name="WhiteBalance" value="4300"/>`` in ``<Group name="CameraUnitMetadataSet">`` is
    ``CameraUnitMetadataSet/WhiteBalance``; ``<Meta name="Scene" content="12"/>`` is ``…/Scene@content``.

    Raises
    ------
    UnreadableMedia
        If it is not well-formed, or has a document type declaration.
    """
    root = parse_xml(data.strip(b"\0 \r\n\t") if data[:2] not in (b"\xff\xfe", b"\xfe\xff") else data, source)
    return [Tag(source, name, value) for name, value in _walk(root, ())]


def _walk(element: etree._Element, above: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    kind = local_name(element)
    named = element.get("name") if kind in ("Group", "Item", "Meta") else None
    path = (*above, named or kind)
    values = {str(name).rpartition("}")[2]: str(value) for name, value in element.attrib.items()}
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


_CLIP_COLUMNS = {
    *("clipname", "cameraclipname", "filename", "originalfilename", "sourcefile", "sourcefilename", "file"),
    *("name", "clip", "displayname", "tape", "reelname"),
}
"""Columns that name a row's clip, by their names without blanks, underscores and case."""


@dataclass(frozen=True)
class Table:
    """A table or log: a row for each clip, or for each frame of one."""

    columns: tuple[str, ...]
    first: tuple[str, ...] | None
    by_clip: Mapping[str, tuple[str, ...]]
    """Names of clips and of their files, without endings and capitals, to the first row that is theirs."""

    def tags(self, stem: str, source: str, *, alone: bool) -> list[Tag]:
        """The tags of a clip's row; `alone`: the table is of this clip, whatever its rows are called."""
        row = self.by_clip.get(stem.casefold()) or (self.first if alone else None)
        cells = zip(self.columns, row or (), strict=False)
        return [Tag(source, name, value) for name, value in cells if name and value]


def read_table(data: bytes, source: str) -> Table:
    """A table with a heading, and tabs, commas or semicolons between its columns.

    Raises
    ------
    UnreadableMedia
        If it has no heading and row.
    """
    text = decoded(data)
    heading = text.partition("\n")[0]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max("\t,;", key=heading.count))
    try:
        columns = tuple(name.strip() for name in next(rows, []))
        table = _table(columns, columns, ([cell.strip() for cell in row] for row in rows))
    except csv.Error as error:
        raise UnreadableMedia(f"is no table ({error})", where=source, do="export it again") from error
    if len(columns) < 2 or table.first is None:
        raise UnreadableMedia("is no table with a heading and rows", where=source, do="export it again")
    return table


def read_log(data: bytes, source: str) -> Table:
    """An Avid Log Exchange; its columns are called ``ale`` and their plain names.

    Rows with too few cells, or too many, are read as far as they go.

    Raises
    ------
    UnreadableMedia
        If it has no columns.
    """
    section, columns = "", []
    rows: list[list[str]] = []
    for line in io.StringIO(decoded(data), newline=None):
        cells = [cell.strip() for cell in line.rstrip("\n").split("\t")]
        if cells[0].casefold() in ("heading", "column", "data") and not any(cells[1:]):
            section = cells[0].casefold()
        elif section == "column" and any(cells):
            columns = cells
        elif section == "data" and any(cells):
            rows.append(cells)
    if not columns:
        raise UnreadableMedia("has no columns of an Avid log", where=source, do="export it again")
    return _table(
        tuple(f"ale {_plain(name)}" if name else "" for name in columns), tuple(columns), iter(rows)
    )


def _table(columns: tuple[str, ...], heading: tuple[str, ...], rows: Iterator[list[str]]) -> Table:
    naming = [place for place, name in enumerate(heading) if _plain(name) in _CLIP_COLUMNS]
    first: tuple[str, ...] | None = None
    by_clip: dict[str, tuple[str, ...]] = {}
    for row in itertools.islice(rows, _MOST_ROWS):
        cells = tuple(row)
        first = first or cells
        for place in naming:
            if place < len(cells) and cells[place]:
                name = re.split(r"[\\/]", cells[place].casefold())[-1]
                by_clip.setdefault(name, cells)
                by_clip.setdefault(name.rpartition(".")[0] or name, cells)
    return Table(columns, first, by_clip)


_MOST_ROWS = 100_000


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


_KEY_LINE = re.compile(r"\s*([^:=]{1,64}?)\s*[:=]\s*(.*?)\s*")


def text_tags(data: bytes, source: str) -> list[Tag]:
    """Lines of ``key: value``; of a key that comes again, as for each frame, the first counts. No tags from
    other texts."""
    found: dict[str, Tag] = {}
    for line in decoded(data).splitlines():
        match = _KEY_LINE.fullmatch(line)
        if match and match[2]:
            found.setdefault(match[1].casefold(), Tag(source, match[1], match[2]))
    return list(found.values())


_TELEMETRY = re.compile(r"\b([a-z_]+)\s*:\s*([-+\d./]+)", re.IGNORECASE)


def subtitle_tags(data: bytes, source: str) -> list[Tag]:
    """Telemetry of the first subtitle: ``[iso : 100] [shutter : 1/640.0] [fnum : 280]`` as ``dji iso``, …

    F-numbers of 100 and more and focal lengths of 100 and more are hundredths and tenths. Subtitles without
    telemetry are speech: no tags.
    """
    block = re.split(r"\n\s*\n", decoded(data[: 1 << 16]).replace("\r", ""), maxsplit=1)[0]
    return [Tag(source, f"dji {name}", value) for name, value in telemetry(block)]


def telemetry(block: str) -> list[tuple[str, str]]:
    """The names and values that one subtitle has."""
    if "[" not in block:
        return []
    found = []
    for name, value in _TELEMETRY.findall(block[block.index("[") :]):
        hundredths = name.casefold() == "fnum" and "." not in value and len(value) >= 3
        tenths = name.casefold() == "focal_len" and "." not in value and len(value) >= 3
        scaled = f"{float(value) / (100 if hundredths else 10):g}" if hundredths or tenths else value
        found.append((name.casefold(), scaled))
    return found
