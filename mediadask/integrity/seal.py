"""Seals: a new generation in a folder's ASC MHL history, as the reference implementation would write it.

The chain of a history tells which manifests count: a new manifest gets its name first and the chain is
replaced last, each in one step, so that a kill at any moment leaves the history as it was.
"""

from __future__ import annotations

import os
import platform
import uuid
from collections import Counter, defaultdict
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from mediadask.errors import InvalidRequest, OutputFailed
from mediadask.integrity.folder import MANIFEST_FOLDER
from mediadask.integrity.manifests import CHAIN, DEFAULT_IGNORED, read_chain
from mediadask.integrity.records import History

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mediadask.integrity.verification import FileCheck, FolderCheck
    from mediadask.integrity.verify import FolderPlan

__all__ = ["new_manifest", "seal", "unsealable"]


def unsealable(path: str) -> str | None:
    """Why a path cannot stand in a manifest, which is UTF-8 and XML; None where it can."""
    if not path.isascii() and any("\ud800" <= char <= "\udfff" for char in path):
        return "has bytes in its name that are not UTF-8"
    if any(char < " " or char in "\x7f\x85\u2028\u2029\ufffe\uffff" for char in path):
        return "has a line break or another control character in its name"
    return None


def seal(plan: FolderPlan, folder: FolderCheck, process: str) -> str:
    """Write a new generation of a folder's history, and of the histories inside it.

    Parameters
    ----------
    plan
        The folder as it is now.
    folder
        What became of all its files.
    process
        ``in-place`` or ``transfer``: how ASC MHL calls what was done before.

    Returns
    -------
    str
        The path of the folder's new manifest.

    Raises
    ------
    OutputFailed
        If something is wrong with the folder, or a manifest cannot be written. The history is then as it was.
    """
    root = plan.root
    if folder.blocking:
        counted = Counter(check.status for check in folder.blocking)
        counts = ", ".join(f"{count} {status}" for status, count in counted.items())
        raise OutputFailed(f"is not sealed ({counts})", where=root, do="put that right first")
    if not plan.listing.files:
        raise InvalidRequest("holds no files to seal", where=root, do="name another folder")
    for path in (os.path.basename(root), *plan.listing.files, *plan.listing.folders):
        if why := unsealable(path):
            raise OutputFailed(f"is not sealed: {path} {why}", where=root, do="rename it")
    histories = {"": History(""), **plan.records.histories}
    by_history = _Tree(plan, folder.checks, histories)
    written: dict[str, Any] = {}
    try:
        for place in sorted(histories, key=lambda name: (-name.count("/") - bool(name), name)):
            written[place] = _write(by_history, histories[place], written, process)
    except OSError as error:
        reason = error.strerror or str(error)
        do = "check the space and permissions there, then run again"
        raise OutputFailed(f"cannot be sealed ({reason})", where=root, do=do) from error
    return str(written[""].file_path)


def new_manifest(root: str, before: History | None) -> str | None:
    """The manifest that a folder's history has since it was read; None where it has no more than before."""
    chain = os.path.join(root, MANIFEST_FOLDER, CHAIN)
    listed = read_chain(chain) if os.path.isfile(chain) else []
    known = len(before.chain) if before else 0
    return os.path.join(root, MANIFEST_FOLDER, listed[-1][0]) if len(listed) > known else None


class _Tree:
    """Files and folders by the folder they are in, and the hashes of folders, from the innermost out."""

    def __init__(self, plan: FolderPlan, checks: Sequence[FileCheck], histories: dict[str, History]) -> None:
        self.plan = plan
        self.checks = {check.path: check for check in checks if check.hashes}
        self.children: dict[str, list[str]] = defaultdict(list)
        for path in sorted((*self.checks, *plan.listing.folders)):
            self.children[path.rpartition("/")[0]].append(path)
        self.histories = histories
        self.folder_hashes: dict[str, dict[str, tuple[str, str]]] = {}
        """By folder and format: its hash of contents, and of contents with names."""
        self._hash_folder("")

    def _hash_folder(self, folder: str) -> None:
        from ascmhl.hasher import DirectoryHashContext

        found = {name: DirectoryHashContext(name) for name in self.plan.wanted}
        for path in self.children[folder]:
            if path not in self.checks:
                self._hash_folder(path)
            for name, context in found.items():
                if path in self.checks:
                    context.append_file_hash(path, self.checks[path].hashes[name])
                else:
                    context.append_directory_hashes(path, *self.folder_hashes[path][name])
        self.folder_hashes[folder] = {
            name: (context.final_content_hash_str(), context.final_structure_hash_str())
            for name, context in found.items()
        }

    def inside(self, folder: str) -> Iterator[str]:
        """The paths that a history lists, files of a folder after the folders that are in it.

        A folder that has a history of its own is listed, and what is in it not.
        """
        for path in self.children[folder]:
            if path not in self.checks and path not in self.histories:
                yield from self.inside(path)
        for path in self.children[folder]:
            if path in self.checks:
                yield path
        for path in self.children[folder]:
            if path not in self.checks:
                yield path


