"""``python -m tests.fuzz --mutants 10000 --seed 1``: one line a finding, which says how to have it again."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.run import fuzz, made
from tests.fuzz.seeds import make_seeds


def main() -> int:
    """Run them; 1 where there is a finding."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--mutants", type=int, default=10_000, help="how many")
    parser.add_argument("--first", type=int, default=0, metavar="NUMBER", help="begin with this one")
    parser.add_argument("--seed", type=int, default=1, help="other seeds make other mutants")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at once")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write the mutants there, and run none")
    chosen = parser.parse_args()
    numbers = range(chosen.first, chosen.first + chosen.mutants)
    if chosen.keep:
        with tempfile.TemporaryDirectory() as folder:
            seeds = make_seeds(Path(folder))
        chosen.keep.mkdir(parents=True, exist_ok=True)
        for number in numbers:
            name, content = made(seeds, chosen.seed, number)
            (chosen.keep / f"{number}-{name}").write_bytes(content)
        return 0
    begun, found = time.monotonic(), 0
    for finding in fuzz(numbers, chosen.seed, chosen.jobs):
        if finding is not None:
            found += 1
            again = f"python -m tests.fuzz --seed {chosen.seed} --first {finding.number} --mutants 1"
            print(f"{finding}  [{again}]", flush=True)
    seconds = time.monotonic() - begun
    print(f"{len(numbers)} mutants in {seconds:.0f} s: {found} findings", file=sys.stderr)
    return 1 if found else 0


sys.exit(main())
