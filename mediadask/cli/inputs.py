"""What people write on a command line: clips in all their forms, and encoder options."""

from __future__ import annotations

from typing import Annotated

import typer

from mediadask.errors import InvalidRequest

__all__ = ["ClipsArgument", "find", "option_pairs"]

ClipsArgument = Annotated[
    list[str], typer.Argument(metavar="CLIP", help="Files, folders, patterns, sequences or URLs.")
]


def find(words: list[str]) -> list[str]:
    """The clips that the words of a command line mean."""
    return words


def option_pairs(words: list[str]) -> dict[str, str]:
    """``["crf=18"]`` as ``{"crf": "18"}``.

    Raises
    ------
    InvalidRequest
        If a word has no ``=``.
    """
    pairs = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals):
            raise InvalidRequest("is not NAME=VALUE", where=f"--option {word}", do="write --option crf=18")
        pairs[name] = value
    return pairs
