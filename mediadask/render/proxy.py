"""Proxies: small files that play anywhere, with the clip's timecode, reel and sound."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from mediadask.checkpoint import checkpoint
from mediadask.clips import Clip, ColorTags
from mediadask.clips.storage import open_file
from mediadask.delivery import Delivery, Group, Unit
from mediadask.options import checked
from mediadask.render.options import ProxyOptions
from mediadask.render.output import Output, Rendered, exists
from mediadask.render.picture import proxy_picture
from mediadask.render.plan import Plan, Source, output_places, source_list, standing_group
from mediadask.render.recipe import ProxyRecipe, fitted_size
from mediadask.render.segment import key_interval, segments
from mediadask.render.sound import write_sound
from mediadask.render.video import ENCODERS, MOVIE, Encoder, Part, join, video_writer

if TYPE_CHECKING:
    import numpy.typing as npt

    from mediadask.pixels import Color
    from mediadask.render.options import Size
    from mediadask.sounds import Synced

__all__ = ["proxy"]


def proxy(
    clips: Source | Iterable[Source],
    out: str | os.PathLike[str],
    *,
    codec: str = "h264",
    size: Size = None,
    lut: str | os.PathLike[str] | Color | None = None,
    options: Mapping[str, object] | None = None,
    on_corrupt: str = "fail",
    sound: Iterable[Synced] = (),
) -> Delivery:
    """Review proxies of clips, one file each in the folder `out`.

    H.264, HEVC and AV1 come as MP4 with AAC sound and play in browsers; ProRes and DNxHR as MOV with PCM.
    Pictures are turned upright and their pixels made square; interlaced pictures stay woven, and transparency
    is dropped. Frames keep their times where the rate varies. Color tags are the clip's: PQ and HLG stay what
    they are, in 10 bits as HEVC, AV1 and ProRes; scene light is shown as sRGB.

    Parameters
    ----------
    clips
        URLs, or clips that are open already.
    out
        A folder, here or on an object store. Files are named after their clips; of several clips of one name
        the second gets ``-2``, and so on.
    codec
        ``h264``, ``hevc``, ``av1``, ``prores`` or ``dnxhr``.
    size
        ``"1080p"`` or another box to fit inside, a (width, height) box, a height, or None for the clip's own
        size. Nothing is enlarged.
    lut
        A LUT file OpenColorIO reads, or any `Color`, such as a view: from the clip's R'G'B' on.
    options
        FFmpeg encoder options over the codec's defaults: ``{"crf": 18, "preset": "slow"}``, ``{"b": "8M"}``.
    on_corrupt
        What a frame that does not decode becomes: ``fail``, ``hold`` or ``black``.
    sound
        What `sync` has found: each recording's tracks are laid under its clip, in place of the camera's own.

    Returns
    -------
    Delivery
        One group a clip; its values are `Rendered`.

    Raises
    ------
    InvalidRequest, MissingMedia
        For options that make no sense, or a LUT that cannot be read. A bad clip fails alone.
    """
    asked = {"codec": codec, "size": size, "lut": lut, "options": options or {}, "on_corrupt": on_corrupt}
    recipe = ProxyRecipe.of(checked(ProxyOptions, asked))
    sources = source_list(clips)
    places = output_places(sources, out, f".{ENCODERS[recipe.codec].container}")
    laid = {synced.clip: synced for synced in sound}
    return Delivery("proxy", Plan(sources, places, partial(_proxy_group, recipe, laid)))


@dataclass(frozen=True)
class _Laid:
    """The recording under a clip, as it is now."""

    sound: Clip
    offset: Fraction
    """Where the picture begins, in seconds of the recording."""

    @property
    def json(self) -> str:
        """The facts that make another proxy when they change."""
        return json.dumps([self.sound.url, self.sound.identity, str(self.offset)])


def _proxy_group(recipe: ProxyRecipe, sounds: Mapping[str, Synced], clip: Clip, url: str) -> Group:
    synced = sounds.get(clip.url)
    laid = _Laid(Clip.open(synced.sound), Fraction(synced.offset, synced.rate)) if synced else None
    header, encoder = clip.header, ENCODERS[recipe.codec]
    width, height = fitted_size(clip, recipe.box)
    output = Output.of(
        url, MOVIE, clip.url, "proxy", clip.identity, recipe.json(), *([laid.json] if laid else [])
    )
    if there := standing_group(output, len(clip)):
        return there
    name = output.name
    seconds = (
        header.width * header.height * 14e-9 + width * height * (encoder.seconds_per_megapixel + 0.02) * 1e-6
    )
    usual = encoder.gop(header.frame_rate)
    cuts = segments(clip.index.gops.tolist(), seconds, gop=usual)
    gop = max(key_interval(segment.frames, usual) for segment in cuts)
    parts = tuple(
        Part(output.part(f"{start:08}-{stop:08}-g{gop}.{encoder.container}"), start, stop)
        for start, stop in cuts
    )
    kind = f"proxy {header.codec} {header.width}x{header.height} to {recipe.codec} {width}x{height}"
    units = [
        segment.unit(
            render_part, (clip, recipe, output, part, gop), output=name, kind=kind, seconds_per_frame=seconds
        )
        for segment, part in zip(cuts, parts, strict=True)
    ]
    if header.audio or laid:  # first: at the end the pool would wait for it
        units.insert(
            0,
            Unit(
                render_sound,
                (clip, recipe, output, laid),
                name=f"{name} sound",
                kind="sound",
                frames=len(clip),
                seconds=1 + len(clip) * 2e-4,
            ),
        )
    finish = Unit(
        finish_proxy,
        (clip, recipe, output, parts, bool(header.audio or laid)),
        name=name,
        kind="join",
        frames=len(clip),
        seconds=1 + len(clip) * 1e-4,
    )
    return Group(name, tuple(units), finish)


def render_part(clip: Clip, recipe: ProxyRecipe, output: Output, part: Part, gop: int) -> tuple[int, ...]:
    """Encode one segment, unless it is there or the whole output is; the frames that did not decode."""
    notes = f"{part.url}.json"
    if not exists(part.url) and not output.is_done():
        encoder = _encoder(clip, recipe)
        width, height = fitted_size(clip, recipe.box)
        color = _proxy_color(clip, recipe)
        picture = proxy_picture(clip, (width, height), recipe.lut, encoder.pixel_format, color)
        stand_ins = []
        with output.making(part.url) as path:
            with (
                open(path, "w+b", buffering=0) as file,
                video_writer(
                    file,
                    encoder,
                    width=width,
                    height=height,
                    rate=clip.header.frame_rate,
                    gop=gop,
                    color=color,
                    options=recipe.options,
                    later=part.start > 0,
                ) as write,
            ):
                for frame in clip.frames(part.start, part.stop, on_corrupt=recipe.on_corrupt, threads=1):
                    write(picture(frame))
                    if not frame.valid:
                        stand_ins.append(frame.number)
                    checkpoint()
            if stand_ins:  # noted before the part is there, so that no part is ever there without its notes
                with output.making(notes) as noted:
                    noted.write_text(json.dumps(stand_ins))
    if exists(notes):
        with open_file(notes) as noted_file:
            return tuple(json.loads(noted_file.read()))
    return ()


def render_sound(
    clip: Clip, recipe: ProxyRecipe, output: Output, laid: _Laid | None = None
) -> tuple[int, ...]:
    """Encode the clip's sound, or that laid under it, unless it is there or the whole output is."""
    url = _sound_url(output, recipe)
    if not exists(url) and not output.is_done():
        times, time_base = _frame_times(clip)
        seconds = int(times[-1]) * time_base + 1 / clip.header.frame_rate
        with output.making(url) as path, open(path, "w+b", buffering=0) as file:
            container = ENCODERS[recipe.codec].container
            write_sound(
                file, container, laid.sound if laid else clip, seconds, *([laid.offset] if laid else [])
            )
    return ()


