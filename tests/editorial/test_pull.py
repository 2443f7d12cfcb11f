"""Pulls: what stands in the folder afterwards, read by others; reruns, longer handles, bad days."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import dask
import fsspec
import numpy as np
import OpenEXR
import OpenImageIO as oiio
import opentimelineio as otio
import PyOpenColorIO as ocio
import pytest
from distributed import Client

import mediadask as md
from mediadask import footage
from mediadask.clips import Clip
from mediadask.documents import Cdl
from mediadask.documents.amf import Amf
from mediadask.editorial import PlateName
from mediadask.editorial.pull import pull
from mediadask.pixels import Color, to_rgb

if TYPE_CHECKING:
    from tests.conftest import MakeClip

RATE = Fraction(30000, 1001)
CAMERA: dict[str, Any] = {
    "codec": "prores_ks",
    "pixel_format": "yuv444p10le",
    "size": (192, 108),
    "rate": RATE,
    "frames": 40,
}
EDL = """TITLE: EP104 TURNOVER 1
FCM: DROP FRAME

001  A001C001_240101_R1AB V     C        00:59:59;20 00:59:59;28 01:00:00;00 01:00:00;08
* ASC_SOP (1.1 1.0 0.9) (0.01 0 -0.01) (1 1.1 1)
* ASC_SAT 0.9
* LOC: 01:00:00;00 RED     ABC_104_065_010
002  A001C002_240101_R1AB V     C        02:00:00;04 02:00:00;10 01:00:00;08 01:00:00;14
* LOC: 01:00:00;08 RED     ABC_104_065_020
"""
NOBODY = "003  B007C001_240101_R1AB V     C        02:00:00;04 02:00:00;10 01:00:00;14 01:00:00;20\n"
V20 = "urn:ampas:aces:transformId:v2.0:"
THIRD = """003  A001C002_240101_R1AB V     C        02:00:00;10 02:00:00;12 01:00:00;14 01:00:00;16
* LOC: 01:00:00;14 RED     ABC_104_065_030
"""
HOW: dict[str, Any] = {"handles": 2, "input_space": "ARRI LogC4", "review": False}


@pytest.fixture
def rushes(make_clip: MakeClip, tmp_path: Path) -> Path:
    folder = tmp_path / "rushes"
    folder.mkdir()
    starts = {"A001C001": "00:59:59;10", "A001C002": "02:00:00;00"}
    for number, (name, start) in enumerate(starts.items()):
        made = make_clip(
            f"{name}.mov",
            **CAMERA,
            timecode=start,
            reel=f"{name}_240101_R1AB",
            scene=number,
            first_number=1000 * number,
        )
        shutil.copy(made, folder)
    return folder


@pytest.fixture
def edl(tmp_path: Path) -> Path:
    path = tmp_path / "turnover.edl"
    path.write_text(EDL)
    return path


def run(*args: Any, **how: Any) -> md.Report:
    (report,) = dask.compute(pull(*args, **{**HOW, **how}), num_workers=2)
    return report


def made(*args: Any, **how: Any) -> md.Report:
    report = run(*args, **how)
    assert not report.failures, report.failures
    return report


def numbers(out: Path, plate: str) -> list[tuple[int, int]]:
    """The number in every frame's name, and the one burnt into its picture."""
    found = []
    for path in sorted(out.glob(f"{plate}.*.exr")):
        pixels = OpenEXR.File(str(path)).channels()["RGB"].pixels.astype(np.float32)
        found.append((int(path.name.split(".")[-2]), footage.read_number(pixels)))
    return found


def state(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.iterdir())
        if path.is_file()
    }


ONE, TWO, THREE = (f"ABC_104_065_0{number}_PL01_v001" for number in (10, 20, 30))


def test_every_frame_of_every_event_is_the_one_that_was_asked_for(
    edl: Path, rushes: Path, tmp_path: Path
) -> None:
    report = made(edl, rushes, tmp_path / "out")
    assert [(plate.frames, plate.first_number) for plate in report.results] == [(12, 1001), (10, 1001)]
    assert numbers(tmp_path / "out", ONE) == [(1001 + row, 8 + row) for row in range(12)]
    assert numbers(tmp_path / "out", TWO) == [(1001 + row, 1002 + row) for row in range(10)]


