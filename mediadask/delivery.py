"""Deliveries: lazy collections of units, the form in which work reaches a pool or any Dask scheduler.

A `Unit` is one stateless call. A `Group` is the units that make one output and the unit that joins them;
it succeeds or fails as a whole and never takes another group with it. A `Delivery` is the groups, a unit that
closes it where all have ended, and a last step over their `Report`. Nothing here knows what the units do, and
nothing here knows the pool.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from threading import Event
from typing import TYPE_CHECKING, Any, ClassVar, overload

from mediadask.apart import abandon
from mediadask.checkpoint import checkpoints_call
from mediadask.errors import MediaError
from mediadask.text import printable

if TYPE_CHECKING:
    from dask.highlevelgraph import HighLevelGraph

__all__ = ["Delivery", "Failure", "Group", "Outcome", "Report", "Unit", "attempt", "delivery", "sendable"]


def sendable(text: str) -> str:
    """The text as UTF-8 can hold it, as all that Dask sends must be: file names may have other bytes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True)
class Unit:
    """One stateless call: the smallest thing that is scheduled, retried, displaced and charged."""

    function: Callable[..., Any]
    """Importable or picklable, pure but for the output it commits; safe to call twice."""

    args: tuple[Any, ...] = ()
    """Plain data: URLs, ranges, recipes. Never an open file, a decoder or a lock."""

    name: str = ""
    """For people: ``A001C001 frames 0-239``."""

    kind: str = "unit"
    """What it is like, for learning how long it takes: ``proxy h264 3840x2160``."""

    frames: int = 1
    """How many frames it handles: seconds are predicted per frame of a kind."""

    seconds: float | None = None
    """Predicted duration on one thread where the caller knows better than the kind's history."""

    @cached_property
    def key(self) -> str:
        """Deterministic: equal calls have equal keys in every process."""
        word = sendable(self.kind.partition(" ")[0]) or "unit"
        return f"{word}-{_tokenize(self.function, self.args)}"

    def __call__(self, *before: Any) -> Any:
        """Run it; a group's finish gets the group's results as its first argument."""
        return self.function(*before, *self.args)


@dataclass(frozen=True)
class Group:
    """The units that make one output, and the unit that finishes it from their results."""

    name: str
    """What fails or is done, for people: usually the output's or the clip's name."""

    units: tuple[Unit, ...]

    finish: Unit | None = None
    """Called with the list of the units' results before its own arguments. Without it the group's value is
    the result of its single unit, or the list of results where there are several."""

    is_settled: bool = False
    """Whether nothing is to be made: the output is there already, or cannot be made, and the units say so."""

    def value(self, results: list[Any]) -> Any:
        """The group's value from its units' results: a `Failure` where one failed."""
        if self.finish is not None:
            return attempt(self.finish, results)
        return results[0] if len(results) == 1 else attempt(list, results)

    @classmethod
    def done(cls, unit: Unit) -> Group:
        """A group whose output is there already: `unit` hands it on."""
        return cls(unit.name, (unit,), is_settled=True)

    @classmethod
    def failed(cls, name: str, error: Exception) -> Group:
        """A group that fails with `error`: how a planner hands on one bad clip and plans the rest.

        Any error will do: a fault of ours that one clip brings to light is no reason to lose the others.
        """
        # What is not ours need not survive the way to a worker and back.
        kept = error if isinstance(error, MediaError) else MediaError(Failure.of(error).error, where=name)
        return cls(name, (Unit(_raise, (kept,), name=name, kind="plan"),), is_settled=True)


def _raise(error: Exception) -> None:
    raise error


@dataclass(frozen=True)
class Failure:
    """Why something failed, as plain data."""

    error: str
    """One line: what, where, what to do."""

    kind: str
    """The exception's class name."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "error", sendable(self.error))

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Make it from an exception. All but `MediaError` are named: their messages seldom say enough."""
        kind = type(error).__name__
        try:
            line = " ".join(str(error).split())
        except Exception:  # somebody's own __str__ raises, or returns None
            line = ""
        if not (line and isinstance(error, MediaError)):
            line = printable(f"{kind}: {line}".rstrip(": "))
        return cls(line, kind)


@dataclass(frozen=True)
class Outcome:
    """The outcome of one group."""

    name: str
    value: Any = None
    failure: Failure | None = None