def finish_proxy(
    stand_ins: Sequence[tuple[int, ...]],
    clip: Clip,
    recipe: ProxyRecipe,
    output: Output,
    parts: Sequence[Part],
    has_sound: bool,
) -> Rendered:
    """Join the parts and put the proxy in its place."""
    if not output.is_done():
        mark = replace(output.mark, stand_ins=tuple(sorted({n for numbers in stand_ins for n in numbers})))
        times, time_base = _frame_times(clip)
        with output.making(output.url) as path, open(path, "w+b", buffering=0) as file:
            join(
                file,
                ENCODERS[recipe.codec].container,
                parts,
                rate=clip.header.frame_rate,
                times=times,
                time_base=time_base,
                sound=_sound_url(output, recipe) if has_sound else None,
                mark=mark,
                timecode=clip.header.timecode,
                reel=clip.header.reel,
            )
    output.clear()
    found = output.standing()
    return Rendered(output.url, len(clip), found.stand_ins if found else ())


def _sound_url(output: Output, recipe: ProxyRecipe) -> str:
    return output.part(f"sound.{ENCODERS[recipe.codec].container}")


_HDR = ("smpte2084", "arib-std-b67")
_UNCODED = ("ap0", "ap1", "gamma24", "log", "printing density")
"""Words of image files that ITU-T H.273 has no code for: proxies leave them untold."""


def _encoder(clip: Clip, recipe: ProxyRecipe) -> Encoder:
    """The recipe's; of HDR in the depth that shows no bands, where players take it."""
    encoder = ENCODERS[recipe.codec]
    deep = encoder.hdr_pixel_format if _proxy_color(clip, recipe).transfer in _HDR else None
    return replace(encoder, pixel_format=deep or encoder.pixel_format)


def _proxy_color(clip: Clip, recipe: ProxyRecipe) -> ColorTags:
    """What the proxy's own stream says: BT.709 behind a LUT, otherwise what the clip says if it does."""
    source = clip.header.color if recipe.lut is None else ColorTags()
    if source.transfer == "linear":
        source = ColorTags(transfer="iec61966-2-1")  # as `proxy_picture` shows scene light
    # DNxHR's own header says BT.709 or BT.2020, and players believe it.
    told = ("bt2020nc",) if recipe.codec == "dnxhr" else ("smpte170m", "bt470bg", "bt2020nc")
    matrix = source.matrix if source.matrix in told else "bt709"
    said = (source.primaries, "bt2020" if matrix == "bt2020nc" else "bt709"), (source.transfer, "bt709")
    primaries, transfer = (None if word in _UNCODED else word or usual for word, usual in said)
    return ColorTags(matrix, "limited", primaries, transfer, "left")


def _frame_times(clip: Clip) -> tuple[npt.NDArray[np.int64], Fraction]:
    """(frames,) ticks since the first frame, and the seconds of a tick.

    Frames within half a frame of an even grid (rates that a container rounds to milliseconds) stand on it.
    """
    index, rate = clip.index, clip.header.frame_rate
    times = index.frame_pts - index.frame_pts[0]
    grid = np.arange(len(times))
    if np.abs(times * float(index.time_base * rate) - grid).max() < 0.5:
        return grid, 1 / rate
    return times, index.time_base
