from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediadask.footage import picture, read_number, write_sequence


@given(st.integers(0, (1 << 20) - 1), st.sampled_from([(96, 54), (320, 180), (333, 200)]))
def test_the_number_reads_back_at_any_size(number: int, size: tuple[int, int]) -> None:
    assert read_number(picture(number, *size)) == number


def test_a_picture_without_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="no frame number"):
        read_number(np.zeros((54, 96), np.uint8))


def test_pictures_move() -> None:
    first, second = (picture(number, 320, 180).astype(int) for number in (0, 12))
    assert np.abs(first - second).mean() > 1


def test_clips_carry_number_timecode_reel_and_sound(make_clip) -> None:
    path = make_clip(
        "a.mov", codec="prores_ks", pixel_format="yuv422p10le", frames=6, timecode="01:00:00:00", reel="A001",
        sound="pcm_s16le", first_number=100,
    )  # fmt: skip
    with av.open(str(path)) as container:
        data = container.streams.data[0].metadata
        assert (data["timecode"], data["reel_name"]) == ("01:00:00:00", "A001")
        assert container.streams.audio[0].rate == 48000
        numbers = [read_number(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]
    assert numbers == list(range(100, 106))


def test_sequences_carry_their_file_numbers(tmp_path) -> None:
    paths = write_sequence(tmp_path / "p.%04d.png", frames=2, dtype="uint8", size=(160, 90))
    assert [path.name for path in paths] == ["p.1001.png", "p.1002.png"]
    with av.open(str(paths[1])) as container:
        (frame,) = container.decode(video=0)
        assert read_number(frame.to_ndarray(format="rgb24")) == 1002
