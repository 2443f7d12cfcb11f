"""What a folder holds, as a manifest sees it: files and folders by their paths in it, and what is neither."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING

from mediadask.clips.storage import is_local, normalize
from mediadask.errors import InvalidRequest, MissingMedia

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MANIFEST_FOLDER", "FolderFile", "Listing", "list_folder", "local_folder"]

MANIFEST_FOLDER = "ascmhl"
"""Where ASC MHL keeps a folder's history."""


@dataclass(frozen=True)
class FolderFile:
    """One file as it was when it was listed."""

    path: str
    """From the folder on, with slashes."""

    size_bytes: int
    modified_ns: int


@dataclass
class Listing:
    """A folder with all that is in it."""

    root: str
    files: dict[str, FolderFile] = field(default_factory=dict)
    folders: dict[str, int] = field(default_factory=dict)
    """Those inside it, by path, with the nanosecond at which each was changed."""

    odd: dict[str, str] = field(default_factory=dict)
    """What is neither file nor folder, or cannot be listed, by path: what is wrong, and what to do."""

    def place(self, path: str) -> str:
        """Where a path of it is on this machine."""
        return os.path.join(self.root, path)


def local_folder(folder: str | os.PathLike[str]) -> str:
    """The absolute path of a folder on this machine.

    Raises
    ------
    MissingMedia, InvalidRequest
        If there is none, or it is no folder, or on a server.
    """
    root = normalize(folder)
    if not is_local(root):
        raise InvalidRequest("is on a server", where=root, do="name a folder that is mounted here")
    if not os.path.isdir(root):
        if os.path.lexists(root):
            raise InvalidRequest("is no folder", where=root, do="name the folder that it is in")
        raise MissingMedia("no such folder", where=root, do="check the path, and that the disk is mounted")
    return root


def list_folder(root: str, ignored: Callable[[str], bool] = lambda path: False) -> Listing:
    """List a folder with all that is in it, in the order of names; what is `ignored` is not looked into.

    Links to files of the folder count as these files. All others are odd: they lead to what is not on the
    card, or into a circle.
    """
    found = Listing(root)
    _list_into(found, "", os.path.realpath(root), ignored)
    return found


def _list_into(found: Listing, folder: str, real_root: str, ignored: Callable[[str], bool]) -> None:
    try:
        with os.scandir(found.place(folder)) as entries:
            named = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        found.odd[folder or "."] = f"cannot be listed ({error.strerror}); check its permissions and the disk"
        return
    for entry in named:
        path = f"{folder}/{entry.name}" if folder else entry.name
        if ignored(path) or (entry.is_dir() and ignored(f"{path}/")):
            continue
        try:
            info = entry.stat()
        except OSError as error:
            if entry.is_symlink() and error.errno in (errno.ENOENT, errno.ELOOP):
                found.odd[path] = "is a link to nothing; remove it"
            else:
                found.odd[path] = f"cannot be read ({error.strerror}); check its permissions and the disk"
            continue
        if entry.is_symlink() and (wrong := _leads_astray(entry, S_ISDIR(info.st_mode), real_root)):
            found.odd[path] = wrong
        elif S_ISDIR(info.st_mode):
            found.folders[path] = info.st_mtime_ns
            _list_into(found, path, real_root, ignored)
        elif S_ISREG(info.st_mode):
            found.files[path] = FolderFile(path, info.st_size, info.st_mtime_ns)
        else:
            found.odd[path] = "is a pipe or a device, not a file; remove it"


def _leads_astray(entry: os.DirEntry[str], to_folder: bool, real_root: str) -> str | None:
    target = os.path.realpath(entry.path)
    if os.path.commonpath([real_root, target]) != real_root:
        return f"is a link that leaves the folder, to {target}; put a copy in its place, or remove it"
    if to_folder:
        return f"is a link to a folder, to {target}; put a copy in its place, or remove it"
    return None
