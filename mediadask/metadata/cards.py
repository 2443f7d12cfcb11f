"""Camera format cards: the clips of one camera, model, sensor mode, codec and squeeze.

A card's input transform and framing are guessed from evidence alone: what every clip of it says of its color,
and the one framing decision list that fits its size. A file of cards holds what a person corrected; it goes
before all guesses, for later ingests too.
"""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mediadask.clips.storage import listing, normalize, read_document
from mediadask.errors import InvalidRequest, MediaError, OutputFailed, UnreadableMedia

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mediadask.metadata.model import ClipMetadata

__all__ = ["FormatCard", "format_cards", "framings_in", "read_cards", "write_cards"]

Key = tuple[str | None, str | None, str | None, str, float | None]
"""What makes a card: camera letter, model, sensor mode, codec, squeeze."""

_MOST_BYTES = 4 << 20


@dataclass(frozen=True)
class FormatCard:
    """One camera in one mode."""

    camera_letter: str | None
    camera_model: str | None
    sensor_mode: str | None
    """As the camera names it, else the recorded size: ``4608x3164``."""

    codec: str
    squeeze: float | None
    clips: int = 0
    input_transform: str | None = None
    """The color space the clips are in, as OpenColorIO's config names it; None where nobody says it."""

    framing: str | None = None
    """The ASC FDL that says what of the picture is meant; None where none is known."""

    evidence: Mapping[str, str] = field(default_factory=dict)
    """Why `input_transform` and `framing` are what they are, or why they are missing."""

    @property
    def key(self) -> Key:
        """What tells it from other cards."""
        return self.camera_letter, self.camera_model, self.sensor_mode, self.codec, self.squeeze

    @property
    def name(self) -> str:
        """For people: ``A ALEXA 35 4608x3164 prores 4444 2x``."""
        squeeze = f"{self.squeeze:g}x" if self.squeeze else None
        words = (self.camera_letter, self.camera_model, self.sensor_mode, self.codec, squeeze)
        return " ".join(word for word in words if word)

    def as_dict(self) -> dict[str, Any]:
        """Every field by name, as JSON types."""
        return {**vars(self), "evidence": dict(self.evidence)}


def format_cards(
    clips: Iterable[ClipMetadata], known: Sequence[FormatCard] = (), framings: Sequence[str] = ()
) -> list[FormatCard]:
    """Group clips into cards, in the order of the cards' names.

    Parameters
    ----------
    clips
        What `mediadask.inspect` gives.
    known
        Cards that a person wrote or corrected: what they say goes before every guess.
    framings
        URLs of ASC FDLs that may be these clips': see `framings_in`.

    Returns
    -------
    list of FormatCard
        A new card wherever the camera letter, model, sensor mode, codec or squeeze is another.
    """
    groups: defaultdict[Key, list[ClipMetadata]] = defaultdict(list)
    for clip in clips:
        if clip.width:  # a sound recording has no format of a camera
            groups[_key(clip)].append(clip)
    corrected = {card.key: card for card in known}
    cards = [_corrected(_card(key, group, framings), corrected.get(key)) for key, group in groups.items()]
    return sorted(cards, key=lambda card: card.name)


def _key(clip: ClipMetadata) -> Key:
    mode = clip.sensor_mode
    if mode is None:
        width, height = clip.active_width or clip.width, clip.active_height or clip.height
        mode = f"{width}x{height}"
    codec = " ".join(word for word in (clip.codec, clip.profile) if word)
    return clip.camera_letter, clip.camera_model, mode, codec, clip.squeeze


def _card(key: Key, clips: Sequence[ClipMetadata], framings: Sequence[str]) -> FormatCard:
    transform, why = _input_transform(clips)
    framing, fits = _framing(clips[0], framings)
    evidence = {"input_transform": why, "framing": fits}
    return FormatCard(*key, len(clips), transform, framing, evidence)


def _input_transform(clips: Sequence[ClipMetadata]) -> tuple[str | None, str]:
    """The color space that every clip says it is in."""
    from mediadask.pixels.color.spaces import input_space  # OpenColorIO: only who groups clips waits for it

    found: dict[str, str] = {}
    for clip in {(clip.color_space, clip.iso): clip for clip in clips}.values():
        try:
            found[input_space(clip)] = clip.sources.get("color_space", "")
        except InvalidRequest as error:
            return None, f"{clip.path} {error.what}"
    if len(found) > 1:
        return None, f"its clips differ: {', '.join(found)}"
    ((space, source),) = found.items()
    return space, source


