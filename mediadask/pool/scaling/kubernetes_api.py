"""What the actuator asks of the Kubernetes API: a few calls by kr8s, which knows where it is and who we are.

kr8s makes an object of every answer, asks for the version before nearly every call, and begins a session
anew after each refusal. Thousands of pods feel that, so answers are taken as plain data from its `call_api`.
"""

from __future__ import annotations

import json
import ssl
from time import monotonic
from typing import TYPE_CHECKING, Any

import httpx
import kr8s

from mediadask.pool.scaling.kubernetes_names import WORKER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

__all__ = ["Away", "KubernetesApi", "Refused"]

_DASK = "kubernetes.dask.org/v1"
_CALL_SECONDS = 10.0
_WATCH_SECONDS = 60
"""A watch is begun anew so often: a connection that died without a word is noticed then."""

_DELETE_SECONDS = 30.0
"""The API server ends the pods of one request one after the other."""

_PAGE = 500

_HEADERS = {
    "PATCH": {"Content-Type": "application/merge-patch+json"},
    # Of pods that are to end their names are enough.
    "DELETE": {"Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"},
}


class Refused(Exception):
    """The API server answers that it will not."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class Away(Exception):
    """The API server does not answer."""


class KubernetesApi:
    """The API of one namespace, for one event loop. Calls raise `Refused` or `Away`."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.away = ""
        """Why the latest call got no answer."""

        self._api: Any = None
        self._away_since = 0.0

    @property
    def away_seconds(self) -> float:
        """How long the server has not answered; 0 while it does."""
        return monotonic() - self._away_since if self.away else 0.0

    async def pods(self, selector: str) -> tuple[list[dict[str, Any]], str]:
        """The pods with these labels, and the version of the cluster's state to watch from."""
        pods: list[dict[str, Any]] = []
        params: dict[str, Any] = {"labelSelector": selector, "limit": _PAGE}
        while True:
            page = await self._call("GET", "pods", params=params)
            pods += page["items"]
            if not (more := page["metadata"].get("continue")):
                return pods, page["metadata"]["resourceVersion"]
            params["continue"] = more

    async def watch_pods(self, selector: str, version: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """What happens to pods with these labels: ``ADDED``, ``MODIFIED``, ``DELETED`` or ``BOOKMARK``, and
        the object. Ends after a minute; go on from the last object's version."""
        params = {
            "watch": "true",
            "labelSelector": selector,
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": _WATCH_SECONDS,
        }
        timeout = httpx.Timeout(_CALL_SECONDS, read=_WATCH_SECONDS + _CALL_SECONDS)
        try:
            api = await self._session()
            async with api.call_api(
                "GET", version="v1", namespace=self.namespace, url="pods", params=params, stream=True,
                timeout=timeout,
            ) as response:  # fmt: skip
                self.away = ""
                rest = b""
                async for piece in response.aiter_bytes():
                    *lines, rest = (rest + piece).split(b"\n")
                    for line in lines:
                        event = json.loads(line)
                        if event["type"] == "ERROR":
                            raise Refused(event["object"].get("code", 0), event["object"].get("message", ""))
                        yield event["type"], event["object"]
        except (kr8s.ServerError, *_AWAY) as error:
            raise self._trouble(error) from None

    async def create_pod(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Make a pod. Returns it as the server has it."""
        return await self._call("POST", "pods", body=manifest)

    async def delete_pods(self, names: Collection[str], grace_seconds: int) -> set[str]:
        """End pods in one request; a grace that has begun is cut short. Returns those that were there."""
        params = {"labelSelector": f"{WORKER} in ({','.join(names)})"}
        options = {"gracePeriodSeconds": grace_seconds, "propagationPolicy": "Background"}
        there = await self._call("DELETE", "pods", body=options, params=params, seconds=_DELETE_SECONDS)
        return {each["metadata"]["name"] for each in there["items"]}

    async def warnings(self, pod: str) -> list[str]:
        """What the cluster warns of about a pod, the latest last."""
        params = {"fieldSelector": f"involvedObject.name={pod},type=Warning"}
        page = await self._call("GET", "events", params=params)
        events = sorted(page["items"], key=lambda each: each.get("lastTimestamp") or "")
        return [each.get("message", "") for each in events]

    async def dask_object(self, plural: str, name: str) -> dict[str, Any]:
        """One of ``daskclusters`` or ``daskworkergroups``."""
        return await self._call("GET", f"{plural}/{name}", version=_DASK)

    async def patch_dask_object(self, plural: str, name: str, patch: Mapping[str, Any]) -> None:
        """Merge a patch into one of them."""
        await self._call("PATCH", f"{plural}/{name}", version=_DASK, body=patch)

    async def delete_dask_object(self, plural: str, name: str) -> None:
        """Delete one of them, and in the background what it owns."""
        await self._call(
            "DELETE", f"{plural}/{name}", version=_DASK, body={"propagationPolicy": "Background"}
        )

    async def close(self) -> None:
        """Close the connections."""
        # kr8s has no call for it, and leaves them to the garbage collector.
        if (session := getattr(self._api, "_session", None)) is not None:
            await session.aclose()

    async def _call(
        self,
        method: str,
        url: str,
        *,
        version: str = "v1",
        body: Any = None,
        params: Any = None,
        seconds: float = _CALL_SECONDS,
    ) -> dict[str, Any]:
        more: dict[str, Any] = {"timeout": seconds}
        if body is not None:
            more["content"] = json.dumps(body)
        if params is not None:
            more["params"] = params
        if method in _HEADERS:
            more["headers"] = _HEADERS[method]
        where = {"method": method, "version": version, "namespace": self.namespace, "url": url}
        try:
            api = await self._session()
            async with api.call_api(**where, raise_for_status=False, **more) as response:
                if response.status_code != httpx.codes.UNAUTHORIZED:
                    return self._answer(response)
            async with api.call_api(**where, **more) as response:  # with a new token
                return self._answer(response)
        except (kr8s.ServerError, *_AWAY) as error:
            raise self._trouble(error) from None

    def _answer(self, response: httpx.Response) -> dict[str, Any]:
        answer: dict[str, Any] = response.json()
        if response.is_error:
            raise self._refusal(response.status_code, str(answer.get("message", "")))
        self.away = ""
        return answer

    def _trouble(self, error: Exception) -> Refused | Away:
        response = error.response if isinstance(error, kr8s.ServerError) else None
        words = " ".join(str(error).split()) or type(error).__name__
        return self._refusal(503 if response is None else response.status_code, words)

    def _refusal(self, status: int, message: str) -> Refused | Away:
        if status != httpx.codes.TOO_MANY_REQUESTS and status < httpx.codes.INTERNAL_SERVER_ERROR:
            self.away = ""
            return Refused(status, message)
        if not self.away:
            self._away_since = monotonic()
        self.away = message
        return Away(message)

    async def _session(self) -> Any:
        if self._api is None:
            self._api = await kr8s.asyncio.api(namespace=self.namespace)
        return self._api


_AWAY = (httpx.HTTPError, kr8s.APITimeoutError, ssl.SSLError, OSError, json.JSONDecodeError)
