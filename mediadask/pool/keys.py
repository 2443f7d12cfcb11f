"""Keys of a pool of this machine: whoever has them may give it work, and nobody else gets a word from it."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from distributed import Security

from mediadask import dask_api

if TYPE_CHECKING:
    from collections.abc import MutableMapping

__all__ = ["new_keys", "pools_here", "security_for", "security_of", "security_with"]

pools_here: MutableMapping[str, Security] = {}
"""By their addresses, the pools of this process, whose keys nobody else has."""

_LIFETIME = timedelta(days=3650)
_CLOCK_ERROR = timedelta(days=1)
"""A clock that is set back must not lock everybody out."""


def new_keys() -> str:
    """Return a private key and a certificate signed with it, as PEM text, for all processes of one pool.

    An elliptic curve, of which a key takes a millisecond: `Security.temporary` makes RSA keys, which take ten
    to a hundred, and locks a pool that is up for a year.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mediadask pool")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _CLOCK_ERROR)
        .not_valid_after(now + _LIFETIME)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (certificate.public_bytes(serialization.Encoding.PEM) + private).decode()


def security_with(keys: str) -> Security:
    """What Dask's processes and clients need to talk to each other with `keys`, and with nobody else.

    The keys stay in memory: Dask hands them to its workers through a pipe. What `dask.config` says of TLS is
    for schedulers elsewhere, and does not count here.
    """
    return security_of(keys, keys, keys)


def security_of(authority: str, certificate: str, key: str) -> Security:
    """The same with keys as authorities sign them, each PEM text."""
    roles = ("client", "scheduler", "worker")
    certified = {f"tls_{role}_cert": certificate for role in roles} | {
        f"tls_{role}_key": key for role in roles
    }
    return Security(
        require_encryption=True,
        tls_ca_file=authority,
        tls_ciphers=None,
        tls_min_version=ssl.TLSVersion.TLSv1_3,
        tls_max_version=None,
        **certified,
    )


def security_for(address: str) -> Security:
    """What this process talks to the scheduler at `address` with: its keys where the pool is of this process
    or this is one of its workers, else what Dask's own configuration says in ``distributed.comm.tls``.
    """
    if address in pools_here:
        return pools_here[address]
    for worker in dask_api.workers_here():
        if worker.scheduler.address == address:
            security: Security = worker.security
            return security
    return Security()
