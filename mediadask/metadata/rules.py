"""How each maker's tags become fields of `ClipMetadata`: a table for each family of tags.

A rule names a field, a tag, and how the tag's text is read. Tag names match whatever their case. For a field
the first rule in the order of `FAMILIES` whose tag is there and readable wins: what a camera says of itself
comes before what a recorder or an application wrote, and the file before a sidecar.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from mediadask.metadata.values import (
    angle,
    angle_in_minutes,
    arri_angle,
    constant,
    percent,
    positive,
    text,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mediadask.clips.header import Tag

__all__ = ["FAMILIES", "Family", "Rule", "apply"]


@dataclass(frozen=True)
class Rule:
    """One tag that one field is read from.

    Two fields are not `ClipMetadata`'s own: ``gamma`` and ``gamut`` become its ``color_space``.
    """

    field: str
    tag: str
    read: Callable[[str], Any]


@dataclass(frozen=True)
class Family:
    """The tags of one maker or standard."""

    name: str
    rules: tuple[Rule, ...]
    when: tuple[str, str] | None = None
    """A tag and the text it must have, for tags that mean something only then."""


FAMILIES = (
    # ARRI, "Metadata in the ALEXA" white paper: ProRes MOV of ALEXA, AMIRA and their Mini and LF descendants.
    Family(
        "ARRI QuickTime",
        (
            Rule("camera_make", "com.arri.camera.CameraModel", constant("ARRI")),
            Rule("camera_model", "com.arri.camera.CameraModel", text),
            Rule("camera_serial", "com.arri.camera.CameraSerialNumber", text),
            Rule("reel", "com.arri.camera.ReelName", text),
            Rule("iso", "com.arri.camera.ExposureIndexAsa", whole),
            Rule("white_balance_k", "com.arri.camera.WhiteBalanceKelvin", whole),
            Rule("shutter_angle_deg", "com.arri.camera.ShutterAngle", arri_angle),
            Rule("lens", "com.arri.camera.LensType", text),
            Rule("gamma", "com.arri.camera.ColorGammaSxS", text),
        ),
    ),
    # MXF identification (SMPTE ST 377-1) names the application that wrote the file: here the camera itself.
    Family(
        "ARRI MXF",
        (
            Rule("camera_make", "company_name", text),
            Rule("camera_model", "product_name", text),
        ),
        when=("company_name", "ARRI"),
    ),
    # Blackmagic cameras and the Blackmagic Camera app, in MOV and MP4.
    Family(
        "Blackmagic",
        (
            Rule("camera_model", "com.blackmagic-design.camera.cameraType", text),
            Rule("iso", "com.blackmagic-design.camera.iso", whole),
            Rule("white_balance_k", "com.blackmagic-design.camera.whiteBalanceKelvin", whole),
            Rule("shutter_angle_deg", "com.blackmagic-design.camera.shutterAngle", positive),
            Rule("lens", "com.blackmagic-design.camera.lensType", text),
        ),
    ),
    # SMPTE RDD 18 acquisition metadata as QuickTime keys (Apple, AVMetadataKey quickTimeMetadataKeyCamera…):
    # ProRes RAW recorders, and phones since 2025.
    Family(
        "RDD 18 QuickTime",
        (
            Rule("iso", "org.smpte.rdd18.camera.isosensitivity", whole),
            Rule("white_balance_k", "org.smpte.rdd18.camera.whitebalance", whole),
            Rule("shutter_angle_deg", "org.smpte.rdd18.camera.shutterspeed_angle", angle_in_minutes),
        ),
    ),
    # Apple's professional applications and what records for them: cameras, Atomos recorders.
    Family(
        "Apple ProApps",
        (
            Rule("camera_make", "com.apple.proapps.manufacturer", text),
            Rule("camera_model", "com.apple.proapps.modelname", text),
            Rule("camera_serial", "com.apple.proapps.serialno", text),
            Rule("reel", "com.apple.proapps.reel", text),
            Rule("gamma", "com.apple.proapps.customgamma", text),
        ),
    ),
    # Apple, QuickTime File Format: metadata keys, then the older user data (©mak, ©mod).
    Family(
        "QuickTime",
        (
            Rule("camera_make", "com.apple.quicktime.make", text),
            Rule("camera_model", "com.apple.quicktime.model", text),
            Rule("lens", "com.apple.quicktime.camera.lens_model", text),
            Rule("camera_make", "com.android.manufacturer", text),
            Rule("camera_model", "com.android.model", text),
            Rule("camera_make", "make", text),
            Rule("camera_model", "model", text),
        ),
    ),
    # Panasonic's XML in a QuickTime key (com.panasonic.Semi-Pro.metadata.xml).
    Family(
        "Panasonic",
        (
            Rule("camera_make", "ClipMetadata/Device/Manufacturer", text),
            Rule("camera_model", "ClipMetadata/Device/ModelName", text),
            Rule("iso", "CameraUnitMetadata/ISOSensitivity", whole),
            Rule("white_balance_k", "CameraUnitMetadata/WhiteBalanceColorTemperature", whole),
            Rule("gamma", "CameraUnitMetadata/Gamma/CaptureGamma", text),
            Rule("gamut", "CameraUnitMetadata/Gamut/CaptureGamut", text),
        ),
    ),
    # Sony's NonRealTimeMeta XML, inside MP4 or beside MXF; items are those of SMPTE RDD 18. Where there is a
    # Camera element, Device is the recorder docked to it.
    Family(
        "Sony NonRealTimeMeta",
        (
            Rule("camera_make", "NonRealTimeMeta/Camera@manufacturer", text),
            Rule("camera_make", "NonRealTimeMeta/Device@manufacturer", text),
            Rule("camera_model", "NonRealTimeMeta/Camera@modelName", text),
            Rule("camera_model", "NonRealTimeMeta/Device@modelName", text),
            Rule("camera_serial", "NonRealTimeMeta/Camera@serialNo", text),
            Rule("camera_serial", "NonRealTimeMeta/Device@serialNo", text),
            Rule("lens", "NonRealTimeMeta/Lens@modelName", text),
            Rule("squeeze", "LensUnitMetadataSet/AnamorphicLensSqueezeRatio", percent),
            Rule("iso", "CameraUnitMetadataSet/ISOSensitivity", whole),
            Rule("iso", "CameraUnitMetadataSet/ExposureIndexOfPhotoMeter", whole),
            Rule("white_balance_k", "CameraUnitMetadataSet/WhiteBalance", whole),
            Rule("shutter_angle_deg", "CameraUnitMetadataSet/ShutterSpeedAngle", angle_in_minutes),
            Rule("gamma", "CameraUnitMetadataSet/CaptureGammaEquation", text),
            Rule("gamut", "CameraUnitMetadataSet/CaptureColorPrimaries", text),
        ),
    ),
    # OpenEXR standard attributes (ImfStandardAttributes.h), by the names OpenImageIO gives them.
    Family(
        "OpenEXR",
        (
            Rule("camera_make", "cameraMake", text),
            Rule("camera_model", "cameraModel", text),
            Rule("camera_serial", "cameraSerialNumber", text),
            Rule("iso", "isoSpeed", whole),
            Rule("white_balance_k", "cameraCCTSetting", whole),
            Rule("lens", "lensModel", text),
            Rule("focal_length_mm", "nominalFocalLength", positive),
        ),
    ),
    # Exif of TIFF and JPEG, and DPX's film header (SMPTE ST 268-1), by OpenImageIO's names.
    Family(
        "Exif and DPX",
        (
            Rule("camera_make", "Make", text),
            Rule("camera_model", "Model", text),
            Rule("camera_serial", "Exif:BodySerialNumber", text),
            Rule("iso", "Exif:PhotographicSensitivity", whole),
            Rule("lens", "Exif:LensModel", text),
            Rule("focal_length_mm", "Exif:FocalLength", positive),
            Rule("camera_serial", "dpx:InputDeviceSerialNumber", text),
            Rule("shutter_angle_deg", "dpx:ShutterAngle", angle),
        ),
    ),
    # ARRI Meta Extract's table, as exported beside a clip.
    Family(
        "ARRI Meta Extract",
        (
            Rule("camera_make", "Camera Family", constant("ARRI")),
            Rule("camera_model", "Camera Model", text),
            Rule("camera_serial", "Camera Serial Number", text),
            Rule("reel", "Reel", text),
            Rule("iso", "Exposure Index ASA", whole),
            Rule("white_balance_k", "White Balance", whole),
            Rule("shutter_angle_deg", "Shutter Angle", positive),
            Rule("lens", "Lens Model", text),
            Rule("focal_length_mm", "Lens Focal Length", positive),
            Rule("squeeze", "Lens Squeeze", positive),
            Rule("gamma", "Target Color Space", text),
        ),
    ),
)


_BY_TAG: defaultdict[str, list[tuple[int, Family, Rule]]] = defaultdict(list)
"""The rules that a tag's name may be read by, with their place in the order of all."""

for _place, (_family, _rule) in enumerate((family, rule) for family in FAMILIES for rule in family.rules):
    _BY_TAG[_rule.tag.casefold()].append((_place, _family, _rule))


def apply(tags: Iterable[Tag]) -> dict[str, tuple[Any, str]]:
    """What the tags say: field to (value, source)."""
    named: dict[str, list[Tag]] = {}
    for tag in tags:
        named.setdefault(tag.name.casefold(), []).append(tag)
    meant = [(*rule, said) for name, said in named.items() if name in _BY_TAG for rule in _BY_TAG[name]]
    found: dict[str, tuple[Any, str]] = {}
    for _, family, rule, said in sorted(meant, key=itemgetter(0)):
        if rule.field in found or (family.when and not _says(named, *family.when)):
            continue
        for tag in said:
            value = rule.read(tag.value)
            if value is not None:
                found[rule.field] = (value, f"{tag.source}: {tag.name}")
                break
    return found


def _says(named: dict[str, list[Tag]], name: str, answer: str) -> bool:
    return any(tag.value.strip() == answer for tag in named.get(name.casefold(), ()))
