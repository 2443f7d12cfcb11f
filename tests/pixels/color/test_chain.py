"""Color steps are plain data, agree with OpenColorIO, and say in a line what is wrong with their file."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import PyOpenColorIO as ocio
import pytest
from pydantic import TypeAdapter

from mediadask.choices import CONFIG
from mediadask.documents import Cdl
from mediadask.errors import InvalidRequest, MediaChanged, MediaError, MissingMedia, UnreadableMedia
from mediadask.pixels import Color
from mediadask.pixels.color.steps import Lut
from mediadask.pixels.halves import by_arithmetic, half_bits

STUDIO = "ocio://studio-config-v2.1.0_aces-v1.3_ocio-v2.3"
LOGS = [
    "ARRI LogC3 (EI800)",
    "ARRI LogC4",
    "S-Log3 S-Gamut3.Cine",
    "V-Log V-Gamut",
    "Log3G10 REDWideGamutRGB",
    "CanonLog3 CinemaGamut D55",
    "Apple Log",
    "BMDFilm WideGamut Gen5",
    "D-Log D-Gamut",
    "ACEScct",
]


def write_cube(path: Path, size: int = 17, power: float = 1.2) -> Path:
    grid = np.linspace(0, 1, size)
    lines = [f"{r**power:.6f} {g:.6f} {1 - b:.6f}" for b in grid for g in grid for r in grid]
    path.write_text(f"LUT_3D_SIZE {size}\n" + "\n".join(lines) + "\n")
    return path


def picture(dtype: Any, channels: int = 3) -> np.ndarray[Any, np.dtype[Any]]:
    values = np.random.default_rng(0).random((channels, 100, 60))
    peak = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    return (values * peak).astype(dtype).transpose(1, 2, 0)


@pytest.mark.parametrize("source", ["uint8", "uint16", "float16", "float32"])
@pytest.mark.parametrize("target", ["uint8", "uint16", "float16", "float32"])
@pytest.mark.parametrize("channels", [3, 4])
def test_a_lut_does_what_opencolorio_does(tmp_path: Path, source: Any, target: Any, channels: int) -> None:
    color = Color.lut(write_cube(tmp_path / "look.cube"))
    given = picture(source, channels)
    values = given / (np.iinfo(source).max if np.dtype(source).kind == "u" else 1)
    expected = np.ascontiguousarray(values, np.float32)
    transform = ocio.FileTransform(str(tmp_path / "look.cube"), interpolation=ocio.INTERP_TETRAHEDRAL)
    cpu = ocio.Config.CreateRaw().getProcessor(transform).getDefaultCPUProcessor()
    (cpu.applyRGB if channels == 3 else cpu.applyRGBA)(expected)
    result = color.apply(given, target)
    assert result.dtype == target
    assert result.shape == given.shape
    scale = np.iinfo(target).max if np.dtype(target).kind == "u" else 1
    tolerance = {"uint8": 0.6 / 255, "uint16": 1e-4, "float16": 2e-3, "float32": 2e-4}[target]
    assert np.abs(result / scale - expected).max() <= tolerance


def test_a_config_converts_between_its_spaces() -> None:
    color = Color.convert("ARRI LogC4", "ACEScg", STUDIO)
    middle = np.full(
        (2, 2, 3), 0.2783958, np.float32
    )  # LogC4's code of 18 % gray (ARRI, LogC4 specification)
    assert np.abs(color.apply(middle) - 0.18).max() < 1e-4


def test_it_is_a_value(tmp_path: Path) -> None:
    color = Color.lut(write_cube(tmp_path / "look.cube"))
    again = pickle.loads(pickle.dumps(color))
    assert again == color == Color.lut(tmp_path / "look.cube")
    assert hash(again) == hash(color)
    write_cube(tmp_path / "look.cube", power=1.5)
    assert Color.lut(tmp_path / "look.cube") != color


def test_a_file_that_changed_since_is_noticed_where_it_is_used(tmp_path: Path) -> None:
    path = write_cube(tmp_path / "look.cube")
    planned = Color((Lut(os.fspath(path), "0" * 64),))
    with pytest.raises(MediaChanged, match=r"look\.cube"):
        planned.apply(picture("float32"))


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda folder: Color.lut(folder / "none.cube"), MissingMedia),
        (lambda folder: Color.lut(folder), UnreadableMedia),
        (lambda folder: Color.lut(folder / "broken.cube"), UnreadableMedia),
        (lambda folder: Color.convert("a", "b", folder / "none.ocio"), MissingMedia),
        (lambda folder: Color.convert("a", "b", folder / "broken.cube"), UnreadableMedia),
        (lambda folder: Color.convert("no such space", "ACEScg", STUDIO), InvalidRequest),
        (lambda folder: Color.convert("a", "b", "ocio://no-such-config"), UnreadableMedia),
        (lambda folder: Color.view("ACEScg", "sRGB", "Raw"), InvalidRequest),
        (lambda folder: Color.view("ACEScg", "sRGB - Display", "no such view"), InvalidRequest),
        (lambda folder: Color.look("no such look", "ACEScg"), InvalidRequest),
        (lambda folder: Color.lut(folder / "gray.clf").inverse(), UnreadableMedia),
        (lambda folder: Color.cdl(Cdl(slope=(0.0, 1.0, 1.0))).inverse(), InvalidRequest),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, make: Any, error: type[MediaError]) -> None:
    (tmp_path / "broken.cube").write_text("LUT_3D_SIZE 2\n0 0\n")
    (tmp_path / "gray.clf").write_text(
        '<ProcessList id="a" compCLFversion="3"><Matrix inBitDepth="32f" outBitDepth="32f">'
        '<Array dim="3 3">1 1 1 1 1 1 1 1 1</Array></Matrix></ProcessList>'
    )
    with pytest.raises(error) as raised:
        make(tmp_path)
    assert "\n" not in str(raised.value)


# 18 % gray, whose code the makers' papers give: ARRI, "LogC4 Specification" (2022) 0.2783958 and "ALEXA Log C
# Curve" (2017) 0.391007 at EI 800; Sony, "Technical Summary for S-Gamut3.Cine/S-Log3" 420/1023; Panasonic,
# "V-Log/V-Gamut Reference Manual" 433/1023; RED, "White Paper on REDWideGamutRGB and Log3G10" 1/3; ACES
# S-2016-001 (ACEScct) 0.4135884. White balance and neutrals hold in every gamut: gray stays gray.
@pytest.mark.parametrize("target", ["ACES2065-1", "ACEScg"])
@pytest.mark.parametrize(
    ("source", "code", "tolerance"),
    [
        ("ARRI LogC3 (EI800)", 0.391007, 1e-5),
        ("ARRI LogC4", 0.2783958, 1e-5),
        ("S-Log3 S-Gamut3", 420 / 1023, 1e-5),
        ("S-Log3 S-Gamut3.Cine", 420 / 1023, 1e-5),
        ("V-Log V-Gamut", 433 / 1023, 2e-4),
        ("Log3G10 REDWideGamutRGB", 1 / 3, 1e-5),
        ("ACEScct", 0.4135884, 1e-5),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "uint16"])
def test_middle_gray_is_what_the_makers_publish(
    source: str, code: float, tolerance: float, target: str, dtype: Any
) -> None:
    gray = np.full((2, 5, 3), code * (65535 if dtype == "uint16" else 1) + (dtype == "uint16") / 2).astype(
        dtype
    )
    made = Color.convert(source, target).apply(gray, "float32")
    assert np.abs(made - 0.18).max() < tolerance + (2e-5 if dtype == "uint16" else 0)


def half_steps(one: Any, other: Any) -> Any:
    """How many half floats lie between two values."""
    bits = [np.float32(values).astype(np.float16).view(np.int16).astype(int) for values in (one, other)]
    ordered = [np.where(value < 0, -32768 - value, value) for value in bits]
    return np.abs(ordered[0] - ordered[1])


def colors() -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Every gray there is, colors near it as pictures have them, and colors at random: (3, n, 3) codes."""
    random = np.random.default_rng(3)
    gray = np.repeat(np.arange(65536)[:, None], 3, 1)
    near = random.normal(0.42, 0.13, (65536, 1)) + random.normal(0, 0.04, (65536, 3))
    return np.stack([gray, np.clip(near, 0, 1) * 65535, random.integers(0, 65536, (65536, 3))]).astype("u2")


