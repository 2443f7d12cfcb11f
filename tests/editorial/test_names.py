from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediadask.editorial import Event, PlateName, Span
from mediadask.errors import InvalidRequest

FULL = {"show": "AGM", "episode": "104", "sequence": "065", "shot": "010", "plate": "PL01"}


def event(**how: object) -> Event:
    return Event("003", Span("01:00:00:00", "01:00:01:00"), **how)  # type: ignore[arg-type]


def test_the_default_is_what_vendors_ask_for() -> None:
    assert PlateName().path(FULL) == "AGM_104_065_010_PL01_v001.%04d.exr"
    assert PlateName().path(FULL) % 1001 == "AGM_104_065_010_PL01_v001.1001.exr"


@pytest.mark.parametrize(
    ("template", "empty", "path"),
    [
        (None, {"episode"}, "AGM_065_010_PL01_v001.%04d.exr"),
        (None, {"show"}, "104_065_010_PL01_v001.%04d.exr"),
        (None, {"show", "episode", "sequence"}, "010_PL01_v001.%04d.exr"),
        (None, {"plate"}, "AGM_104_065_010_v001.%04d.exr"),
        ("{shot}.{frame:04}.{plate}.exr", {"plate"}, "010.%04d.exr"),
        ("{episode}/{shot}/{shot}_{plate}.{frame}.exr", {"episode"}, "010/010_PL01.%d.exr"),
        ("plates/{episode}_{shot}.{frame:05}.exr", {"episode"}, "plates/010.%05d.exr"),
        ("plates/{shot}_{episode}/x.{frame:04}.exr", {"episode"}, "plates/010/x.%04d.exr"),
        ("{shot}_v{version:03}.mov", set(), "010_v001.mov"),
    ],
)
def test_empty_fields_go_with_their_separator(template: str | None, empty: set[str], path: str) -> None:
    name = PlateName(template) if template else PlateName()
    assert name.path({key: "" if key in empty else value for key, value in FULL.items()}) == path


def test_the_shot_is_what_a_marker_begins_with() -> None:
    one = event(markers=("needs love", "ABC_104_065_010 rig removal"))
    assert PlateName().event_fields(one, 7)["shot"] == "ABC_104_065_010"
    assert PlateName().event_fields(event(markers=("needs love",)), 7)["shot"] == "0070"


@pytest.mark.parametrize(
    ("text", "shot"),
    [
        ("ABC_104_0020: paint out", "ABC_104_0020"),
        ("ABC_104_0020, paint out", "ABC_104_0020"),
        ("ABC_104_0020.", "ABC_104_0020"),
        ("VFX: ABC_104_0020 paint out", "ABC_104_0020"),
        ("vfx shot ABC-020", "ABC-020"),
        ("VFX_020", "VFX_020"),
        ("A001_C002.mov", None),
        ("10:00:00:05", None),
        ("shot 12", None),
        ("fix a_b", None),
    ],
)
def test_what_names_a_shot_and_what_does_not(text: str, shot: str | None) -> None:
    one = event(markers=(text,))
    assert PlateName().marked_shot(one) == shot
    (note,) = PlateName().silent_markers(one) or [""]
    assert (repr(text) in note) == (shot is None)


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        (PlateName(), "0010"),
        (PlateName("plates/{shot}/{plate}.{frame:04}.exr"), "0010"),
        (PlateName(fields={"show": "ABC"}), "unnamed0010"),
        (PlateName(fields={"sequence": "065"}), "unnamed0010"),
        (PlateName("ABC_{shot}_{plate}.{frame:04}.exr"), "unnamed0010"),
    ],
)
def test_an_invented_number_does_not_look_like_a_shot_of_the_show(name: PlateName, counted: str) -> None:
    assert name.event_fields(event(), 1)["shot"] == counted
    assert name.event_fields(event(), 1, {"abc_0040"})["shot"] == "unnamed0010"


def test_a_shot_that_is_counted_is_none_that_a_marker_names() -> None:
    name = PlateName(fields={"show": "ABC"})
    assert name.marked_shot(event(markers=("ABC_0010",))) == "0010"
    shots = [name.event_fields(event(), at, {"unnamed0010", "0020"})["shot"] for at in (1, 2)]
    assert shots == ["unnamed0010-2", "unnamed0020"]


