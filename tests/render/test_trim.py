"""Trims: every frame, sample and tag against the source, in every container and codec cut its own way."""

from __future__ import annotations

import os
import shutil
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import dask
import fsspec
import numpy as np
import pytest

import mediadask as md
from mediadask import footage
from mediadask.clips.packets import opened
from mediadask.clips.tags import tags_of
from mediadask.render.remux import kept, remux
from mediadask.render.trim import Cut, trim_ranges
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from pathlib import Path

    from mediadask.render.trim import Trimmed
    from tests.conftest import MakeClip

GOP12 = {"g": "12", "bf": "2", "sc_threshold": "1000000000"}
X265 = "keyint=12:min-keyint=12:scenecut=0:log-level=error"

CASES: dict[str, dict[str, Any]] = {
    "prores.mov": {"codec": "prores_aw", "pixel_format": "yuv422p10le", "sound": "pcm_s24le"},
    "dnxhd.mxf": {
        "codec": "dnxhd", "pixel_format": "yuv422p", "options": {"profile": "dnxhr_hq"}, "sound": "pcm_s24le",
    },
    "j2k.mxf": {"codec": "jpeg2000", "pixel_format": "yuv422p10le", "sound": "pcm_s16le"},
    "mjpeg.avi": {"codec": "mjpeg", "pixel_format": "yuvj422p", "sound": "pcm_s16le"},
    "h264.mp4": {"codec": "libx264", "options": {"g": "12", "bf": "3"}, "sound": "aac"},
    "h264-open.mp4": {
        "codec": "libx264",
        "options": {"x264-params": "keyint=12:min-keyint=12:scenecut=0:open-gop=1:bframes=3:b-adapt=0"},
        "sound": "pcm_s16le",
    },
    "hevc-open.mov": {
        "codec": "libx265", "options": {"x265-params": f"{X265}:open-gop=1:b-adapt=0"}, "sound": "pcm_s24le",
        "rate": Fraction(30000, 1001), "timecode": "10:00:59;20",
    },
    "hevc.mkv": {
        "codec": "libx265", "options": {"x265-params": f"{X265}:open-gop=0"}, "sound": "aac",
        "rate": Fraction(24000, 1001),
    },
    "xdcam.mxf": {
        "codec": "mpeg2video", "pixel_format": "yuv422p", "options": {**GOP12, "flags": "+cgop", "b": "5M"},
        "sound": "pcm_s16le",
    },
    "xdcam-open.mxf": {
        "codec": "mpeg2video", "pixel_format": "yuv422p", "options": {**GOP12, "b": "5M"},
        "sound": "pcm_s16le",
    },
    "avchd.ts": {"codec": "libx264", "options": {"g": "12", "bf": "2"}, "sound": "ac3"},
}  # fmt: skip


@pytest.fixture
def original(request: pytest.FixtureRequest, make_clip: MakeClip) -> md.Clip:
    how = {"timecode": "10:00:00:00", "reel": "A001R1AB", "tags": {"title": "a day"}, **CASES[request.param]}
    return md.Clip.open(make_clip(request.param, frames=36, size=(320, 180), first_number=500, **how))


def cut(clip: md.Clip | Path | str, start: int, stop: int, out: Path, name: str | None = None) -> Trimmed:
    (report,) = dask.compute(trim_ranges([Cut(clip, start, stop, name)], out), scheduler="sync")
    assert not report.failures, report.failures[0].failure
    (trimmed,) = report.results
    return trimmed


def assert_equal_frames(clip: md.Clip, source: md.Clip, start: int) -> None:
    frames = list(source.frames(start, start + len(clip)))
    for ours, theirs in zip(clip.frames(), frames, strict=True):
        assert footage.read_number(ours.planes[0]) == 500 + theirs.number
        for mine, other in zip(ours.planes, theirs.planes, strict=True):
            np.testing.assert_array_equal(mine, other)


