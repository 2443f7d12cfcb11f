"""The XML of Final Cut Pro 7 and X, parsed without what a hostile document declares or fetches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mediadask.clips.xml import well_formed
from mediadask.errors import UnreadableMedia

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

__all__ = ["xml_root"]


def xml_root(data: bytes, where: str) -> Element:
    """Return the root element of a document.

    Raises
    ------
    UnreadableMedia
        If it is not well-formed XML, or declares entities or fetches them.
    """
    root = well_formed(data, where)
    # Both kinds begin with a DOCTYPE, bare or with the name of Apple's DTD, which is not read and does no
    # harm. What one can declare or fetch does.
    declared = root.getroottree().docinfo
    fetches = declared.system_url and not str(declared.system_url).lower().endswith(".dtd")
    if fetches or (declared.internalDTD is not None and any(declared.internalDTD.iterentities())):
        raise UnreadableMedia(
            "declares entities or fetches them, which is refused", where=where, do="export it again"
        )
    return root
