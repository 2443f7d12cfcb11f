"""The DaskCluster of a pool, which owns all that the pool is made of: how its scheduler ends the pool."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from mediadask.pool.scaling.kubernetes_api import Away, KubernetesApi, Refused
from mediadask.pool.scaling.kubernetes_names import GOING_DOWN

if TYPE_CHECKING:
    from mediadask.pool.config import KubernetesSettings

__all__ = ["OwnCluster"]

_logger = logging.getLogger(__name__)

_AGAIN_SECONDS = 5.0


class OwnCluster:
    """The cluster of the scheduler in whose process this runs."""

    def __init__(self, settings: KubernetesSettings) -> None:
        self._name, self._api = settings.cluster, KubernetesApi(settings.namespace)

    async def is_going_down(self) -> bool:
        """Whether an earlier scheduler was told to end the pool, or somebody ends it."""
        with suppress(Refused, Away):
            metadata = (await self._api.dask_object("daskclusters", self._name))["metadata"]
            return GOING_DOWN in metadata.get("annotations", {}) or "deletionTimestamp" in metadata
        return False

    async def goes_down(self) -> None:
        """Have a scheduler that takes over from this one know that the pool is to end."""
        patch = {"metadata": {"annotations": {GOING_DOWN: "true"}}}
        try:
            await self._api.patch_dask_object("daskclusters", self._name, patch)
        except (Refused, Away) as error:
            _logger.warning("a scheduler that takes over would not know that the pool goes down: %s", error)

    async def remove(self) -> None:
        """Delete it, and with it all that it owns: this process is told to end, too."""
        while True:
            try:
                await self._api.delete_dask_object("daskclusters", self._name)
            except (Refused, Away) as error:
                if isinstance(error, Refused) and error.status == 404:
                    return
                _logger.warning("the pool is not removed, trying again: %s", error)
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                return