def test_headers_are_complete(edl: Path, rushes: Path, tmp_path: Path) -> None:
    made(edl, rushes, tmp_path / "out")
    for row, label in ((0, "00:59:59;18"), (10, "00:59:59;28"), (11, "00:59:59;29")):
        header = OpenEXR.File(str(tmp_path / "out" / f"{ONE}.{1001 + row}.exr")).header()
        code = header["timeCode"]
        shown = f"{code.hours:02}:{code.minutes:02}:{code.seconds:02};{code.frame:02}"
        assert (shown, bool(code.dropFrame)) == (label, True)
        assert header["framesPerSecond"] == RATE
        assert header["reelName"] == "A001C001_240101_R1AB"
        assert (header["sourceClip"], header["sourceFrame"]) == ("A001C001.mov", 8 + row)
        assert header["chromaticities"] == pytest.approx(
            (0.7347, 0.2653, 0, 1, 0.0001, -0.077, 0.32168, 0.33767)
        )
        assert header["colorInteropID"] == "lin_ap0_scene"
        assert "acesImageContainerFlag" not in header, "ST 2065-4 knows no compression"
        assert len(json.loads(header["mediadask"])["mediadask"]) == 20
        assert header["compression"] == OpenEXR.ZIP_COMPRESSION


def test_what_the_camera_said_is_in_the_header(rushes: Path, tmp_path: Path, edl: Path) -> None:
    folder = tmp_path / "sequence"
    folder.mkdir()
    facts = {"cameraMake": "ARRI", "cameraModel": "ALEXA 35", "isoSpeed": ("float", 800.0)}
    footage.write_sequence(
        folder / "A001C001.%04d.exr",
        frames=40,
        size=(96, 54),
        rate=RATE,
        timecode="00:59:59;10",
        reel="A001C001_240101_R1AB",
        attributes=facts,
    )
    (report,) = dask.compute(
        pull(edl, folder, tmp_path / "out", **{**HOW, "input_space": "Linear Rec.709 (sRGB)"})
    )
    assert len(report.results) == 1
    header = OpenEXR.File(str(tmp_path / "out" / f"{ONE}.1001.exr")).header()
    said = md.inspect(folder / "A001C001.%04d.exr")
    assert (header["cameraMake"], header["cameraModel"]) == (said.camera_make, said.camera_model)
    assert header["cameraModel"] == "ALEXA 35"


def test_pixels_are_those_of_opencolorio(edl: Path, rushes: Path, tmp_path: Path) -> None:
    made(edl, rushes, tmp_path / "out", sample="float")
    clip = Clip.open(rushes / "A001C001.mov")
    (frame,) = clip.frames(8, 9)
    expected = np.ascontiguousarray(to_rgb(frame, "float32"))
    config = ocio.Config.CreateFromFile("ocio://studio-config-v5.0.0_aces-v2.1_ocio-v2.6")
    processor = config.getProcessor("ARRI LogC4", "ACES2065-1")
    processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_LOSSLESS).applyRGB(expected)
    pixels = OpenEXR.File(str(tmp_path / "out" / f"{ONE}.1001.exr")).channels()["RGB"].pixels
    np.testing.assert_allclose(pixels, expected, rtol=2e-4, atol=1e-6)


def test_the_array_gives_the_same_bits(edl: Path, rushes: Path, tmp_path: Path) -> None:
    made(edl, rushes, tmp_path / "out", sample="float")
    clip = Clip.open(rushes / "A001C001.mov")
    (frame,) = clip.frames(8, 9)
    expected = Color.convert("ARRI LogC4", "ACES2065-1").apply(to_rgb(frame, "float32"))
    pixels = OpenEXR.File(str(tmp_path / "out" / f"{ONE}.1001.exr")).channels()["RGB"].pixels
    np.testing.assert_array_equal(pixels, expected)


