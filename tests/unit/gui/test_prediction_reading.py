"""LiveReading says what targets.read_masks and metrics.count_pixels say, however its thresholds were moved."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segbench.gui.panels.prediction.pictures import FOUND, MISSED, NOTHING, SWAPPED, TOO_MUCH, fade, paint_difference
from segbench.gui.panels.prediction.reading import LiveReading, describe_truth
from segbench.metrics import count_pixels
from segbench.records import IGNORE, ClassInfo, ClassTable, Prediction, Reading, Sample
from segbench.targets import read_masks

NAMES = ("a", "b", "c")
CLASSES = ClassTable(tuple(ClassInfo(n, (0, 0, 0)) for n in NAMES), exclusive=False)
LABELS = ClassTable(CLASSES.classes, exclusive=True)
INF = float("inf")


def build(seed: int, rule: str, exclusive: bool) -> LiveReading:
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, (6, 7, 3), dtype=np.uint8)
    masks = (
        random.choice(np.array([0, 1, 2, IGNORE], np.uint8), (6, 7)) if exclusive else random.random((3, 6, 7)) < 0.4
    )
    scores = random.random((3, 6, 7)).astype(np.float16)
    scores[0, 0, 0] = np.nan
    reading = Reading(rule, ((0.5, INF),) * 3)  # type: ignore[arg-type]
    sample = Sample(4, "x", "test", image, masks)
    return LiveReading(
        sample, Prediction(4, "x", scores, "probability", reading), LABELS if exclusive else CLASSES, True
    )


windows = st.tuples(st.floats(0, 1), st.floats(0, 1) | st.just(INF)).map(lambda w: (min(w), max(w)))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 1000),
    st.sampled_from(["windows", "argmax"]),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 2), windows), max_size=5),
)
def test_that_moving_thresholds_one_by_one_reads_like_reading_at_once(seed, rule, exclusive, moves) -> None:
    live = build(seed, rule, exclusive)
    reading = live.reading
    for k, window in moves:
        changed = list(reading.windows)
        changed[k] = window
        reading = Reading(reading.rule, tuple(changed))
        live.set_reading(reading)
    assert np.array_equal(live.planes, read_masks(live.prediction.scores, reading))
    truth, known = live.sample.planes(3), live.sample.known()
    assert truth is not None
    expected = count_pixels(live.planes, truth, known, NAMES)
    got = live.scores()
    assert got is not None
    assert got.classes == expected.classes
    assert live.pixels() == [int(p.sum()) for p in live.planes]


def test_that_a_reading_that_changes_nothing_says_so() -> None:
    live = build(1, "windows", False)
    assert not live.set_reading(live.reading)
    assert live.set_reading(Reading("windows", ((0.6, INF),) * 3))
    assert live.set_reading(Reading("argmax", ((0.6, INF),) * 3))


def test_that_labels_carry_a_number_of_their_own_where_no_class_is_read() -> None:
    live = build(2, "argmax", True)
    live.set_reading(Reading("argmax", ((0.9, INF),) * 3))
    labels, nothing = live.painted_labels()
    assert nothing == 3
    assert np.array_equal(labels == nothing, ~live.planes.any(axis=0))
    assert all(np.array_equal(labels == k, live.planes[k]) for k in range(3))


def test_that_a_sample_without_comparable_masks_has_no_scores() -> None:
    live = build(3, "windows", False)
    alone = LiveReading(live.sample, live.prediction, CLASSES, comparable=False)
    assert alone.scores() is None
    assert np.array_equal(alone.planes, live.planes)


def test_that_the_difference_tells_found_from_too_much_missed_and_swapped() -> None:
    masks = np.zeros((2, 1, 5), bool)
    masks[0, 0, [0, 2, 3]] = True
    said = np.zeros((2, 1, 5), np.float16)
    said[0, 0, [0, 1]] = 1
    said[1, 0, 3] = 1
    classes = ClassTable(CLASSES.classes[:2], exclusive=False)
    reading = Reading("windows", ((0.5, INF),) * 2)
    sample = Sample(0, "x", "test", np.zeros((1, 5, 3), np.uint8), masks)
    live = LiveReading(sample, Prediction(0, "x", said, "probability", reading), classes, True)
    assert paint_difference(live, [0, 1]).tolist() == [[FOUND, TOO_MUCH, MISSED, SWAPPED, NOTHING]]
    assert paint_difference(live, [1]).tolist() == [[NOTHING, NOTHING, NOTHING, TOO_MUCH, NOTHING]]


def test_that_unknown_pixels_are_neither_right_nor_wrong() -> None:
    live = build(5, "argmax", True)
    painted = paint_difference(live, [0, 1, 2])
    assert np.array_equal(painted == IGNORE, live.sample.masks == IGNORE)
    assert describe_truth(live.sample, *map(int, np.argwhere(painted == IGNORE)[0][::-1])) == []


def test_that_the_faded_image_is_grey_and_dark() -> None:
    grey = fade(np.full((2, 2, 3), 255, np.uint8))
    assert grey.max() <= 128
    assert (grey[..., 0] == grey[..., 1]).all()


@pytest.mark.parametrize("exclusive", [True, False])
def test_that_a_pixel_is_described_by_truth_prediction_and_scores(exclusive: bool) -> None:
    live = build(7, "windows", exclusive)
    predicted, scores = live.describe(2, 3)
    assert predicted == [k for k in range(3) if live.planes[k, 3, 2]]
    assert scores == pytest.approx([float(live.prediction.scores[k, 3, 2]) for k in range(3)])