def assert_plain_ffmpeg_agrees(trimmed: Trimmed, original: md.Clip) -> None:
    """Played from its start by FFmpeg, as any player would: every frame, once, in even time from 0."""
    with av.open(trimmed.url) as container:
        video = container.streams.video[0]
        shown = [
            (frame.pts * frame.time_base * original.header.frame_rate, frame.to_ndarray(format="gray"))
            for frame in container.decode(video)
        ]
        if original.header.timecode:
            places = [container, *container.streams]
            said = {place.metadata.get("timecode") or place.metadata.get("TIMECODE") for place in places}
            code = Timecode.parse(original.header.timecode, original.header.frame_rate) + trimmed.start
            assert said - {None} == {str(code)}
    assert [round(time) for time, _ in shown] == list(range(trimmed.frames))
    assert [footage.read_number(gray) for _, gray in shown] == [
        500 + trimmed.start + number for number in range(trimmed.frames)
    ]


@pytest.mark.parametrize("original", CASES, indirect=True)
@pytest.mark.parametrize(("start", "stop"), [(0, 5), (17, 23), (24, 36)])
def test_a_trim_is_its_source_s_range(original: md.Clip, start: int, stop: int, tmp_path: Path) -> None:
    trimmed = cut(original, start, stop, tmp_path)
    clip = md.Clip.open(trimmed.url)
    first, last = trimmed.start, trimmed.start + trimmed.frames
    assert first <= start < stop <= last
    assert len(clip) == trimmed.frames
    if original.index.intra_only:
        assert (first, last, trimmed.notes) == (start, stop, ())
    else:
        assert start - first < 12
        assert last - stop <= 4, "at the end only what must be passed"
        assert any("early, at its key" in note for note in trimmed.notes) == (first < start)
    assert_equal_frames(clip, original, first)
    assert_plain_ffmpeg_agrees(trimmed, original)

    ours, theirs = clip.header, original.header
    for fact in ("codec", "width", "height", "pixel_format", "frame_rate", "color", "profile", "pixel_aspect",
                 "field_order", "reel"):  # fmt: skip
        assert getattr(ours, fact) == getattr(theirs, fact), fact
    remade = original.name == "avchd.ts" or (original.name == "xdcam-open.mxf" and first > 0)
    assert ours.container == ("mov" if remade else theirs.container)
    assert any("is in mov" in note for note in trimmed.notes) == (ours.container != theirs.container)
    if theirs.timecode:
        assert ours.timecode == str(Timecode.parse(theirs.timecode, theirs.frame_rate) + first)

    sound, source_sound = ours.audio[0], theirs.audio[0]
    assert (sound.codec, sound.rate, sound.channels) == (
        source_sound.codec, source_sound.rate, source_sound.channels,
    )  # fmt: skip
    rate = Fraction(48000) / theirs.frame_rate
    low, high = round(first * rate), round(last * rate)
    high = min(high, source_sound.samples)
    if sound.codec.startswith("pcm"):
        assert sound.samples == high - low
        assert sound.start == 0
        np.testing.assert_array_equal(clip.audio(0, high - low), original.audio(low, high))
    else:
        assert_packets_are_the_source_s(clip, original, Fraction(low, 48000), Fraction(high, 48000))
    if sound.codec == "aac" and ours.container == "mp4":
        heard, meant = clip.audio(0, high - low), original.audio(low, high)
        np.testing.assert_allclose(heard, meant, atol=5e-3)


def assert_packets_are_the_source_s(clip: md.Clip, original: md.Clip, begin: Fraction, end: Fraction) -> None:
    """Sound that cannot be cut between two samples: the source's packets, each in its time, none missing."""
    ours, theirs = _sound_packets(clip), _sound_packets(original)
    at = int(np.argmin([abs(time - begin - ours[0][0]) for time, _ in theirs]))
    assert [data for _, data in ours] == [data for _, data in theirs[at : at + len(ours)]]
    for (ours_at, _), (theirs_at, _) in zip(ours, theirs[at:], strict=False):
        assert abs(ours_at + begin - theirs_at) <= Fraction(3, 2000), "Matroska counts milliseconds"
    assert ours[0][0] <= Fraction(3, 100)
    after = theirs[at + len(ours) :]
    assert not after or after[0][0] >= end - Fraction(1, 1000)


