"""AMFs that come with a turnover: which is for which clip, and what it means for the clip's plate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from mediadask.clips.clip_url import ClipUrl
from mediadask.clips.storage import listing, normalize
from mediadask.documents.amf import Amf
from mediadask.errors import InvalidRequest, MissingMedia
from mediadask.pixels.color.chain import Color
from mediadask.pixels.color.config import digest_of, open_config
from mediadask.pixels.color.transform_ids import ACES, space_named_by
from mediadask.render.plan import clip_stem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from mediadask.documents.amf import AmfClip
    from mediadask.editorial.plan import PlannedEvent

__all__ = ["TurnoverAmfs", "amf_documents", "amf_review", "amf_space"]


@dataclass(frozen=True)
class TurnoverAmfs:
    """The AMFs of a turnover, as plain data."""

    of_clips: tuple[Amf, ...] = ()
    """Those that name a clip, or are named like one."""

    of_show: tuple[Amf, ...] = ()
    """Those for every clip that has none of its own: given by themselves, they name none."""

    def __bool__(self) -> bool:
        return bool(self.of_clips or self.of_show)

    @classmethod
    def read(cls, places: Iterable[str]) -> TurnoverAmfs:
        """Read the AMFs of some files and folders.

        Raises
        ------
        MissingMedia
            If one of them is not there, or a folder holds none.
        UnreadableMedia
            If one is no AMF.
        """
        of_clips: list[Amf] = []
        of_show: list[Amf] = []
        for place in map(normalize, places):
            if place.lower().endswith(".amf"):
                amf = Amf.read(place)
                (of_clips if amf.clip else of_show).append(amf)
                continue
            urls = sorted(file.url for file in listing(place)[1] if file.url.lower().endswith(".amf"))
            if not urls:
                raise MissingMedia("holds no AMF", where=place, do="name an .amf file, or a folder of them")
            of_clips += map(Amf.read, urls)
        return cls(tuple(of_clips), tuple(of_show))

    def of(self, planned: PlannedEvent) -> Amf | None:
        """The one whose ``clipId`` names an event's clip, by its file, its reel or the name in the list; else
        the one that is itself called so; else the show's. None where there is none. Of joined clips the first
        counts that has one.

        Raises
        ------
        InvalidRequest
            If several fit equally.
        """
        parts = ClipUrl.parse(str(planned.url)).parts
        fitting = next(filter(None, (self._of_part(part, planned) for part in parts)), self.of_show)
        if len(fitting) > 1:
            urls = ", ".join(amf.url for amf in fitting[:4])
            what = f"{len(fitting)} AMFs are for it"
            raise InvalidRequest(what, where=str(planned.url), do=f"leave one: {urls}")
        return fitting[0] if fitting else None

    def _of_part(self, url: str, planned: PlannedEvent) -> Sequence[Amf]:
        event = planned.event
        names = _names(clip_stem(url), planned.reel, event.reel, event.clip_name)
        by_clip = [amf for amf in self.of_clips if amf.clip and _names(amf.clip.name, amf.clip.file) & names]
        return by_clip or [amf for amf in self.of_clips if not amf.clip and _names(amf.url) & names]


def _names(*texts: str | None) -> set[str]:
    """What people mean by the same clip: file names with and without folder and suffix, in any case."""
    bare = {unquote(text).rpartition("/")[2].casefold() for text in texts if text}
    return bare | {name.rpartition(".")[0] or name for name in bare}


def amf_space(amf: Amf, config: str) -> str | None:
    """The config's own name of the color space that an AMF says the clip is in; None where its input
    transform is no color space's, but a LUT or an output transform to be undone.
    """
    part = amf.pipeline.input
    if part is None or part.applied:
        return ACES
    (first, *others) = part.transforms
    if others or part.inverse_output or not first.id:
        return None
    try:
        space = open_config(config).getColorSpace(space_named_by(first.id, config))
    except InvalidRequest as error:
        raise InvalidRequest(error.what, where=amf.url, do=error.do) from error
    return str(space.getName()) if space else None


def amf_review(amf: Amf, working: str, view: Color, config: str) -> tuple[Color, Color]:
    """From the clip's values to where a view begins, graded, in the color space `working`; and the view: the
    AMF's own, or where it has none `view`.
    """
    graded, whole = amf.color("look", config), amf.color("output", config)
    output = Color(whole.steps[len(graded.steps) :])
    own = Color.chain(Color.convert(working, ACES, config), output)
    return Color.chain(graded, Color.convert(ACES, working, config)), own if output.steps else view


def amf_documents(
    amf: Amf, plate: AmfClip, made: datetime, space: str, config: str
) -> tuple[bytes, tuple[tuple[str, str, str], ...]]:
    """The plate's own AMF, which says that its input transform is done; and the files that what remains
    needs: suffixes to the plate's name, URLs and SHA-256s.
    """
    shipped = amf.with_applied("input", plate, made, space, config)
    copies = ((f".{url.rpartition('/')[2]}", url, digest_of(url)) for url in shipped.files)
    return shipped.document(f"{plate.name}."), tuple(copies)
