"""XML from outside: read without following what a hostile document asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from mediadask.clips.storage import normalize, read_document
from mediadask.clips.xml import parse_xml

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

__all__ = ["child", "children", "local_name", "read_xml", "within"]

_MOST_BYTES = 16 << 20


def read_xml(url: str | os.PathLike[str]) -> etree._Element:
    """The root element of a document.

    Raises
    ------
    MissingMedia
        If there is no such file.
    UnreadableMedia
        If it is larger than 16 MB, or `parse_xml` refuses it.
    """
    return parse_xml(read_document(normalize(url), _MOST_BYTES), url)


def local_name(element: etree._Element) -> str:
    """An element's name without its namespace."""
    return str(etree.QName(element).localname)


def within(element: etree._Element, name: str) -> Iterator[etree._Element]:
    """The elements of a name anywhere inside another, whatever their namespace."""
    yield from element.iter(f"{{*}}{name}")


def child(element: etree._Element, *names: str) -> etree._Element | None:
    """The first child of one of the names, whatever its namespace."""
    return next(iter(children(element, *names)), None)


def children(element: etree._Element, *names: str) -> list[etree._Element]:
    """The children of some names, in order, whatever their namespace."""
    return [one for one in element if local_name(one) in names]
