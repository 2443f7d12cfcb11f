"""One plot for each report, with Bokeh, which draws Dask's dashboard too."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bokeh.embed import file_html
from bokeh.layouts import column as stacked
from bokeh.models import ColumnDataSource, FactorRange, HoverTool, NumeralTickFormatter
from bokeh.models.annotations import Label, Legend, Span
from bokeh.palettes import Category10_4
from bokeh.plotting import figure
from bokeh.resources import INLINE

from mediadask.errors import InvalidRequest, OutputFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

__all__ = ["costs_plot", "jobs_plot", "save", "schedule_plot", "spike_plot", "turnaround_plot"]

_PARTS = ["compute", "retries", "displaced", "idle"]
_QUANTILES = {"p50_seconds": 0.9, "p90_seconds": 0.5, "max_seconds": 0.25}
_CLASS_COLORS = ["#d1495b", "#3d7ea6", "#8fa3ad"]
"""From the most urgent class down."""

_TIER_COLORS = ["#2a6f97", "#8ecae6", "#e9c46a", "#b7b7a4"]
_STATUS_COLORS = {"done": "#4c9f70", "failed": "#d1495b", "cancelled": "#999999", "orphaned": "#e09f3e"}


def turnaround_plot(table: pd.DataFrame) -> Any:
    """Bars of p50 within p90 within max, a mark at the target: from `reports.turnaround`."""
    names = _names(table.iloc[:, 0])
    plot = figure(
        y_range=FactorRange(factors=names[::-1]),
        height=80 + 60 * max(1, len(names)),
        title="Turnaround",
        sizing_mode="stretch_width",
    )
    for column, alpha in reversed(_QUANTILES.items()):
        plot.hbar(
            y=names,
            right=_minutes(table[column]),
            height=0.6,
            alpha=alpha,
            color=Category10_4[0],
            legend_label=column.removesuffix("_seconds"),
        )
    if "target_seconds" in table:
        plot.scatter(
            x=_minutes(table["target_seconds"]),
            y=names,
            marker="diamond",
            size=16,
            color=Category10_4[3],
            legend_label="target",
        )
    plot.xaxis.axis_label = "minutes"
    return plot


def costs_plot(table: pd.DataFrame) -> Any:
    """Stacked bars of what was spent on what: from `costs.costs`."""
    names = _names(table.iloc[:, 0])
    plot = figure(x_range=FactorRange(factors=names), height=360, title="Cost", sizing_mode="stretch_width")
    source = ColumnDataSource({"name": names, **{part: table[part].tolist() for part in _PARTS}})
    plot.vbar_stack(_PARTS, x="name", width=0.7, source=source, color=Category10_4, legend_label=_PARTS)
    plot.yaxis.axis_label = str(table.attrs.get("currency", ""))
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0.00")
    return plot


def jobs_plot(table: pd.DataFrame) -> Any:
    """When each job ran, oldest at the bottom: from `reports.history`."""
    submitted = [moment.timestamp() * 1000 for moment in table["submitted"]]
    ended = [start + seconds * 1000 for start, seconds in zip(submitted, table["seconds"], strict=True)]
    names = _names(table["job"] + " " + table["name"])
    plot = figure(
        y_range=FactorRange(factors=names[::-1]),
        x_axis_type="datetime",
        height=80 + 20 * max(1, len(names)),
        title="Jobs",
        sizing_mode="stretch_width",
    )
    colors = [_STATUS_COLORS.get(status, Category10_4[0]) for status in table["status"]]
    plot.hbar(y=names, left=submitted, right=ended, height=0.7, color=colors)
    return plot


def schedule_plot(table: pd.DataFrame, marked: pd.DataFrame) -> Any:
    """Who ran when on which slot, from `schedule.schedule`.

    What runs fills a slot's row, in its class's color; what is paused is the hatched strip under it.

    Parameters
    ----------
    marked
        Rows of `reports.history`: the jobs whose submission and end get a line.
    """
    slots = list(dict.fromkeys(table["slot"].sort_values(key=lambda names: names.str.len(), kind="stable")))
    row = {slot: -number for number, slot in enumerate(slots)}
    begin = table["started"].min()
    plot: Any = figure(
        height=160 + 46 * len(slots),
        width=1100,
        title="Who ran when",
        x_axis_label="seconds",
        sizing_mode="stretch_width",
        y_axis_label="worker slots",
        tools="xpan,xwheel_zoom,reset",
        toolbar_location=None,
    )
    plot.yaxis.ticker = sorted(row.values())
    plot.yaxis.major_label_overrides = {place: slot for slot, place in row.items()}
    plot.ygrid.visible = False
    plot.add_layout(Legend(border_line_color=None, orientation="horizontal"), "below")
    classes = list(table["priority"].cat.categories)
    for (priority, state), part in table.groupby(["priority", "state"], observed=True):
        color = _CLASS_COLORS[classes.index(priority) % len(_CLASS_COLORS)]
        middle = part["slot"].map(row)
        ran = state == "ran"
        source = ColumnDataSource(
            {
                "left": _seconds_since(begin, part["started"]),
                "right": _seconds_since(begin, part["ended"]),
                "bottom": middle - (0.22 if ran else 0.42),
                "top": middle + (0.42 if ran else -0.22),
                "name": part["name"],
                "show": part["show"],
            }
        )
        look = (
            {"fill_alpha": 0.9} if ran else {"fill_alpha": 0.15, "hatch_pattern": "/", "hatch_color": color}
        )
        plot.quad(
            source=source,
            fill_color=color,
            line_color="white",
            line_width=0.5,
            legend_label=f"{priority} {'runs' if ran else 'is paused'}",
            **look,
        )
    (ends_at,) = _seconds_since(begin, [table["ended"].max()])
    for job in marked.to_dict("records"):
        (submitted,) = _seconds_since(begin, [job["submitted"]])
        for moment, what, style in _marks(job, submitted, ends_at):
            plot.add_layout(
                Span(location=moment, dimension="height", line_color="#333333", line_dash="dashed")
            )
            plot.add_layout(Label(x=moment, y=0.5, text=what, **style))
    plot.y_range.start, plot.y_range.end = 0.4 - len(slots), 0.85
    plot.add_tools(
        HoverTool(tooltips=[("job", "@name"), ("show", "@show"), ("from", "@left"), ("to", "@right")])
    )
    return plot


def spike_plot(workers: pd.DataFrame, table: pd.DataFrame, marked: pd.DataFrame) -> Any:
    """Workers of each tier over time, above the units of each class that ran.

    Parameters
    ----------
    workers
        From `schedule.workers_over_time`.
    table
        From `schedule.schedule`.
    marked
        Rows of `reports.history`: the jobs whose submission and end get a line.
    """
    import pandas as pd

    ran = table[table["state"] == "ran"]
    ends = [(ran["started"], 1), (ran["ended"], -1)]
    changes = pd.concat(
        pd.DataFrame({"moment": at, "priority": ran["priority"], "by": by}) for at, by in ends
    )
    units = changes.pivot_table(
        index="moment", columns="priority", values="by", aggfunc="sum", fill_value=0, observed=True
    )
    begin = min(workers.index.min(), marked["submitted"].min())
    above = _steps(workers, begin, "workers", _TIER_COLORS, height=260)
    below = _steps(units.sort_index().cumsum(), begin, "units that run", _CLASS_COLORS, height=260)
    below.x_range = above.x_range
    below.xaxis.axis_label = "seconds"
    for job in marked.to_dict("records"):
        (submitted,) = _seconds_since(begin, [job["submitted"]])
        for moment, what, style in _marks(job, submitted, _seconds_since(begin, [workers.index.max()])[0]):
            for plot in (above, below):
                line = Span(location=moment, dimension="height", line_color="#333333", line_dash="dashed")
                plot.add_layout(line)
            top = float(workers.sum(axis=1).max())
            above.add_layout(Label(x=moment, y=top, y_offset=4, text=what, **style))
    return stacked(above, below, sizing_mode="stretch_width")


def _marks(job: Mapping[Any, Any], submitted: float, whole: float) -> list[tuple[float, str, dict[str, Any]]]:
    """When a job was submitted and done, in seconds, with their texts and styles.

    One text ends at its line and the other begins at its own: those of a short job do not overlap.
    """
    right = {"x_offset": 4, "text_font_size": "9pt"}
    left = {"x_offset": -4, "text_font_size": "9pt", "text_align": "right"}
    # A text that ends at a line near the left edge would leave the plot.
    early = submitted < whole / 8
    return [
        (submitted, f"{job['name']} submitted", right if early else left),
        (submitted + job["seconds"], f"{job['name']} done", right),
    ]


def _steps(counts: pd.DataFrame, begin: Any, title: str, colors: list[str], height: int) -> Any:
    """Numbers that change at moments, stacked."""
    plot: Any = figure(
        height=height, width=1100, title=title, sizing_mode="stretch_width", tools="", toolbar_location=None
    )
    plot.add_layout(Legend(border_line_color=None, orientation="horizontal"), "below")
    seconds, bottom = _seconds_since(begin, counts.index), [0.0] * len(counts)
    for number, name in enumerate(counts.columns):
        top = [low + count for low, count in zip(bottom, counts[name], strict=True)]
        color = colors[number % len(colors)]
        plot.varea_step(
            seconds, bottom, top, step_mode="after", color=color, alpha=0.85, legend_label=str(name)
        )
        bottom = top
    plot.y_range.start, plot.y_range.end = 0, 1.2 * max(bottom)
    return plot


def save(plot: Any, path: Path) -> None:
    """Write a plot as a page, or as the picture a browser makes of it, by the name's suffix.

    Raises
    ------
    InvalidRequest
        For a suffix that is neither ``.html`` nor ``.png``, and for a picture where there is no browser.
    OutputFailed
        If it cannot be written.
    """
    if path.suffix not in (".html", ".png"):
        raise InvalidRequest("a plot is a page or a picture", where=path, do="name it .html or .png")
    page = file_html(plot, INLINE, title=f"mediadask {path.stem}")
    content = page.encode() if path.suffix == ".html" else _screenshot(page, path)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise OutputFailed(f"the plot cannot be written: {error.strerror}", where=path) from None


def _screenshot(page: str, path: Path) -> bytes:
    installed = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise _no_browser(path) from None
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=installed, args=["--no-sandbox"])
        except Error:
            raise _no_browser(path) from None
        view = browser.new_page(viewport={"width": 1100, "height": 300}, device_scale_factor=2)
        view.set_content(page)
        view.locator(".bk-Figure").last.wait_for()
        picture = view.locator(".bk-Column, .bk-Figure").first.screenshot()
        browser.close()
    return picture


def _no_browser(path: Path) -> InvalidRequest:
    return InvalidRequest(
        "a picture of a plot is made by a browser, and there is none",
        where=path,
        do="pip install playwright && playwright install chromium, or name it .html",
    )


def _seconds_since(begin: Any, moments: Iterable[Any]) -> list[float]:
    return [(moment - begin).total_seconds() for moment in moments]


def _minutes(seconds: pd.Series[float]) -> list[float]:
    return [each / 60 for each in seconds]


def _names(column: Iterable[Any]) -> list[str]:
    return [str(name) or "(none)" for name in column]