def _framing(clip: ClipMetadata, framings: Sequence[str]) -> tuple[str | None, str]:
    """The one FDL that has a canvas of the clip's size."""
    from mediadask.documents.fdl import read_fdl

    fits, why = [], "no FDL is among the clips"
    for url in framings:
        try:
            document = read_fdl(url)
        except MediaError as error:
            why = str(error)
            continue
        sizes = {
            (int(canvas["dimensions"]["width"]), int(canvas["dimensions"]["height"]))
            for context in document.get("contexts") or ()
            for canvas in context.get("canvases") or ()
        }
        if (clip.width, clip.height) in sizes:
            fits.append(url)
        else:
            why = f"no FDL has a canvas of {clip.width}x{clip.height}"
    if len(fits) > 1:
        return None, f"several FDLs fit: {', '.join(fits)}"
    return (fits[0], f"its canvas of {clip.width}x{clip.height}") if fits else (None, why)


def _corrected(card: FormatCard, by_hand: FormatCard | None) -> FormatCard:
    if by_hand is None:
        return card
    said = {
        name: value
        for name in ("input_transform", "framing")
        if (value := getattr(by_hand, name)) is not None
    }
    told = {**card.evidence, **dict.fromkeys(said, by_hand.evidence.get("file", "cards"))}
    return replace(card, evidence=told, **said)


def framings_in(folder: str | os.PathLike[str]) -> list[str]:
    """The ASC FDLs directly in a folder."""
    try:
        return sorted(file.url for file in listing(normalize(folder))[1] if file.url.lower().endswith(".fdl"))
    except MediaError:
        return []


class _Card(BaseModel):
    model_config = ConfigDict(extra="forbid")

    camera: str | None = None
    model: str | None = None
    sensor_mode: str | None = Field(None, alias="sensor-mode")
    codec: str
    squeeze: float | None = None
    clips: int = 0
    input_transform: str | None = Field(None, alias="input-transform")
    framing: str | None = None


class _Cards(BaseModel):
    model_config = ConfigDict(extra="forbid")

    cards: list[_Card] = []


_CARDS = TypeAdapter(_Cards)
_HEAD = """\
# Camera format cards. Correct what is wrong, and fill in what is null: it holds for these clips and for later
# ones of the same camera, model, sensor mode, codec and squeeze. Only the count of clips is made anew.
"""


def read_cards(path: str | os.PathLike[str]) -> list[FormatCard]:
    """The cards of a file; none where it is not there yet.

    Raises
    ------
    UnreadableMedia
        If it is no file of cards.
    """
    if not os.path.exists(path):
        return []
    data = read_document(normalize(path), _MOST_BYTES)
    try:
        found = _CARDS.validate_python(yaml.safe_load(data) or {}).cards
    except (yaml.YAMLError, RecursionError, UnicodeDecodeError) as error:
        line = " ".join(str(error).split())
        raise UnreadableMedia(f"is not YAML ({line})", where=path, do="correct it") from None
    except ValidationError as error:
        first = error.errors()[0]
        at = "/".join(map(str, first["loc"]))
        raise UnreadableMedia(f"{at}: {first['msg']}", where=path, do="correct the card") from None
    told = {"file": os.path.basename(path)}
    return [
        FormatCard(
            *(card.camera, card.model, card.sensor_mode, card.codec, card.squeeze),
            *(card.clips, card.input_transform, card.framing, told),
        )
        for card in found
    ]


def write_cards(path: str | os.PathLike[str], cards: Sequence[FormatCard]) -> None:
    """Write cards to a file, in one step. Cards that are there and not among these stay.

    Raises
    ------
    UnreadableMedia, OutputFailed
        If the file there is none of cards, or cannot be written.
    """
    kept = {card.key: card for card in read_cards(path)} | {card.key: card for card in cards}
    rows = [
        _Card.model_validate(
            {
                "camera": card.camera_letter,
                "model": card.camera_model,
                "sensor-mode": card.sensor_mode,
                "codec": card.codec,
                "squeeze": card.squeeze,
                "clips": card.clips,
                "input-transform": card.input_transform,
                "framing": card.framing,
            }
        ).model_dump(by_alias=True)
        for card in sorted(kept.values(), key=lambda card: card.name)
    ]
    text = _HEAD + yaml.safe_dump({"cards": rows}, sort_keys=False, allow_unicode=True)
    folder = os.path.dirname(os.path.abspath(path))
    try:
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as file:
            file.write(text)
        os.chmod(file.name, 0o644)
        os.replace(file.name, path)
    except OSError as error:
        what = f"cannot be written ({error.strerror or error})"
        raise OutputFailed(what, where=path, do="check the folder") from error
