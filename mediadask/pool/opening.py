"""Ways to a pool: one that this process starts, one that is named or has an address, one on Kubernetes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask.config
from distributed import Client, LocalCluster

from mediadask import dask_api
from mediadask.errors import InvalidRequest, MediaError
from mediadask.pool import standing
from mediadask.pool.config import load_config
from mediadask.pool.connection import connected
from mediadask.pool.guard import guard
from mediadask.pool.keys import new_keys, pools_here, security_for, security_with
from mediadask.pool.link import Link
from mediadask.pool.scheduler.plugin import PoolPlugin
from mediadask.pool.signals import leave_unless_main, workers_without_interrupts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distributed import Security

    from mediadask.pool.kubernetes.reach import Reached

__all__ = ["described", "started_here", "there"]


@workers_without_interrupts()
def started_here(workers: int | None, threads: int | None, name: str | None) -> Link:
    """Start the scheduler of a pool in this process: see `Pool.local`."""
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
    return Link(client, cluster, PoolPlugin(config, local=True, at_once=workers or 0))


def described(spec: str | Path | Mapping[str, Any]) -> Link:
    """Bring up the pool on Kubernetes that a spec describes: see `Pool.kubernetes`."""
    # Imported here: who has no cluster does not wait for it.
    from mediadask.pool.kubernetes.reach import Place
    from mediadask.pool.kubernetes.spec import read_spec
    from mediadask.pool.kubernetes.up import up

    made = up(read_spec(Path(spec) if isinstance(spec, str) else spec))
    return _on_kubernetes(str(Place(made.namespace, made.name)))


def there(address: str | None) -> Link:
    """Connect to the pool at an address or of a name: see `Pool.connect`."""
    if address is None:
        address = _address_here()
    if address.startswith("kubernetes:"):
        return _on_kubernetes(address)
    if ":" in address:
        return _linked(address, standing.security_at(address) or security_for(address))
    found = standing.find(address)
    return _linked(found.address, found.security)


def _linked(at: str, security: Security, reached: Reached | None = None) -> Link:
    client = connected(at, security)
    try:
        return Link(client, reached=reached)
    except MediaError as error:  # of the scheduler's settings or its ledger, not of those here
        raise type(error)(str(error), where=at) from None


def _on_kubernetes(address: str) -> Link:
    from mediadask.pool.kubernetes.reach import reach

    reached = reach(address)
    try:
        return _linked(reached.address, reached.security, reached)
    except BaseException as error:
        reached.close()
        if not isinstance(error, InvalidRequest):
            raise
        what, do = error.what, error.do
    if trouble := reached.trouble():
        what = f"its scheduler does not run: {trouble}"
        do = "`mediadask pool up` with its spec makes it whole"
    raise InvalidRequest(what, where=reached.place, do=do)  # its address here means nothing to anybody


def _address_here() -> str:
    address = dask.config.get("scheduler-address", None)
    if not address:
        do = "give an address, or the name of a pool; in pods DASK_SCHEDULER_ADDRESS holds one"
        raise InvalidRequest("no scheduler is named here", where="scheduler-address", do=do)
    return str(address)