@pytest.mark.parametrize(("source", "target"), [*((log, "ACES2065-1") for log in LOGS), (LOGS[0], "ACEScg")])
def test_fast_paths_are_within_one_half_float_of_opencolorio_s_exact_one(source: str, target: str) -> None:
    codes = colors()
    expected = np.float32(codes / 65535)
    exact = ocio.Config.CreateFromFile(CONFIG).getProcessor(source, target)
    exact.getOptimizedCPUProcessor(ocio.OPTIMIZATION_LOSSLESS).applyRGB(expected)
    color = Color.convert(source, target)
    for given in (codes, np.float32(codes / 65535)):
        for dtype in ("float16", "float32"):
            gray, near, random = (half_steps(expected, color.apply(given, dtype)) > 1).mean(axis=(1, 2))
            assert gray == 0
            assert near <= 3e-5
            assert random <= 1e-4


@pytest.mark.parametrize("peak", [1, 4])
def test_packed_pictures_are_changed_in_place_as_others_are(peak: float) -> None:
    color = Color.convert("ARRI LogC3 (EI800)", "ACES2065-1", STUDIO)
    given = picture("float32") * np.float32(peak)
    packed = np.zeros((*given.shape[:2], 4), np.float32)
    packed[..., :3] = given
    color.apply_packed(packed)
    assert np.array_equal(packed[..., :3], color.apply(given))


