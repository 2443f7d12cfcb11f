"""What every reader must hold to, as tests: ours pass them, and so should a vendor's.

A reader of sound recordings, which have no frames, takes `SoundConformance`.

Write a test module with a subclass for each kind of clip that your reader opens, and run it with pytest::

    class TestMyReader(ReaderConformance):
        reader = "myreader"

        @pytest.fixture
        def url(self):
            return "/footage/A001.raw"      # a whole clip of 8 frames or more

        @pytest.fixture
        def damaged(self):
            return "/footage/bad.raw", {5}  # the same kind, and which frames of it do not decode
"""

from __future__ import annotations

import os
import pickle
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mediadask.clips.clip import Clip
from mediadask.clips.frame import BadFrame, Frame
from mediadask.clips.reader import Reader, reader_for, readers
from mediadask.errors import CorruptFrame, InvalidRequest, MediaError, MissingMedia, UnreadableMedia

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ReaderConformance", "SoundConformance"]


class _Duties:
    """What readers of pictures and of sound have in common."""

    reader: str
    """The name of its entry point."""

    @pytest.fixture
    def url(self) -> str:
        """A whole clip."""
        raise NotImplementedError

    def broken(self, url: str, folder: Path, content: bytes | None) -> str:
        """What this reader would be asked to open where a file like `url` is `content`, or is not there."""
        path = folder / f"broken{os.path.splitext(url)[1]}"
        if content is not None:
            path.write_bytes(content)
        return str(path)

    @pytest.fixture
    def clip(self, url: str) -> Clip:
        """The whole clip, open."""
        return Clip.open(url)

    def test_it_is_installed_and_asked(self, clip: Clip) -> None:
        """Its entry point is found, it has all methods, and it gets its own URLs."""
        assert isinstance(readers()[self.reader], Reader)
        assert reader_for(clip.url).name == self.reader == clip.reader.name

    @pytest.mark.parametrize("url", ["", "/", "no such thing", "memory://nothing/here", "a|b", "x.%04d.#.*"])
    def test_claiming_never_raises(self, url: str) -> None:
        """Whatever the URL, the answer is yes or no."""
        assert isinstance(readers()[self.reader].claims(url), bool)

    def test_it_travels_and_opens_again_alike(self, clip: Clip) -> None:
        """Through pickle and through the cache come the same header, index and pictures."""
        for again in (pickle.loads(pickle.dumps(clip)), Clip.open(clip.url)):
            assert (again.identity, again.header) == (clip.identity, clip.header)
            for name, table in clip.index.arrays().items():
                np.testing.assert_array_equal(again.index.arrays()[name], table, name)
            part = min(2, len(clip)), min(4, len(clip))
            assert _pictures(again, *part, threads=1) == _pictures(clip, *part, threads=1)
        fresh = clip.reader.probe(clip.url, clip.reader.files(clip.url))
        assert fresh[0] == clip.header

    def test_sound_is_where_the_pictures_are(self, clip: Clip) -> None:
        """Any range of samples is the same part of the whole, and silent outside what was recorded."""
        for number, stream in enumerate(clip.header.audio):
            end = stream.samples - stream.start
            whole = clip.audio(-100, end + 100, stream=number)
            assert whole.shape == (end + 200, stream.channels)
            assert whole.dtype == np.float32
            assert np.abs(whole).max() <= 1
            assert not whole[end + 100 :].any()
            for start, stop in ((0, end), (1000, 2000), (end - 10, end + 10)):
                part = clip.audio(start, stop, stream=number)
                # Lossy codecs start over with noise of their own, far below a 16-bit step.
                np.testing.assert_allclose(part, whole[start + 100 : stop + 100], rtol=0, atol=1e-5)
        with pytest.raises(InvalidRequest):
            clip.audio(0, 1, stream=len(clip.header.audio))

    @pytest.mark.parametrize(
        ("content", "kind"),
        [(None, MissingMedia), (b"", UnreadableMedia), (b"this is not a clip\n" * 500, MediaError)],
        ids=["missing", "empty", "garbage"],
    )
    def test_what_is_no_clip_is_one_line(
        self, url: str, tmp_path: Path, content: bytes | None, kind: type[Exception]
    ) -> None:
        """Missing, empty and foreign files are told apart, in a line that names the file."""
        with pytest.raises(kind) as raised:
            Clip.open(self.broken(url, tmp_path, content))
        assert "broken" in str(raised.value)
        assert "\n" not in str(raised.value)


