"""Reads projects of Final Cut Pro X XML (`.fcpxml`, `.fcpxmld`) as OpenTimelineIO timelines.

A clip that is retimed has a LinearTimeWarp or FreezeFrame. A clip whose frames cannot be told stands in its
place without media, and its metadata says why under "mediadask_problem". Sound is not read.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from mediadask.clips.storage import normalize
from mediadask.editorial.fcpx.projects import read_projects
from mediadask.editorial.fcpx.times import check_conform
from mediadask.editorial.readers.bundles import timeline_document
from mediadask.editorial.readers.choice import Choice
from mediadask.editorial.readers.xml_document import xml_root

if TYPE_CHECKING:
    import opentimelineio as otio

__all__ = ["read_from_file", "read_from_string"]


def read_from_file(
    filepath: str | os.PathLike[str], project: str | None = None, conform: str | None = None
) -> otio.schema.Timeline | otio.schema.SerializableCollection:
    """Read a file or bundle.

    Parameters
    ----------
    filepath
        A path or URL that ends in ``.fcpxml`` or ``.fcpxmld``.
    project
        Which project, by its name or its number from 1. Default: all.
    conform
        How clips of another rate than the timeline's play where the file leaves it open: ``"real-time"``, as
        fast as they were shot, or ``"frames"``, one for one. Default: such clips
        are among those whose frames cannot be told.

    Returns
    -------
    opentimelineio.schema.Timeline or opentimelineio.schema.SerializableCollection
        The timeline of the project, or of the file's only one; else a collection of the timelines of all.

    Raises
    ------
    MissingMedia
        If there is no such file.
    UnreadableMedia
        If it is not well-formed XML, declares entities, or holds no project that can be read.
    UnsupportedMedia
        If it is XML of another kind.
    InvalidRequest
        If it holds no project of this name, or `conform` is neither of the two.
    """
    where = normalize(filepath).rstrip("/")
    return read_projects(
        xml_root(timeline_document(where), where), where, Choice(project, check_conform(conform))
    )


def read_from_string(
    input_str: str | bytes, project: str | None = None, conform: str | None = None
) -> otio.schema.Timeline | otio.schema.SerializableCollection:
    """Read a document: see `read_from_file`."""
    if isinstance(input_str, str):  # text is no longer in the encoding that it declares
        input_str = re.sub(r"^\s*<\?xml[^>]*\?>", "", input_str).encode()
    root = xml_root(input_str, "FCPXML")
    return read_projects(root, "FCPXML", Choice(project, check_conform(conform)))
