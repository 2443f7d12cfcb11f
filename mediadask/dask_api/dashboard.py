"""The pages that a scheduler or a worker serves, and those that are added to Dask's own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Scheduler, Worker
    from tornado.web import Application

__all__ = ["add_dashboard_page", "has_dashboard", "pages", "pages_path", "pages_port", "start_dashboard"]

_logger = logging.getLogger(__name__)


def pages(server: Scheduler | Worker) -> Application:
    """What serves a scheduler's or a worker's pages and metrics."""
    application: Application = server.http_application
    return application


def pages_path(scheduler: Scheduler, name: str) -> str:
    """The path of a page beside Dask's own, under the prefix that these have."""
    application = next(iter(scheduler.http_application.applications), None)
    return f"{getattr(application, 'prefix', '')}/{name}"


def pages_port(scheduler: Scheduler) -> int:
    """The port of its pages."""
    port: int = scheduler.http_server.port
    return port


def start_dashboard(scheduler: Scheduler) -> bool:
    """Serve Dask's own pages from now on, where the scheduler was started without. False without Bokeh's."""
    try:
        from distributed.dashboard.scheduler import connect

        if "dashboard" not in scheduler.services:
            return False
        if not scheduler.http_application.applications:
            connect(scheduler.http_application, scheduler.http_server, scheduler)
    except (ImportError, AttributeError) as error:
        _logger.warning("this release of Dask has no dashboard that the pool knows: %s", error)
        return False
    return True


def has_dashboard(scheduler: Scheduler) -> bool:
    """Whether Dask's own pages are served."""
    return bool(scheduler.http_application.applications)


def add_dashboard_page(
    scheduler: Scheduler, name: str, show: Callable[[Any], None], *, style: str = ""
) -> None:
    """Add a page to Dask's own and to their menu, under their prefix. Where none are served, do nothing.

    Parameters
    ----------
    name
        Of the page, in its URL and in the menu.
    show
        Fills the Bokeh document of each visitor.
    style
        CSS of the page around it.
    """
    try:
        from distributed.dashboard.components.scheduler import BOKEH_THEME, env
        from distributed.dashboard.core import BokehApplication
        from distributed.dashboard.scheduler import template_variables
        from tornado.ioloop import IOLoop

        if "dashboard" not in scheduler.services or not has_dashboard(scheduler):
            return
        variables = template_variables(scheduler)

        def fill(_: Scheduler, of_template: dict[str, Any], document: Any) -> None:
            document.template = env.from_string(_STYLED_PAGE)
            document.template_variables["style"] = style
            document.template_variables.update(of_template)
            document.theme = BOKEH_THEME
            show(document)

        application = BokehApplication(
            {f"/{name}": fill},
            scheduler,
            prefix=scheduler.http_application.applications[0].prefix,
            template_variables=variables,
        )
        scheduler.http_application.add_application(application)
        application.initialize(IOLoop.current())
        if name not in variables["pages"]:
            variables["pages"].insert(1, name)  # the list that all of Dask's pages draw their menu from
    except (ImportError, AttributeError, KeyError) as error:
        _logger.warning("this release of Dask takes no page of others: %s", error)


_STYLED_PAGE = (
    '{% extends "simple.html" %}{% block extra_resources %}<style>{{ style }}</style>{% endblock %}'
)
