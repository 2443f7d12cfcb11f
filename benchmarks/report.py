"""What a figure says: rows with a target, as a table and as JSON, with the machine they were measured on."""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from benchmarks.measure import CORES

__all__ = ["Row", "Target", "as_json", "at_least", "at_most", "machine", "table"]


@dataclass(frozen=True)
class Target:
    """A bound that a figure must keep."""

    bound: float
    at_least: bool

    def met_by(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


def at_least(bound: float) -> Target:
    return Target(bound, at_least=True)


def at_most(bound: float) -> Target:
    return Target(bound, at_least=False)


@dataclass(frozen=True)
class Row:
    """One measured figure."""

    figure: str
    case: str
    what: str
    """The quantity that is judged, with its unit: ``frame rate over ffmpeg's``, ``ms a frame``."""

    value: float | None
    """None where it could not be measured; `note` says why."""

    target: Target | None = None
    """None for a row that only informs."""

    ours: str = ""
    theirs: str = ""
    note: str = ""
    samples: dict[str, Any] = field(default_factory=dict, repr=False)
    """Everything measured, for the JSON."""

    @property
    def met(self) -> bool | None:
        """None where nothing is judged."""
        if self.target is None:
            return None
        return self.value is not None and self.target.met_by(self.value)


def machine() -> dict[str, Any]:
    """What the figures were measured on and with."""
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    packages = ("mediadask", "av", "dask", "distributed", "numpy", "xarray", "opencolorio", "imageio")
    packages += ("imageio-ffmpeg", "opencv-python-headless", "decord", "torchcodec")
    return {
        "cores": CORES,
        "cpu": model[0].partition(":")[2].strip() if model else platform.processor(),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        "load_before": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "versions": {name: _version(name) for name in packages},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def table(rows: list[Row]) -> Table:
    """For people."""
    shown = Table("case", "what", "value", "target", "", "mediadask", "peer", "note")
    marks = {True: "[green]met[/]", False: "[red]not met[/]", None: ""}
    for figure in dict.fromkeys(row.figure for row in rows):
        shown.add_section()
        shown.add_row(f"[bold]{figure}[/]")
        for row in (row for row in rows if row.figure == figure):
            value = "" if row.value is None else f"{row.value:.3g}"
            target = "" if row.target is None else str(row.target)
            shown.add_row(
                row.case, row.what, value, target, marks[row.met], row.ours, row.theirs, escape(row.note)
            )
    return shown


def as_json(rows: list[Row], facts: dict[str, Any]) -> str:
    """For machines."""
    listed = [
        {
            "figure": row.figure,
            "case": row.case,
            "what": row.what,
            "value": row.value,
            "target": None if row.target is None else str(row.target),
            "met": row.met,
            "mediadask": row.ours,
            "peer": row.theirs,
            "note": row.note,
            "samples": row.samples,
        }
        for row in rows
    ]
    return json.dumps({"machine": facts, "rows": listed}, indent=1, default=_plain)


def _plain(value: Any) -> Any:
    from dataclasses import asdict, is_dataclass

    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)
