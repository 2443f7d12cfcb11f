"""A report of clips for people: format cards, and every clip with a picture, in one HTML file."""

from __future__ import annotations

import html
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from mediadask.checkpoint import checkpoint
from mediadask.clips import facts_of
from mediadask.clips.clip_url import ClipUrl
from mediadask.clips.storage import normalize
from mediadask.delivery import Delivery, Failure, Group, Report, Unit
from mediadask.errors import InvalidRequest, MediaError
from mediadask.metadata import ClipMetadata, FormatCard, describe, format_cards
from mediadask.metadata.table import tables_of
from mediadask.render.output import committed, join_url
from mediadask.render.thumbnail import thumbnail
from mediadask.text import printable

if TYPE_CHECKING:
    import os

__all__ = ["Seen", "clip_report"]


@dataclass(frozen=True)
class Seen:
    """A clip of a report."""

    metadata: ClipMetadata
    picture: bytes | None
    """A JPEG of its middle frame; None where that does not decode, or is none."""


def clip_report(
    clips: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    known: Sequence[FormatCard] = (),
    framings: Sequence[str] = (),
) -> Delivery:
    """Inspect clips and write an HTML report of them, lazily: cards, pictures, facts, what disagrees.

    Parameters
    ----------
    clips
        Clip URLs, in the order of the report.
    out
        The report: a file that ends in ``.html``.
    known, framings
        Format cards that a person corrected, and FDLs: see `mediadask.metadata.format_cards`.

    Returns
    -------
    Delivery
        One group a clip; its values are `ClipMetadata`. The report is written where the units run, when
        all have ended; a clip that cannot be read has its line in it.

    Raises
    ------
    InvalidRequest
        If `out` does not end in ``.html``.
    """
    place = normalize(out)
    if not place.lower().endswith((".html", ".htm")):
        raise InvalidRequest("is no name of an HTML file", where=place, do="name it .html")
    urls, tables = [str(ClipUrl.of(clip)) for clip in clips], tables_of()
    names = [ClipUrl.parse(url).label for url in urls]
    groups = [
        Group(url, (Unit(see, (url, tables), name=name, kind="report"),))
        for url, name in zip(urls, names, strict=True)
    ]
    closing = Unit(
        write_report, (tuple(urls), place, tuple(known), tuple(framings)), name=place, kind="report"
    )
    return Delivery("report", groups, finish=_metadata_alone, closing=closing)


def _metadata_alone(report: Report) -> Report:
    outcomes = (
        replace(each, value=each.value.metadata) if isinstance(each.value, Seen) else each
        for each in report.outcomes
    )
    return Report(report.name, tuple(outcomes))


def see(url: str, tables: tuple[str, ...]) -> Seen:
    """A clip's metadata and a picture of it."""
    metadata = describe(facts_of(url), tables)
    checkpoint()
    try:
        return Seen(metadata, thumbnail(url) if metadata.width else None)
    except MediaError:  # its facts are worth a row all the same
        return Seen(metadata, None)


def write_report(
    seen: Sequence[Seen | Failure],
    urls: Sequence[str],
    out: str,
    known: Sequence[FormatCard],
    framings: Sequence[str],
) -> str:
    """Write the report of what was seen; its place."""
    good = [each for each in seen if isinstance(each, Seen)]
    cards = format_cards([each.metadata for each in good], known, framings)
    failed = [(url, each.error) for url, each in zip(urls, seen, strict=True) if isinstance(each, Failure)]
    folder, _, name = out.rpartition("/")
    with committed(out, join_url(folder, ".mediadask", name)) as path:
        path.write_text(_page(good, cards, failed), encoding="utf-8", errors="backslashreplace")
    return out


def _text(value: object) -> str:
    return html.escape(printable(str(value)))


def _page(good: Sequence[Seen], cards: Sequence[FormatCard], failed: Sequence[tuple[str, str]]) -> str:
    clips = [each.metadata for each in good]
    seconds = sum(clip.duration_s or 0 for clip in clips)
    gigabytes = sum(clip.size_bytes for clip in clips) / 1e9
    total = f"{len(clips)} clips, {seconds / 60:.1f} minutes, {gigabytes:.2f} GB"
    odd = sum(bool(clip.disagreements or clip.problems or clip.missing_frames) for clip in clips)
    parts = [
        f"<p class=sum>{total}; {len(cards)} formats; {odd} to look at; {len(failed)} that cannot be read</p>"
    ]
    if failed:
        lines = "".join(f"<li>{_text(error)}</li>" for _, error in failed)
        parts.append(f"<h2>Cannot be read</h2><ul class=bad>{lines}</ul>")
    parts.append(f"<h2>Camera formats</h2>{_cards_table(cards)}<h2>Clips</h2>")
    parts += [_clip(each) for each in good]
    return _FRAME.format(body="\n".join(parts), title=_text(total))


