"""What must hold after every event, whatever happens: each rule is checked from outside the state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mediadask.delivery import Failure
from mediadask.pool.core import commands, events
from mediadask.pool.simulation.model import value_of
from mediadask.pool.simulation.seen import CLOSING, FINISH

if TYPE_CHECKING:
    from mediadask.pool.core.commands import BatchCall, Command
    from mediadask.pool.core.events import Event
    from mediadask.pool.simulation.dask import SimulatedDask
    from mediadask.pool.simulation.model import JobModel, UnitModel
    from mediadask.pool.simulation.onlooker import Onlooker
    from mediadask.pool.simulation.seen import SeenBatch

__all__ = ["Broken", "after_round", "before_command", "before_event", "classes_are_right", "values_are_right"]

_PATIENCE_SECONDS = 1.6
"""A batch that was told to pause is counted on for a second, which is looked at every half."""


class Broken(Exception):
    """An invariant does not hold.

    Parameters
    ----------
    invariant
        In few words.
    how
        What was seen.
    """

    def __init__(self, invariant: str, how: str) -> None:
        super().__init__(f"{invariant}: {how}")
        self.invariant, self.how = invariant, how


def before_event(seen: Onlooker, event: Event) -> None:
    """Whether something happens for which the pool had time enough to prepare.

    Raises
    ------
    Broken
        It was not prepared.
    """
    if isinstance(event, events.WorkerLeft) and event.expected and event.reason == "reclaimed":
        for batch in seen.batches.values():
            if batch.worker == event.address and not batch.hangs:
                raise Broken("a worker that is retired gives its work back", f"{batch.id} was lost with it")


def before_command(seen: Onlooker, event: Event, command: Command) -> None:
    """Whether a command may follow from an event, as things stand.

    Raises
    ------
    Broken
        It may not.
    """
    match command:
        case commands.SendUnits():
            _may_send(seen, event, command)
        case commands.Instruct():
            _may_instruct(seen, event, command)
        case commands.UnpauseWorker():
            if seen.workers[command.worker].is_leaving:
                raise Broken("a worker that must leave is not used again", f"{command}")
        case commands.EnterTask() if command.worker:
            batch = seen.batches.get(command.batch)
            if batch is None or batch.state != "paused" or batch.worker != command.worker:
                raise Broken("only a paused batch is resumed, where it is", f"{command}")
            if seen.workers[command.worker].is_leaving:
                raise Broken("nothing goes on where it must leave", f"{command}")
            rank = seen.rank_of(batch)
            waiting = [task.rank for task in seen.tasks.values() if task.waits]
            if rank != float("inf") and min(waiting, default=rank) < rank:
                raise Broken("nothing goes on before a higher class that waits", f"{command}")
        case commands.EnterTask():
            if command.task in seen.tasks:
                raise Broken("a task is entered once", command.task)
            _may_enter(seen, command.priority[0])
        case commands.EndJob():
            if seen.jobs[command.job].is_open:
                raise Broken("a job that ends has a record of it", command.job)


def _may_enter(seen: Onlooker, rank: int) -> None:
    waiting = sum(task.waits and task.rank <= rank for task in seen.tasks.values())
    threads = max(1, sum(worker.threads for worker in seen.workers.values()))
    most = threads * seen.config.window
    if waiting >= most and not seen.made_room:
        raise Broken("a bounded window waits in Dask's queue", f"{waiting + 1} of {most} of rank {rank}")


def _may_send(seen: Onlooker, event: Event, command: commands.SendUnits) -> None:
    task = seen.tasks.get(event.task) if isinstance(event, events.TaskStarted) else None
    if task is None or not isinstance(event, events.TaskStarted):
        raise Broken("units are sent where their task has just got a slot", f"{command.batch}")
    if task.batch != command.batch or event.worker != command.worker or not command.calls:
        raise Broken("units are sent where their task has just got a slot", f"{event} led to {command}")
    models: list[UnitModel] = [call.unit.args[0] for call in command.calls]
    if all(len(seen.places.get(model.key, ())) == 1 for model in models):
        ((id, _, _),) = seen.places[models[0].key]
        job = seen.jobs[id]
        if (task.rank, task.due) != (job.rank, job.due):
            raise Broken(
                "a task has the class and deadline of its job", f"{task} of {id}: {job.rank}, {job.due}"
            )
    for call, model in zip(command.calls, models, strict=True):
        if other := seen.on_worker.get(model.key):
            raise Broken("a unit runs once at a time", f"{model.key} is in {other} and in {command.batch}")
        wanting = seen.wanting(model.key)
        if not wanting:
            raise Broken("nothing runs that nobody wants", model.key)
        if all(seen.is_held(job.show) for job in wanting):
            raise Broken("a held show begins nothing", f"{model.key} is of {wanting[0].model.id}")
        places = seen.places[model.key]
        if seen.done.get(model.key, 0) >= len(places):
            raise Broken("each unit ends exactly once", f"{model.key} was done and is sent again")
        if len(places) == 1 and seen.has_failed(model.key):
            raise Broken("what has failed for good is not tried again", model.key)
        _is_called_right(seen, call, model)


def _is_called_right(seen: Onlooker, call: BatchCall, model: UnitModel) -> None:
    """A finish is called with the results of its group, what closes a job with the values of its groups."""
    for job_id, index, position in seen.places[model.key]:
        if position != FINISH:
            if call.results is not None:
                raise Broken("a group's value is right", f"{model.key} is called with results")
            continue
        job = seen.jobs[job_id].model
        if index == CLOSING:
            expected = [value_of_group(job, number) for number in range(len(job.groups))]
        else:
            expected = [value_of(unit, None) for unit in job.groups[index].units]
        results = call.results
        if results is None or len(results) != len(expected):
            raise Broken("a group's value is right", f"{model.key} is called with {results}")
        for result, right in zip(results, expected, strict=True):
            if result != right and not (index == CLOSING and isinstance(result, Failure)):
                raise Broken("a group's value is right", f"{model.key} gets {result!r}, not {right!r}")


def _may_instruct(seen: Onlooker, event: Event, command: commands.Instruct) -> None:
    batch = seen.batches.get(command.batch)
    if batch is None:
        return
    if batch.worker != command.worker:
        raise Broken("instructions go where the batch is", f"{command}, which is on {batch.worker}")
    if command.instruction == "evict":
        return
    if batch.is_evicted:
        raise Broken("what must leave is not told anything else", f"{command}")
    if command.instruction == "pause":
        rank = seen.lowest_rank_of(batch)
        higher = any(task.rank < rank for task in seen.tasks.values() if task.batch not in seen.batches)
        resumed = any(
            seen.rank_of(other) < rank for other in seen.batches.values() if other.state == "resuming"
        )
        graphs = any(seen.jobs[job].rank < rank for job, demand in seen.demand.items() if demand)
        there = [other for other in seen.batches_on(batch.worker) if other.state in ("running", "pausing")]
        tasks = seen.tasks_on(batch.worker, rank)
        crowded = tasks > 0 and tasks + len(there) > seen.workers[batch.worker].threads
        if not (higher or resumed or graphs or crowded):
            raise Broken("nothing pauses for nobody", f"{command.batch} of rank {rank}")


def classes_are_right(seen: Onlooker) -> None:
    """Whether every job has the class that was asked for, or the last while its show's budget says so.

    Raises
    ------
    Broken
        One has another.
    """
    last = max(each.order for each in seen.config.classes.values())
    for id, job in seen.jobs.items():
        right = last if seen.budget_state(job.show) == "background" else job.asked_rank
        if job.is_open and job.rank != right:
            raise Broken("a spent budget puts a show last, and no other does", f"{id} has rank {job.rank}")


def after_round(seen: Onlooker, dask: SimulatedDask) -> None:
    """Whether every slot does the most urgent work that it could.

    Raises
    ------
    Broken
        One does not.
    """
    _what_should_not_go_on_is_told(seen)
    _highest_class_has_the_slots(seen, dask)
    _workers_make_room(seen)
    idle = [worker for worker in dask.idle if worker in seen.workers]
    if idle and not seen.entering():
        _no_slot_idles(seen, idle)


def _what_should_not_go_on_is_told(seen: Onlooker) -> None:
    for batch in seen.batches.values():
        for position, key in batch.left.items():
            if position not in batch.cancelled and not seen.wanting(key):
                raise Broken("what nobody wants is stopped", f"{key} in {batch.id} goes on")
        is_emptied = batch.worker in seen.workers and seen.workers[batch.worker].is_paused
        if is_emptied and not (batch.was_silent or batch.is_evicted):
            raise Broken("what runs beside a unit that hangs is told to leave", f"{batch.id} goes on")


def _highest_class_has_the_slots(seen: Onlooker, dask: SimulatedDask) -> None:
    waiting = sorted(
        [task.rank for task in seen.waiting() if _is_queued(dask, task.key)]
        + [
            seen.jobs[job].rank
            for job, demand in seen.demand.items()
            if seen.jobs[job].is_open and not seen.is_held(seen.jobs[job].show)
            for _ in range(min(demand, len(dask.workers)))
        ]
    )
    if not waiting:
        return
    running = {batch.id: seen.rank_of(batch) for batch in seen.batches.values() if _may_pause(seen, batch)}
    if not any(rank > waiting[0] for rank in running.values()):
        return
    # The slot of one that must leave goes with its worker.
    serving = sorted(
        seen.lowest_rank_of(batch)
        for batch in seen.batches.values()
        if batch.state == "yielding"
        or batch.is_stopping
        or (batch.state == "pausing" and not _is_deaf(seen, batch))
    )
    for rank in waiting:
        if serving and serving[-1] > rank:
            serving.pop()
            continue
        kept = [batch for batch, other in running.items() if other > rank and other != float("inf")]
        if kept:
            raise Broken(
                "no lower class keeps a slot that a higher one could use",
                f"{kept[0]} of rank {running[kept[0]]} runs while a task of rank {rank} waits",
            )


def _workers_make_room(seen: Onlooker) -> None:
    """What waits for a thread of this very worker gets one that a lower class has there."""
    resuming = [batch for batch in seen.batches.values() if batch.state == "resuming"]
    waits = {batch.worker for batch in resuming}
    waits.update(address for address, worker in seen.workers.items() if worker.graph_tasks)
    for batch in seen.batches.values() if waits else ():
        if batch.worker not in waits or not _may_pause(seen, batch):
            continue
        rank, there = seen.rank_of(batch), seen.batches_on(batch.worker)
        if rank == float("inf"):
            continue
        waiting = seen.tasks_on(batch.worker, rank)
        waiting += sum(each in resuming and seen.lowest_rank_of(each) < rank for each in there)
        busy = sum(each.state == "running" or _is_deaf(seen, each) for each in there)
        if waiting and waiting + busy > seen.workers[batch.worker].threads:
            raise Broken(
                "no lower class keeps a thread that what goes on there waits for",
                f"{batch.id} of rank {rank} runs on {batch.worker}",
            )


def _is_deaf(seen: Onlooker, batch: SeenBatch) -> bool:
    return batch.state == "pausing" and seen.now - batch.told_at >= _PATIENCE_SECONDS


def _is_queued(dask: SimulatedDask, key: str) -> bool:
    return key in dask.tasks and dask.tasks[key].state == "queued"


def _may_pause(seen: Onlooker, batch: SeenBatch) -> bool:
    worker = seen.workers.get(batch.worker)
    if worker is None or worker.is_paused or worker.is_leaving:
        return False
    return batch.state == "running" and not batch.is_evicted and not batch.is_stopping


def _no_slot_idles(seen: Onlooker, idle: list[str]) -> None:
    for job in seen.jobs.values():
        model = job.model
        if not job.is_open or seen.is_held(job.show) or model.graph is not None:
            continue
        if model.unplannable_after is None and job.planned < len(model.groups) and not job.is_planning:
            raise Broken("no slot idles while work waits", f"{model.id} is not planned any further")
        for index in range(job.planned):
            if (key := _ready_in(seen, model, index)) is not None:
                raise Broken(
                    "no slot idles while work waits", f"{key} of {model.id} waits, {idle[0]} has a free slot"
                )
    resuming = [batch.worker for batch in seen.batches.values() if batch.state == "resuming"]
    for batch in seen.batches.values():
        if batch.state == "paused" and batch.worker in idle and not batch.is_evicted:
            if any(seen.demand.values()) or batch.worker in resuming or not seen.wanting(_first(batch)):
                continue
            raise Broken("no slot idles while work waits", f"{batch.id} stays paused on {batch.worker}")


def _first(batch: SeenBatch) -> str:
    return next(iter(batch.left.values()))


def _ready_in(seen: Onlooker, job: JobModel, index: int) -> str | None:
    """A unit of this group that could begin, if that is sure."""
    group = job.groups[index]
    members = [*group.units, *([group.finish] if group.finish is not None else [])]
    # One that another group has, too, or that has failed, may wait for reasons that are not seen from here.
    if any(len(seen.places.get(unit.key, ())) != 1 or seen.is_suspect(unit.key) for unit in members):
        return None
    missing = [unit.key for unit in group.units if not seen.done.get(unit.key)]
    if not missing and group.finish is not None and not seen.done.get(group.finish.key):
        missing = [group.finish.key]
    return next((key for key in missing if key not in seen.on_worker), None)


def value_of_group(job: JobModel, index: int) -> bytes:
    """What a group's value is if nothing of it fails."""
    group = job.groups[index]
    values = [value_of(unit, None) for unit in group.units]
    if group.finish is not None:
        return value_of(group.finish, values)
    if len(values) == 1:
        return values[0]
    return b"join(%s)(%s)" % (b",".join(unit.key.encode() for unit in group.units), b",".join(values))


