"""Encoded video: parts written frame by frame, and parts joined without encoding again."""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import IO, TYPE_CHECKING, Any

import av
import av.error
from av.video.frame import PictureType

from mediadask.checkpoint import checkpoint
from mediadask.clips.packets import opened
from mediadask.clips.storage import open_file
from mediadask.clips.tags import tags_of
from mediadask.errors import InvalidRequest, OutputFailed
from mediadask.render.output import Format
from mediadask.scheduling import usual_scheduling

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from mediadask.choices import ProxyCodec
    from mediadask.clips import ColorTags
    from mediadask.render.output import Mark

__all__ = ["ENCODERS", "MOVIE", "Encoder", "Part", "join", "video_writer"]


@dataclass(frozen=True)
class Encoder:
    """How a proxy codec is written. One thread each: units are what runs side by side, and one thread's
    output does not depend on what else the machine does, nor on how many cores it has."""

    name: str
    """FFmpeg's encoder."""

    container: str
    """FFmpeg's muxer, and the suffix of the file."""

    pixel_format: str
    options: Mapping[str, str]
    seconds_per_megapixel: float
    """Encoding on one core, measured; it only decides how long segments are."""

    gop_seconds: int = 0
    """Between keyframes; 0 where every frame is one."""

    tag: str | None = None
    """The sample entry players look for, where FFmpeg would write another."""

    hdr_pixel_format: str | None = None
    """The pixel format for PQ and HLG, where `pixel_format` would show bands and players take more."""

    later: Mapping[str, str] = field(default_factory=dict)
    """Options over these for parts after the first, so that keyframes are as one encode of the whole has
    them, where a quality is asked for."""

    def gop(self, rate: Fraction) -> int:
        """Frames from key to key, as a rule."""
        return max(round(self.gop_seconds * rate), 1)


_REORDERED = 2
"""Frames at most by which decoding runs ahead of showing: x264's and x265's B-frames in two levels."""

_SINGLE = {"threads": "1"}
ENCODERS: Mapping[ProxyCodec, Encoder] = {
    "h264": Encoder(
        "libx264",
        "mp4",
        "yuv420p",
        {**_SINGLE, "preset": "veryfast", "crf": "20"},
        0.011,
        gop_seconds=2,
        # x264 gives every keyframe but its first the bits of its `ipratio`, 1.4: a GOP encoded alone would be
        # 6 % smaller, and worse, than the same one further on.
        later={"x264-params": "zones=0,0,b=1.4"},
    ),
    "hevc": Encoder(
        "libx265",
        "mp4",
        "yuv420p",
        {
            "preset": "veryfast",
            "crf": "23",
            "x265-params": "pools=none:frame-threads=1:wpp=0:open-gop=0:log-level=error",
        },
        0.05,
        gop_seconds=2,
        tag="hvc1",
        hdr_pixel_format="yuv420p10le",
    ),
    "av1": Encoder(
        "libsvtav1",
        "mp4",
        "yuv420p",
        {"preset": "9", "crf": "32", "svtav1-params": "lp=1"},  # above 9 it is for live use, and shows it
        0.04,
        gop_seconds=2,
        hdr_pixel_format="yuv420p10le",
    ),
    "prores": Encoder(
        "prores_ks", "mov", "yuv422p10le", {**_SINGLE, "profile": "proxy", "vendor": "apl0"}, 0.03
    ),
    "dnxhr": Encoder("dnxhd", "mov", "yuv422p", {**_SINGLE, "profile": "dnxhr_lb"}, 0.015),
}


