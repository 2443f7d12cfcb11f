"""The secrets of a pool: certificates for whoever talks to it, and the key with which its ledger signs."""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

from mediadask.pool.keys import new_keys, security_of
from mediadask.pool.scaling.kubernetes_names import KEPT, labels

if TYPE_CHECKING:
    from distributed import Security

    from mediadask.pool.kubernetes.api import Object
    from mediadask.pool.kubernetes.spec import Spec

__all__ = ["new_key", "new_tls", "security_in"]


def new_tls(spec: Spec) -> Object:
    """A Secret with a new certificate and its private key, in the form that cert-manager gives them, too.

    It is its own authority: who has it is let in, and nobody else.
    """
    keys = new_keys()
    certificate, mark, key = keys.partition("-----BEGIN PRIVATE KEY-----")
    data = {"tls.crt": certificate, "tls.key": mark + key, "ca.crt": certificate}
    return {**_secret(spec, "tls", data), "type": "kubernetes.io/tls"}


def new_key(spec: Spec) -> Object:
    """A Secret with a new key for the ledger. It outlives the pool where the ledger does."""
    made = _secret(spec, "key", {"ledger.key": secrets.token_hex(32)})
    if spec.kubernetes.ledger.address or spec.kubernetes.ledger.claim:
        made["metadata"]["labels"][KEPT] = "true"
    return {**made, "type": "Opaque"}


def security_in(secret: Object) -> Security:
    """What a client needs, of the Secret that `new_tls` made, or cert-manager."""
    data = {name: b64decode(value).decode() for name, value in secret["data"].items()}
    return security_of(data["ca.crt"], data["tls.crt"], data["tls.key"])


def _secret(spec: Spec, part: str, data: dict[str, str]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"{spec.name}-{part}",
            "namespace": spec.namespace,
            "labels": labels(spec.name),
        },
        "data": {name: b64encode(value.encode()).decode() for name, value in data.items()},
    }
