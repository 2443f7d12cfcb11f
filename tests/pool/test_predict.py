"""Predictions: learned by kind, robust against outliers, sane before anything was seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediadask.pool.config import load_config
from mediadask.pool.ledger.ledger import Ledger
from mediadask.pool.scaling.predict import Predictor

PRIORS = {"default": 1.0, "proxy": 0.05}


def seen(kind: str, frames: int, *seconds: float, predictor: Predictor | None = None) -> Predictor:
    predictor = predictor or Predictor(PRIORS)
    for each in seconds:
        predictor.observe(kind, frames, each)
    return predictor


def test_before_anything_was_seen_the_prior_counts_pixels():
    predictor = Predictor(PRIORS)
    assert predictor.seconds("proxy h264 1920x1080", 100) == pytest.approx(5)
    assert predictor.seconds("proxy h264 3840x2160", 100) == pytest.approx(20)
    assert predictor.seconds("something else", 10) == pytest.approx(10)


def test_every_prior_of_the_defaults_is_a_number_of_seconds():
    predictor = Predictor(load_config().seconds_per_frame)
    assert 0 < predictor.seconds("pull exr 3840x2160", 1) < 10


def test_a_kind_is_predicted_from_its_own_frames():
    predictor = seen("pull exr", 8, 4.0, 4.0, 4.0)
    assert predictor.seconds("pull exr", 16) == pytest.approx(8)


def test_what_was_seen_three_times_beats_what_its_maker_says():
    predictor = seen("burn", 1, 0.2, 0.2)
    assert predictor.seconds("burn", 1, given=9) == 9
    predictor.observe("burn", 1, 0.2)
    assert predictor.seconds("burn", 1, given=9) == pytest.approx(0.2)


def test_one_stuck_unit_does_not_mislead():
    predictor = seen("pull exr", 1, *[1.0] * 6, 3600.0)
    assert predictor.seconds("pull exr", 1) == pytest.approx(1)


def test_it_follows_a_change():
    predictor = seen("pull exr", 1, *[1.0] * 1000, *[3.0] * 20)
    assert predictor.seconds("pull exr", 1) == pytest.approx(3)


def test_another_size_is_predicted_in_proportion_and_before_other_relatives():
    predictor = seen("proxy h264 1920x1080", 1, 0.1, 0.1)
    seen("proxy prores 1920x1080", 1, 9.0, predictor=predictor)
    assert predictor.seconds("proxy h264 3840x2160", 1) == pytest.approx(0.4)
    assert predictor.seconds("proxy av1 1920x1080", 1) == pytest.approx((0.1 + 9) / 2)


def test_what_was_learned_survives_the_process(ledger_url: str):
    with Ledger(ledger_url) as ledger:
        predictor = Predictor(PRIORS)
        for _ in range(5):
            ledger.record(predictor.observe("pull exr", 4, 2.0))
    with Ledger(ledger_url) as ledger:
        again = Predictor(PRIORS, ledger.learned())
    assert again.seconds("pull exr", 4) == pytest.approx(2)


@given(
    st.lists(st.tuples(st.sampled_from(["a", "a 10x10", "b c", ""]), st.integers(0, 50), st.floats(0, 1e6))),
    st.text(),
    st.integers(0, 1000),
)
def test_a_prediction_is_never_negative_nor_absent(units, kind, frames):
    predictor = Predictor(PRIORS)
    for each in units:
        predictor.observe(*each)
    assert predictor.seconds(kind, frames) >= 0