def values_are_right(seen: Onlooker, job: str, values: list[bytes | Failure | None]) -> None:
    """Whether a job that was not cancelled ends with what its groups make, each failure with a reason.

    Raises
    ------
    Broken
        A value is wrong or missing, or a group failed though nothing happened to it.
    """
    model = seen.jobs[job].model
    if model.graph is not None:
        return
    for index in range(len(model.groups)):
        value, right = values[index], value_of_group(model, index)
        group = model.groups[index]
        if value is None:
            raise Broken("a job ends when all its groups have", f"{job} has no value for group {index}")
        if not isinstance(value, Failure):
            if value != right:
                raise Broken("a group's value is right", f"{job}, group {index}: {value!r}, not {right!r}")
            if any(_always_fails(unit) for unit in (*group.units, group.finish) if unit is not None):
                raise Broken("a group's value is right", f"{job}, group {index}, ought to have failed")
            continue
        keys = [unit.key for unit in group.units]
        keys += [group.finish.key] if group.finish is not None else [f"join({','.join(keys)})"]
        if model.unplannable_after is None and not any(seen.may_have_failed(key) for key in keys):
            raise Broken("a group fails for a reason", f"{job}, group {index}: {value.error}")


def _always_fails(unit: UnitModel) -> bool:
    return unit.endings == ("raises",) or unit.endings == ("unsendable",)
