"""Manifests of ASC MHL and of MHL 1.x, read without trusting whoever wrote them.

ASC MHL 2.0: https://github.com/ascmitc/mhl-specification. Its reference implementation reads the documents,
once they are known to be well-formed XML without a document type.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from lxml import etree

from mediadask.integrity.folder import MANIFEST_FOLDER
from mediadask.integrity.records import Claim, History, Records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["CHAIN", "DEFAULT_IGNORED", "ignored_by", "read_chain", "read_records"]

CHAIN = "ascmhl_chain.xml"

DEFAULT_IGNORED = (".DS_Store", "ascmhl", "ascmhl/")
"""What a history leaves out that does not say otherwise: the reference implementation's."""

_MOST_BYTES = 1 << 30
"""A manifest of a million files has 500 MB."""


class _Wrong(Exception):
    pass


def read_records(root: str) -> Records:
    """Read every manifest in a folder with all that is in it.

    Manifests that cannot be read, or are not what their chain says, are among the problems, and the others
    count.
    """
    records = Records()
    real = os.path.realpath(root)
    for folder, names, files in os.walk(root):
        names.sort()
        place = "" if folder == root else os.path.relpath(folder, root)
        if MANIFEST_FOLDER in names:
            names.remove(MANIFEST_FOLDER)
            manifests = os.path.join(folder, MANIFEST_FOLDER)
            if os.path.commonpath([real, os.path.realpath(manifests)]) == real:
                _read_history(manifests, place, records)
            else:
                records.problems[_join(place, MANIFEST_FOLDER)] = (
                    "is a link that leaves the folder; remove it"
                )
        for name in sorted(files):
            if name.lower().endswith(".mhl") and not name.startswith("._"):
                _noted(records, _join(place, name), _read_legacy, os.path.join(folder, name), place, records)
    _check_references(root, records)
    return records


def ignored_by(records: Records) -> Callable[[str], bool]:
    """Whether a path of the folder (with a slash at its end: a folder) is left out by its history."""
    from pathspec import GitIgnoreSpec

    specs = {
        root: GitIgnoreSpec.from_lines([*DEFAULT_IGNORED, *history.ignore])
        for root, history in records.histories.items()
    }
    default = GitIgnoreSpec.from_lines(DEFAULT_IGNORED)

    def ignored(path: str) -> bool:
        history = records.history_of(path.rstrip("/"))
        if history is None:
            return bool(default.match_file(path))
        inside = path[len(history.root) + 1 :] if history.root else path
        return bool(specs[history.root].match_file(inside))

    return ignored


def _join(*parts: str) -> str:
    return "/".join(part for part in parts if part)


def _noted(records: Records, path: str, read: Callable[..., Any], *args: Any) -> Any:
    """What `read` returns, or None and a problem in its place."""
    try:
        return read(*args)
    except _Wrong as error:
        records.problems[path] = str(error)
    except OSError as error:
        records.problems[path] = f"cannot be read ({error.strerror}); check its permissions and the disk"
    except Exception as error:  # the reference implementation takes what it reads for granted
        said = " ".join(str(error).split()) or type(error).__name__
        records.problems[path] = f"is no manifest that can be read ({said}); get it again from its maker"
    return None


def _check_harmless(path: str) -> None:
    """Refuse what is no XML, too large, or has a document type: that is how entities come in."""
    if os.path.getsize(path) > _MOST_BYTES:
        raise _Wrong(f"has more than {_MOST_BYTES >> 20} MB, which no manifest has; check the file")
    for _, element in _elements(path, "start"):
        if element.getroottree().docinfo.doctype:
            raise _Wrong("has a document type declaration, which is refused; remove its DOCTYPE")
        return


def _elements(path: str, *events: str) -> Iterator[tuple[str, Any]]:
    how = {"resolve_entities": False, "no_network": True, "load_dtd": False, "remove_comments": True}
    try:
        with open(path, "rb") as file:
            yield from etree.iterparse(file, events=events, remove_pis=True, **how)
    except etree.XMLSyntaxError as error:
        raise _Wrong(f"is not well-formed XML ({error}); get it again from its maker") from None


# ASC MHL


def _read_history(folder: str, root: str, records: Records) -> None:
    """Read one ``ascmhl`` folder: what its chain lists, and what lies there besides."""
    history = records.histories[root] = History(root)
    place = _join(root, MANIFEST_FOLDER)
    chain_place = f"{place}/{CHAIN}"
    chain = os.path.join(folder, CHAIN)
    if not os.path.isfile(chain):
        records.problems[chain_place] = "is missing; get it again from where the folder came from"
    else:
        listed = _noted(records, chain_place, read_chain, chain)
        history.chain = [(name, value) for name, _, value in listed or ()]
        for name, format, value in listed or ():
            _noted(records, f"{place}/{name}", _check_link, os.path.join(folder, name), format, value)
    known = {name for name, _ in history.chain}
    there = sorted(name for name in os.listdir(folder) if name.endswith(".mhl") and not name.startswith("._"))
    for name in [
        *(name for name, _ in history.chain if name in there),
        *(n for n in there if n not in known),
    ]:
        if name not in known and history.chain:
            records.problems[f"{place}/{name}"] = (
                "is not in the chain: its sealing was interrupted, or somebody put it there; move it away"
            )
        _noted(records, f"{place}/{name}", _read_generation, os.path.join(folder, name), history, records)


