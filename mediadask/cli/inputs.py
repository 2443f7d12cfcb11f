"""What people write where a command takes clips: files, folders, patterns, sequences, URLs."""

from __future__ import annotations

__all__ = ["find"]


def find(words: list[str]) -> list[str]:
    """The clips that the words of a command line mean."""
    return words
