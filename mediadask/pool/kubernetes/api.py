"""The Kubernetes API as far as a pool needs it, by kr8s, which knows kubeconfigs and service accounts.

What the API refuses becomes one line. Nothing here waits longer than a few seconds.
"""

from __future__ import annotations

import asyncio
import json
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any, TypeVar

from mediadask.errors import InvalidRequest, OutputFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Mapping

__all__ = ["Api", "Object", "Refused", "connect", "run"]

Object = dict[str, Any]
_Result = TypeVar("_Result")

_CONNECT_SECONDS, _CALL_SECONDS = 10.0, 30.0

_PATHS = {
    "ConfigMap": "api/v1/configmaps",
    "Namespace": "api/v1/namespaces",
    "Node": "api/v1/nodes",
    "PersistentVolumeClaim": "api/v1/persistentvolumeclaims",
    "Pod": "api/v1/pods",
    "Secret": "api/v1/secrets",
    "Service": "api/v1/services",
    "ServiceAccount": "api/v1/serviceaccounts",
    "Deployment": "apis/apps/v1/deployments",
    "Certificate": "apis/cert-manager.io/v1/certificates",
    "DaskCluster": "apis/kubernetes.dask.org/v1/daskclusters",
    "DaskWorkerGroup": "apis/kubernetes.dask.org/v1/daskworkergroups",
    "NetworkPolicy": "apis/networking.k8s.io/v1/networkpolicies",
    "PodDisruptionBudget": "apis/policy/v1/poddisruptionbudgets",
    "Role": "apis/rbac.authorization.k8s.io/v1/roles",
    "RoleBinding": "apis/rbac.authorization.k8s.io/v1/rolebindings",
}

_MANAGER = "mediadask"


class Refused(InvalidRequest):
    """The API does not do what was asked, for a reason of its own.

    Parameters
    ----------
    status
        HTTP's code.
    """

    def __init__(self, what: str, *, status: int, where: object = None, do: str | None = None) -> None:
        self.status = status
        super().__init__(what, where=where, do=do)

    def __reduce__(self) -> tuple[Any, ...]:
        return InvalidRequest(self.what, where=self.where, do=self.do).__reduce__()


def run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Do it to its end, also where an event loop runs already, as in notebooks."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@asynccontextmanager
async def connect() -> AsyncIterator[Api]:
    """The API of the cluster that ``KUBECONFIG`` or ``~/.kube/config`` names, or whose pod this is.

    Raises
    ------
    InvalidRequest
        No cluster is named, it does not answer or accept us, or the packages for it are not installed.
    """
    async with AsyncExitStack() as opened:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of versions of Kubernetes that kr8s has not been tried with
                import kr8s.asyncio

                # Its `api()` would ask the server before what it leaves where that fails could be removed.
                client = kr8s.asyncio.Api(bypass_factory=True)
                opened.push_async_callback(_close, client)
                _remove_copies_before(client.auth)
                async with asyncio.timeout(_CONNECT_SECONDS):
                    await client
        except ImportError:
            raise InvalidRequest(
                "Kubernetes needs packages that are not installed", do="pip install 'mediadask[kubernetes]'"
            ) from None
        except Exception as error:  # whatever is wrong with a kubeconfig, its programs, the network, TLS
            reason = str(error) or type(error).__name__
            raise InvalidRequest(
                f"no Kubernetes cluster answers ({reason})",
                do="`kubectl cluster-info` must work here: set KUBECONFIG, or choose a context with kubectl",
            ) from None
        client.timeout = _CALL_SECONDS
        yield Api(client)


async def _close(client: Any) -> None:
    """Close what kr8s leaves open."""
    if client._session is not None:
        await client._session.aclose()
    _remove_copies(client.auth)


def _remove_copies_before(auth: Any) -> None:
    """Have the copies of keys go that kr8s makes anew each time that it is refused."""
    again = auth.reauthenticate

    async def reauthenticate() -> None:
        _remove_copies(auth)
        await again()

    auth.reauthenticate = reauthenticate


def _remove_copies(auth: Any) -> None:
    """Remove the copies that kr8s makes of a kubeconfig's keys in the folder for temporary files."""
    for copy in filter(None, (auth.client_cert_file, auth.client_key_file, auth.server_ca_file)):
        path = Path(str(copy))
        if path.parent == Path(gettempdir()) and path.name.startswith("tmp"):
            path.unlink(missing_ok=True)


