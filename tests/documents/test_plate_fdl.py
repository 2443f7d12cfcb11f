"""What goes with a plate is a valid FDL, says where the framing is now, and can be framed by again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mediadask.documents.fdl import choose_by_fdl, place_by_fdl
from mediadask.documents.plate_fdl import plate_fdl
from tests.documents.test_fdl import (
    MINI_LF,
    MINI_LF_FRAMING,
    MINI_LF_PROTECTION,
    PROTECTION,
    SCENARIOS,
    canvas,
    context,
    decision,
    document,
    template,
    write,
)


def validated(path: Path) -> None:
    command = Path(sys.executable).with_name("fdl-validate")
    done = subprocess.run([command, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def made(folder: Path, source: Any, rules: Any) -> tuple[Path, dict[str, Any]]:
    path = write(folder, document(context(source), templates=[rules] if rules else []))
    size = source["dimensions"]
    choice = choose_by_fdl(path, int(size["width"]), int(size["height"]))
    content = plate_fdl(choice, "AGM_104_065_010_PL01_v001")
    assert content == plate_fdl(choice, "AGM_104_065_010_PL01_v001")
    plate = folder / "plate.fdl"
    plate.write_bytes(content)
    return plate, json.loads(content)["contexts"][0]["canvases"][-1]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_committees_scenarios_validate(scenario: str, tmp_path: Path) -> None:
    source, rules, size, _ = SCENARIOS[scenario]
    plate, new = made(tmp_path, source, rules)
    validated(plate)
    assert (new["dimensions"]["width"], new["dimensions"]["height"]) == size


def test_the_committees_numbers(tmp_path: Path) -> None:
    """Scenarios 18 A and 14 E: what is published for the new canvas."""
    _, new = made(tmp_path, *SCENARIOS["18 A, 1.3x to 2x"][:2])
    (framed,) = new["framing_decisions"]
    assert framed["dimensions"] == pytest.approx({"width": 1920.043072505384, "height": 2160}, abs=1e-6)
    assert framed["anchor_point"] == pytest.approx({"x": 959.978463747308, "y": 0}, abs=1e-6)
    assert framed["protection_dimensions"] == pytest.approx(
        {"width": 2133.7171572146444, "height": 2160}, abs=1e-6
    )
    assert new["effective_dimensions"] == {"width": 2134, "height": 2160}
    assert new["effective_anchor_point"] == pytest.approx({"x": 853, "y": 0}, abs=1e-6)
    assert new["anamorphic_squeeze"] == 2
    _, new = made(tmp_path, *SCENARIOS["14 E"][:2])
    (framed,) = new["framing_decisions"]
    assert framed["anchor_point"] == pytest.approx({"x": 80, "y": 0.03267084127423914}, abs=1e-6)
    assert framed["protection_dimensions"] == {"width": 4000, "height": 2160}


def test_what_the_plate_does_not_have_is_not_in_it(tmp_path: Path) -> None:
    source = canvas(*MINI_LF, decision("1", "1", MINI_LF_FRAMING, MINI_LF_PROTECTION))
    _, new = made(tmp_path, source, template())
    assert "protection_dimensions" not in new["framing_decisions"][0]
    _, new = made(tmp_path, source, template(preserve_from_source_canvas=PROTECTION))
    assert "protection_dimensions" in new["framing_decisions"][0]


@pytest.mark.parametrize("rules", [None, template(target=(160, 120))], ids=["crop", "template"])
def test_a_plate_can_be_framed_again(rules: Any, tmp_path: Path) -> None:
    source = canvas("1", (320, 240), decision("1", "1", (10.2, 20.7, 251, 200)), squeeze=1.3)
    plate, new = made(tmp_path, source, rules)
    validated(plate)
    width, height = (int(new["dimensions"][side]) for side in ("width", "height"))
    again = choose_by_fdl(plate, width, height, clip_name="AGM_104_065_010_PL01_v001")
    assert again.canvas["source_canvas_id"] == "1"
    assert again.placement.size == pytest.approx((width, height), abs=2)
    assert place_by_fdl(plate, 320, 240).source.x == 10  # the source's own canvas is still there
    second = tmp_path / "second.fdl"
    second.write_bytes(plate_fdl(again, "second"))
    validated(second)
    assert [one["id"] for one in json.loads(second.read_text())["contexts"][0]["canvases"]] == [
        "1",
        "1_plate",
        "1_plate_plate",
    ]


def test_a_canvas_without_decisions(tmp_path: Path) -> None:
    plate, new = made(tmp_path, canvas("1", (320, 240)), None)
    validated(plate)
    assert new["framing_decisions"] == []