def test_values_beyond_the_table_come_out_as_opencolorio_has_them() -> None:
    given = np.random.default_rng(0).random((64, 30, 3), np.float32)
    given[3, 4] = -0.4, 1.4, 0.5
    given[40, 2] = -9.0, 2.0, 0.5
    expected = given.copy()
    processor = ocio.Config.CreateFromFile(CONFIG).getProcessor("ARRI LogC4", "ACEScg")
    processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_LOSSLESS).applyRGB(expected)
    made = Color.convert("ARRI LogC4", "ACEScg").apply(given)
    np.testing.assert_allclose(made, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("to_bits", [by_arithmetic, half_bits])
def test_halves_round_as_ieee_754_says(to_bits: Any) -> None:
    halves = np.arange(65536, dtype=np.uint16).view(np.float16)[
        np.isfinite(np.arange(65536, dtype=np.uint16).view(np.float16))
    ]
    steps = np.sort(halves.astype(np.float32))
    middles = (steps[:-1] + steps[1:]) / 2
    values = np.concatenate(
        [steps, middles, np.nextafter(middles, np.float32(9e9)), [1e-9, 65519, 65520, 1e9, np.inf]]
    )
    values = np.float32(values)
    made = np.array([to_bits(value) for value in values], np.uint16).view(np.float16)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(made, values.astype(np.float16))
    assert np.isnan(np.uint16(to_bits(np.float32(np.nan))).view(np.float16))


def test_steps_fold_into_one_pass_with_the_result_of_several(tmp_path: Path) -> None:
    cdl = Cdl((1.2, 1.0, 0.9), (0.01, 0.0, -0.01), (1.0, 1.1, 1.0), 0.9)
    steps = [
        Color.convert("ARRI LogC4", "ACES2065-1"),
        Color.cdl(cdl, "ACES2065-1"),
        Color.view("ACES2065-1", "sRGB - Display", "Un-tone-mapped"),
        Color.lut(write_cube(tmp_path / "look.cube")),
    ]
    given = picture("float32") * np.float32(0.5)
    expected = given
    for step in steps:
        expected = step.apply(expected)
    assert np.abs(Color.chain(*steps).apply(given) - expected).max() < 1e-4
    assert Color.chain(*steps).steps == tuple(one for step in steps for one in step.steps)
    np.testing.assert_array_equal(Color().apply(given), given)


def test_a_grade_is_made_in_its_working_space() -> None:
    cdl = Cdl(offset=(0.1, 0.1, 0.1))
    given = picture("float32")
    config = ocio.Config.CreateFromFile(CONFIG)
    expected = np.ascontiguousarray(given)
    config.getProcessor("ACEScg", "ACEScct").getDefaultCPUProcessor().applyRGB(expected)
    expected += np.float32(0.1)
    config.getProcessor("ACEScct", "ACEScg").getDefaultCPUProcessor().applyRGB(expected)
    assert np.abs(Color.cdl(cdl, "ACEScg").apply(given) / expected - 1).max() < 1e-4
    assert np.abs(Color.cdl(cdl, "ACEScg", "ACEScg").apply(given) - (given + np.float32(0.1))).max() < 1e-6


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: Color.convert("ARRI LogC3 (EI800)", "ACEScg"),
        lambda folder: Color.view("ACEScg", "sRGB - Display", "Un-tone-mapped"),
        lambda folder: Color.look("ACES 1.3 Reference Gamut Compression", "ACEScg"),
        lambda folder: Color.cdl(Cdl((1.1, 1.0, 0.9), (0.05, 0.0, 0.0), (1.2, 1.0, 0.9), 0.8)),
        lambda folder: Color.lut(write_cube(folder / "look.cube", 33)),
    ],
)
def test_what_is_done_is_undone(tmp_path: Path, make: Any) -> None:
    color = make(tmp_path)
    given = picture("float32") * np.float32(0.6) + np.float32(0.2)
    assert np.abs(Color.chain(color, color.inverse()).apply(given) - given).max() < 2e-3
    assert color.inverse().inverse() == color


