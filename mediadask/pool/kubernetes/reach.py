"""Reaching a pool on Kubernetes from elsewhere: by the API server, with the certificates of its Secret."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mediadask.errors import InvalidRequest, MediaError, OutputFailed
from mediadask.pool.kubernetes.api import Refused, connect, run
from mediadask.pool.kubernetes.readiness import is_ready, why_not_ready
from mediadask.pool.kubernetes.secrets import security_in
from mediadask.pool.scaling.kubernetes_names import PAGES_PORT, PORT, labels, scheduler_of, selector

if TYPE_CHECKING:
    from distributed import Security

    from mediadask.pool.kubernetes.api import Api, Object

__all__ = ["Forward", "Place", "Reached", "find", "is_on_kubernetes", "reach"]

_PREFIX = "kubernetes:"


def is_on_kubernetes(where: str) -> bool:
    """Whether this names a pool on Kubernetes: ``kubernetes:NAME`` or ``kubernetes:NAMESPACE/NAME``."""
    return where.startswith(_PREFIX)


@dataclass(frozen=True)
class Place:
    """A pool on Kubernetes."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{_PREFIX}{self.namespace}/{self.name}"


def find(where: str) -> Place:
    """The pool that ``kubernetes:NAME`` or ``kubernetes:NAMESPACE/NAME`` means.

    Raises
    ------
    InvalidRequest
        There is none, or there are several in namespaces that may be seen.
    """
    return run(_find(where))


async def _find(where: str) -> Place:
    namespace, _, name = where.removeprefix(_PREFIX).rpartition("/")
    if not name:
        raise InvalidRequest("names no pool", where=where, do="say kubernetes:NAME")
    async with connect() as api:
        found = await _labeled(api, "DaskCluster", name, namespace)
        # The settings are what `pool up` makes first: of a pool that is half made they are there.
        found = found or await _labeled(api, "ConfigMap", name, namespace)
    places = [
        Place(namespace, name) for namespace in sorted({each["metadata"]["namespace"] for each in found})
    ]
    if not places:
        do = "bring it up with `mediadask pool up --spec FILE`, or choose another context with kubectl"
        raise InvalidRequest("no pool of this name is up in the cluster", where=where, do=do)
    if len(places) > 1:
        raise InvalidRequest(
            "is in several namespaces", where=where, do=f"say {' or '.join(map(str, places))}"
        )
    return places[0]


async def _security(place: Place) -> Security:
    async with connect() as api:
        secret = await api.get("Secret", f"{place.name}-tls", place.namespace)
    if secret is None:
        reason = f"its certificates, the Secret {place.name}-tls, are not there"
        raise InvalidRequest(reason, where=place, do="`mediadask pool up` makes them again")
    return security_in(secret)


async def _labeled(api: Api, kind: str, name: str, namespace: str) -> list[Object]:
    """The pool's objects of a kind: in all namespaces, or in the one that we may see."""
    ours = selector(labels(name))
    try:
        return await api.find(kind, namespace or None, ours)
    except Refused as refused:
        if refused.status == 404:  # no such kind here
            return []
        if namespace or refused.status != 403:
            raise
        return await api.find(kind, api.namespace, ours)


async def _trouble(place: Place) -> str:
    async with connect() as api:
        deployment = await api.get("Deployment", scheduler_of(place.name), place.namespace)
        if deployment is None:
            return "its Deployment is not there"
        if is_ready(deployment):
            return ""
        try:
            return await why_not_ready(api, deployment)
        except OutputFailed as error:
            return error.what


async def _is_removed(place: Place) -> bool:
    try:
        async with connect() as api:
            cluster = await api.get("DaskCluster", place.name, place.namespace)
    except MediaError:  # nobody knows
        return False
    return cluster is None or "deletionTimestamp" in cluster["metadata"]


class Forward:
    """A port of this machine that leads to one of the scheduler's pod, whichever that is at the time.

    It runs in a thread of its own until it is closed.
    """

    def __init__(self, place: Place, port: int = PORT) -> None:
        self._place, self._there = place, port
        self.port = 0
        self._loop = asyncio.new_event_loop()
        # Who connects while no pod is ready is let go; what kr8s would say of it is for its own users.
        self._loop.set_exception_handler(lambda loop, context: None)
        self._closing = asyncio.Event()
        self._opened = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="mediadask-forward", daemon=True)
        self._thread.start()
        self._opened.wait()
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Lead nowhere any more."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join()

    def __enter__(self) -> Forward:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._forward())
        except BaseException as error:  # whoever has opened it is told
            self._error = error
        finally:
            self._opened.set()
            self._loop.close()

    async def _forward(self) -> None:
        from kr8s.asyncio.objects import Service
        from kr8s.asyncio.portforward import PortForward

        name, namespace = scheduler_of(self._place.name), self._place.namespace
        async with connect() as api:
            if await api.get("Service", name, namespace) is None:
                what = "the pool is half made: its scheduler is not there"
                do = "`mediadask pool up` makes it whole, `mediadask pool down` removes it"
                raise InvalidRequest(what, where=self._place, do=do)
            service: Any = await Service.get(name, namespace=namespace, api=api.client)
            async with PortForward(service, self._there, "auto") as self.port:
                self._opened.set()
                await self._closing.wait()
                connections = asyncio.all_tasks() - {asyncio.current_task()}
                for connection in connections:
                    connection.cancel()
                await asyncio.gather(*connections, return_exceptions=True)


class Reached:
    """A way to a pool on Kubernetes, from a machine outside of the cluster. Close it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._work = Forward(place)
        self._pages: Forward | None = None
        try:
            self.renew()
        except BaseException:
            self.close()
            raise

    @property
    def address(self) -> str:
        """The scheduler's address, as seen from here."""
        return f"tls://127.0.0.1:{self._work.port}"

    @property
    def dashboard(self) -> str:
        """The address of the pool's page, as seen from here."""
        self._pages = self._pages or Forward(self.place, PAGES_PORT)
        return f"http://127.0.0.1:{self._pages.port}/mediadask"

    def trouble(self) -> str:
        """Why its scheduler does not run; empty where it does."""
        return run(_trouble(self.place))

    def is_removed(self) -> bool:
        """Whether the pool is gone for good, or about to be."""
        return run(_is_removed(self.place))

    def renew(self) -> None:
        """Use the certificates of now."""
        self.security: Security = run(_security(self.place))

    def close(self) -> None:
        """Let go."""
        for forward in filter(None, (self._work, self._pages)):
            forward.close()


def reach(where: str) -> Reached:
    """Open a way to the pool ``kubernetes:NAME`` or ``kubernetes:NAMESPACE/NAME``.

    Raises
    ------
    InvalidRequest
        There is none, or we may not reach it.
    """
    return Reached(find(where))
