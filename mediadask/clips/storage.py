"""Where files are: local paths, ``s3://``, ``http://`` and ``memory://`` behave the same, through fsspec."""

from __future__ import annotations

import errno
import io
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from stat import S_ISDIR, S_ISREG
from typing import IO, TYPE_CHECKING, Any, cast

from mediadask.clips.remote import RemoteFile
from mediadask.errors import InvalidRequest, MediaError, MissingMedia, UnreadableMedia

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "FileStamp",
    "check_exists",
    "filesystem_of",
    "is_local",
    "is_of_ranges",
    "is_shared",
    "is_web",
    "listing",
    "normalize",
    "open_file",
    "path_of",
    "read_document",
    "stat",
    "storage_errors",
    "storage_settings",
    "suffix_of",
    "use_storage_settings",
]


@dataclass(frozen=True)
class FileStamp:
    """One file as it was when seen: enough to notice that it has changed."""

    url: str
    size_bytes: int
    version: str
    """Modification time in nanoseconds for local files, entity tag or modification time elsewhere."""

    modified_ns: int | None = field(default=None, compare=False)
    """When it was written, in nanoseconds since 1970; None where that is not told."""


def is_local(url: str) -> bool:
    """Whether the URL is a path on this machine."""
    return "://" not in url


def normalize(url: str | os.PathLike[str]) -> str:
    """A URL that means the same in every process: local paths become absolute, ``file://`` is dropped."""
    text = os.fspath(url)
    if not text:
        raise InvalidRequest("an empty name", do="name a file or a folder")
    if text.startswith("file://"):
        text = text.removeprefix("file://")
    return os.path.abspath(os.path.expanduser(text)) if is_local(text) else text


def path_of(url: str) -> str:
    """A URL without a web server's query, which is often a signature."""
    return url.partition("?")[0] if is_web(url) else url


def suffix_of(url: str) -> str:
    """The ending of a file's name, in small letters: ``.exr``."""
    return os.path.splitext(path_of(url))[1].lower()


def is_web(url: str) -> bool:
    """Whether a web server is asked for it."""
    return url.startswith(("http://", "https://"))


def is_shared(url: str) -> bool:
    """Whether another process sees the same at the URL: in no memory, by what all have."""
    if is_local(url):
        return True
    from fsspec.registry import known_implementations

    protocol = url.partition("://")[0]
    return protocol in known_implementations and protocol != "memory"


def storage_settings() -> dict[str, Any]:
    """What fsspec was told in this process of servers, keys and the like: files open elsewhere with it."""
    import fsspec

    return dict(fsspec.config.conf)


def use_storage_settings(settings: dict[str, Any]) -> None:
    """Have fsspec open files as another process's `storage_settings` say."""
    import fsspec

    fsspec.config.conf.update(settings)