def read_chain(path: str) -> list[tuple[str, str, str]]:
    """File name, hash format and hash of each manifest that an ``ascmhl_chain.xml`` lists."""
    from ascmhl import chain_xml_parser

    _check_harmless(path)
    listed = []
    for one in chain_xml_parser.parse(path).generations:
        name = one.ascmhl_filename
        if not name or "/" in name or name in (".", ".."):
            raise _Wrong("lists a manifest that is not in its folder; get it again from its maker")
        listed.append((name, one.hash_format, one.hash_string))
    return listed


def _check_link(path: str, format: str, value: str) -> None:
    from ascmhl.hasher import hash_file

    if not os.path.isfile(path):
        raise _Wrong("is in the chain and missing; get it again from where the folder came from")
    if hash_file(path, format) != value:
        raise _Wrong("was changed after it was sealed; get it again from where the folder came from")


def _read_generation(path: str, history: History, records: Records) -> None:
    from ascmhl import hashlist_xml_parser

    _check_harmless(path)
    try:
        found = hashlist_xml_parser.parse(path)
    except etree.XMLSyntaxError as error:
        raise _Wrong(f"is not well-formed XML ({error}); get it again from its maker") from None
    name = os.path.basename(path)
    formats: dict[str, None] = {}
    for media in found.media_hashes:
        inside = _checked(media.path)
        whole = _join(history.root, inside)
        before = _join(history.root, _checked(media.previous_path)) if media.previous_path else None
        if media.is_directory:
            records.folders.add(whole)
            records.folders.discard(before or "")
            continue
        for entry in media.hash_entries:
            formats[entry.hash_format] = None
            if entry.action == "original":
                history.paths.add(whole)
        if before:
            history.paths.discard(before)
        hashes = {
            entry.hash_format: (entry.hash_string or "").strip()
            for entry in media.hash_entries
            if entry.action != "failed"
        }
        records.add(whole, Claim(name, media.file_size, hashes), before)
    history.generations += 1
    history.formats = tuple(formats) or history.formats
    history.ignore = found.process_info.ignore_spec.get_pattern_list()
    records.references[_join(history.root, MANIFEST_FOLDER, name)] = [
        (_join(history.root, _checked(one.path)), one.reference_hash) for one in found.hash_list_references
    ]


def _checked(path: str | None) -> str:
    """A path that stays in its folder."""
    parts = (path or "").split("/")
    if not path or path.startswith("/") or ".." in parts:
        raise _Wrong(f"names {path!r}, which is not in its folder; get it again from its maker")
    return "/".join(part for part in parts if part not in ("", "."))


def _check_references(root: str, records: Records) -> None:
    """Manifests refer to those of folders inside theirs, by hash."""
    from ascmhl.hasher import hash_file

    for referring, listed in records.references.items():
        for path, value in listed:
            place = os.path.join(root, path)
            if not os.path.isfile(place):
                records.problems.setdefault(path, f"is missing, and {referring} refers to it")
            elif hash_file(place, "c4") != value:
                records.problems.setdefault(path, f"is not the one that {referring} refers to")


# MHL 1.x: https://mediahashlist.org

_LEGACY: dict[str, tuple[str, Callable[[str], str]]] = {
    "md5": ("md5", str),
    "sha1": ("sha1", str),
    "xxhash": ("xxh32", lambda text: f"{int(text):08x}"),
    "xxhash64": ("xxh64", lambda text: bytes.fromhex(text)[::-1].hex()),
    "xxhash64be": ("xxh64", str),
}
"""Formats by element: XXH32 is a decimal number there, and XXH64 without `be` has its bytes turned round."""


def _read_legacy(path: str, root: str, records: Records) -> None:
    """Read a manifest of MHL 1.x, whose paths count from its folder; a ``.mhl`` of ASC MHL is left alone."""
    _check_harmless(path)
    name = os.path.basename(path)
    claims: dict[str, Claim] = {}
    for event, element in _elements(path, "start", "end"):
        tag = str(etree.QName(element).localname).lower() if isinstance(element.tag, str) else ""
        if event == "start" and element.getparent() is None:
            if tag != "hashlist":
                raise _Wrong(f"is no media hash list: it begins with <{tag}>; check the file")
            if not (element.get("version") or "").startswith("1."):
                return
        elif event == "end" and tag == "hash":
            inside, claim = _legacy_claim(name, element)
            claims[_join(root, inside)] = claim
            element.clear()
    for whole, claim in claims.items():
        records.add(whole, claim)
    records.legacy.append(_join(root, name))


def _legacy_claim(manifest: str, element: Any) -> tuple[str, Claim]:
    said = {str(etree.QName(one).localname).lower(): (one.text or "").strip() for one in element}
    hashes = {}
    for tag, (format, spelled) in _LEGACY.items():
        if said.get(tag):
            hashes[format] = spelled(said[tag].lower())
    size = said.get("size")
    return _checked(said.get("file", "").replace("\\", "/")), Claim(
        manifest, int(size) if size else None, hashes
    )
