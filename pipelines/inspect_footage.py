"""Inspect a delivery of footage into one table: what every clip is, and which clips cannot be read.

    python pipelines/inspect_footage.py /mnt/day_012 day_012.csv
    python pipelines/inspect_footage.py s3://ocf/day_012 day_012.parquet --pool tcp://scheduler:8786

The suffix chooses the form: .csv, .json or .parquet (which needs pyarrow). Exits 1 where some clips cannot be
read: they are rows with an error in the table, and listed on stderr. Exits 2 where none can.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import mediadask as md

if TYPE_CHECKING:
    import pandas as pd


def main() -> int:
    """Inspect, write the table, list the failures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("footage", help="a folder, a glob, or one clip")
    parser.add_argument("table", type=Path, help="a file ending in .csv, .json or .parquet")
    parser.add_argument("--pool", help="local, kubernetes:NAME or an address; default: MEDIADASK_POOL")
    parser.add_argument("--show", default="", help="whose work it is")
    wanted = parser.parse_args()
    if wanted.table.suffix not in _WRITERS:
        parser.error(f"{wanted.table}: name a file ending in {', '.join(_WRITERS)}")
    try:
        delivery = md.inspect_many(wanted.footage)
        if not delivery.groups:  # every clip has been opened before
            clips = delivery.compute()
        else:
            with md.Pool.open(wanted.pool) as pool:
                clips = pool.submit(delivery, show=wanted.show).result()
        unreadable = clips[clips.error.notna()]
        for line in unreadable.error:
            print(line, file=sys.stderr)
        if len(unreadable) == len(clips):
            print(f"{wanted.footage}: no clip to make a table of; check the folder", file=sys.stderr)
            return 2
        write(clips, wanted.table)
    except md.MediaError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(clips)} clips, {len(unreadable)} of them unreadable: {wanted.table}")
    return 1 if len(unreadable) else 0


def write(clips: pd.DataFrame, path: Path) -> None:
    """Write the table to a new file, then give it its name.

    Raises
    ------
    OutputFailed
        If it cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        _WRITERS[path.suffix](clips, partial)
        partial.replace(path)
    except (OSError, ImportError) as error:
        partial.unlink(missing_ok=True)
        raise md.OutputFailed(f"cannot be written ({error})", where=path, do="name another file") from error


_WRITERS = {
    ".csv": lambda clips, path: clips.to_csv(path, index=False),
    ".json": lambda clips, path: clips.to_json(path, orient="records", indent=2),
    ".parquet": lambda clips, path: clips.to_parquet(path, index=False),
}

if __name__ == "__main__":
    sys.exit(main())
