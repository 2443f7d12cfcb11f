"""What holds for every canvas template, whatever its numbers: the specification as properties."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mediadask.pixels.framing.canvas import LAYERS, Area, Layer, Template, apply_template, crop

sides = st.integers(16, 9000)
squeezes = st.sampled_from([Fraction(1), Fraction("1.3"), Fraction("1.33"), Fraction(2)])


@st.composite
def nested(draw: Any) -> dict[Layer, Area]:
    """Canvas, effective area, protection and decision, each inside the one before."""
    area = Area(Fraction(0), Fraction(0), Fraction(draw(sides)), Fraction(draw(sides)))
    layers = {LAYERS[0]: area}
    for layer in LAYERS[1:]:
        width, height = (side * Fraction(draw(st.integers(50, 100)), 100) for side in area[2:])
        x = area.x + (area.width - width) * Fraction(draw(st.integers(0, 4)), 4)
        y = area.y + (area.height - height) * Fraction(draw(st.integers(0, 4)), 4)
        layers[layer] = area = Area(x, y, width, height)
    return layers


@st.composite
def templates(draw: Any) -> Template:
    target = (draw(sides), draw(sides))
    more = draw(st.none() | st.tuples(st.integers(0, 3000), st.integers(0, 3000)))
    return Template(
        "T",
        target,
        draw(st.just(Fraction(0)) | squeezes),
        draw(st.sampled_from(LAYERS)),
        draw(st.sampled_from(["width", "height", "fit_all", "fill"])),
        (Fraction(draw(st.integers(0, 2)), 2), Fraction(draw(st.integers(0, 2)), 2)),
        draw(st.none() | st.sampled_from(LAYERS)),
        None if more is None else (target[0] + more[0], target[1] + more[1]),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.sampled_from(["up", "down", "round"])),
    )


@given(nested(), squeezes, templates())
def test_every_template_keeps_the_specification(
    layers: dict[Layer, Area], squeeze: Fraction, template: Template
) -> None:
    found = apply_template(layers, squeeze, template)
    source, placed = found.source, found.placed
    assert found.squeeze == (template.squeeze or squeeze)
    # 7.4.5: shapes are right; 7.4.7: the fit is what was asked for, to the last digit.
    across, down = placed.width / source.width, placed.height / source.height
    assert across * found.squeeze == down * squeeze
    fit = layers[template.fit_source]
    width, height = fit.width * across, fit.height * down
    fits = {width == template.target[0], height == template.target[1]}
    if template.fit_method == "width":
        assert width == template.target[0]
    elif template.fit_method == "height":
        assert height == template.target[1]
    else:
        assert True in fits
        inside = width <= template.target[0] and height <= template.target[1]
        assert inside or template.fit_method == "fill" or fits == {True}
    for side, axis in enumerate(("width", "height")):
        begin, length, canvas = placed[side], getattr(placed, axis), found.size[side]
        maximum = template.maximum and template.maximum[side]
        if maximum and template.pad:
            assert canvas == maximum  # 7.4.11
        else:
            assert not maximum or canvas <= maximum  # 7.4.10
            assert not template.even or canvas % 2 == 0  # 7.4.12
            if not maximum or length <= maximum - 2:
                assert abs(canvas - length) <= 2
                assert begin == (canvas - length) / 2
            elif length > maximum + 2:
                assert begin <= 0  # what is cropped fills the canvas
                assert begin + length >= canvas


@given(nested(), squeezes, st.booleans())
def test_a_crop_is_of_whole_pixels_in_the_middle(
    layers: dict[Layer, Area], squeeze: Fraction, desqueeze: bool
) -> None:
    area = layers["framing_decision.dimensions"]
    found = crop(area, squeeze, desqueeze=desqueeze)
    assert all(value.denominator == 1 for value in found.source)
    assert all(abs(made - asked) <= Fraction(1, 2) for made, asked in zip(found.source, area, strict=True))
    assert found.placed.width == found.source.width * (squeeze if desqueeze else 1)
    assert found.placed.x == (found.size[0] - found.placed.width) / 2
    assert abs(found.placed.x) <= Fraction(1, 4)
    assert found.size[1] == found.source.height
