"""Clients of schedulers elsewhere: connected within seconds, or refused with a line that says why."""

from __future__ import annotations

import asyncio
import socket
import ssl
import warnings
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import TYPE_CHECKING, Any

import dask.config
from dask.utils import parse_timedelta
from distributed import Client, rpc
from distributed.comm.addressing import get_address_host_port, resolve_address

from mediadask.errors import InvalidRequest, MediaWarning

if TYPE_CHECKING:
    from distributed import Security

__all__ = ["connected"]

_CONNECT_SECONDS = 10.0
"""Dask waits 30: a person who mistyped an address should not."""


def connected(address: str, security: Security) -> Client:
    """A client of the scheduler at `address`, on which this version of mediadask runs too.

    Raises
    ------
    InvalidRequest
        Nobody answers there, or it is no scheduler, refuses us, or runs another mediadask or none.
    """
    configured = parse_timedelta(dask.config.get("distributed.comm.timeouts.connect"))
    seconds = min(float(configured), _CONNECT_SECONDS)
    _greet(address, _certified(address, security), seconds)
    try:
        with warnings.catch_warnings():
            # Dask's table of packages that differ; what matters of it is told below.
            warnings.filterwarnings("ignore", "Mismatched versions found")
            client = Client(address, security=security, set_as_default=False, timeout=seconds)
    except (OSError, ImportError) as error:
        raise _nobody(address, error) from None
    try:
        _check_version(client, address)
    except BaseException:
        client.close()
        raise
    return client


def _certified(address: str, security: Security) -> dict[str, Any]:
    """How to connect: Dask's arguments, its certificates loaded."""
    try:
        arguments: dict[str, Any] = security.get_connection_args("client")
    except OSError as error:  # ssl.SSLError among them
        reason = f"the files that distributed.comm.tls names here cannot be used: {error}"
        raise InvalidRequest(reason, where=address) from None
    if address.startswith("tls://") and arguments["ssl_context"] is None:
        reason = "it accepts only clients with a certificate, and Dask's settings here name none"
        do = "set ca-file and client.cert of distributed.comm.tls, or name the pool if it is of this machine"
        raise InvalidRequest(reason, where=address, do=do)
    if not address.startswith("tls://") and arguments["require_encryption"]:
        reason = "Dask's settings here require encryption, and this address has none"
        raise InvalidRequest(reason, where=address, do="give an address tls://…")
    return arguments


def _greet(address: str, arguments: dict[str, Any], seconds: float) -> None:
    """Ask who is there: Dask's own client waits for ever for what listens and says nothing."""
    try:
        resolve_address(address)
        # A notebook's thread has a loop that runs.
        with ThreadPoolExecutor(1) as thread:
            there = thread.submit(asyncio.run, _identity(address, arguments, seconds)).result()
    except Exception as error:  # whatever reading another protocol as Dask's brings
        if trouble := _tls_trouble(address, arguments["ssl_context"], seconds):
            what, do = trouble
            raise InvalidRequest(what, where=address, do=do) from None
        if isinstance(error, TimeoutError):
            raise _no_scheduler(address, "what listens there does not answer") from None
        if isinstance(error, OSError | ValueError):
            raise _nobody(address, error) from None
        reason = f"what answers there is no Dask scheduler ({type(error).__name__})"
        raise _no_scheduler(address, reason) from None
    if there.get("type") != "Scheduler":
        raise _no_scheduler(address, f"is a Dask {str(there.get('type', 'server')).lower()}, not a scheduler")


async def _identity(address: str, arguments: dict[str, Any], seconds: float) -> dict[str, Any]:
    async with (
        asyncio.timeout(seconds + 1),
        rpc(address, timeout=seconds, connection_args=arguments) as server,
    ):
        there: dict[str, Any] = await server.identity()
    return there


def _tls_trouble(address: str, ours: ssl.SSLContext | None, seconds: float) -> tuple[str, str] | None:
    """What it is about TLS that keeps us out, and what to do; None where it is something else.

    Dask does not tell: a handshake of our own does.
    """
    is_tls = address.startswith("tls://")
    context = ours if is_tls and ours is not None else _trusting()
    try:
        where = get_address_host_port(address)
        with (
            socket.create_connection(where, seconds) as plain,
            context.wrap_socket(plain) as encrypted,
        ):
            if is_tls:
                encrypted.recv(1)  # with TLS 1.3 the other side's refusal comes after the handshake
                return None
    except ssl.SSLCertVerificationError as error:
        why = error.verify_message
        reason = f"no authority that Dask's settings here name has signed its certificate ({why})"
        return reason, "name its authority in distributed.comm.tls.ca-file"
    except ssl.SSLError as error:
        answers_in_tls = "ALERT" in str(error.reason)
        if is_tls and answers_in_tls:
            reason = "it does not accept the certificate that Dask's settings here name"
            return reason, "give distributed.comm.tls.client one that its authority signed"
        if is_tls:
            return "it does not speak TLS", "check the address; tcp:// is for networks that you trust"
        if not answers_in_tls:
            return None
    except (OSError, ValueError):
        return None
    return "it accepts only clients with a certificate", f"give {address.replace('tcp://', 'tls://', 1)}"


def _trusting() -> ssl.SSLContext:
    """For a handshake that says only whether there is one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


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
    theirs, ours = client.run_on_scheduler(python_version), python_version()
    if theirs.split(".")[:2] != ours.split(".")[:2]:
        line = f"{address}: Python {theirs} runs there, and {ours} here"
        do = "functions of notebooks and scripts may not run there; commands do"
        warnings.warn(MediaWarning(f"{line}; {do}"), stacklevel=4)


def _nobody(address: str, error: Exception) -> InvalidRequest:
    return InvalidRequest(
        f"no pool answers ({error})",
        where=address,
        do="check the address, or start one with `dask scheduler` and `dask worker`",
    )


def _no_scheduler(address: str, what: str) -> InvalidRequest:
    return InvalidRequest(what, where=address, do="give a scheduler's address, such as tcp://host:8786")