def filesystem_of(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it."""
    import fsspec  # only who works on remote files waits for it

    # Else its quotes are made anew, and a signature may no longer be that of the URL.
    how = {"encoded": True} if is_web(url) and _QUOTED.fullmatch(url) else {}
    filesystem, path = fsspec.url_to_fs(url, **how)
    return filesystem, path


_QUOTED = re.compile(r"(?=[^%]*%)(?:[!-$&-~]|%[0-9A-Fa-f]{2})*")
"""A URL as it goes over the wire, with something in it that had to be quoted."""


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Turn what storage raises inside the block into one line a user can act on."""
    try:
        yield
    except MediaError:
        raise
    except FileNotFoundError as error:
        reason = error.__cause__  # fsspec calls whatever keeps a server from answering a missing file
        status = getattr(reason, "status", None)
        if reason is None or isinstance(reason, FileNotFoundError) or status == 404:
            raise MissingMedia("no such file", where=url, do="check the path") from error
        what = f"HTTP {status}" if status else str(reason) or type(reason).__name__
        raise MissingMedia(f"cannot be fetched ({what})", where=url, do="check the server") from error
    except IsADirectoryError as error:
        raise UnreadableMedia("is a folder, not a file", where=url, do="name a file or a pattern") from error
    except PermissionError as error:
        raise MissingMedia("may not be read", where=url, do="check its permissions") from error
    except ImportError as error:
        raise MissingMedia(
            f"this kind of URL needs a package that is not installed ({error})",
            where=url,
            do="pip install 'mediadask[remote]'",
        ) from error
    except ValueError as error:  # fsspec: protocol not known, or a server of whole files only
        if is_of_ranges(error):
            raise UnreadableMedia(
                "its server gives whole files only, not parts of them",
                where=url,
                do="use a server that takes range requests, or copy the file here",
            ) from error
        raise MissingMedia(str(error), where=url, do="check the URL") from error
    except OSError as error:
        raise UnreadableMedia(f"cannot be read ({error.strerror or error})", where=url) from error


def is_of_ranges(error: Exception) -> bool:
    """Whether it is what fsspec says of a web server that gives no parts of files."""
    return "range requests" in str(error)


def check_exists(url: str) -> None:
    """Raise `MissingMedia` if neither a file nor a folder is there."""
    with storage_errors(url):
        if is_local(url):
            os.stat(url)
        else:
            filesystem, path = filesystem_of(url)
            if not filesystem.exists(path):
                raise FileNotFoundError


def stat(url: str, *, anew: bool = False) -> FileStamp:
    """Size and version of a file; `anew`: as it is now, whatever a listing made earlier in this process says.

    Raises
    ------
    MissingMedia
        If it is not there or may not be read.
    UnreadableMedia
        If it is a folder, or empty.
    """
    with storage_errors(url):
        if is_local(url):
            info = os.stat(url)
            if S_ISDIR(info.st_mode):
                raise IsADirectoryError
            if not S_ISREG(info.st_mode):
                raise UnreadableMedia("is a pipe or a device, not a file", where=url, do="name a file")
            stamp = FileStamp(url, info.st_size, str(info.st_mtime_ns), info.st_mtime_ns)
        else:
            filesystem, path = filesystem_of(url)
            if anew:
                filesystem.invalidate_cache(path)
            details: dict[str, Any] = filesystem.info(path)
            if details.get("type") == "directory":
                raise IsADirectoryError
            stamp = FileStamp(url, details.get("size") or 0, _version(details), _modified_ns(details))
    if not stamp.size_bytes:
        raise UnreadableMedia("is empty", where=url, do="copy it again from the source")
    return stamp


def listing(folder: str) -> tuple[list[str], list[FileStamp]]:
    """The folders and the files directly inside a folder, unsorted; nothing is opened.

    A file may be empty here; its size is -1 where the listing does not tell (``http://``).

    Raises
    ------
    MissingMedia
        If the folder is not there or may not be read.
    """
    folders, files = [], []
    with storage_errors(folder):
        if is_local(folder):
            with os.scandir(folder) as entries:
                for entry in entries:
                    try:
                        info = entry.stat()
                    except OSError as error:
                        if error.errno in (errno.ENOENT, errno.ELOOP):  # a link to nothing, or to itself
                            continue
                        raise
                    if S_ISDIR(info.st_mode):
                        folders.append(entry.path)
                    elif S_ISREG(info.st_mode):
                        modified = info.st_mtime_ns
                        files.append(FileStamp(entry.path, info.st_size, str(modified), modified))
        else:
            filesystem, path = filesystem_of(folder)
            filesystem.invalidate_cache(path)  # or a listing made earlier in this process is given again
            for details in filesystem.ls(path, detail=True):
                if details["name"].strip("/") == path.strip("/"):
                    continue
                url = filesystem.unstrip_protocol(details["name"])
                if details["type"] == "directory":
                    folders.append(url.rstrip("/"))
                else:
                    size = details.get("size")
                    known = -1 if size is None else size
                    files.append(FileStamp(url, known, _version(details), _modified_ns(details)))
    return folders, files


def _version(details: dict[str, Any]) -> str:
    stamps = (
        *("ETag", "etag", "Content-MD5", "Digest"),
        *("LastModified", "Last-Modified", "mtime", "last_modified", "created"),
    )
    return next((str(details[name]) for name in stamps if details.get(name)), "")


def _modified_ns(details: dict[str, Any]) -> int | None:
    stamps = (details.get(name) for name in ("LastModified", "mtime", "last_modified", "created"))
    found = next((stamp for stamp in stamps if isinstance(stamp, datetime)), None)
    return None if found is None else int(found.timestamp() * 1e9)


def read_document(url: str, most_bytes: int) -> bytes:
    """The content of a file that is read whole: a list, a document, a table.

    Raises
    ------
    MissingMedia, UnreadableMedia
        As `stat`; and if it is larger than any such file is, so that no memory is asked for what is not one.
    """
    size = stat(url).size_bytes
    if size > most_bytes:
        raise UnreadableMedia(
            f"has {size >> 20} MB, and {most_bytes >> 20} are the most for a file of its kind",
            where=url,
            do="check the file",
        )
    with storage_errors(url), open_file(url) as file:
        return file.read(most_bytes)


def open_file(url: str, size_bytes: int | None = None) -> IO[bytes]:
    """A seekable binary file; of a remote one what is read is fetched, each part once. With `size_bytes` the
    server is not asked how long the file is."""
    with storage_errors(url):
        if is_local(url):
            return open(url, "rb")
        from fsspec.implementations.memory import MemoryFile
        from fsspec.spec import AbstractBufferedFile

        filesystem, path = filesystem_of(url)
        told = {} if size_bytes is None else {"size": size_bytes}
        handle: IO[bytes] = filesystem.open(path, "rb", cache_type="none", **told)
        if isinstance(handle, AbstractBufferedFile) and handle.size:
            return cast("IO[bytes]", RemoteFile(filesystem, path, handle.size))
        # memory:// hands every reader the same file object, with one position between them.
        return io.BytesIO(handle.getbuffer()) if isinstance(handle, MemoryFile) else handle
