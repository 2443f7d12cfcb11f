"""Proxies: every frame in its place, with its timecode, reel, color and sound."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import dask
import numpy as np
import pytest

import mediadask as md
from mediadask import footage
from mediadask.clips import Clip, ColorTags, Frame
from mediadask.clips.planes import pixel_format, planes_of
from mediadask.pixels import Color, display_rgb, to_video_frame
from mediadask.render.exr import exr_bytes
from mediadask.render.picture import proxy_picture
from mediadask.render.video import ENCODERS, video_writer

if TYPE_CHECKING:
    from tests.conftest import MakeClip

pytestmark = pytest.mark.usefixtures("short_segments")

RATE = Fraction(24000, 1001)
CAMERA: dict[str, Any] = {
    "codec": "prores_ks",
    "pixel_format": "yuv422p10le",
    "size": (320, 180),
    "rate": RATE,
    "frames": 124,
    "timecode": "01:00:00:00",
    "reel": "A001C001",
    "sound": "pcm_s24le",
}
FORMATS = {
    "h264": "yuv420p",
    "hevc": "yuv420p",
    "av1": "yuv420p",
    "prores": "yuv422p10le",
    "dnxhr": "yuv422p",
}


@pytest.fixture(scope="module")
def camera(make_clip: MakeClip) -> Path:
    return make_clip("A001.mov", **CAMERA)


@pytest.fixture
def short(make_clip: MakeClip) -> Path:
    """The first frames of it."""
    return make_clip("A001.mov", **(CAMERA | {"frames": 3}))


@pytest.fixture(scope="module")
def proxies(camera: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The camera's clip as a proxy of each codec, made once."""
    return cache(lambda codec: made(camera, tmp_path_factory.mktemp(codec), codec=codec))


def render(clips: Any, out: Path, **options: Any) -> md.Report:
    (report,) = dask.compute(md.proxy(clips, out, **options), num_workers=2)
    return report


def made(clips: Any, out: Path, **options: Any) -> Path:
    report = render(clips, out, **options)
    assert not report.failures, report.failures
    return Path(report.results[0].url)


