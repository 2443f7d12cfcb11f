"""Footage to try things on: moving, textured pictures with their frame number burnt in, by real encoders.

Every picture carries its number twice: in digits for people, and as a row of black and white cells along its
top edge that `read_number` reads back from any decoded picture, whatever its size or compression.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mediadask.scheduling import usual_scheduling
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

__all__ = ["picture", "read_number", "write_clip", "write_sequence"]

_BITS = 20
_CELLS = _BITS + 4  # white, black, the bits, their parity, black
_PALETTES = (  # sky top, sky low, then hills from far to near
    ((18, 38, 84), (250, 176, 112), (118, 92, 130), (82, 62, 104), (44, 40, 74), (22, 22, 40)),
    ((72, 132, 196), (226, 238, 244), (140, 168, 190), (92, 134, 136), (62, 104, 78), (34, 62, 40)),
    ((10, 12, 34), (64, 60, 120), (58, 66, 112), (40, 48, 88), (26, 32, 62), (12, 16, 32)),
    ((196, 92, 62), (255, 214, 128), (202, 122, 84), (158, 82, 70), (108, 54, 56), (58, 30, 40)),
    ((120, 160, 168), (240, 232, 214), (176, 184, 176), (132, 152, 140), (96, 116, 92), (58, 72, 52)),
)


def picture(
    number: int, width: int, height: int, *, scene: int = 0, label: str = ""
) -> npt.NDArray[np.uint8]:
    """One frame of a tracking shot through hills: (height, width, 3) uint8 R'G'B'.

    Parameters
    ----------
    number
        The frame number burnt in; it also moves the camera.
    width, height
        Pixels.
    scene
        Which landscape; any integer.
    label
        A text beside the number, such as the timecode.
    """
    sky, layers = _landscape(width, height, scene % 1000)
    scenery = sky.copy()
    for depth, (colors, opaque) in enumerate(layers):
        shift = int(number * width * (depth + 1) / 1200) % width
        view = slice(shift, shift + width)
        top = height - len(colors)
        np.copyto(scenery[top:], colors[:, view], where=opaque[:, view])
    rgb = np.ascontiguousarray(scenery.view(np.uint8).reshape(height, width, 4)[..., :3])
    return _burn(rgb, number, label)


def read_number(image: npt.NDArray[Any]) -> int:
    """The number burnt into a picture: (height, width) luma or (height, width, channels), any numeric type.

    Raises
    ------
    ValueError
        If there is none, or it is not whole.
    """
    gray = np.asarray(image if image.ndim == 2 else image[..., :3].mean(axis=-1), np.float64)
    height, width = gray.shape
    row = gray[round(height / 120) : max(round(height / 60), 1)].mean(axis=0)
    middles = (np.arange(_CELLS) + 0.5) * width / _CELLS
    reach = max(width / _CELLS * 0.2, 0.5)
    cells = np.array([row[int(middle - reach) : int(middle + reach) + 1].mean() for middle in middles])
    white, black = cells[0], (cells[1] + cells[-1]) / 2
    bits = cells > (white + black) / 2
    value = sum(1 << bit for bit in range(_BITS) if bits[2 + bit])
    if not white > black or value.bit_count() % 2 != bits[2 + _BITS]:
        raise ValueError("no frame number is burnt into this picture")
    return value


@cache
def _landscape(width: int, height: int, scene: int) -> tuple[npt.NDArray[np.uint32], list[Any]]:
    """The still sky, and of each hill layer the colors and where it is opaque, two periods wide.

    Colors are whole words, R in the first byte: masked copies of words are four times as fast as of triples.
    Layers begin at their highest ridge and reach to the bottom.
    """
    random = np.random.default_rng(scene)
    palette = np.asarray(_PALETTES[scene % len(_PALETTES)], np.float32)
    rise = np.linspace(0, 1, height, dtype=np.float32)[:, None, None] ** 0.8
    sky = palette[0] * (1 - rise) + palette[1] * rise + np.zeros((1, width, 1), np.float32)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    away = np.hypot(x - width * (0.2 + 0.6 * random.random()), y - height * 0.36) / height
    glow = np.clip(1.2 - away * 2.2, 0, 1) ** 2 + (away < 0.07)
    sky += glow[..., None] * (np.array([255, 246, 220]) - sky) * 0.8
    sky += random.normal(0, 2, (height, width, 1))
    layers = []
    for depth, color in enumerate(palette[2:]):
        angle = np.arange(width) * 2 * np.pi / width
        ridge = sum(np.sin(angle * k + random.uniform(0, 6.3)) / k**1.1 for k in (2, 3, 5, 9, 17, 33, 61))
        top = height * (0.46 + 0.13 * depth) - height * 0.05 * np.asarray(ridge, np.float32)
        grain = np.kron(random.normal(0, 5, (height // 8 + 1, width // 8 + 1)), np.ones((8, 8)))
        grain = grain[:height, :width] + random.normal(0, 6, (height, width))
        shade = color * (1 + 0.25 * np.clip((y - top) / height, 0, 1))[..., None] + grain[..., None]
        visible = slice(max(int(top.min()), 0), None)
        colors, opaque = _words(shade[visible]), (y >= top)[visible]
        layers.append((np.concatenate([colors, colors], 1), np.concatenate([opaque, opaque], 1)))
    return _words(sky), layers


def _words(rgb: npt.NDArray[Any]) -> npt.NDArray[np.uint32]:
    """(height, width, 3) numbers of 0 to 255 as (height, width) words of four bytes."""
    bytes_ = np.zeros((*rgb.shape[:2], 4), np.uint8)
    bytes_[..., :3] = np.clip(rgb, 0, 255)
    return bytes_.view(np.uint32)[..., 0]


@cache
def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def _burn(rgb: npt.NDArray[np.uint8], number: int, label: str) -> npt.NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    if not 0 <= number < 1 << _BITS:
        raise ValueError(f"frame number {number} does not fit {_BITS} bits")
    bits = [number >> bit & 1 for bit in range(_BITS)]
    cells = [1, 0, *bits, sum(bits) % 2, 0]
    which = np.arange(width) * _CELLS // width
    rgb[: max(height // 36, 2)] = np.where(np.asarray(cells)[which], 235, 16)[None, :, None].astype(np.uint8)
    # Above the lower corners, where reviews have their own texts.
    bottom = height - max(height // 7, 24)
    font = _font(max(height // 14, 10))
    text = f"{number:06d}   {label}" if label else f"{number:06d}"
    left, top, right, low = font.getbbox(text)
    margin = max(height // 60, 2)
    box = Image.new("L", (min(round(right - left) + 2 * margin, width), round(low - top) + 2 * margin))
    ImageDraw.Draw(box).text((margin - left, margin - top), text, fill=255, font=font)
    ink = np.asarray(box, np.uint16)[..., None]
    middle = (width - box.width) // 2
    place = slice(max(bottom - box.height, 0), max(bottom, box.height)), slice(middle, middle + box.width)
    part = rgb[place]
    rgb[place] = ((part >> 1) * (255 - ink[: len(part)]) + 245 * ink[: len(part)]) // 255
    return rgb


def write_clip(
    path: str | Path,
    *,
    codec: str,
    frames: int = 48,
    size: tuple[int, int] = (640, 360),
    rate: Fraction | int = 24,
    pixel_format: str = "yuv420p",
    options: Mapping[str, str] | None = None,
    muxer: str | None = None,
    muxer_options: Mapping[str, str] | None = None,
    timecode: str | None = None,
    reel: str | None = None,
    sound: str | None = None,
    tags: Mapping[str, str] | None = None,
    scene: int = 0,
    first_number: int = 0,
) -> Path:
    """Write a clip with FFmpeg's encoders; its picture `i` carries the number ``first_number + i``.

    Parameters
    ----------
    path
        Its suffix chooses the container, unless `muxer` (FFmpeg's name) does.
    codec, pixel_format, options
        FFmpeg's encoder, pixel format, and the encoder's private options.
    frames, size, rate
        How many, (width, height) in pixels, and how many a second.
    timecode, reel
        Of the first frame; stored as the container stores them.
    sound
        An FFmpeg sound encoder such as ``pcm_s24le``: 48 kHz stereo, a beep for one frame each second.
    tags
        Container metadata.
    """
    width, height = size
    rate = Fraction(rate)
    start = Timecode.parse(timecode, rate) if timecode else None
    with av.open(str(path), "w", format=muxer, options={**(muxer_options or {})}) as container:
        container.metadata.update(tags or {})
        video: Any = container.add_stream(codec, rate=rate, options={**(options or {})})
        video.width, video.height, video.pix_fmt = width, height, pixel_format
        video.time_base = 1 / rate
        context = video.codec_context
        wide = not pixel_format.startswith(("gbr", "rgb", "bgr", "gray"))
        if wide:
            context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1  # BT.709
            context.color_range = 2 if pixel_format.startswith("yuvj") else 1
        if timecode:
            # MOV keeps it on a track of its own beside the stream that carries it, MXF in its packages.
            (container if container.format.name.startswith("mxf") else video).metadata["timecode"] = timecode
        if reel:
            video.metadata["reel_name"] = reel
            if container.format.name.startswith("mxf"):
                container.metadata["reel_name"] = reel
        audio: Any = container.add_stream(sound, rate=48000, layout="stereo") if sound else None
        with usual_scheduling():
            container.start_encoding()
        for number in range(frames):
            label = str(start + number) if start else ""
            rgb = picture(first_number + number, width, height, scene=scene, label=label)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            if wide:
                full = pixel_format.startswith("yuvj")
                frame = frame.reformat(
                    format=pixel_format,
                    dst_colorspace=1,
                    dst_color_range=2 if full else 1,
                    interpolation="AREA",
                )
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(video.encode(frame))
            if audio is not None:
                for sound_frame in _beep(number, rate, audio):
                    container.mux(audio.encode(sound_frame))
        container.mux(video.encode(None))
        if audio is not None:
            container.mux(audio.encode(None))
    return Path(path)


def _beep(number: int, rate: Fraction, stream: Any) -> list[av.AudioFrame]:
    """The sound of one picture: a 1 kHz tone where a second begins, a quiet hum elsewhere."""
    first, last = (int(Fraction(48000) / rate * edge) for edge in (number, number + 1))
    at = np.arange(first, last) / 48000
    loud = number % round(rate) == 0
    wave = np.sin(2 * np.pi * at * 1000) * 0.5 if loud else np.sin(2 * np.pi * at * 60) * 0.01
    frame = av.AudioFrame.from_ndarray(
        np.repeat((wave * 32767).astype(np.int16), 2)[None], format="s16", layout="stereo"
    )
    frame.sample_rate, frame.pts, frame.time_base = 48000, first, Fraction(1, 48000)
    return [frame]


def write_sequence(
    pattern: str | Path,
    *,
    frames: int = 24,
    size: tuple[int, int] = (640, 360),
    first: int = 1001,
    dtype: str = "half",
    timecode: str | None = None,
    reel: str | None = None,
    rate: Fraction | int = 24,
    attributes: Mapping[str, Any] | None = None,
    scene: int = 0,
) -> list[Path]:
    """Write an image sequence with OpenImageIO; the file numbered `n` carries the number `n`.

    Parameters
    ----------
    pattern
        Such as ``plate.%04d.exr``; the suffix chooses the format. EXR is linear light, others R'G'B'.
    dtype
        OpenImageIO's name of the sample type: ``half``, ``float``, ``uint8``, ``uint10``, ``uint16``.
    timecode, reel, rate
        For the headers of formats that have a place for them.
    attributes
        More header entries, by OpenImageIO's names; a pair is OpenImageIO's name of a type and the value.
    """
    import OpenImageIO as oiio

    written = []
    start = Timecode.parse(timecode, Fraction(rate)) if timecode else None
    for number in range(first, first + frames):
        path = Path(str(pattern) % number)
        label = str(start + (number - first)) if start else ""
        rgb = picture(number, *size, scene=scene, label=label).astype(np.float32) / 255
        if path.suffix == ".exr":
            rgb = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4).astype(np.float32)
        spec = oiio.ImageSpec(*size, 3, "uint16" if dtype in ("uint10", "uint12") else dtype)
        if dtype in ("uint10", "uint12"):
            spec.attribute("oiio:BitsPerSample", int(dtype[4:]))
        spec.attribute("framesPerSecond", "rational", (Fraction(rate).numerator, Fraction(rate).denominator))
        spec.attribute("dpx:FrameRate", float(Fraction(rate)))
        if start:
            spec.attribute("smpte:TimeCode", "timecode", ((start + (number - first)).packed, 0))
        if reel:
            spec.attribute("reelName", reel)
            spec.attribute("dpx:InputDevice", reel)  # where conform systems look for a tape name in DPX
        for name, value in (attributes or {}).items():
            spec.attribute(name, *value) if isinstance(value, tuple) else spec.attribute(name, value)
        out = oiio.ImageOutput.create(str(path))
        if out is None or not out.open(str(path), spec) or not out.write_image(rgb) or not out.close():
            raise OSError(f"{path}: {oiio.geterror() if out is None else out.geterror()}")
        written.append(path)
    return written
