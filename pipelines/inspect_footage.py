"""Inspect a delivery of footage into one table: what every clip is, and which clips cannot be read.

    python pipelines/inspect_footage.py /mnt/day_012 day_012.csv
    python pipelines/inspect_footage.py s3://ocf/day_012 day_012.parquet --pool tcp://scheduler:8786

The suffix chooses the form: .csv, .json or .parquet (which needs pyarrow). Exits 1 where some clips cannot be
read: they are rows with an error in the table, and listed on stderr. Exits 2 where none can.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import mediadask as md
from mediadask.cli.endings import script
from mediadask.cli.work import Work

if TYPE_CHECKING:
    import pandas as pd


def main(
    footage: Annotated[str, typer.Argument(help="A folder, a pattern, or one clip.")],
    table: Annotated[Path, typer.Argument(help="A file ending in .csv, .json or .parquet.")],
    *,
    work: Work,
) -> int:
    """Inspect, write the table, list the failures."""
    if table.suffix not in _WRITERS:
        do = f"name a file ending in {', '.join(_WRITERS)}"
        raise md.InvalidRequest("is no kind of table", where=table, do=do)
    delivery = md.inspect_many(footage)
    if not delivery.groups:  # every clip has been opened before
        clips = delivery.compute()
    else:
        with md.Pool.open(work.pool, workers=work.workers) as pool:
            clips = pool.submit(delivery, **work.booking).result()
    unreadable = clips[clips.error.notna()]
    for line in unreadable.error:
        print(line, file=sys.stderr)
    if len(unreadable) == len(clips):
        print(f"{footage}: no clip to make a table of; check the folder", file=sys.stderr)
        return 2
    write(clips, table)
    print(f"{len(clips)} clips, {len(unreadable)} of them unreadable: {table}")
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
    script(main)
