"""ASC CDL: the ten numbers of a primary grade, as ``.cc``, ``.ccc`` and ``.cdl`` files hold them."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from mediadask.documents.xml import child, local_name, read_xml, within
from mediadask.errors import InvalidRequest, UnreadableMedia

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Cdl"]

NAMESPACE = "urn:ASC:CDL:v1.01"

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Cdl:
    """``out = (in * slope + offset) ** power`` for each channel, then saturation with Rec. 709 weights.

    ASC CDL, release 1.2. Plain data: hashable, picklable.
    """

    slope: Triple = (1.0, 1.0, 1.0)
    offset: Triple = (0.0, 0.0, 0.0)
    power: Triple = (1.0, 1.0, 1.0)
    saturation: float = 1.0
    id: str = ""
    """What events and AMFs call it; empty where nobody named it."""

    def __post_init__(self) -> None:
        numbers = (*self.slope, *self.offset, *self.power, self.saturation)
        name = f"CDL {self.id}".strip()
        if not all(math.isfinite(number) for number in numbers):
            raise InvalidRequest(f"{name} holds a number that is not finite", do="correct the grade")
        if min(self.slope) < 0 or min(self.power) <= 0 or self.saturation < 0:
            raise InvalidRequest(
                f"{name} has a slope or saturation below 0, or a power of 0 or less",
                do="the ASC CDL allows none of them: correct the grade",
            )

    @classmethod
    def read(cls, url: str | os.PathLike[str], id: str | None = None) -> Cdl:
        """One correction of a file.

        Parameters
        ----------
        url
            A ``.cc``, ``.ccc`` or ``.cdl``.
        id
            Which; None for the only one there is.

        Raises
        ------
        MissingMedia
            If there is no such file.
        UnreadableMedia
            If it is no CDL file.
        InvalidRequest
            If it has no correction of that id, or several and none was named.
        """
        found = cls.read_all(url)
        if id is None and len(found) == 1:
            return found[0]
        chosen = [cdl for cdl in found if cdl.id == id]
        if len(chosen) == 1:
            return chosen[0]
        names = ", ".join(cdl.id for cdl in found[:8]) + (", …" if len(found) > 8 else "")
        if id is None:
            raise InvalidRequest(f"holds {len(found)} corrections", where=url, do=f"name one of {names}")
        held = "no correction" if not chosen else f"{len(chosen)} corrections"
        raise InvalidRequest(f"holds {held} {id!r}", where=url, do=f"it has {names}")

    @classmethod
    def read_all(cls, url: str | os.PathLike[str]) -> list[Cdl]:
        """Every correction of a file, in its order; raises as `read` does."""
        root = read_xml(url)
        corrections = (
            [root] if local_name(root) == "ColorCorrection" else list(within(root, "ColorCorrection"))
        )
        if not corrections:
            raise UnreadableMedia("holds no color correction", where=url, do="give a .cc, .ccc or .cdl file")
        return [cls.of_xml(element, url) for element in corrections]

    @classmethod
    def of_xml(cls, element: etree._Element, where: object, id: str | None = None) -> Cdl:
        """Read an element that holds a SOPNode, a SatNode or both.

        Raises
        ------
        UnreadableMedia
            If its numbers are none.
        """
        # The schema's names, those of early AMFs, and one that much software writes.
        sop, sat = child(element, "SOPNode", "ASC_SOP"), child(element, "SatNode", "ASC_SAT", "SATNode")
        if sop is None and sat is None:
            raise UnreadableMedia("a color correction holds neither SOPNode nor SatNode", where=where)
        try:
            slope, offset, power = (
                _triple(None if sop is None else child(sop, name), default)
                for name, default in (("Slope", 1.0), ("Offset", 0.0), ("Power", 1.0))
            )
            node = None if sat is None else child(sat, "Saturation")
            saturation = 1.0 if node is None else float(node.text or "")
            return cls(slope, offset, power, saturation, (element.get("id") or "") if id is None else id)
        except InvalidRequest as error:
            raise UnreadableMedia(error.what, where=where, do=error.do) from error
        except ValueError as error:
            raise UnreadableMedia(f"a color correction's numbers are none ({error})", where=where) from error

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write it to a ``.cc`` (one correction), ``.ccc`` (a collection) or ``.cdl`` (a decision list).

        Raises
        ------
        InvalidRequest
            If the name ends in none of the three.
        """
        data = self.document(os.path.splitext(os.fspath(path))[1])
        with open(path, "wb") as file:
            file.write(data)

    def document(self, kind: str) -> bytes:
        """The XML of a ``.cc``, ``.ccc`` or ``.cdl`` file."""
        correction = etree.Element(f"{{{NAMESPACE}}}ColorCorrection", nsmap={None: NAMESPACE})
        if self.id:
            correction.set("id", self.id)
        correction.extend(self.nodes())
        around = {
            ".cc": (),
            ".ccc": ("ColorCorrectionCollection",),
            ".cdl": ("ColorDecisionList", "ColorDecision"),
        }
        if kind.lower() not in around:
            raise InvalidRequest(f"a CDL cannot be written as {kind!r}", do=f"use {', '.join(around)}")
        root = correction
        for name in reversed(around[kind.lower()]):
            outer = etree.Element(f"{{{NAMESPACE}}}{name}", nsmap={None: NAMESPACE})
            outer.append(root)
            root = outer
        return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))

    def nodes(self) -> list[etree._Element]:
        """Its SOPNode and SatNode."""
        sop, sat = etree.Element(f"{{{NAMESPACE}}}SOPNode"), etree.Element(f"{{{NAMESPACE}}}SatNode")
        for name, values in (("Slope", self.slope), ("Offset", self.offset), ("Power", self.power)):
            etree.SubElement(sop, f"{{{NAMESPACE}}}{name}").text = " ".join(map(_number, values))
        etree.SubElement(sat, f"{{{NAMESPACE}}}Saturation").text = _number(self.saturation)
        return [sop, sat]


def _triple(element: etree._Element | None, default: float) -> Triple:
    values: Sequence[float] = (
        [default] * 3 if element is None else [float(word) for word in (element.text or "").split()]
    )
    if len(values) != 3:
        raise ValueError(f"{len(values)} numbers where three belong")
    return values[0], values[1], values[2]


def _number(value: float) -> str:
    return repr(float(value))
