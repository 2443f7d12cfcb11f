"""The projects of an FCPXML document, each as an OpenTimelineIO timeline.

OpenTimelineIO's own adapter loses what decides which frames are used: otio-fcpx-xml-adapter 1.0 knows no
retimes, transitions or disabled clips and no media of FCPXML 1.9 and later, counts 23.976 frames a second as
23, and rounds some times of 25 and 30 a frame down.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import opentimelineio as otio

from mediadask.editorial.fcpx.clips import Clips, sequence_rate
from mediadask.editorial.fcpx.storylines import MARKERS, MOST_COMPOUND, Sequence, marker
from mediadask.editorial.fcpx.times import seconds, seconds_or_nothing
from mediadask.editorial.readers.otio_events import DROP
from mediadask.errors import InvalidRequest, UnreadableMedia, UnsupportedMedia

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

    from mediadask.choices import Conform
    from mediadask.editorial.readers.choice import Choice

__all__ = ["project_names", "read_projects"]


def project_names(root: Element) -> list[str]:
    """Return the names of a document's projects that hold a sequence, in order."""
    return [one.get("name", "") for one in _projects(root)]


def _projects(root: Element) -> list[Element]:
    return [one for one in root.iter("project") if one.find("sequence") is not None]


def read_projects(
    root: Element, where: str, choice: Choice
) -> otio.schema.Timeline | otio.schema.SerializableCollection:
    """Return the timeline of the project that is chosen, or of the only one; else a collection of all.

    Raises
    ------
    UnsupportedMedia
        If it is XML of another kind.
    UnreadableMedia
        If it holds no project, or one that has no frame rate or a transition over no cut.
    InvalidRequest
        If no project is the one that is chosen.
    """
    if root.tag != "fcpxml":
        raise UnsupportedMedia(
            f"is XML of another kind (<{str(root.tag)[:40]}>)", where=where, do="export Final Cut Pro XML"
        )
    projects = _projects(root)
    try:
        if choice.name is None and len(projects) > 1:
            every = [_timeline(root, one, choice.conform) for one in projects]
            return otio.schema.SerializableCollection(children=every)
        number = choice.of(project_names(root), where)
        return _timeline(root, projects[number], choice.conform)
    except InvalidRequest as error:
        if error.where is not None:
            raise
        raise UnreadableMedia(str(error), where=where) from None


def _timeline(root: Element, project: Element, conform: Conform | None) -> otio.schema.Timeline:
    """Return a project's timeline; a clip whose frames cannot be told carries a `PROBLEM`.

    Raises
    ------
    InvalidRequest
        If its sequence has no frame rate, or a transition that lies over no cut.
    """
    resources = {str(one.get("id")): one for one in root.iterfind("resources/*")}
    sequence = project.find("sequence")
    assert sequence is not None
    rate = sequence_rate(sequence, resources)
    # Real projects open about one compound or multicam clip for each element; ten in ten, eight deep, would
    # open a hundred million.
    budget = iter(range(MOST_COMPOUND + 2 * sum(1 for _ in project.iter())))
    read = Sequence(Clips(resources, rate, conform), budget)
    read.spine(sequence.iterfind("spine/*"), 0, Fraction(0))
    timeline = otio.schema.Timeline(
        project.get("name", ""),
        global_start_time=_at(seconds(sequence, "tcStart"), rate),
        metadata={DROP: sequence.get("tcFormat") == "DF"},
    )
    timeline.tracks = read.stack()
    timeline.tracks.markers.extend(
        marker(one, _at(seconds_or_nothing(one, "start"), rate))
        for tag in MARKERS
        for one in sequence.iterfind(tag)  # the DTD knows none there, but other writers do
    )
    return timeline


def _at(time: Fraction, rate: Fraction) -> otio.opentime.RationalTime:
    return otio.opentime.RationalTime(float(time * rate), float(rate))
