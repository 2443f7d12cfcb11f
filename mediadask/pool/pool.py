"""The pool as its clients see it: a place to submit deliveries to."""

from __future__ import annotations

import html
import logging
import os
import time
import warnings
from math import inf
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

import dask.config
from dask.base import is_dask_collection
from distributed import Client, LocalCluster, Security, Status
from distributed.client import ClosedClientError
from distributed.protocol.pickle import dumps, loads

from mediadask import dask_api
from mediadask.delivery import Delivery, sendable
from mediadask.errors import InvalidRequest, MediaError, MediaWarning
from mediadask.pool import standing
from mediadask.pool.computation import Computation
from mediadask.pool.config import load_config
from mediadask.pool.connection import connected
from mediadask.pool.descriptions import UnknownJob
from mediadask.pool.guard import guard
from mediadask.pool.history import new_id
from mediadask.pool.job import Job, Jobs, written
from mediadask.pool.keys import new_keys, pools_here, security_for, security_with
from mediadask.pool.scheduler.plugin import PoolPlugin
from mediadask.pool.signals import leave_unless_main, workers_without_interrupts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from types import TracebackType

    import pandas as pd

    from mediadask.choices import CostsBy, TurnaroundBy
    from mediadask.pool.kubernetes.reach import Reached

__all__ = ["Pool"]

_AGAIN_SECONDS = 1.0
_PATIENCE_SECONDS = 900.0
"""A node may have to be made for a scheduler on Kubernetes."""

_TAKE_UP_SECONDS = 120.0
"""A new scheduler takes up jobs when it is sure that the one before is dead."""

_WITHOUT_ANSWER = {"cancel", "reprioritize", "reclaim", "dashboard"}


