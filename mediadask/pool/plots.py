"""One plot for each report, with Bokeh, which draws Dask's dashboard too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bokeh.models import ColumnDataSource, FactorRange, NumeralTickFormatter
from bokeh.palettes import Category10_4
from bokeh.plotting import figure

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

__all__ = ["costs_plot", "jobs_plot", "turnaround_plot"]

_PARTS = ["compute", "retries", "displaced", "idle"]
_QUANTILES = {"p50_seconds": 0.9, "p90_seconds": 0.5, "max_seconds": 0.25}
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


def _minutes(seconds: pd.Series[float]) -> list[float]:
    return [each / 60 for each in seconds]


def _names(column: Iterable[Any]) -> list[str]:
    return [str(name) or "(none)" for name in column]
