"""Sound recordings: WAV, Broadcast Wave and RF64, with what recorders note in them."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

import mediadask as md
from mediadask.clips import Clip
from mediadask.clips.conformance import SoundConformance
from mediadask.errors import InvalidRequest, UnreadableMedia, UnsupportedMedia
from tests.clips import wav_files
from tests.clips.wav_files import RATE, bext, chunk, format_chunk, ixml, noise, write_wav

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from tests.conftest import Command, MakeClip

TEN = 10 * 3600 * RATE  # 10:00:00:00, in samples


class TestWav(SoundConformance):
    reader = "wav"

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        notes = ((b"bext", bext(TEN)), (b"iXML", ixml()))
        return str(write_wav(tmp_path / "12A_3.wav", noise(5000, 2), notes=notes))


def encoded(path: Path, codec: str, wave: npt.NDArray[Any], form: str, **options: str) -> Path:
    """A WAV by FFmpeg's own muxer; `wave` is (channels, samples)."""
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(wave)]
    with av.open(str(path), "w", format="wav", options=options) as container:
        stream = container.add_stream(codec, rate=RATE, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave.T.reshape(1, -1)), form, layout)
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("codec", "form", "dtype", "scale"),
    [
        ("pcm_u8", "u8", np.uint8, 128),
        ("pcm_s16le", "s16", np.int16, 2**15),
        ("pcm_s24le", "s32", np.int32, 2**31),
        ("pcm_s32le", "s32", np.int32, 2**31),
        ("pcm_f32le", "flt", np.float32, 1),
        ("pcm_f64le", "dbl", np.float64, 1),
    ],
)
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_every_kind_of_pcm_is_what_its_encoder_was_given(
    codec: str, form: str, dtype: Any, scale: int, channels: int, tmp_path: Path
) -> None:
    wave = noise(3000, channels, seed=channels).T
    given = (
        wave.astype(dtype)
        if scale == 1
        else np.round(wave * scale).astype(dtype) + (128 if scale == 128 else 0)
    )
    given = given.astype(dtype)
    clip = Clip.open(encoded(tmp_path / "a.wav", codec, given, form))
    assert (clip.header.codec, clip.header.audio[0].channels) == (codec, channels)
    exact = (given.astype(np.float64) - (128 if scale == 128 else 0)) / scale
    if codec == "pcm_s24le":
        exact = np.floor(exact * 2**23) / 2**23
    np.testing.assert_array_equal(clip.audio(100, 2900), exact.T[100:2900].astype(np.float32))


def test_an_rf64_opens_alike(tmp_path: Path) -> None:
    given = np.round(noise(3000, 2).T * 2**15).astype(np.int16)
    plain = Clip.open(encoded(tmp_path / "a.wav", "pcm_s16le", given, "s16"))
    large = Clip.open(encoded(tmp_path / "b.wav", "pcm_s16le", given, "s16", rf64="always"))
    with open(tmp_path / "b.wav", "rb") as file:
        assert file.read(4) == b"RF64"
    np.testing.assert_array_equal(large.audio(0, 3000), plain.audio(0, 3000))
    assert large.header.audio[0].samples == 3000


def test_sound_beyond_four_gigabytes_is_found(tmp_path: Path) -> None:
    """A sparse file of 32 tracks: what lies at its end is read without the rest."""
    path, samples, block = tmp_path / "long.wav", 50_000_000, 96
    last = np.zeros((2, 32), np.float32)
    last[:, :2] = [[0.5, -0.25], [0.125, 1.0]]
    sizes = struct.pack("<QQQI", samples * block, samples * block, samples, 0)
    head = b"RF64\xff\xff\xff\xffWAVE" + chunk(b"ds64", sizes) + chunk(b"fmt ", format_chunk(32, RATE, 24))
    with open(path, "wb") as file:
        file.write(head + b"data\xff\xff\xff\xff")
        begin = file.tell()
        file.seek(begin + (samples - 2) * block)
        file.write(wav_files.samples_24(last))
    clip = Clip.open(path)
    assert clip.header.audio[0].samples == samples
    end = clip.audio(samples - 3, samples + 1)
    np.testing.assert_allclose(end[:, :2], [[0, 0], [0.5, -0.25], [0.125, 1.0], [0, 0]], atol=1e-6)
    dataset = md.open_clip(path)
    assert dataset.audio.shape == (samples, 32)
    assert dataset.audio[-1, 0].compute().item() == 0.125


def test_what_the_recorder_noted(tmp_path: Path) -> None:
    # 10:00:00:00 at 23.976 is 36,036 real seconds after midnight.
    reference = 36_036 * RATE
    notes = ((b"bext", bext(reference)), (b"iXML", ixml()))
    path = write_wav(tmp_path / "a.wav", noise(4800, 2), notes=notes)
    clip = Clip.open(path)
    assert clip.header.timecode == "10:00:00:00"
    assert clip.header.frame_rate == Fraction(24000, 1001)
    assert clip.header.reel == "S014"
    assert clip.header.audio[0].names == ("Boom", "Anna")
    assert clip.header.audio[0].time_reference == reference
    said = {tag.name: tag.value for tag in clip.header.tags if tag.source == "wav ixml"}
    assert (said["SCENE"], said["TAKE"], said["NOTE"]) == ("12A", "3", "good & quiet")
    dataset = md.open_clip(path)
    assert list(dataset.data_vars) == ["audio"]
    assert dataset.audio.dims == ("sample", "track")
    assert dataset.track_name.values.tolist() == ["Boom", "Anna"]
    assert dataset.attrs["start_timecode"] == "10:00:00:00"
    np.testing.assert_array_equal(dataset.audio.sel(track="A2").values, clip.audio(0, 4800)[:, 1])
    facts = md.inspect(path)
    assert (facts.width, facts.audio_tracks, facts.audio_rate) == (None, 2, RATE)
    assert facts.duration_s == 0.1


