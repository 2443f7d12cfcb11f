"""What goes with a plate's frames: what headers say of the camera, and the small files beside them."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING

from mediadask.documents.amf import Amf, AmfClip
from mediadask.documents.plate_fdl import plate_fdl
from mediadask.editorial.amfs import amf_documents
from mediadask.editorial.plate_facts import plate_stem
from mediadask.editorial.plates.colors import WORKING, standard_view
from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from datetime import datetime

    from mediadask.editorial.plan import PlannedEvent
    from mediadask.editorial.plates.decision import PlateSpec
    from mediadask.metadata import ClipMetadata
    from mediadask.render.plate import Plate

__all__ = ["camera_attributes", "plate_documents"]

_ATTRIBUTES = {  # OpenEXR's standard attributes (ImfStandardAttributes.h), by our metadata's fields
    "reel": "reelName",
    "camera_make": "cameraMake",
    "camera_model": "cameraModel",
    "camera_serial": "cameraSerialNumber",
    "lens": "lensModel",
}
_NUMBERS = {
    "iso": "isoSpeed",
    "white_balance_k": "cameraCCTSetting",
    "shutter_angle_deg": "shutterAngle",
    "focal_length_mm": "nominalFocalLength",
}


def camera_attributes(
    metadata: ClipMetadata, planned: PlannedEvent
) -> tuple[tuple[str, str | int | float], ...]:
    """What headers say of the camera: what is not known is not said."""
    known = {**asdict(metadata), "reel": planned.reel or metadata.reel}
    texts = [(name, str(known[field])) for field, name in _ATTRIBUTES.items() if known[field]]
    numbers = [(name, float(known[field])) for field, name in _NUMBERS.items() if known[field] is not None]
    return (*texts, *numbers)


def plate_documents(
    plate: Plate,
    spec: PlateSpec,
    config: str,
    made: datetime,
) -> tuple[tuple[tuple[str, bytes], ...], tuple[tuple[str, str, str], ...], tuple[str, ...]]:
    """The small files beside the frames, those that are copies, and why one is missing."""
    cdl, amf = spec.grade, spec.amf
    documents = [] if cdl is None else [(suffix, cdl.document(suffix)) for suffix in (".cc", ".cdl")]
    name = plate_stem(plate.pattern).rpartition("/")[2]
    if spec.choice is not None:
        documents.append((".fdl", plate_fdl(spec.choice, name)))
    first, last = plate.number(plate.start), plate.number(plate.stop - 1)
    hashes = re.sub(r"%0?(\d*)d", lambda found: "#" * int(found[1] or 1), plate.pattern.rpartition("/")[2])
    pattern = hashes if plate.is_files else f"{name}.mov"
    about = AmfClip(name, pattern, (first, last) if plate.is_files else None)
    try:
        if amf is not None:
            document, copies = amf_documents(amf, about, made, plate.recipe.space, config)
            return (*documents, (".amf", document)), copies, ()
        amf = Amf.of_plate(
            about,
            made=made,
            source=str(spec.source),
            space=plate.recipe.space,
            cdl=cdl,
            working=WORKING,
            view=standard_view(config),
            config=config,
        )
    except InvalidRequest as error:
        return tuple(documents), (), (f"no AMF: {error}",)
    return (*documents, (".amf", amf.document())), (), ()
