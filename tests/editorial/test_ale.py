"""Avid Log Exchange as Avid, ARRI, Codex, RED and others write it."""

from __future__ import annotations

import pytest

from tests.editorial.conftest import ReadList

LOG = """Heading
FIELD_DELIM\tTABS
FPS\t24

Column
{columns}

Data
{row}
"""


@pytest.mark.parametrize(
    "column",
    [
        "Tape",
        "TAPE",
        "Tape ID",
        "TapeID",
        "Tape_Name",
        "Reel",
        "Reel_Name",
        "Reel Name",
        "Camroll",
        "Cam Roll",
    ],
)
def test_reels_under_many_names(column: str, read_list: ReadList) -> None:
    text = LOG.format(columns=f"Name\t{column}\tStart\tEnd", row="12A-3\tA001\t01:00:00:00\t01:00:01:00")
    (event,) = read_list(text, ".ale")
    assert (event.reel, event.clip_name, event.problems) == ("A001", "12A-3", ())


@pytest.mark.parametrize(
    "column",
    [
        "Source File",
        "Source_File",
        "SOURCE FILE NAME",
        "Filename",
        "File_Name",
        "UNC",
        "UNC Path",
        "Original_file",
    ],
)
def test_files_under_many_names(column: str, read_list: ReadList) -> None:
    text = LOG.format(
        columns=f"Clip_Name\tStart_TC\tEnd TC\t{column}", row="12A-3\t01:00:00:00\t01:00:01:00\tA001C001.mxf"
    )
    (event,) = read_list(text, ".ale")
    assert (event.file, event.clip_name) == ("A001C001.mxf", "12A-3")
    assert (event.source.start, event.source.stop) == ("01:00:00:00", "01:00:01:00")


def test_the_heading_may_name_the_tape_of_all(read_list: ReadList) -> None:
    text = LOG.format(columns="Name\tTape\tStart\tEnd", row="x\t{}\t01:00:00:00\t01:00:01:00")
    heading = text.replace("FPS\t24", "TAPE\t001\nFPS\t24")
    assert [read_list(heading.format(tape), ".ale").events[0].reel for tape in ("A002", "")] == [
        "A002",
        "001",
    ]


@pytest.mark.parametrize("tracks", ["A1A2", "A1-4", "1,2,3,4", "a1 a2", "A1,A2", "A"])
def test_rows_of_sound_are_skipped(tracks: str, read_list: ReadList) -> None:
    row = "x\t{}\t01:00:00:00\t01:00:01:00"
    text = LOG.format(columns="Name\tTracks\tStart\tEnd", row=f"{row.format('V')}\n{row.format(tracks)}")
    found = read_list(text, ".ale")
    assert [event.number for event in found] == ["001"]
    assert found.skipped == ("line 10: event 002 is sound",)


@pytest.mark.parametrize("tracks", ["V", "VA1A2", "V1A1", "A1A2V", "VA1-4", ""])
def test_rows_with_a_picture_are_not(tracks: str, read_list: ReadList) -> None:
    row = f"x\t{tracks}\t01:00:00:00\t01:00:01:00"
    assert len(read_list(LOG.format(columns="Name\tTracks\tStart\tEnd", row=row), ".ale")) == 1


def test_without_tracks_a_file_tells_that_it_is_sound(read_list: ReadList) -> None:
    rows = "T01.wav\t01:00:00:00\t01:00:01:00\nA001C001.mov\t01:00:00:00\t01:00:01:00"
    found = read_list(LOG.format(columns="Name\tStart\tEnd", row=rows), ".ale")
    assert [event.clip_name for event in found] == ["A001C001.mov"]


@pytest.mark.parametrize("sop", ["(1.1 1 1)(0 0 0)(1 1 1)", "(1.1 1 1)(0 0 0)(1 1 1) 0.9 SAT", "asop"])
def test_a_broken_grade_costs_the_grade(sop: str, read_list: ReadList) -> None:
    text = LOG.format(
        columns="Name\tStart\tEnd\tASC_SOP\tASC_SAT", row=f"x\t01:00:00:00\t01:00:01:00\t{sop}\t0.9"
    )
    (event,) = read_list(text, ".ale")
    assert not event.problems
    assert (event.cdl is None) == (len(event.notes) == 1) == (sop != "(1.1 1 1)(0 0 0)(1 1 1)")
