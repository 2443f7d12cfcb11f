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
from mediadask.clips.storage import normalize
from mediadask.editorial.fcpx.times import check_conform
from mediadask.editorial.rates import exact_rate
from mediadask.editorial.readers.ale import parse_ale
from mediadask.editorial.readers.bundles import timeline_document
from mediadask.editorial.readers.choice import Choice
from mediadask.editorial.readers.edl import parse_edl
from mediadask.editorial.readers.list_text import list_text
from mediadask.editorial.readers.shot_list import list_events
from mediadask.editorial.readers.xml_document import xml_root
from mediadask.errors import UnreadableMedia, UnsupportedMedia

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mediadask.editorial.events import Event

__all__ = ["Timeline", "read_timeline"]

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


def read_timeline(
    url: str | os.PathLike[str],
    *,
    rate: Fraction | float | str | None = None,
    name: str | None = None,
    conform: str | None = None,
) -> Timeline:
    """Read a timeline; its suffix says of what kind.

    Parameters
    ----------
    url
        An EDL (``.edl``), OTIO (``.otio``, ``.otioz``, ``.otiod``), Final Cut XML (``.xml``, ``.fcpxml``,
        ``.fcpxmld``), AAF (``.aaf``), ALE (``.ale``) or a shot list (``.csv``).
    rate
        Frames a second that its timecode counts, whatever the list says. Default: what it says; where that is
        nothing, as in EDLs, the rate of the clips it matches.
    name
        Which timeline, by its name or number from 1, where the file holds several.
    conform
        How clips of another rate than the timeline's play where FCPXML leaves it open: ``"real-time"``, as
        fast as they were shot, or ``"frames"``, one for one.

    Raises
    ------
    MissingMedia
        If there is no such file.
    UnreadableMedia
        If it is not what its suffix says, or holds no events.
    UnsupportedMedia
        If nothing here reads its kind.
    InvalidRequest
        If `rate` is none, or the file holds no timeline called `name`.
    """
    where = normalize(url).rstrip("/")
    choice = Choice(name, check_conform(conform))
    suffix = os.path.splitext(where)[1].lower()
    if suffix not in _READERS:
        raise UnsupportedMedia(
            f"{suffix or 'a name without a suffix'} is no kind of timeline that is read here",
            where=where,
            do=f"export it as one of {', '.join(_READERS)}",
        )
    data = timeline_document(where)
    read = _READERS[suffix]
    # OpenTimelineIO's core is native, and overruns its stack or memory on documents that nobody foresaw.
    timeline = (
        read(data, where, choice)
        if suffix in _PLAIN
        else apart(read, data, where, choice, seconds=_MOST_SECONDS, where=where)
    )
    if not timeline.events:
        more = f", and {len(timeline.skipped) - 1} more" if len(timeline.skipped) > 1 else ""
        others = f" ({timeline.skipped[0]}{more})" if timeline.skipped else ""
        raise UnreadableMedia(
            f"holds no picture events{others}", where=where, do="check that it is the whole list"
        )
    if rate is None:
        return timeline
    exact = exact_rate(rate)
    events = tuple(event if event.rate is None else replace(event, rate=exact) for event in timeline.events)
    return replace(timeline, rate=exact, events=events)


def _read_edl(data: bytes, where: str, choice: Choice) -> Timeline:
    found = parse_edl(list_text(data, where))
    choice.of([found.title or _stem(where)], where)
    return Timeline(where, found.title or _stem(where), found.events, skipped=found.skipped)


def _read_ale(data: bytes, where: str, choice: Choice) -> Timeline:
    found = parse_ale(list_text(data, where), where)
    choice.of([_stem(where)], where)
    return Timeline(where, _stem(where), found.events, found.rate, found.skipped)


def _read_shot_list(data: bytes, where: str, choice: Choice) -> Timeline:
    choice.of([_stem(where)], where)
    return Timeline(where, _stem(where), list_events(list_text(data, where), where))


def _read_otio(data: bytes, where: str, choice: Choice) -> Timeline:
    text = list_text(data, where)
    try:
        # OTIO's own parser overruns the stack on deep nesting: Python's counts. Inf is OTIO's own word.
        document = json.loads(re.sub(r"(?<=[\s:,\[-])Inf(?=[\s,\]}])", "Infinity", text))
    except RecursionError:
        raise UnreadableMedia("is nested deeper than any timeline", where=where) from None
    except ValueError as error:
        raise UnreadableMedia(f"is no JSON ({error})", where=where, do="export it again") from None
    if newer := _newer_schemas(document):
        raise UnreadableMedia(
            f"is of a newer OpenTimelineIO than is installed here ({', '.join(sorted(newer)[:5])})",
            where=where,
            do="pip install -U opentimelineio, or save it for an older release",
        )
    return _adapted(where, choice, "otio_json", text)