def _sound_packets(clip: md.Clip) -> list[tuple[Fraction, bytes]]:
    """Seconds from the first frame, and what they hold."""
    zero = int(clip.index.frame_pts[0]) * clip.index.time_base
    with av.open(clip.url) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.size]
        return [(packet.pts * packet.time_base - zero, bytes(packet)) for packet in packets]


@pytest.mark.parametrize("original", ["xdcam-open.mxf", "h264-open.mp4", "hevc-open.mov"], indirect=True)
def test_an_open_group_begins_without_the_pictures_that_lean_on_the_one_before(original: md.Clip) -> None:
    key = int(original.index.gops[1])
    keep = kept(original.index, key, key + 1)
    assert keep.start == key
    assert keep.opens
    assert original.index.pts[keep.rows].min() == original.index.frame_pts[key]


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "copied_as"),
    [
        ("A.mov", "prores_aw", "yuv422p10le", "mov"),
        ("A.mxf", "prores_aw", "yuv422p10le", "mxf"),
        ("A.mp4", "libx264", "yuv420p", "mp4"),
        ("A.mkv", "libx264", "yuv420p", "mov"),
    ],
)
def test_pixel_aspect_and_color_are_kept(
    name: str, codec: str, pixel_format: str, copied_as: str, tmp_path: Path
) -> None:
    with av.open(str(tmp_path / name), "w") as container:
        stream: Any = container.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = 320, 180, pixel_format
        stream.sample_aspect_ratio = Fraction(2)
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = 9, 9, 16, 1
        write_pictures(container, stream)
    before = md.Clip.open(tmp_path / name).header
    after = md.Clip.open(cut(tmp_path / name, 0, 3, tmp_path / "out").url).header
    assert after.pixel_aspect == before.pixel_aspect == 2
    assert after.color == before.color
    assert after.color.matrix == "bt2020nc"
    assert after.container == copied_as


