"""Timelines: every kind of list and project an editor hands over, read to the same events."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from lxml import etree

from mediadask.apart import apart
from mediadask.clips.storage import normalize, read_document
from mediadask.editorial.ale import parse_ale
from mediadask.editorial.edl import parse_edl
from mediadask.editorial.list_text import list_text
from mediadask.editorial.rates import exact_rate
from mediadask.editorial.shot_list import list_events
from mediadask.errors import InvalidRequest, UnreadableMedia, UnsupportedMedia

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mediadask.editorial.events import Event

__all__ = ["Timeline", "read_timeline"]

_MOST_BYTES = 256 << 20
"""A feature's EDL of 20,000 events has 4 MB, its XML 100: what is larger is something else."""

_MOST_SECONDS = 120
"""A feature's XML takes 10."""

_PLAIN = (".edl", ".ale", ".csv")
"""What is read here, line by line, in Python alone."""

_COMPOUND_FILE = bytes.fromhex("d0cf11e0a1b11ae1")


@dataclass(frozen=True)
class Timeline:
    """An edit: its events in the order of the list. Plain data."""

    url: str
    name: str
    """The title it was given; the file's name where it has none."""

    events: tuple[Event, ...]
    rate: Fraction | None = None
    """Frames a second; None where the list does not say, as EDLs never do."""

    skipped: tuple[str, ...] = ()
    """What it holds that asks for no picture of a source, one line each: sound, black, titles."""

    def __len__(self) -> int:
        return len(self.events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)


def read_timeline(url: str | os.PathLike[str], *, rate: Fraction | float | str | None = None) -> Timeline:
    """Read a timeline; its suffix says of what kind.

    Parameters
    ----------
    url
        An EDL (``.edl``), OTIO (``.otio``), Final Cut XML (``.xml``, ``.fcpxml``), AAF (``.aaf``), ALE
        (``.ale``) or a shot list (``.csv``).
    rate
        Frames a second that its timecode counts, whatever the list says. Default: what it says; where that is
        nothing, as in EDLs, the rate of the clips it matches.

    Raises
    ------
    MissingMedia
        If there is no such file.
    UnreadableMedia
        If it is not what its suffix says, or holds no events.
    UnsupportedMedia
        If nothing here reads its kind.
    InvalidRequest
        If `rate` is none.
    """
    where = normalize(url)
    suffix = os.path.splitext(where)[1].lower()
    if suffix not in _READERS:
        raise UnsupportedMedia(
            f"{suffix or 'a name without a suffix'} is no kind of timeline that is read here",
            where=where,
            do=f"export it as one of {', '.join(_READERS)}",
        )
    data = read_document(where, _MOST_BYTES)
    read = _READERS[suffix]
    # OpenTimelineIO's core is native, and overruns its stack or memory on documents that nobody foresaw.
    timeline = (
        read(data, where)
        if suffix in _PLAIN
        else apart(read, data, where, seconds=_MOST_SECONDS, where=where)
    )
    if not timeline.events:
        raise UnreadableMedia("holds no picture events", where=where, do="check that it is the whole list")
    if rate is None:
        return timeline
    exact = exact_rate(rate)
    events = tuple(event if event.rate is None else replace(event, rate=exact) for event in timeline.events)
    return replace(timeline, rate=exact, events=events)


def _read_edl(data: bytes, where: str) -> Timeline:
    found = parse_edl(list_text(data, where))
    return Timeline(where, found.title or _stem(where), found.events, skipped=found.skipped)


def _read_ale(data: bytes, where: str) -> Timeline:
    events, rate = parse_ale(list_text(data, where), where)
    return Timeline(where, _stem(where), events, rate)


def _read_shot_list(data: bytes, where: str) -> Timeline:
    return Timeline(where, _stem(where), list_events(list_text(data, where), where))


