"""What a sound recorder notes in a WAV file: ``bext`` (EBU Tech 3285) and ``iXML`` (ixml.info)."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from fractions import Fraction

from lxml import etree

from mediadask.clips.header import Tag
from mediadask.clips.xml import parse_xml
from mediadask.errors import UnreadableMedia

__all__ = ["WaveNotes", "read_notes"]

_BEXT = (
    ("Description", 0, 256),
    ("Originator", 256, 288),
    ("OriginatorReference", 288, 320),
    ("OriginationDate", 320, 330),
    ("OriginationTime", 330, 338),
)
# Recorders of before iXML write lines such as sSCENE=12A into the description.
_LINE = re.compile(r"^[a-z]?(SCENE|TAKE|TAPE|NOTE|SPEED|TRK(\d+))=(.*)$", re.MULTILINE)
_IN_SPEED = ("TIMECODE_RATE", "TIMECODE_FLAG", "TIMESTAMP_SAMPLE_RATE", "MASTER_SPEED", "CURRENT_SPEED")
_OF_TAKE = ("PROJECT", "SCENE", "TAKE", "TAPE", "CIRCLED", "NOTE", "UBITS", "FILE_UID")
_MOST_TEXT = 1000


@dataclass(frozen=True)
class WaveNotes:
    """The notes of one file, each with the place it comes from."""

    tags: tuple[Tag, ...]
    time_reference: int | None
    """Samples from midnight to the first sample, in samples of `timestamp_rate` a second."""

    timestamp_rate: int | None
    """What the recorder counted them at, where it differs from the file's rate (48048 for a pull-down)."""

    timecode_rate: Fraction | None
    drop: bool
    reel: str | None
    track_names: dict[int, str]
    """By the track's place in the file, 0-based."""


def read_notes(bext: bytes | None, ixml: bytes | None, url: str) -> WaveNotes:
    """Read both chunks; None for one that is not there.

    What is damaged in them is a tag, and no error: the sound is worth more than its notes. Where both say
    something, iXML counts.
    """
    tags, lines, reference = _bext(bext or b"")
    said: dict[str, str] = {name: text for name, text in lines.items() if not name.startswith("TRK")}
    names = {int(name[3:]) - 1: text for name, text in lines.items() if name.startswith("TRK")}
    try:
        root = parse_xml(ixml.rstrip(b"\0 \r\n\t"), url) if ixml and ixml.strip(b"\0 ") else None
    except UnreadableMedia as error:
        tags.append(Tag("wav ixml", "unreadable", error.what))
        root = None
    if root is not None:
        found = _ixml(root)
        tags += [Tag("wav ixml", name, text) for name, text in found.items()]
        said |= found
        names |= _track_names(root)
    tags += [Tag("wav ixml", f"TRACK {place + 1}", text) for place, text in sorted(names.items())]
    flag = said.get("TIMECODE_FLAG", "").upper()
    return WaveNotes(
        tags=tuple(tags),
        time_reference=reference,
        timestamp_rate=int(said["TIMESTAMP_SAMPLE_RATE"])
        if said.get("TIMESTAMP_SAMPLE_RATE", "").isdecimal()
        else None,
        timecode_rate=_rate(said.get("TIMECODE_RATE") or said.get("SPEED", "")),
        drop=flag == "DF" or said.get("SPEED", "").upper().endswith(("-DF", "D")),
        reel=said.get("TAPE") or None,
        track_names=names,
    )


def _bext(chunk: bytes) -> tuple[list[Tag], dict[str, str], int | None]:
    """Tags, what lines of the description say, and the time reference."""
    if len(chunk) < 346:
        return [], {}, None
    texts = {
        name: chunk[begin:end].partition(b"\0")[0].decode("utf-8", "replace").strip()
        for name, begin, end in _BEXT
    }
    lines = {match[1]: match[3].strip() for match in _LINE.finditer(texts["Description"].replace("\r", "\n"))}
    low, high = struct.unpack_from("<II", chunk, 338)
    reference = high << 32 | low
    tags = [Tag("wav bext", name, text) for name, text in texts.items() if text]
    tags += [
        Tag("wav bext", name, text) for name, text in lines.items() if text and not name.startswith("TRK")
    ]
    return [*tags, Tag("wav bext", "TimeReference", str(reference))], lines, reference


def _ixml(root: etree._Element) -> dict[str, str]:
    places = [*(name for name in _OF_TAKE), *(f"SPEED/{name}" for name in _IN_SPEED)]
    texts = {name.rpartition("/")[2]: root.findtext(name) for name in places}
    return {name: text.strip()[:_MOST_TEXT] for name, text in texts.items() if text and text.strip()}


def _track_names(root: etree._Element) -> dict[int, str]:
    """By the place in the file: ``INTERLEAVE_INDEX``, while ``CHANNEL_INDEX`` is the recorder's input."""
    names = {}
    for track in root.iterfind("TRACK_LIST/TRACK"):
        place = (track.findtext("INTERLEAVE_INDEX") or track.findtext("CHANNEL_INDEX") or "").strip()
        name = (track.findtext("NAME") or "").strip()[:_MOST_TEXT]
        if place.isdecimal() and int(place) > 0 and name:
            names[int(place) - 1] = name
    return names


def _rate(text: str) -> Fraction | None:
    """``24000/1001``, ``25/1`` or ``023.976-ND``; None where it says nothing that can be."""
    match = re.match(r"\s*(\d+)/(\d+)\s*$", text)
    if match and int(match[2]):
        rate = Fraction(int(match[1]), int(match[2]))
        return rate if 1 <= rate <= 240 else None
    match = re.match(r"\s*(\d{1,3}(?:\.\d+)?)", text)
    if not match or not 1 <= float(match[1]) <= 240:
        return None
    number = float(match[1])
    slow = Fraction(round(number) * 1000, 1001)
    return slow if abs(number - slow) < 0.006 and number != round(number) else Fraction(match[1])
