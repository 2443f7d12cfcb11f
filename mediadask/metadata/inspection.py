"""Inspection: what one clip or thousands say of themselves, without decoding a picture."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from mediadask.checkpoint import checkpoint
from mediadask.clips import facts_of, recall
from mediadask.clips.discover import find_clips
from mediadask.clips.storage import is_local
from mediadask.delivery import Delivery, Failure, Group, Outcome, Report, Unit, attempt
from mediadask.metadata import color, documents, rules
from mediadask.metadata.model import ClipMetadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pandas as pd

    from mediadask.clips import ClipFacts, ClipHeader

__all__ = ["describe", "inspect", "inspect_each", "inspect_many"]


def inspect(url: str | os.PathLike[str]) -> ClipMetadata:
    """Tell what a clip says of itself, without decoding pictures.

    Parameters
    ----------
    url
        A file, or an image sequence's pattern.

    Returns
    -------
    ClipMetadata
        Every fact that is known; ``sources`` says where each comes from.

    Raises
    ------
    MediaError
        If it cannot be opened: one line, with what to do.

    Examples
    --------
    >>> facts = md.inspect("A001C001.mov")
    >>> facts.codec, facts.frames, facts.start_timecode, facts.color_space
    ('prores', 48, '10:01:12:00', 'V-Log V-Gamut')
    >>> facts.sources["frames"]
    'frame index'
    """
    return describe(facts_of(url))


def describe(clip: ClipFacts) -> ClipMetadata:
    """The metadata of a clip, its sidecars included."""
    header = clip.header
    tags = [*header.tags, *documents.embedded(clip.files[0].url, header)]
    if header.first_number is None:
        tags += documents.sidecars(clip.files[0].url)
    said = rules.apply(tags)
    camera_color = color.camera_space(said.pop("gamma", None), said.pop("gamut", None))
    known = {
        **said,
        **{name: fact for name, fact in _from_header(header, clip.frames).items() if fact[0] is not None},
        **({"color_space": camera_color} if camera_color else {}),
        "path": (clip.url, "file system"),
        "size_bytes": (sum(file.size_bytes for file in clip.files), "file system"),
        "frames": (clip.frames, "frame index"),
        "missing_frames": (clip.missing_frames, "frame index"),
    }
    if header.first_number is not None:
        known["first_number"] = (header.first_number, "file system")
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
        "mirrored": header.mirrored,
        "alpha": header.alpha,
        "frame_rate": f"{rate.numerator}/{rate.denominator}" if rate else None,
        "variable": header.variable,
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
    if not header.has_pictures:
        sound = header.audio[0]
        facts |= dict.fromkeys(_OF_PICTURES) | {"duration_s": sound.samples / sound.rate}
        return {name: (value, source) for name, value in facts.items()}
    return {name: (value, source) for name, value in facts.items()} | {
        "duration_s": (facts["duration_s"], "frames / frame_rate")
    }


_OF_PICTURES = (
    *("width", "height", "pixel_aspect", "pixel_format", "bit_depth", "rotation", "mirrored", "variable"),
    *("color_space", "color_range"),
)
"""What a sound recording does not have."""


def inspect_many(clips: Iterable[str | os.PathLike[str]] | str | os.PathLike[str]) -> Delivery:
    """Inspect clips, lazily; computing it gives a table.

    Parameters
    ----------
    clips
        Clip URLs; or one folder, glob or pattern, which is searched now for the clips it means.

    Returns
    -------
    Delivery
        Computes to a pandas table of one row for each clip, in order, with a column for each field of
        `ClipMetadata` and ``error``: None, or the line that says why the clip cannot be read (its other
        columns but ``path`` are then empty). Its units are the clips that must be opened: see `inspect_each`.

    Raises
    ------
    MissingMedia
        If there is no such folder, or nothing matches.

    Examples
    --------
    >>> table = md.inspect_many("rushes/").compute()
    >>> table[["reel", "frames", "start_timecode"]]
                       reel  frames start_timecode
    0  A001C001_240101_R1AB      48    01:00:00:00
    1  B002C003_240101_R2CD      48    02:00:00:00
    """
    each = inspect_each(find_clips(clips) if isinstance(clips, str | os.PathLike) else clips)
    assert each.finish is not None
    return Delivery(each.name, each.groups, finish=partial(_table, each.finish))


def inspect_each(urls: Iterable[str | os.PathLike[str]]) -> Delivery:
    """Inspect clips, lazily; computes to a `Report` with an outcome for each clip.

    Clips on this machine that were opened before are answered now, from the cache: no pool is asked, or
    waited for, for what takes a third of a millisecond.
    """
    every = [os.fspath(url) for url in urls]
    known = {url: found for url in every if (found := _remembered(url))}
    batches = _batches([url for url in every if url not in known])
    return Delivery("inspect", _groups(batches), finish=partial(_by_clip, every, known, batches))


def _remembered(url: str) -> ClipMetadata | None:
    """What `inspect` would say, where no file needs to be opened for it and no server asked."""
    if not is_local(url):
        return None
    try:
        facts = recall(url)
        return None if facts is None else describe(facts)
    except Exception:  # whoever inspects it will hear of it
        return None


# A pool spends 2 ms on a unit whatever it does, and a clip takes 5 ms.
_MOST_CLIPS_A_UNIT = 32
_UNITS_TO_SHARE = 64


def _batches(every: Sequence[str]) -> list[Sequence[str]]:
    size = min(max(len(every) // _UNITS_TO_SHARE, 1), _MOST_CLIPS_A_UNIT)
    return [every[start : start + size] for start in range(0, len(every), size)]


def _groups(batches: Sequence[Sequence[str]]) -> list[Group]:
    names = [batch[0] + (f" and {len(batch) - 1} more" if len(batch) > 1 else "") for batch in batches]
    return [
        Group(name, (Unit(_inspect_batch, (batch,), name, "inspect", len(batch), 0.01 * len(batch)),))
        for name, batch in zip(names, batches, strict=True)
    ]


def _inspect_batch(urls: Sequence[str]) -> list[ClipMetadata | Failure]:
    """Each clip on its own: one that cannot be read stops no other."""
    found = []
    for url in urls:
        found.append(attempt(partial(inspect, url)))
        checkpoint()
    return found


def _by_clip(
    urls: Sequence[str],
    known: Mapping[str, ClipMetadata],
    batches: Sequence[Sequence[str]],
    report: Report,
) -> Report:
    opened: dict[str, Outcome] = {}
    for batch, outcome in zip(batches, report.outcomes, strict=True):
        # A whole batch fails only where its worker does.
        values = [outcome.failure] * len(batch) if outcome.failure else outcome.value
        for url, value in zip(batch, values, strict=True):
            failed = isinstance(value, Failure)
            opened[url] = Outcome(url, failure=value) if failed else Outcome(url, value)
    outcomes = (Outcome(url, known[url]) if url in known else opened[url] for url in urls)
    return Report(report.name, tuple(outcomes))


def _table(by_clip: Callable[[Report], Report], report: Report) -> pd.DataFrame:
    import pandas as pd

    rows = [
        {**outcome.value.as_dict(), "error": None}
        if outcome.failure is None
        else {"path": outcome.name, "error": outcome.failure.error}
        for outcome in by_clip(report).outcomes
    ]
    return pd.DataFrame(rows, columns=[*ClipMetadata.__dataclass_fields__, "error"]).convert_dtypes()
