"""What an OpenTimelineIO clip says of its media: file, reel, the numbers of an image sequence's files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any
from urllib.parse import unquote

import opentimelineio as otio

from mediadask.editorial.matching.sequence_names import named_sequence

__all__ = ["file_number", "media_file", "media_reel", "other_media", "said"]

_REELS = ("reel", "reel name", "reel_name", "reelname", "tape", "tape name", "tape_name", "tapeid", "tape id")
_DEPTH = 8
"""How deep in a clip's metadata its reel is looked for."""


def media_file(reference: Any) -> str | None:
    """The file of a media reference, or the pattern of its files, as path or URL; else its name."""
    if isinstance(reference, otio.schema.ImageSequenceReference):
        base = _unquoted(reference.target_url_base)
        slash = "/" if base and not base.endswith(("/", "\\")) else ""  # as OTIO itself joins them
        digits = f"%0{reference.frame_zero_padding}d" if reference.frame_zero_padding else "%d"
        return f"{base}{slash}{reference.name_prefix}{digits}{reference.name_suffix}"
    return _unquoted(getattr(reference, "target_url", None) or getattr(reference, "name", None) or "") or None


def _unquoted(url: str) -> str:
    return unquote(url) if "://" in url else url


def media_reel(reference: Any, clip: Any) -> str | None:
    """The reel or tape that metadata name."""
    for holder in (reference, clip):
        reel = said(holder.metadata, _REELS) if holder is not None else None
        if reel:
            return reel
    # An AAF's adapter hands on every mob that a clip comes from: the recording on a tape is one of them.
    return next((one.name for one in clip.media_references().values() if _is_tape(one)), None)


def file_number(reference: Any, first: int, rate: Fraction) -> int | None:
    """The number in the name of the image file that is the frame `first` of a clip's time.

    OTIO counts a sequence's files from the start of its available range on, which is `start_frame`. Elsewhere
    the name of the first file may say it: ``x.1001.exr``. None where it is not said.
    """
    media = getattr(reference, "available_range", None)
    if media is None:
        return None
    if isinstance(reference, otio.schema.ImageSequenceReference):
        number, counted = (
            reference.start_frame,
            Fraction(reference.rate or float(rate)).limit_denominator(1001),
        )
    else:
        named = named_sequence(media_file(reference) or "")
        if named is None or named.first is None:
            return None
        number, counted = named.first, rate
    into = first - Fraction(media.start_time.rescaled_to(float(rate)).value).limit_denominator(1001)
    return int(number) + round(into * counted / rate)


def other_media(clip: Any, used: Any) -> Iterator[tuple[Any, float]]:
    """Media beside the active one, such as a proxy's original, with the first frame used of each.

    All media of a clip share its time, but some systems begin each at its own. Those of an AAF are other
    things: what the clip was made of.
    """
    active = clip.media_reference
    for reference in clip.media_references().values():
        if media_file(reference) in (None, media_file(active)) or "AAF" in reference.metadata:
            continue
        first = used.start_time.value
        media, own = reference.available_range, getattr(active, "available_range", None)
        if media is not None and own is not None and not media.contains(used.start_time):
            first += (media.start_time - own.start_time).rescaled_to(used.start_time.rate).value
        yield reference, first


def _is_tape(reference: Any) -> bool:
    description = reference.metadata.get("AAF", {}).get("EssenceDescription", {})
    return bool(reference.name) and description.get("ClassName") == "TapeDescriptor"


def said(metadata: Any, names: Sequence[str], depth: int = _DEPTH) -> str | None:
    """The text under the first of the names anywhere in metadata: every system has a place of its own."""
    if not isinstance(metadata, Mapping) or not depth:
        return None
    for key, value in metadata.items():
        if key.casefold() in names:
            text = value.get("name") if isinstance(value, Mapping) else value
            if isinstance(text, str) and text.strip():
                return text.strip()
    found = (said(value, names, depth - 1) for value in metadata.values())
    return next((text for text in found if text), None)
