"""Inspection: what one clip or thousands say of themselves, without decoding a picture."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from mediadask.clips import Clip
from mediadask.delivery import Delivery, delivery
from mediadask.metadata import color, documents, rules
from mediadask.metadata.model import ClipMetadata

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from mediadask.clips import ClipHeader
    from mediadask.delivery import Report

__all__ = ["describe", "inspect", "inspect_many"]


def inspect(url: str | os.PathLike[str]) -> ClipMetadata:
    """What a clip says of itself.

    Raises
    ------
    MediaError
        If it cannot be opened: one line, with what to do.
    """
    return describe(Clip.open(url))


def describe(clip: Clip) -> ClipMetadata:
    """The metadata of an open clip, its sidecars included."""
    header = clip.header
    tags = [*header.tags, *documents.embedded(clip.files[0].url, header)]
    if header.first_number is None:
        tags += documents.sidecars(clip.files[0].url)
    said = rules.apply(tags)
    camera_color = color.camera_space(said.pop("gamma", None), said.pop("gamut", None))
    known = {
        **said,
        **{name: fact for name, fact in _from_header(header, len(clip)).items() if fact[0] is not None},
        **({"color_space": camera_color} if camera_color else {}),
        "path": (clip.url, "file system"),
        "size_bytes": (clip.size_bytes, "file system"),
        "frames": (len(clip), "frame index"),
        "missing_frames": (int((clip.index.shown < 0).sum()), "frame index"),
    }
    return ClipMetadata(
        **{name: value for name, (value, _) in known.items()},
        sources={name: source for name, (_, source) in known.items()},
    )


def _from_header(header: ClipHeader, frames: int) -> dict[str, tuple[Any, str]]:
    # A sequence that does not say its rate is decoded at 24: that is an assumption, not a fact.
    assumed = any(tag.source == "assumed" and tag.name == "frame_rate" for tag in header.tags)
    rate = None if assumed else header.frame_rate
    timecode = header.timecode
    facts: dict[str, Any] = {
        "container": header.container,
        "codec": header.codec,
        "profile": header.profile,
        "width": header.width,
        "height": header.height,
        "pixel_aspect": float(header.pixel_aspect),
        "pixel_format": header.pixel_format.name,
        "bit_depth": header.pixel_format.bits,
        "field_order": header.field_order,
        "rotation": header.rotation,
        "frame_rate": f"{rate.numerator}/{rate.denominator}" if rate else None,
        "duration_s": float(frames / rate) if rate else None,
        "start_timecode": timecode,
        "drop_frame": None if timecode is None else ";" in timecode,
        "reel": header.reel,
        "color_space": color.tagged_space(header.color),
        "color_range": header.color.range,
        "audio_tracks": sum(stream.channels for stream in header.audio),
        "audio_rate": header.audio[0].rate if header.audio else None,
    }
    source = f"{header.container} header"
    return {name: (value, source) for name, value in facts.items()} | {
        "duration_s": (facts["duration_s"], "frames / frame_rate")
    }


def inspect_many(clips: Iterable[str | os.PathLike[str]] | str | os.PathLike[str]) -> Delivery:
    """Inspect clips, lazily; computing it gives a table.

    Parameters
    ----------
    clips
        Clip URLs, or a folder.

    Returns
    -------
    Delivery
        One unit for each clip. Computes to a pandas table of one row for each clip, in order, with a column
        for each field of `ClipMetadata` and ``error``: None, or the line that says why the clip cannot be
        read (its other columns but ``path`` are then empty).
    """
    urls = [clips] if isinstance(clips, str | os.PathLike) else list(clips)
    units = delivery(inspect, [os.fspath(url) for url in urls], name="inspect", seconds=0.01)
    return Delivery(units.name, units.groups, finish=table)


def table(report: Report) -> pd.DataFrame:
    """A row for each clip of an inspection's report."""
    import pandas as pd

    rows = [
        {**outcome.value.as_dict(), "error": None}
        if outcome.failure is None
        else {"path": outcome.name, "error": outcome.failure.error}
        for outcome in report.outcomes
    ]
    columns = [*ClipMetadata.__dataclass_fields__, "error"]
    return pd.DataFrame(rows, columns=columns).convert_dtypes()
