"""``dataset.media``: the clip behind a dataset, and how it looks in a notebook."""

from __future__ import annotations

import html
from base64 import b64encode
from fractions import Fraction
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from PIL import Image, ImageOps

from mediadask.array.operations import map_pictures
from mediadask.choices import CONFIG
from mediadask.clips import Clip
from mediadask.clips.notebook import facts_html
from mediadask.errors import InvalidRequest, MediaError
from mediadask.metadata import ClipMetadata, inspect
from mediadask.pixels import Color, Filter, Framing, to_rgb
from mediadask.pixels import input_space as find_space
from mediadask.pixels.resample import Rectangle
from mediadask.text import printable

if TYPE_CHECKING:
    import os

    from mediadask.clips import Frame

__all__ = ["MediaAccessor", "clip_html"]

_CODE_FACTS = ("color_primaries", "color_transfer", "color_matrix", "color_range", "color_chroma_location")
_STRIP_FRAMES = 5
_STRIP_HEIGHT = 90


@xr.register_dataset_accessor("media")  # type: ignore[no-untyped-call]
class MediaAccessor:
    """Methods of a dataset that `mediadask.open_clip` has made, as ``dataset.media``."""

    def __init__(self, dataset: xr.Dataset) -> None:
        self._dataset = dataset

    @property
    def clip(self) -> Clip:
        """The clip, opened again.

        Raises
        ------
        InvalidRequest
            If the dataset does not say what file it came from.
        """
        frames = self._dataset.variables.get("frames")
        source = self._dataset.encoding.get("source") or (frames.encoding.get("source") if frames else None)
        if not source or source.endswith(".zarr"):
            what = "this dataset does not know its clip"
            raise InvalidRequest(what, do="open the camera file with mediadask.open_clip")
        return Clip.open(source)

    @property
    def metadata(self) -> ClipMetadata:
        """What the camera recorded about the clip: `mediadask.inspect`."""
        return inspect(self.clip.url)

    def framing(
        self,
        framing: Framing | str | os.PathLike[str],
        *,
        context: str | None = None,
        canvas: str | None = None,
        intent: str | None = None,
        template: str | None = None,
        filter: Filter = "lanczos3",
    ) -> xr.Dataset:
        """Frame the clip lazily, chunk by chunk: crop, desqueeze, scale and pad in one resampling.

        ``frames`` become float32, 1.0 = reference white. Steps are done in the order of the calls. A plate's
        color comes first: ``dataset.media.color("ACEScg").media.framing("show.fdl")``.

        Parameters
        ----------
        framing
            An ASC FDL's path or URL, or a `mediadask.pixels.Framing`, which brings its own filter.
        context, canvas, intent, template
            Of the FDL, where it has several that fit: see `mediadask.pixels.Framing.of_fdl`.
        filter
            ``lanczos3``, ``mitchell``, ``cubic``, ``triangle``, ``box`` or ``blackman-harris``.

        Returns
        -------
        xarray.Dataset
            ``frames (frame, y, x, channel)`` in the size that the framing gives.

        Raises
        ------
        MissingMedia, UnreadableMedia
            If there is no such FDL, or it is no valid one.
        InvalidRequest
            If it is not this clip's, or leaves a choice.
        """
        if not isinstance(framing, Framing):
            clip = self.clip
            framing = Framing.of_fdl(
                framing,
                clip.header,
                clip_name=clip.name,
                context=context,
                canvas=canvas,
                intent=intent,
                template=template,
            ).using(filter)
        attrs = {"pixel_aspect": str(Fraction(framing.pixel_aspect).limit_denominator(1000))}
        return map_pictures(self._dataset, framing.apply, size=framing.size, attrs=attrs)

    def color(
        self,
        target: str | Color,
        *,
        input_space: str | None = None,
        config: str | os.PathLike[str] = CONFIG,
    ) -> xr.Dataset:
        """Convert the clip to another color space, lazily, chunk by chunk; ``frames`` become float32.

        Open the clip with ``dtype="float32"`` to have what a plate has, bit for bit: integers are rounded and
        clipped before they get here.

        Parameters
        ----------
        target
            The name of a color space in the config, or `mediadask.pixels.Color` steps, which are applied to
            the values as they are.
        input_space
            The color space the frames are in, where the clip does not say: see
            `mediadask.pixels.input_space`.
        config
            A config's path, or ``ocio://`` and a name.

        Returns
        -------
        xarray.Dataset
            ``frames`` of the same shape; the attribute ``color_space`` names the target.

        Raises
        ------
        InvalidRequest
            If nobody says what color space the clip is in, or the config has no such one.
        """
        attrs: dict[str, str] = {}
        if isinstance(target, Color):
            color = target
        else:
            source = self._dataset.attrs.get("color_space")
            if source is None or input_space is not None:
                source = find_space(self.metadata, input_space, config)
            color = Color.convert(source, target, config)
            attrs = {"color_space": target}
        made = map_pictures(self._dataset, partial(color.apply, dtype="float32"), attrs=attrs)
        # What the file's tags say of its codes is true no longer.
        made.attrs = {name: fact for name, fact in made.attrs.items() if name not in _CODE_FACTS}
        return made

    def resize(self, width: int, height: int, filter: Filter = "lanczos3") -> xr.Dataset:
        """Scale every picture, lazily, chunk by chunk; ``frames`` become float32, 1.0 = reference white.

        Parameters
        ----------
        width, height
            The size of the new pictures in pixels.
        filter
            ``lanczos3``, ``mitchell``, ``cubic``, ``triangle``, ``box`` or ``blackman-harris``.

        Returns
        -------
        xarray.Dataset
            ``frames (frame, y=height, x=width, channel)``.

        Examples
        --------
        >>> small = md.open_clip("A001C001.mov").media.resize(96, 54)
        >>> dict(small.frames.sizes)
        {'frame': 48, 'y': 54, 'x': 96, 'channel': 3}

        Raises
        ------
        InvalidRequest
            If the size is not positive, or the filter is unknown.
        """
        frames = self._dataset["frames"]
        whole = Rectangle(0, 0, frames.sizes["x"], frames.sizes["y"])
        framing = Framing(whole, Rectangle(0, 0, width, height), (width, height), filter=filter)
        return map_pictures(self._dataset, framing.apply, size=framing.size)

    def _repr_html_(self) -> str:
        return clip_html(self.clip)


