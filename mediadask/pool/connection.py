"""Clients of schedulers elsewhere: connected within seconds, or refused with a line that says why."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import dask.config
from dask.utils import parse_timedelta
from distributed import Client, Security, rpc
from distributed.comm.addressing import resolve_address

from mediadask.errors import InvalidRequest

__all__ = ["connected"]

_CONNECT_SECONDS = 10.0
"""Dask waits 30: a person who mistyped an address should not."""


def connected(address: str) -> Client:
    """A client of the scheduler at `address`, on which this version of mediadask runs too.

    Raises
    ------
    InvalidRequest
        Nobody answers there, or it is no scheduler, or one with another mediadask, or with none.
    """
    configured = parse_timedelta(dask.config.get("distributed.comm.timeouts.connect"))
    seconds = min(float(configured), _CONNECT_SECONDS)
    _greet(address, seconds)
    try:
        client = Client(address, set_as_default=False, timeout=seconds)
    except (OSError, ImportError) as error:
        raise _nobody(address, error) from None
    try:
        _check_version(client, address)
    except BaseException:
        client.close()
        raise
    return client


def _greet(address: str, seconds: float) -> None:
    """Ask who is there: Dask's own client waits for ever for what listens and says nothing."""
    try:
        resolve_address(address)
        # A notebook's thread has a loop that runs.
        with ThreadPoolExecutor(1) as thread:
            there = thread.submit(asyncio.run, _identity(address, seconds)).result()
    except TimeoutError:
        raise _no_scheduler(address, "what listens there does not answer") from None
    except (OSError, ValueError) as error:
        raise _nobody(address, error) from None
    except Exception as error:  # whatever reading another protocol as Dask's brings
        reason = f"what answers there is no Dask scheduler ({type(error).__name__})"
        raise _no_scheduler(address, reason) from None
    if there.get("type") != "Scheduler":
        raise _no_scheduler(address, f"is a Dask {str(there.get('type', 'server')).lower()}, not a scheduler")


async def _identity(address: str, seconds: float) -> dict[str, Any]:
    arguments = Security().get_connection_args("client")
    async with (
        asyncio.timeout(seconds + 1),
        rpc(address, timeout=seconds, connection_args=arguments) as server,
    ):
        there: dict[str, Any] = await server.identity()
    return there


def _check_version(client: Client, address: str) -> None:
    here = version("mediadask")
    try:
        there = client.run_on_scheduler(version, "mediadask")
    except PackageNotFoundError:
        raise InvalidRequest(
            "the scheduler's Python has no mediadask",
            where=address,
            do=f"install {here} there, and where its workers run",
        ) from None
    if there != here:
        raise InvalidRequest(
            f"mediadask {there} runs there, and {here} here",
            where=address,
            do="install the same version on both sides",
        )


def _nobody(address: str, error: Exception) -> InvalidRequest:
    return InvalidRequest(
        f"no pool answers ({error})",
        where=address,
        do="check the address, or start one with `dask scheduler` and `dask worker`",
    )


def _no_scheduler(address: str, what: str) -> InvalidRequest:
    return InvalidRequest(what, where=address, do="give a scheduler's address, such as tcp://host:8786")
