"""Final Cut Pro X XML through OpenTimelineIO's own registry, as any program reads it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from mediadask.editorial import fcpx, read_timeline
from mediadask.errors import InvalidRequest, UnreadableMedia, UnsupportedMedia
from tests.editorial.test_fcpx import RATES, TWICE, at, frames_of, long, project, shot, time_map

NAME = "mediadask_fcpx"
HALF = time_map((0, 0), (480, 240))
FROZEN = time_map((0, 100), (240, 100))
BACKWARDS = time_map((0, 240), (240, 0))
TWICE_INSIDE = (
    f'<timeMap><timept time="0s" value="0s"/><timept time="{long(24)}" value="{long(48)}"/></timeMap>'
)
CLIPS = (
    shot("A001C001", inside=f'<marker start="{at(30)}" value="ABC_010" note="paint"/>'),
    shot("A001C002", 12, 24, TWICE),
    shot("A001C001", 24, 24, HALF),
    shot("A001C002", 0, 24, FROZEN),
    shot("A001C001", 0, 24, BACKWARDS),
    f'<ref-clip ref="compound" start="{long(4)}" duration="{long(30)}"/>',
    f'<ref-clip ref="compound" start="{long(4)}" duration="{long(20)}">{TWICE_INSIDE}</ref-clip>',
)
EDIT = project(*CLIPS, compound=shot("A001C001") + shot("A001C002", 24, 24, HALF))


@pytest.fixture
def edit(tmp_path: Path) -> Path:
    path = tmp_path / "edit.fcpxml"
    path.write_text(EDIT)
    return path


def events(path: Path) -> list[Any]:
    return [replace(event, where="") for event in read_timeline(path)]


def test_any_program_reads_it_by_its_suffix(edit: Path) -> None:
    """The wheel registers the adapter: see `opentimelineio.plugins` in pyproject.toml."""
    timeline = otio.adapters.read_from_file(edit)
    assert otio.adapters.from_filepath("edit.fcpxml").name == NAME
    assert (timeline.name, timeline.global_start_time.to_timecode()) == ("DAY 12", "10:00:00:00")
    assert [clip.name for clip in timeline.video_tracks()[0].find_clips()][:2] == ["A001C001", "A001C002"]


def test_its_ranges_are_of_the_media_and_its_speeds_are_effects(edit: Path) -> None:
    clips = list(otio.adapters.read_from_file(edit, adapter_name=NAME).find_clips())[:5]
    hour = 3600 * 24
    assert [
        (clip.source_range.start_time.value - hour, clip.source_range.duration.value) for clip in clips
    ] == [
        (24, 24),
        (24, 24),
        (12, 24),
        (100, 24),
        (240, 24),  # what plays backwards begins at the end
    ]
    assert [[effect.time_scalar for effect in clip.effects] for clip in clips] == [[], [2], [0.5], [0], [-1]]
    assert clips[0].media_reference.target_url == "file:///card/A001C001.mov"
    assert clips[0].media_reference.available_range == otio.opentime.TimeRange(
        otio.opentime.RationalTime(hour, 24), otio.opentime.RationalTime(240, 24)
    )
    (marker,) = clips[0].markers
    assert (marker.name, marker.marked_range.start_time.value - hour) == ("ABC_010", 30)


def test_what_it_reads_and_saves_as_otio_has_the_same_frames(edit: Path, tmp_path: Path) -> None:
    saved = tmp_path / "edit.otio"
    otio.adapters.write_to_file(otio.adapters.read_from_file(edit, adapter_name=NAME), str(saved))
    assert events(saved) == events(edit)
    assert len(events(edit)) == 9


def test_what_nobody_but_otio_knows_of_it_gives_the_same_frames(tmp_path: Path) -> None:
    """Read off the effects alone, without what the adapter tells mediadask beside them."""
    text = project(shot("A001C001"), shot("A001C002", 12, 24, TWICE), shot("A001C001", 24, 24, HALF))
    timeline = otio.adapters.read_from_string(text, NAME)
    for clip in timeline.find_clips():
        clip.metadata.clear()
    otio.adapters.write_to_file(timeline, str(tmp_path / "plain.otio"))
    found = read_timeline(tmp_path / "plain.otio")
    # As many source frames as the record has are listed where a clip plays fast: the plate has what shows.
    assert frames_of(found) == [("A001C001", 24, 48), ("A001C002", 24, 71), ("A001C001", 12, 24)]


def test_a_clip_whose_frames_cannot_be_told_says_so() -> None:
    odd = shot("A001C001", inside=time_map((0, 0), (30, 30), (90, 240)))
    timeline = otio.adapters.read_from_string(project(shot("A001C001"), odd, shot("A001C002")), NAME)
    first, bad, last = timeline.find_clips()
    assert "speed that changes" in bad.metadata["mediadask_problem"]
    assert isinstance(bad.media_reference, otio.schema.MissingReference)
    assert bad.range_in_parent().start_time.value == 24
    assert first.source_range.duration == bad.duration() == last.source_range.duration


def test_of_several_projects_it_reads_all_or_the_one_that_is_chosen() -> None:
    one = project(shot("A001C001"))
    second = one[one.index("<project") : one.index("</project>")].replace("DAY 12", "DAY 13")
    text = one.replace("</project>", f"</project>{second}</project>")
    every = otio.adapters.read_from_string(text, NAME)
    assert [timeline.name for timeline in every] == ["DAY 12", "DAY 13"]
    for name in ("DAY 13", "2"):
        assert otio.adapters.read_from_string(text, NAME, project=name).name == "DAY 13"
    with pytest.raises(InvalidRequest, match="holds no timeline 'DAY 14'; use one of 1 'DAY 12', 2 'DAY 13'"):
        otio.adapters.read_from_string(text, NAME, project="DAY 14")


def test_how_other_rates_play_is_an_argument_of_the_adapter() -> None:
    times = f'start="{at(50, RATES[25])}" duration="{long(24)}"'
    text = project(f'<asset-clip ref="A001C001" {times}/>', media_rate=RATES[25])
    scalars = {
        conform: [
            effect.time_scalar
            for clip in otio.adapters.read_from_string(text, NAME, conform=conform).find_clips()
            for effect in clip.effects
        ]
        for conform in ("real-time", "frames")
    }
    assert scalars == {"real-time": [], "frames": [float(Fraction(24, 25))]}


def test_a_bundle_and_a_text_in_any_encoding(edit: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "edit.fcpxmld"
    bundle.mkdir()
    (bundle / "Info.fcpxml").write_bytes(EDIT.replace("UTF-8", "UTF-16").encode("utf-16"))
    plain = otio.adapters.read_from_file(edit)
    assert otio.adapters.read_from_file(bundle).is_equivalent_to(plain)
    text = EDIT.replace("UTF-8", "UTF-16")
    assert otio.adapters.read_from_string(text, NAME).is_equivalent_to(plain)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("<fcpxml/>", UnreadableMedia, "holds 0 timelines"),
        ("<fcpxml>", UnreadableMedia, "not well-formed"),
        ("<xmeml/>", UnsupportedMedia, "another kind"),
        ('<!DOCTYPE x [<!ENTITY e SYSTEM "/etc/passwd">]><fcpxml>&e;</fcpxml>', UnreadableMedia, "entities"),
    ],
)
def test_what_is_no_project_is_one_line(
    text: str, error: type[Exception], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "edit.fcpxml"
    path.write_text(text)
    with pytest.raises(error, match=message) as caught:
        otio.adapters.read_from_file(path, adapter_name=NAME)
    assert str(caught.value).startswith(str(path))


OTHER = "def read_from_string(input_str):\n    raise ValueError('the other adapter')\n"


def test_beside_another_adapter_of_the_suffix_ours_is_read_by_its_name(edit: Path, tmp_path: Path) -> None:
    """As otio-fcpx-xml-adapter is one; `read_timeline` does not ask which comes first."""
    manifest = tmp_path / "other.json"
    other = {"OTIO_SCHEMA": "Adapter.1", "name": "other", "filepath": "other.py", "suffixes": ["fcpxml"]}
    manifest.write_text(json.dumps({"OTIO_SCHEMA": "PluginManifest.1", "adapters": [other]}))
    (tmp_path / "other.py").write_text(OTHER)
    ours = Path(fcpx.__file__).with_name("plugin_manifest.json")
    script = (
        "import sys, opentimelineio as otio\nfrom mediadask.editorial import read_timeline\n"
        "print(otio.adapters.from_filepath(sys.argv[1]).name)\n"
        f"print(otio.adapters.read_from_file(sys.argv[1], adapter_name={NAME!r}).name)\n"
        "print(read_timeline(sys.argv[1]).name)\n"
    )
    for manifests, first in (([manifest], "other"), ([ours, manifest], NAME)):
        paths = os.pathsep.join(map(str, manifests))
        ran = subprocess.run(
            [sys.executable, "-c", script, str(edit)],
            env={**os.environ, "OTIO_PLUGIN_MANIFEST_PATH": paths},
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout.split("\n") == [first, "DAY 12", "DAY 12", ""]


def test_programs_that_only_look_for_adapters_do_not_wait_for_ffmpeg() -> None:
    script = "import mediadask.editorial.fcpx, sys; print({'av', 'numpy', 'dask', 'xarray'} & {*sys.modules})"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