def clip_html(clip: Clip) -> str:
    """A strip of small pictures across the clip, and its facts, as HTML."""
    return f"<div><b>{html.escape(printable(clip.name))}</b><div>{_strip(clip)}</div>{facts_html(clip)}</div>"


def _strip(clip: Clip) -> str:
    """Small pictures of keyframes spread over the clip: a keyframe costs one decode."""
    keys = np.flatnonzero(clip.index.frame_keys)
    if not len(keys):
        return ""
    spread = keys[np.unique(np.linspace(0, len(keys) - 1, _STRIP_FRAMES).astype(int))]
    pictures = []
    try:
        for number in spread.tolist():
            (frame,) = clip.frames(number, number + 1, on_corrupt="black")
            pictures.append(f"<img title='frame {number}' src='{_thumbnail(frame, clip)}'>")
    except MediaError as error:
        return html.escape(str(error))
    return "".join(pictures)


def _thumbnail(frame: Frame, clip: Clip) -> str:
    """A JPEG of the frame as a data URI, turned and unsqueezed for viewing."""
    pixels = to_rgb(frame, "uint8")
    color = pixels[..., :3] if pixels.shape[2] >= 3 else np.repeat(pixels[..., :1], 3, -1)
    width = max(round(_STRIP_HEIGHT * frame.width * float(clip.header.pixel_aspect) / frame.height), 1)
    image = Image.fromarray(np.ascontiguousarray(color)).resize((width, _STRIP_HEIGHT), reducing_gap=2)
    buffer = BytesIO()
    if clip.header.mirrored:
        image = ImageOps.mirror(image)
    image.rotate(-clip.header.rotation, expand=True).save(buffer, "jpeg", quality=80)
    return f"data:image/jpeg;base64,{b64encode(buffer.getvalue()).decode()}"
