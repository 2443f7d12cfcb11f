"""Bundles: timelines that come as a folder or an archive, with media or without."""

from __future__ import annotations

import os
import zipfile
import zlib

from mediadask.clips.storage import open_file, read_document
from mediadask.errors import UnreadableMedia

__all__ = ["document_name", "document_url", "timeline_document"]

_MOST_BYTES = 256 << 20
"""A feature's EDL of 20,000 events has 4 MB, its XML 100: what is larger is something else."""

_FOLDERS = {".otiod": "content.otio", ".fcpxmld": "Info.fcpxml"}
"""What the timeline is called in bundles that are folders: OTIO's, and Final Cut Pro's from 10.6 on."""

_ARCHIVES = {".otioz": "content.otio"}


def document_name(url: str) -> str:
    """The name that a timeline's own file has outside its bundle: ``cut.otio`` for ``cut.otioz``."""
    name = os.path.basename(url.rstrip("/"))
    stem, suffix = os.path.splitext(name)
    inside = (_FOLDERS | _ARCHIVES).get(suffix.lower())
    return name if inside is None else stem + os.path.splitext(inside)[1]


def document_url(url: str) -> str:
    """Where a timeline's own file is; of an archive, the archive."""
    inside = _FOLDERS.get(os.path.splitext(url.rstrip("/"))[1].lower())
    return url if inside is None else f"{url.rstrip('/')}/{inside}"


def timeline_document(url: str) -> bytes:
    """What a timeline's own file holds; an archive's media are not read.

    Raises
    ------
    MissingMedia
        If it is not there.
    UnreadableMedia
        If an archive is damaged or holds no timeline, or it is larger than any timeline.
    """
    inside = _ARCHIVES.get(os.path.splitext(url)[1].lower())
    if inside is None:
        return read_document(document_url(url), _MOST_BYTES)
    try:
        with open_file(url) as file, zipfile.ZipFile(file) as archive, archive.open(inside) as document:
            content = document.read(_MOST_BYTES + 1)
    except KeyError:
        raise UnreadableMedia(f"holds no {inside}", where=url, do="export it again") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UnreadableMedia(
            f"is no archive that can be read ({error})", where=url, do="export it again"
        ) from None
    if len(content) > _MOST_BYTES:
        raise UnreadableMedia(
            f"holds a timeline of more than {_MOST_BYTES >> 20} MB", where=url, do="check the file"
        )
    return content
