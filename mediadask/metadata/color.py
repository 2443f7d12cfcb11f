"""What color space a clip is in, from what its camera or its container says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mediadask.clips import ColorTags

__all__ = ["camera_space", "tagged_space"]

# A camera's words for curve and gamut, to the name the ACES studio configs of OpenColorIO give the two.
_CAMERA_SPACES = {
    ("s-log3", "s-gamut3"): "S-Log3 S-Gamut3",
    ("s-log3-cine", "s-gamut3-cine"): "S-Log3 S-Gamut3.Cine",
    ("v-log", "v-gamut"): "V-Log V-Gamut",
}


def camera_space(gamma: tuple[Any, str] | None, gamut: tuple[Any, str] | None) -> tuple[str, str] | None:
    """The (name, source) of what a camera says it recorded, from the same of its curve and its gamut.

    OpenColorIO's name where both are known and have one, else the camera's own words.
    """
    said = [part for part in (gamma, gamut) if part]
    if not said:
        return None
    words = tuple(str(value).casefold() for value, _ in said)
    own_words = " / ".join(str(value) for value, _ in said)
    name = _CAMERA_SPACES.get((words[0], words[1]), own_words) if len(words) == 2 else own_words
    return name, ", ".join(source for _, source in said)


def tagged_space(color: ColorTags) -> str | None:
    """What a container's color tags say: primaries, transfer and matrix, one word where they are the same."""
    points = (
        color.chromaticities and f"chromaticities {' '.join(f'{value:g}' for value in color.chromaticities)}"
    )
    words = [word for word in (color.primaries or points, color.transfer, color.matrix) if word]
    return "/".join(dict.fromkeys(words)) or None
