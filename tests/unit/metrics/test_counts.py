"""Scores by hand on small arrays, and against a pixel-by-pixel count that shares no code with them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segbench.metrics import add_scores, count_pixels, zero_scores


def _planes(*rows: str) -> np.ndarray:
    """One plane a string, '1' set, '/' between rows."""
    return np.array([[[mark == "1" for mark in row] for row in plane.split("/")] for plane in rows])


def test_that_a_hand_counted_image_gets_its_counts_and_ratios():
    predicted, truth = _planes("110/000"), _planes("100/001")
    (score,) = count_pixels(predicted, truth, None, ["a"]).classes
    assert (score.true_positives, score.false_positives, score.false_negatives) == (1, 1, 1)
    assert score.iou == pytest.approx(1 / 3)
    assert score.dice == pytest.approx(1 / 2)
    assert score.precision == score.recall == 0.5


def test_that_a_class_absent_from_truth_and_prediction_is_none_and_left_out_of_the_mean():
    scores = count_pixels(_planes("11", "00"), _planes("10", "00"), None, ["a", "b"])
    assert scores.classes[1].iou is None
    assert scores.classes[1].dice is None
    assert scores.mean_iou == 0.5


def test_that_a_class_predicted_but_absent_counts_zero_not_none():
    scores = count_pixels(_planes("11", "10"), _planes("11", "00"), None, ["a", "b"])
    assert scores.classes[1].iou == 0
    assert scores.classes[1].recall is None
    assert scores.mean_iou == 0.5


def test_that_unknown_pixels_are_left_out():
    known = np.array([[True, False]])
    scores = count_pixels(_planes("01"), _planes("00"), known, ["a"])
    assert scores.classes[0].false_positives == 0
    assert scores.mean_iou is None


def test_that_pixel_accuracy_is_over_known_pixels_and_counts_unread_ones_as_wrong():
    truth = _planes("110", "001")
    predicted = _planes("100", "001")  # the second pixel was given no class
    assert count_pixels(predicted, truth, None, ["a", "b"], exclusive=True).pixel_accuracy == pytest.approx(2 / 3)
    known = np.array([[True, False, True]])
    assert count_pixels(predicted, truth, known, ["a", "b"], exclusive=True).pixel_accuracy == 1
    assert count_pixels(predicted, truth, None, ["a", "b"]).pixel_accuracy is None


def test_that_an_image_without_a_known_pixel_does_not_change_the_pooled_accuracy():
    truth, nothing = _planes("10", "01"), np.zeros((1, 2), bool)
    good = count_pixels(truth, truth, None, ["a", "b"], exclusive=True)
    empty = count_pixels(truth, truth, nothing, ["a", "b"], exclusive=True)
    assert empty.pixel_accuracy is None
    assert add_scores(good, empty).pixel_accuracy == 1
    assert add_scores(empty, good).images == 2


def test_that_pooling_adds_pixels_and_does_not_average_ratios():
    small = count_pixels(_planes("1"), _planes("1"), None, ["a"])  # IoU 1 of one pixel
    large = count_pixels(_planes("0000"), _planes("1110"), None, ["a"])  # IoU 0 of three
    assert add_scores(small, large).mean_iou == 0.25


def test_that_adding_zero_scores_changes_nothing():
    scores = count_pixels(_planes("10"), _planes("11"), None, ["a"])
    assert add_scores(zero_scores(["a"]), scores) == scores
    assert zero_scores(["a"]).mean_iou is None


def test_that_scores_of_different_classes_are_not_added():
    with pytest.raises(ValueError, match="different classes"):
        add_scores(zero_scores(["a"]), zero_scores(["b"]))


def test_that_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        count_pixels(_planes("10"), _planes("10", "10"), None, ["a"])
    with pytest.raises(ValueError, match="does not fit"):
        count_pixels(_planes("10"), _planes("10"), np.ones((2, 2), bool), ["a"])


@given(
    st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5)).flatmap(
        lambda shape: st.tuples(hnp.arrays(bool, shape), hnp.arrays(bool, shape), hnp.arrays(bool, shape[1:]))
    )
)
def test_that_counts_equal_a_pixel_by_pixel_count(arrays):
    predicted, truth, known = arrays
    names = [f"class {k}" for k in range(len(truth))]
    scores = count_pixels(predicted, truth, known, names)
    for k, score in enumerate(scores.classes):
        tp = fp = fn = 0
        for y in range(truth.shape[1]):
            for x in range(truth.shape[2]):
                if not known[y, x]:
                    continue
                match bool(predicted[k, y, x]), bool(truth[k, y, x]):
                    case True, True:
                        tp += 1
                    case True, False:
                        fp += 1
                    case False, True:
                        fn += 1
        assert (score.true_positives, score.false_positives, score.false_negatives) == (tp, fp, fn)
