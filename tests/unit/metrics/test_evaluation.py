"""The numbers of an evaluation by both conventions, from counts written down by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segbench.metrics.curves import CurveCounter
from segbench.metrics.evaluation import METRICS, Evaluation, Measured
from segbench.metrics.objects import ObjectCounter
from segbench.records import CheckpointInfo, ClassInfo, ClassTable, DatasetInfo, Reading

PLANES = ClassTable((ClassInfo("a", (1, 1, 1)), ClassInfo("b", (2, 2, 2))), exclusive=False)
LABELS = ClassTable(PLANES.classes, exclusive=True, background=0)
# Two classes of three images: true positives, false positives, false negatives
COUNTS = np.array([[[1, 1, 2], [0, 0, 0]], [[6, 2, 0], [0, 3, 0]], [[0, 0, 0], [0, 0, 0]]], np.int64)


def _build(classes: ClassTable = PLANES, counts: np.ndarray = COUNTS, **fields: object) -> Evaluation:
    images = len(counts)
    evaluation = Evaluation(
        checkpoint=CheckpointInfo("c", "munet", classes, "planes", 1, 1, 1),
        dataset=DatasetInfo("d", "planes", "", classes, {"test": images}, None),
        classes=classes,
        reading=Reading("windows", ((0.5, float("inf")),) * 2),
        scale="probability",
        batch_statistics=False,
        grid=False,
        width=0.02,
        indices=np.arange(images) + 10,
        names=tuple(f"s{k}" for k in range(images)),
        counts=counts,
        boundary=counts // 2,
        shared=None if classes.exclusive else counts,
        hidden=None if classes.exclusive else counts // 2,
        told=None if classes.exclusive else np.array([True, False, True][:images]),
        confusion=None,
        losses=np.array([0.5, np.nan, 1.5][:images]),
        seconds=np.array([9.0, 0.1, 0.1][:images]),
        curves=CurveCounter(classes.names, "probability", "windows").finish(),
        objects=ObjectCounter(2).finish(),
    )
    return replace(evaluation, **fields)


def test_that_both_conventions_stand_side_by_side_and_absent_classes_are_left_out():
    evaluation = _build()
    # Class a: pooled 7 of 12; by image 1/4 and 6/8. Class b is false in one image and absent in the others
    assert evaluation.measure("iou", 0) == Measured(7 / 12, pytest.approx((1 / 4 + 6 / 8) / 2), 2)
    assert evaluation.measure("iou", 1) == Measured(0, 0, 1)
    assert evaluation.measure("recall", 1) == Measured(None, None, 0)
    # Mean: pooled over both classes; by image 1/4 of one class, then 3/8 of two
    assert evaluation.measure("iou") == Measured(pytest.approx(7 / 24), pytest.approx((1 / 4 + 3 / 8) / 2), 2)
    assert evaluation.measure("precision", 0).pooled == 7 / 10
    assert evaluation.measure("dice", 0).pooled == pytest.approx(14 / 19)
    assert evaluation.measure("recall").pooled == 7 / 9  # of the only class that occurs


def test_that_pooled_scores_are_those_of_the_counts():
    pooled = _build().pooled
    assert [c.iou for c in pooled.classes] == [7 / 12, 0]
    assert pooled.images == 3
    assert _build().score(0).classes[0].false_negatives == 2


def test_that_every_metric_of_planes_is_measured_and_labels_have_no_overlaps():
    for metric in METRICS:
        assert _build().measure(metric) is not None
    assert _build(LABELS).measure("hidden_recall") is None
    assert _build(LABELS).list_values("shared_iou") is None
    assert _build(LABELS).rank("hidden_iou").tolist() == []


def test_that_seen_pixels_are_those_that_are_not_hidden_of_images_that_tell():
    counts = np.array([[[8, 5, 4], [0, 0, 0]], [[1, 0, 0], [0, 0, 0]]], np.int64)
    hidden = np.array([[[1, 2, 3], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]]], np.int64)
    evaluation = _build(counts=counts, hidden=hidden)
    assert evaluation.measure("hidden_recall", 0).pooled == 1 / 4
    assert evaluation.measure("seen_recall", 0).pooled == 7 / 8  # the second image's picture doesn't tell
    assert evaluation.count_pixels("hidden").tolist() == [4, 0]


def test_that_the_accuracy_is_of_labels_only():
    assert _build().measure_accuracy() is None
    counts = np.array([[[3, 1, 0], [1, 0, 1]], [[0, 0, 0], [0, 0, 0]]], np.int64)
    assert _build(LABELS, counts).measure_accuracy() == Measured(4 / 5, 4 / 5, 1)


def test_that_the_mean_without_background_leaves_its_class_out():
    assert _build(LABELS).measure_foreground("iou").pooled == 0
    assert _build(PLANES).measure_foreground("iou") is None


def test_that_the_worst_images_come_first_and_those_without_a_number_not_at_all():
    assert _build().rank().tolist() == [0, 1]
    assert _build().rank("iou", 1).tolist() == [1]
    assert _build(counts=COUNTS[[0, 0, 1]]).rank().tolist() == [0, 1, 2]


def test_that_the_loss_is_the_mean_of_what_is_known_and_the_speed_forgets_a_slow_start():
    assert _build().measure_loss() == 1
    assert _build().images_per_second == pytest.approx(10)
    assert _build(losses=np.array([np.nan] * 3)).measure_loss() is None
