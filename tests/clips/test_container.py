"""What a container says of itself, and every way in which it can be wrong."""

from __future__ import annotations

import pickle
import re
import shutil
import tracemalloc
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from mediadask.clips import BadFrame, Clip, Frame
from mediadask.errors import (
    CorruptFrame,
    InvalidRequest,
    MediaChanged,
    MediaError,
    MissingMedia,
    UnreadableMedia,
    UnsupportedMedia,
)
from mediadask.footage import read_number

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeClip

NTSC = Fraction(24000, 1001)
PRORES: dict[str, Any] = {
    "codec": "prores_ks", "pixel_format": "yuv422p10le", "options": {"profile": "3"}, "size": (320, 180),
    "frames": 14,
}  # fmt: skip
H264: dict[str, Any] = {
    "codec": "libx264", "options": {"g": "6", "bf": "2", "preset": "veryfast"}, "size": (320, 180),
    "frames": 24,
}  # fmt: skip


class TestHeader:
    def test_mov(self, make_clip: MakeClip) -> None:
        how = PRORES | {"rate": NTSC, "timecode": "01:02:03:04", "reel": "A001C001", "sound": "pcm_s24le"}
        header = Clip.open(make_clip("a.mov", **how, tags={"comment": "first take"})).header
        assert (header.container, header.codec, header.profile) == ("mov", "prores", "HQ")
        assert (header.width, header.height, header.pixel_aspect) == (320, 180, 1)
        assert header.frame_rate == NTSC
        assert (header.pixel_format.name, header.pixel_format.bits) == ("yuv422p10le", 10)
        assert header.pixel_format.chroma == (2, 1)
        assert (header.color.matrix, header.color.primaries, header.color.transfer) == ("bt709",) * 3
        assert header.color.range == "limited"
        assert header.field_order == "progressive"
        assert (header.timecode, header.reel) == ("01:02:03:04", "A001C001")
        (sound,) = header.audio
        assert (sound.codec, sound.rate, sound.channels) == ("pcm_s24le", 48000, 2)
        assert (sound.samples, sound.start) == (14 * 2002, 0)
        said = {(tag.source, tag.name): tag.value for tag in header.tags}
        assert said["mov tmcd", "timecode"] == "01:02:03:04"
        assert said["mov", "comment"] == "first take"

    @pytest.mark.parametrize(
        ("name", "container"),
        [("a.mov", "mov"), ("a.mp4", "mp4"), ("a.mkv", "mkv"), ("a.avi", "avi"), ("a.ts", "ts")],
    )
    @pytest.mark.parametrize("rate", [NTSC, 25, Fraction(30000, 1001)])
    def test_exact_rate_in_every_container(
        self, name: str, container: str, rate: Fraction, make_clip: MakeClip
    ) -> None:
        header = Clip.open(make_clip(name, **H264 | {"rate": rate})).header
        assert (header.container, header.frame_rate) == (container, rate)

    def test_exact_rate_of_a_stream_that_was_cut_short(self, make_clip: MakeClip, tmp_path: Path) -> None:
        whole = make_clip("a.ts", **H264 | {"rate": 25, "frames": 60, "options": {}}).read_bytes()
        (tmp_path / "cut.ts").write_bytes(whole[: len(whole) * 7 // 9])
        assert Clip.open(tmp_path / "cut.ts").header.frame_rate == 25

    def test_drop_frame_timecode(self, make_clip: MakeClip) -> None:
        how = PRORES | {"rate": Fraction(30000, 1001), "timecode": "00:59:58;10"}
        assert Clip.open(make_clip("drop.mov", **how)).header.timecode == "00:59:58;10"

    def test_mxf(self, make_clip: MakeClip) -> None:
        how: dict[str, Any] = {
            "codec": "dnxhd",
            "pixel_format": "yuv422p10le",
            "options": {"profile": "dnxhr_hqx"},
        }
        header = Clip.open(
            make_clip("a.mxf", **how, frames=4, timecode="10:00:00:00", sound="pcm_s16le")
        ).header
        assert (header.container, header.codec, header.timecode) == ("mxf", "dnxhd", "10:00:00:00")
        assert header.audio[0].samples == 8000

    def test_alpha_and_gray_and_full_range(self, make_clip: MakeClip) -> None:
        alpha = PRORES | {"options": {"profile": "4"}, "pixel_format": "yuva444p10le"}
        assert Clip.open(make_clip("alpha.mov", **alpha)).header.pixel_format.alpha
        jpeg = Clip.open(make_clip("full.mov", codec="mjpeg", pixel_format="yuvj420p", frames=2)).header
        assert (jpeg.pixel_format.name, jpeg.color.range) == ("yuv420p", "full")
        assert jpeg.color.chroma_location == "center"

    def test_anamorphic_interlaced_and_turned(self, tmp_path: Path) -> None:
        path = tmp_path / "turned.mov"
        with av.open(str(path), "w") as out:
            stream: Any = out.add_stream("mpeg2video", rate=25, options={"flags": "+ildct+ilme", "g": "4"})
            stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
            stream.sample_aspect_ratio = Fraction(2)
            stream.codec_context.field_order = 2
            stream.set_display_rotation(90)
            for _ in range(4):
                out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((180, 320, 3), np.uint8))))
            out.mux(stream.encode(None))
        header = Clip.open(path).header
        assert header.pixel_aspect == 2
        assert header.field_order == "top"
        assert header.rotation in (90, 270)
        with av.open(str(path)) as container:
            turned = next(container.decode(video=0)).rotation  # FFmpeg counts the other way round
        assert header.rotation == -turned % 360


