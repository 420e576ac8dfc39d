"""Objects found and measured on small masks whose numbers can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from segbench.metrics.objects import ObjectCounter, Objects, find_objects, mean_iou, measure_objects, sort_by_size


def _plane(text: str) -> np.ndarray:
    return np.array([[mark == "#" for mark in row.strip()] for row in text.strip().splitlines()])


def _measure(predicted: str, truth: str) -> tuple[list[int], list[float], list[float], int]:
    labels, count = find_objects(_plane(truth))
    areas, ious, recalls, extras = measure_objects(_plane(predicted), labels, count)
    return areas.tolist(), ious.tolist(), recalls.tolist(), extras


TWO = """
    ##....##
    ##....##
"""


def test_that_each_object_is_held_against_the_regions_that_touch_it():
    found = _measure(
        """
        ##.....#
        .....##.
        """,
        TWO,
    )
    # 2 of 4 pixels of the left one; of the right one 2 pixels and one that is outside
    assert found == ([4, 4], [0.5, pytest.approx(2 / 5)], [0.5, 0.5], 0)


def test_that_a_region_far_from_every_object_counts_beside():
    areas, ious, recalls, extras = _measure(
        """
        ##.##...
        ##.##...
        """,
        "##......\n##......",
    )
    assert (areas, ious, recalls, extras) == ([4], [1.0], [1.0], 1)


def test_that_a_region_over_several_objects_is_divided_to_the_nearest():
    _, ious, recalls, extras = _measure(
        """
        ########
        ########
        """,
        TWO,
    )
    assert ious == [0.5, 0.5]
    assert recalls == [1, 1]
    assert extras == 0


def test_that_an_object_in_pieces_is_measured_against_all_of_them():
    _, ious, _, extras = _measure("#.#.#.#", "#######")
    assert ious == [pytest.approx(4 / 7)]
    assert extras == 0


def test_that_pieces_in_one_box_are_one_object_and_the_smallest_box_takes_its_own():
    plane = _plane(
        """
        ##..#....
        ##.......
        .......##
        """
    )
    assert find_objects(plane)[1] == 3
    labels, count = find_objects(plane, [(0, 0, 8, 2), (7, 2, 8, 2)])
    assert count == 2
    assert labels[0, 0] == labels[0, 4] != labels[2, 8]
    assert find_objects(plane, [(7, 2, 8, 2)])[1] == 3  # the others lie in no box: each by itself


def test_that_objects_of_one_class_that_touch_are_one_whatever_the_boxes_say():
    assert find_objects(_plane("###\n..#"), [(0, 0, 1, 0), (2, 0, 2, 1)])[1] == 1


def test_that_images_are_gathered_with_their_rows_and_a_background_has_no_objects():
    counter = ObjectCounter(3, background=0)
    truth = np.zeros((3, 4, 6), bool)
    truth[1, :2, :2] = truth[2, 3, :] = True
    truth[0] = ~truth[1:].any(axis=0)
    predicted = truth.copy()
    predicted[2] = False
    predicted[1, 3, 5] = True
    counter.add(0, predicted, truth)
    counter.add(1, np.zeros_like(truth), np.zeros_like(truth))
    counter.add(2, truth, truth)
    found = counter.finish()
    assert found.images.tolist() == [0, 0, 2, 2]
    assert found.classes.tolist() == [1, 2, 1, 2]
    assert found.areas.tolist() == [4, 6, 4, 6]
    assert found.ious.tolist() == [1, 0, 1, 1]
    assert found.extras.tolist() == [0, 1, 0]
    assert mean_iou(found, 2) == 0.5
    assert mean_iou(found, 0) is None


def test_that_unknown_pixels_belong_to_no_object():
    known = np.ones((2, 6), bool)
    known[:, 2:4] = False
    truth = np.ones((1, 2, 6), bool)
    counter = ObjectCounter(1)
    counter.add(0, truth, truth, known)
    assert counter.finish().areas.tolist() == [4, 4]


def test_that_sizes_double_from_bin_to_bin_and_empty_ones_have_no_mean():
    objects = Objects(
        np.zeros(4, np.int32),
        np.array([0, 0, 1, 0], np.int16),
        np.array([1, 7, 8, 9], np.int64),
        np.array([0.0, 0.5, 1.0, 0.6], np.float32),
        np.array([0.0, 1.0, 1.0, 1.0], np.float32),
        np.zeros(2, np.int64),
    )
    scale = sort_by_size(objects)
    assert scale.edges.tolist() == [1, 2, 4, 8, 16]
    assert scale.counts.tolist() == [[1, 0, 1, 1], [0, 0, 0, 1], [1, 0, 1, 2]]
    assert scale.ious[2, 3] == pytest.approx(0.8)
    assert scale.deviations[2, 3] == pytest.approx(0.2)
    assert scale.found[0].tolist()[2] == 1
    assert np.isnan(scale.ious[0, 1])
    assert np.isnan(scale.slopes).all()  # four objects tell no slope


def test_that_the_slope_is_what_the_iou_gains_each_time_the_area_doubles():
    generator = np.random.default_rng(1)
    areas = generator.integers(1, 1000, 400)
    noise = generator.normal(0, 0.05, 400)
    objects = Objects(
        np.zeros(400, np.int32),
        np.repeat(np.array([0, 1], np.int16), 200),
        areas.astype(np.int64),
        np.where(np.arange(400) < 200, 0.3 + 0.04 * np.log2(areas), 0.6 + noise).astype(np.float32),
        np.ones(400, np.float32),
        np.zeros(2, np.int64),
    )
    scale = sort_by_size(objects)
    assert scale.slopes[0] == pytest.approx(0.04, abs=1e-6)
    assert scale.errors[0] < 1e-6
    assert abs(scale.slopes[1]) < 3 * scale.errors[1]  # scale invariant: 0 but for the noise


def test_that_no_objects_are_no_error():
    scale = sort_by_size(ObjectCounter(2).finish())
    assert scale.counts.sum() == 0
    assert np.isnan(scale.slopes).all()