def test_names_aliases_and_roles_are_one_step() -> None:
    assert Color.convert("lin_ap1", "aces2065_1") == Color.convert("scene_linear", "ACES2065-1")


def test_it_is_plain_data(tmp_path: Path) -> None:
    color = Color.chain(
        Color.lut(write_cube(tmp_path / "look.cube")),
        Color.convert("ARRI LogC4", "ACEScg"),
        Color.cdl(Cdl(saturation=0.5), "ACEScg"),
        Color.look("ACES 1.3 Reference Gamut Compression", "ACEScg", inverse=True),
        Color.view("ACEScg", "sRGB - Display", "Un-tone-mapped", inverse=True),
    )
    plain = TypeAdapter(Color)
    assert plain.validate_json(plain.dump_json(color)) == color
    assert pickle.loads(pickle.dumps(color)) == color


def test_a_lut_is_read_from_object_storage(bucket: str, tmp_path: Path) -> None:
    table = write_cube(tmp_path / "look.cube")
    with fsspec.open(f"{bucket}/look.cube", "wb") as file:
        file.write(table.read_bytes())
    given = picture("float32")
    np.testing.assert_array_equal(
        Color.lut(f"{bucket}/look.cube").apply(given), Color.lut(table).apply(given)
    )


def test_a_clf_s_steps_are_all_done(tmp_path: Path) -> None:
    (tmp_path / "look.clf").write_text(
        """<?xml version="1.0" encoding="UTF-8"?>
        <ProcessList id="a" compCLFversion="3">
            <Matrix inBitDepth="32f" outBitDepth="32f"><Array dim="3 3">2 0 0 0 1 0 0 0 0.5</Array></Matrix>
            <LUT1D inBitDepth="32f" outBitDepth="32f"><Array dim="2 1">0 0.5</Array></LUT1D>
        </ProcessList>"""
    )
    given = picture("float32") * np.float32(0.4)
    made = Color.lut(tmp_path / "look.clf").apply(given)
    assert np.abs(made - given * np.float32([1, 0.5, 0.25])).max() < 1e-6


def test_a_show_s_own_config_is_read_by_its_path_and_noticed_when_it_changes(tmp_path: Path) -> None:
    own = tmp_path / "show.ocio"
    config = ocio.Config.CreateFromFile(STUDIO)
    config.setName("show")
    own.write_text(config.serialize())
    color = Color.convert("ARRI LogC4", "ACEScg", own)
    expected = Color.convert("ARRI LogC4", "ACEScg", STUDIO).apply(picture("float32"))
    np.testing.assert_array_equal(color.apply(picture("float32")), expected)
    config.addColorSpace(ocio.ColorSpace(name="Acme Log"))
    own.write_text(config.serialize())
    changed = Color.convert("Acme Log", "ACEScg", own)
    assert changed.steps[0].digest != color.steps[0].digest
    with pytest.raises(MediaChanged, match=r"show\.ocio"):
        Color((replace(changed.steps[0], digest="0" * 64),)).apply(picture("float32"))


