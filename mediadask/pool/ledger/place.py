"""Where a process runs: what tells two machines apart that have one host name."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mediadask.pool.private import private

__all__ = ["Place"]

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_MACHINE_ID = Path("/etc/machine-id")


@dataclass(frozen=True, slots=True)
class Place:
    """A folder as seen from a running kernel: a lock in it means something to whoever sees both.

    A host name alone does not do: containers and pods with ``hostNetwork`` share one. Nor does
    ``machine-id``, which images of containers and cloned disks bring along, nor the boot's id alone, which
    all containers of a machine have in common while their folders differ.
    """

    folder: str
    """A random id that is kept in the folder."""

    boot: str
    """The kernel's id, drawn anew at each boot; empty where there is none."""

    machine: str
    """Host name and ``machine-id``."""

    @classmethod
    def here(cls, folder: Path) -> Self:
        """The folder on this machine; it gets an id if it has none.

        Raises
        ------
        OSError
            The folder cannot be written.
        """
        return cls(_folder_id(folder), _read(_BOOT_ID), f"{socket.gethostname()} {_read(_MACHINE_ID)}")

    def __str__(self) -> str:
        return "/".join((self.folder, self.boot, self.machine))

    @classmethod
    def read(cls, text: str) -> Self | None:
        """One that was kept as text; None where it is none."""
        parts = text.split("/", 2)
        return cls(*parts) if len(parts) == 3 else None

    def shares_locks_with(self, other: Place) -> bool:
        """Whether a lock that a process there holds in its folder is seen from here."""
        return self.folder == other.folder and self.boot == other.boot

    def is_rebooted(self, since: Place) -> bool:
        """Whether the machine has been rebooted since, so that no process of then lives."""
        same = self.folder == since.folder and self.machine == since.machine
        return same and bool(self.boot) and bool(since.boot) and self.boot != since.boot


def _folder_id(folder: Path) -> str:
    path = folder / "place"
    if not path.exists():
        made = path.with_name(f".place-{os.getpid()}-{secrets.token_hex(4)}")
        with open(made, "w", opener=private) as file:
            file.write(secrets.token_hex(16))
        try:
            os.link(made, path)  # of two that make it at once one is first
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return path.read_text().strip()


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
