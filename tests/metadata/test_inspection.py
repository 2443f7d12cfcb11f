"""What `inspect` and `inspect_many` promise."""

from __future__ import annotations

import json
import pickle
import shutil
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask
import pytest
from PIL import Image
from rich.console import Console

import mediadask as md
from mediadask import footage
from mediadask.metadata import inspect_each
from mediadask.metadata.model import ABOUT

if TYPE_CHECKING:
    from tests.conftest import MakeClip

CONTRACT = """
path container codec width height pixel_aspect pixel_format bit_depth frame_rate frames duration_s
start_timecode drop_frame reel camera_make camera_model camera_serial iso white_balance_k
shutter_angle_deg lens focal_length_mm squeeze color_space color_range audio_tracks audio_rate
size_bytes sources
"""

A_CAMERA: dict[str, Any] = {
    "codec": "prores_ks",
    "pixel_format": "yuv422p10le",
    "size": (128, 72),
    "frames": 12,
    "rate": Fraction(24000, 1001),
    "timecode": "01:00:00:00",
    "reel": "A001",
    "sound": "pcm_s24le",
}


@pytest.fixture
def clip(make_clip: MakeClip) -> md.ClipMetadata:
    return md.inspect(make_clip("a.mov", **A_CAMERA))


def test_the_facts_of_a_clip(clip: md.ClipMetadata) -> None:
    assert (clip.container, clip.codec, clip.width, clip.height) == ("mov", "prores", 128, 72)
    assert (clip.pixel_format, clip.bit_depth, clip.pixel_aspect) == ("yuv422p10le", 10, 1.0)
    assert (clip.frame_rate, clip.frames) == ("24000/1001", 12)
    assert clip.duration_s == pytest.approx(12 * 1001 / 24000)
    assert (clip.start_timecode, clip.drop_frame, clip.reel) == ("01:00:00:00", False, "A001")
    assert (clip.color_space, clip.color_range) == ("bt709", "limited")
    assert (clip.audio_tracks, clip.audio_rate) == (2, 48000)


def test_unknown_is_none(clip: md.ClipMetadata) -> None:
    assert [clip.camera_make, clip.camera_model, clip.camera_serial, clip.lens, clip.iso] == [None] * 5
    assert [clip.white_balance_k, clip.shutter_angle_deg, clip.focal_length_mm, clip.squeeze] == [None] * 4


def test_every_known_field_says_where_it_came_from(clip: md.ClipMetadata) -> None:
    known = {name for name, value in clip.as_dict().items() if value is not None} - set(ABOUT)
    assert set(clip.sources) == known


def test_the_contract_is_kept_and_is_json(clip: md.ClipMetadata) -> None:
    assert set(CONTRACT.split()) <= set(clip.as_dict())
    assert json.loads(json.dumps(clip.as_dict())) == clip.as_dict()


def test_drop_frame(make_clip: MakeClip) -> None:
    how = {**A_CAMERA, "timecode": "01:00:59;28", "rate": Fraction(30000, 1001)}
    clip = md.inspect(make_clip("df.mov", **how))
    assert (clip.start_timecode, clip.drop_frame) == ("01:00:59;28", True)


def test_it_travels_between_processes(clip: md.ClipMetadata) -> None:
    assert pickle.loads(pickle.dumps(clip)) == clip


def test_it_shows_itself(clip: md.ClipMetadata) -> None:
    console = Console(width=200, record=True, file=None, quiet=True)
    console.print(clip)
    assert "24000/1001" in clip._repr_html_()
    assert "24000/1001" in "".join(segment.text for segment in console.render(clip))


def test_markup_in_a_tag_is_shown_as_it_is(make_clip: MakeClip) -> None:
    how = {**A_CAMERA, "reel": "[red]<b>", "timecode": "02:00:00:00"}
    clip = md.inspect(make_clip("markup.mov", **how))
    assert "&lt;b&gt;" in clip._repr_html_()
    assert "[red]<b>" in "".join(segment.text for segment in Console(width=200).render(clip))


