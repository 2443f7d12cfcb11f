"""Why the workers of a tier do not come, in words, and how long to wait before the next are asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mediadask.pool.scaling.kubernetes_api import Refused
    from mediadask.pool.scaling.pods import Pod

__all__ = ["TierTroubles", "span", "why_refused"]

_LONGEST_BACKOFF_SECONDS = 60.0
_STUCK_SECONDS = 30.0
_START_SECONDS = 15.0
"""Whoever fails within so long has not done its work yet."""


class TierTroubles:
    """What became of the latest pods of a tier whose workers take `startup` seconds to start."""

    def __init__(self, startup: float) -> None:
        self._startup = startup
        self._failures = 0
        """In a row."""

        self._not_before = 0.0
        self._refusal = ""
        """Why the API server makes no pod."""

        self._failure: Pod | None = None
        """The latest that ended because it could not work."""

    @property
    def may_try(self) -> bool:
        """Whether it is time to ask for one again."""
        return monotonic() >= self._not_before

    def at_once(self, wanted: int, pods: Iterable[Pod]) -> int:
        """How many to ask for of those that are wanted: one, where the latest did not come up."""
        return min(wanted, 1) if self._refusal or self._failed(pods) else wanted

    def refused(self, why: str) -> None:
        """A pod is not made."""
        self._refusal = why
        self._back_off()

    def made(self) -> None:
        """One is."""
        self._refusal = ""
        if self._failure is None:
            self._failures = 0

    def ended(self, pod: Pod) -> None:
        """A worker has ended by itself: where it failed as it started, the next may fare no better."""
        if pod.is_failure and pod.ran_seconds < _START_SECONDS:
            self._fails(pod)

    def gives_up(self, pod: Pod) -> bool:
        """Whether a pod has been stuck for so long that another is to be tried.

        What keeps it from starting may have been mended in the worker group.
        """
        if not pod.is_stuck or _age(pod) <= max(self._startup, _STUCK_SECONDS):
            return False
        self._fails(pod)
        return True

    def slow(self, pods: Iterable[Pod]) -> Pod | None:
        """The oldest pod that has a node and takes longer than its tier says."""
        pod = _oldest(pods, "starting")
        return pod if pod is not None and _age(pod) >= self._startup else None

    def words(self, pods: list[Pod], warnings: dict[str, str]) -> str:
        """Why workers do not come; empty where they do.

        Parameters
        ----------
        pods
            Of this tier, oldest first.
        warnings
            What the cluster warns of, by the names of slow pods.
        """
        if self._refusal:
            return self._refusal
        for pod in pods:
            if pod.is_stuck:
                return pod.reason
        if (failed := self._failed(pods)) is not None:
            return failed.reason if failed.is_stuck else f"workers end as they start: {failed.reason}"
        waiting = _oldest(pods, "unscheduled")
        if waiting is not None and _age(waiting) > self._startup:
            return f"the cluster is full for {span(_age(waiting))}: {waiting.reason}"
        slow = self.slow(pods)
        if slow is not None and (why := warnings.get(slow.name) or slow.reason):
            return f"pods do not start for {span(_age(slow))}: {why}"
        return ""

    def _failed(self, pods: Iterable[Pod]) -> Pod | None:
        """The pod that failed to start last, until a later one has run for longer."""
        if (failed := self._failure) is not None:
            for pod in pods:
                if pod.phase == "running" and pod.created > failed.created and _age(pod) > _START_SECONDS:
                    self._failure, self._failures = None, 0
                    break
        return self._failure

    def _fails(self, pod: Pod) -> None:
        self._failure = pod
        self._back_off()

    def _back_off(self) -> None:
        if self.may_try:  # of several asked for together the first to fail counts
            self._failures += 1
            self._not_before = monotonic() + min(2.0**self._failures, _LONGEST_BACKOFF_SECONDS)


def why_refused(refused: Refused) -> str:
    """What the API server says when it makes no pod, for people."""
    message = str(refused)
    if "exceeded quota" in message:
        return f"the namespace's quota is used up: {message.partition('exceeded quota: ')[2]}"
    if "cannot create resource" in message:
        return f"the pool's service account may not make pods: {message}"
    return f"Kubernetes does not accept the tier's pods: {message}"


def _age(pod: Pod) -> float:
    """Seconds since it was made."""
    return (datetime.now(UTC) - pod.created).total_seconds()


def span(seconds: float) -> str:
    """A time for people."""
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def _oldest(pods: Iterable[Pod], phase: str) -> Pod | None:
    return next((pod for pod in pods if pod.phase == phase), None)
