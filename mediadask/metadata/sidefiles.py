"""Files that cameras, recorders and loggers put beside clips: found, bounded, read as tags."""

from __future__ import annotations

import os
import re
import time
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING

from mediadask.clips.storage import filesystem_of, is_local, is_web, open_file, path_of, stat, storage_errors
from mediadask.errors import MediaError, UnreadableMedia
from mediadask.metadata import documents
from mediadask.metadata.documents import (
    HEAD_BYTES,
    read_log,
    read_table,
    subtitle_tags,
    text_tags,
    xml_tags,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mediadask.clips.header import Tag
    from mediadask.metadata.table import SideFile, Table

__all__ = ["side_files", "side_tags"]


def side_tags(url: str, table: Table) -> tuple[list[list[Tag]], list[str]]:
    """Tags of the files beside a clip, each file's by itself in order of trust; and a line for each file that
    cannot be read."""
    stem = path_of(url).rpartition("/")[2].rpartition(".")[0]
    found, problems = [], []
    for file, kind in side_files(url, table):
        is_own = "{" in kind.name
        try:
            if tags := _tags(file, kind, stem, is_own):
                found.append(tags)
        except MediaError as error:
            if is_own or kind.read == "log":  # a table by another name need not be of clips
                problems.append(str(type(error)(error.what, where=file, do=error.do)))
    return found, problems


def _tags(file: str, kind: SideFile, stem: str, is_own: bool) -> list[Tag]:
    source = f"sidecar {path_of(file).rpartition('/')[2]}"
    match kind.read:
        case "xml":
            return xml_tags(_head(file, HEAD_BYTES, whole=True), source)
        case "text":
            return text_tags(_head(file, HEAD_BYTES), source)
        case "subtitles":
            return subtitle_tags(_head(file, 1 << 16), source)
        case "table" | "log":
            return _table(file, kind.read, is_own).tags(stem, source, alone=is_own)


def _table(file: str, read: str, is_own: bool) -> documents.Table:
    if is_own or not is_local(file):
        return _read_table(file, read, HEAD_BYTES)
    stamp = stat(file)
    return _kept_table(file, read, stamp.size_bytes, stamp.version)


@lru_cache(maxsize=8)
def _kept_table(file: str, read: str, size_bytes: int, version: str) -> documents.Table:
    """The table of a whole roll, which every clip of the roll asks for."""
    return _read_table(file, read, _MOST_TABLE_BYTES)


def _read_table(file: str, read: str, most_bytes: int) -> documents.Table:
    data = _head(file, most_bytes)
    return read_log(data, file) if read == "log" else read_table(data, file)


_MOST_TABLE_BYTES = 64 << 20


def side_files(url: str, table: Table) -> Iterator[tuple[str, SideFile]]:
    """The files that a table says belong to a clip and that are there, each once."""
    folder, _, name = path_of(url).rpartition("/")
    stem = name.rpartition(".")[0] or name
    seen = {name}
    for kind in table.side_files:
        above, _, last = kind.name.rpartition("/")
        place = os.path.normpath(f"{folder}/{above}") if above and is_local(url) else folder
        if above and not is_local(url):
            place = _climbed(folder, above)
        wanted = last.replace("{stem-2}", _literal(stem[:-2]) if len(stem) > 4 else "\0")
        wanted = wanted.replace("{stem}", _literal(stem)).replace("{name}", _literal(name))
        for match in _matches(place, wanted):
            if match not in seen:
                seen.add(match)
                yield f"{place}/{match}", kind


def _literal(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)


def _climbed(folder: str, above: str) -> str:
    for step in above.split("/"):
        folder = folder.rpartition("/")[0] if step == ".." else f"{folder}/{step}"
    return folder


def _matches(folder: str, pattern: str) -> list[str]:
    """The names in a folder that match, whatever their case. Web servers are asked for plain names."""
    if is_web(folder):
        plain = re.sub(r"\[([*?[])\]", r"\1", pattern)
        return [plain] if not re.search(r"[*?]", pattern) and _is_there(f"{folder}/{plain}") else []
    wanted = pattern.casefold()
    names = _names(folder)
    if not re.search(r"[*?[]", wanted):
        return [name for name in (names.get(wanted),) if name]
    return [name for folded, name in names.items() if fnmatchcase(folded, wanted)]


def _is_there(url: str) -> bool:
    try:
        filesystem, path = filesystem_of(url)
        return bool(filesystem.exists(path))
    except Exception:  # a server that does not answer has no side files
        return False


def _names(folder: str) -> dict[str, str]:
    """The names of a folder's files, by their names without capitals."""
    if not is_local(folder):
        return _remote_names(folder)
    try:
        changed_ns = os.stat(folder or "/").st_mtime_ns
    except OSError:
        return {}
    # A folder that changes at this moment may change again within the tick of the file system's clock.
    if time.time_ns() - changed_ns < 2_000_000_000:
        return _listed(folder)
    return _kept(folder, changed_ns)


@lru_cache(maxsize=64)
def _kept(folder: str, changed_ns: int) -> dict[str, str]:
    return _listed(folder)


def _listed(folder: str) -> dict[str, str]:
    try:
        with os.scandir(folder or "/") as entries:
            return {entry.name.casefold(): entry.name for entry in entries if not entry.name.startswith(".")}
    except OSError:
        return {}


def _remote_names(folder: str) -> dict[str, str]:
    try:
        filesystem, path = filesystem_of(folder)
        names = (
            details["name"].rstrip("/").rpartition("/")[2] for details in filesystem.ls(path, detail=True)
        )
        return {name.casefold(): name for name in names}
    except Exception:  # not there, or not to be listed
        return {}


def _head(url: str, most_bytes: int, *, whole: bool = False) -> bytes:
    """The beginning of a file; `whole`: it must be all of it."""
    if is_local(url) and not os.path.isfile(url):
        raise UnreadableMedia("is no file", where=url, do="check the folder")
    with storage_errors(url), open_file(url) as file:
        data = file.read(most_bytes + 1)
    if not data:
        raise UnreadableMedia("is empty", where=url, do="copy it again from the source")
    if whole and len(data) > most_bytes:
        what = f"has more than {most_bytes >> 20} MB, which no camera writes of a clip"
        raise UnreadableMedia(what, where=url, do="check the file")
    return data[:most_bytes]
