"""Tables of what a pool and its ledger tell, for people and as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from mediadask.moments import span
from mediadask.text import escaped_json, printable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["json_of", "print_table"]


def print_table(table: pd.DataFrame) -> None:
    """Print it: figures flush right, seconds as people read them, times as of this place, blanks for what is
    not known.
    """
    from rich.table import Table
    from rich.text import Text

    from mediadask.cli.terminal import console

    shown = Table(box=None, pad_edge=False)
    for name in table.columns:
        numeric = table[name].dtype.kind in "fiu"
        shown.add_column(_heading(name), justify="right" if numeric else "left", overflow="fold")
    for row in table.itertuples(index=False):
        shown.add_row(
            *(Text(printable(_cell(name, value))) for name, value in zip(table.columns, row, strict=True))
        )
    console().print(shown)


def json_of(table: pd.DataFrame) -> str:
    """Its rows as a list of objects: times with their zone, null for what is not known."""
    return escaped_json(table.to_json(orient="records", date_format="iso", indent=2, force_ascii=False))


def _heading(name: str) -> str:
    return name.removesuffix("_seconds").replace("_", " ")


def _cell(name: str, value: Any) -> str:
    import pandas as pd

    if pd.isna(value):
        return ""
    if name == "target_met":
        return f"{value:.0%}"
    if name.endswith("seconds"):
        return span(float(value))
    if isinstance(value, datetime):
        there = value.to_pydatetime() if isinstance(value, pd.Timestamp) else value
        return there.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return f"{value:.2f}" if isinstance(value, float) else str(value)
