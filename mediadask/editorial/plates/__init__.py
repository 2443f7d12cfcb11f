"""What the plate of an event is made as: decided once, for ``--plan`` and for rendering alike."""

from typing import TYPE_CHECKING

from mediadask.lazy import lazily

if TYPE_CHECKING:
    from mediadask.editorial.plates.decision import PlateRules, PlateSpec, Unfit, decide_plate
    from mediadask.editorial.plates.options import PlateOptions

__all__ = ["PlateOptions", "PlateRules", "PlateSpec", "Unfit", "decide_plate"]

_homes = {
    "PlateOptions": "options",
    "PlateRules": "decision",
    "PlateSpec": "decision",
    "Unfit": "decision",
    "decide_plate": "decision",
}

if not TYPE_CHECKING:
    __getattr__ = lazily(__name__, _homes)
