"""Signatures of what a later pool will unpickle: who can write the database must not run code in a pool."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from mediadask.errors import InvalidRequest, OutputFailed
from mediadask.pool.private import private, private_folder

__all__ = ["Key"]

_LEAST_BYTES = 16


class Key:
    """HMAC-SHA256 with a secret that is not in the database.

    It is a file: that which ``MEDIADASK_LEDGER_KEY`` names, such as a mounted secret, else ``ledger.key`` in
    `folder`, made at first use for its owner alone.

    Raises
    ------
    InvalidRequest
        The file that is named is not there, or too short to be a secret.
    OutputFailed
        The file in `folder` can be neither read nor made.
    """

    def __init__(self, folder: Path) -> None:
        named = os.environ.get("MEDIADASK_LEDGER_KEY")
        self.path = Path(named).expanduser() if named else folder / "ledger.key"
        self._is_named = bool(named)
        try:
            if not named:
                private_folder(folder)
                self._make(secrets.token_hex(32).encode())
            self._secret = self.path.read_bytes().strip()
        except OSError as error:
            kind = InvalidRequest if named else OutputFailed
            raise kind(
                f"the ledger's key cannot be read: {error.strerror}",
                where=self.path,
                do="name another file in MEDIADASK_LEDGER_KEY",
            ) from None
        if len(self._secret) < _LEAST_BYTES:
            raise InvalidRequest(
                f"the ledger's key has less than {_LEAST_BYTES} bytes",
                where=self.path,
                do="write `openssl rand -hex 32` to it",
            )

    def sign(self, job: str, payload: bytes) -> bytes:
        """The signature of this job's payload: it holds for no other job."""
        return hmac.digest(self._secret, job.encode() + b"\0" + payload, hashlib.sha256)

    def has_signed(self, job: str, payload: bytes, signature: bytes | None) -> bool:
        """Whether that is its signature."""
        return hmac.compare_digest(self.sign(job, payload), signature or b"")

    def put_back(self) -> None:
        """Make the file again where somebody deleted it, or no later pool could go on with our jobs."""
        if not self._is_named and not self.path.exists():
            private_folder(self.path.parent)
            self._make(self._secret)

    def _make(self, secret: bytes) -> None:
        if self.path.exists():
            return
        made = self.path.with_name(f".key-{os.getpid()}-{secrets.token_hex(4)}")
        handle = private(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        try:
            os.write(handle, secret + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)
        with suppress(FileExistsError):
            os.link(made, self.path)  # of two that make it at once one is first
        made.unlink()
