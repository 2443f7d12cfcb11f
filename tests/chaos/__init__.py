"""Rounds of faults on real pools: `python -m tests.chaos --rounds 200 --seed 1`."""
