"""Inspection: what one clip or thousands say of themselves, without decoding a picture."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from mediadask.checkpoint import checkpoint
from mediadask.clips import facts_of, recall
from mediadask.clips.discover import find_clips
from mediadask.clips.storage import is_local, path_of
from mediadask.delivery import Delivery, Failure, Group, Outcome, Report, Unit, attempt
from mediadask.metadata import color, quicktime, rules
from mediadask.metadata.model import ClipMetadata
from mediadask.metadata.sidefiles import side_tags
from mediadask.metadata.table import reader_of, table_in_force, tables_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pandas as pd

    from mediadask.clips import ClipFacts, ClipHeader
    from mediadask.metadata.table import Table

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
    return _inspect(url, tables_of())


def _inspect(url: str | os.PathLike[str], tables: tuple[str, ...]) -> ClipMetadata:
    return describe(facts_of(url), tables)


def describe(clip: ClipFacts, tables: tuple[str, ...] | None = None) -> ClipMetadata:
    """The metadata of a clip, the files beside it included; `tables` are the user's tables of tags."""
    table = table_in_force(tables_of() if tables is None else tables)
    header, url = clip.header, clip.files[0].url
    problems: list[str] = []
    groups = [[*header.tags, *quicktime.embedded(url, header)]]
    if header.first_number is None:
        beside, problems = side_tags(url, table)
        groups += beside
    said = rules.apply(groups, table)
    for field, told in _from_name(url, table).items():
        said.setdefault(field, []).append(told)
    own_words = {name: said[name][0] for name in ("transfer", "gamut") if name in said}
    for field in own_words:
        said[field] = color.named(said[field], table, field)
    counted: dict[str, tuple[Any, str]] = {
        **_from_header(header, clip.frames),
        "path": (clip.url, "file system"),
        "size_bytes": (sum(file.size_bytes for file in clip.files), "file system"),
        "frames": (clip.frames, "frame index"),
        "missing_frames": (clip.missing_frames, "frame index"),
        "first_number": (header.first_number, "file system"),
    }
    for name, (value, source) in counted.items():
        if value is not None:
            said[name] = [rules.Said(value, source), *said.get(name, ())]
        elif name in _MEASURED:
            said.pop(name, None)
    if space := color.camera_space(own_words.get("transfer"), own_words.get("gamut"), table):
        said["color_space"] = [space]
    if "start_timecode" in said:
        first = said["start_timecode"][0]
        said["drop_frame"] = [rules.Said(";" in first.value, first.source)]
    return ClipMetadata(
        **{name: values[0].value for name, values in said.items()},
        sources={name: values[0].source for name, values in said.items()},
        disagreements={
            name: others for name, values in said.items() if (others := rules.disagreements(name, values))
        },
        problems=tuple(problems),
    )


_MEASURED = {"frame_rate", "width", "height"}
"""What the file itself must say: others are heard only where they disagree."""


def _from_name(url: str, table: Table) -> dict[str, rules.Said]:
    """What the clip's name says, by its maker's way of naming clips."""
    name = path_of(url).rpartition("/")[2]
    stem = name.rpartition(".")[0] or name
    match = next(filter(None, (pattern.fullmatch(stem) for pattern in table.name_patterns)), None)
    groups = match.groupdict() if match else {}
    read = {field: reader_of(field)(value) for field, value in groups.items() if value}
    return {field: rules.Said(value, "file name") for field, value in read.items() if value is not None}


def _from_header(header: ClipHeader, frames: int) -> dict[str, tuple[Any, str]]:
    # A sequence that does not say its rate is decoded at 24: that is an assumption, not a fact.
    assumed = any(tag.source == "assumed" and tag.name == "frame_rate" for tag in header.tags)
    rate = None if assumed else header.frame_rate
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
        "start_timecode": header.timecode,
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
    tables = tables_of()
    known = {url: found for url in every if (found := _remembered(url, tables))}
    batches = _batches([url for url in every if url not in known])
    return Delivery("inspect", _groups(batches, tables), finish=partial(_by_clip, every, known, batches))


def _remembered(url: str, tables: tuple[str, ...]) -> ClipMetadata | None:
    """What `inspect` would say, where no file needs to be opened for it and no server asked."""
    if not is_local(url):
        return None
    try:
        facts = recall(url)
        return None if facts is None else describe(facts, tables)
    except Exception:  # whoever inspects it will hear of it
        return None


# A pool spends 2 ms on a unit whatever it does, and a clip takes 5 ms.
_MOST_CLIPS_A_UNIT = 32
_UNITS_TO_SHARE = 64


def _batches(every: Sequence[str]) -> list[Sequence[str]]:
    size = min(max(len(every) // _UNITS_TO_SHARE, 1), _MOST_CLIPS_A_UNIT)
    return [every[start : start + size] for start in range(0, len(every), size)]


def _groups(batches: Sequence[Sequence[str]], tables: tuple[str, ...]) -> list[Group]:
    names = [batch[0] + (f" and {len(batch) - 1} more" if len(batch) > 1 else "") for batch in batches]
    return [
        Group(name, (Unit(_inspect_batch, (batch, tables), name, "inspect", len(batch), 0.01 * len(batch)),))
        for name, batch in zip(names, batches, strict=True)
    ]


def _inspect_batch(urls: Sequence[str], tables: tuple[str, ...]) -> list[ClipMetadata | Failure]:
    """Each clip on its own: one that cannot be read stops no other."""
    found = []
    for url in urls:
        found.append(attempt(partial(_inspect, url, tables)))
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
