"""Which picture of a file is meant, where it has several: words behind its name.

``beauty.%04d.exr?layer=diffuse``, ``stereo.exr?view=right``, ``two_cameras.mov?video=2``,
``imx.mxf?lines=all``, ``A001.%06d.dng?debayer=none``; several are joined by ``&``. They begin with ``?``
behind a web server's query, too:
``https://host/a.mov?signature=abc?video=2``.
"""

from __future__ import annotations

import re

__all__ = ["choices_of", "split_choices"]

_NAMES = ("layer", "view", "video", "lines", "debayer")
_CHOICE = rf"(?:{'|'.join(_NAMES)})=[^?/&=]+"
_CHOICES = re.compile(rf"(.*)\?({_CHOICE}(?:&{_CHOICE})*)")


def split_choices(url: str) -> tuple[str, dict[str, str]]:
    """A URL without its choices, and those by name."""
    found = _CHOICES.fullmatch(url)
    if not found:
        return url, {}
    pairs = (pair.partition("=") for pair in found[2].split("&"))
    return found[1], {name: value for name, _, value in pairs}


def choices_of(url: str) -> dict[str, str]:
    """The choices alone."""
    return split_choices(url)[1]
