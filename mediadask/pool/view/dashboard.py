"""The page ``/mediadask`` of Dask's dashboard: jobs, the last hour of the slots, workers, spend, failures;
with ``?job=ID`` one job, and with ``&from=N`` its outputs from the Nth on.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bokeh.layouts import column
from bokeh.models.widgets import Div
from tornado.web import RequestHandler

from mediadask import dask_api
from mediadask.moments import clock
from mediadask.pool.view import sections
from mediadask.pool.view.output_list import output_list
from mediadask.pool.view.outputs import PAGE_OUTPUTS
from mediadask.pool.view.sections import MOST_JOBS, card
from mediadask.pool.view.style import AROUND, INSIDE
from mediadask.pool.view.timeline import timeline

if TYPE_CHECKING:
    from distributed import Scheduler

    from mediadask.pool.view.pool_view import PoolView

__all__ = ["add_page"]

_UPDATE_MILLISECONDS = 1000


def add_page(scheduler: Scheduler, view: PoolView) -> None:
    """Add the page to a running scheduler's dashboard and its menu, under the prefix that Dask's own pages
    have; where it has no dashboard, do nothing.
    """

    def show(document: Any) -> None:
        asked = document.session_context.request.arguments
        job, start = (asked.get(name, [b""])[0].decode(errors="replace") for name in ("job", "from"))
        page = JobPage(view, job, int(start) if start.isdecimal() else 0) if job else PoolPage(view)
        document.title = "mediadask pool"
        document.add_root(page.root)
        document.add_periodic_callback(page.update, _UPDATE_MILLISECONDS)
        page.update()

    dask_api.add_dashboard_page(scheduler, "mediadask", show, style=AROUND)
    thumbnails = dask_api.pages_path(scheduler, "mediadask/thumbnail")
    dask_api.pages(scheduler).add_handlers(".*", [(thumbnails, _Thumbnail, {"view": view})])


class _Thumbnail(RequestHandler):
    """A small picture of an output, which is named by its job's id and its group's place: never by a path."""

    def initialize(self, view: PoolView) -> None:
        self._view = view

    async def get(self) -> None:
        index = self.get_argument("output", "")
        picture = None
        if index.isdecimal():
            picture = await self._view.outputs.picture(self.get_argument("job", ""), int(index))
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")  # pages of others may not embed it
        if picture is None:
            self.set_status(204)
            return
        self.set_header("Content-Type", "image/jpeg")
        self.set_header("Cache-Control", "private, max-age=3600")
        self.finish(picture)


class _Page:
    """Parts of HTML, one below the other. Only those that have changed are sent."""

    def __init__(self, view: PoolView, *parts: str) -> None:
        self.view = view
        self._parts = {
            name: Div(sizing_mode="stretch_width", stylesheets=[INSIDE], styles={"margin": "0"})
            for name in parts
        }
        self.root = column(*self._parts.values(), sizing_mode="stretch_width")

    def _show(self, part: str, html: str, kind: str = "part") -> None:
        self._parts[part].text = f'<div class="{kind}">{html}</div>'


class PoolPage(_Page):
    """The pool; `update` draws it anew from the view."""

    def __init__(self, view: PoolView) -> None:
        super().__init__(view, "head", "top", "jobs", "sides")

    def update(self) -> None:
        """Draw what is known now."""
        view, config, now = self.view, self.view.config, datetime.now().astimezone()
        view.refresh_soon()
        numbers = Counter(job.priority for job in view.state.open_jobs())
        self._show("head", self._head(now))
        self._show("jobs", card("Open jobs, in the order in which they are served",
                   sections.jobs(view.running(MOST_JOBS), numbers, config, now)))  # fmt: skip
        tiers = view.tiers(), view.scaler.target.because, view.scaler.troubles(), config.currency
        workers = card("Workers", sections.tiers(*tiers))
        workers += card("Spend", sections.spend(view.costs, config.currency))
        slots = card("Slots in the last hour", timeline(view.slots, config.class_names, now))
        self._show("top", f"<div>{slots}</div><div>{workers}</div>", "top")
        sides = (
            ("Turnaround, from submission to result", sections.turnaround(view.turnaround, config)),
            ("Failures in the last hour", sections.failures(view.failures, now)),
            ("Who paused for whom", sections.delays(view.delays)),
        )
        self._show("sides", "".join(card(title, body) for title, body in sides), "grid")

    def _head(self, now: datetime) -> str:
        view, jobs = self.view, self.view.state.open_jobs()
        run = sum(1 for job in jobs if job.slots)
        held = sum(1 for job in jobs if job.is_held)
        parts = [
            f"<h1>{sections.text(view.config.name or 'pool')}</h1>",
            f"<span><b>{len(jobs)}</b> {'job is' if len(jobs) == 1 else 'jobs are'} open: {run} running, "
            f"{len(jobs) - run - held} waiting" + (f", {held} held</span>" if held else "</span>"),
            f"<span><b>{len(view.state.workers)}</b> workers, target {view.scaler.target.total}</span>",
            f'<span class="soft">{clock(now, now)}</span>',
        ]
        troubles = filter(None, (view.no_workers(), view.ledger.trouble))
        parts += [f'<span class="bad">{sections.text(trouble)}</span>' for trouble in troubles]
        return f'<div class="head">{"".join(parts)}</div>'


class JobPage(_Page):
    """One job; `update` draws it anew from the view."""

    def __init__(self, view: PoolView, job: str, start: int) -> None:
        super().__init__(view, "head", "job", "outputs")
        self._job, self._start = job, start

    def update(self) -> None:
        """Draw what is known now."""
        now = datetime.now().astimezone()
        known = self.view.one_job(self._job)
        back = '<a href="mediadask">all jobs</a>'
        if known is None:
            what = (
                "Reading …"
                if self.view.is_reading(self._job)
                else "The pool and its ledger know no such job."
            )
            self._show("head", f'<div class="head">{back}</div>')
            self._show("job", card("Job", f'<p class="soft">{what}</p>'))
            return
        self._show("head", f'<div class="head"><h1>{sections.text(known["name"])}</h1>{back}'
                           f'<span class="soft">{sections.text(self._job)}</span></div>')  # fmt: skip
        parts = (
            ("Job", sections.job_facts(known, now)),
            ("Units on their way", sections.units(self.view.units_of(self._job))),
            ("Failures", sections.job_failures(known["failures"], now)),
        )
        self._show("job", "".join(card(title, body) for title, body in parts), "grid")
        start = self._start // PAGE_OUTPUTS * PAGE_OUTPUTS
        listed, number = self.view.outputs_of(self._job, start)
        self._show("outputs", card(*output_list(self._job, listed, start, number)))
