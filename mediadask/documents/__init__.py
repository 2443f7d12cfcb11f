"""What comes with clips as a document: color as AMFs and CDLs, framing as ASC FDLs."""

from typing import TYPE_CHECKING

from mediadask.lazy import lazily

if TYPE_CHECKING:
    from mediadask.documents.amf import Amf
    from mediadask.documents.cdl import Cdl

__all__ = ["Amf", "Cdl"]

if not TYPE_CHECKING:
    __getattr__ = lazily(__name__, {"Amf": "amf", "Cdl": "cdl"})