def test_what_stands_beside_a_plate(edl: Path, rushes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made(edl, rushes, out, review=True)
    beside = {path.name for path in out.iterdir() if path.suffix != ".exr"}
    assert beside == {
        *(f"{ONE}{suffix}" for suffix in (".amf", ".cc", ".cdl", ".jpg", ".json", ".mp4")),
        *(f"{TWO}{suffix}" for suffix in (".amf", ".jpg", ".json", ".mp4")),
        "turnover.edl",
        "turnover.html",
        "turnover_count_sheet.csv",
    }
    assert (out / "turnover.edl").read_text() == EDL
    grade = Cdl.read(out / f"{ONE}.cc")
    assert (grade.slope, grade.saturation) == ((1.1, 1.0, 0.9), 0.9)
    assert Cdl.read(out / f"{ONE}.cdl") == grade
    amf = Amf.read(out / f"{ONE}.amf")
    assert amf.clip is not None
    assert (amf.clip.file, amf.clip.frames) == (f"{ONE}.####.exr", (1001, 1012))
    assert amf.pipeline.input is not None
    assert amf.pipeline.input.applied
    assert not amf.pipeline.looks[0].applied
    page = (out / "turnover.html").read_text()
    assert page.count("data:image/jpeg") == 2
    assert ONE in page
    cells = [row.count("<td>") or row.count("<th>") for row in page.split("<tr")[1:]]
    assert len(set(cells)) == 1, "as many headings as cells"
    sheet = {
        row["Shot Code"]: row
        for row in csv.DictReader((out / "turnover_count_sheet.csv").read_text().splitlines())
    }
    row = sheet["ABC_104_065_010"]
    assert (row["File Path"], row["Cut In"], row["Cut Out"]) == (f"{ONE}.####.exr", "1003", "1010")
    assert (out / row["Version Thumbnail"]).read_bytes()[:2] == b"\xff\xd8", "a JPEG"
    with av.open(str(out / f"{ONE}.mp4")) as container:
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert [footage.read_number(image) for image in pictures] == list(range(8, 20))
    assert Clip.open(out / f"{ONE}.mp4").header.timecode == "00:59:59;18"


def test_the_review_shows_name_reel_timecode_and_number(edl: Path, rushes: Path, tmp_path: Path) -> None:
    from mediadask.render.burnin import burn_in

    gray = np.full((270, 480, 3), 0.5, np.float32)
    marked = burn_in(gray.copy(), {"top left": "SHOT", "bottom left": "A001", "bottom right": "1001"})
    touched = np.abs(marked - gray).max(axis=2) > 0.1
    assert touched[10:40, 10:100].any()
    assert touched[-40:-10, 10:100].any()
    assert touched[-40:-10, -100:-10].any()
    assert not touched[10:40, 240:].any()
    assert not touched[60:200].any()


def test_parts_of_a_review_have_the_bits_of_one_encode(
    edl: Path, rushes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediadask.render.segment.PLATE_UNIT_SECONDS", 0.02)
    made(edl, rushes, tmp_path / "out", review=True)
    with av.open(str(tmp_path / "out" / f"{ONE}.mp4")) as container:
        first, *later = [packet.size for packet in container.demux(video=0) if packet.is_keyframe]
    assert later
    assert min(later) > 1.1 * first, "x264 gives an encode's first keyframe less"


def test_a_grade_given_for_all_is_each_plate_s_own(edl: Path, rushes: Path, tmp_path: Path) -> None:
    """And keeps no name of another plate, which it may have in the file."""
    out = tmp_path / "out"
    Cdl((1.2, 1, 1), id="ABC_999_PL01_v001").write(tmp_path / "show.cc")
    made(edl, rushes, out, cdl=tmp_path / "show.cc")
    assert Cdl.read(out / f"{ONE}.cc").slope == (1.1, 1.0, 0.9), "the event's own goes first"
    assert Cdl.read(out / f"{TWO}.cc") == Cdl((1.2, 1, 1), id=TWO)
    look = Amf.read(out / f"{TWO}.amf").pipeline.looks[0]
    assert (look.description, look.cdl and look.cdl.slope) == (TWO, (1.2, 1, 1))


def test_of_a_show_s_grades_each_plate_has_its_own(edl: Path, rushes: Path, tmp_path: Path) -> None:
    show, out = tmp_path / "show.ccc", tmp_path / "out"
    edl.write_text(edl.read_text().replace("* ASC_S", "* NO_S") + THIRD)
    plates = (ONE, TWO, THREE)

    def write(slopes: dict[str, float]) -> None:
        corrections = "".join(
            f'<ColorCorrection id="{id}"><SOPNode><Slope>{slope} 1 1</Slope></SOPNode></ColorCorrection>'
            for id, slope in slopes.items()
        )
        show.write_text(f"<ColorCorrectionCollection>{corrections}</ColorCorrectionCollection>")

    write({"a001c001": 1.1, "A001C002_240101_r1ab.mov": 1.2, "abc_104_065_030": 1.3, "A001C002": 1.4})
    made(edl, rushes, out, cdl=show)
    assert [Cdl.read(out / f"{plate}.cc").slope[0] for plate in plates] == [1.1, 1.2, 1.3]
    assert Cdl.read(out / f"{TWO}.cc").id == TWO
    write({"A001C001": 1.1, "ABC_104_065_010": 1.6, ONE: 1.5, "A001C002": 1.4, "a001c002": 1.7})
    report = run(edl, rushes, out, cdl=show)
    assert Cdl.read(out / f"{ONE}.cc").slope[0] == 1.5, "the plate goes before shot and clip"
    lines = [outcome.failure.error for outcome in report.failures if outcome.failure]
    assert len(lines) == 2
    assert all("show.ccc: holds 2 corrections 'A001C002'; leave one of them" in line for line in lines)


def test_a_manifest_lists_every_file_with_its_hash(edl: Path, rushes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made(edl, rushes, out, review=True)
    manifest = json.loads((out / f"{ONE}.json").read_text())
    listed = {entry["name"]: entry for entry in manifest["files"]}
    there = {path.name for path in out.iterdir() if path.name.startswith(ONE)} - {f"{ONE}.json"}
    assert set(listed) == there
    for name, entry in listed.items():
        content = (out / name).read_bytes()
        assert (entry["sha256"], entry["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
    assert (manifest["first_frame"], manifest["cut_in"], manifest["cut_out"]) == (1001, 1003, 1010)
    assert manifest["source_timecode"] == "00:59:59;18"


def test_a_rerun_rewrites_nothing(edl: Path, rushes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made(edl, rushes, out, review=True)
    before = state(out)
    delivery = pull(edl, rushes, out, **{**HOW, "review": True})
    assert [len(group.units) for group in delivery.groups] == [1, 1], "there is nothing to do"
    (report,) = dask.compute(delivery)
    assert [plate.written for plate in report.results] == [0, 0]
    assert state(out) == before
    assert not (out / ".mediadask").exists()


def test_only_what_is_missing_or_altered_is_made_again(edl: Path, rushes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made(edl, rushes, out)
    before = state(out)
    (out / f"{ONE}.1003.exr").unlink()
    altered = bytearray((out / f"{ONE}.1005.exr").read_bytes())
    altered[-1] ^= 1
    (out / f"{ONE}.1005.exr").write_bytes(altered)
    shutil.copyfile(out / f"{ONE}.1007.exr", tmp_path / "copy")
    (tmp_path / "copy").replace(out / f"{ONE}.1007.exr")  # the same content, another time
    report = made(edl, rushes, out)
    assert [plate.written for plate in report.results] == [2, 0]
    after = state(out)
    assert {name: value[2] for name, value in after.items() if name.endswith(".exr")} == {
        name: value[2] for name, value in before.items() if name.endswith(".exr")
    }
    kept = [name for name in before if name.endswith(".exr") and before[name][:2] == after[name][:2]]
    assert len(kept) == 22 - 3


def test_longer_handles_render_only_the_new_frames(edl: Path, rushes: Path, tmp_path: Path) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    made(edl, rushes, out, review=True)
    report = made(edl, rushes, out, review=True, handles=4)
    assert [plate.written for plate in report.results] == [4, 4]
    made(edl, rushes, whole, review=True, handles=4)
    assert numbers(out, ONE) == [(999 + row, 6 + row) for row in range(16)], "pictures keep their numbers"
    for path in whole.glob(f"{ONE}.*.exr"):
        number = int(path.name.split(".")[1]) - 2
        assert (out / f"{ONE}.{number:04}.exr").read_bytes() == path.read_bytes()
    report = made(edl, rushes, out, review=True, handles=1)
    assert [plate.written for plate in report.results] == [0, 0]
    assert numbers(out, ONE) == [(1002 + row, 9 + row) for row in range(10)], "and no frame too many"


def test_numbers_may_begin_at_the_cut(edl: Path, rushes: Path, tmp_path: Path) -> None:
    out, name = tmp_path / "out", PlateName(cut_frame=1001)
    made(edl, rushes, out, name=name)
    before = state(out)
    report = made(edl, rushes, out, name=name, handles=4)
    assert [plate.written for plate in report.results] == [4, 4]
    after = state(out)
    frames = [file for file in before if file.endswith(".exr")]
    assert {file: after[file][:2] for file in frames} == {file: before[file][:2] for file in frames}


def test_a_bad_event_fails_alone(edl: Path, rushes: Path, tmp_path: Path) -> None:
    edl.write_text(EDL + NOBODY)
    (rushes / "A001C002.mov").write_bytes((rushes / "A001C002.mov").read_bytes()[:-200])
    report = run(edl, rushes, tmp_path / "out")
    assert numbers(tmp_path / "out", ONE)
    reasons = [outcome.failure.error for outcome in report.failures if outcome.failure]
    assert any("B007C001_240101_R1AB" in reason and "line" in reason for reason in reasons)
    assert "B007C001" in (tmp_path / "out" / "turnover.html").read_text()


def test_a_corrected_list_goes_to_the_same_folder(edl: Path, rushes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    edl.write_text(EDL + NOBODY)
    assert len(run(edl, rushes, out).failures) == 1
    edl.write_text(EDL)
    report = made(edl, rushes, out)
    assert [plate.written for plate in report.results] == [0, 0]
    assert (out / "turnover.edl").read_text() == EDL
    assert "B007C001" not in (out / "turnover.html").read_text()

    (out / "turnover.edl").write_text("somebody's own")
    with pytest.raises(md.InvalidRequest, match="is another timeline of the same name"):
        pull(edl, rushes, out, **HOW)
    assert (out / "turnover.edl").read_text() == "somebody's own"


def test_a_list_that_is_not_ours_is_refused_before_anything_is_rendered(
    edl: Path, rushes: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    names = {"turnover.edl": "is another timeline", "turnover.html": "was not made here"}
    for name, what in {**names, "turnover_count_sheet.csv": "was not made here"}.items():
        (out / name).write_text("somebody's own")
        with pytest.raises(md.InvalidRequest, match=what):
            pull(edl, rushes, out, **HOW)
        (out / name).unlink()


def begun(*args: Any, **how: Any) -> md.Delivery:
    """A pull of which the first unit of the first plate has run."""
    delivery = pull(*args, **{**HOW, **how})
    delivery.groups[0].units[0]()
    return delivery


ACES = {"color_space": "ACES2065-1"}


@pytest.mark.parametrize(
    "other", [{"format": "dpx16", **ACES}, {"compression": "piz"}, {"format": "prores4444", **ACES}]
)
def test_a_whole_plate_stays_until_another_is_whole(
    edl: Path, rushes: Path, tmp_path: Path, other: dict[str, Any]
) -> None:
    out, alone = tmp_path / "out", tmp_path / "alone"
    made(edl, rushes, out)
    before = state(out)
    begun(edl, rushes, out, **other)
    assert state(out) == before
    first = next(out.glob(f".mediadask/{ONE}.json-*/{ONE}.*"), None)
    if first:
        first.replace(out / first.name)  # as if killed while they change places
    report = made(edl, rushes, out, **other)
    made(edl, rushes, alone, **other)
    assert not report.failures
    for path in alone.iterdir():
        assert path.suffix == ".json" or (out / path.name).read_bytes() == path.read_bytes(), path.name
    assert {path.name for path in out.iterdir()} == {path.name for path in alone.iterdir()}
    before = state(out)
    made(edl, rushes, out, **other)
    assert state(out) == before


def test_what_a_broken_run_left_in_another_format_or_range_goes(
    edl: Path, rushes: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    begun(edl, rushes, out, handles=8)
    assert len(numbers(out, ONE)) > 12
    made(edl, rushes, out)
    assert len(numbers(out, ONE)) == 12
    shutil.rmtree(out)
    begun(edl, rushes, out)
    made(edl, rushes, out, format="dpx16")
    assert {path.suffix for path in out.glob(f"{ONE}*")} == {".dpx", ".json", ".amf", ".cc", ".cdl"}


def test_what_is_in_the_way_is_said_before_anything_is_rendered(
    edl: Path, rushes: Path, tmp_path: Path
) -> None:
    def refused(out: Path, **how: Any) -> str:
        group = pull(edl, rushes, out, **{**HOW, **how}).groups[0]
        assert [unit.kind for unit in group.units] == ["plan"]
        with pytest.raises(md.InvalidRequest) as raised:
            group.units[0]()
        return str(raised.value)

    for name in (f"{ONE}.1004.exr", f"{ONE}.amf", f"{ONE}.json"):
        out = tmp_path / name
        out.mkdir()
        (out / name).write_text("somebody's own")
        assert refused(out, format="dpx10").startswith(
            f"{out / name}: is there already and was not made here"
        )
    made(edl, rushes, tmp_path / "out")
    shutil.copytree(rushes, tmp_path / "copy")
    shutil.rmtree(rushes)
    (tmp_path / "copy").rename(rushes.with_name("elsewhere"))
    rushes = rushes.with_name("elsewhere")
    said = f"is a plate of {tmp_path}/rushes/A001C001.mov, not of {tmp_path}/elsewhere/A001C001.mov"
    assert said in refused(tmp_path / "out")


def test_a_new_version_renders_only_what_is_new(edl: Path, rushes: Path, tmp_path: Path) -> None:
    out, second = tmp_path / "out", PlateName(version=2)
    made(edl, rushes, out)
    before = state(out)
    report = made(edl, rushes, out, name=second)
    assert [plate.written for plate in report.results] == [0, 0]
    after = state(out)
    assert {name: after[name] for name in before if name.endswith("exr")} == {
        name: value for name, value in before.items() if name.endswith("exr")
    }
    for name in (name for name in before if name.endswith("exr")):
        inode, _, content = after[name.replace("v001", "v002")]
        assert inode != before[name][0], "whoever changes one must not change the other"
        assert content == before[name][2]
    report = made(edl, rushes, out, name=PlateName(version=3), handles=4)
    assert [plate.written for plate in report.results] == [4, 4]
    report = made(edl, rushes, out, name=PlateName(version=4), handles=4, compression="piz")
    assert [plate.written for plate in report.results] == [16, 14]


def test_a_bundle_leaves_its_timeline_beside_the_plates(rushes: Path, tmp_path: Path) -> None:
    """Without the media that came in it."""
    first, frames = (otio.opentime.RationalTime(count, 30000 / 1001) for count in (107_880, 2))
    used = otio.opentime.TimeRange(first, frames)
    timeline = otio.schema.Timeline("DAY 12", [otio.schema.Track(kind="Video")])
    timeline.tracks[0].append(otio.schema.Clip("A001C001", source_range=used))
    text = timeline.to_json_string()
    with zipfile.ZipFile(tmp_path / "cut.otioz", "w") as archive:
        archive.writestr("content.otio", text)
        archive.writestr("media/A001C001.mov", bytes(1 << 20))
    (tmp_path / "cut.otiod").mkdir()
    (tmp_path / "cut.otiod" / "content.otio").write_text(text)
    for name in ("cut.otioz", "cut.otiod"):
        out = tmp_path / f"plates of {name}"
        assert made(tmp_path / name, rushes, out, handles=0).results[0].frames == 2
        assert (out / "cut.otio").read_text() == text
        assert (out / "cut.html").exists()
        assert made(tmp_path / name, rushes, out, handles=0).results[0].written == 0


def test_an_unknown_color_space_is_refused_with_what_to_do(edl: Path, rushes: Path, tmp_path: Path) -> None:
    with pytest.warns(md.MediaWarning, match=r"--input-space names the color space"):
        report = run(edl, rushes, tmp_path / "out", input_space=None)
    assert len(report.failures) == 2
    for outcome in report.failures:
        assert outcome.failure is not None
        assert "A001C00" in outcome.failure.error
        assert outcome.failure.error.endswith("name it with --input-space")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"compression": "lzw"}, "lzw"),
        ({"format": "jpeg"}, "jpeg"),
        ({"input_space": "LogD"}, "LogD"),
        ({"input_space": f"{V20}CSC.Nobody.a2.v1"}, "CSC.Nobody.a2.v1 is in no config at hand"),
        ({"input_space": f"{V20}Look.Academy.ReferenceGamutCompress.a2.v1"}, "is not a color space"),
        ({"colour_space": "ACEScg"}, "colour_space"),
        ({"cdl": "/none.cc"}, "none.cc"),
        ({"lut": "/none.cube"}, "none.cube"),
        ({"name": "../{shot}.{frame:04}.exr"}, "climbs out"),
        ({"name": "{shot}.exr"}, "has no {frame}"),
        ({"name": "{shot}.{frame:04}.tif"}, "does not end in .exr"),
        ({"name": "{shot}.{frame:04}.mov", "format": "dpx10"}, "does not end in .dpx"),
    ],
)
def test_options_that_make_no_sense_are_one_line(
    edl: Path, rushes: Path, tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    try:
        failures = run(edl, rushes, tmp_path / "out", **options).failures
        lines = [outcome.failure.error for outcome in failures if outcome.failure]
    except md.MediaError as error:
        lines = [str(error)]
    assert lines
    assert all(said in line and "\n" not in line for line in lines)
    assert not list(tmp_path.rglob("*.exr"))


def test_an_input_space_may_be_named_by_its_transform_id(edl: Path, rushes: Path, tmp_path: Path) -> None:
    made(edl, rushes, tmp_path / "named")
    made(edl, rushes, tmp_path / "out", input_space=f"{V20}CSC.Arri.LogC4_to_ACES.a2.v1")
    for name in (f"{ONE}.1001.exr", f"{ONE}.amf"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "named" / name).read_bytes()
    manifest = json.loads((tmp_path / "out" / f"{ONE}.json").read_text())
    assert manifest["input_space"] == "ARRI LogC4"


def test_what_was_not_made_here_is_never_overwritten(edl: Path, rushes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    foreign = out / f"{ONE}.1004.exr"
    footage.write_sequence(out / f"{ONE}.%04d.exr", first=1004, frames=1, size=(64, 36))
    content = foreign.read_bytes()
    report = run(edl, rushes, out)
    (failed,) = report.failures
    assert failed.failure is not None
    assert f"{foreign}: is there already and was not made here" in failed.failure.error
    assert foreign.read_bytes() == content
    assert len(report.results) == 1


def test_the_same_bytes_whatever_the_number_of_workers(
    edl: Path, rushes: Path, tmp_path: Path, processes: str
) -> None:
    made(edl, rushes, tmp_path / "threads", review=True)
    with Client(processes):
        (report,) = dask.compute(pull(edl, rushes, tmp_path / "processes", **{**HOW, "review": True}))
    assert not report.failures
    for path in sorted((tmp_path / "threads").iterdir()):
        if path.suffix != ".json":  # which holds times of files
            assert (tmp_path / "processes" / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_pool_finishes_the_folder_without_a_client(edl: Path, rushes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with md.Pool.local(workers=1) as pool:
        with md.Pool.connect(pool.address) as mine:
            id = mine.submit(pull(edl, rushes, out, **HOW)).id
        edl.unlink()  # nor the list's file
        assert pool.job(id).wait(600)
        assert (out / "turnover.edl").read_text() == EDL
        assert ONE in (out / "turnover.html").read_text()


KILLED = """
import os, signal, sys
from mediadask.checkpoint import checkpoints_call
from mediadask.editorial.pull import pull
left = int(sys.argv[4])
def count():
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
with checkpoints_call(count):
    for group in pull(sys.argv[1], sys.argv[2], sys.argv[3], handles=2, input_space="ARRI LogC4").groups:
        group.finish([unit() for unit in group.units])
"""


def test_a_kill_leaves_no_half_file_and_the_next_run_finishes(
    edl: Path, rushes: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    died = subprocess.run([sys.executable, "-c", KILLED, edl, rushes, out, "5"], check=False)
    assert died.returncode == -signal.SIGKILL
    assert [name for name, _ in numbers(out, ONE)] == [1001, 1002, 1003, 1004, 1005]
    before = state(out)
    report = made(edl, rushes, out, review=True)
    assert [plate.written for plate in report.results] == [7, 10]
    after = state(out)
    assert {name: after[name] for name in before} == before
    assert not (out / ".mediadask").exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounts a small disk")
def test_a_full_disk_is_one_line_and_the_rerun_finishes(edl: Path, rushes: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False).returncode:
        pytest.skip("no small disk can be mounted")
    try:
        failed = run(edl, rushes, disk / "out", compression="none").outcomes[0].failure
        assert failed is not None
        assert failed.kind == "OutputFailed"
        assert "No space left on device" in failed.error
        assert not list(disk.rglob("*.part*"))
        written = numbers(disk / "out", ONE)
        assert written == [(1001 + row, 8 + row) for row in range(len(written))]
        subprocess.run(["mount", "-o", "remount,size=16m", disk], check=True)
        report = made(edl, rushes, disk / "out", compression="none")
        assert report.results[0].written == 12 - len(written)
    finally:
        subprocess.run(["umount", disk], check=False)


def test_frames_that_do_not_decode_are_stood_in_for_and_reported(
    edl: Path, rushes: Path, tmp_path: Path
) -> None:
    clip = rushes / "A001C001.mov"
    data, index = bytearray(clip.read_bytes()), Clip.open(clip).index
    at = int(index.offset[12])
    data[at : at + 64] = bytes(64)
    clip.write_bytes(data)
    (failed,) = run(edl, rushes, tmp_path / "strict").failures
    assert failed.failure is not None
    assert "A001C001.mov frame 12" in failed.failure.error
    report = made(edl, rushes, tmp_path / "held", on_corrupt="hold")
    assert report.results[0].stand_ins == (12,)
    assert numbers(tmp_path / "held", ONE)[4] == (1005, 11)


@pytest.mark.parametrize(("format", "bits"), [("dpx10", 10), ("dpx16", 16)])
def test_dpx_plates(edl: Path, rushes: Path, tmp_path: Path, format: str, bits: int) -> None:
    out = tmp_path / "out"
    made(edl, rushes, out, format=format)
    paths = sorted(out.glob(f"{ONE}.*.dpx"))
    assert len(paths) == 12
    image = oiio.ImageInput.open(str(paths[1]))
    spec = image.spec()
    assert spec.get_int_attribute("oiio:BitsPerSample", 16) == bits
    assert spec.get_string_attribute("dpx:InputDevice") == "A001C001_240101_R1AB"
    (frame,) = Clip.open(rushes / "A001C001.mov").frames(9, 10)
    log = np.clip(to_rgb(frame, "float32"), 0, 1)
    read = image.read_image("uint16").astype(np.float64) / 65535
    assert np.abs(read - log).max() < 0.53 / (2**bits - 1), "log as the camera recorded it"
    assert Clip.open(out / f"{ONE}.%04d.dpx").header.timecode == "00:59:59;18"
    before = state(out)
    made(edl, rushes, out, format=format)
    assert state(out) == before


def test_prores_plates(edl: Path, rushes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made(edl, rushes, out, format="prores4444")
    clip = Clip.open(out / f"{ONE}.mov")
    assert (clip.header.codec, clip.header.timecode, len(clip)) == ("prores", "00:59:59;18", 12)
    assert clip.header.reel == "A001C001_240101_R1AB"
    assert clip.header.pixel_format.chroma == (1, 1)
    seen = [footage.read_number(to_rgb(frame, "uint8")) for frame in clip.frames()]
    assert seen == list(range(8, 20))
    color = clip.header.color
    assert (color.matrix, color.range, color.primaries, color.transfer) == ("bt709", "limited", None, None)
    before = state(out)
    made(edl, rushes, out, format="prores4444")
    assert state(out) == before
    made(edl, rushes, tmp_path / "named", format="prores4444", name="{shot}_take.mov")
    assert (tmp_path / "named" / "ABC_104_065_010_take.mov").exists()


@pytest.mark.parametrize(
    ("space", "tags"),
    [
        ("Rec.1886 Rec.709 - Display", ("bt709", "bt709", "bt709")),
        ("Rec.2100-PQ - Display", ("bt2020nc", "bt2020", "smpte2084")),
        ("ACEScct", ("bt709", None, None)),
    ],
)
def test_prores_says_what_color_it_holds_where_a_code_does(
    edl: Path, rushes: Path, tmp_path: Path, space: str, tags: tuple[str | None, ...]
) -> None:
    made(edl, rushes, tmp_path / "out", format="prores4444", color_space=space)
    clip = Clip.open(tmp_path / "out" / f"{ONE}.mov")
    assert (clip.header.color.matrix, clip.header.color.primaries, clip.header.color.transfer) == tags
    (frame,) = clip.frames(0, 1)
    (source,) = Clip.open(rushes / "A001C001.mov").frames(8, 9)
    expected = Color.convert("ARRI LogC4", space).apply(to_rgb(source, "float32"))
    colors = ((expected > 0) & (expected < 1)).all(axis=2)  # beyond, codes end where Y'CbCr ends
    assert colors.sum() > 1000
    assert np.median(np.abs(to_rgb(frame, "float32") - expected)[colors]) < 0.01


@pytest.mark.parametrize("format", ["exr", "prores4444"])
def test_a_folder_may_have_a_percent_sign(edl: Path, rushes: Path, tmp_path: Path, format: str) -> None:
    out = tmp_path / "50% done"
    made(edl, rushes, out, format=format, review=False)
    assert (out / (f"{ONE}.1001.exr" if format == "exr" else f"{ONE}.mov")).exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["50% done", "rushes", "turnover.edl"]


@pytest.mark.parametrize("compression", ["none", "piz", "htj2k"])
def test_compressions(edl: Path, rushes: Path, tmp_path: Path, compression: str) -> None:
    made(edl, rushes, tmp_path / "zip")
    made(edl, rushes, tmp_path / "other", compression=compression)
    one, other = (OpenEXR.File(str(tmp_path / where / f"{ONE}.1001.exr")) for where in ("zip", "other"))
    np.testing.assert_array_equal(one.channels()["RGB"].pixels, other.channels()["RGB"].pixels)
    assert ("acesImageContainerFlag" in other.header()) == (compression == "none")


def test_object_stores(edl: Path, rushes: Path) -> None:
    files, root = fsspec.url_to_fs("memory://pull/day1")
    for path in (edl, *rushes.iterdir()):
        files.put_file(str(path), f"/show/{path.relative_to(edl.parent)}")
    files.pipe("/show/grade.cc", Cdl(slope=(1.5, 1, 1)).document(".cc"))
    there = ("memory://show/turnover.edl", "memory://show/rushes", "memory://pull/day1")
    how = {"cdl": "memory://show/grade.cc"}
    made(*there, **how)
    assert sum(name.endswith(".exr") for name in files.find(root)) == 22
    assert sum(name.endswith(".cc") for name in files.find(root)) == 2
    assert not [name for name in files.find(root) if ".mediadask" in name]
    delivery = pull(*there, **HOW, **how)
    assert [len(group.units) for group in delivery.groups] == [1, 1]
    assert [group.finish for group in delivery.groups] == [None, None]
