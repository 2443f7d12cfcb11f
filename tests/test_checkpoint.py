from __future__ import annotations

import threading

import pytest

import mediadask as md
from mediadask.checkpoint import checkpoints_call, preparing
from mediadask.pixels.compiled import compiled


def test_outside_a_pool_it_does_nothing() -> None:
    assert md.checkpoint() is None


def test_within_the_block_it_calls_the_hook_of_its_own_thread_only() -> None:
    calls: list[str] = []
    with checkpoints_call(lambda: calls.append("outer")):
        md.checkpoint()
        with checkpoints_call(lambda: calls.append("inner")):
            md.checkpoint()
        other = threading.Thread(target=md.checkpoint)
        other.start()
        other.join()
        md.checkpoint()
    md.checkpoint()
    assert calls == ["outer", "inner", "outer"]


def test_the_first_call_of_a_compiled_function_says_that_it_prepares() -> None:
    """Compiling takes a slow machine a minute, in which no frame is done."""
    told: list[bool] = []
    twice = compiled(lambda number: number * 2)
    with checkpoints_call(lambda: None, told.append):
        assert [twice(1), twice(2)] == [2, 4]
    assert told == [True, False]
    with pytest.raises(RuntimeError), checkpoints_call(lambda: None, told.append), preparing():
        raise RuntimeError
    assert told == [True, False] * 2
    with preparing():
        pass
    assert told == [True, False] * 2
