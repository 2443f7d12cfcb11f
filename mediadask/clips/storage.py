"""Where files are: local paths, ``s3://``, ``http://`` and ``memory://`` behave the same, through fsspec."""

from __future__ import annotations

import io
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from mediadask.errors import MediaError, MissingMedia, UnreadableMedia

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "FileStamp",
    "filesystem_of",
    "is_local",
    "listing",
    "normalize",
    "open_file",
    "stat",
    "storage_errors",
]


@dataclass(frozen=True)
class FileStamp:
    """One file as it was when seen: enough to notice that it has changed."""

    url: str
    size_bytes: int
    version: str
    """Modification time in nanoseconds for local files, entity tag or modification time elsewhere."""


def is_local(url: str) -> bool:
    """Whether the URL is a path on this machine."""
    return "://" not in url


def normalize(url: str | os.PathLike[str]) -> str:
    """A URL that means the same in every process: local paths become absolute, ``file://`` is dropped."""
    text = os.fspath(url)
    if text.startswith("file://"):
        text = text.removeprefix("file://")
    return os.path.abspath(os.path.expanduser(text)) if is_local(text) else text


def filesystem_of(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it."""
    import fsspec  # only who works on remote files waits for it

    filesystem, path = fsspec.url_to_fs(url)
    return filesystem, path


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Turn what storage raises inside the block into one line a user can act on."""
    try:
        yield
    except MediaError:
        raise
    except FileNotFoundError as error:
        raise MissingMedia("no such file", where=url, do="check the path") from error
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
    except ValueError as error:  # fsspec: protocol not known
        raise MissingMedia(str(error), where=url, do="check the URL") from error
    except OSError as error:
        raise UnreadableMedia(f"cannot be read ({error.strerror or error})", where=url) from error


def stat(url: str) -> FileStamp:
    """Size and version of a file.

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
            if os.path.isdir(url):
                raise IsADirectoryError
            size, version = info.st_size, str(info.st_mtime_ns)
        else:
            filesystem, path = filesystem_of(url)
            details: dict[str, Any] = filesystem.info(path)
            if details.get("type") == "directory":
                raise IsADirectoryError
            size, version = details.get("size") or 0, _version(details)
    if not size:
        raise UnreadableMedia("is empty", where=url, do="copy it again from the source")
    return FileStamp(url, size, version)


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
                    if entry.is_dir():
                        folders.append(entry.path)
                    elif os.path.exists(entry.path):  # a dangling link is not a file
                        info = entry.stat()
                        files.append(FileStamp(entry.path, info.st_size, str(info.st_mtime_ns)))
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
                    files.append(FileStamp(url, -1 if size is None else size, _version(details)))
    return folders, files


def _version(details: dict[str, Any]) -> str:
    stamps = ("ETag", "etag", "LastModified", "mtime", "last_modified", "created")
    return next((str(details[name]) for name in stamps if details.get(name)), "")


def open_file(url: str) -> IO[bytes]:
    """A seekable binary file; reads of remote files fetch the ranges asked for and a little more."""
    with storage_errors(url):
        if is_local(url):
            return open(url, "rb")
        from fsspec.implementations.memory import MemoryFile

        filesystem, path = filesystem_of(url)
        handle: IO[bytes] = filesystem.open(path, "rb", block_size=1 << 20)
        # memory:// hands every reader the same file object, with one position between them.
        return io.BytesIO(handle.getbuffer()) if isinstance(handle, MemoryFile) else handle
