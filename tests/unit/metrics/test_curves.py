"""Curves say at every threshold what a second look at the images would."""

from __future__ import annotations

import numpy as np
import pytest

from segbench.metrics import add_scores, count_pixels, zero_scores
from segbench.metrics.curves import CurveCounter
from segbench.records import Reading
from segbench.targets import LECTURE_WINDOWS, read_masks

NAMES = ("a", "b", "c", "d", "e")
INFINITY = float("inf")


def _draw(scale: str, seed: int = 0, images: int = 4):
    """Scores, planes and known pixels of some images."""
    generator = np.random.default_rng(seed)
    drawn = []
    for _ in range(images):
        truth = generator.random((5, 9, 11)) < np.array([0.3, 0.1, 0.5, 0.02, 0.0])[:, None, None]
        scores = (truth + generator.normal(0, 0.5, truth.shape)).clip(0, 1)
        if scale == "value":
            scores = (truth * 150 + generator.normal(0, 60, truth.shape)) * 1.1
        drawn.append((scores.astype(np.float16), truth, generator.random(truth.shape[1:]) < 0.9))
    return drawn


def _count(drawn, scale, rule="windows"):
    counter = CurveCounter(NAMES, scale, rule)
    for scores, truth, known in drawn:
        counter.add(scores, truth, known)
    return counter.finish()


def _look_again(drawn, reading):
    pooled = zero_scores(NAMES)
    for scores, truth, known in drawn:
        pooled = add_scores(pooled, count_pixels(read_masks(scores, reading), truth, known, NAMES))
    return pooled


@pytest.mark.parametrize("low", [0.0, 0.1, 1 / 3, 0.5, 0.7001, 0.99999, 1.0, -INFINITY])
@pytest.mark.parametrize("rule", ["windows", "argmax"])
def test_that_any_threshold_gives_what_a_second_look_gives(low, rule):
    drawn = _draw("probability")
    reading = Reading(rule, ((low, INFINITY),) * 5)
    assert _count(drawn, "probability", rule).score(reading) == _look_again(drawn, reading)


def test_that_the_lectures_windows_give_what_a_second_look_gives():
    drawn = _draw("value")
    curves = _count(drawn, "value")
    for windows in (LECTURE_WINDOWS, ((25.0, 85.0),) * 5, ((-INFINITY, 0.0),) * 5, ((90.0, 80.0),) * 5):
        reading = Reading("windows", windows)
        assert curves.score(reading) == _look_again(drawn, reading)


def test_that_a_score_that_occurs_is_not_above_itself():
    truth = np.ones((1, 1, 3), bool)
    counter = CurveCounter(("a",), "value", "windows")
    counter.add(np.array([[[50.0, 60.0, 70.0]]], np.float16), truth)
    curves = counter.finish()
    assert curves.count(0, 50.0).true_positives == 2
    assert curves.count(0, 49.99).true_positives == 3
    assert curves.count(0, 50.0, 70.0).true_positives == 1


def test_that_scores_that_are_not_finite_lie_in_no_window_but_their_pixels_are_missed():
    scores = np.array([[[np.nan, np.inf, -np.inf, -0.0, 1.0]]], np.float16)
    counter = CurveCounter(("a",), "value", "windows")
    counter.add(scores, np.ones((1, 1, 5), bool))
    score = counter.finish().count(0, -INFINITY)
    assert (score.true_positives, score.false_negatives) == (2, 3)
    assert read_masks(scores[0], Reading("windows", ((-INFINITY, INFINITY),))).sum() == 2


def test_that_a_trace_is_the_counts_ratios_and_none_where_there_are_none():
    curves = _count(_draw("probability"), "probability")
    trace = curves.trace(0, [0.25, 0.5])
    for place, low in enumerate((0.25, 0.5)):
        score = curves.count(0, low)
        assert (trace.iou[place], trace.precision[place], trace.recall[place]) == pytest.approx(
            (score.iou, score.precision, score.recall)
        )
    assert len(curves.trace(1).thresholds) == 301
    assert np.isnan(curves.trace(4, [0.5]).recall).all()  # the class is nowhere in the truth
    assert np.isnan(curves.trace(0, [1.0]).precision).all()  # nothing is predicted


@pytest.mark.parametrize("scale", ["probability", "value"])
def test_that_no_threshold_beats_the_best(scale):
    drawn = _draw(scale)
    curves = _count(drawn, scale)
    for k in range(4):
        best = curves.count(k, curves.find_best(k)).iou
        assert best == max(curves.count(k, float(low)).iou for low in [-1e4, *curves.scores])
    assert curves.find_best(4) is None


def test_that_the_best_threshold_lies_in_the_middle_of_those_that_are_as_good():
    truth = np.array([[[True, True, False, False]]])
    counter = CurveCounter(("a",), "probability", "windows")
    counter.add(np.array([[[1.0, 0.75, 0.25, 0.0]]], np.float16), truth)
    assert counter.finish().find_best(0) == 0.5
    everywhere = CurveCounter(("a",), "probability", "windows")
    everywhere.add(np.array([[[1.0, 0.75]]], np.float16), np.ones((1, 1, 2), bool))
    assert 0 <= everywhere.finish().find_best(0) < 0.75


def test_that_a_best_reading_keeps_a_class_that_is_never_right():
    curves = _count(_draw("probability"), "probability")
    reading = curves.find_best_reading(Reading("windows", ((0.5, INFINITY),) * 5))
    assert reading.windows[4] == (0.5, INFINITY)
    assert reading.windows[0][0] != 0.5


def test_that_another_rule_than_the_counted_one_is_refused():
    with pytest.raises(ValueError, match="by the rule windows"):
        _count(_draw("probability"), "probability").score(Reading("argmax", ((0.0, INFINITY),) * 5))


def test_that_images_are_counted_in_portions_without_a_difference(monkeypatch):
    drawn = _draw("probability", images=9)
    whole = _count(drawn, "probability")
    monkeypatch.setattr("segbench.metrics.curves.GATHERED", 1000)
    parts = _count(drawn, "probability")
    assert (whole.right == parts.right).all()
    assert (whole.wrong == parts.wrong).all()
    assert (whole.truths == parts.truths).all()
    assert whole.images == 9
