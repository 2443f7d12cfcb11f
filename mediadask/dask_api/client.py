"""Clients and the clusters of this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

__all__ = ["client_generation", "close_cluster"]


def client_generation(client: Client) -> int:
    """How often this client has heard that Dask was restarted: until it has, what it enters is lost."""
    generation: int = client.generation
    return generation


def close_cluster(cluster: LocalCluster) -> None:
    """Close a cluster of this process. One whose scheduler has ended would look for it half a minute."""
    if cluster.scheduler.status.name in ("closing", "closed"):
        cluster.sync(cluster.scheduler.finished)
        cluster.shutdown_scheduler = False
    cluster.close()