@contextmanager
def video_writer(
    file: IO[bytes],
    encoder: Encoder,
    *,
    width: int,
    height: int,
    rate: Fraction,
    gop: int,
    color: ColorTags,
    pixel_aspect: Fraction = Fraction(1),
    options: Iterable[tuple[str, str]] = (),
    later: bool = False,
) -> Iterator[Callable[[av.VideoFrame], None]]:
    """A function that encodes one picture after another into `file`; the file is whole when the block ends.

    Parameters
    ----------
    file
        Open for writing and reading, unbuffered.
    width, height, rate, color, pixel_aspect
        Of the pictures; the last two are written into stream and container.
    gop
        Frames from key to key at most. Parts that are joined need the same: x265 writes it into its headers.
    options
        FFmpeg encoder options over the encoder's own.
    later
        Whether others go before these pictures where `join` puts them.

    Raises
    ------
    InvalidRequest
        If the encoder takes no such pictures or options.
    """
    os.environ.setdefault("SVT_LOG", "1")  # errors only: SVT-AV1 greets on stderr, and has no option for it
    chosen = dict(options)
    defaults = _over(encoder.options, _steady(encoder, width))
    if not {"b", "qp"} & set(chosen):
        defaults = _over(defaults, encoder.later if later else {})
    elif "crf" not in chosen:
        # Encoders prefer a quality to a bit rate: a default one would silently win over what was asked for.
        defaults.pop("crf", None)
    with av.open(file, "w", format=encoder.container) as container:
        described = {
            "g": str(gop),
            "color_range": "pc" if color.range == "full" else "tv",
            "colorspace": color.matrix or "bt709",
            "color_primaries": color.primaries or "unspecified",
            "color_trc": color.transfer or "unspecified",
        }
        settings = _over(defaults | described, chosen)
        stream: Any = container.add_stream(encoder.name, rate=rate, options=settings)
        stream.width, stream.height, stream.pix_fmt = width, height, encoder.pixel_format
        stream.time_base = 1 / rate
        if pixel_aspect != 1:
            stream.sample_aspect_ratio = pixel_aspect
        if encoder.tag:
            stream.codec_context.codec_tag = encoder.tag
        try:
            with usual_scheduling():
                container.start_encoding()
        except av.error.FFmpegError as error:
            raise InvalidRequest(
                f"does not encode {width}x{height} {encoder.pixel_format} as asked ({error.strerror})",
                where=encoder.name,
                do="check the size and the options",
            ) from error
        unknown = sorted(set(stream.codec_context.options) & set(chosen))
        if unknown:
            raise InvalidRequest(
                f"has no option {unknown[0]!r}",
                where=encoder.name,
                do="see ffmpeg -h encoder=" + encoder.name,
            )
        written = decoded = 0

        def mux(packets: Iterable[Any]) -> None:
            nonlocal decoded
            for packet in packets:
                # x265 takes those of a stream of one or two frames from memory that nobody has set.
                packet.dts = min(max(packet.dts, decoded - _REORDERED), packet.pts)
                decoded += 1
                container.mux(packet)

        def write(frame: av.VideoFrame) -> None:
            nonlocal written
            # A frame decoded from an intra codec says I, and the encoder would obey: ten times the bits.
            frame.pict_type = PictureType.NONE
            frame.pts, frame.time_base = written, 1 / rate
            written += 1
            mux(stream.encode(frame))

        yield write
        mux(stream.encode(None))


