"""Which recording belongs to a camera clip: by timecode, and by what both have heard."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, get_args

from mediadask.checkpoint import checkpoint
from mediadask.clips import Clip
from mediadask.clips.clip_url import ClipUrl
from mediadask.delivery import Delivery, Group, Unit
from mediadask.errors import InvalidRequest, MediaError, MissingMedia
from mediadask.sounds.align import align
from mediadask.sounds.find import find_sounds
from mediadask.sounds.listen import listen, timecode_tracks
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from mediadask.clips.header import AudioStream
    from mediadask.sounds.align import Alignment

__all__ = ["By", "Synced", "sync"]

By = Literal["both", "timecode"]
"""What a recording is chosen by: timecode alone, or what both have heard too."""

_TOLD_PPM = 20.0
_AGREEING_SECONDS = 0.25
"""How far timecode may be from the waveform to be called right: cameras drift by some frames in a day."""


@dataclass(frozen=True)
class Synced:
    """A camera clip and its sound."""

    clip: str
    sound: str
    by: Literal["timecode", "waveform", "timecode and waveform"]

    offset: int
    """The sample of the recording at the clip's first frame; below 0 where the recording begins later."""

    rate: int
    """Samples a second of the recording."""

    timecode_offset: int | None
    """What timecode says the offset is; None where one of the two has none."""

    drift_ppm: float | None
    """How much faster the recording's clock runs, in millionths; None where it was not measured."""

    drift_samples: int | None
    """What that makes from the clip's first frame to its end."""

    note: str = ""
    """What somebody should look at."""

    def as_dict(self) -> dict[str, Any]:
        """Every field by name, as JSON types."""
        return asdict(self)


def sync(
    clips: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    sounds: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    by: By = "both",
) -> Delivery:
    """Find the sound of camera clips, lazily.

    A recording whose timecode covers a clip is its sound if what the camera has heard agrees, which also
    makes the offset exact. Where it does not agree, the other recordings are listened to: timecode may be
    wrong. A clip that has heard nothing goes by timecode. A clip of which no recording is certain fails.

    Parameters
    ----------
    clips
        Camera clips: URLs, one or several.
    sounds
        WAV files, and folders with them.
    by
        ``both``, or ``timecode`` to believe timecode and listen to nothing.

    Returns
    -------
    Delivery
        One group a clip; its values are `Synced`.

    Raises
    ------
    MissingMedia
        If there are no recordings.
    InvalidRequest
        If `by` is neither.

    Examples
    --------
    >>> report = md.sync("day/A001C000.mov", "day").compute()
    >>> report.results[0].by, report.results[0].rate
    ('timecode and waveform', 48000)
    """
    if by not in get_args(By):
        raise InvalidRequest(f"by is {by!r}", do=f"use {' or '.join(get_args(By))}")
    recordings = tuple(find_sounds(sounds))
    every = [clips] if isinstance(clips, str | os.PathLike) else list(clips)
    return Delivery("sync", [_group(str(ClipUrl.of(clip)), recordings, by) for clip in every])


def _group(url: str, sounds: tuple[str, ...], by: By) -> Group:
    name = ClipUrl.parse(url).label
    return Group(url, (Unit(_sync_clip, (url, sounds, by), f"{name} sound", "sync", 1, 2.0),))


@dataclass(frozen=True)
class _Candidate:
    sound: Clip
    label: Fraction | None
    """Seconds of the recording at the clip's first frame, by timecode; None where that is not known."""

    covered: float
    """The share of the clip that the recording covers by timecode."""


def _sync_clip(url: str, sounds: Sequence[str], by: By) -> Synced:
    clip = Clip.open(url)
    if not len(clip):
        raise InvalidRequest("is no camera clip: it has no pictures", where=url, do="leave it out")
    seconds = Fraction(len(clip)) / clip.header.frame_rate
    every, unread = [], []
    for sound_url in sounds:
        try:
            every.append(_candidate(clip, _opened(sound_url), seconds))
        except MediaError as error:  # the others may have its sound
            unread.append(str(error))
        checkpoint()
    every.sort(key=lambda one: -one.covered)
    labeled = [one for one in every if one.covered > 0]
    heard = listen(clip) if by == "both" else None
    if heard is None:
        if labeled and labeled[0].covered >= 0.5:
            return _synced(clip, labeled[0], None, seconds)
        raise _not_found(clip, every, unread, "no recording's timecode covers it")
    best: tuple[_Candidate, Alignment] | None = None
    for near, candidates in ((True, labeled), (False, every)):
        for one in candidates:
            sound = listen(one.sound)
            if sound is None:
                continue
            found = align(heard, sound, float(one.label) if near and one.label is not None else None)
            if found and (best is None or found.clearness > best[1].clearness):
                best = one, found
            checkpoint()
        if best:
            return _synced(clip, best[0], best[1], seconds)
    why = "none has what its camera has heard"
    if labeled:
        why = f"timecode points at {labeled[0].sound.name}, but the camera has heard something else"
    raise _not_found(clip, every, unread, why)


