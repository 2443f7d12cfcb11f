"""Who may read a pool's pages and metrics in a browser: pages that came from them, on the pool's own machine.

They are served on loopback, but a browser here also runs the pages of others. One of those may give its own
name the address 127.0.0.1 and then read what answers there as its own (DNS rebinding), or open a websocket,
which browsers allow to every page. Such requests name another host, or another origin.

In a Kubernetes pod they are served to its network, too: a port-forward comes from loopback, and whoever else
asks gets only what a node and Prometheus need.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import dask.config
from tornado.routing import Matcher, PathMatches, Rule
from tornado.web import RequestHandler

from mediadask import dask_api

if TYPE_CHECKING:
    from collections.abc import Collection

    from distributed import Scheduler, Worker
    from tornado.httputil import HTTPServerRequest
    from tornado.web import Application

__all__ = ["dask_setup", "guard"]

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_ORIGINS = "distributed.scheduler.dashboard.bokeh-application.allow_websocket_origin"


_PUBLIC = ("/health", "/metrics", "/ready")
"""For other machines, where there is a way from them at all."""


def guard(application: Application) -> None:
    """Have a Dask server's HTTP application answer only requests from loopback, from its own pages or none.

    A proxy before it makes it another host: the names in Dask's setting ``allow_websocket_origin`` are
    admitted, too, but for ``*``, which is Dask's default.
    """
    named = [name.lower() for name in dask.config.get(_ORIGINS) if name != "*"]
    application.default_router.rules.insert(0, Rule(_Foreign(named), _Refusal))


async def dask_setup(server: Scheduler | Worker) -> None:
    """Called by Dask in each worker or scheduler that loads this module first."""
    pages = dask_api.pages(server)
    pages.default_router.rules.insert(0, Rule(PathMatches("/ready"), _Ready, {"server": server}))
    guard(pages)


class _Foreign(Matcher):
    def __init__(self, named: Collection[str]) -> None:
        self._named = named

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """As Tornado asks: not None where the request is one to refuse."""
        if not _is_loopback(request.remote_ip):
            return None if request.path in _PUBLIC else {}
        host, origin = request.host.lower(), request.headers.get("Origin")
        is_here = request.host_name in _LOOPBACK or self._is_named(host)
        if origin is None:
            return None if is_here else {}
        theirs = urlsplit(origin.lower()).netloc
        return None if is_here and (theirs == host or self._is_named(theirs)) else {}

    def _is_named(self, host: str) -> bool:
        return host in self._named or (urlsplit(f"//{host}").hostname or "") in self._named


def _is_loopback(address: str | None) -> bool:
    try:
        here = ip_address(address or "")
    except ValueError:  # a socket that is a file
        return True
    return here.is_loopback or bool(
        isinstance(here, IPv6Address) and here.ipv4_mapped and here.ipv4_mapped.is_loopback
    )


class _Ready(RequestHandler):
    """Whether a pool runs on a scheduler, which answers as one before its ledger is open."""

    def initialize(self, server: Any) -> None:
        self._server = server

    def get(self) -> None:
        self.set_status(200 if dask_api.has_plugin(self._server, "mediadask-pool") else 503)


class _Refusal(RequestHandler):
    def prepare(self) -> None:
        self.set_status(403)
        self.set_header("Content-Type", "text/plain")
        self.finish(
            "this pool answers only requests to 127.0.0.1 or localhost, and its own pages; "
            f"Dask's setting {_ORIGINS} names other hosts\n"
        )