@dataclass(frozen=True)
class Report:
    """The outcome of a delivery, group by group, in order."""

    name: str
    outcomes: tuple[Outcome, ...] = field(repr=False)

    @property
    def results(self) -> list[Any]:
        """The values of the groups that are done."""
        return [outcome.value for outcome in self.outcomes if outcome.failure is None]

    @property
    def failures(self) -> list[Outcome]:
        """The groups that failed, each with its reason."""
        return [outcome for outcome in self.outcomes if outcome.failure is not None]

    def __str__(self) -> str:
        failed = len(self.failures)
        return f"{self.name}: {len(self.outcomes) - failed} done, {failed} failed"


def attempt(call: Callable[..., Any], *before: Any) -> Any:
    """The call's result, or a `Failure` in its place: one bad unit must not stop the others.

    Failures among `before` are handed on without calling.
    """
    for results in before:
        for result in results:
            if isinstance(result, Failure):
                return result
    try:
        return call(*before)
    except Exception as error:
        return Failure.of(error)


def _close(unit: Unit, values: list[Any]) -> Any:
    # Not called with them by `attempt`, which would hand on a group's failure.
    return attempt(partial(unit, values))


def _tokenize(*parts: Any) -> str:
    from dask.base import tokenize  # a quarter of a second, for which small commands do not wait

    token: str = tokenize(*parts)
    return token


class Delivery:
    """A lazy collection of units. ``dask.compute(delivery)`` runs it on whatever scheduler is in force.

    Parameters
    ----------
    name
        What people and job lists call it.
    groups
        One group for each output. Any sequence will do, also one that makes its groups when they are asked
        for, so a delivery of a million units need not hold them.
    finish
        A function that is called with the `Report` on the client. Computing the delivery returns its result;
        by default, the report itself.
    closing
        A function that is called where the units run, when all groups have ended, if there are any. It is
        called with the list of their values, with a `Failure` for each that failed, and makes what the
        delivery leaves behind as a whole, without a client. Its value is dropped. If it fails, the report
        has one more failure.
    """

    closing: Unit | None = None

    is_graph: ClassVar[bool] = False
    """Whether it is one Dask graph, computed as it is, rather than groups of units."""

    def __init__(
        self,
        name: str,
        groups: Sequence[Group],
        *,
        finish: Callable[[Report], Any] | None = None,
        closing: Unit | None = None,
    ) -> None:
        self.name = name
        self.groups = groups
        self.finish = finish
        self.closing = closing if len(groups) else None

    def __len__(self) -> int:
        return len(self.groups)

    def __repr__(self) -> str:
        return f"<Delivery {self.name!r}: {len(self)} groups>"

    @property
    def steps(self) -> int:
        """How many values its result is made of: one for each group, and one for the closing unit."""
        return len(self) + (self.closing is not None)

    def report(self, values: Iterable[Any]) -> Any:
        """Make the delivery's result from the values of its groups.

        Parameters
        ----------
        values
            One for each group, in order, then that of the closing unit where there is one. A `Failure` stands
            in the place of a value where a group failed.

        Returns
        -------
        Any
            What `finish` returns for the `Report`, or the report itself.
        """
        *of_groups, last = values if self.closing else (*values, None)
        outcomes = [
            Outcome(group.name, failure=value) if isinstance(value, Failure) else Outcome(group.name, value)
            for group, value in zip(self.groups, of_groups, strict=True)
        ]
        if self.closing and isinstance(last, Failure):
            outcomes.append(Outcome(self.closing.name, failure=last))
        report = Report(self.name, tuple(outcomes))
        return report if self.finish is None else self.finish(report)

    def compute(self, **how: Any) -> Any:
        """Run it on Dask, and wait for it.

        Parameters
        ----------
        how
            Arguments of `dask.compute`, such as ``scheduler="processes"``. By default the threads of this
            process, or the Dask client that is in force.

        Returns
        -------
        Any
            Usually a `Report`.
        """
        import dask

        (result,) = dask.compute(self, traverse=False, **how)
        return result

    def run(self, threads: int, ended: Callable[[int], None]) -> Any:
        """Run it on threads of this process, without Dask: importing Dask takes longer than small work.

        Parameters
        ----------
        threads
            How many threads.
        ended
            Called with the number of groups that have ended, each time one has.

        Returns
        -------
        Any
            Usually a `Report`.
        """
        interrupted = Event()

        def go_on() -> None:
            if interrupted.is_set():
                raise CancelledError

        def call(unit: Unit) -> Any:
            with checkpoints_call(go_on):
                return attempt(unit)

        with ThreadPoolExecutor(threads) as pool:
            begun = [[pool.submit(call, unit) for unit in group.units] for group in self.groups]
            values = []
            try:
                for group, units in zip(self.groups, begun, strict=True):
                    values.append(group.value([unit.result() for unit in units]))
                    ended(len(values))
            except BaseException:
                interrupted.set()
                pool.shutdown(wait=False, cancel_futures=True)
                abandon()  # else threads would wait for files to be read that nobody wants any more
                raise
        return self.report(values if self.closing is None else [*values, _close(self.closing, values)])

    def __dask_graph__(self) -> HighLevelGraph:
        from dask.highlevelgraph import HighLevelGraph

        tasks: dict[Hashable, Any] = {}
        for group, last in zip(self.groups, self.__dask_keys__(), strict=False):
            for unit in group.units:
                tasks[unit.key] = (partial(attempt, unit),)
            if group.finish is not None or len(group.units) != 1:
                joined = group.finish if group.finish is not None else list
                tasks[last] = (partial(attempt, joined), [unit.key for unit in group.units])
        if self.closing is not None:
            *groups, last = self.__dask_keys__()
            tasks[last] = (partial(_close, self.closing), groups)
        return HighLevelGraph.from_collections(f"delivery-{_tokenize(*tasks)}", tasks)

    def __dask_keys__(self) -> list[Hashable]:
        keys: list[Hashable] = [_last_key(group) for group in self.groups]
        return keys if self.closing is None else [*keys, f"{self.closing.key}-{_tokenize(keys)}"]

    def __dask_postcompute__(self) -> tuple[Callable[..., Any], tuple[()]]:
        return self.report, ()

    @staticmethod
    def __dask_scheduler__(graph: Any, keys: Any, **how: Any) -> Any:
        from dask.threaded import get

        return get(graph, keys, **how)

    @staticmethod
    def __dask_optimize__(graph: Any, keys: Any, **kwargs: Any) -> Any:
        return graph

    def __dask_tokenize__(self) -> Hashable:
        return (type(self).__name__, self.name, tuple(self.__dask_keys__()))


