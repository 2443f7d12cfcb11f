"""What color space a clip is in, from what its camera or its container says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mediadask.metadata.rules import Said
from mediadask.metadata.table import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mediadask.clips import ColorTags
    from mediadask.metadata.table import Table

__all__ = ["camera_space", "named", "tagged_space"]


def named(said: Sequence[Said], table: Table, field: str) -> list[Said]:
    """Curves or gamuts by OpenColorIO's names, where it has them, else by the camera's own words."""
    words = table.transfers if field == "transfer" else table.gamuts
    return [Said(words.get(plain(each.value), each.value), each.source) for each in said]


def camera_space(transfer: Said | None, gamut: Said | None, table: Table) -> Said | None:
    """What a camera says it recorded, from its own words for curve and gamut.

    OpenColorIO's name where both are known and have one, else the camera's own words.
    """
    said = [part for part in (transfer, gamut) if part]
    if not said:
        return None
    own_words = " / ".join(str(part.value) for part in said)
    name = None
    if transfer and gamut:
        curve, primaries = table.transfers.get(plain(transfer.value)), table.gamuts.get(plain(gamut.value))
        name = table.spaces.get((curve or "", primaries or ""))
    return Said(name or own_words, ", ".join(part.source for part in said))


def tagged_space(color: ColorTags) -> str | None:
    """What a container's color tags say: primaries, transfer and matrix, one word where they are the same."""
    points = (
        color.chromaticities and f"chromaticities {' '.join(f'{value:g}' for value in color.chromaticities)}"
    )
    words = [word for word in (color.primaries or points, color.transfer, color.matrix) if word]
    return "/".join(dict.fromkeys(words)) or None