@pytest.mark.parametrize(
    ("rate", "flag", "more", "reference", "label"),
    [
        ("25/1", "NDF", "", TEN + 1919, "10:00:00:00"),
        ("25/1", "NDF", "", TEN + 1920, "10:00:00:01"),
        ("30000/1001", "DF", "", 60 * 1001 * RATE // 1000 - 1601, "00:00:59;29"),
        ("30000/1001", "DF", "", 60 * 1001 * RATE // 1000, "00:01:00;02"),
        ("24/1", "NDF", "<TIMESTAMP_SAMPLE_RATE>48048</TIMESTAMP_SAMPLE_RATE>", 36000 * 48048, "10:00:00:00"),
    ],
)
def test_time_references_become_timecode(
    rate: str, flag: str, more: str, reference: int, label: str, tmp_path: Path
) -> None:
    notes = ((b"bext", bext(reference)), (b"iXML", ixml(rate, flag, more)))
    path = write_wav(tmp_path / "a.wav", noise(10), notes=notes)
    assert Clip.open(path).header.timecode == label


def test_lines_of_a_description_count_where_there_is_no_ixml(tmp_path: Path) -> None:
    lines = "sSPEED=025.000-ND\r\nsSCENE=7\r\nsTAKE=2\r\nsTAPE=SR1\r\nsTRK1=Boom\r\nsTRK2=Lav\r\n"
    path = write_wav(tmp_path / "a.wav", noise(10, 2), notes=((b"bext", bext(TEN, lines)),))
    header = Clip.open(path).header
    assert (header.timecode, header.reel, header.audio[0].names) == ("10:00:00:00", "SR1", ("Boom", "Lav"))


def test_without_a_rate_no_timecode_is_guessed(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", noise(10), notes=((b"bext", bext(TEN)),))
    assert Clip.open(path).header.timecode is None
    assert md.inspect(path).frame_rate is None
    assert md.open_clip(path).attrs["time_reference"] == TEN


HOSTILE = b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY x SYSTEM "file:///etc/passwd">]><BWFXML><SCENE>&x;</SCENE></BWFXML>'


@pytest.mark.parametrize("bad", [b"<BWFXML><SCENE>12", b"\xff\xfe\0", HOSTILE, b"\0" * 40, b""])
def test_damaged_notes_do_not_stop_the_sound(bad: bytes, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", noise(10), notes=((b"iXML", bad), (b"bext", b"short")))
    clip = Clip.open(path)
    assert clip.audio(0, 10).any()
    assert not any("root" in tag.value for tag in clip.header.tags)
    assert any(tag.name == "unreadable" for tag in clip.header.tags) == bool(bad.strip(b"\0"))


def test_a_copy_cut_short_says_what_is_lost(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", noise(48000))
    path.write_bytes(path.read_bytes()[: -24000 * 3])
    clip = Clip.open(path)
    assert ("truncated", "0.500 s of sound are cut off at the end") in [
        (t.name, t.value) for t in clip.header.tags
    ]
    assert clip.audio(0, 24000).any()
    with pytest.raises(UnreadableMedia, match="ends after 24000 of 48000 samples"):
        clip.audio(20000, 30000)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_recorder_that_lost_power_leaves_all_it_wrote(size: int, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", noise(1000))
    data = path.read_bytes()
    at = data.index(b"data") + 4
    path.write_bytes(data[:at] + struct.pack("<I", size) + data[at + 4 :])
    clip = Clip.open(path)
    assert clip.header.audio[0].samples == 1000
    assert "unfinished" in [tag.name for tag in clip.header.tags]


def test_compressed_sound_is_named(tmp_path: Path) -> None:
    given = np.round(noise(3000).T * 2**15).astype(np.int16)
    with pytest.raises(UnsupportedMedia, match="format 0x2"):
        Clip.open(encoded(tmp_path / "a.wav", "adpcm_ms", given, "s16"))


def test_sound_is_no_picture(tmp_path: Path, make_clip: MakeClip, mediadask: Command) -> None:
    sound = write_wav(tmp_path / "a.wav", noise(100))
    with pytest.raises(InvalidRequest, match="no layer"):
        Clip.open(f"{sound}?layer=x")
    report = md.proxy(sound, tmp_path / "out").compute()
    assert "is sound, and has no pictures" in report.failures[0].failure.error
    shown = mediadask("info", sound)
    assert shown.returncode == 0
    assert "pcm_s24le" in shown.stdout
    assert "0x0" not in shown.stdout
