"""ASC FDL: geometry as specified, the right decision found, refusals that say what to do."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from mediadask.documents.fdl import place_by_fdl, read_fdl
from mediadask.errors import InvalidRequest, MissingMedia, UnreadableMedia
from mediadask.pixels.framing.canvas import Area, Layer, Template, apply_template

FRAMING = "framing_decision.dimensions"
PROTECTION = "framing_decision.protection_dimensions"
CANVAS = "canvas.dimensions"
EFFECTIVE = "canvas.effective_dimensions"


def size(width: float, height: float) -> dict[str, float]:
    return {"width": width, "height": height}


def decision(canvas: str, intent: str, area: tuple[float, ...], protected: Any = None) -> dict[str, Any]:
    x, y, width, height = area
    made = {
        "id": f"{canvas}-{intent}",
        "framing_intent_id": intent,
        "dimensions": size(width, height),
        "anchor_point": {"x": x, "y": y},
    }
    if protected:
        x, y, width, height = protected
        made["protection_dimensions"] = size(width, height)
        made["protection_anchor_point"] = {"x": x, "y": y}
    return made


def canvas(
    name: str, dimensions: tuple[int, int], *decisions: Any, squeeze: float = 1.0, effective: Any = None
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": name,
        "label": f"mode {name}",
        "source_canvas_id": name,
        "dimensions": size(*dimensions),
        "anamorphic_squeeze": squeeze,
        "framing_decisions": list(decisions),
    }
    if effective:
        x, y, width, height = effective
        made["effective_dimensions"] = size(width, height)
        made["effective_anchor_point"] = {"x": x, "y": y}
    return made


def template(name: str = "VFX", target: tuple[int, int] = (3840, 2160), **fields: Any) -> dict[str, Any]:
    return {
        "id": name,
        "label": f"template {name}",
        "target_dimensions": size(*target),
        "target_anamorphic_squeeze": 1.0,
        "fit_source": FRAMING,
        "fit_method": "width",
        **fields,
    }


def context(*canvases: Any, label: str = "camera", **fields: Any) -> dict[str, Any]:
    return {"label": label, "canvases": list(canvases), **fields}


def document(*contexts: Any, templates: Any = (), **fields: Any) -> dict[str, Any]:
    intents = {
        found["framing_intent_id"]
        for outer in contexts
        for inner in outer["canvases"]
        for found in inner["framing_decisions"]
    }
    return {
        "uuid": "BCD142EB-3BAA-4EA8-ADD8-A46AE8DC4D97",
        "version": {"major": 2, "minor": 0},
        "framing_intents": [{"id": name, "aspect_ratio": size(2, 1)} for name in sorted(intents)],
        "contexts": list(contexts),
        "canvas_templates": list(templates),
        **fields,
    }


def write(folder: Path, made: Any, name: str = "show.fdl") -> Path:
    path = folder / name
    path.write_text(made if isinstance(made, str) else json.dumps(made))
    return path


UHD = {"maximum_dimensions": size(3840, 2160)}
PADDED = {**UHD, "pad_to_maximum": True}
NEAREST = {"round": {"even": "even", "mode": "round"}}

MINI_LF = ("1", (4448, 3096))
MINI_LF_FRAMING = (222, 422, 4004, 2252)
MINI_LF_PROTECTION = (0, 297, 4448, 2502)

# Results the ASC committee publishes in resources/FDL/Scenarios_For_Implementers of its sources: the new
# canvas's dimensions, _content_translation and _scaled_bounding_box.
SCENARIOS: dict[str, tuple[Any, Any, tuple[int, int], tuple[float, ...]]] = {
    "1 B": (
        canvas(*MINI_LF, decision("1", "1", MINI_LF_FRAMING, MINI_LF_PROTECTION)),
        template(fit_method="fit_all", preserve_from_source_canvas=FRAMING, **UHD, **NEAREST),
        (3840, 2160),
        (0, 0.11988011988000835, 3840, 2159.76023976024),
    ),
    "2 B": (
        canvas(*MINI_LF, decision("1", "1", MINI_LF_FRAMING, MINI_LF_PROTECTION)),
        template(fit_source=PROTECTION, fit_method="fit_all", **UHD, **NEAREST),
        (3840, 2160),
        (0, 0, 3840, 2160),
    ),
    "11 J, 2x anamorphic": (
        canvas(
            "1", (4320, 3456), decision("1", "1", (304, 173, 3712, 3110), (98, 0, 4124, 3456)), squeeze=2.0
        ),
        template(
            target=(4000, 2160),
            fit_method="height",
            preserve_from_source_canvas=FRAMING,
            maximum_dimensions=size(6000, 5000),
            pad_to_maximum=True,
            **NEAREST,
        ),
        (6000, 5000),
        (421.8906752411576, 1420, 5156.218649517685, 2160),
    ),
    "14 E": (
        canvas("1", (8640, 5760), decision("1", "1", (647, 814, 7346, 4132), (0, 450, 8640, 4860))),
        template(
            fit_method="fit_all",
            preserve_from_source_canvas=PROTECTION,
            maximum_dimensions=size(4000, 2160),
            **NEAREST,
        ),
        (4000, 2160),
        (-258.2085488701334, -190.24230873944995, 4516.417097740266, 2540.4846174789),
    ),
    "17 C, 2x anamorphic": (
        canvas(*MINI_LF, decision("1", "1", (986, 155, 2476, 2786), (848, 0, 2752, 3096)), squeeze=2.0),
        template(
            target=(3840, 4000),
            alignment_method_horizontal="left",
            alignment_method_vertical="bottom",
            maximum_dimensions=size(3840, 4000),
            pad_to_maximum=True,
            **NEAREST,
        ),
        (3840, 4000),
        (0, 1839.612277867528, 3840, 2160.387722132472),
    ),
    "18 A, 1.3x to 2x": (
        canvas(*MINI_LF, decision("1", "1", (319, 155, 3810, 2786), (107, 0, 4234, 3096)), squeeze=1.3),
        template(
            target_anamorphic_squeeze=2.0,
            fit_method="fit_all",
            preserve_from_source_canvas=PROTECTION,
            **PADDED,
            **NEAREST,
        ),
        (3840, 2160),
        (853.1414213926777, -120.17229002153626, 2133.7171572146444, 2400.3445800430723),
    ),
    "18 C, 2x kept": (
        canvas(*MINI_LF, decision("1", "1", (986, 155, 2476, 2786), (848, 0, 2752, 3096)), squeeze=2.0),
        template(
            target_anamorphic_squeeze=2.0,
            fit_method="fit_all",
            preserve_from_source_canvas=PROTECTION,
            **PADDED,
            **NEAREST,
        ),
        (3840, 2160),
        (853.1801866475233, -120.17229002153626, 2133.639626704953, 2400.3445800430723),
    ),
    "31": (
        canvas("1", (4096, 3072), decision("1", "1", (0, 0, 2048, 1152), (0, 0, 2355.2, 1324.8))),
        template(
            fit_method="fit_all",
            alignment_method_vertical="top",
            preserve_from_source_canvas=PROTECTION,
            maximum_dimensions=size(4096, 2400),
            **NEAREST,
        ),
        (4096, 2400),
        (0, 0, 4416, 2484),
    ),
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_committees_scenarios(scenario: str, tmp_path: Path) -> None:
    source, rules, expected, placed = SCENARIOS[scenario]
    found = place_by_fdl(
        write(tmp_path, document(context(source), templates=[rules])),
        int(source["dimensions"]["width"]),
        int(source["dimensions"]["height"]),
    )
    assert found.size == expected
    assert [float(value) for value in found.placed] == pytest.approx(placed, abs=1e-9)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"preserve_from_source_canvas": FRAMING}, (3840, 2160)),
        ({"preserve_from_source_canvas": CANVAS}, (4266, 2970)),
        ({"preserve_from_source_canvas": CANVAS, "maximum_dimensions": size(4096, 2160)}, (4096, 2160)),
        ({"preserve_from_source_canvas": CANVAS, "maximum_dimensions": size(5000, 3496)}, (4266, 2970)),
        (
            {
                "preserve_from_source_canvas": CANVAS,
                "maximum_dimensions": size(5000, 3496),
                "pad_to_maximum": True,
            },
            (5000, 3496),
        ),
    ],
    ids=["framing", "canvas", "cropped to maximum", "below maximum", "padded to maximum"],
)
def test_the_specifications_own_examples(
    fields: dict[str, Any], expected: tuple[int, int], tmp_path: Path
) -> None:
    """7.4.9 to 7.4.11."""
    source = canvas(*MINI_LF, decision("1", "1", MINI_LF_FRAMING))
    found = place_by_fdl(
        write(tmp_path, document(context(source), templates=[template(**fields)])), 4448, 3096
    )
    assert found.size == expected


@pytest.mark.parametrize(
    ("even", "mode", "expected"),
    [
        ("even", "round", 1608),
        ("even", "up", 1610),
        ("even", "down", 1608),
        ("whole", "round", 1609),
        ("whole", "up", 1609),
        ("whole", "down", 1608),
    ],
)
def test_the_specifications_rounding(even: str, mode: str, expected: int, tmp_path: Path) -> None:
    """7.4.12: 1608.75 rows; the picture keeps its size, what is too much or too little lies on both sides."""
    source = canvas("1", (6400, 4000), decision("1", "1", (0, 0, 6400, 2681.25)))
    rules = template(round={"even": even, "mode": mode})
    found = place_by_fdl(write(tmp_path, document(context(source), templates=[rules])), 6400, 4000)
    assert found.size == (3840, expected)
    assert found.placed.height == Fraction("1608.75")
    assert found.placed.y == (expected - Fraction("1608.75")) / 2


def test_2x_anamorphic_by_hand(tmp_path: Path) -> None:
    """2.39:1 of a 2x squeezed 4448x3096 for a 3840 wide plate.

    Desqueezed the frame is 3700 * 2 = 7400 by 3096. To 3840 it is scaled by 3840 / 7400 = 96 / 185, and
    3096 * 96 / 185 = 1606.573 rows: 1608 even ones, the picture 0.714 from the top.
    """
    source = canvas("1", (4448, 3096), decision("1", "1", (374, 0, 3700, 3096)), squeeze=2.0)
    found = place_by_fdl(write(tmp_path, document(context(source), templates=[template()])), 4448, 3096)
    assert found.size == (3840, 1608)
    assert found.squeeze == 1
    assert tuple(found.source) == (374, 0, 3700, 3096)
    rows = Fraction(3096 * 96, 185)
    assert tuple(found.placed) == (0, (1608 - rows) / 2, 3840, rows)
    # A source pixel becomes 3840/3700 wide and 96/185 high: twice as wide as high.
    assert (found.placed.width / found.source.width) == 2 * found.placed.height / found.source.height


def test_a_squeeze_of_0_keeps_the_sources(tmp_path: Path) -> None:
    source = canvas("1", (4448, 3096), decision("1", "1", (374, 0, 3700, 3096)), squeeze=2.0)
    rules = template(target_anamorphic_squeeze=0.0, round={"even": "whole", "mode": "round"})
    found = place_by_fdl(write(tmp_path, document(context(source), templates=[rules])), 4448, 3096)
    assert found.squeeze == 2
    assert found.size == (3840, 3213)  # 3096 * 3840 / 3700
    assert found.placed.width / found.source.width == found.placed.height / found.source.height


def test_a_length_the_fit_leaves_open_may_be_0(tmp_path: Path) -> None:
    """7.4.4."""
    source = canvas(*MINI_LF, decision("1", "1", MINI_LF_FRAMING))
    rules = template(target=(3840, 0), preserve_from_source_canvas=FRAMING, **PADDED)
    path = write(tmp_path, document(context(source), templates=[rules]))
    found = place_by_fdl(path, 4448, 3096)
    assert found.size == (3840, 2160)
    assert found.placed.y == (2160 - found.placed.height) / 2
    rules["fit_method"] = "fit_all"
    path = write(tmp_path, document(context(source), templates=[rules]))
    with pytest.raises(InvalidRequest, match="'VFX' fits by fit_all into 3840x0; give it a target size"):
        place_by_fdl(path, 4448, 3096)


def test_the_effective_area_may_be_what_is_fitted(tmp_path: Path) -> None:
    source = canvas(
        "1", (4448, 3096), decision("1", "1", (300, 200, 3000, 2000)), effective=(222, 155, 4000, 2786)
    )
    rules = template(target=(2000, 1393), fit_source=EFFECTIVE, round={"even": "whole", "mode": "up"})
    found = place_by_fdl(write(tmp_path, document(context(source), templates=[rules])), 4448, 3096)
    assert found.size == (2000, 1393)
    assert tuple(found.source) == (222, 155, 4000, 2786)


def test_preserving_less_than_what_is_fitted_has_no_effect(tmp_path: Path) -> None:
    """7.4.9."""
    source = canvas(*MINI_LF, decision("1", "1", MINI_LF_FRAMING, MINI_LF_PROTECTION))
    plain = template(fit_source=PROTECTION)
    inner = template(fit_source=PROTECTION, preserve_from_source_canvas=FRAMING)
    places = [
        place_by_fdl(write(tmp_path, document(context(source), templates=[rules])), 4448, 3096)
        for rules in (plain, inner)
    ]
    assert places[0] == places[1]


def test_an_odd_maximum_goes_before_even_sizes() -> None:
    """7.4.10: never above the maximum; 7.4.12: padded to it, rounding has no effect."""
    whole = Area(Fraction(0), Fraction(0), Fraction(4000), Fraction(3000))
    layers: dict[Layer, Area] = {"canvas.dimensions": whole}
    rules = Template("T", (2001, 1501), Fraction(1), "canvas.dimensions", "fill", maximum=(2001, 1499))
    assert apply_template(layers, Fraction(1), rules).size == (2000, 1498)
    padded = replace(rules, target=(1001, 751), fit_method="width", maximum=(2001, 1501), pad=True)
    assert apply_template(layers, Fraction(1), padded).size == (2001, 1501)


def test_what_a_double_cannot_hold_is_not_rounded_up(tmp_path: Path) -> None:
    source = canvas("1", (4448, 3096), decision("1", "1", (0, 0, 2000, 1000.0000000000002)))
    rules = template(target=(2000, 1000))
    found = place_by_fdl(write(tmp_path, document(context(source), templates=[rules])), 4448, 3096)
    assert found.size == (2000, 1000)


@pytest.fixture
def two_modes(tmp_path: Path) -> Path:
    open_gate = canvas(
        "OG",
        (640, 480),
        decision("OG", "A", (10, 20, 600, 300)),
        decision("OG", "B", (0.4, 0.6, 400.4, 300.5)),
    )
    narrow = canvas("S16", (320, 180), decision("S16", "A", (0, 0, 320, 160)))
    return write(tmp_path, document(context(open_gate, narrow), default_framing_intent="A"))


def test_the_canvas_is_the_one_of_the_clips_size(two_modes: Path) -> None:
    assert place_by_fdl(two_modes, 640, 480).size == (600, 300)
    assert place_by_fdl(two_modes, 320, 180).size == (320, 160)


def test_an_intent_is_named_by_its_id_or_its_decisions(two_modes: Path) -> None:
    for name in ("B", "OG-B"):
        found = place_by_fdl(two_modes, 640, 480, intent=name)
        # 7.3.4.10.4: the nearest whole pixels.
        assert tuple(found.source) == (0, 1, 400, 301)
        assert found.size == (400, 301)


def test_without_a_template_pixels_are_only_desqueezed(tmp_path: Path) -> None:
    source = canvas("1", (320, 240), decision("1", "1", (11, 7, 251, 200)), squeeze=1.3)
    path = write(tmp_path, document(context(source)))
    found = place_by_fdl(path, 320, 240)
    wide = Fraction(251) * Fraction(13, 10)  # 326.3
    assert found.size == (326, 200)
    assert tuple(found.placed) == ((326 - wide) / 2, 0, wide, 200)
    kept = place_by_fdl(path, 320, 240, desqueeze=False)
    assert kept.size == (251, 200)
    assert kept.squeeze == Fraction(13, 10)


def test_a_canvas_without_decisions_is_whole(tmp_path: Path) -> None:
    path = write(tmp_path, document(context(canvas("1", (320, 240)))))
    assert tuple(place_by_fdl(path, 320, 240).source) == (0, 0, 320, 240)


def test_templates_are_named_or_left_out_or_in_a_document_of_their_own(tmp_path: Path) -> None:
    source = canvas("1", (320, 240), decision("1", "1", (10, 20, 300, 200)))
    rules = [template("HD", (1920, 1080)), template("UHD", (3840, 2160))]
    both = write(tmp_path, document(context(source), templates=rules))
    assert place_by_fdl(both, 320, 240, template="HD").size == (1920, 1280)
    assert place_by_fdl(both, 320, 240, template="template UHD").size == (3840, 2560)
    assert place_by_fdl(both, 320, 240, template="none").size == (300, 200)
    plain = write(tmp_path, document(context(source)), "plain.fdl")
    apart = write(tmp_path, document(templates=rules), "vendor.fdl")
    assert place_by_fdl(plain, 320, 240, template="HD", templates=apart).size == (1920, 1280)


def test_a_context_that_names_the_clip_goes_first(tmp_path: Path) -> None:
    def mode(name: str, width: int) -> Any:
        return canvas(name, (320, 240), decision(name, "1", (0, 0, width, 200)))

    path = write(
        tmp_path,
        document(
            context(mode("a", 100), label="first", clip_id={"clip_name": "A001C001"}),
            context(mode("b", 200), label="second", clip_id={"clip_name": "x", "file": "A001C002.mov"}),
        ),
    )
    assert place_by_fdl(path, 320, 240, clip_name="A001C001.mov").size == (100, 200)
    assert place_by_fdl(path, 320, 240, clip_name="A001C002.mov").size == (200, 200)
    assert place_by_fdl(path, 320, 240, context="second").size == (200, 200)
    assert place_by_fdl(path, 320, 240, canvas="mode b").size == (200, 200)
    with pytest.raises(InvalidRequest, match=r"'a' \(mode a\) of 320x240 in context 'first'.*'second'"):
        place_by_fdl(path, 320, 240, clip_name="B001C001.mov")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"width": 1920, "height": 1080}, r"'OG' \(mode OG\) of 640x480, .*320x180, the clip is 1920x1080"),
        ({"intent": "C"}, r"no framing decision of canvas 'OG' 'C', it has 'OG-A', 'OG-B'"),
        ({"context": "grading"}, r"no context 'grading', it has 'camera'"),
        ({"canvas": "X"}, r"no canvas 'X', it has 'OG' \(mode OG\), 'S16'"),
        ({"canvas": "S16"}, r"for canvas 'S16' \(mode S16\) of 320x180, the clip is 640x480"),
        ({"template": "VFX"}, r"no canvas template 'VFX', it has none"),
    ],
    ids=["size", "intent", "context", "canvas", "canvas of another size", "template"],
)
def test_what_is_not_there_is_refused_with_what_is(two_modes: Path, asked: Any, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message) as caught:
        place_by_fdl(two_modes, **{"width": 640, "height": 480, **asked})
    assert str(two_modes) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_choice_is_never_made_silently(tmp_path: Path) -> None:
    source = canvas(
        "1", (320, 240), decision("1", "A", (0, 0, 300, 200)), decision("1", "B", (0, 0, 200, 200))
    )
    rules = [template("HD", (1920, 1080)), template("UHD")]
    path = write(tmp_path, document(context(source), templates=rules))
    with pytest.raises(InvalidRequest, match=r"several framing decisions: '1-A', '1-B'; name the intent"):
        place_by_fdl(path, 320, 240)
    with pytest.raises(InvalidRequest, match=r"several canvas templates: 'HD' \(template HD\), 'UHD'"):
        place_by_fdl(path, 320, 240, intent="A")


def test_a_template_may_ask_for_what_the_canvas_lacks(tmp_path: Path) -> None:
    source = canvas("1", (320, 240), decision("1", "1", (0, 0, 300, 200)))
    message = r"canvas '1' has no framing_decision\.protection_dimensions"
    for field in ("fit_source", "preserve_from_source_canvas"):
        path = write(tmp_path, document(context(source), templates=[template(**{field: PROTECTION})]))
        with pytest.raises(InvalidRequest, match=message):
            place_by_fdl(path, 320, 240)


def test_a_document_is_checked_once_for_all_clips_and_again_when_it_changes(tmp_path: Path) -> None:
    made = document(context(canvas("1", (320, 240), decision("1", "1", (0, 0, 300, 200)))))
    path = write(tmp_path, made)
    assert read_fdl(path) is read_fdl(path)
    before = read_fdl(path)
    made["contexts"][0]["canvases"][0]["framing_decisions"][0]["dimensions"]["width"] = 310
    assert read_fdl(write(tmp_path, made)) != before


def test_documents_that_are_none(tmp_path: Path) -> None:
    good = document(context(canvas("1", (320, 240), decision("1", "1", (0, 0, 300, 200)))))
    outside = json.loads(json.dumps(good))
    outside["contexts"][0]["canvases"][0]["framing_decisions"][0]["dimensions"]["width"] = 400
    unknown = json.loads(json.dumps(good))
    del unknown["contexts"][0]["canvases"][0]["dimensions"]
    for made, message in (
        ("{", "is no ASC FDL"),
        ("[1, 2]", "is no "),
        ("[" * 100_000, "is no ASC FDL"),
        (unknown, r"no valid ASC FDL \(.*/contexts/0/canvases/0.*dimensions"),
        (outside, r"no valid ASC FDL \(.*"),
        (good | {"version": {"major": 9, "minor": 0}}, "9"),
    ):
        with pytest.raises(UnreadableMedia, match=message) as caught:
            place_by_fdl(write(tmp_path, made), 320, 240)
        assert "\n" not in str(caught.value)
    with pytest.raises(MissingMedia):
        place_by_fdl(tmp_path / "none.fdl", 320, 240)
    with pytest.raises(InvalidRequest, match="has no canvas; "):
        place_by_fdl(write(tmp_path, document()), 320, 240)


def test_hostile_numbers_are_one_line_at_once(tmp_path: Path) -> None:
    source = canvas("1", (320, 240), decision("1", "1", (0, 0, 300, 200)))
    text = json.dumps(document(context(source), templates=[template()]))
    for number in ("1e400", "1e999999999", "9" * 5000, "NaN"):
        with pytest.raises(UnreadableMedia) as caught:
            place_by_fdl(write(tmp_path, text.replace("3840", number)), 320, 240)
        assert len(str(caught.value).splitlines()) == 1
    tiny = text.replace('"x": 0', '"x": 1e-999999999')
    assert place_by_fdl(write(tmp_path, tiny), 320, 240).source.x == 0
    vast = write(tmp_path, text.replace("3840", "1" + "0" * 15))
    with pytest.raises(InvalidRequest, match="'VFX' asks for more than 1,000,000 pixels a side"):
        place_by_fdl(vast, 320, 240)


def test_fdl_validate_accepts_what_these_tests_write(two_modes: Path) -> None:
    command = Path(sys.executable).with_name("fdl-validate")
    done = subprocess.run([command, two_modes], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