def numbers(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [footage.read_number(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]


def beeps(path: Path) -> list[float]:
    """Seconds where the tone of `footage` begins."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        parts = []
        for frame in container.decode(stream):
            samples = frame.to_ndarray()
            parts.append(samples.reshape(-1, 2)[:, 0] if frame.format.is_packed else samples[0])
        sound = np.concatenate(parts).astype(np.float64)
        loud = np.abs(sound) > 0.25 * np.abs(sound).max()
        starts = [at for at in np.flatnonzero(loud) if not loud[max(at - 4000, 0) : at].any()]
        return [at / stream.rate for at in starts]


def boxes(path: Path) -> list[bytes]:
    """The names of the file's outermost boxes, in order."""
    found, data, at = [], path.read_bytes(), 0
    while at < len(data):
        found.append(data[at + 4 : at + 8])
        at += int.from_bytes(data[at : at + 4], "big")
    return found


@pytest.mark.parametrize("codec", FORMATS)
def test_every_frame_is_there_once_and_in_order(
    camera: Path, proxies: Callable[[str], Path], tmp_path: Path, codec: str
) -> None:
    delivery = md.proxy(camera, tmp_path, codec=codec)
    assert len(delivery.groups[0].units) >= 3, "segments and sound"
    assert numbers(proxies(codec)) == list(range(124))


MADE_ALONE = """
import sys, dask, mediadask as md
for codec in ("h264", "hevc", "av1", "prores", "dnxhr"):
    (report,) = dask.compute(md.proxy(sys.argv[1], sys.argv[2] + codec, codec=codec), scheduler="sync")
    assert not report.failures
"""


def test_encoders_do_not_talk_to_the_user(short: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", MADE_ALONE, short, f"{tmp_path}/"]  # encoders read their settings once
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("codec", FORMATS)
def test_players_find_what_they_need(proxies: Callable[[str], Path], codec: str) -> None:
    path = proxies(codec)
    assert path.suffix == (".mov" if codec in ("prores", "dnxhr") else ".mp4")
    order = boxes(path)
    assert order.index(b"moov") < order.index(b"mdat"), "it must play before it is loaded"
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        context = video.codec_context
        assert (context.pix_fmt, video.average_rate, video.frames) == (FORMATS[codec], RATE, 124)
        assert (context.colorspace, context.color_range) == (1, 1), "BT.709, video range"
        assert (context.color_primaries, context.color_trc) == (1, 1)
        if codec == "hevc":
            assert context.codec_tag == "hvc1"
        assert video.duration * video.time_base == 124 / RATE


@pytest.mark.parametrize("codec", ["h264", "prores"])
def test_timecode_and_reel_are_carried_over(proxies: Callable[[str], Path], codec: str) -> None:
    clip = Clip.open(proxies(codec))
    assert clip.header.timecode == "01:00:00:00"
    tags = {tag.name: tag.value for tag in clip.header.tags}
    assert "A001C001" in (clip.header.reel, tags.get("reel_name"))


def test_drop_frame_timecode_stays_drop_frame(make_clip: MakeClip, tmp_path: Path) -> None:
    how = CAMERA | {"rate": Fraction(30000, 1001), "timecode": "00:59:59;28", "frames": 6}
    clip = Clip.open(made(make_clip("drop.mov", **how), tmp_path))
    assert clip.header.timecode == "00:59:59;28"


@pytest.mark.parametrize("codec", ["h264", "prores"])
def test_sound_begins_each_second_with_its_beep(proxies: Callable[[str], Path], codec: str) -> None:
    path = proxies(codec)
    # `footage` counts 24 frames to its second, and frames last 1001/24000 s.
    expected = [second * 24 / RATE for second in range(6)]
    assert beeps(path) == pytest.approx([float(at) for at in expected], abs=0.002)
    with av.open(str(path)) as container:
        sound = container.streams.audio[0]
        assert float(sound.duration * sound.time_base) == pytest.approx(float(124 / RATE), abs=1e-4)


def test_segments_join_at_keyframes_two_seconds_apart(proxies: Callable[[str], Path]) -> None:
    with av.open(str(proxies("h264"))) as container:
        packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
    decoded = [packet.dts for packet in packets]
    assert decoded == sorted(set(decoded))
    assert all(packet.dts <= packet.pts for packet in packets)
    keys = [round(packet.pts * packet.time_base * RATE) for packet in packets if packet.is_keyframe]
    assert set(keys) >= {0, 48}
    assert max(np.diff([*keys, 124])) <= 48


def test_parts_have_the_bits_that_one_encode_of_the_whole_gives_them(
    camera: Path, proxies: Callable[[str], Path], tmp_path: Path
) -> None:
    clip, tags = Clip.open(camera), ColorTags("bt709", "limited", "bt709", "bt709", "left")
    picture = proxy_picture(clip, (320, 180), None, "yuv420p", tags)
    whole = tmp_path / "whole.mp4"
    shape: dict[str, Any] = {"width": 320, "height": 180, "rate": RATE, "gop": 48, "color": tags}
    with open(whole, "w+b", buffering=0) as file, video_writer(file, ENCODERS["h264"], **shape) as write:
        for frame in clip.frames():
            write(picture(frame))
    joined, at_once = packet_sizes(proxies("h264")), packet_sizes(whole)
    assert joined[::48] == pytest.approx(at_once[::48], rel=0.07), "keyframes: else a fifth smaller"
    assert sum(joined) == pytest.approx(sum(at_once), rel=0.02)


def packet_sizes(path: Path) -> list[int]:
    """In the order they are shown."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
    return [packet.size for packet in sorted(packets, key=lambda packet: packet.pts or 0)]


def test_a_view_of_aces_is_shown(short: Path, tmp_path: Path) -> None:
    view = Color.view("ACEScct", "sRGB - Display", "ACES 2.0 - SDR 100 nits (Rec.709)")
    best: dict[str, Any] = {"codec": "prores", "options": {"profile": "hq"}}
    shown = next(pictures(made(short, tmp_path, lut=view, size=90, **best)))
    frame = next(Clip.open(short).frames(0, 1))
    expected = view.apply(display_rgb(frame, 160, 90, "float32")).clip(0, 1) * 255
    off = np.abs(shown - expected)
    assert off.mean() < 3
    assert np.quantile(off @ [0.2126, 0.7152, 0.0722], 0.99) < 8


def test_a_long_gop_source_with_b_frames(make_clip: MakeClip, tmp_path: Path) -> None:
    options = {"g": "30", "bf": "3", "preset": "veryfast"}
    clip = make_clip("gop.mp4", codec="libx264", frames=124, size=(320, 180), options=options)
    assert numbers(made(clip, tmp_path)) == list(range(124))


def test_frames_keep_their_times_where_the_rate_varies(tmp_path: Path) -> None:
    times = np.cumsum([0, *([20, 30, 75, 25] * 30)])[:110]
    source = tmp_path / "phone.mp4"
    with av.open(str(source), "w") as container:
        stream: Any = container.add_stream("libx264", rate=24, options={"preset": "ultrafast", "g": "24"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 600)
        for number, pts in enumerate(times):
            frame = av.VideoFrame.from_ndarray(footage.picture(number, 320, 180), format="rgb24")
            frame.pts, frame.time_base = int(pts), Fraction(1, 600)
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    path = made(source, tmp_path / "out")
    with av.open(str(path)) as container:
        shown = [
            (frame.pts * frame.time_base, footage.read_number(frame.to_ndarray(format="gray")))
            for frame in container.decode(video=0)
        ]
    assert [number for _, number in shown] == list(range(110))
    assert [seconds for seconds, _ in shown] == [Fraction(int(pts), 600) for pts in times]
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        for seconds, number in shown:
            container.seek(int(seconds / video.time_base), stream=video)
            first = next(container.decode(video))
            assert first.pts * first.time_base <= seconds, f"a player that seeks frame {number} misses it"


def test_an_image_sequence(tmp_path: Path) -> None:
    (tmp_path / "plate").mkdir()
    footage.write_sequence(tmp_path / "plate" / "plate.%04d.exr", frames=6, size=(320, 180))
    path = made(tmp_path / "plate" / "plate.%04d.exr", tmp_path / "out")
    assert path.name == "plate.mp4"
    assert numbers(path) == list(range(1001, 1007))


def pictures(path: Path) -> Iterator[np.ndarray[Any, Any]]:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24").astype(np.float64)


AP0 = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.0770, 0.32168, 0.33767)
PQ = {"color_primaries": "bt2020", "color_trc": "smpte2084", "colorspace": "bt2020nc"}


def tags_of(path: Path) -> tuple[int, int, int, str]:
    """Primaries, transfer and matrix by ITU-T H.273, and the pixel format."""
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        return context.color_primaries, context.color_trc, context.colorspace, context.pix_fmt


@pytest.mark.parametrize(("space", "primaries"), [("ACES2065-1", AP0), ("Linear Rec.709 (sRGB)", None)])
def test_scene_light_is_shown_as_srgb_and_says_so(
    tmp_path: Path, space: str, primaries: tuple[float, ...] | None
) -> None:
    light = np.broadcast_to(np.float32([0.5, 0.05, 0.1]), (32, 64, 3))
    picture = Color.convert("Linear Rec.709 (sRGB)", space).apply(light, "float16")
    header = {"chromaticities": primaries} if primaries else {}
    (tmp_path / "plate.1001.exr").write_bytes(exr_bytes(picture, header))
    path = made(tmp_path / "plate.####.exr", tmp_path / "out")
    assert tags_of(path) == (1, 13, 1, "yuv420p")
    shown = 255 * (1.055 * light[0, 0] ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(next(pictures(path))[16, 32], shown, atol=4)


def test_dnxhr_has_a_matrix_that_its_own_header_can_say(make_clip: MakeClip, tmp_path: Path) -> None:
    how = CAMERA | {"codec": "ffv1", "frames": 1, "options": {"colorspace": "smpte170m"}, "sound": None}
    path = made(make_clip("601.mkv", **how), tmp_path, codec="dnxhr")
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        assert (container.streams.video[0].codec_context.colorspace, frame.colorspace) == (1, 1)


def test_a_scan_s_curve_that_no_video_tag_names_is_left_untold(tmp_path: Path) -> None:
    how: dict[str, Any] = {"dtype": "uint10", "attributes": {"dpx:Transfer": "Printing density"}}
    footage.write_sequence(tmp_path / "scan.%04d.dpx", frames=1, size=(64, 32), **how)
    assert tags_of(made(tmp_path / "scan.####.dpx", tmp_path / "out"))[1] == 2, "unspecified"


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_a_part_of_a_frame_or_two_has_decode_times(tmp_path: Path, codec: Any) -> None:
    path, shape = (
        tmp_path / "part.mp4",
        {"width": 64, "height": 64, "rate": Fraction(24), "gop": 48, "color": ColorTags()},
    )
    for frames in (1, 2) * (8 if codec == "hevc" else 1):
        with open(path, "w+b", buffering=0) as file, video_writer(file, ENCODERS[codec], **shape) as write:
            for _ in range(frames):
                write(av.VideoFrame(64, 64, "yuv420p"))
        with av.open(path) as container:
            packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
        shown, decoded = (
            [float(getattr(each, what) * each.time_base * 24) for each in packets] for what in ("pts", "dts")
        )
        assert shown == list(range(frames))
        assert all(-3 <= decoded[number] <= number for number in range(frames))


@pytest.mark.parametrize(("codec", "depth"), [("hevc", "yuv420p10le"), ("h264", "yuv420p")])
def test_hdr_stays_hdr(make_clip: MakeClip, tmp_path: Path, codec: str, depth: str) -> None:
    how = CAMERA | {"codec": "ffv1", "frames": 2, "options": PQ, "sound": None}
    path = made(make_clip("hdr.mkv", **how), tmp_path, codec=codec)
    assert tags_of(path) == (9, 16, 9, depth)


def test_a_matrix_of_bt2020_means_its_primaries(make_clip: MakeClip, tmp_path: Path) -> None:
    said = {"colorspace": "bt2020nc", "color_primaries": "unknown"}
    how = CAMERA | {"codec": "ffv1", "frames": 1, "options": said, "sound": None}
    assert tags_of(made(make_clip("wide.mkv", **how), tmp_path)) == (9, 1, 9, "yuv420p")


def test_size_and_lut_change_the_picture_and_nothing_else_does(short: Path, tmp_path: Path) -> None:
    swap = tmp_path / "swap.cube"
    grid = [f"{b} {g} {r}" for b in (0, 1) for g in (0, 1) for r in (0, 1)]  # red and blue change places
    swap.write_text("LUT_3D_SIZE 2\n" + "\n".join(grid) + "\n")
    best: dict[str, Any] = {"codec": "prores", "options": {"profile": "hq"}}
    plain = next(pictures(made(short, tmp_path / "plain", **best)))
    swapped = next(pictures(made(short, tmp_path / "swapped", lut=swap, **best)))
    small = next(pictures(made(short, tmp_path / "small", size=90, **best)))
    expected = footage.picture(0, 320, 180, label="01:00:00:00").astype(np.float64)
    assert np.abs(plain - expected).mean() < 4
    assert np.abs(swapped - plain[..., ::-1]).mean() < 4
    assert small.shape == (90, 160, 3)
    assert np.abs(small - plain.reshape(90, 2, 160, 2, 3).mean(axis=(1, 3))).mean() < 4


@pytest.mark.parametrize("size", [(160, 90), (128, 72)], ids=str)
def test_a_proxy_s_picture_is_the_display_s_to_a_code(
    camera: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    table = tmp_path / "look.cube"
    rows = "\n".join(f"{g} {b} {r * 0.5}" for b in (0, 1) for g in (0, 1) for r in (0, 1))
    table.write_text(f"LUT_3D_SIZE 2\n{rows}\n")
    clip, color = Clip.open(camera), Color.lut(table)
    frame = next(clip.frames(7, 8))
    given = proxy_picture(clip, size, color, "yuv420p", ColorTags("bt709", "limited"))(frame)
    exact = to_video_frame(color.apply(display_rgb(frame, *size, "float32")), "yuv420p", dither=True)
    for one, other in zip(planes_of(given), planes_of(exact), strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1


@pytest.mark.parametrize(("depth", "smooth"), [("yuv422p10le", True), ("yuv422p", False)])
def test_a_sky_shows_bands_only_if_the_clip_does(short: Path, depth: str, smooth: bool) -> None:
    form, clip, tags = pixel_format(depth), Clip.open(short), ColorTags("bt709", "limited")
    clip.header = replace(clip.header, pixel_format=form)
    codes = 2 ** (form.bits - 8)
    ramp = np.linspace(100, 105, 320)
    luma = np.broadcast_to(np.round(ramp * codes), (180, 320)).astype(form.dtype)
    chroma = np.full((180, 160), 128 * codes, form.dtype)
    frame = Frame(0, (luma, chroma, chroma), form, tags)
    shown = planes_of(proxy_picture(clip, (160, 90), None, "yuv420p", tags)(frame))[0]
    seen = shown[:88].reshape(11, 8, 20, 8).mean((1, 3))
    assert (np.abs(seen - ramp.reshape(20, 16).mean(1)).max() < 0.1) == smooth


def test_white_is_white_and_black_is_black(tmp_path: Path) -> None:
    source = tmp_path / "bars.mov"
    with av.open(str(source), "w") as container:
        stream: Any = container.add_stream("prores_ks", rate=24)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv422p10le"
        frame = av.VideoFrame(320, 180, "yuv422p10le")
        for plane, (left, right) in zip(frame.planes, ((64, 940), (512, 512), (512, 512)), strict=True):
            codes = np.full((plane.height, plane.line_size // 2), right, np.uint16)
            codes[:, : plane.width // 2] = left
            plane.update(codes.tobytes())
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(str(made(source, tmp_path / "out", options={"qp": 0}))) as container:
        luma = next(container.decode(video=0)).to_ndarray(format="yuv420p")[:180]
    assert {int(luma[90, 40]), int(luma[90, 280])} == {16, 235}


def test_turned_pictures_come_upright(short: Path, tmp_path: Path) -> None:
    clip = Clip.open(short)
    clip.header = replace(clip.header, rotation=90)
    plan = md.proxy(clip, tmp_path, codec="prores").groups[0]
    results = [unit.function(clip, *unit.args[1:]) for unit in plan.units]
    assert plan.finish is not None
    plan.finish.function(results, clip, *plan.finish.args[1:])
    upright = next(pictures(tmp_path / "A001.mov"))
    expected = np.rot90(footage.picture(0, 320, 180, label="01:00:00:00"), -1)
    assert upright.shape == (320, 180, 3)
    assert np.abs(upright - expected).mean() < 5


def test_clips_of_one_name_get_names_of_their_own(camera: Path, make_clip: MakeClip, tmp_path: Path) -> None:
    other = make_clip("A001.mov", **(CAMERA | {"frames": 10, "first_number": 500}))
    third = tmp_path / "a001.mov"
    shutil.copy(other, third)
    report = render([camera, other, third], tmp_path / "out")
    paths = [Path(result.url) for result in report.results]
    folders = [path.parent.name for path in (camera, other, third)]
    names = [f"{folder}_{stem}.mp4" for folder, stem in zip(folders, ("A001", "A001", "a001"), strict=True)]
    assert [path.name for path in paths] == names
    assert [numbers(path)[0] for path in paths] == [0, 500, 500]


def test_options_reach_the_encoder_and_wrong_ones_are_refused(camera: Path, tmp_path: Path) -> None:
    small = made(camera, tmp_path / "small", options={"crf": 40}).stat().st_size
    large = made(camera, tmp_path / "large", options={"crf": 10}).stat().st_size
    assert small < large / 2
    for options, said in (({"preset": "warp"}, "does not encode"), ({"crff": 3}, "has no option 'crff'")):
        (failed,) = render(camera, tmp_path / "wrong", options=options).failures
        assert failed.failure is not None
        assert failed.failure.kind == "InvalidRequest"
        assert said in failed.failure.error
    (result,) = render(camera, tmp_path / "rate", options={"b": "900k"}).results
    with av.open(result.url) as container:
        assert 400_000 < container.streams.video[0].bit_rate < 1_350_000, "it goes over the default crf"
    with pytest.raises(md.InvalidRequest, match="vp9"):
        md.proxy(camera, tmp_path, codec="vp9")
