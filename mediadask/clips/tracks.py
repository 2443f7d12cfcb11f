"""Which of a container's video tracks is the recording: not a thumbnail, a cover or a proxy beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mediadask.clips.header import Tag
from mediadask.clips.packets import only, opened
from mediadask.clips.vendor import refuse_undecodable, refuse_unknown_codec
from mediadask.errors import InvalidRequest, UnreadableMedia, UnsupportedMedia

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["track_tags", "video_track"]

_DEFAULT, _COVER, _THUMBNAILS, _DEPENDENT, _STILL = 0x1, 0x400, 0x800, 0x80000, 0x100000
_FEW = 0.1
"""A track with less than this share of another's frames is no recording beside it."""


def video_track(container: Any, url: str, tables: bytes | memoryview, wanted: str | None = None) -> Any:
    """The stream with the pictures: of those with many frames the one with the largest picture, then the one
    that the file says to play, then the first; or the one that is wanted, by its number from 1.

    Parameters
    ----------
    tables
        A MOV's ``moov``, or the beginning of the file: what says how pictures are coded that nothing decodes.

    Raises
    ------
    InvalidRequest
        If there is no such track.
    UnsupportedMedia, UnreadableMedia
        If there is none that decodes.
    """
    every = list(container.streams.video)
    if wanted is not None:
        if not (wanted.isdecimal() and 0 < int(wanted) <= len(every)):
            choices = ", ".join(str(number) for number in range(1, len(every) + 1))
            raise InvalidRequest(
                f"has no video track {wanted}", where=url, do=f"add ?video= with one of {choices}"
            )
        chosen = every[int(wanted) - 1]
        return _decodable([chosen], url, tables)[0]
    tracks = [track for track in every if not int(track.disposition) & (_COVER | _THUMBNAILS | _DEPENDENT)]
    found = _decodable(tracks or every, url, tables)
    if len(found) == 1:
        return found[0]
    counts = _frames(container, url, found)
    most = max(counts)
    recordings = [track for track, count in zip(found, counts, strict=True) if count >= _FEW * most]
    return max(
        recordings,
        key=lambda track: (
            not int(track.disposition) & _STILL,
            track.codec_context.width * track.codec_context.height,
            int(track.disposition) & _DEFAULT,
            -track.index,
        ),
    )


def track_tags(container: Any, name: str, stream: Any) -> tuple[Tag, ...]:
    """The video tracks of a file that has several, by the numbers that ``?video=`` takes."""
    every = list(container.streams.video)
    if len(every) < 2:
        return ()
    return tuple(
        Tag(name, f"video {number}", _words(track) + (", read" if track.index == stream.index else ""))
        for number, track in enumerate(every, 1)
    )


def _words(track: Any) -> str:
    context = track.codec_context
    if context is None:
        return "not decodable"
    cover = ", cover" if int(track.disposition) & _COVER else ""
    return f"{context.width}x{context.height} {context.codec.canonical_name}{cover}"


def _decodable(tracks: Sequence[Any], url: str, tables: bytes | memoryview) -> list[Any]:
    found = [track for track in tracks if track.codec_context is not None and track.codec_context.pix_fmt]
    if found:
        return found
    refuse_undecodable(url, tables)
    contexts = [track.codec_context for track in tracks if track.codec_context is not None]
    if not contexts:
        refuse_unknown_codec(url, tables)
        raise UnsupportedMedia(
            "has no video stream that can be decoded", where=url, do="give a clip with pictures"
        )
    raise UnreadableMedia("its pictures cannot be decoded", where=url, do="copy it again from the source")


def _frames(container: Any, url: str, tracks: Sequence[Any]) -> list[int]:
    """How many each has, by the tables, or else by its packets."""
    told = [int(track.frames) for track in tracks]
    if all(told):
        return told
    counts = dict.fromkeys((track.index for track in tracks), 0)
    with opened(url) as again:
        for packet in only(url, again, *(again.streams[number] for number in counts)):
            counts[packet.stream_index] += 1
    return [counts[track.index] for track in tracks]
