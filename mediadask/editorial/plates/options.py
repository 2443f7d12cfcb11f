"""The options of plates, the same for every event of a turnover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Gt

from mediadask.choices import CONFIG, Compression, ExrSample, Filter, PlateFormat, listed
from mediadask.options import Option, checked
from mediadask.render.options import OnCorruptChoice

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PlateOptions"]

_PICTURE = "Picture"


def _named(what: str, choices: Any) -> Option:
    return Option(f"{what}: {listed(choices)}.", metavar="NAME", panel=_PICTURE)


@dataclass(frozen=True)
class PlateOptions:
    """How plates are made, the same for every event."""

    input_space: Annotated[
        str | None,
        Option(
            "Color space of clips without an AMF: the config's name, alias or AMF transform ID. Default: as "
            "they say.",
            metavar="NAME|list",
            panel=_PICTURE,
        ),
    ] = None
    color_space: Annotated[
        str | None,
        Option(
            "Color space of the plates. Default: ACES2065-1; for DPX and ProRes the clip's.", panel=_PICTURE
        ),
    ] = None
    config: Annotated[
        str, Option("An OpenColorIO config, or ocio:// and a name.", metavar="FILE", panel=_PICTURE)
    ] = CONFIG
    fdl: Annotated[
        tuple[str, ...],
        Option(
            "An ASC FDL with the framing; of several the one with a canvas of the clip's size counts. "
            "Default: the whole picture. Repeatable.",
            metavar="FILE",
            panel=_PICTURE,
        ),
    ] = ()
    fdl_template: Annotated[
        str | None,
        Option("Its canvas template, by id or label; none only crops.", metavar="ID", panel=_PICTURE),
    ] = None
    fdl_intent: Annotated[
        str | None,
        Option("Its framing intent or decision, by id or label.", metavar="ID", panel=_PICTURE),
    ] = None
    squeeze: Annotated[
        float | None,
        Gt(0),
        Option("Anamorphic squeeze where no FDL says it, whatever the clip says: 2.0.", panel=_PICTURE),
    ] = None
    filter: Annotated[Filter, _named("Filter for scaling", Filter)] = "lanczos3"
    amf: Annotated[
        tuple[str, ...],
        Option(
            "The AMF for all clips, or a folder with theirs. Its input transform is for plates; looks and "
            "output are for reviews. Repeatable.",
            metavar="FILE|DIR",
            panel=_PICTURE,
        ),
    ] = ()
    cdl: Annotated[
        str | None,
        Option(
            "The grade of events without one; of several the one called like plate, reel or clip.",
            metavar="FILE",
            panel=_PICTURE,
        ),
    ] = None
    lut: Annotated[
        str | None,
        Option(
            "A LUT for the reviews, from the clip's values to a display's.", metavar="FILE", panel=_PICTURE
        ),
    ] = None
    format: Annotated[PlateFormat, _named("Format of the plates", PlateFormat)] = "exr"
    compression: Annotated[Compression, _named("Compression of EXRs", Compression)] = "zip"
    sample: ExrSample = "half"
    """Numbers of EXRs; the command has ``--float``."""

    reference: Annotated[
        str | None,
        Option(
            "A movie of the whole offline cut. What it shows of each shot comes beside the plate, in step "
            "with it frame by frame.",
            metavar="MOVIE",
            panel=_PICTURE,
        ),
    ] = None
    review: Annotated[bool, Option("A review with burn-ins beside each plate.", panel=_PICTURE)] = True
    on_corrupt: OnCorruptChoice = "fail"

    def __post_init__(self) -> None:
        from mediadask.clips.storage import normalize

        for name in ("fdl", "amf"):
            object.__setattr__(self, name, tuple(map(normalize, getattr(self, name))))

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> PlateOptions:
        """From what people write; one path may stand for a tuple of them.

        Raises
        ------
        InvalidRequest
            For an option or a value there is none of. `PlateRules.read` reads the files they name.
        """
        return checked(cls, options)

    @property
    def pictures(self) -> str:
        """A hash of what makes frames look as they do."""
        from mediadask.render.recipe import fingerprint

        colors = (self.input_space, self.color_space, self.config, self.amf, self.format)
        return fingerprint(*colors, self.fdl, self.fdl_template, self.fdl_intent, self.squeeze, self.filter)
