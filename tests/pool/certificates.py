"""A certificate authority, for tests of pools that other machines join."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from pathlib import Path


class Authority:
    """Signs certificates, and writes them and itself as PEM files into `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder, self._name = folder, _named(folder.name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        own = self._certificate(self._name, self._key, is_authority=True)
        (folder / "ca.pem").write_bytes(own)

    def settings(self, *roles: str) -> dict[str, Any]:
        """Dask's, with a new certificate for each of these roles: scheduler, worker, client."""
        told: dict[str, Any] = {
            "distributed.comm.require-encryption": True,
            "distributed.comm.tls.ca-file": str(self._folder / "ca.pem"),
        }
        for role in roles:
            key, path = ec.generate_private_key(ec.SECP256R1()), self._folder / f"{role}.pem"
            path.write_bytes(self._certificate(_named(role), key) + _written(key))
            told[f"distributed.comm.tls.{role}.cert"] = str(path)
        return told

    def _certificate(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_authority: bool = False
    ) -> bytes:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder(self._name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .sign(self._key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )


def _named(word: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, word)])


def _written(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
