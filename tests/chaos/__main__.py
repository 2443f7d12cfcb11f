"""``python -m tests.chaos --rounds 200 --seed 1``: one line a round, and all that is known of one
with which something is wrong."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.chaos.faults import FAULTS
from tests.chaos.rounds import POOLS, Round, Series


def main() -> int:
    """Play them; 1 where something is wrong with any."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="of the first; the next has the next")
    parser.add_argument("--fault", choices=FAULTS, help="only this one")
    parser.add_argument("--pool", choices=POOLS, help="only on this kind of pool")
    parser.add_argument("--story", action="store_true", help="tell of right ones, too, what happened when")
    chosen = parser.parse_args()
    if chosen.fault and chosen.pool and chosen.pool not in FAULTS[chosen.fault].pools:
        parser.error(f"{chosen.fault} does not happen to {chosen.pool}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the pool of the round ends, too
    logging.disable(logging.CRITICAL)  # what the pools in this process say: findings are told
    outcomes = Counter[str]()
    with tempfile.TemporaryDirectory(prefix="mediadask-chaos-") as folder:
        series = Series(Path(folder))
        for seed in range(chosen.seed, chosen.seed + chosen.rounds):
            round = Round.of(seed, fault=chosen.fault, pool=chosen.pool)
            if FAULTS[round.fault].tmpfs and os.getuid() != 0:
                outcomes["skipped"] += 1
                print(f"{round}  skipped: only root mounts a small disk", flush=True)
                continue
            story = series.play(round)
            outcomes["wrong" if story.wrong else "right"] += 1
            print(f"{round}  {story.seconds:5.1f} s  {'WRONG' if story.wrong else 'right'}", flush=True)
            if story.wrong or chosen.story:
                for line in (*story.wrong, *story.happened):
                    print(f"       {line}", flush=True)
            if story.wrong:
                one = f"--rounds 1 --seed {seed} --fault {round.fault} --pool {round.pool}"
                print(f"       again: python -m tests.chaos {one}", flush=True)
    print(", ".join(f"{count} {what}" for what, count in sorted(outcomes.items())), file=sys.stderr)
    return 1 if outcomes["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