def _read_otio(data: bytes, where: str) -> Timeline:
    text = list_text(data, where)
    try:
        # OTIO's own parser overruns the stack on deep nesting: Python's counts. Inf is OTIO's own word.
        json.loads(re.sub(r"(?<=[\s:,\[-])Inf(?=[\s,\]}])", "Infinity", text))
    except RecursionError:
        raise UnreadableMedia("is nested deeper than any timeline", where=where) from None
    except ValueError as error:
        raise UnreadableMedia(f"is no JSON ({error})", where=where, do="export it again") from None
    return _adapted(where, "otio_json", text)


def _read_xml(data: bytes, where: str) -> Timeline:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableMedia(
            f"is not well-formed XML ({error})", where=where, do="export it again"
        ) from None
    # Both kinds begin with a bare DOCTYPE, which is harmless; what one can declare or fetch is not.
    declared = root.getroottree().docinfo
    if declared.system_url or (declared.internalDTD is not None and any(declared.internalDTD.iterentities())):
        raise UnreadableMedia(
            "declares entities or fetches them, which is refused", where=where, do="export it again"
        )
    if root.tag == "fcpxml":
        from mediadask.editorial.fcpx import fcpx_timelines

        try:
            return _read(where, fcpx_timelines(root))
        except InvalidRequest as error:
            raise UnreadableMedia(str(error), where=where) from None
    if root.tag != "xmeml":
        raise UnsupportedMedia(
            f"is XML of another kind (<{str(root.tag)[:40]}>)", where=where, do="export Final Cut Pro XML"
        )
    return _adapted(where, "fcp_xml", etree.tostring(root, encoding="unicode"))


def _read_aaf(data: bytes, where: str) -> Timeline:
    if not data.startswith(_COMPOUND_FILE):
        raise UnreadableMedia("is no AAF", where=where, do="export it again")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "timeline.aaf")  # its reader wants a local file
        with open(path, "wb") as file:
            file.write(data)
        return _adapted(where, "AAF", path, from_file=True)


def _adapted(where: str, adapter: str, source: str, *, from_file: bool = False) -> Timeline:
    import opentimelineio as otio

    if adapter not in otio.adapters.available_adapter_names():
        raise UnsupportedMedia(
            f"is read by an OpenTimelineIO adapter that is not installed ({adapter})",
            where=where,
            do="pip install 'mediadask[aaf]'",
        )
    read: Callable[..., Any] = otio.adapters.read_from_file if from_file else otio.adapters.read_from_string
    try:
        with redirect_stdout(sys.stderr):  # the AAF adapter prints what it makes of gaps
            found = read(source, adapter_name=adapter)
    except Exception as error:  # adapters let through whatever a file they did not foresee makes Python raise
        what = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableMedia(f"is no timeline that can be read ({what[:200]})", where=where) from error
    return _read(where, found)


def _read(where: str, found: Any) -> Timeline:
    """What an adapter has found, as our own."""
    from mediadask.editorial.otio_events import timeline_events, timeline_rate

    timeline = _only_timeline(found, where)
    events, skipped = timeline_events(timeline)
    rate = timeline_rate(timeline)
    exact = None if rate is None else exact_rate(rate, where=where)
    return Timeline(where, timeline.name or _stem(where), events, exact, skipped)


def _only_timeline(found: Any, where: str) -> Any:
    import opentimelineio as otio

    if isinstance(found, otio.schema.Timeline):
        return found
    timelines = list(found.find_children(otio.schema.Timeline)) if hasattr(found, "find_children") else []
    if len(timelines) == 1:
        return timelines[0]
    names = ", ".join(timeline.name for timeline in timelines[:5])
    raise UnreadableMedia(
        f"holds {len(timelines)} timelines" + (f": {names}" if names else ""),
        where=where,
        do="export one alone",
    )


def _stem(where: str) -> str:
    return os.path.splitext(where.rpartition("/")[2])[0]


_READERS: dict[str, Callable[[bytes, str], Timeline]] = {
    ".edl": _read_edl,
    ".otio": _read_otio,
    ".xml": _read_xml,
    ".fcpxml": _read_xml,
    ".aaf": _read_aaf,
    ".ale": _read_ale,
    ".csv": _read_shot_list,
}
