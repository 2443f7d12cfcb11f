"""The recording among several video tracks, and the one that is asked for."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import pytest

import mediadask as md
from mediadask import footage
from mediadask.clips import Clip
from mediadask.errors import InvalidRequest
from tests.clips.test_exactness import number_of

if TYPE_CHECKING:
    from pathlib import Path

RECORDING = ("libx264", (320, 180), 12)
THUMBNAIL = ("mjpeg", (64, 36), 1)


def write(path: Path, *tracks: tuple[str, tuple[int, int], int], first: tuple[int, ...] = ()) -> Path:
    """A file with these video tracks: encoder, size and frames of each; `first`: each one's first number."""
    with av.open(str(path), "w") as container:
        packets = []
        streams: list[Any] = []
        for codec, (width, height), _ in tracks:
            stream: Any = container.add_stream(codec, rate=24)
            stream.width, stream.height = width, height
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            streams.append(stream)
        for at, (stream, (_, size, frames)) in enumerate(zip(streams, tracks, strict=True)):
            for number in range(frames):
                burnt = number + (first[at] if first else 0)
                picture = av.VideoFrame.from_ndarray(footage.picture(burnt, *size))
                picture = picture.reformat(format=stream.pix_fmt)
                picture.pts, picture.time_base = number, Fraction(1, 24)
                packets += stream.encode(picture)
            packets += stream.encode(None)
        container.mux(packets)
    return path


@pytest.mark.parametrize("name", ["a.mov", "a.mp4", "a.mkv", "a.avi"])
@pytest.mark.parametrize("tracks", [(THUMBNAIL, RECORDING), (RECORDING, THUMBNAIL)])
def test_a_thumbnail_is_not_the_recording(tmp_path: Path, name: str, tracks: Any) -> None:
    clip = Clip.open(write(tmp_path / name, *tracks))
    assert (clip.header.width, clip.header.height, len(clip)) == (320, 180, 12)
    assert [number_of(frame.planes) for frame in clip.frames()] == list(range(12))


def test_a_proxy_beside_the_recording_is_not_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mov", ("libx264", (160, 90), 12), RECORDING)
    clip = Clip.open(path)
    assert clip.header.width == 320
    said = {tag.name: tag.value for tag in clip.header.tags if tag.name.startswith("video ")}
    assert said == {"video 1": "160x90 h264", "video 2": "320x180 h264, read"}
    assert Clip.open(f"{path}?video=1").header.width == 160


def test_another_track_is_chosen_by_its_number(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mov", RECORDING, RECORDING, first=(0, 100))
    for url, numbers in ((str(path), 0), (f"{path}?video=1", 0), (f"{path}?video=2", 100)):
        clip = Clip.open(url)
        assert [number_of(frame.planes) for frame in clip.frames(3, 6)] == [numbers + at for at in (3, 4, 5)]
    chosen = md.open_clip(f"{path}?video=2").frames[5].compute()
    assert footage.read_number(chosen.values) == 105
    with pytest.raises(InvalidRequest, match=r"has no video track 3; add .video= with one of 1, 2"):
        Clip.open(f"{path}?video=3")


def test_a_choice_that_a_container_has_not_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mov", RECORDING)
    with pytest.raises(InvalidRequest, match="is no image, and has no layer to choose"):
        Clip.open(f"{path}?layer=diffuse")


def test_the_command_line_takes_a_choice(tmp_path: Path, mediadask: Any) -> None:
    path = write(tmp_path / "a.mov", RECORDING, ("libx264", (160, 90), 12))
    shown = mediadask("info", "--csv", f"{path}?video=2")
    assert shown.returncode == 0
    assert ",160,90," in shown.stdout
    made = mediadask("sheet", f"{path}?video=2", "--still", 3, "--out", tmp_path / "a.png")
    assert made.returncode == 0, made.stderr
