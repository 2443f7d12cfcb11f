"""YAML for people: everything in full and in its order, texts of several lines as such."""

from __future__ import annotations

from typing import Any

import yaml

__all__ = ["plain_yaml"]


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Say again what is said elsewhere, too."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Plain.add_representer(str, _text)


def plain_yaml(*documents: Any) -> str:
    """One file of these documents."""
    return "---\n".join(yaml.dump(each, Dumper=_Plain, sort_keys=False) for each in documents)
