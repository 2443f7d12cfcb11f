"""The link between a client and a pool's scheduler: its questions go there, also to the scheduler that takes
the place of one that Kubernetes has ended.
"""

from __future__ import annotations

import logging
import time
import warnings
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any

from distributed import Status
from distributed.client import ClosedClientError

from mediadask import dask_api
from mediadask.delivery import sendable
from mediadask.errors import MediaError, MediaWarning
from mediadask.pool.connection import connected
from mediadask.pool.descriptions import UnknownJob
from mediadask.pool.keys import pools_here
from mediadask.pool.scheduler.plugin import PoolPlugin

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

    from mediadask.pool.kubernetes.reach import Reached

__all__ = ["Link"]

_AGAIN_SECONDS = 1.0
_PATIENCE_SECONDS = 900.0
"""A node may have to be made for a scheduler on Kubernetes."""

_TAKE_UP_SECONDS = 120.0
"""A new scheduler takes up jobs when it is sure that the one before is dead."""

_WITHOUT_ANSWER = {"cancel", "reprioritize", "reclaim", "dashboard"}


class Link:
    """A client's hold on a scheduler, which becomes a pool unless it is one.

    Parameters
    ----------
    client
        Connected to the scheduler.
    cluster
        The scheduler's, where this process started it: it ends when the link is closed.
    plugin
        Makes a pool of the scheduler; by default as `dask.config` says there.
    reached
        How it is reached on Kubernetes.
    """

    def __init__(
        self,
        client: Client,
        cluster: LocalCluster | None = None,
        plugin: PoolPlugin | None = None,
        reached: Reached | None = None,
    ) -> None:
        self.client, self.cluster, self.reached, self.is_closed = client, cluster, reached, False
        self.address = str(client.scheduler.address if reached is None else reached.place)
        """Where other clients connect to."""

        self._returned_at = -inf
        try:
            client.register_plugin(plugin or PoolPlugin())
        except BaseException:
            self.close()
            raise
        self._scheduler = "" if reached is None else _identity(client)

    @property
    def dashboard(self) -> str:
        """The address of Dask's dashboard."""
        return str(self.client.dashboard_link) if self.reached is None else self.reached.dashboard

    def ask(self, what: str, **arguments: Any) -> Any:
        """Call one of the pool's services, and wait for a scheduler that is about to come back.

        Raises
        ------
        MediaError
            The pool does not answer any more; else what the service raises.
        """
        if self.cluster is not None and self.cluster.scheduler.status in (Status.closing, Status.closed):
            raise self._gone()  # at once: a client looks for its scheduler for half a minute
        arguments = {name: sendable(it) if isinstance(it, str) else it for name, it in arguments.items()}
        while True:
            try:
                answer = self.client.sync(getattr(self.client.scheduler, f"mediadask_{what}"), **arguments)
            except MediaError as error:
                if not self._may_come_back(error):
                    raise
                time.sleep(_AGAIN_SECONDS)
            except (OSError, ClosedClientError, AttributeError) as error:
                if self.reached is None or self.is_closed:
                    raise self._gone() from error
                self._wait_for_scheduler()
            else:
                if answer is not None or what in _WITHOUT_ANSWER or self.reached is None:
                    return answer
                # Dask's client found the new scheduler before there was a pool on it.
                self._wait_for_scheduler()

    def _wait_for_scheduler(self) -> None:
        """A scheduler's pod has ended, and Kubernetes starts another: use that."""
        assert self.reached is not None
        self._warn_that_it_was_away()
        give_up = monotonic() + _PATIENCE_SECONDS
        _close_quietly(self.client)
        while True:
            try:
                self.reached.renew()
                client = connected(self.reached.address, self.reached.security)
                break
            except MediaError as error:
                if monotonic() > give_up or self.reached.is_removed():
                    raise self._gone() from error
                time.sleep(_AGAIN_SECONDS)
        self.client, self._scheduler, self._returned_at = client, _identity(client), monotonic()
        client.register_plugin(PoolPlugin())

    def _may_come_back(self, error: MediaError) -> bool:
        """Whether a job is not known only since the new scheduler has not taken it up yet."""
        if self.reached is None or not isinstance(error, UnknownJob):
            return False
        if (scheduler := _identity(self.client)) != self._scheduler:  # Dask's client has found it by itself
            self._warn_that_it_was_away()
            self._scheduler, self._returned_at = scheduler, monotonic()
        return monotonic() - self._returned_at < _TAKE_UP_SECONDS

    def _warn_that_it_was_away(self) -> None:
        line = f"{self.address}: its scheduler is away; waiting until it is back, with its jobs"
        warnings.warn(MediaWarning(line), stacklevel=6)

    def _gone(self) -> MediaError:
        if self.is_closed:
            do = "take results before it is closed: what is delivered is found again, not made twice"
            return MediaError("the pool was closed here", where=self.address, do=do)
        do = "jobs of a pool with a name go on when it is up again: see `mediadask pool status`"
        return MediaError("the pool is gone", where=self.address, do=do)

    def close(self) -> None:
        """Let go of the scheduler; one of this process ends."""
        self.is_closed = True
        self.client.close()
        if self.reached is not None:
            self.reached.close()
        if self.cluster is not None:
            pools_here.pop(self.address, None)
            dask_api.close_cluster(self.cluster)


def _identity(client: Client) -> str:
    """The identity of its scheduler, which a successor does not share. Empty where none answers."""
    try:
        return str(client.scheduler_info()["id"])
    except OSError:
        return ""


def _close_quietly(client: Client) -> None:
    """Close a client that tries to connect again, which would log with a traceback that it is interrupted."""
    log = logging.getLogger("distributed.client")
    log.disabled = True
    try:
        client.close()
    finally:
        log.disabled = False
