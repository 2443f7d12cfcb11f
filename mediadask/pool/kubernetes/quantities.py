"""Quantities as Kubernetes writes them: ``500m`` cores, ``4Gi`` bytes."""

from __future__ import annotations

__all__ = ["amount"]

_UNITS = {"m": 1e-3, "": 1.0} | {
    letter + suffix: base**power
    for power, letter in enumerate("kMGTPE", 1)
    for suffix, base in (("", 1000.0), ("i", 1024.0))
}
_UNITS["Ki"] = _UNITS.pop("ki")


def amount(quantity: str) -> float:
    """The number: of cores, or of bytes."""
    number = quantity.rstrip("mkKMGTPEi")
    return float(number) * _UNITS[quantity[len(number) :]]
