"""What the plate of an event is made as: decided once, for ``--plan`` and for rendering alike."""

from mediadask.editorial.plates.decision import PlateRules, PlateSpec, Unfit, decide_plate
from mediadask.editorial.plates.options import PlateOptions

__all__ = ["PlateOptions", "PlateRules", "PlateSpec", "Unfit", "decide_plate"]