def test_what_a_marker_repeats_stands_in_the_name_once() -> None:
    one, show = event(markers=("ABC_104_065_010",)), {"show": "ABC"}
    name = PlateName(fields=show)
    assert name.path(name.event_fields(one, 1)) == "ABC_104_065_010_v001.%04d.exr"
    name = PlateName(fields={**show, "episode": "104", "sequence": "065"})
    assert name.path(name.event_fields(one, 1)) == "ABC_104_065_010_v001.%04d.exr"
    assert PlateName("{shot}.exr", show).event_fields(one, 1)["shot"] == "ABC_104_065_010"
    assert name.event_fields(event(markers=("ABCD_010",)), 1)["shot"] == "ABCD_010"


def test_a_pattern_finds_fields_in_markers_names_and_comments() -> None:
    name = PlateName(fields={"show": "ABC"}, shot_pattern=r"(?P<sequence>\d{3})_(?P<shot>\d{3})")
    fields = name.event_fields(event(clip_name="12A-3", comments=("VFX: 065_010 paint",)), 1)
    assert (fields["show"], fields["sequence"], fields["shot"]) == ("ABC", "065", "010")
    assert PlateName(shot_pattern="[0-9]+[a-z]").event_fields(event(clip_name="Take 12a"), 1)["shot"] == "12a"
    with pytest.raises(InvalidRequest, match="matches the shot pattern"):
        name.event_fields(event(clip_name="12A-3"), 1)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("../{shot}.exr", "climbs out"),
        ("a/../../{shot}.exr", "climbs out"),
        ("a//{shot}.exr", "climbs out"),
        ("/mnt/{shot}.exr", "absolute"),
        ("~/{shot}.exr", "absolute"),
        ("C:/{shot}.exr", "absolute"),
        ("a\\{shot}.exr", "holds '\\\\\\\\'"),
        ("{shot}\n.exr", r"holds '\\n'"),
        ("{shot}?.exr", "holds"),
        ("con.{frame:04}.exr", "reserved by Windows"),
        ("x/LPT1/{shot}.exr", "reserved by Windows"),
        ("x./{shot}.exr", "dot"),
        (".{shot}.exr", "dot"),
        ("x" * 300 + "{shot}.exr", "bytes"),
    ],
)
def test_names_that_are_not_safe_everywhere_are_refused(template: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message) as caught:
        PlateName(template).path(FULL)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "template", ["{shot}/{frame:04}.exr", "{frame}_{shot}.exr", "{frame}/{shot}.exr", "{reel}.{frame}.exr"]
)
def test_names_that_leave_none_for_the_files_beside_the_frames_are_refused(template: str) -> None:
    with pytest.raises(InvalidRequest, match="has nothing before the frame's number"):
        PlateName(template).path(FULL)


@pytest.mark.parametrize("shot", ["../../etc/passwd", "a/b", "a\\b", "\x00", "a\nb", "shot:1", "%04d", ".."])
def test_what_a_list_says_cannot_climb_out_either(shot: str) -> None:
    with pytest.raises(InvalidRequest):
        PlateName("{shot}/{plate}.{frame:04}.exr").path({**FULL, "shot": shot})


@given(shot=st.text(max_size=40))
def test_a_name_that_is_made_stays_in_the_folder_on_every_system(shot: str) -> None:
    try:
        path = PlateName("{episode}/{shot}_{plate}/{shot}.{frame:04}.exr").path({**FULL, "shot": shot})
    except InvalidRequest:
        return
    assert path % 1001
    for kind in (PurePosixPath, PureWindowsPath):
        pure = kind(path)
        assert not pure.is_absolute()
        assert not pure.drive
        assert ".." not in pure.parts
    assert path.isprintable()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"template": "{shot"}, "is no template"),
        ({"template": "{shop}.exr"}, "no field {shop}"),
        ({"template": "{shot}%d.exr"}, "a %"),
        ({"template": "{frame}/{shot}.{frame}.exr"}, "twice"),
        ({"template": "{shot.__class__}.exr"}, "no field"),
        ({"template": "{shot!r}.exr"}, "no field"),
        ({"template": "{}.exr"}, "no field"),
        ({"template": "{shot:>9999999999}.exr"}, "cannot format"),
        ({"template": "{frame:0999}.exr"}, "cannot format"),
        ({"shot_pattern": "("}, "no regular expression"),
        ({"version": -1}, "begin at 0"),
    ],
)
def test_templates_that_cannot_be_used_are_refused_at_once(how: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        PlateName(**how)  # type: ignore[arg-type]


def test_fields_of_ones_own() -> None:
    name = PlateName("{vendor}_{shot}.{frame:04}.exr", fields={"vendor": "north"})
    assert name.path({**FULL, **name.event_fields(event(), 1)}) == "north_unnamed0010.%04d.exr"
