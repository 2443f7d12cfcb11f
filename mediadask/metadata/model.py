"""What is known of a clip, in one schema whatever camera and container it came from."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mediadask.text import printable

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["ABOUT", "ClipMetadata"]

ABOUT = ("sources", "disagreements", "problems")
"""The fields that speak of the others."""


def _in(unit: str) -> Any:
    """An unknown value of a unit."""
    return field(default=None, metadata={"unit": unit})


@dataclass(frozen=True, kw_only=True)
class ClipMetadata:
    """The facts of one clip. None is unknown: nothing here is guessed."""

    path: str
    """Absolute path or URL; a sequence's pattern; the parts of a spanned recording joined as its URL."""

    container: str
    """``mov``, ``mp4``, ``mxf``, …; for an image sequence its file type."""

    codec: str
    """FFmpeg's decoder name; for an image sequence its file type."""

    profile: str | None = None
    """The codec's flavor, as FFmpeg names it: ``HQ``, ``High 4:2:2``."""

    width: int | None = None
    height: int | None = None
    """Pixels as stored, before any rotation or desqueeze. None for a sound recording."""

    pixel_aspect: float | None = None
    """Width over height of a stored pixel."""

    pixel_format: str | None = None
    """FFmpeg's name where it has one: ``yuv422p10le``."""

    bit_depth: int | None = None
    """Significant bits of a picture's sample."""

    field_order: str | None = None
    """``progressive``, or the field that comes first: ``top``, ``bottom``."""

    rotation: int | None = None
    """Degrees clockwise that a player must turn the picture."""

    mirrored: bool | None = None
    """Whether a player must mirror the picture, left to right, before it turns it."""

    alpha: str | None = None
    """What colors under an alpha channel are, where that is told: ``straight`` or ``premultiplied``."""

    frame_rate: str | None = None
    """Frames a second, exact: ``24000/1001``, ``25/1``."""

    variable: bool | None = None
    """Whether frames come at other times than every 1/`frame_rate` of a second, beyond the rounding of the
    file's clock."""

    frames: int
    """Counted in the index, holes in a sequence included."""

    missing_frames: int
    """Holes in an image sequence, and frames that a copy cut short ends before."""

    first_number: int | None = None
    """The number in the name of an image sequence's first file."""

    duration_s: float | None = None
    """Seconds from the first frame's beginning to the last one's end."""

    start_timecode: str | None = None
    """``HH:MM:SS:FF``, ``;FF`` for drop-frame."""

    drop_frame: bool | None = None
    reel: str | None = None
    """The name that edits know the clip by."""

    camera_make: str | None = None
    camera_model: str | None = None
    camera_serial: str | None = None
    camera_firmware: str | None = None
    camera_letter: str | None = None
    """``A``, ``B``: which of a production's cameras."""

    roll: str | None = None
    """The card or magazine: ``A001``."""

    clip_number: str | None = None
    """The clip's number on its roll: ``C001``."""

    sensor_mode: str | None = None
    """The part of the sensor that was recorded, as the maker names it: ``4.6K 3:2 Open Gate``."""

    active_width: int | None = _in("px")
    active_height: int | None = _in("px")
    """Photosites that were recorded, where the camera tells them."""

    iso: int | None = _in("EI")
    """The exposure index the camera was set to."""

    white_balance_k: int | None = _in("K")
    """Kelvin."""

    tint: float | None = None
    """Green to magenta, in the camera's own scale."""

    shutter_angle_deg: float | None = _in("deg")
    """Degrees."""

    shutter_s: float | None = _in("s")
    """How long a frame was exposed, in seconds, where the camera tells that."""

    nd_stops: float | None = _in("stops")
    """Neutral density in front of the sensor; 0 is none."""

    capture_rate: str | None = _in("fps")
    """Frames a second that the sensor took, exact: another than `project_rate` is slow or fast motion."""

    project_rate: str | None = _in("fps")
    """Frames a second that the camera was set to play at, exact."""

    lens_make: str | None = None
    lens: str | None = None
    """As the maker writes it."""

    lens_serial: str | None = None
    focal_length_mm: float | None = _in("mm")
    """Millimeters, of the first frame."""

    t_stop: float | None = None
    """The lens's T-stop, of the first frame."""

    f_number: float | None = None
    """The lens's f-number, of the first frame."""

    focus_m: float | None = _in("m")
    """Distance of focus in meters, of the first frame."""

    squeeze: float | None = _in("x")
    """The lens's anamorphic squeeze: 1.0 spherical, 2.0."""

    transfer: str | None = None
    """The curve a camera recorded, as OpenColorIO's studio config names it where it has it: ``S-Log3``."""

    gamut: str | None = None
    """The gamut a camera recorded, likewise: ``S-Gamut3.Cine``."""

    color_space: str | None = None
    """As a camera names its log encoding; else primaries, transfer and matrix in FFmpeg's words, one word
    where they are the same."""

    color_range: str | None = None
    """``limited`` or ``full``."""

    scene: str | None = None
    take: str | None = None
    created: str | None = None
    """When the recording began, as ISO 8601; with a zone where it is told."""

    gps_latitude_deg: float | None = _in("deg")
    gps_longitude_deg: float | None = _in("deg")
    gps_altitude_m: float | None = _in("m")
    """Where the camera was (WGS 84)."""

    audio_tracks: int
    """Channels of all sound streams together: what an array of the clip has as its ``track`` dimension."""

    audio_rate: int | None = None
    """Samples a second, of the first sound stream."""

    size_bytes: int
    """The bytes of all the clip's files together."""

    sources: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Field name to the container tag, header or side file it came from, for every field that is known."""

    disagreements: Mapping[str, Mapping[str, str | float]] = field(default_factory=dict, repr=False)
    """Field name to what less trusted sources say instead: source to value."""

    problems: tuple[str, ...] = field(default=(), repr=False)
    """Side files that could not be read: one line each."""

    @property
    def rate(self) -> Fraction | None:
        """`frame_rate` as a number."""
        return None if self.frame_rate is None else Fraction(self.frame_rate)

    def as_dict(self) -> dict[str, Any]:
        """Every field by name, as JSON types."""
        return {
            **vars(self),
            "sources": dict(self.sources),
            "disagreements": {name: dict(said) for name, said in self.disagreements.items()},
            "problems": list(self.problems),
        }

    def rows(self) -> list[tuple[str, str, str]]:
        """(field, value, source) for people, in printable text, of every field that is known."""
        return [
            (item.name, printable(self._shown(item)), printable(self._source(item.name)))
            for item in fields(self)
            if item.name not in ABOUT and getattr(self, item.name) is not None
        ]

    def _shown(self, item: Field[Any]) -> str:
        unit = item.metadata.get("unit")
        return f"{getattr(self, item.name)} {unit}" if unit else str(getattr(self, item.name))

    def _source(self, name: str) -> str:
        others = (f"{source} says {value}" for source, value in self.disagreements.get(name, {}).items())
        return "; but ".join([self.sources.get(name, ""), *others])

    def __rich__(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table(title=Text(printable(self.path)), title_justify="left", box=None, show_header=False)
        table.add_column(style="bold")
        table.add_column(overflow="fold")
        table.add_column(style="dim", overflow="fold")
        for row in self.rows():
            # As Text: a reel named "[A]" is not markup.
            table.add_row(*map(Text, row))
        return table

    def _repr_html_(self) -> str:
        body = "".join(
            "<tr>"
            + "".join(f"<td style='text-align:left'>{html.escape(cell)}</td>" for cell in row)
            + "</tr>"
            for row in self.rows()
        )
        return f"<table><tr><th>field</th><th>value</th><th>source</th></tr>{body}</table>"
