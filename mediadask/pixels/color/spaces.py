"""What color space a clip's picture is in, by a config's own name: what is said, never what is guessed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mediadask.choices import CONFIG
from mediadask.clips import ColorTags
from mediadask.clips.gamuts import GAMUTS
from mediadask.errors import InvalidRequest
from mediadask.pixels.color.chain import Color
from mediadask.pixels.color.config import config_url, named_space, open_config, spaces
from mediadask.pixels.color.primaries import to_rec709
from mediadask.pixels.color.transform_ids import is_transform_id, space_named_by

if TYPE_CHECKING:
    import os

    import PyOpenColorIO as ocio

    from mediadask.metadata import ClipMetadata

__all__ = ["input_space", "light_color", "space_called", "video_tags"]

# What cameras call their encodings, letters and digits only, to OpenColorIO's names of curve and gamut.
# A curve whose maker has several gamuts says nothing.
_CAMERA_WORDS = {
    "logc": "ARRI LogC3 (EI800)",
    "logc3": "ARRI LogC3 (EI800)",
    "logc3awg3": "ARRI LogC3 (EI800)",
    "awg3logc3": "ARRI LogC3 (EI800)",
    "logc4": "ARRI LogC4",
    "logc4awg4": "ARRI LogC4",
    "awg4logc4": "ARRI LogC4",
    "vlog": "V-Log V-Gamut",
    "vlogvgamut": "V-Log V-Gamut",
    "applelog": "Apple Log",
}

# What files say in FFmpeg's words: (primaries, transfer). The tag bt709 is not here: recorders write it on
# log footage too, and a matrix alone looks the same.
_TAGGED = {
    ("bt2020", "smpte2084"): "Rec.2100-PQ - Display",
    ("bt2020", "arib-std-b67"): "Rec.2100-HLG - Display",
    ("bt709", "iec61966-2-1"): "sRGB Encoded Rec.709 (sRGB)",
    ("bt709", "linear"): "Linear Rec.709 (sRGB)",
    ("bt2020", "linear"): "Linear Rec.2020",
    ("smpte432", "linear"): "Linear P3-D65",
    ("ap0", "linear"): "ACES2065-1",
    ("ap1", "linear"): "ACEScg",
    ("arri wide gamut 3", "linear"): "Linear ARRI Wide Gamut 3",
    ("arri wide gamut 4", "linear"): "Linear ARRI Wide Gamut 4",
    ("redwidegamutrgb", "linear"): "Linear REDWideGamutRGB",
    ("s-gamut3", "linear"): "Linear S-Gamut3",
    ("s-gamut3.cine", "linear"): "Linear S-Gamut3.Cine",
    ("venice s-gamut3", "linear"): "Linear Venice S-Gamut3",
    ("venice s-gamut3.cine", "linear"): "Linear Venice S-Gamut3.Cine",
    ("cinema gamut", "linear"): "Linear CinemaGamut D55",
    ("v-gamut", "linear"): "Linear V-Gamut",
    ("bmd wide gamut", "linear"): "Linear BMD WideGamut Gen5",
    ("davinci wide gamut", "linear"): "Linear DaVinci WideGamut",
    ("apple wide gamut", "linear"): "Linear Apple Wide Gamut",
    ("d-gamut", "linear"): "Linear D-Gamut",
    ("adobe rgb", "linear"): "Linear AdobeRGB",
    ("cie xyz", "linear"): "CIE XYZ-D65 - Scene-referred",
}

_VIDEO_TAGS = {
    name: tags for tags, name in _TAGGED.items() if tags[0] in ("bt709", "bt2020", "smpte432")
}  # the primaries that ITU-T H.273 has codes for
_VIDEO_TAGS["Rec.1886 Rec.709 - Display"] = ("bt709", "bt709")


def input_space(
    metadata: ClipMetadata, name: str | None = None, config: str | os.PathLike[str] = CONFIG
) -> str:
    """The color space a clip is in, by the config's own name.

    Parameters
    ----------
    metadata
        What `mediadask.inspect` gives.
    name
        What the user says it is: a color space's name, alias, role or AMF transform ID; it goes before what
        the clip says.
    config
        A config's path, or ``ocio://`` and a name.

    Raises
    ------
    InvalidRequest
        If the user's name is none of the config's; or if nobody says what the clip is in, or only half of it:
        a curve without a gamut, an exposure index that changes the curve, or the tag ``bt709``, which log
        footage carries too.
    """
    url = config_url(config)
    opened = open_config(url)
    if name is not None:
        return space_called(name, url)
    said = metadata.color_space
    meant = said and _meant(said, opened)
    if meant == "ARRI LogC3 (EI800)" and metadata.iso not in (None, 800):
        what = f"is LogC3 at EI {metadata.iso}, and the config has its curve at EI 800 only"
        raise InvalidRequest(what, where=metadata.path, do="name it with --input-space if that will do")
    if meant:
        return meant
    half = f"is said to be {said!r}, which is not enough to know its color space"
    what = half if said else "does not say its color space"
    choices = ", ".join(spaces(opened))
    raise InvalidRequest(what, where=metadata.path, do=f"name it with --input-space, one of {choices}")


def space_called(name: str, config: str) -> str:
    """The config's own name of a color space given by name, alias, role or AMF transform ID.

    Raises
    ------
    InvalidRequest
        If it has none.
    """
    return named_space(
        open_config(config), space_named_by(name, config) if is_transform_id(name) else name, config
    )


def light_color(color: ColorTags) -> Color:
    """The plainest view of scene light with such primaries: from it to sRGB.

    Where OpenColorIO's config has no space of these primaries, their chromaticities give the matrix; OpenEXR
    takes those of Rec.709 where a file says none.
    """
    space = _TAGGED.get((color.primaries or "bt709", "linear"))
    if color.chromaticities is None and space:
        return Color.convert(space, _SHOWN)
    points = color.chromaticities or GAMUTS.get(color.primaries or "", GAMUTS["bt709"])
    return Color.chain(Color.matrix(to_rec709(points)), Color.convert("Linear Rec.709 (sRGB)", _SHOWN))


_SHOWN = "sRGB Encoded Rec.709 (sRGB)"


def video_tags(space: str) -> ColorTags:
    """What a movie of Y'CbCr in a color space is tagged as.

    Of log and ACES spaces primaries and transfer stay untold: no code (ITU-T H.273) names them, and a player
    that takes a wrong one at its word shows other colors.
    """
    primaries, transfer = _VIDEO_TAGS.get(space, (None, None))
    return ColorTags("bt2020nc" if primaries == "bt2020" else "bt709", "limited", primaries, transfer, "left")


def _meant(said: str, config: ocio.Config) -> str | None:
    """The config's own name of what a clip says; None where it says too little or the config has it not."""
    parts = said.split("/")
    words = re.sub(r"[^a-z0-9]", "", said.casefold())
    name = _CAMERA_WORDS.get(words) or (_TAGGED.get((parts[0], parts[1])) if len(parts) > 1 else None)
    space = config.getColorSpace(name or said)
    return str(space.getName()) if space else None