class Api:
    """Objects are plain dictionaries, as in manifests. Made by `connect`."""

    def __init__(self, client: Any) -> None:
        self.client = client
        """kr8s's own."""

    @property
    def namespace(self) -> str:
        """The one that the kubeconfig's context names."""
        return str(self.client.namespace)

    async def get(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """The object of this name, or None."""
        try:
            there: Object = await self._call("GET", kind, namespace, name)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        return there

    async def find(self, kind: str, namespace: str | None = None, selector: str = "") -> list[Object]:
        """The objects with these labels, in one namespace or in all."""
        params = {"labelSelector": selector} if selector else {}
        found: list[Object] = (await self._call("GET", kind, namespace, params=params))["items"]
        return found

    async def apply(self, it: Object, *, dry_run: bool = False) -> Object:
        """Have the object be as `it` says, whoever else had it otherwise (server-side apply)."""
        params = {"fieldManager": _MANAGER, "force": "true", "fieldValidation": "Strict"}
        params |= {"dryRun": "All"} if dry_run else {}
        return await self._change("PATCH", it, params, "application/apply-patch+yaml")

    async def create(self, it: Object, *, dry_run: bool = False) -> Object:
        """Make an object that is not there."""
        params = {"fieldManager": _MANAGER, "fieldValidation": "Strict"} | (
            {"dryRun": "All"} if dry_run else {}
        )
        return await self._change("POST", it, params, "application/json")

    async def patch(self, kind: str, name: str, namespace: str, patch: Any) -> Object:
        """Change parts of an object: a mapping is merged, a list is one of JSON Patch."""
        how = "json-patch" if isinstance(patch, list) else "merge-patch"
        headers = {"Content-Type": f"application/{how}+json"}
        body = json.dumps(patch)
        made: Object = await self._call("PATCH", kind, namespace, name, content=body, headers=headers)
        return made

    async def delete(self, kind: str, name: str, namespace: str, grace_seconds: int | None = None) -> None:
        """Delete an object and, in the background, what it owns; nothing where there is none."""
        options: Object = {"propagationPolicy": "Background"}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        try:
            await self._call("DELETE", kind, namespace, name, content=json.dumps(options))
        except Refused as refused:
            if refused.status != 404:
                raise

    async def delete_all(
        self, kind: str, namespace: str, selector: str, grace_seconds: int | None = None
    ) -> None:
        """Delete all objects with these labels; nothing where there is no such kind."""
        try:
            found = await self.find(kind, namespace, selector)
        except Refused as refused:
            if refused.status == 404:
                return
            raise
        for it in found:
            await self.delete(kind, it["metadata"]["name"], namespace, grace_seconds)

    async def log(self, pod: str, namespace: str, *, previous: bool = False) -> str:
        """The last lines of a pod's log, of the run before this one where `previous`; empty where none is."""
        params = {"tailLines": "20", "previous": str(previous).lower()}
        try:
            return str(await self._call("GET", "Pod", namespace, f"{pod}/log", params=params, text=True))
        except Refused:
            return ""

    async def versions_of(self, group: str) -> list[str]:
        """The versions of a group of kinds that this cluster has; empty where it has none."""
        try:
            found = await self._request("GET", f"apis/{group}", group, params={})
        except Refused as refused:
            if refused.status == 404:
                return []
            raise
        return [str(each["version"]) for each in found["versions"]]

    async def _change(self, method: str, it: Object, params: Mapping[str, str], form: str) -> Object:
        meta = it["metadata"]
        name = meta["name"] if method == "PATCH" else ""
        request = {"params": params, "content": json.dumps(it), "headers": {"Content-Type": form}}
        made: Object = await self._call(method, it["kind"], meta["namespace"], name, **request)
        return made

    async def _call(
        self, method: str, kind: str, namespace: str | None, name: str = "", **request: Any
    ) -> Any:
        head, plural = _PATHS[kind].rsplit("/", 1)
        parts = [head, f"namespaces/{namespace}" if namespace else "", plural, name]
        what = f"{kind} {name}".strip()
        return await self._request(method, "/".join(filter(None, parts)), what, **request)

    async def _request(self, method: str, url: str, what: str, *, text: bool = False, **request: Any) -> Any:
        import httpx
        import kr8s

        base, _, rest = url.partition("/")
        request |= {"method": method, "version": "", "base": f"/{base}", "url": rest}
        try:
            # What kr8s takes for refused credentials it asks four times, a right that is not there as well.
            async with self.client.call_api(**request, raise_for_status=False) as response:
                if response.status_code != httpx.codes.UNAUTHORIZED:
                    if response.is_error:
                        raise _refused(what, response)
                    return response.text if text else response.json()
            async with self.client.call_api(**request) as response:
                return response.text if text else response.json()
        except kr8s.ServerError as error:
            raise _refused(what, error.response) from None
        except (kr8s.APITimeoutError, httpx.HTTPError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise OutputFailed(f"the Kubernetes API does not answer ({reason})", where=what) from None


def _refused(what: str, response: Any) -> Refused:
    status = response.status_code
    try:
        line = response.json()["message"]
    except (ValueError, KeyError, TypeError):  # the answer is no object of Kubernetes
        line = response.text
    line = " ".join(line.split()) or f"HTTP {status}"
    if status == 403 and "cannot" in line:
        who_and_what = line.partition("forbidden: ")[2] or line
        do = "have an administrator grant it: docs/kubernetes.md lists the rights that are needed"
        return Refused(who_and_what, status=status, where=what, do=do)
    if status == 404 and line.startswith("namespaces "):
        namespace = line.split('"')[1]
        do = f"`kubectl create namespace {namespace}`, or name another in the spec"
        return Refused("there is no such namespace", status=status, where=namespace, do=do)
    return Refused(line, status=status, where=what)
