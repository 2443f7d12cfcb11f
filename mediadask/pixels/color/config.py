"""OpenColorIO configs: the ones built in, pinned by name, and a show's own, by path."""

from __future__ import annotations

import difflib
import hashlib
import os
import shutil
import tempfile
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

import PyOpenColorIO as ocio

from mediadask.clips.storage import is_local, normalize, open_file, read_document
from mediadask.errors import InvalidRequest, MediaChanged, UnreadableMedia

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "config_url",
    "digest_of",
    "local_file",
    "named_space",
    "nearest",
    "open_config",
    "read_table",
    "spaces",
    "spaces_by_family",
]

_MOST_BYTES = 256 << 20
"""A cube of 128 values a side has 60 MB as text."""


def config_url(config: str | os.PathLike[str]) -> str:
    """A config as every process means it: ``ocio://`` and a name as is, a path absolute."""
    url = os.fspath(config)
    return url if url.startswith("ocio://") else normalize(url)


def digest_of(url: str) -> str:
    """SHA-256 of a file's content; empty for a built-in config, whose name pins it."""
    if url.startswith("ocio://"):
        return ""
    return hashlib.sha256(read_table(url)).hexdigest()


def read_table(url: str) -> bytes:
    """The content of a LUT or config.

    Raises
    ------
    MissingMedia, UnreadableMedia
        If it is not there, or larger than any is.
    """
    return read_document(url, _MOST_BYTES)


def open_config(url: str, digest: str | None = None) -> ocio.Config:
    """A config, read once a process.

    Parameters
    ----------
    url
        As `config_url` gives it.
    digest
        What `digest_of` gave when the work was planned; None takes the file as it is now.

    Raises
    ------
    MissingMedia
        If there is no such file.
    UnreadableMedia
        If it is not a config, or no such config is built in.
    MediaChanged
        If it is not the file of the digest.
    """
    return _opened(url, digest_of(url) if digest is None else digest)


@lru_cache(maxsize=16)
def _opened(url: str, digest: str) -> ocio.Config:
    if digest_of(url) != digest:
        raise MediaChanged("has changed since the work was planned", where=url, do="submit the work again")
    if url.startswith("ocio://"):
        return _built_in(url)
    try:
        with local_file(url) as path:
            config = ocio.Config.CreateFromFile(path)
    except ocio.Exception as error:
        raise UnreadableMedia(f"is no color config OpenColorIO reads ({error})", where=url) from error
    config.setProcessorCacheFlags(ocio.PROCESSOR_CACHE_OFF)  # it would outlive a change of a LUT's file
    return config


def _built_in(url: str) -> ocio.Config:
    name = url.removeprefix("ocio://")
    names = [known for known, *_ in ocio.BuiltinConfigRegistry().getBuiltinConfigs()]
    if name not in (*names, "default", "cg-config-latest", "studio-config-latest"):
        raise UnreadableMedia(
            "no such config is built into OpenColorIO", where=url, do=f"use one of {', '.join(names)}"
        )
    return ocio.Config.CreateFromFile(url)


@contextmanager
def local_file(url: str) -> Iterator[str]:
    """A path OpenColorIO can read: the file's own, or for the time being a copy of one that is remote."""
    if is_local(url):
        with open_file(url):  # what is wrong with the path is said in our words
            pass
        yield url
        return
    with tempfile.TemporaryDirectory() as folder, open_file(url) as file:
        path = os.path.join(folder, url.rpartition("/")[2])
        with open(path, "wb") as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
        yield path


def spaces(config: ocio.Config) -> list[str]:
    """The names of a config's active color spaces."""
    return [space.getName() for space in config.getColorSpaces()]


def spaces_by_family(config: ocio.Config) -> dict[str, list[str]]:
    """Return the color spaces by families of the config: ``{"Input/ARRI": ["ARRI LogC4", …], …}``."""
    families: dict[str, list[str]] = {}
    for space in config.getColorSpaces():
        families.setdefault(space.getFamily() or "others", []).append(space.getName())
    return families


def named_space(config: ocio.Config, name: str, where: str) -> str:
    """The config's own name of a color space given by name, alias or role.

    Raises
    ------
    InvalidRequest
        If it has none, with the names most like it.
    """
    space = config.getColorSpace(name)
    if space is None:
        aliases = [alias for one in config.getColorSpaces() for alias in one.getAliases()]
        raise InvalidRequest(
            f"has no color space {name!r}", where=where, do=nearest(name, spaces(config), aliases)
        )
    return str(space.getName())


def nearest(name: str, names: Iterable[str], aliases: Iterable[str] = ()) -> str:
    """What to do about a name there is none of: take one that is like it, or any of the names."""
    known = list(names)
    folded = {choice.casefold(): choice for choice in (*aliases, *known)}
    close = difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(folded[one] for one in close)}?"
    return f"use one of {', '.join(known)}"