class TestBadInput:
    """One clear line each: what, where, what to do."""

    def fails(self, path: object, kind: type[MediaError], says: str) -> None:
        with pytest.raises(kind, match=re.escape(says)) as caught:
            Clip.open(str(path))
        line = str(caught.value)
        assert "\n" not in line
        assert str(path) in line

    def test_missing_empty_and_folder(self, tmp_path: Path) -> None:
        self.fails(tmp_path / "none.mov", MissingMedia, "no such file")
        (tmp_path / "empty.mov").touch()
        self.fails(tmp_path / "empty.mov", UnreadableMedia, "is empty")
        (tmp_path / "folder.mov").mkdir()
        self.fails(tmp_path / "folder.mov", UnreadableMedia, "is a folder")

    def test_no_permission(self, as_nobody: Path) -> None:
        path = as_nobody / "secret.mp4"
        path.write_bytes(b"nobody may see this")
        path.chmod(0)
        self.fails(path, MissingMedia, "may not be read")

    @pytest.mark.parametrize("name", ["notes.mov", "notes.mxf", "notes.mp4", "notes"])
    def test_text_named_as_media(self, name: str, tmp_path: Path) -> None:
        (tmp_path / name).write_text("scene 12, take 3: the good one\n" * 200)
        self.fails(tmp_path / name, UnreadableMedia, "is not media")

    def test_no_pictures(self, tmp_path: Path) -> None:
        with av.open(str(tmp_path / "sound.mka"), "w") as out:
            stream: Any = out.add_stream("pcm_s16le", rate=48000, layout="mono")
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.int16), format="s16", layout="mono")
            frame.sample_rate = 48000
            out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
        self.fails(tmp_path / "sound.mka", UnsupportedMedia, "no video stream")

    @pytest.mark.parametrize("name", ["a.mov", "a.mp4"])
    def test_recording_cut_off_before_its_moov(self, name: str, make_clip: MakeClip, tmp_path: Path) -> None:
        data = make_clip(name, **H264).read_bytes()
        for keep in (len(data) // 2, len(data) - 20, 40):
            (tmp_path / name).write_bytes(data[:keep])
            self.fails(tmp_path / name, UnreadableMedia, "table of contents (moov) is missing")

    def test_nothing_but_a_header(self, make_clip: MakeClip, tmp_path: Path) -> None:
        for name in ("a.mkv", "a.avi", "a.ts", "a.mov"):
            path = tmp_path / name
            path.write_bytes(make_clip(name, **H264).read_bytes()[:100])
            with pytest.raises(UnreadableMedia):
                Clip.open(path)

    def test_range_outside_the_clip(self, make_clip: MakeClip) -> None:
        clip = Clip.open(make_clip("a.mp4", **H264))
        for start, stop in ((-1, 2), (0, 25), (5, 4)):
            with pytest.raises(InvalidRequest, match="24"):
                clip.frames(start, stop)


class TestPartialCopy:
    @pytest.mark.parametrize(
        ("name", "codec", "pixel_format"),
        [("a.mkv", "ffv1", "yuv422p10le"), ("a.avi", "mjpeg", "yuvj422p")],
    )
    def test_containers_without_tables_in_front_are_told_by_their_own_length(
        self, name: str, codec: str, pixel_format: str, make_clip: MakeClip, tmp_path: Path
    ) -> None:
        whole = make_clip(name, codec=codec, pixel_format=pixel_format, size=(320, 180), frames=24)
        assert len(Clip.open(whole)) == 24
        data = whole.read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
        with pytest.raises(UnreadableMedia, match=r"truncated: of its pictures only \d+ are there"):
            Clip.open(tmp_path / name)

    def test_an_avi_whose_writer_could_not_come_back_to_its_length_is_whole(
        self, make_clip: MakeClip, tmp_path: Path
    ) -> None:
        data = make_clip(
            "a.avi", codec="mjpeg", pixel_format="yuvj422p", size=(320, 180), frames=24
        ).read_bytes()
        (tmp_path / "piped.avi").write_bytes(data[:4] + b"\xff" * 4 + data[8:])
        assert len(Clip.open(tmp_path / "piped.avi")) == 24

    def test_a_recording_that_was_never_finished_is_what_is_there(
        self, make_clip: MakeClip, tmp_path: Path
    ) -> None:
        how = {"codec": "ffv1", "pixel_format": "yuv422p10le", "size": (320, 180), "frames": 24}
        data = make_clip("live.mkv", **how, muxer_options={"live": "1"}).read_bytes()
        (tmp_path / "live.mkv").write_bytes(data[: len(data) // 2])
        assert 8 < len(Clip.open(tmp_path / "live.mkv")) < 16

    @pytest.mark.parametrize("how", [PRORES, H264], ids=["intra", "long GOP"])
    def test_what_is_there_is_shown(self, how: dict[str, Any], make_clip: MakeClip, tmp_path: Path) -> None:
        whole = make_clip("front.mov", **how, muxer_options={"movflags": "faststart"})
        index = Clip.open(whole).index
        path = tmp_path / "partial.mov"
        path.write_bytes(whole.read_bytes()[: int(index.offset[9]) + 7])  # half of packet 9, nothing after
        clip = Clip.open(path)
        assert len(clip) == how["frames"]
        lost = [number for number, row in enumerate(index.shown) if row >= 9]
        (tag,) = [tag for tag in clip.header.tags if tag.name == "truncated"]
        assert tag.value == f"{len(lost)} frames are cut off, from frame {lost[0]} to {lost[-1]}"
        assert clip.facts.missing_frames == len(lost)
        frames = list(clip.reader.frames(clip, 0, len(clip), threads=1))
        bad = [frame for frame in frames if isinstance(frame, BadFrame)]
        assert [frame.number for frame in bad] == lost
        assert all("cut off" in frame.reason or "leans on" in frame.reason for frame in bad)
        with pytest.raises(CorruptFrame, match=f"frame {lost[0]}: "):
            list(clip.frames())


def damaged(path: Path, target: Path, row: int, *, keep: float = 0) -> Path:
    """A copy whose packet `row` is noise from a part of it on."""
    index = Clip.open(path).index
    data = bytearray(path.read_bytes())
    kept = int(index.size[row] * keep)
    at, size = int(index.offset[row]) + kept, int(index.size[row]) - kept
    data[at : at + size] = np.random.default_rng(row).integers(0, 256, size, np.uint8).tobytes()
    target.write_bytes(data)
    return target


class TestCorruptFrames:
    def test_intra(self, make_clip: MakeClip, tmp_path: Path) -> None:
        clip = Clip.open(damaged(make_clip("a.mov", **PRORES), tmp_path / "bad.mov", 5))
        for threads in (1, 3):
            with pytest.raises(CorruptFrame, match=r"bad\.mov frame 5: does not decode"):
                list(clip.frames(threads=threads))
            black = list(clip.frames(on_corrupt="black", threads=threads))
            assert [frame.valid for frame in black] == [number != 5 for number in range(14)]
            assert [read_number(frame.planes[0]) for frame in black if frame.valid] == [
                *range(5),
                *range(6, 14),
            ]
            assert (black[5].planes[0] == 64).all()
            assert (black[5].planes[1] == 512).all()
        held = list(clip.frames(3, 8, on_corrupt="hold"))
        assert [read_number(frame.planes[0]) for frame in held] == [3, 4, 4, 6, 7]
        assert read_number(next(clip.frames(5, 6, on_corrupt="hold")).planes[0]) == 4

    @pytest.mark.parametrize("row", range(6, 12))
    def test_long_gop(self, row: int, make_clip: MakeClip, tmp_path: Path) -> None:
        source = make_clip("a.mp4", **H264)
        intact = {frame.number: frame for frame in Clip.open(source).frames()}
        clip = Clip.open(damaged(source, tmp_path / "bad.mp4", row))
        index = clip.index
        hit = index.shown.tolist().index(row)
        seen = []
        for start, stop, threads in ((0, 24, 1), (0, 24, 3), (6, 12, 1), (hit, 24, 2)):
            frames = list(clip.reader.frames(clip, start, stop, threads=threads))
            assert [frame.number for frame in frames] == list(range(start, stop))
            bad = {frame.number for frame in frames if isinstance(frame, BadFrame)}
            seen.append({number for number in bad if number >= hit})
            for frame in frames:
                if isinstance(frame, Frame):
                    for mine, other in zip(frame.planes, intact[frame.number].planes, strict=True):
                        np.testing.assert_array_equal(mine, other)
            # Frames outside the damaged GOP, and those decoded before it, are whole.
            fine = {n for n, at in enumerate(index.shown) if not 6 <= at < 12 or at < row}
            assert not bad & fine
        assert hit in seen[0]
        assert all(bad == seen[0] for bad in seen if bad)

    @pytest.mark.parametrize("group", ["1", "4"])
    def test_checksums_of_ffv1(self, group: str, make_clip: MakeClip, tmp_path: Path) -> None:
        """FFmpeg fills a damaged slice from the picture before, and says nothing."""
        options = {"level": "3", "slicecrc": "1", "g": group}
        how: dict[str, Any] = {"codec": "ffv1", "options": options, "size": (320, 180), "frames": 8}
        clip = Clip.open(damaged(make_clip("a.mkv", **how), tmp_path / "bad.mkv", 5, keep=0.9))
        for threads in (1, 3):
            frames = list(clip.reader.frames(clip, 0, 8, threads=threads))
            hit = [5] if group == "1" else [5, 6, 7]
            assert [frame.number for frame in frames if isinstance(frame, BadFrame)] == hit
        with pytest.raises(CorruptFrame, match="frame 5: does not decode: its checksums do not fit"):
            list(clip.frames())

    def test_ffv1_without_checksums_decodes(self, make_clip: MakeClip) -> None:
        options = {"level": "3", "slicecrc": "0"}
        path = make_clip("plain.mkv", codec="ffv1", options=options, size=(320, 180), frames=4)
        assert [read_number(frame.planes[0]) for frame in Clip.open(path).frames()] == [0, 1, 2, 3]

    def test_picture_hashes_of_hevc(self, make_clip: MakeClip, tmp_path: Path) -> None:
        params = "keyint=6:bframes=2:log-level=none:pools=1:hash=1"
        how: dict[str, Any] = {"codec": "libx265", "options": {"x265-params": params}, "size": (320, 180)}
        clip = Clip.open(damaged(make_clip("a.mp4", **how, frames=12), tmp_path / "bad.mp4", 7, keep=0.9))
        hit = clip.index.shown.tolist().index(7)
        assert isinstance(list(clip.reader.frames(clip, 0, 12, threads=1))[hit], BadFrame)

    def test_pictures_that_lean_on_a_patched_one(self, make_clip: MakeClip, tmp_path: Path) -> None:
        """FFmpeg says that it patched up a picture when that comes out: after B-frames that lean on it."""
        plain = {"g": "6", "bf": "2", "preset": "veryfast", "coder": "0", "b-pyramid": "none", "qp": "20"}
        source = make_clip("cavlc.mp4", **H264 | {"options": plain})
        intact = list(Clip.open(source).frames())
        index = Clip.open(source).index
        row = 7
        leaning = index.shown.tolist().index(row) - 1
        assert index.shown[leaning] > row, "a B-frame is shown before, and decoded after"
        clip = Clip.open(damaged(source, tmp_path / "bad.mp4", row, keep=0.75))
        for threads in (1, 3):
            frames = list(clip.reader.frames(clip, 0, 24, threads=threads))
            assert isinstance(frames[leaning], BadFrame)
            for frame in frames:
                if isinstance(frame, Frame):
                    np.testing.assert_array_equal(frame.planes[0], intact[frame.number].planes[0])


class TestIdentity:
    def test_clip_travels_as_url_and_identity(self, make_clip: MakeClip) -> None:
        clip = Clip.open(make_clip("a.mp4", **H264))
        assert len(pickle.dumps(clip)) < 1000
        again = pickle.loads(pickle.dumps(clip))
        assert (again.url, again.identity, len(again)) == (clip.url, clip.identity, 24)

    def test_changed_file(self, make_clip: MakeClip, tmp_path: Path) -> None:
        path = shutil.copy(make_clip("a.mp4", **H264), tmp_path / "a.mp4")
        clip = Clip.open(path)
        sent = pickle.dumps(clip)
        shutil.copy(make_clip("b.mp4", **H264 | {"frames": 30}), path)
        with pytest.raises(MediaChanged, match=r"a\.mp4: has changed"):
            next(clip.frames())
        with pytest.raises(MediaChanged, match=r"a\.mp4: has changed"):
            pickle.loads(sent)
        assert len(Clip.open(path)) == 30

    def test_second_open_reads_nothing(self, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch) -> None:
        path = make_clip("a.mkv", **H264)
        first = Clip.open(path)
        monkeypatch.setattr(type(first.reader), "probe", None)
        second = Clip.open(path)
        assert second.header == first.header
        for name, array in first.index.arrays().items():
            np.testing.assert_array_equal(array, second.index.arrays()[name])


@pytest.mark.parametrize("label", ["10:00:00:30", "hello"])
def test_a_timecode_that_cannot_be_stays_among_the_tags(label: str, make_clip: MakeClip) -> None:
    path = make_clip("a.mkv", codec="ffv1", size=(96, 64), frames=2, tags={"timecode": label})
    clip = Clip.open(path)
    assert clip.header.timecode is None
    assert label in [tag.value for tag in clip.header.tags]


@pytest.mark.parametrize("table", [b"stts", b"ctts", b"stsc", b"stsz"])
def test_a_damaged_count_asks_for_no_more_memory_than_there_are_frames(
    table: bytes, make_clip: MakeClip, tmp_path: Path
) -> None:
    data = bytearray(make_clip("a.mov", **H264).read_bytes())
    at = data.index(table)
    # Of stsz: one size for all, and as many samples as the field holds; of the others the first run's length.
    field = {b"stts": 12, b"ctts": 12, b"stsc": 16, b"stsz": 8}[table]
    data[at + field : at + field + 4] = b"\x00\x00\x00\x01" if table == b"stsz" else b"\xff" * 4
    if table == b"stsz":
        data[at + 12 : at + 16] = b"\xff" * 4
    (tmp_path / "a.mov").write_bytes(data)
    tracemalloc.start()
    with suppress(MediaError):
        Clip.open(tmp_path / "a.mov")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100 << 20
