"""CinemaDNG: pixels as rawpy has them, and what the camera noted."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rawpy

import mediadask as md
from mediadask.clips import Clip
from mediadask.clips.conformance import ReaderConformance
from mediadask.errors import CorruptFrame, InvalidRequest, UnreadableMedia, UnsupportedMedia
from tests.clips.dng_files import bcd, scene, write_dng

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 64, 48


def sequence(folder: Path, frames: int = 9, **how: Any) -> str:
    for number in range(frames):
        write_dng(folder / f"A001_C001_{number:06}.dng", scene(*SIZE, number), **how)
    return str(folder / "A001_C001_%06d.dng")


class _Dng(ReaderConformance):
    reader = "sequence"
    choice = ""

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return sequence(tmp_path, timecode=bcd(10, 0, 0, 0), bits=12) + self.choice

    @pytest.fixture
    def damaged(self, url: str, tmp_path: Path) -> tuple[str, set[int]]:
        """A hole, a file cut short in its tags, and one of another camera."""
        names = [tmp_path / f"A001_C001_{number:06}.dng" for number in range(9)]
        names[2].unlink()
        names[4].write_bytes(names[4].read_bytes()[:200])
        write_dng(names[6], scene(*SIZE), model="Other")
        return url, {2, 4, 6}

    def broken(self, url: str, folder: Path, content: bytes | None) -> str:
        return super().broken(url.partition("?")[0], folder, content) + self.choice


class TestDebayered(_Dng):
    pass


class TestMosaic(_Dng):
    choice = "?debayer=none"


@pytest.mark.parametrize("bits", [12, 16])
def test_the_mosaic_is_what_was_recorded(bits: int, tmp_path: Path) -> None:
    codes = scene(*SIZE)
    path = write_dng(tmp_path / "a.dng", codes, bits=bits)
    clip = Clip.open(f"{path}?debayer=none")
    assert clip.header.pixel_format.name == "bayer_rggb16le"
    assert clip.header.pixel_format.bits == bits
    (frame,) = clip.frames()
    np.testing.assert_array_equal(frame.planes[0], codes)
    assert md.open_clip(f"{path}?debayer=none").frames.sizes["channel"] == 1


@pytest.mark.parametrize("method", ["linear", "vng", "ppg", "ahd", "dcb", "dht", "aahd"])
def test_every_debayer_is_rawpys(method: str, tmp_path: Path) -> None:
    path = write_dng(tmp_path / "a.dng", scene(*SIZE), neutral=(0.5, 1.0, 0.7))
    (frame,) = Clip.open(f"{path}?debayer={method}").frames()
    with rawpy.imread(str(path)) as raw:
        expected = raw.postprocess(
            demosaic_algorithm=rawpy.DemosaicAlgorithm[method.upper()], use_camera_wb=True,
            output_color=rawpy.ColorSpace.ACES, output_bps=16, gamma=(1, 1), no_auto_bright=True,
            adjust_maximum_thr=0.0, user_flip=0,
        )  # fmt: skip
    np.testing.assert_array_equal(np.stack(frame.planes, -1), expected)


@pytest.mark.parametrize("neutral", [(1.0, 1.0, 1.0), (0.5, 1.0, 0.7)])
def test_a_gray_card_is_gray_at_its_level(neutral: tuple[float, float, float], tmp_path: Path) -> None:
    """By hand: codes of a flat gray of 0.25 under that light, between black and white level."""
    black, white, level = 200, 3800, 0.25
    codes = np.empty((48, 64), np.uint16)
    for (row, column), share in zip(
        ((0, 0), (0, 1), (1, 0), (1, 1)), [neutral[i] for i in (0, 1, 1, 2)], strict=True
    ):
        codes[row::2, column::2] = round(black + level * share * (white - black))
    path = write_dng(tmp_path / "a.dng", codes, black=black, white=white, neutral=neutral)
    clip = Clip.open(f"{path}?debayer=linear")
    assert (clip.header.color.primaries, clip.header.color.transfer) == ("ap0", "linear")
    (frame,) = clip.frames()
    for plane in frame.planes:
        np.testing.assert_allclose(plane[8:-8, 8:-8] / 65535, level, atol=0.004)


def test_a_dark_frame_is_not_made_brighter_than_its_neighbors(tmp_path: Path) -> None:
    """LibRaw's own default takes the brightest pixel for white."""
    for number, peak in enumerate((3000, 1500)):
        codes = np.full((48, 64), 800, np.uint16)
        codes[20:24, 20:24] = peak
        write_dng(tmp_path / f"a_{number:04}.dng", codes)
    first, second = Clip.open(tmp_path / "a_%04d.dng").frames()
    np.testing.assert_array_equal(first.planes[1][40:, 40:], second.planes[1][40:, 40:])