def _not_found(clip: Clip, every: Sequence[_Candidate], unread: Sequence[str], why: str) -> MissingMedia:
    also = f"; {len(unread)} cannot be read, the first: {unread[0]}" if unread else ""
    return MissingMedia(
        f"has no certain sound among {len(every)} recordings: {why}{also}",
        where=clip.url,
        do="check the labels, or believe timecode with --by timecode",
    )


@lru_cache(maxsize=256)
def _opened(url: str) -> Clip:
    return Clip.open(url)


def _candidate(clip: Clip, sound: Clip, seconds: Fraction) -> _Candidate:
    here, there = _clip_start(clip), _sound_start(sound, clip.header.frame_rate)
    if here is None or there is None:
        return _Candidate(sound, None, 0.0)
    stream = sound.header.audio[0]
    label = here - there
    end = Fraction(stream.samples, stream.rate)
    covered = float((min(label + seconds, end) - max(label, Fraction(0))) / seconds)
    return _Candidate(sound, label, max(covered, 0.0))


def _clip_start(clip: Clip) -> Fraction | None:
    """Seconds from midnight to the first frame, by the container's timecode or that on a sound track."""
    header = clip.header
    if header.timecode is not None:
        return Timecode.parse(header.timecode, header.frame_rate).frames / header.frame_rate
    return _ltc_start(clip, header.frame_rate)


def _sound_start(sound: Clip, rate: Fraction) -> Fraction | None:
    """Seconds from midnight to the first sample, in the time of a camera of `rate` frames a second.

    Frames are what recorder and camera have in common: a recorder that counts 24 true frames a second and a
    camera of 23.976 agree on labels, not on seconds.
    """
    stream = sound.header.audio[0]
    if stream.time_reference is None:
        return _ltc_start(sound, rate)
    seconds = Fraction(stream.time_reference, _counted_at(stream))
    assumed = any(tag.source == "assumed" for tag in sound.header.tags)
    if assumed or round(sound.header.frame_rate) != round(rate):
        return seconds
    return seconds * sound.header.frame_rate / rate


def _counted_at(stream: AudioStream) -> int:
    return stream.timestamp_rate or stream.rate


def _ltc_start(clip: Clip, rate: Fraction) -> Fraction | None:
    tracks = timecode_tracks(clip.url, clip.identity)
    if not tracks:
        return None
    ltc = next(iter(tracks.values()))
    frames = Fraction(ltc.frames_at(0)).limit_denominator(1 << 24)
    same = round(rate) == ltc.base
    return frames / (rate if same else ltc.frame_rate)


def _synced(clip: Clip, one: _Candidate, found: Alignment | None, seconds: Fraction) -> Synced:
    rate = one.sound.header.audio[0].rate
    label = None if one.label is None else round(one.label * rate)
    if found is None:
        assert label is not None
        note = "" if one.covered > 0.999 else f"the recording covers {one.covered:.0%} of the clip"
        return Synced(clip.url, one.sound.url, "timecode", label, rate, label, None, None, note)
    offset = round(found.seconds * rate)
    agrees = label is not None and abs(label - offset) < _AGREEING_SECONDS * rate
    notes = []
    if label is not None and not agrees:
        frames = float((label - offset) / rate * clip.header.frame_rate)
        notes.append(f"timecode is {abs(frames):.1f} frames {'late' if frames > 0 else 'early'}")
    drift = None if found.drift is None else found.drift * 1e6
    if drift is not None and abs(drift) > _TOLD_PPM:
        notes.append(f"the recording's clock runs {abs(drift):.0f} ppm {'fast' if drift > 0 else 'slow'}")
    return Synced(
        clip.url,
        one.sound.url,
        "timecode and waveform" if agrees else "waveform",
        offset,
        rate,
        label,
        None if drift is None else round(drift, 2),
        None if found.drift is None else round(found.drift * float(seconds) * rate),
        "; ".join(notes),
    )
