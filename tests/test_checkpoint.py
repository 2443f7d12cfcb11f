from __future__ import annotations

import threading

import mediadask as md
from mediadask.checkpoint import checkpoints_call


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