def _last_key(group: Group) -> str:
    if group.finish is None and len(group.units) == 1:
        return group.units[0].key
    last = group.finish.key if group.finish is not None else "list"
    return f"group-{_tokenize(last, [unit.key for unit in group.units])}"


class _Items(Sequence[Group]):
    """One group of one unit for each item, made when asked for."""

    def __init__(self, function: Callable[..., Any], items: Sequence[Any], name: str, seconds: float | None):
        self._function, self._items, self._name, self._seconds = function, items, name, seconds

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> Group: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Group]: ...
    def __getitem__(self, index: int | slice) -> Group | Sequence[Group]:
        if isinstance(index, slice):
            return _Items(self._function, self._items[index], self._name, self._seconds)
        item = self._items[index]
        unit = Unit(self._function, (item,), name=str(item), kind=self._name, seconds=self._seconds)
        return Group(str(item), (unit,))


def delivery(
    function: Callable[[Any], Any], items: Iterable[Any], *, name: str, seconds: float | None = None
) -> Delivery:
    """Any picklable function as a delivery, one unit for each item.

    Equal items are one unit: the function is called once, and its result stands in each place. Give items
    that differ, such as ``enumerate(items)``, to a function that draws at random, samples, or waits.

    Parameters
    ----------
    function
        Called with one item. Call `mediadask.checkpoint()` inside it where it may pause.
    items
        A sequence is kept as it is (a `range` of a million costs nothing); anything else becomes a list.
    name
        The delivery's name, and the kind its units are learnt by.
    seconds
        What one unit is expected to take, until the pool has seen some.

    Returns
    -------
    Delivery
        One group of one unit for each item; it computes to a `Report` of what the function returned.

    Examples
    --------
    >>> work = md.delivery(len, ["one", "three"], name="lengths")
    >>> report = work.compute()
    >>> print(report)
    lengths: 2 done, 0 failed
    >>> report.results
    [3, 5]
    """
    sequence = items if isinstance(items, Sequence) else list(items)
    return Delivery(name, _Items(function, sequence, name, seconds))
