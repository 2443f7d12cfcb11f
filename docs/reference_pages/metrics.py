"""The list of metrics, from the collector's own source: it makes each where it tells it."""

from __future__ import annotations

import ast
import inspect
from typing import TYPE_CHECKING

from mediadask.pool.view import metrics
from reference_pages.markdown import code, prose, table

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["all_metrics", "page"]

_KINDS = {"GaugeMetricFamily": "gauge", "CounterMetricFamily": "counter"}


def all_metrics() -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    """Name, kind, labels and meaning of all metrics, as Prometheus sees them."""
    for node in ast.walk(ast.parse(inspect.getsource(metrics))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _KINDS:
            kind = _KINDS[node.func.id]
            name, meaning = (ast.literal_eval(each) for each in node.args[:2])
            labels = {each.arg: each.value for each in node.keywords}.get("labels")
            yield (
                f"{name}_total" if kind == "counter" else name,
                kind,
                tuple(ast.literal_eval(labels)) if labels is not None else (),
                meaning,
            )


def page() -> str:
    """A table of all metrics by name."""
    rows = (
        (code(name), kind, ", ".join(map(code, labels)), prose(meaning))
        for name, kind, labels, meaning in sorted(all_metrics())
    )
    return table(("Metric", "Kind", "Labels", "Meaning"), rows)