def _over(options: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """Options with others over them.

    Parameters of the library behind an encoder (``x265-params``) are one option, and the last of a name
    counts: they are joined, so that who sets one does not undo those that keep the output the same.
    """
    merged = dict(options)
    for name, value in more.items():
        before = merged.get(name) if name.endswith("-params") else None
        merged[name] = f"{before}:{value}" if before else value
    return merged


def _steady(encoder: Encoder, width: int) -> dict[str, str]:
    """Options without which an encoder's output would depend on memory that nobody has set.

    libx264's AVX-512 code for `mbtree` (``mbtree_propagate_list_internal``, common/x86/mc-a2.asm, in x264 165
    and before) takes the macroblocks of a row eight at a time and has no end for a row that is not whole
    eights, as those of 192, 854 or 960 pixels are not. It goes on with what follows in memory, which behind
    the last row is left from before, and sets quantizers by it. The code for AVX2 ends where the row does.
    At other widths both give the same, and AVX-512 takes a sixth less time.
    """
    if encoder.name != "libx264" or -(-width // 16) % 8 == 0 or not _has_avx512():
        return {}
    return {"x264-params": "asm=avx2"}


@cache
def _has_avx512() -> bool:
    from llvmlite import binding  # numba's: only who encodes waits for it

    return bool(binding.get_host_cpu_features().get("avx512f"))


@dataclass(frozen=True)
class Part:
    """Encoded frames ``[start, stop)`` of an output, in a file of their own that counts frames from 0."""

    url: str
    start: int
    stop: int


def join(
    file: IO[bytes],
    container: str,
    parts: Sequence[Part],
    *,
    rate: Fraction,
    times: npt.NDArray[np.int64],
    time_base: Fraction,
    sound: str | None,
    mark: Mark,
    timecode: str | None,
    reel: str | None,
) -> None:
    """Copy the packets of parts, and of the sound, into one file that starts playing before it is loaded.

    Parameters
    ----------
    file
        Open for writing and reading, unbuffered.
    container
        FFmpeg's muxer: ``mp4`` or ``mov``.
    parts
        In order, without gaps.
    rate
        Frames a second in the parts.
    times, time_base
        (frames,) when each frame is shown, in ticks of `time_base` seconds, the first at 0.
    sound
        A file whose sound streams are copied.
    mark
        Noted in the file.
    timecode, reel
        Of the first frame.

    Raises
    ------
    OutputFailed
        If the parts do not fit together.
    """
    # `use_metadata_tags`: MP4 has no place of its own for a reel name.
    flags = "+faststart" + ("+use_metadata_tags" if container == "mp4" else "")
    # The default time scale of edit lists is milliseconds: sound and picture would end unequal.
    options = {"movflags": flags, "movie_timescale": "240000"}
    with ExitStack() as stack:
        output = stack.enter_context(av.open(file, "w", format=container, options=options))
        output.metadata["comment"] = str(mark)
        if reel and container == "mp4":
            output.metadata["reel_name"] = reel
        first = stack.enter_context(_opened(parts[0].url))
        template = first.streams.video[0]
        stream: Any = output.add_stream_from_template(template, opaque=True)
        stream.codec_context.codec_tag = template.codec_context.codec_tag
        if template.sample_aspect_ratio:  # ProRes itself does not say it
            stream.codec_context.sample_aspect_ratio = template.sample_aspect_ratio
        stream.time_base, stream.codec_context.framerate = time_base, rate  # timecode needs a rate
        if timecode:
            stream.metadata["timecode"] = timecode
        if reel:
            stream.metadata["reel_name"] = reel
        parameters = bytes(template.codec_context.extradata or b"")
        ahead = _ahead(times, template.codec_context.reorder_depth)
        lanes = [_video_packets(parts, rate, times, time_base, parameters, ahead, stream)]
        if sound:
            source = stack.enter_context(_opened(sound))
            for track in source.streams.audio:
                copied = output.add_stream_from_template(track)
                # Each lane reads the file on its own: the merge takes from them in turn.
                lanes.append(_sound_packets(sound, track.index, copied, stack))
        for _, packet in heapq.merge(*lanes, key=lambda lane: lane[0]):
            output.mux(packet)


def _read_text(url: str) -> str | None:
    with opened(url) as container:
        return tags_of(container).get("comment")


MOVIE = Format("movie", _read_text)
"""What `join` makes."""


@contextmanager
def _opened(url: str, **options: str) -> Iterator[Any]:
    with open_file(url) as file, av.open(file, options=options) as container:
        yield container


def _video_packets(
    parts: Sequence[Part],
    rate: Fraction,
    times: npt.NDArray[np.int64],
    time_base: Fraction,
    parameters: bytes,
    ahead: int,
    stream: Any,
) -> Iterator[tuple[Fraction, Any]]:
    """Every packet with its time in the whole, and the moment it is decoded (seconds), `ahead` before."""
    decoded = 0
    for part in parts:
        # FFmpeg would decode a frame of each, 12 ms in HD, while all slots but this one are idle.
        with _opened(part.url, skip_frame="all") as container:
            source = container.streams.video[0]
            if bytes(source.codec_context.extradata or b"") != parameters:
                raise OutputFailed(
                    "was encoded with other parameters than the parts before", where=part.url, do="run again"
                )
            seen = set()
            for packet in container.demux(source):
                if packet.pts is None:
                    continue
                number = part.start + round(packet.pts * packet.time_base * rate)
                seen.add(number)
                last = number + 1 >= len(times)
                packet.duration = int(
                    times[number] - times[number - 1] if last else times[number + 1] - times[number]
                )
                packet.stream, packet.time_base = stream, time_base
                packet.pts, packet.dts = int(times[number]), int(times[decoded]) - ahead
                decoded += 1
                yield packet.dts * time_base, packet
            if seen != set(range(part.start, part.stop)):
                raise OutputFailed(
                    f"holds {len(seen)} frames of {part.stop - part.start}", where=part.url, do="run again"
                )
        checkpoint()


def _ahead(times: npt.NDArray[np.int64], delay: int) -> int:
    """How many ticks decoding runs ahead of showing, where frames come out `delay` later than they go in.

    The same for every frame, however the rate varies: players seek by decode times, less what the first frame
    is ahead, and would land behind the frame they look for.
    """
    if len(times) <= delay:
        return int(times[-1] - times[0]) + delay
    return int((times[delay:] - times[: len(times) - delay]).max())


def _sound_packets(url: str, index: int, stream: Any, stack: ExitStack) -> Iterator[tuple[Fraction, Any]]:
    container = stack.enter_context(_opened(url))
    for packet in container.demux(container.streams[index]):
        if packet.dts is not None:
            moment = packet.dts * packet.time_base
            packet.stream = stream
            yield moment, packet