OWN_LUT = """ocio_profile_version: 2
search_path: luts
roles: {default: linear, scene_linear: linear}
file_rules:
  - !<Rule> {name: Default, colorspace: linear}
displays:
  screen:
    - !<View> {name: look, colorspace: log}
colorspaces:
  - !<ColorSpace> {name: linear}
  - !<ColorSpace> {name: gamma, to_scene_reference: !<ExponentTransform> {value: 2}}
  - !<ColorSpace> {name: log, to_scene_reference: !<FileTransform> {src: log.cube}}
"""


def test_a_changed_lut_of_a_config_is_another_color(tmp_path: Path) -> None:
    def write(peak: float) -> None:
        (tmp_path / "luts" / "log.cube").write_text(f"LUT_1D_SIZE 2\n0 0 0\n{peak} {peak} {peak}\n")

    (tmp_path / "luts").mkdir()
    (tmp_path / "show.ocio").write_text(OWN_LUT)
    write(0.5)
    made = [
        lambda: Color.convert("log", "linear", tmp_path / "show.ocio"),
        lambda: Color.convert("linear", "log", tmp_path / "show.ocio").inverse(),
        lambda: Color.view("linear", "screen", "look", tmp_path / "show.ocio").inverse(),
    ]
    untouched = Color.convert("gamma", "linear", tmp_path / "show.ocio")
    given = picture("float32") * np.float32(0.4)
    before = [make() for make in made]
    for color in before:
        np.testing.assert_allclose(color.apply(given), given / 2, rtol=1e-5, atol=1e-6)
    write(0.25)
    assert Color.convert("gamma", "linear", tmp_path / "show.ocio") == untouched, "which goes through no LUT"
    for make, old in zip(made, before, strict=True):
        assert make() != old
        np.testing.assert_allclose(make().apply(given), given / 4, rtol=1e-5, atol=1e-6)
    late = Color((replace(before[0].steps[0], digest=f"{untouched.steps[0].digest}:{'0' * 64}"),))
    with pytest.raises(MediaChanged, match=r"show\.ocio: goes through a LUT that has changed"):
        late.apply(given)


def test_a_lut_that_has_changed_is_read_again(tmp_path: Path) -> None:
    given = picture("float32") * np.float32(0.4)
    for peak in (0.5, 0.25):
        (tmp_path / "a.cube").write_text(f"LUT_1D_SIZE 2\n0 0 0\n{peak} {peak} {peak}\n")
        np.testing.assert_allclose(Color.lut(tmp_path / "a.cube").apply(given), given * peak, rtol=1e-5)


CLF = """<?xml version="1.0" encoding="UTF-8"?>
<ProcessList id="a" compCLFversion="3">
    <Matrix inBitDepth="32f" outBitDepth="32f"><Array dim="3 3">0.8 0.1 0.1 0 1 0 0 0.2 0.7</Array></Matrix>
    <ASC_CDL inBitDepth="32f" outBitDepth="32f" style="FwdNoClamp">
        <SOPNode><Slope>1.1 1 0.9</Slope><Offset>0.02 0 -0.01</Offset><Power>1 1.1 1</Power></SOPNode>
        <SatNode><Saturation>0.9</Saturation></SatNode>
    </ASC_CDL>
</ProcessList>"""
THREE_DL = "0 256 512 768 1023\n" + "".join(
    f"{1000 * r + 40} {950 * g} {900 * b + 9 * r}\n" for r in range(5) for g in range(5) for b in range(5)
)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("name", ["look.cube", "look.clf", "look.3dl", "look.cc"])
def test_opencolorio_s_own_command_says_the_same(tmp_path: Path, name: str, inverse: bool) -> None:
    path = tmp_path / name
    cdl = Cdl((1.1, 1.0, 0.9), (0.02, 0.0, -0.01), (1.0, 1.1, 1.0), 0.9)
    if name == "look.cube":
        write_cube(path)
    elif name == "look.cc":
        cdl.write(path)
    else:
        path.write_text(CLF if name == "look.clf" else THREE_DL)
    color = Color.cdl(cdl) if name == "look.cc" else Color.lut(path)
    given = np.float32([0.31, 0.42, 0.53])
    command = [Path(sys.executable).with_name("ociochecklut"), path, *map(str, given)]
    said = subprocess.check_output([*command, *(["--inv"] if inverse else [])], text=True)
    made = (color.inverse() if inverse else color).apply(np.broadcast_to(given, (3, 2, 3)))
    assert made[1, 1] == pytest.approx([float(word) for word in said.split()], abs=2e-4)
