"""What records promise: values of a class, planes and labels, scores of absent classes."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from segbench.records import (
    IGNORE,
    ClassInfo,
    ClassScore,
    ClassTable,
    DatasetInfo,
    Sample,
    Scores,
)


def table(*values, exclusive=False):
    return ClassTable(tuple(ClassInfo(f"c{k}", (k, k, k), value) for k, value in enumerate(values)), exclusive)


def sample(masks, height=2, width=3):
    return Sample(0, "a", "train", np.zeros((height, width, 3), np.uint8), masks)


def score(tp, fp, fn):
    return ClassScore("c", tp, fp, fn)


def test_that_classes_keep_their_own_values():
    assert table(50, 100, 150, 200, 250).values == (50, 100, 150, 200, 250)


@pytest.mark.parametrize("given", [(0, 0, 0, 0, 0), (50, 50, 100, 150, 200), (50, 0, 100, 150, 200)])
def test_that_values_are_spread_evenly_where_classes_have_none_of_their_own(given):
    assert table(*given).values == (50, 100, 150, 200, 250)


@pytest.mark.parametrize("count", [1, 2, 11, 21, 200])
def test_that_spread_values_are_distinct_and_never_zero(count):
    values = table(*[0] * count).values
    assert len(set(values)) == count
    assert all(1 <= value <= 250 for value in values)


def test_that_classes_mean_the_same_whatever_their_colours_but_not_in_another_order():
    ours = ClassTable((ClassInfo("Road", (1, 2, 3)), ClassInfo("car", (4, 5, 6), 50)), exclusive=True)
    theirs = ClassTable((ClassInfo("road", (9, 9, 9)), ClassInfo("car", (0, 0, 0))), exclusive=True)
    assert ours.means_same(theirs)
    assert not ours.means_same(ClassTable(theirs.classes, exclusive=False))
    assert not ours.means_same(ClassTable(theirs.classes[::-1], exclusive=True))
    assert not ours.means_same(ClassTable(theirs.classes[:1], exclusive=True))


def test_that_labels_become_planes_and_ignored_pixels_none():
    labels = np.array([[0, 1, 2], [2, IGNORE, 1]], np.uint8)
    planes = sample(labels).planes(3)
    assert planes.dtype == bool
    assert planes.shape == (3, 2, 3)
    assert np.array_equal(planes.sum(0), [[1, 1, 1], [1, 0, 1]])
    assert np.array_equal(planes[2], labels == 2)


def test_that_planes_stay_as_they_are():
    planes = np.zeros((5, 2, 3), bool)
    assert sample(planes).planes(5) is planes


def test_that_only_ignored_pixels_are_unknown():
    assert sample(np.zeros((5, 2, 3), bool)).known().all()
    assert np.array_equal(sample(np.array([[0, IGNORE]], np.uint8), 1, 2).known(), [[True, False]])


def test_that_a_sample_without_masks_has_neither_planes_nor_known_pixels():
    assert sample(None).planes(5) is None
    assert sample(None).known() is None
    assert sample(None).size == (2, 3)


def test_that_a_class_absent_from_truth_and_prediction_has_no_score():
    absent = score(0, 0, 0)
    assert (absent.iou, absent.dice, absent.precision, absent.recall) == (None, None, None, None)


def test_that_a_class_only_in_one_of_them_scores_zero():
    assert score(0, 7, 0).iou == 0.0
    assert score(0, 7, 0).recall is None
    assert score(0, 0, 7).dice == 0.0
    assert score(0, 0, 7).precision is None


def test_that_scores_follow_their_formulas():
    told = score(6, 2, 4)
    assert told.iou == 6 / 12
    assert told.dice == 12 / 18
    assert told.precision == 6 / 8
    assert told.recall == 6 / 10


def test_that_the_mean_leaves_absent_classes_out():
    told = Scores((score(1, 1, 0), score(0, 0, 0), score(0, 3, 0)), images=2)
    assert told.mean_iou == 0.25
    assert told.mean_dice == pytest.approx((2 / 3 + 0) / 2)
    assert Scores((score(0, 0, 0),), 1).mean_iou is None


def test_that_records_survive_json():
    info = DatasetInfo("shapes", "purdue", "/a", table(50, 100), {"train": 3, "test": 2}, (64, 64))
    assert msgspec.json.decode(msgspec.json.encode(info), type=DatasetInfo) == info
    assert info.count == 5
