"""XML from outside, parsed without following what a hostile document asks for."""

from __future__ import annotations

from lxml import etree

from mediadask.errors import UnreadableMedia

__all__ = ["parse_xml", "well_formed"]


def parse_xml(data: bytes, where: object) -> etree._Element:
    """Return the root element of a document; `where` is named in errors.

    Raises
    ------
    UnreadableMedia
        If it is not well-formed, or has a document type declaration: nothing here needs one, and it is how
        entities that read files or fill memory come in.
    """
    root = well_formed(data, where)
    if root.getroottree().docinfo.doctype:
        raise UnreadableMedia(
            "has a document type declaration, which is refused", where=where, do="remove its DOCTYPE"
        )
    return root


def well_formed(data: bytes, where: object) -> etree._Element:
    """Return the root element of a document. Nothing that its document type declares is followed.

    Raises
    ------
    UnreadableMedia
        If it is not well-formed.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableMedia(
            f"is not well-formed XML ({error})", where=where, do="export it again"
        ) from error
