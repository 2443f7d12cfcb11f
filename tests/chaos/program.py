"""Somebody's program that submits a round's jobs and waits for them, and is killed meanwhile.

``python -m tests.chaos.program ADDRESS STAGE``: ADDRESS may be ``own``, for a pool of the program's own.
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

from mediadask.pool import Pool
from tests.chaos.pools import NAME, WORKERS
from tests.chaos.work import media_delivery, takes


def submit_all(pool: Pool, folder: Path, media: tuple[str, ...], numbers: range) -> dict[str, str]:
    """The round's jobs; their ids by their names."""
    ids = {}
    for kind in media:
        ids[kind] = pool.submit(media_delivery(kind, folder / "media", folder / "out"), name=kind).id
    work = takes(folder / "round" / "notes", numbers)
    ids["takes"] = pool.submit(work, priority="background", show="B").id
    return ids


def main() -> None:
    """Submit, tell the ids, and wait."""
    address, handed = sys.argv[1:]
    folder, media, numbers = pickle.loads(Path(handed).read_bytes())
    own = address == "own"
    with Pool.local(workers=WORKERS, name=NAME) if own else Pool.connect(address) as pool:
        ids = submit_all(pool, folder, media, numbers)
        told = Path(handed).with_suffix(".part")
        told.write_bytes(pickle.dumps(ids))
        told.rename(Path(handed).with_suffix(".ids"))
        for job in ids.values():
            pool.job(job).wait()


if __name__ == "__main__":
    main()
