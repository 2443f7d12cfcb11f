"""The last hour of a pool as a picture: how many slots each class and show had, and what was paused."""

from __future__ import annotations

from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING

from mediadask.pool.view.style import class_color

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from mediadask.pool.ledger.recent import SlotHistory

__all__ = ["timeline"]

_HEIGHT = 200
_SHADES = (1.0, 0.72, 0.48)
"""The busiest shows of a class come first; all others share the last."""

_TICKS = 4


def timeline(history: SlotHistory | None, classes: Sequence[str], now: datetime) -> str:
    """Return HTML: slots by class and show, stacked, the most urgent at the bottom, what was paused hatched
    on top, and a line for the slots there were. In words where nothing ran.

    Parameters
    ----------
    now
        In the zone in which times are shown.
    """
    if history is None:
        return '<p class="soft">Reading what ran in the last hour …</p>'
    if not history.ran and not history.paused:
        return '<p class="soft">Nothing ran in the last hour.</p>'
    bands = [*_bands(history.ran, classes), *_paused(history.paused, classes)]
    steps = range(history.steps)
    totals = [sum(values[step] for _, _, values in bands) for step in steps]
    top = _round_up(max(*totals, *history.there, 1.0))
    shapes, below = [], [0.0] * history.steps
    for label, paint, values in bands:
        above = [low + value for low, value in zip(below, values, strict=True)]
        shapes.append(f'<path d="{_band(below, above, top)}" {paint}><title>{escape(label)}</title></path>')
        below = above
    there = _line(history.there, top)
    legend = "".join(
        f'<span><svg class="dot" width="10" height="10"><rect width="10" height="10" {paint}/></svg>'
        f"{escape(label)}</span>"
        for label, paint, _ in bands
    )
    until = history.until.astimezone(now.tzinfo)
    seconds = history.steps * history.step_seconds
    ticks = "".join(
        f"<span>{until - timedelta(seconds=seconds * part / _TICKS):%H:%M}</span>"
        for part in range(_TICKS, -1, -1)
    )
    return f"""<div class="plot">
<div class="scale"><span>{top:g}</span><span>{top / 2:g}</span><span>0</span></div>
<svg viewBox="0 0 {history.steps} {_HEIGHT}" preserveAspectRatio="none" role="img"
aria-label="slots in use over the last hour">{_patterns(len(classes))}
<line x1="0" x2="{history.steps}" y1="100" y2="100" stroke="var(--line)" vector-effect="non-scaling-stroke"/>
{"".join(shapes)}
<path d="{there}" fill="none" stroke="var(--text)" stroke-dasharray="4 3" stroke-width="1.5"
vector-effect="non-scaling-stroke"/></svg>
<div class="times">{ticks}</div></div>
<div class="legend">{legend}<span><svg class="dot" width="14" height="10" style="width:14px"><path d="M0 5H14"
stroke="var(--text)" stroke-dasharray="4 3" stroke-width="1.5"/></svg>slots there</span></div>"""


Band = tuple[str, str, list[float]]
"""What it is, how it is painted, and how high it is at each step."""


def _bands(ran: dict[tuple[str, str], list[float]], classes: Sequence[str]) -> Iterable[Band]:
    for order, name in enumerate(classes):
        shows = {show: values for (priority, show), values in ran.items() if priority == name}
        busiest = sorted(shows, key=lambda show: -sum(shows[show]))
        alone = busiest[: len(_SHADES) - 1] if len(busiest) > len(_SHADES) else busiest
        for show, shade in zip(alone, _SHADES, strict=False):
            label = f"{name}, {show}" if show else name
            yield label, f'fill="{class_color(order)}" fill-opacity="{shade}"', shows[show]
        if others := busiest[len(alone) :]:
            together = [sum(each) for each in zip(*(shows[show] for show in others), strict=True)]
            paint = f'fill="{class_color(order)}" fill-opacity="{_SHADES[-1]}"'
            yield f"{name}, {len(others)} other shows", paint, together


def _paused(paused: dict[tuple[str, str], list[float]], classes: Sequence[str]) -> Iterable[Band]:
    for order, name in enumerate(classes):
        of_class = [values for (priority, _), values in paused.items() if priority == name]
        together = [sum(each) for each in zip(*of_class, strict=True)]
        if any(together):
            yield f"{name}, paused", f'fill="url(#paused-{order})"', together


def _patterns(classes: int) -> str:
    patterns = "".join(
        f'<pattern id="paused-{order}" width="0.5" height="8" patternUnits="userSpaceOnUse">'
        f'<rect width="0.5" height="8" fill="{class_color(order)}" fill-opacity="0.15"/>'
        f'<rect width="0.2" height="8" fill="{class_color(order)}" fill-opacity="0.8"/></pattern>'
        for order in range(classes)
    )
    return f"<defs>{patterns}</defs>"


def _band(below: Sequence[float], above: Sequence[float], top: float) -> str:
    there = [f"{step} {_y(value, top)}H{step + 1}" for step, value in enumerate(above)]
    back = [f"{step + 1} {_y(below[step], top)}H{step}" for step in reversed(range(len(below)))]
    return f"M{'L'.join([*there, *back])}Z"


def _line(values: Sequence[float], top: float) -> str:
    return "M" + "L".join(f"{step} {_y(value, top)}H{step + 1}" for step, value in enumerate(values))


def _y(value: float, top: float) -> str:
    return f"{_HEIGHT * (1 - value / top):.1f}"


def _round_up(value: float) -> float:
    """To a number that a scale has: 1, 2, 4, 6, 8, 10, 12, 16, 20, 30, and so on."""
    size = 1.0
    steps: tuple[float, ...] = (1, 2, 4, 6, 8, 10)
    while value > 10 * size:
        size, steps = 10 * size, (1.2, 1.6, 2, 3, 4, 6, 8, 10)
    return next(size * step for step in steps if value <= size * step * 1.0001)