def test_many_are_lazy_and_become_a_table(make_clip: MakeClip, tmp_path: Path) -> None:
    good = make_clip("a.mov", **A_CAMERA)
    clips = [str(shutil.copy(good, tmp_path / f"{n}.mov")) for n in range(3)]
    lazy = md.inspect_many(clips)
    shutil.copy(good, tmp_path / "unrelated.mov")
    (table,) = dask.compute(lazy)
    assert list(table.path) == clips
    assert list(table.columns) == [*md.ClipMetadata.__dataclass_fields__, "error"]
    assert table.error.isna().all()
    assert (table.frames == 12).all()


def test_a_bad_clip_is_a_row_that_says_why(make_clip: MakeClip, tmp_path: Path) -> None:
    good = str(make_clip("a.mov", **A_CAMERA))
    missing, empty = str(tmp_path / "missing.mov"), tmp_path / "empty.mov"
    empty.touch()
    table = md.inspect_many([missing, good, empty]).compute()
    assert list(table.path) == [missing, good, str(empty)]
    assert "no such file" in table.error[0]
    assert table.error.isna().tolist() == [False, True, False]
    assert table.frames.tolist()[1] == 12
    assert table.frames.isna().tolist() == [True, False, True]


def test_clips_that_were_opened_before_are_answered_without_units(
    make_clip: MakeClip, tmp_path: Path
) -> None:
    names = [str(shutil.copy(make_clip("a.mov", **A_CAMERA), tmp_path / f"{n}.mov")) for n in range(4)]
    new, seen, changed, spoilt = names
    before, *_ = [md.inspect(name) for name in (seen, changed, spoilt)]
    shutil.copy(make_clip("longer.mov", **{**A_CAMERA, "frames": 13}), changed)
    Path(spoilt).write_text("no clip")
    sidecar = '<NonRealTimeMeta><Device manufacturer="Sony" modelName="VENICE"/></NonRealTimeMeta>'
    (tmp_path / "1M01.XML").write_text(sidecar)
    lazy = inspect_each([*names, seen])
    assert [group.units[0].args[0] for group in lazy.groups] == [[new], [changed], [spoilt]]
    report = lazy.compute()
    assert [outcome.name for outcome in report.outcomes] == [*names, seen]
    assert [outcome.value and outcome.value.frames for outcome in report.outcomes] == [12, 12, 13, None, 12]
    assert [outcome.name for outcome in report.failures] == [spoilt]
    # What stands beside a clip is looked at again, whatever is known of the clip itself.
    assert (before.camera_model, report.outcomes[1].value.camera_model) == (None, "VENICE")


def test_a_folder_is_searched(make_clip: MakeClip, tmp_path: Path) -> None:
    inner = tmp_path / "card" / "CLIP"
    inner.mkdir(parents=True)
    shutil.copy(make_clip("a.mov", **A_CAMERA), inner / "A001.mov")
    (inner / "notes.txt").write_text("not a clip")
    table = md.inspect_many(tmp_path).compute()
    assert list(table.path) == [str(inner / "A001.mov")]


def test_a_sequence_with_a_hole_counts_it(tmp_path: Path) -> None:
    frames = footage.write_sequence(tmp_path / "plate.%04d.exr", frames=5, size=(64, 36))
    frames[2].unlink()
    clip = md.inspect(tmp_path / "plate.%04d.exr")
    assert (clip.frames, clip.missing_frames) == (5, 1)


def test_the_number_of_a_sequence_s_first_file_is_told(tmp_path: Path) -> None:
    footage.write_sequence(tmp_path / "plate.%04d.exr", frames=3, size=(64, 36))
    assert md.inspect(tmp_path / "plate.%04d.exr").first_number == 1001
    (tmp_path / "plate.1001.exr").unlink()
    clip = md.inspect(tmp_path / "plate.%04d.exr")
    assert (clip.first_number, clip.sources["first_number"]) == (1002, "file system")


def test_a_rate_that_is_not_said_is_unknown(tmp_path: Path) -> None:
    for number in range(3):
        Image.fromarray(footage.picture(number, 64, 36)).save(tmp_path / f"frame.{number:04}.png")
    clip = md.inspect(tmp_path / "frame.%04d.png")
    assert (clip.frames, clip.frame_rate, clip.duration_s) == (3, None, None)