def test_turned_and_interlaced_pictures_stay_so(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "A.mov"), "w") as container:
        stream: Any = container.add_stream("mpeg2video", rate=25, options={"flags": "+ildct+ilme", "g": "1"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.codec_context.field_order = 2
        stream.set_display_rotation(90)
        write_pictures(container, stream)
    before = md.Clip.open(tmp_path / "A.mov").header
    after = md.Clip.open(cut(tmp_path / "A.mov", 1, 3, tmp_path / "out").url).header
    assert after.rotation == before.rotation == 270
    assert after.field_order == before.field_order == "top"


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "tags"),
    [
        ("A.mov", "prores_aw", "yuv422p10le", {"com.arri.camera.CameraModel": "ALEXA", "make": "ARRI"}),
        ("A.mxf", "mpeg2video", "yuv422p", {"company_name": "ARRI", "product_name": "ALEXA 35"}),
        ("A.mkv", "mpeg2video", "yuv422p", {"MAKE": "ARRI"}),
    ],
)
def test_tags_of_the_camera_are_kept(
    name: str, codec: str, pixel_format: str, tags: dict[str, str], tmp_path: Path
) -> None:
    day = {"creation_time": "2026-11-22T10:00:00.000000Z"}
    comment = {"comment_scene" if name.endswith("mxf") else "comment": "slate 7"}
    options = {"movflags": "use_metadata_tags"} if name.endswith("mov") else {}
    with av.open(str(tmp_path / name), "w", options=options) as container:
        container.metadata.update({**tags, **day, **comment})
        stream: Any = container.add_stream(codec, rate=24, options={"g": "1"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, pixel_format
        write_pictures(container, stream)
    with opened(cut(tmp_path / name, 1, 3, tmp_path / "out").url) as container:
        said = {key.lower(): value for key, value in tags_of(container).items()}
    assert {key: said[key.lower()] for key in (*tags, *comment)} == {**tags, **comment}
    assert "2026-11-22T10:00:00.000000Z" in said.values()


@pytest.mark.parametrize("name", ["a.mov", "a.mkv"])
def test_a_tag_that_is_not_utf8_keeps_its_bytes(name: str, make_clip: MakeClip, tmp_path: Path) -> None:
    made = make_clip(name, codec="mjpeg", pixel_format="yuvj420p", tags={"comment": "Cafe, take 7"})
    path = tmp_path / name
    path.write_bytes(made.read_bytes().replace(b"Cafe, take 7", b"Caf\xe9, take 7"))
    with open(cut(path, 3, 9, tmp_path / "out").url, "rb") as file:
        assert b"Caf\xe9, take 7" in file.read()


def write_pictures(container: Any, stream: Any) -> None:
    for number in range(4):
        picture = av.VideoFrame.from_ndarray(footage.picture(number, 320, 180))
        container.mux(stream.encode(picture.reformat(format=stream.pix_fmt)))
    container.mux(stream.encode(None))


def test_a_trim_across_the_parts_of_a_span(make_clip: MakeClip, tmp_path: Path) -> None:
    how = {"codec": "libx264", "options": {"g": "12"}, "sound": "pcm_s16le", "frames": 24, "size": (320, 180)}
    parts = [
        make_clip("A001.mov", timecode="10:00:00:00", first_number=500, **how),
        make_clip("A002.mov", timecode="10:00:01:00", first_number=524, **how),
    ]
    span = md.Clip.open(parts)
    trimmed = cut(span, 18, 30, tmp_path, "A001_cut")
    clip = md.Clip.open(trimmed.url)
    assert (trimmed.start, clip.header.timecode) == (12, "10:00:00:12")
    assert_equal_frames(clip, span, 12)
    np.testing.assert_array_equal(
        clip.audio(0, len(clip) * 2000), span.audio(24000, 24000 + len(clip) * 2000)
    )


def test_streams_that_are_not_copied_are_named(tmp_path: Path, make_clip: MakeClip) -> None:
    plain = make_clip("A.mkv", codec="mpeg4", frames=6, size=(320, 180))
    witness = tmp_path / "B.mkv"
    with av.open(str(plain)) as source, av.open(str(witness), "w") as copy:
        template = source.streams.video[0]
        tracks = [copy.add_stream_from_template(template) for _ in range(2)]
        for packet in list(source.demux(template)):
            for track in tracks if packet.size else ():
                packet.stream = track
                copy.mux(packet)
    assert cut(witness, 0, 6, tmp_path / "out").notes == ("is without its source's video stream 1",)


def test_closed_captions_are_named_and_the_timecode_track_is_not(make_clip: MakeClip, tmp_path: Path) -> None:
    plain = make_clip("A.mov", codec="prores_aw", pixel_format="yuv422p10le", frames=24, size=(320, 180))
    captions = tmp_path / "captions.scc"
    captions.write_text("Scenarist_SCC V1.0\n\n00:00:00:05\t9420 9420 94f4 94f4 c8e5 ecec ef80 942f 942f\n")
    witness = tmp_path / "B.mov"
    with av.open(str(plain)) as source, av.open(str(captions)) as text, av.open(str(witness), "w") as copy:
        pairs = []
        for template in (source.streams.video[0], text.streams[0]):
            track = copy.add_stream_from_template(template, opaque=True)
            pairs += [(packet, track) for packet in template.container.demux(template) if packet.size]
        pictures = pairs[0][1]
        pictures.codec_context.framerate, pictures.metadata["timecode"] = Fraction(24), "10:00:00:00"
        for packet, track in sorted(pairs, key=lambda pair: float(pair[0].dts * pair[0].time_base)):
            packet.stream = track
            copy.mux(packet)
    trimmed = cut(witness, 2, 20, tmp_path / "out")
    assert trimmed.notes == ("is without its source's subtitle stream 1",)
    with av.open(trimmed.url) as made:
        assert [stream.type for stream in made.streams] == ["video", "data"]
    assert md.Clip.open(trimmed.url).header.timecode == "10:00:00:02"


def test_data_that_is_not_copied_is_named(tmp_path: Path, make_clip: MakeClip) -> None:
    plain = make_clip("A.mov", codec="libx264", frames=6, size=(320, 180), options={"g": "1"})
    with_data = tmp_path / "B.ts"
    with av.open(str(plain)) as source, av.open(str(with_data), "w") as copy:
        template = source.streams.video[0]
        track, data = copy.add_stream_from_template(template), copy.add_data_stream("klv")
        for packet in source.demux(template):
            if packet.size:
                beside = av.Packet(b"lens")
                beside.stream, beside.time_base = data, packet.time_base
                beside.pts = beside.dts = packet.dts
                packet.stream = track
                copy.mux(packet)
                copy.mux(beside)
    assert "is without its source's data stream 1" in cut(with_data, 1, 5, tmp_path / "out").notes


def test_a_rerun_makes_nothing_and_never_overwrites_what_is_not_its_own(
    make_clip: MakeClip, tmp_path: Path
) -> None:
    source = make_clip("A.mov", codec="prores_aw", pixel_format="yuv422p10le", frames=8, size=(320, 180))
    made = cut(source, 2, 6, tmp_path)
    before = os.stat(made.url)
    assert cut(source, 2, 6, tmp_path) == made
    after = os.stat(made.url)
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    cut(source, 2, 7, tmp_path)
    assert len(md.Clip.open(made.url)) == 5, "another range of the same clip takes its place"
    shutil.copy(source, made.url)
    (report,) = dask.compute(trim_ranges([Cut(source, 2, 6)], tmp_path), scheduler="sync")
    assert "was not made here" in report.failures[0].failure.error
    assert not (tmp_path / ".mediadask").exists()


def test_a_cut_off_original_leaves_no_trim(make_clip: MakeClip, tmp_path: Path) -> None:
    source = make_clip("A.mkv", codec="libx264", options={"g": "6"}, frames=48, size=(320, 180))
    clip = md.Clip.open(shutil.copy(source, tmp_path))
    os.truncate(clip.url, os.path.getsize(clip.url) // 2)
    (report,) = dask.compute(trim_ranges([Cut(clip, 30, 40)], tmp_path / "out"), scheduler="sync")
    assert "packets of the range" in report.failures[0].failure.error
    assert list((tmp_path / "out").glob("*.mkv")) == []


# Image sequences.


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    pattern = tmp_path / "card" / "plate.%04d.exr"
    pattern.parent.mkdir()
    footage.write_sequence(pattern, frames=6, size=(64, 36), timecode="10:00:00:00", reel="A001")
    return pattern


def test_files_of_a_sequence_are_copied_names_and_all(plates: Path, tmp_path: Path) -> None:
    trimmed = cut(plates, 2, 5, tmp_path / "out", "A001_020")
    folder = tmp_path / "out" / "A001_020"
    assert trimmed.url == str(folder / "plate.%04d.exr")
    assert sorted(path.name for path in folder.iterdir()) == [
        f"plate.{number}.exr" for number in (1003, 1004, 1005)
    ]
    for copy in folder.iterdir():
        original = plates.parent / copy.name
        assert copy.read_bytes() == original.read_bytes()
        assert copy.stat().st_ino != original.stat().st_ino, "a copy, not a link"
    clip = md.Clip.open(trimmed.url)
    assert (clip.header.first_number, clip.header.timecode, clip.header.reel) == (1003, "10:00:00:02", "A001")
    assert not (tmp_path / "out" / ".mediadask").exists()


def test_copied_files_are_neither_copied_again_nor_overwritten(plates: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    cut(plates, 0, 3, out, "A")
    (out / "A" / "plate.1002.exr").unlink()
    kept_file = (out / "A" / "plate.1001.exr").stat()
    cut(plates, 0, 3, out, "A")
    assert (out / "A" / "plate.1002.exr").exists()
    assert (out / "A" / "plate.1001.exr").stat() == kept_file
    (out / "A" / "plate.1003.exr").write_bytes(b"a comp of somebody's")
    (report,) = dask.compute(trim_ranges([Cut(plates, 0, 3, "A")], out), scheduler="sync")
    assert "is another file" in report.failures[0].failure.error
    assert (out / "A" / "plate.1003.exr").read_bytes() == b"a comp of somebody's"


def test_a_hole_in_a_sequence_is_named(plates: Path, tmp_path: Path) -> None:
    (plates.parent / "plate.1003.exr").unlink()
    (report,) = dask.compute(trim_ranges([Cut(plates, 1, 4)], tmp_path / "out"), scheduler="sync")
    assert report.failures[0].failure.error == (
        f"{plates} frame 2: its file is missing; render or copy it again"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["../A", "a/b", "", ".."])
def test_names_stay_in_the_folder(plates: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(md.InvalidRequest, match="is no name for a file"):
        trim_ranges([Cut(plates, 0, 3, name)], tmp_path)


def test_two_ranges_have_two_names(plates: Path, tmp_path: Path) -> None:
    with pytest.raises(md.InvalidRequest, match="is the name of two ranges"):
        trim_ranges([Cut(plates, 0, 3, "a"), Cut(plates, 1, 3, "A")], tmp_path)


def test_a_range_outside_its_clip_fails_alone(plates: Path, tmp_path: Path) -> None:
    cuts = [Cut(plates, 4, 9, "far"), Cut(plates, 3, 3, "none"), Cut(plates, 0, 2, "good")]
    (report,) = dask.compute(trim_ranges(cuts, tmp_path), scheduler="sync")
    assert [len(report.results), len(report.failures)] == [1, 2]
    assert "the clip has 6" in report.failures[0].failure.error


def test_originals_and_trims_on_an_object_store(
    plates: Path, make_clip: MakeClip, bucket: str, tmp_path: Path
) -> None:
    source = make_clip("A.mov", codec="prores_aw", pixel_format="yuv422p10le", frames=8, size=(320, 180))
    store = fsspec.filesystem("s3")
    store.put_file(str(source), f"{bucket}/A.mov")
    for path in plates.parent.iterdir():
        store.put_file(str(path), f"{bucket}/plate/{path.name}")
    cuts = [Cut(f"{bucket}/A.mov", 2, 6), Cut(f"{bucket}/plate/plate.%04d.exr", 1, 3, "P")]
    for _ in range(2):
        (report,) = dask.compute(trim_ranges(cuts, f"{bucket}/out"), scheduler="sync")
        assert [made.url for made in report.results] == [
            f"{bucket}/out/A.mov",
            f"{bucket}/out/P/plate.%04d.exr",
        ]
    numbers = [footage.read_number(frame.planes[0]) for frame in md.Clip.open(f"{bucket}/out/A.mov").frames()]
    assert numbers == [2, 3, 4, 5]
    assert store.cat(f"{bucket}/out/P/plate.1002.exr") == (plates.parent / "plate.1002.exr").read_bytes()
    cut(f"{bucket}/plate/plate.%04d.exr", 1, 3, tmp_path / "here", "P")
    assert (tmp_path / "here" / "P" / "plate.1003.exr").exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_named_as_such(make_clip: MakeClip) -> None:
    clip = md.Clip.open(make_clip("A.mov", codec="prores_aw", pixel_format="yuv422p10le", frames=8))
    with open("/dev/full", "r+b", buffering=0) as full, pytest.raises(OSError, match="No space left"):
        remux(full, clip, kept(clip.index, 0, 8), "mark")


def test_what_no_container_takes_is_one_line(make_clip: MakeClip, tmp_path: Path) -> None:
    source = make_clip("A.ts", codec="libx264", sound="libopus", frames=12, size=(320, 180))
    (report,) = dask.compute(trim_ranges([Cut(source, 0, 6)], tmp_path), scheduler="sync")
    (failed,) = report.failures
    assert "cannot be copied as it is into mov" in failed.failure.error
    assert failed.failure.error.endswith("copy the whole file")
    assert not list(tmp_path.rglob("*.mov"))