def _cards_table(cards: Sequence[FormatCard]) -> str:
    head = ("Camera", "Model", "Sensor mode", "Codec", "Squeeze", "Clips", "Input transform", "Framing")
    rows = []
    for card in cards:
        cells = [
            card.camera_letter,
            card.camera_model,
            card.sensor_mode,
            card.codec,
            card.squeeze,
            card.clips,
        ]
        told = [
            f"<td title='{_text(card.evidence.get(name, ''))}'>{_cell(getattr(card, name))}</td>"
            for name in ("input_transform", "framing")
        ]
        rows.append("<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in cells) + "".join(told) + "</tr>")
    heading = "".join(f"<th>{name}</th>" for name in head)
    return f"<table><tr>{heading}</tr>{''.join(rows)}</table>"


def _cell(value: object) -> str:
    return "<span class=none>missing</span>" if value is None else _text(value)


_FACTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Camera", ("camera_make", "camera_model", "camera_serial", "camera_letter", "reel", "scene", "take")),
    (
        "Picture",
        ("codec", "profile", "width", "height", "bit_depth", "frame_rate", "capture_rate", "squeeze"),
    ),
    ("Exposure", ("iso", "white_balance_k", "tint", "shutter_angle_deg", "shutter_s", "nd_stops")),
    ("Lens", ("lens", "focal_length_mm", "t_stop", "f_number", "focus_m")),
    ("Time", ("start_timecode", "frames", "duration_s", "created")),
    ("Color and sound", ("color_space", "transfer", "gamut", "audio_tracks", "audio_rate")),
)
_UNITS = {item.name: item.metadata.get("unit", "") for item in fields(ClipMetadata)}


def _clip(each: Seen) -> str:
    clip = each.metadata
    picture = "<div class=dark>no picture decodes</div>"
    if each.picture is not None:
        data = b64encode(each.picture).decode()
        picture = f"<img loading=lazy alt='' src='data:image/jpeg;base64,{data}'>"
    groups = "".join(f"<dl><dt>{title}</dt>{_facts(clip, names)}</dl>" for title, names in _FACTS)
    notes = [
        f"{name} is {getattr(clip, name)} ({clip.sources.get(name, '')}), but {source} says {value}"
        for name, said in clip.disagreements.items()
        for source, value in said.items()
    ]
    notes += clip.problems
    if clip.missing_frames:
        notes.append(f"{clip.missing_frames} frames are missing")
    if clip.variable:
        notes.append("its frame rate varies")
    shown = "".join(f"<li>{_text(note)}</li>" for note in notes)
    name = _text(ClipUrl.parse(clip.path).label)
    return (
        f"<section><figure>{picture}</figure><div><h3 title='{_text(clip.path)}'>{name}</h3>"
        f"<div class=facts>{groups}</div>{f'<ul class=odd>{shown}</ul>' if shown else ''}</div></section>"
    )


def _facts(clip: ClipMetadata, names: Sequence[str]) -> str:
    rows: list[Any] = []
    for name in names:
        value = getattr(clip, name)
        if value is not None:
            shown = f"{value:.6g}" if isinstance(value, float) else value
            unit = f" {_UNITS[name]}" if _UNITS[name] else ""
            source = _text(clip.sources.get(name, ""))
            rows.append(
                f"<dd title='{source}'><span>{name.replace('_', ' ')}</span> {_text(shown)}{unit}</dd>"
            )
    return "".join(rows) or "<dd class=none>nothing is known</dd>"


_FRAME = """<!doctype html>
<html lang=en><meta charset=utf-8><title>{title}</title>
<meta name=viewport content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light dark; --line: #8884; --dim: #888; }}
body {{ font: 15px/1.45 system-ui, sans-serif; max-width: 1200px; margin: 2rem auto; padding: 0 1rem; }}
h2 {{ margin: 2rem 0 .5rem; font-size: 1.1rem; }} h3 {{ margin: 0 0 .4rem; font-size: 1rem; }}
.sum, .none, dt, dd span {{ color: var(--dim); }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); }}
section {{ display: flex; gap: 1.2rem; padding: 1rem 0; border-bottom: 1px solid var(--line); }}
figure {{ margin: 0; flex: 0 0 240px; }} figure img {{ width: 240px; border-radius: 3px; }}
.dark {{ width: 240px; height: 135px; background: #222; color: #999; display: grid; place-items: center; }}
.facts {{ display: flex; flex-wrap: wrap; gap: .4rem 1.6rem; }}
dl, dd {{ margin: 0; }}
dt {{ font-size: .8rem; text-transform: uppercase; letter-spacing: .04em; }}
.odd, .bad {{ color: #c4541f; margin: .6rem 0 0; padding-left: 1.2rem; }}
</style>
<h1>Camera report</h1>
{body}
</html>
"""
