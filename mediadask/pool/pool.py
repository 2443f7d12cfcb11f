"""The pool as its clients see it: a place to submit deliveries to."""

from __future__ import annotations

import html
import os
import warnings
from typing import TYPE_CHECKING, Any, Self

from dask.base import is_dask_collection
from distributed.protocol.pickle import dumps, loads

from mediadask.delivery import Delivery, sendable
from mediadask.errors import InvalidRequest, MediaError
from mediadask.pool import opening
from mediadask.pool.computation import Computation
from mediadask.pool.history import new_id
from mediadask.pool.job import Job, Jobs, written

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

    import pandas as pd
    from distributed import Client

    from mediadask.choices import CostsBy, TurnaroundBy
    from mediadask.pool.link import Link

__all__ = ["Pool"]


class Pool:
    """A Dask cluster whose workers the jobs of all shows share. Close it, or use it in a ``with`` block."""

    def __init__(self, link: Link) -> None:
        self._link = link

    @property
    def client(self) -> Client:
        """An ordinary Dask client of the same scheduler."""
        return self._link.client

    @classmethod
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
        return cls(opening.started_here(workers, threads, name))

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
        return cls(opening.described(spec))

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
        return cls(opening.there(address))

    @property
    def address(self) -> str:
        """Where other clients connect to."""
        return self._link.address

    @property
    def dashboard(self) -> str:
        """The address of Dask's dashboard, served from now on; ``/mediadask`` there is the pool's page."""
        self.ask("dashboard")
        return self._link.dashboard

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
        return self._link.ask(what, **arguments)

    def close(self) -> None:
        """Let go of the pool. A local one ends with it, and its jobs that run are cancelled: what they have
        committed stays. Jobs of a pool elsewhere go on.
        """
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._link.cluster is not None and (left := self._open_jobs()):
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
        return f"<Pool {self.address}{' closed' if self._link.is_closed else ''}>"

    def _repr_html_(self) -> str:
        try:
            told = self.status()
        except MediaError as error:
            return f"<div><b>Pool</b> {html.escape(str(error))}</div>"
        tiers = (f"{tier['tier']}: {tier['workers']} of {tier['target']} workers" for tier in told["tiers"])
        jobs = "".join(Job(self, described)._repr_html_() for described in told["jobs"])
        title = html.escape(" · ".join((self.address, *tiers)))
        return f"<div><b>Pool</b> {title}{jobs or '<br>no job is open'}</div>"
