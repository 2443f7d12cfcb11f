"""Camera format cards: grouped by what makes a format, guessed from evidence, corrected by hand."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import mediadask as md
from mediadask.errors import UnreadableMedia
from mediadask.metadata import framings_in, read_cards, write_cards

if TYPE_CHECKING:
    from tests.conftest import MakeClip


@pytest.fixture
def clip(make_clip: MakeClip) -> md.ClipMetadata:
    plain = md.inspect(make_clip("plain.mov", codec="libx264", size=(128, 72), frames=2))
    said = {"camera_letter": "A", "camera_model": "ALEXA 35", "squeeze": 2.0, "color_space": "ARRI LogC4"}
    return dataclasses.replace(plain, **said, sources={**plain.sources, "color_space": "mov: a tag"})


def fdl(width: int, height: int) -> str:
    canvas = {"id": "OG", "source_canvas_id": "OG", "dimensions": {"width": width, "height": height}}
    canvas |= {"anamorphic_squeeze": 2.0, "framing_decisions": []}
    return json.dumps(
        {
            "uuid": "7B1E2A52-5C0F-4E6B-9C55-0B9E1F2C7A11",
            "version": {"major": 2, "minor": 0},
            "framing_intents": [],
            "contexts": [{"canvases": [canvas]}],
            "canvas_templates": [],
        }
    )


def test_each_of_five_things_makes_another_card(clip: md.ClipMetadata) -> None:
    others = [
        dataclasses.replace(clip, **change)
        for change in (
            {"camera_letter": "B"},
            {"camera_model": "FX9"},
            {"sensor_mode": "4.6K"},
            {"codec": "prores"},
            {"squeeze": 1.0},
        )
    ]
    cards = md.format_cards([clip, clip, *others, dataclasses.replace(clip, iso=1600, reel="other")])
    assert [card.clips for card in cards] == [1, 3, 1, 1, 1, 1] or sum(card.clips for card in cards) == 8
    assert len(cards) == 6
    assert {card.key for card in cards} >= {("A", "ALEXA 35", "128x72", "h264 High", 2.0)}


def test_what_clips_say_is_the_input_transform(clip: md.ClipMetadata) -> None:
    (card,) = md.format_cards([clip])
    assert (card.input_transform, card.evidence["input_transform"]) == ("ARRI LogC4", "mov: a tag")


def test_nothing_is_guessed_where_clips_say_too_little_or_differ(clip: md.ClipMetadata) -> None:
    silent = dataclasses.replace(clip, color_space="bt709")
    (card,) = md.format_cards([clip, silent])
    assert card.input_transform is None
    assert "not enough to know its color space" in card.evidence["input_transform"]
    (card,) = md.format_cards([clip, dataclasses.replace(clip, color_space="V-Log V-Gamut")])
    assert card.input_transform is None
    assert "its clips differ" in card.evidence["input_transform"]


def test_the_one_fdl_that_fits_is_the_framing(clip: md.ClipMetadata, tmp_path: Path) -> None:
    (tmp_path / "other.fdl").write_text(fdl(4608, 3164))
    (card,) = md.format_cards([clip], framings=framings_in(tmp_path))
    assert (card.framing, card.evidence["framing"]) == (None, "no FDL has a canvas of 128x72")
    (tmp_path / "show.fdl").write_text(fdl(128, 72))
    (card,) = md.format_cards([clip], framings=framings_in(tmp_path))
    assert card.framing == str(tmp_path / "show.fdl")
    (tmp_path / "late.fdl").write_text(fdl(128, 72))
    (card,) = md.format_cards([clip], framings=framings_in(tmp_path))
    assert card.framing is None
    assert "several FDLs fit" in card.evidence["framing"]


def test_what_a_person_writes_holds_for_later_ingests(clip: md.ClipMetadata, tmp_path: Path) -> None:
    file = tmp_path / "cards.yaml"
    silent = dataclasses.replace(clip, color_space="bt709")
    write_cards(file, md.format_cards([silent], read_cards(file)))
    file.write_text(file.read_text().replace("input-transform: null", "input-transform: ARRI LogC4"))
    other = dataclasses.replace(silent, camera_letter="B")
    cards = md.format_cards([silent, silent, other], read_cards(file))
    assert [(card.camera_letter, card.input_transform, card.clips) for card in cards] == [
        ("A", "ARRI LogC4", 2),
        ("B", None, 1),
    ]
    assert cards[0].evidence["input_transform"] == "cards.yaml"
    write_cards(file, cards[1:])
    assert [card.camera_letter for card in read_cards(file)] == ["A", "B"]  # what is not here today stays


@pytest.mark.parametrize(
    "text", ["cards: [", "cards:\n  - {camera: A}", "cards:\n  - {codec: x, model: y, lut: z}", "a"]
)
def test_a_file_that_is_none_of_cards_is_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "cards.yaml"
    file.write_text(text)
    with pytest.raises(UnreadableMedia, match="correct"):
        read_cards(file)
    assert file.read_text() == text


def test_info_shows_cards_and_keeps_them(mediadask, make_clip: MakeClip, tmp_path: Path) -> None:
    made = make_clip("plain.mov", codec="libx264", size=(128, 72), frames=2)
    for name in ("A001C001_240101_R1AB", "A001C002_240101_R1AB", "B001C001_240101_R2CD"):
        shutil.copy(made, tmp_path / f"{name}.mov")
    cards = tmp_path / "cards.yaml"
    done = mediadask("info", tmp_path, "--cards", cards)
    assert done.returncode == 0
    head, *rows = done.stdout.splitlines()
    assert head.split()[:2] == ["camera", "model"]
    assert [row.split()[0] for row in rows] == ["A", "B"]
    assert [card.clips for card in read_cards(cards)] == [2, 1]
