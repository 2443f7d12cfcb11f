"""The page ``/mediadask`` of Dask's dashboard: turnaround, jobs, workers, displacements, spend."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from bokeh.layouts import column, row
from bokeh.models import ColumnDataSource, DataRange1d, FactorRange, NumeralTickFormatter, Range1d
from bokeh.models.widgets import Div
from bokeh.palettes import Category10_4
from bokeh.plotting import figure

from mediadask import dask_api

if TYPE_CHECKING:
    from distributed import Scheduler

    from mediadask.pool.view.pool_view import PoolView, Row

__all__ = ["add_page"]

_UPDATE_MILLISECONDS = 500
_ROWS = 100
_PARTS = ["compute", "retries", "displaced", "idle"]
# Not Bokeh's DataTable: in 3.9 its cells do not follow data that keeps its number of rows.
_TABLE = '<table style="width: 100%; text-align: left"><tr>{head}</tr>{body}</table>'


def add_page(scheduler: Scheduler, view: PoolView) -> None:
    """Add the page to a running scheduler's dashboard and its menu, under the prefix that Dask's own pages
    have; where it has no dashboard, do nothing.
    """

    def show(document: Any) -> None:
        page = PoolPage(view)
        document.title = "Dask: mediadask pool"
        document.add_root(page.root)
        document.add_periodic_callback(page.update, _UPDATE_MILLISECONDS)
        page.update()

    dask_api.add_dashboard_page(scheduler, "mediadask", show)


class PoolPage:
    """All parts of the page; `update` draws them anew from the view."""

    def __init__(self, view: PoolView) -> None:
        self.view = view
        self.turnaround = ColumnDataSource({"priority": [], "p50": [], "p90": [], "max": [], "target": []})
        self.jobs = Div(sizing_mode="stretch_width")
        self.delays = Div(sizing_mode="stretch_width")
        self.tiers = ColumnDataSource({"tier": [], "workers": [], "requested": [], "target": []})
        self.spend = ColumnDataSource({"show": [], **{part: [] for part in _PARTS}, "budget": []})
        self.headline = Div(sizing_mode="stretch_width")
        self._turnaround_plot = self._draw_turnaround()
        self._tiers_plot = self._draw_tiers()
        self._spend_plot = self._draw_spend()
        self.root = column(
            self.headline,
            row(self._turnaround_plot, self._tiers_plot, self._spend_plot, sizing_mode="stretch_width"),
            Div(text="<b>Running jobs</b>"),
            self.jobs,
            Div(text="<b>Who paused for whom</b>"),
            self.delays,
            sizing_mode="stretch_width",
        )

    def update(self) -> None:
        """Draw what is known now."""
        self.view.refresh_soon()
        self._update_headline()
        self._update_turnaround(self.view.turnaround)
        self.jobs.text = _table(
            ["job", "show", "class", "progress", "units", "now", "seconds"],
            [
                [
                    escape(job.name),
                    escape(job.show),
                    escape(job.priority),
                    f'<progress max="1" value="{job.fraction:.4f}"></progress>',
                    f"{job.units_done} / {job.units}{'' if job.fully_planned else '+'}",
                    f"{job.units_running} running, {job.units_paused} paused",
                    f"{job.seconds:.0f}",
                ]
                for job in self.view.running()[:_ROWS]
            ],
        )
        self.delays.text = _table(
            ["job", "paused for", "times", "seconds"],
            [
                [
                    escape(str(each["name"])),
                    escape(str(each["for_name"])),
                    each["times"],
                    f"{each['seconds']:.1f}",
                ]
                for each in self.view.delays[:_ROWS]
            ],
        )
        tiers = self.view.tiers()
        self._tiers_plot.x_range.factors = [each.tier for each in tiers]
        self.tiers.data = {name: [getattr(each, name) for each in tiers] for name in self.tiers.column_names}
        self._update_spend(self.view.costs)

    def _update_headline(self) -> None:
        scaler, ledger = self.view.scaler, self.view.ledger
        parts = [f"{len(self.view.state.workers)} workers, target {scaler.target.total}"]
        parts += [scaler.target.because] if scaler.target.because else []
        if ledger.trouble:
            parts.append(f"<b>{escape(ledger.trouble)}</b>")
        self.headline.text = "; ".join(parts)

    def _update_turnaround(self, table: list[Row]) -> None:
        classes = self.view.config.classes
        ended = {row["priority"]: row for row in table}
        names = list(self.view.config.class_names)
        self._turnaround_plot.y_range.factors = names[::-1]
        self.turnaround.data = {
            "priority": names,
            **{
                quantile: [ended.get(name, {}).get(f"{quantile}_seconds", 0.0) / 60 for name in names]
                for quantile in ("p50", "p90", "max")
            },
            "target": [classes[name].target_turnaround / 60 for name in names],
        }

    def _update_spend(self, table: list[Row]) -> None:
        shows = [str(row["show"]) or "(none)" for row in table]
        self._spend_plot.x_range.factors = shows
        figures = {name: [row[name] for row in table] for name in (*_PARTS, "budget")}
        self.spend.data = {"show": shows, **figures}

    def _draw_turnaround(self) -> Any:
        plot = figure(
            title="Turnaround and target, minutes", y_range=FactorRange(), height=240, toolbar_location=None,
            sizing_mode="stretch_width", x_axis_type="log", x_range=Range1d(start=0.01, end=3000),
        )  # fmt: skip
        for name, alpha in (("max", 0.25), ("p90", 0.5), ("p50", 0.9)):
            plot.hbar(
                y="priority", left=0.001, right=name, height=0.6, alpha=alpha, color=Category10_4[0],
                legend_label=name, source=self.turnaround,
            )  # fmt: skip
        plot.scatter(
            x="target", y="priority", marker="diamond", size=16, color=Category10_4[3],
            source=self.turnaround, legend_label="target",
        )  # fmt: skip
        return plot

    def _draw_tiers(self) -> Any:
        plot = figure(
            title="Workers and target", x_range=FactorRange(), height=240, toolbar_location=None,
            sizing_mode="stretch_width", y_range=DataRange1d(start=0),
        )  # fmt: skip
        plot.vbar_stack(
            ["workers", "requested"], x="tier", width=0.6, source=self.tiers,
            color=[Category10_4[2], "#cccccc"], legend_label=["there", "requested"],
        )  # fmt: skip
        plot.scatter(
            x="tier", y="target", marker="diamond", size=16, color=Category10_4[3], source=self.tiers,
            legend_label="target",
        )  # fmt: skip
        return plot

    def _draw_spend(self) -> Any:
        plot = figure(
            title=f"Spend, {self.view.config.currency}", x_range=FactorRange(), height=240,
            toolbar_location=None, sizing_mode="stretch_width", y_range=DataRange1d(start=0),
        )  # fmt: skip
        plot.vbar_stack(
            _PARTS, x="show", width=0.7, source=self.spend, color=Category10_4, legend_label=_PARTS
        )
        plot.scatter(
            x="show", y="budget", marker="diamond", size=16, color="black", source=self.spend,
            legend_label="budget",
        )  # fmt: skip
        plot.yaxis.formatter = NumeralTickFormatter(format="0,0.00")
        return plot


def _table(head: list[str], rows: list[list[Any]]) -> str:
    """An HTML table of cells that are HTML."""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return _TABLE.format(head="".join(f"<th>{name}</th>" for name in head), body=body)