def _write(tree: _Tree, history: History, written: dict[str, Any], process: str) -> Any:
    from ascmhl.hashlist import MHLCreatorInfo, MHLHashList, MHLProcess, MHLTool
    from ascmhl.ignore import MHLIgnoreSpec

    place = tree.plan.listing.place(history.root) if history.root else tree.plan.root
    now = datetime.now()
    found = MHLHashList()
    found.creator_info = creator = MHLCreatorInfo()
    creator.tool = MHLTool("mediadask", version("mediadask"))
    creator.creation_date = datetime.now().astimezone().replace(microsecond=0).isoformat()
    creator.host_name = platform.node()
    found.process_info.process = MHLProcess(process)
    found.process_info.ignore_spec = MHLIgnoreSpec(history.ignore or list(DEFAULT_IGNORED))
    for path in tree.inside(history.root):
        found.append_hash(_media_hash(tree, history, path, now))
    found.append_hash(_media_hash(tree, history, history.root, now))
    found.referenced_hash_lists = [
        one for name, one in written.items() if _parent(name, tree.histories) == history.root
    ]
    number = 1 + max((int(name[:4]) for name, _ in history.chain if name[:4].isdigit()), default=0)
    stamp = datetime.now(UTC).strftime("%Y-%m-%d_%H%M%SZ")
    name = f"{number:04}_{os.path.basename(place)}_{stamp}.mhl"
    found.generation_number = number
    _commit(found, history, os.path.join(place, MANIFEST_FOLDER), name)
    return found


def _parent(root: str, histories: dict[str, History]) -> str | None:
    """The history that the one of a folder lies in; None of the outermost."""
    while root:
        root = root.rpartition("/")[0]
        if root in histories:
            return root
    return None


def _media_hash(tree: _Tree, history: History, path: str, now: datetime) -> Any:
    from ascmhl.hashlist import MHLHashEntry, MHLMediaHash

    found = MHLMediaHash()
    inside = path[len(history.root) :].lstrip("/")
    found.path = inside or "."
    if (check := tree.checks.get(path)) is not None:
        file = tree.plan.listing.files[path]
        found.file_size = file.size_bytes
        found.last_modification_date = _moment(file.modified_ns)
        if check.was is not None:
            found.previous_path = os.path.relpath(check.was, history.root) if history.root else check.was
        action = "verified" if path in history.paths else "original"
        for format, value in sorted(check.hashes.items()):
            if format != "xxh32":
                found.append_hash_entry(MHLHashEntry(format, value, action, now))
        return found
    found.is_directory = True
    if path != history.root:
        found.last_modification_date = _moment(tree.plan.listing.folders[path])
    for format, (content, structure) in tree.folder_hashes[path].items():
        entry = MHLHashEntry(format, content, hash_date=now)
        entry.structure_hash_string = structure
        found.append_hash_entry(entry)
    return found


def _moment(nanoseconds: int) -> datetime | None:
    """A file's time as ASC MHL's library wants it; None where a clock was so wrong that none is."""
    try:
        return datetime.fromtimestamp(nanoseconds / 1e9)
    except (OverflowError, OSError, ValueError):
        return None


def _commit(found: Any, history: History, folder: str, name: str) -> None:
    from ascmhl import chain_xml_parser, hashlist_xml_parser
    from ascmhl.chain import MHLChain, MHLChainGeneration

    os.makedirs(folder, exist_ok=True)
    final = os.path.join(folder, name)
    with _committed(final) as path:
        hashlist_xml_parser.write_hash_list(found, path)
    found.file_path = final
    chain_path = os.path.join(folder, CHAIN)
    with _committed(chain_path) as path:
        chain = MHLChain(path)
        for number, (file, value) in enumerate(history.chain, start=1):
            chain.append_generation(MHLChainGeneration(number, file, "c4", value))
        chain_xml_parser.write_chain(chain, found)


@contextmanager
def _committed(final: str) -> Iterator[str]:
    """A path to write inside the block; it takes the final one's place when the block ends well."""
    folder = os.path.dirname(final)
    path = os.path.join(folder, f".{uuid.uuid4().hex}.part")
    try:
        yield path
        for each in (path, folder):  # the data before the name, then the name
            if each == folder:
                os.replace(path, final)
            descriptor = os.open(each, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    finally:
        if os.path.exists(path):
            os.unlink(path)