class ReaderConformance(_Duties):
    """A reader's duties. Subclasses name the `reader` and give the fixtures `url` and `damaged`."""

    @pytest.fixture
    def damaged(self) -> tuple[str, set[int]]:
        """A clip, and the numbers of its frames that do not decode: neither all, nor the first."""
        raise NotImplementedError

    def test_the_header_tells_the_truth(self, clip: Clip) -> None:
        """Frames are as the header says before any is read."""
        header = clip.header
        assert header.frame_rate > 0
        assert header.container
        assert header.codec
        for frame in clip.frames():
            assert (frame.format, frame.color) == (header.pixel_format, header.color)
            shapes = header.pixel_format.plane_shapes(header.height, header.width)
            assert tuple(plane.shape for plane in frame.planes) == shapes
            for plane in frame.planes:
                assert plane.dtype == header.pixel_format.dtype
                assert header.pixel_format.is_float or int(plane.max()) < 1 << header.pixel_format.bits

    def test_the_index_is_sound(self, clip: Clip) -> None:
        """As many frames as come out, in order of time, each with a packet to start decoding at."""
        index = clip.index
        assert [frame.number for frame in clip.frames()] == list(range(len(index)))
        assert len(index) >= 8
        assert (np.diff(index.frame_pts) > 0).all()
        assert (np.diff(index.dts) >= 0).all()
        assert index.keyframe[index.decode_start].all()
        assert (index.pts[index.decode_start] <= index.frame_pts).all()
        assert sum(file.size_bytes for file in clip.files) == clip.size_bytes > 0

    def test_any_range_is_the_same_as_the_whole(self, clip: Clip) -> None:
        """A picture depends on its number alone, not on where reading began or on the threads."""
        whole = _pictures(clip, 0, len(clip), threads=0)
        chance = random.Random(clip.name)
        for threads in (0, 1):
            for _ in range(4):
                start = chance.randrange(len(clip))
                stop = chance.randint(start, min(start + 5, len(clip)))
                assert _pictures(clip, start, stop, threads=threads) == whole[start:stop]
        assert _pictures(clip, 0, len(clip), threads=1) == whole

    def test_ranges_outside_are_refused_and_empty_ones_are_empty(self, clip: Clip) -> None:
        """With an error that is the caller's, before anything is read."""
        for start, stop in ((-1, 1), (0, len(clip) + 1), (3, 2)):
            with pytest.raises(InvalidRequest):
                clip.frames(start, stop)
        for at in (0, 3, len(clip)):
            assert list(clip.frames(at, at)) == []

    def test_frames_are_streamed(self, clip: Clip) -> None:
        """Whoever stops early leaves nothing open."""
        frames = clip.frames()
        assert next(frames).number == 0
        frames.close()  # type: ignore[attr-defined]

    def test_damaged_frames_are_named_and_no_others(self, damaged: tuple[str, set[int]]) -> None:
        """The reader gives a `BadFrame` for each, and goes on."""
        url, numbers = damaged
        clip = Clip.open(url)
        for threads in (0, 1):
            frames = list(clip.reader.frames(clip, 0, len(clip), threads=threads))
            assert [frame.number for frame in frames] == list(range(len(clip)))
            assert {frame.number for frame in frames if isinstance(frame, BadFrame)} == numbers
        with pytest.raises(CorruptFrame) as raised:
            list(clip.frames())
        assert raised.value.frame == min(numbers)

    def test_stand_ins_do_not_depend_on_where_a_range_begins(self, damaged: tuple[str, set[int]]) -> None:
        """Held pictures are those of the last good frame, wherever reading began; black ones are black."""
        url, numbers = damaged
        clip = Clip.open(url)
        held = list(clip.frames(on_corrupt="hold"))
        assert {frame.number for frame in held if not frame.valid} == numbers
        for number in numbers:
            (alone,) = clip.frames(number, number + 1, on_corrupt="hold")
            assert _same(alone, held[number])
            assert _same(alone, held[number - 1])
            (black,) = clip.frames(number, number + 1, on_corrupt="black")
            assert not black.valid
            assert [plane.shape for plane in black.planes] == [plane.shape for plane in alone.planes]
            assert np.ptp(black.planes[0]) == 0


class SoundConformance(_Duties):
    """The duties of a reader of sound recordings. Subclasses name the `reader` and give the fixture `url`."""

    def test_it_is_sound_alone(self, clip: Clip) -> None:
        """One stream, no frames, and a header that says so."""
        assert not clip.header.has_pictures
        assert len(clip) == 0
        assert list(clip.frames()) == []
        (stream,) = clip.header.audio
        assert stream.samples > 2000
        assert stream.start == 0
        assert stream.channels > 0
        assert len(stream.names) in (0, stream.channels)


def _pictures(clip: Clip, start: int, stop: int, *, threads: int) -> list[bytes]:
    return [_bytes(frame) for frame in clip.frames(start, stop, threads=threads)]


def _bytes(frame: Frame) -> bytes:
    return b"".join(plane.tobytes() for plane in frame.planes)


def _same(one: Any, other: Any) -> bool:
    return _bytes(one) == _bytes(other)
