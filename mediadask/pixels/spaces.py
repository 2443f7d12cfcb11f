"""What color space a clip's picture is in, by the config's name: never guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mediadask.errors import InvalidRequest
from mediadask.pixels.config import CONFIG, config_url, named_space, open_config, spaces

if TYPE_CHECKING:
    import os

    from mediadask.metadata import ClipMetadata

__all__ = ["input_space"]


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
        If the user's name is none of the config's, or neither the user nor the clip says what it is.
    """
    url = config_url(config)
    opened = open_config(url)
    if name is not None:
        return named_space(opened, name, url)
    said = metadata.color_space
    if said and opened.getColorSpace(said):
        return named_space(opened, said, url)
    what = (
        f"is in color space {said!r}, which is none of the config's"
        if said
        else "does not say its color space"
    )
    raise InvalidRequest(
        what, where=metadata.path, do=f"name it with --input-space: {', '.join(spaces(opened))}"
    )