def test_a_linearization_table_is_honored(tmp_path: Path) -> None:
    codes = (scene(*SIZE) >> 4).astype(np.uint16)
    table = (np.arange(256) ** 2 // 16).astype(int).tolist()
    path = write_dng(tmp_path / "a.dng", codes, more={50712: ("H", table)})
    (frame,) = Clip.open(f"{path}?debayer=none").frames()
    np.testing.assert_array_equal(frame.planes[0], np.array(table)[codes])


def test_what_the_camera_noted(tmp_path: Path) -> None:
    url = sequence(tmp_path, 3, timecode=bcd(10, 1, 2, 3), rate=(24000, 1001), reel="A007")
    header = Clip.open(url).header
    assert (header.timecode, header.frame_rate, header.reel) == ("10:01:02:03", Fraction(24000, 1001), "A007")
    facts = md.inspect(url)
    assert (facts.codec, facts.frames, facts.bit_depth) == ("dng", 3, 16)
    assert (facts.camera_make, facts.camera_model) == ("Maker", "Cine Camera")
    dataset = md.open_clip(url)
    assert dataset.frames.sel(timecode="10:01:02:05").frame.item() == 2


def test_drop_frame_and_blank_labels(tmp_path: Path) -> None:
    how = {"rate": (30000, 1001), "timecode": bcd(1, 2, 3, 4, drop=True)}
    assert Clip.open(write_dng(tmp_path / "a.dng", scene(*SIZE), **how)).header.timecode == "01:02:03;04"
    how = {"timecode": b"\xff" * 8, "rate": None}
    header = Clip.open(write_dng(tmp_path / "b.dng", scene(*SIZE), **how)).header
    assert header.timecode is None
    assert ("assumed", "frame_rate") in [(tag.source, tag.name) for tag in header.tags]


def test_what_is_not_applied_is_told(tmp_path: Path) -> None:
    warp = (
        (1).to_bytes(4, "big")
        + (1).to_bytes(4, "big")
        + bytes([1, 3, 0, 0])
        + bytes(4)
        + (4).to_bytes(4, "big")
        + bytes(4)
    )
    path = write_dng(tmp_path / "a.dng", scene(*SIZE), more={51022: ("B", warp)})
    told = [tag.value for tag in Clip.open(path).header.tags if tag.name == "not applied"]
    assert told == ["OpcodeList3 WarpRectilinear"]


def test_another_camera_in_a_sequence_is_named(tmp_path: Path) -> None:
    url = sequence(tmp_path, 4)
    write_dng(tmp_path / "A001_C001_000002.dng", scene(*SIZE), serial="9999")
    with pytest.raises(CorruptFrame, match="another camera: 'Maker Cine Camera 9999'") as raised:
        list(Clip.open(url).frames())
    assert raised.value.frame == 2
    assert "\n" not in str(raised.value)


def test_what_is_no_dng_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    plain = write_dng(path, scene(*SIZE)).read_bytes()
    path.write_bytes(
        plain.replace((50706).to_bytes(2, "little") + b"\1\0", (50705).to_bytes(2, "little") + b"\1\0")
    )
    with pytest.raises(UnreadableMedia, match="is a TIFF image"):
        Clip.open(path)
    write_dng(path, scene(*SIZE), more={259: ("H", [52546])})
    with pytest.raises(UnsupportedMedia, match="JPEG XL"):
        Clip.open(path)
    write_dng(path, scene(*SIZE))
    with pytest.raises(InvalidRequest, match=r"no debayer 'amaze'.*use ahd"):
        Clip.open(f"{path}?debayer=amaze")


def test_it_has_a_proxy(tmp_path: Path) -> None:
    url = sequence(tmp_path, 4)
    report = md.proxy(url, tmp_path / "out").compute()
    assert not report.failures
    assert len(Clip.open(report.results[0].url)) == 4