def _newer_schemas(document: Any) -> set[str]:
    """Schemas of an OTIO document in versions that this OpenTimelineIO cannot read."""
    import opentimelineio as otio

    known, newer, waiting = otio.core.type_version_map(), set(), [document]
    while waiting:
        one = waiting.pop()
        waiting += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        said = one.get("OTIO_SCHEMA") if isinstance(one, dict) else None
        name, _, version = said.partition(".") if isinstance(said, str) else ("", "", "")
        if name in known and version.isdecimal() and int(version) > known[name]:
            newer.add(f"{said}, where {name}.{known[name]} is the newest")
    return newer


def _read_xml(data: bytes, where: str, choice: Choice) -> Timeline:
    root = xml_root(data, where)
    if root.tag != "xmeml":
        from mediadask.editorial.fcpx.projects import project_names, read_projects

        if root.tag == "fcpxml":
            choice.of(project_names(root), where)  # where there are several, one has to be chosen
        return _as_ours(where, read_projects(root, where, choice))
    for marker in root.iter("marker"):  # the adapter gives up a list over one that lacks them
        for tag, default in (("in", "0"), ("out", "-1")):
            end = marker.find(tag)
            end = etree.SubElement(marker, tag) if end is None else end
            try:
                float(end.text or "")
            except ValueError:
                end.text = default
    return _adapted(where, choice, "fcp_xml", etree.tostring(root, encoding="unicode"))


def _read_aaf(data: bytes, where: str, choice: Choice) -> Timeline:
    if not data.startswith(_COMPOUND_FILE):
        raise UnreadableMedia("is no AAF", where=where, do="export it again")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "timeline.aaf")  # its reader wants a local file
        with open(path, "wb") as file:
            file.write(data)
        try:
            return _adapted(where, choice, "AAF", path, from_file=True)
        except UnreadableMedia as error:
            if "DescribedSlots" not in error.what:
                raise
        _mend_markers(path)
        return _adapted(where, choice, "AAF", path, from_file=True)


def _mend_markers(path: str) -> None:
    """Give an AAF's markers a track: its adapter fails over those of the timeline, as Resolve has them."""
    import aaf2  # type: ignore[import-untyped]

    with aaf2.open(path, "rw") as file:
        slots = [
            slot for mob in file.content.mobs for slot in mob.slots if hasattr(slot.segment, "components")
        ]
        for marker in (one for slot in slots for one in slot.segment.components):
            if isinstance(marker, aaf2.components.DescriptiveMarker) and "DescribedSlots" not in marker:
                marker["DescribedSlots"].value = {1}


def _adapted(where: str, choice: Choice, adapter: str, source: str, *, from_file: bool = False) -> Timeline:
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
    timelines = _timelines(found)
    return _as_ours(where, timelines[choice.of([timeline.name for timeline in timelines], where)])


def _timelines(found: Any) -> list[Any]:
    """Those that an adapter has found, in order."""
    import opentimelineio as otio

    if isinstance(found, otio.schema.Timeline):
        return [found]
    return list(found.find_children(otio.schema.Timeline)) if hasattr(found, "find_children") else []


def _as_ours(where: str, timeline: Any) -> Timeline:
    """A timeline of OpenTimelineIO, as ours."""
    from mediadask.editorial.readers.otio_events import timeline_events, timeline_rate

    events, skipped = timeline_events(timeline)
    rate = timeline_rate(timeline)
    exact = None if rate is None else exact_rate(rate, where=where)
    return Timeline(where, timeline.name or _stem(where), events, exact, skipped)


def _stem(where: str) -> str:
    return os.path.splitext(where.rpartition("/")[2])[0]


_READERS: dict[str, Callable[[bytes, str, Choice], Timeline]] = {
    ".edl": _read_edl,
    ".otio": _read_otio,
    ".otioz": _read_otio,
    ".otiod": _read_otio,
    ".xml": _read_xml,
    ".fcpxml": _read_xml,
    ".fcpxmld": _read_xml,
    ".aaf": _read_aaf,
    ".ale": _read_ale,
    ".csv": _read_shot_list,
}
