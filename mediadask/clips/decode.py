"""From packets to frames: exact by number, nothing decoded twice, no damaged picture passed off as good."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any, TypeAlias

import av
import numpy as np
from av.packet import PacketSideData

from mediadask.clips import ffv1
from mediadask.clips.frame import BadFrame, Frame
from mediadask.clips.lead_in import led, with_palette
from mediadask.clips.packet import packet_of
from mediadask.clips.planes import pixel_format, planes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mediadask.clips.clip import Clip
    from mediadask.clips.header import ClipHeader

__all__ = ["Packets", "decode", "open_decoder"]

Packets: TypeAlias = "Callable[[Clip, int, int], Iterable[tuple[int, Any]]]"
"""Called with the first and last packet wanted; gives them in decode order as (row, PyAV packet)."""

_NEW_EXTRADATA = 1  # AV_PKT_DATA_NEW_EXTRADATA

_PADDING_PIXELS = 1 << 20
"""More than the whole blocks of a coded picture have beyond those that are shown."""

_thread = threading.local()

_CONCEALING = {"h264", "mpeg1video", "mpeg2video", "mpeg4"}  # these say which pictures they have patched up


class _DoubtError(Exception):
    """Something is wrong with a packet, but with several in flight it is not known with which."""


def open_decoder(header: ClipHeader, *, threads: int, reorder: int = 0, lenient: bool = False) -> Any:
    """A decoder that needs no container: PyAV's ``CodecContext``, set up as the container would.

    Parameters
    ----------
    threads
        0 for as many as it likes.
    reorder
        How many pictures come out later than they are decoded, where the stream may not say it.
    lenient
        Whether to go on where a standard is broken in a way that need not show in the picture.
    """
    context: Any = av.CodecContext.create(header.decoder or header.codec, "r")
    context.extradata = header.extradata or None
    context.width, context.height = header.width, header.height + header.skipped_rows
    if header.codec_tag:
        context.codec_tag = header.codec_tag
    if header.coded_bits:
        context.bits_per_coded_sample = header.coded_bits
    context.pix_fmt = header.native_format or header.pixel_format.name
    context.thread_count = threads
    context.thread_type = "AUTO"  # FFmpeg's default, slices, does nothing for one-slice pictures
    if reorder:
        context.reorder_depth = reorder  # else H.264's decoder guesses, and drops pictures until it knows
    context.options = {
        "err_detect": "crccheck" if lenient else "crccheck+explode",
        # A damaged packet may say that its picture is huge: each thread would ask for the memory.
        "max_pixels": str(2 * header.width * (header.height + header.skipped_rows) + _PADDING_PIXELS),
    }
    return context


def decode(
    clip: Clip, start: int, stop: int, packets: Packets, *, threads: int, discards: bool
) -> Iterator[Frame | BadFrame]:
    """Frames ``[start, stop)`` of a clip, each decoded once as long as nothing is wrong.

    Where something is, the frames from there to the next key are gone through again with one picture in
    flight, which names the damaged ones; the outcome does not depend on `start`, and on `threads` only so
    far: with several, FFmpeg may give out a picture of H.264 or MPEG before it notes that it hid damage.

    What a decoder does not notice nobody is told. Of 24 packets with 64 bytes of noise each were named: all
    of H.264, CineForm, FFV1 with checksums and HEVC with MD5 hashes, 22 or 23 of ProRes, MJPEG and DNxHR, 18
    of AV1, 2 of other HEVC, none of JPEG 2000.

    Parameters
    ----------
    discards
        Whether packets carry their container's discard flag, so that what is not shown does not come out.
    """
    gops, at = clip.index.gops, start
    while at < stop:
        try:
            for frame in _Pass(clip, at, stop, discards, strict=True).frames(packets, threads):
                yield frame
                at = frame.number + 1
        except _DoubtError:
            end = min(stop, int(gops[np.searchsorted(gops, at, side="right")]))
            yield from _Pass(clip, at, end, discards, strict=False).frames(packets, 1)
            at = end


class _Pass:
    """One run of one decoder over the packets of a frame range, and what became of each."""

    def __init__(self, clip: Clip, start: int, stop: int, discards: bool, *, strict: bool) -> None:
        index = clip.index
        self._clip, self._strict = clip, strict
        # Lists, since of an intra clip this is often one packet, of whose cost arrays would be a percent.
        wanted = index.shown[start:stop].tolist()
        # Equal or damaged times may place a frame's packet before the one that the first frame needs.
        self._first, self._last = int(index.decode_start[start:stop].min()), max(wanted)
        self._numbers = {row: number for number, row in enumerate(wanted, start)}
        pts = dict(enumerate(index.pts[self._first : self._last + 1].tolist(), self._first))
        self._silent: set[int] = set()
        if index.hidden is not None:
            rows = np.flatnonzero(index.hidden[self._first : self._last + 1]) + self._first
            self._silent.update(rows.tolist())
        # Leading pictures of the key that decoding begins at lack their reference: they are not fed. Those
        # that the clip begins with do not (RADL), and refer to one another.
        begin = min(pts[self._first], *(pts[row] for row in wanted if row >= 0))
        leads = begin < pts[self._first]
        self._fed = {row for row in pts if leads or pts[row] >= begin or row in self._silent}
        coming = (
            row
            for row in pts
            if row in self._fed and row not in self._silent and (not discards or index.is_shown[row])
        )
        self._coming = deque(sorted(coming, key=pts.__getitem__))
        self._open = set(self._coming)  # packets whose fate is not known yet
        self._known = self._first  # that of all packets below is
        self._damaged: dict[int, str] = {}
        self._whole = True  # nothing was wrong so far
        self._held: deque[tuple[int, Any]] = deque()

    def frames(self, packets: Packets, threads: int) -> Iterator[Frame | BadFrame]:
        for row, picture in self._decoded(packets, threads):
            if row not in self._open:
                continue
            while self._coming[0] != row:
                self._settle(self._coming[0], None)
            self._settle(row, picture)
            yield from self._ready()
        while self._coming:
            self._settle(self._coming[0], None)
        yield from self._ready()

    def _decoded(self, packets: Packets, threads: int) -> Iterator[tuple[int, Any]]:
        """Pictures as they come out, in presentation order, each with its packet's row."""
        context, used = self._decoder(threads)
        extradata = self._clip.header.extradata
        checked = self._clip.header.codec == "ffv1" and extradata  # earlier versions than 3 have none
        lead, palette = bool(self._clip.header.lead_in), self._clip.header.palette
        try:
            for row, packet in packets(self._clip, self._first, self._last):
                if row in self._fed:
                    if checked and ffv1.is_damaged(bytes(packet)):
                        self._damage(row, "does not decode: its checksums do not fit")
                    if lead and row:
                        packet = _led(self._clip.header, packet)
                    if palette:
                        with_palette(packet, palette)
                    lead, palette = False, b""
                    packet.pts = packet.dts = row  # comes out again on the picture
                    if used and extradata and not self._clip.index.intra_only:
                        # Parameter sets that the stream replaced elsewhere are as they were at the beginning.
                        packet.set_sidedata(_side_data(extradata), move=True)
                    used = False
                    yield from self._out(context, row, packet)
            yield from self._out(context, self._last, None)
        finally:
            if self._whole and self._lends(threads):
                context.flush_buffers()
                _thread.lent = self._clip.identity, context

    def _decoder(self, threads: int) -> tuple[Any, bool]:
        """A decoder, and whether it was in use before: this thread's last, if it is of the same clip.

        A new one maps all its memory anew, a tenth of what a frame alone costs.
        """
        identity, context = _thread.__dict__.pop("lent", (None, None))
        if identity == self._clip.identity and self._lends(threads):
            return context, True
        index, codec = self._clip.index, self._clip.header.codec
        reorder = index.reorder if codec == "h264" and not index.intra_only else 0
        lenient = not self._strict and codec in _CONCEALING
        return open_decoder(self._clip.header, threads=threads, reorder=reorder, lenient=lenient), False

    def _lends(self, threads: int) -> bool:
        # HEVC's never: of a damaged picture it leaves parts as the buffer was, unnoticed. A new one's buffers
        # are empty; those of one that was in use hold earlier pictures, whichever were asked for before.
        codec = self._clip.header.codec
        again = codec == "h264" or (self._clip.index.intra_only and codec != "hevc")
        return self._strict and threads == 1 and again

    def _out(self, context: Any, row: int, packet: Any) -> Iterator[tuple[int, Any]]:
        try:
            pictures = context.decode(packet)
        except av.FFmpegError as error:
            self._damage(row, f"does not decode ({error.strerror})")
            return
        for picture in pictures:
            yield picture.pts, picture

    def _settle(self, row: int, picture: Any) -> None:
        self._coming.popleft()
        self._open.discard(row)
        if picture is None:
            self._damage(
                row, "is cut off: the file ends before it" if self._cut_off(row) else "does not decode"
            )
        elif picture.is_corrupt:
            self._damage(row, "does not decode: its data are damaged")
        if row in self._numbers:
            self._held.append((row, picture))

    def _damage(self, row: int, reason: str) -> None:
        self._whole = False
        if self._strict:
            raise _DoubtError
        self._damaged.setdefault(row, reason)

    def _ready(self) -> Iterator[Frame | BadFrame]:
        """What can be judged: a picture may lean on any decoded before it, so their fate comes first."""
        while self._known <= self._last and self._known not in self._open:
            self._known += 1
        while self._held and self._held[0][0] < self._known:
            row, picture = self._held.popleft()
            number = self._numbers[row]
            start = self._clip.index.decode_start[number]
            if row in self._damaged:
                yield BadFrame(number, self._damaged[row])
            elif any(start <= other < row for other in self._damaged):
                yield BadFrame(number, "leans on a frame that does not decode")
            else:
                yield _frame(self._clip, number, picture)

    def _cut_off(self, row: int) -> bool:
        return bool(self._clip.index.ends[row] > self._clip.size_bytes)


def _led(header: ClipHeader, packet: Any) -> Any:
    whole = packet_of(led(header.codec, header.lead_in, bytes(packet)))
    whole.is_keyframe = packet.is_keyframe
    return whole


def _side_data(extradata: bytes) -> PacketSideData:
    side: PacketSideData = PacketSideData(_NEW_EXTRADATA, len(extradata))  # type: ignore[call-arg]
    side.update(extradata)
    return side


def _frame(clip: Clip, number: int, picture: Any) -> Frame | BadFrame:
    header = clip.header
    if (picture.width, picture.height) != (header.width, header.height + header.skipped_rows) or (
        pixel_format(picture.format.name) != header.pixel_format
    ):
        return BadFrame(number, f"is {picture.width}x{picture.height} {picture.format.name}, unlike the clip")
    planes = planes_of(picture)
    if header.skipped_rows:
        shapes = header.pixel_format.plane_shapes(header.height, header.width)
        planes = tuple(plane[len(plane) - rows :] for plane, (rows, _) in zip(planes, shapes, strict=True))
    return Frame(number, planes, header.pixel_format, header.color)