class Pool:
    """A Dask cluster whose workers the jobs of all shows share. Close it, or use it in a ``with`` block."""

    def __init__(
        self,
        client: Client,
        cluster: LocalCluster | None = None,
        plugin: PoolPlugin | None = None,
        reached: Reached | None = None,
    ) -> None:
        self.client = client
        """An ordinary Dask client of the same scheduler."""

        self._cluster, self._reached, self._is_closed = cluster, reached, False
        self._returned_at = -inf
        self._address = str(client.scheduler.address if reached is None else reached.place)
        try:
            client.register_plugin(plugin or PoolPlugin())
        except BaseException:
            self.close()
            raise
        self._scheduler = "" if reached is None else _identity(client)

    @classmethod
    @workers_without_interrupts()
    def local(
        cls, workers: int | None = None, *, threads: int | None = None, name: str | None = None
    ) -> Self:
        """A pool on this machine that ends with this process.

        Workers are processes, so that a picture that crashes its decoder takes no other down. They come with
        the work, at most one for each core, and those that were idle for a while go: the tiers of ``kind:
        local`` in the ``mediadask`` section of `dask.config` say how many there may be, and what they cost.

        Its jobs end with it: wait for them in its ``with`` block, or, in a notebook, keep it in a variable
        and `close` it when all is done. Interrupting a cell that waits leaves pool and job running.

        Parameters
        ----------
        workers
            At most so many, all of which start at once.
        threads
            Of each worker; by default what its tier says, which is one, so that what a worker's death
            interrupts is known to be its cause.
        name
            In the ledger. A pool with a name takes up the jobs that one of the same name left unfinished when
            it died.

        Returns
        -------
        Pool
            Use it in a ``with`` block, or close it.

        Raises
        ------
        InvalidRequest
            The settings are wrong, or the program that calls it is not kept under ``if __name__ ==
            "__main__":``, so that each worker process would run it again.
        OutputFailed
            The ledger does not open.
        """
        leave_unless_main()
        config = load_config().on_this_machine(workers, threads)
        if name is not None:
            config = config.model_copy(update={"name": name})
        security = security_with(new_keys())
        cluster = LocalCluster(
            n_workers=0,
            threads_per_worker=1,
            host="127.0.0.1",
            security=security,
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},  # until somebody asks for it: it takes a second to import
            silence_logs="CRITICAL",  # a worker still starting when the pool closes logs a lost heartbeat
        )
        guard(dask_api.pages(cluster.scheduler))
        try:
            client = Client(cluster, set_as_default=False)
        except BaseException:
            cluster.close()
            raise
        pools_here[cluster.scheduler_address] = security
        return cls(client, cluster, PoolPlugin(config, local=True, at_once=workers or 0))

    @classmethod
    def open(cls, where: str | None = None, *, workers: int | None = None) -> Self:
        """Open the pool that is named, or one of this process.

        Programs that take a pool's name from their user call this; the command line does for ``--pool``.

        Parameters
        ----------
        where
            As `connect` takes it: ``local`` for the pool that `mediadask pool up` keeps on this machine,
            another name, ``kubernetes:NAME``, or an address. None takes it from the environment variable
            ``MEDIADASK_POOL``. If that is not set either, the pool is `Pool.local`, which ends with the
            program.
        workers
            How many workers the program's own pool starts at once; by default they come with the work.

        Returns
        -------
        Pool
            Close it, or use it in a ``with`` block. Closing ends the program's own pool, and no other.

        Raises
        ------
        InvalidRequest
            There is no such pool, or `workers` are asked for of a pool that is up.
        OutputFailed
            The ledger does not open.

        Examples
        --------
        >>> with md.Pool.open() as pool:
        ...     print(pool.submit(md.proxy("A001C001.mov", "proxies")).result())
        proxy: 1 done, 0 failed
        """
        where = where or os.environ.get("MEDIADASK_POOL")
        if not where:
            return cls.local(workers)
        if workers is not None:
            do = f"leave it out, or name no pool: {where} is named (MEDIADASK_POOL)"
            raise InvalidRequest(
                "the workers of a pool that is up are its own", where=f"workers={workers}", do=do
            )
        return cls.connect(where)

    @classmethod
    def kubernetes(cls, spec: str | Path | Mapping[str, Any]) -> Self:
        """The pool on Kubernetes that `spec` describes, brought up or changed to be as it says.

        It stays when it is closed here: `mediadask pool down` ends it. While it has no work, its scheduler's
        pod alone runs.

        Parameters
        ----------
        spec
            A file such as ``clusters/kubernetes.yaml``, or the same as plain data.

        Returns
        -------
        Pool
            Use it in a ``with`` block, or close it.

        Raises
        ------
        MediaError
            The spec is wrong, or this cluster cannot bring it up.
        """
        from mediadask.pool.kubernetes.reach import Place
        from mediadask.pool.kubernetes.spec import read_spec
        from mediadask.pool.kubernetes.up import up

        there = up(read_spec(Path(spec) if isinstance(spec, str) else spec))
        return cls.connect(str(Place(there.namespace, there.name)))

    @classmethod
    def connect(cls, address: str | None = None) -> Self:
        """Connect to a pool that is there already, or make one of a Dask scheduler.

        A scheduler becomes a pool when the first connects. Its workers are whoever starts ``dask worker``
        with its address; where there is none, jobs wait for one and say so.

        A pool of this machine accepts only the user who started it, whose runtime folder has its keys. A
        scheduler elsewhere with an address ``tls://…`` accepts clients with a certificate: name yours in the
        section ``distributed.comm.tls`` of `dask.config`.

        Parameters
        ----------
        address
            A scheduler's address, such as ``tcp://10.0.0.4:8786``; the name of the pool that `mediadask pool
            up` keeps on this machine, such as ``local``; or ``kubernetes:NAME`` in the cluster that kubectl
            uses here. None: Dask's setting ``scheduler-address``, which pods have.

        Returns
        -------
        Pool
            Use it in a ``with`` block, or close it.

        Raises
        ------
        InvalidRequest
            No scheduler answers there, or it refuses this process, or it runs another version of
            mediadask, or its settings are wrong.
        OutputFailed
            The ledger does not open where the scheduler runs.
        """
        if address is None:
            address = _address_here()
        if address.startswith("kubernetes:"):
            return cls._connect_on_kubernetes(address)
        if ":" in address:
            return cls._connect(address, standing.security_at(address) or security_for(address))
        found = standing.find(address)
        return cls._connect(found.address, found.security)

    @classmethod
    def _connect(cls, at: str, security: Security | None, reached: Reached | None = None) -> Self:
        client = connected(at, security)
        try:
            return cls(client, reached=reached)
        except MediaError as error:  # of the scheduler's settings or its ledger, not of those here
            raise type(error)(str(error), where=at) from None

    @classmethod
    def _connect_on_kubernetes(cls, address: str) -> Self:
        # Imported here: who has no cluster does not wait for it.
        from mediadask.pool.kubernetes.reach import reach

        reached = reach(address)
        try:
            return cls._connect(reached.address, reached.security, reached)
        except BaseException as error:
            reached.close()
            if not isinstance(error, InvalidRequest):
                raise
            what, do = error.what, error.do
        if trouble := reached.trouble():
            what = f"its scheduler does not run: {trouble}"
            do = "`mediadask pool up` with its spec makes it whole"
        raise InvalidRequest(what, where=reached.place, do=do)  # its address here means nothing to anybody

    @property
    def address(self) -> str:
        """Where other clients connect to."""
        return self._address

    @property
    def dashboard(self) -> str:
        """The address of Dask's dashboard, served from now on; ``/mediadask`` there is the pool's page."""
        self.ask("dashboard")
        if self._reached is not None:
            return self._reached.dashboard
        return str(self.client.dashboard_link)

    def submit(
        self,
        delivery: Delivery,
        *,
        name: str | None = None,
        show: str = "",
        priority: str | None = None,
        deadline: datetime | None = None,
    ) -> Job:
        """Hand a delivery to the pool.

        Parameters
        ----------
        delivery
            What `mediadask.delivery`, `proxy`, `pull` and the like return.
        name
            For people; by default the delivery's.
        show
            Whom its cost is charged to, and between whom a class's slots are shared.
        priority
            A class, such as ``urgent``, ``normal`` or ``background``.
        deadline
            When its results are needed. Within a class the earliest goes first.

        Returns
        -------
        Job
            The job, which runs whether anybody holds this object or not.

        Raises
        ------
        InvalidRequest
            There is no such class, it is no delivery, or its functions cannot be sent to other processes.
        """
        if not isinstance(delivery, Delivery):
            raise InvalidRequest(
                f"a {type(delivery).__name__} is no delivery",
                do="make one with md.delivery(function, items), or give Dask collections to pool.compute",
            )
        try:
            payload = dumps(delivery)
        except Exception as error:  # whatever the pickling of somebody's objects raises
            raise InvalidRequest(
                f"cannot be sent to workers: {error}", where=delivery.name, do="give its functions plain data"
            ) from error
        described = self.ask(
            "submit",
            job=new_id(),  # ours, so that asking again makes no second one
            name=name if name is not None else delivery.name,
            show=show,
            priority=priority,
            deadline=written(deadline),
            payload=payload,
        )
        return Job(self, described, delivery)

    def compute(
        self,
        collection: Any,
        *,
        name: str = "compute",
        show: str = "",
        priority: str | None = None,
        deadline: datetime | None = None,
    ) -> Job:
        """Have the pool compute a Dask collection: an array, a bag, a delayed value, an xarray object.

        It is a job like any: ordered by class and deadline, units of lower classes pause for it, and it
        has turnaround and cost. Its own tasks are Dask's: one that runs is not displaced before it ends.
        Tasks that an open job computes already run once for both, in the class and on the account of that
        job.

        Parameters
        ----------
        collection
            Anything that Dask computes.
        name
            For people.
        show, priority, deadline
            As in `submit`.

        Returns
        -------
        Job
            `Job.result` gives the computed object.

        Raises
        ------
        InvalidRequest
            It is no Dask collection, or there is no such class.
        """
        if not is_dask_collection(collection):
            kind = type(collection).__name__
            raise InvalidRequest(
                f"a {kind} is no Dask collection", do="open it with chunks, or submit a delivery"
            )
        computation = Computation(name, collection)
        return self.submit(computation, show=show, priority=priority, deadline=deadline)

    def jobs(self) -> Jobs:
        """List the jobs that the pool knows.

        Returns
        -------
        Jobs
            A list, first come first; notebooks and terminals show it as a table.
        """
        return Jobs(Job(self, described) for described in self.ask("describe"))

    def job(self, name: str) -> Job:
        """Find a job.

        Parameters
        ----------
        name
            Its name or id.

        Returns
        -------
        Job
            The latest one with this name or id.

        Raises
        ------
        InvalidRequest
            There is none.
        """
        for job in reversed(self.jobs()):
            if sendable(name) in (job.id, job.name):
                return job
        raise InvalidRequest("the pool knows no such job", where=name, do="`mediadask jobs` lists them")

    def turnaround(self, by: TurnaroundBy = "priority") -> pd.DataFrame:
        """Tell how long jobs took.

        Parameters
        ----------
        by
            ``priority``, ``show`` or ``kind``.

        Returns
        -------
        pandas.DataFrame
            One row for each, durations in seconds.

        Raises
        ------
        InvalidRequest
            It is told by nothing else.
        """
        return self._table("turnaround", by, ("priority", "show", "kind"))

    def costs(self, by: CostsBy = "show") -> pd.DataFrame:
        """Tell what was spent on what.

        Parameters
        ----------
        by
            ``show``, ``job``, ``priority`` or ``kind``.

        Returns
        -------
        pandas.DataFrame
            One row for each, money in the configured currency, durations in hours of threads.

        Raises
        ------
        InvalidRequest
            It is told by nothing else.
        """
        return self._table("costs", by, ("show", "job", "priority", "kind"))

    def _table(self, report: str, by: str, known: tuple[str, ...]) -> pd.DataFrame:
        if by not in known:
            raise InvalidRequest(f"no {report} by {by!r}", do=f"use one of {', '.join(known)}")
        table: pd.DataFrame = loads(self.ask("report_table", report=report, by=by))
        return table

    def reclaim(self, tier: str) -> None:
        """The owner of `tier` wants its workers back: what they run goes elsewhere at its next frame, and
        none of them starts again until `restore`.

        Parameters
        ----------
        tier
            The tier's name in the settings.

        Raises
        ------
        InvalidRequest
            There is no such tier.
        """
        self.ask("reclaim", tier=tier, reclaimed=True)

    def restore(self, tier: str) -> None:
        """Let workers of a tier that was reclaimed start again.

        Parameters
        ----------
        tier
            The tier's name in the settings.

        Raises
        ------
        InvalidRequest
            There is no such tier.
        """
        self.ask("reclaim", tier=tier, reclaimed=False)

    def status(self) -> dict[str, Any]:
        """Tell what the pool is doing.

        Returns
        -------
        dict
            Plain data: ``tiers`` with workers and their target, open ``jobs``, and what is wrong.
        """
        told: dict[str, Any] = self.ask("status")
        return told

    def down(self, *, now: bool = False) -> None:
        """Have the pool end. It takes no new jobs from now on. Returns at once.

        Parameters
        ----------
        now
            End it at once: the next pool of its name goes on with its jobs. False: when its jobs have ended.
        """
        self.ask("down", now=now)

    def ask(self, what: str, **arguments: Any) -> Any:
        """Call one of the pool's services.

        Parameters
        ----------
        what
            The service's name.
        arguments
            What it takes, as plain data.

        Returns
        -------
        Any
            What it answers.

        Raises
        ------
        MediaError
            The pool does not answer any more; else what the service raises.
        """
        if self._cluster is not None and self._cluster.scheduler.status in (Status.closing, Status.closed):
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
                if self._reached is None or self._is_closed:
                    raise self._gone() from error
                self._wait_for_scheduler()
            else:
                if answer is not None or what in _WITHOUT_ANSWER or self._reached is None:
                    return answer
                # Dask's client found the new scheduler before there was a pool on it.
                self._wait_for_scheduler()

    def _wait_for_scheduler(self) -> None:
        """A scheduler's pod has ended, and Kubernetes starts another: use that."""
        assert self._reached is not None
        self._warn_that_it_was_away()
        give_up = monotonic() + _PATIENCE_SECONDS
        _close_quietly(self.client)
        while True:
            try:
                self._reached.renew()
                client = connected(self._reached.address, self._reached.security)
                break
            except MediaError as error:
                if monotonic() > give_up or self._reached.is_removed():
                    raise self._gone() from error
                time.sleep(_AGAIN_SECONDS)
        self.client, self._scheduler, self._returned_at = client, _identity(client), monotonic()
        client.register_plugin(PoolPlugin())

    def _may_come_back(self, error: MediaError) -> bool:
        """Whether a job is not known only since the new scheduler has not taken it up yet."""
        if self._reached is None or not isinstance(error, UnknownJob):
            return False
        if (scheduler := _identity(self.client)) != self._scheduler:  # Dask's client has found it by itself
            self._warn_that_it_was_away()
            self._scheduler, self._returned_at = scheduler, monotonic()
        return monotonic() - self._returned_at < _TAKE_UP_SECONDS

    def _warn_that_it_was_away(self) -> None:
        line = f"{self.address}: its scheduler is away; waiting until it is back, with its jobs"
        warnings.warn(MediaWarning(line), stacklevel=5)

    def _gone(self) -> MediaError:
        if self._is_closed:
            do = "take results before it is closed: what is delivered is found again, not made twice"
            return MediaError("the pool was closed here", where=self.address, do=do)
        do = "jobs of a pool with a name go on when it is up again: see `mediadask pool status`"
        return MediaError("the pool is gone", where=self.address, do=do)

    def close(self) -> None:
        """Let go of the pool. A local one ends with it, and its jobs that run are cancelled: what they have
        committed stays. Jobs of a pool elsewhere go on.
        """
        self._is_closed = True
        self.client.close()
        if self._reached is not None:
            self._reached.close()
        if self._cluster is not None:
            pools_here.pop(self._address, None)
            dask_api.close_cluster(self._cluster)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._cluster is not None and (left := self._open_jobs()):
            warnings.warn(
                f"the pool closes before its jobs have ended: {', '.join(left)}; wait for them in its block",
                RuntimeWarning,
                stacklevel=2,
            )
        self.close()

    def _open_jobs(self) -> list[str]:
        try:
            return [job["name"] for job in self.status()["jobs"]]
        except MediaError:  # it was closed in the block, or has died
            return []

    def __repr__(self) -> str:
        return f"<Pool {self.address}{' closed' if self._is_closed else ''}>"

    def _repr_html_(self) -> str:
        try:
            told = self.status()
        except MediaError as error:
            return f"<div><b>Pool</b> {html.escape(str(error))}</div>"
        tiers = (f"{tier['tier']}: {tier['workers']} of {tier['target']} workers" for tier in told["tiers"])
        jobs = "".join(Job(self, described)._repr_html_() for described in told["jobs"])
        title = html.escape(" · ".join((self.address, *tiers)))
        return f"<div><b>Pool</b> {title}{jobs or '<br>no job is open'}</div>"


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


def _address_here() -> str:
    address = dask.config.get("scheduler-address", None)
    if not address:
        do = "give an address, or the name of a pool; in pods DASK_SCHEDULER_ADDRESS holds one"
        raise InvalidRequest("no scheduler is named here", where="scheduler-address", do=do)
    return str(address)
