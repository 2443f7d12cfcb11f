"""The scaling policy: enough for every due time, cheapest tier first, no worker taken that runs something."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediadask.pool.config import PoolConfig, load_config
from mediadask.pool.scaling.policy import ScalingPolicy, Snapshot, Target, TierState, Work, WorkerSnapshot

HOUR = 3600.0


def config(**overrides) -> PoolConfig:
    return load_config(
        {
            "tiers": {
                "local": None,
                "rack": {"kind": "reserved", "price-per-hour": 0.2, "maximum": 2, "threads": 4},
                "cloud": {"kind": "on-demand", "price-per-hour": 0.8, "maximum": 50, "threads": 4},
                "desk": {"kind": "local", "price-per-hour": 0, "maximum": 1, "threads": 2},
            },
            **overrides,
        }
    )


def only(kind: str, threads: int = 1, maximum: int = 10_000, **overrides) -> PoolConfig:
    tier = {"kind": kind, "price-per-hour": 1, "maximum": maximum, "threads": threads, "startup": 60}
    return load_config({"tiers": {"local": None, "it": tier}, **overrides})


def job(units: int, seconds_each: float, priority: str = "urgent", **more) -> Work:
    return Work(priority, units, units * seconds_each, seconds_each, **more)


def first_target(configured: PoolConfig, *work: Work, **more) -> Target:
    return ScalingPolicy(configured).decide(Snapshot(0.0, work, **more))


def test_no_work_no_workers():
    assert first_target(config()).total == 0


def test_the_first_ask_from_zero_counts_seconds_units_threads_and_the_start():
    # 1000 units of a minute within 15 minutes, of which one goes for starting and one for the last unit.
    assert first_target(only("on-demand"), job(1000, 60)).workers == {"it": 77}
    assert first_target(only("on-demand", threads=8), job(1000, 60)).workers == {"it": 10}


def test_no_more_threads_than_units():
    assert first_target(only("on-demand"), job(3, 2 * HOUR)).workers["it"] == 3


def test_background_work_is_done_with_few_because_it_has_a_day():
    assert first_target(only("on-demand"), job(1000, 60, "background")).workers == {"it": 1}


def test_a_deadline_asks_for_more():
    assert first_target(only("on-demand"), job(1000, 60, "background", deadline_seconds=HOUR)).workers == {
        "it": 18
    }


def test_work_ahead_of_a_job_counts_against_its_due_time():
    behind = job(100, 60, "normal", deadline_seconds=1800)
    ahead = job(60, 60)
    targets = [first_target(only("on-demand"), *work).total for work in ([behind], [ahead], [behind, ahead])]
    assert targets == [4, 5, 6]


def test_late_work_is_due_within_a_tenth_of_its_target():
    # Two hours make 720 s, of which 60 go for starting and 10 for the last unit.
    late = job(1000, 10, "normal", waited_seconds=5 * HOUR)
    assert first_target(only("on-demand"), late).workers == {"it": 16}


def test_late_work_does_not_ask_for_what_cannot_help():
    late = job(1, HOUR, "normal", waited_seconds=5 * HOUR)
    tiny = job(1000, 0.01)
    assert first_target(only("on-demand"), late, tiny).total <= 3
    assert first_target(only("on-demand"), job(1000, 1.0, deadline_seconds=-5)).total <= 20


def test_the_cheapest_tier_is_filled_first():
    assert first_target(config(), job(8, 60)).workers == {"rack": 2, "cloud": 0, "desk": 0}
    assert first_target(config(), job(1000, 60)).workers == {"rack": 2, "cloud": 18, "desk": 0}
    assert first_target(config(), job(100_000, 60)).workers == {"rack": 2, "cloud": 50, "desk": 1}


def test_what_is_paid_anyway_is_used_as_far_as_there_is_work():
    assert first_target(config(), job(1000, 60, "background")).workers == {"rack": 2, "cloud": 0, "desk": 0}
    assert first_target(only("local", maximum=4), job(1000, 60, "background")).workers == {"it": 4}


def test_a_worker_that_starts_for_longer_than_it_would_work_is_not_started():
    assert first_target(only("local", maximum=8), job(40, 0.05)).workers == {"it": 1}


def test_requested_workers_count_as_coming():
    policy = ScalingPolicy(only("on-demand"))
    asked = policy.decide(Snapshot(0, (job(1000, 60),))).total
    requested = {"it": TierState(tuple(f"it-{n}" for n in range(asked)))}
    again = policy.decide(Snapshot(1, (job(1000, 60, waited_seconds=1),), tiers=requested))
    assert (again.total, again.stop) == (asked, ())


def test_the_measured_start_replaces_the_configured():
    slow = {"it": TierState(startup_seconds=600)}
    assert first_target(only("on-demand"), job(1000, 60), tiers=slow).total > 200


def test_it_yields_idle_workers_after_the_grace_and_not_before():
    policy = ScalingPolicy(only("on-demand"))
    policy.decide(Snapshot(0, (job(2, 60),)))
    two = [WorkerSnapshot("it-1", "it", 1, idle_seconds=5), WorkerSnapshot("it-2", "it", 1, idle_seconds=5)]
    assert policy.decide(Snapshot(10, (), tuple(two))).stop == ()
    later = [
        WorkerSnapshot("it-1", "it", 1, idle_seconds=90),
        WorkerSnapshot("it-2", "it", 1, idle_seconds=61),
    ]
    target = policy.decide(Snapshot(100, (), tuple(later)))
    assert (target.total, target.stop) == (0, ("it-1", "it-2"))


def test_a_worker_that_runs_something_stays_unless_its_tier_is_reclaimed():
    busy = (WorkerSnapshot("it-1", "it", 1, running=1), WorkerSnapshot("it-2", "it", 1, idle_seconds=999))
    tiny = Work("background", 1, 0.1, 0.1, running=1)
    target = first_target(only("on-demand"), tiny, workers=busy)
    assert (target.workers, target.stop) == ({"it": 1}, ("it-2",))
    target = first_target(
        only("on-demand"), tiny, workers=busy, tiers={"it": TierState(("it-3",), reclaimed=True)}
    )
    assert (target.workers, target.stop) == ({"it": 0}, ("it-3", "it-1", "it-2"))


def test_a_reclaimed_tier_is_replaced_by_the_next():
    target = first_target(config(), job(8, 900), tiers={"rack": TierState(reclaimed=True)})
    assert target.workers == {"rack": 0, "cloud": 2, "desk": 0}


def test_requests_no_longer_needed_are_taken_back_newest_first():
    policy = ScalingPolicy(only("on-demand"))
    requested = {"it": TierState(("it-1", "it-2", "it-3"))}
    assert policy.decide(Snapshot(0, (job(3, HOUR),), tiers=requested)).stop == ()
    assert policy.decide(Snapshot(10, (job(1, HOUR),), tiers=requested)).stop == (), "it may come back"
    assert policy.decide(Snapshot(100, (job(1, HOUR),), tiers=requested)).stop == ("it-3", "it-2")


def test_minimum_and_maximum_hold():
    kept = {
        "tiers": {"local": None, "it": {"kind": "on-demand", "price-per-hour": 1, "minimum": 2, "maximum": 3}}
    }
    assert first_target(load_config(kept)).total == 2
    assert first_target(load_config(kept), job(1000, 900)).total == 3


def test_a_spent_budget_holds_or_puts_behind_and_others_go_on():
    held = only("on-demand", budgets={"A": {"amount": 10, "action": "hold"}})
    theirs, other = job(1000, 60, show="A"), job(10, 600, show="B")
    assert first_target(held, theirs, spent={"A": 10.0}).total == 0
    assert first_target(held, theirs, other, spent={"A": 10.0}).total == first_target(held, other).total
    behind = only("on-demand", budgets={"a": {"amount": 10, "action": "background"}})
    assert first_target(behind, theirs, spent={"a": 10.0}).total == 1, "upper and lower case are alike"
    warned = only("on-demand", budgets={"A": {"amount": 10, "action": "warn"}})
    assert first_target(warned, theirs, spent={"A": 99.0}).total == 77


def test_no_more_is_started_than_what_is_left_of_a_budget_pays():
    held = only("on-demand", budgets={"A": {"amount": 10, "action": "hold"}})
    # 2 of currency pay two of the nearly seventeen thread-hours that are wanted.
    assert first_target(held, job(1000, 60, show="A"), spent={"A": 8.0}).total == 10


def test_it_says_why():
    assert first_target(only("on-demand"), job(1000, 60)).because == "urgent: 16.7 h of work due in 15 min"


works = st.builds(
    lambda priority, units, each, waited, deadline, running: Work(
        priority, units, units * each, each, min(running, units), waited, deadline
    ),
    st.sampled_from(["urgent", "normal", "background"]),
    st.integers(1, 200),
    st.floats(0.01, 500),
    st.floats(0, 5000),
    st.none() | st.floats(-100, 50_000),
    st.integers(0, 3),
)


@given(st.lists(works, min_size=1, max_size=6))
def test_with_what_it_asks_for_every_job_that_can_be_in_time_is(work):
    policy = ScalingPolicy(only("on-demand"))
    threads, _ = policy._threads_needed(work, delay_seconds=0)
    order = policy.config.classes
    free = [0.0] * threads
    for each in sorted(work, key=lambda each: (order[each.priority].order, policy._due(each))):
        end = 0.0
        for _ in range(each.units):
            end = max(end, heapq.heappushpop(free, free[0] + each.longest_seconds) + each.longest_seconds)
        end = max(end, 0.0)
        if policy._due(each) >= 2 * each.longest_seconds:
            assert end <= policy._due(each) * (1 + 1e-9)


workers = st.lists(
    st.tuples(st.sampled_from(["rack", "cloud", "desk"]), st.integers(0, 4), st.floats(0, 500)), max_size=12
)
moments = st.tuples(
    st.lists(works, max_size=4), workers, st.integers(0, 5), st.sets(st.sampled_from(["rack", "cloud"]))
)


@given(st.lists(moments, min_size=1, max_size=6))
def test_whatever_happens_it_keeps_its_promises(history):
    configured = config()
    policy = ScalingPolicy(configured)
    for number, (work, present, requested, reclaimed) in enumerate(history):
        there = tuple(
            WorkerSnapshot(f"{tier}-{n}", tier, 4, running, idle)
            for n, (tier, running, idle) in enumerate(present)
        )
        asked = tuple(f"cloud-new-{n}" for n in range(requested))
        tiers = {name: TierState(reclaimed=name in reclaimed) for name in ("rack", "desk")}
        tiers["cloud"] = TierState(asked, reclaimed="cloud" in reclaimed)
        target = policy.decide(Snapshot(number * 30.0, tuple(work), there, tiers))
        known = {worker.name: worker for worker in there}
        assert len(set(target.stop)) == len(target.stop)
        for name in target.stop:
            assert name in known or name in asked
            if name in known and known[name].tier not in reclaimed:
                assert known[name].running == 0
                assert known[name].idle_seconds >= configured.grace
        for name, count in target.workers.items():
            busy = sum(worker.tier == name and worker.running > 0 for worker in there)
            assert count <= max(configured.tiers[name].limit, busy)
            assert count >= (0 if name in reclaimed else busy)


# A day, replayed with the policy alone: workers that start and work, no Dask.


@dataclass
class Day:
    """A pool of single-thread workers under a policy that is asked every five seconds."""

    policy: ScalingPolicy
    startup: float
    now: float = 0.0
    jobs: dict[int, list] = field(default_factory=dict)
    coming: dict[str, float] = field(default_factory=dict)
    idle_since: dict[str, float] = field(default_factory=dict)
    busy: dict[str, tuple[float, int]] = field(default_factory=dict)
    started: int = 0
    killed: int = 0
    peak: int = 0
    paid_seconds: float = 0.0
    work_seconds: float = 0.0
    turnarounds: dict[str, list[float]] = field(default_factory=dict)

    def submit(self, number: int, priority: str, units: int, each: float) -> None:
        self.jobs[number] = [priority, units, each, self.now, units]
        self.work_seconds += units * each

    def step(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            for name, at in list(self.coming.items()):
                if at <= self.now:
                    del self.coming[name]
                    self.idle_since[name] = self.now
            for name, (until, number) in list(self.busy.items()):
                if until <= self.now:
                    del self.busy[name]
                    self.idle_since[name] = self.now
                    self.jobs[number][4] -= 1
                    if self.jobs[number][4] == 0:
                        priority, _, _, since, _ = self.jobs.pop(number)
                        self.turnarounds.setdefault(priority, []).append(self.now - since)
            waiting = sorted(self.jobs, key=lambda n: (self.policy.config.classes[self.jobs[n][0]].order, n))
            for name in list(self.idle_since):
                number = next((n for n in waiting if self.jobs[n][1]), None)
                if number is None:
                    break
                self.jobs[number][1] -= 1
                del self.idle_since[name]
                self.busy[name] = (self.now + self.jobs[number][2], number)
            self.paid_seconds += len(self.busy) + len(self.idle_since)
            self.now += 1
        self.ask()

    def ask(self) -> None:
        running = {n: sum(number == n for _, number in self.busy.values()) for n in self.jobs}
        work = tuple(
            Work(priority, left, left * each, each, running[n], self.now - since)
            for n, (priority, _, each, since, left) in self.jobs.items()
        )
        there = tuple(
            [WorkerSnapshot(name, "it", 1, 1) for name in self.busy]
            + [WorkerSnapshot(name, "it", 1, 0, self.now - since) for name, since in self.idle_since.items()]
        )
        tiers = {"it": TierState(tuple(self.coming), self.startup)}
        target = self.policy.decide(Snapshot(self.now, work, there, tiers))
        for name in target.stop:
            self.killed += name in self.busy
            self.coming.pop(name, None)
            self.idle_since.pop(name, None)
        for _ in range(target.total - len(there) - len(self.coming) + len(target.stop)):
            self.started += 1
            self.coming[f"it-{self.started}"] = self.now + self.startup
        self.peak = max(self.peak, len(self.busy) + len(self.idle_since) + len(self.coming))


@pytest.mark.parametrize("seed", range(3))
def test_a_day_of_spikes(seed):
    rng = random.Random(seed)
    day = Day(ScalingPolicy(only("on-demand", maximum=400)), startup=60)
    spikes = sorted(rng.uniform(0, 10 * HOUR) for _ in range(8))
    chores = sorted(rng.uniform(0, 10 * HOUR) for _ in range(15))
    number = 0
    while day.now < 12 * HOUR or day.jobs:
        while spikes and spikes[0] <= day.now:
            number, _ = number + 1, spikes.pop(0)
            day.submit(number, "urgent", rng.randint(20, 400), rng.uniform(5, 90))
        while chores and chores[0] <= day.now:
            number, _ = number + 1, chores.pop(0)
            day.submit(number, rng.choice(["normal", "background"]), rng.randint(20, 200), rng.uniform(5, 60))
        day.step(5)
    day.step(HOUR)
    assert day.killed == 0
    assert (day.busy, day.idle_since, day.coming) == ({}, {}, {}), "it is back at zero"
    assert max(day.turnarounds["urgent"]) <= 900 * 1.05
    assert max(day.turnarounds["normal"]) <= 2 * HOUR
    assert day.started <= 8 * day.peak, "workers are kept through a job, not started again and again"
    assert day.paid_seconds <= 2.0 * day.work_seconds


@settings(max_examples=20, deadline=None)
@given(st.integers(5, 120), st.integers(1, 60))
def test_work_that_comes_and_goes_faster_than_the_grace_starts_workers_once(period, units):
    day = Day(ScalingPolicy(only("on-demand", maximum=400, grace=120)), startup=10)
    for number in range(20):
        day.submit(number, "urgent", units, 1.0)
        for _ in range(max(1, period // 5)):
            day.step(5)
    assert day.started <= day.peak + 2


# Spot, workers that join by themselves, tiers that do not come, warm workers.


def mixed(**overrides) -> PoolConfig:
    """Reserved, spot and on-demand tiers and workers on the premises, one thread each."""
    tiers = {
        "local": None,
        "onprem": {"kind": "joins", "price-per-hour": 0.05},
        "rack": {"kind": "reserved", "price-per-hour": 0.2, "maximum": 2},
        "spot": {"kind": "spot", "price-per-hour": 0.1, "maximum": 50, "startup": 60},
        "cloud": {"kind": "on-demand", "price-per-hour": 0.4, "maximum": 50, "startup": 60},
    }
    return load_config({"tiers": tiers, **overrides})


def joined(count: int) -> tuple[WorkerSnapshot, ...]:
    return tuple(WorkerSnapshot(f"onprem-{number}", "onprem", 1) for number in range(count))


def test_the_cheapest_tiers_come_first_and_workers_that_joined_count():
    work = job(100, 60)
    needed = first_target(only("on-demand"), work).total
    target = first_target(mixed(), work, workers=joined(3)).workers
    assert target == {"onprem": 3, "rack": 2, "spot": needed - 5, "cloud": 0}


def test_workers_that_join_by_themselves_are_never_asked_for_nor_stopped():
    idle = tuple(WorkerSnapshot(f"onprem-{number}", "onprem", 1, idle_seconds=HOUR) for number in range(3))
    target = first_target(mixed(), workers=idle)
    assert (target.workers["onprem"], target.stop) == (3, ())


def test_spot_is_never_the_only_place_of_work_whose_deadline_is_near():
    far = first_target(mixed(), job(20, 60, deadline_seconds=600)).workers
    assert (far["spot"] > 0, far["cloud"]) == (True, 0)
    near = first_target(mixed(), job(20, 60, deadline_seconds=170)).workers
    assert near["spot"] == 0
    assert near["rack"] + near["cloud"] >= 20


def test_other_work_beside_what_is_near_may_go_to_spot():
    near, other = job(5, 60, deadline_seconds=170), job(200, 60)
    target = first_target(mixed(), near, other).workers
    assert target["rack"] + target["cloud"] == 5
    assert target["spot"] > 0


def test_where_nothing_else_has_room_spot_is_better_than_nothing():
    assert first_target(only("spot"), job(20, 60, deadline_seconds=170)).workers == {"it": 20}


def test_a_tier_whose_workers_do_not_come_is_passed_over_but_asked_for_one():
    state = {"spot": TierState(("spot-1", "spot-2"), trouble="the cluster is full")}
    work = job(100, 60)
    needed = first_target(only("on-demand"), work).total
    target = first_target(mixed(), work, tiers=state)
    assert target.workers == {"onprem": 0, "rack": 2, "spot": 1, "cloud": needed - 3}
    assert target.stop == ("spot-2",)


def test_where_no_tier_comes_all_that_is_needed_stays_asked_for():
    full = TierState(trouble="the cluster is full")
    target = first_target(only("on-demand"), job(100, 60), tiers={"it": full})
    assert target.total == first_target(only("on-demand"), job(100, 60)).total


def test_of_a_burst_some_stay_warm_for_a_while():
    tier = {"kind": "on-demand", "price-per-hour": 1, "startup": 1, "warm": "4 for 10min"}
    policy = ScalingPolicy(load_config({"tiers": {"local": None, "it": tier}, "grace": 60}))
    assert policy.decide(Snapshot(0.0, (job(1000, 60),))).total > 4
    assert policy.decide(Snapshot(59.0)).total > 4
    assert policy.decide(Snapshot(61.0)).total == 4
    assert policy.decide(Snapshot(599.0)).total == 4
    assert policy.decide(Snapshot(601.0)).total == 0


def test_a_small_burst_keeps_no_more_warm_than_it_had():
    tier = {"kind": "on-demand", "price-per-hour": 1, "startup": 1, "warm": "4 for 10min"}
    policy = ScalingPolicy(load_config({"tiers": {"local": None, "it": tier}, "grace": 60}))
    assert policy.decide(Snapshot(0.0, (job(1, 60),))).total == 1
    assert policy.decide(Snapshot(300.0)).total == 1
