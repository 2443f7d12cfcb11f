"""A sample of rounds, on every run: `python -m tests.chaos` plays as many as you like."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.chaos import checks
from tests.chaos.faults import FAULTS
from tests.chaos.rounds import POOLS, Round, Series
from tests.chaos.work import FRAMES

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = (
    ("local", "kill_worker"),
    ("local", "displace"),
    ("local", "retire_worker"),
    ("local", "kill_program"),
    ("local", "disk_full"),
    ("up", "kill_pool_and_workers"),
    ("up", "stop_worker"),
    ("up", "kill_client"),
    ("up", "ledger_locked"),
    ("hand", "kill_keeper"),
    ("hand", "drop_connection"),
    ("hand", "submit_twice"),
    ("hand", "ledger_corrupt"),
)


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Series:
    return Series(tmp_path_factory.mktemp("chaos"))


@pytest.mark.usefixtures("spawned_workers")  # whose processes are known by their variables
@pytest.mark.parametrize(("pool", "fault"), ROUNDS)
def test_nothing_is_wrong_after(pool: str, fault: str, series: Series) -> None:
    if FAULTS[fault].tmpfs and os.getuid() != 0:
        pytest.skip("only root mounts a small disk")
    story = series.play(Round.of(ROUNDS.index((pool, fault)), fault=fault, pool=pool))
    assert not story.wrong, "\n".join([str(story.round), *story.wrong, *story.happened])


def test_a_seed_says_all_of_a_round() -> None:
    rounds = [Round.of(seed) for seed in range(200)]
    assert rounds == [Round.of(seed) for seed in range(200)]
    assert {round.fault for round in rounds} == FAULTS.keys()
    assert {round.pool for round in rounds} == {*POOLS}


def test_an_output_that_is_not_whole_is_noticed(tmp_path: Path) -> None:
    reference = {}
    for name in ("proxies/a.mp4", "archives/b.zarr/zarr.json", "archives/b.zarr/c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
        reference = checks.contents(tmp_path)
    assert not [*checks.outputs_now(tmp_path, reference), *checks.outputs_at_the_end(tmp_path, reference)]
    (tmp_path / "proxies" / "a.mp4").write_text("half")
    (tmp_path / "archives" / "b.zarr" / "c").unlink()
    (tmp_path / "archives" / ".mediadask").mkdir()
    assert [*checks.outputs_now(tmp_path, reference)] == [
        "proxies/a.mp4 stands there, and is not what it should be",
        "archives/b.zarr stands there with 1 of 2 files",
    ]
    assert {*checks.outputs_at_the_end(tmp_path, reference)} == {
        "archives/b.zarr/c is missing",
        "proxies/a.mp4 differs from an undisturbed run's",
        "archives/.mediadask is left",
    }


def test_a_frame_that_is_computed_twice_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "1").write_text("".join(f"a {frame}\n" for frame in range(FRAMES)))
    assert not [*checks.frames(tmp_path, FAULTS["nothing"])]
    with (tmp_path / "1").open("a") as notes:
        notes.write("a 5\n" + "".join(f"b {frame}\n" for frame in range(FRAMES)))
    assert [line.split(":")[1] for line in checks.frames(tmp_path, FAULTS["nothing"])] == [
        f" a run computed the frames {[*range(FRAMES), 5]}",
        " begun 2 times",
    ]
    assert not [*checks.frames(tmp_path, FAULTS["partition"])][1:]
