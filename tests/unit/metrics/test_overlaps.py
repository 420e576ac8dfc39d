"""What objects hide of each other: found from pictures, held against the painting itself."""

from __future__ import annotations

import numpy as np
import pytest

from segbench.data import shapes
from segbench.formats.purdue import PURDUE_CLASSES
from segbench.metrics.overlaps import count_covered, find_hidden, find_seen, find_shared
from segbench.records import Sample

K = len(PURDUE_CLASSES)


def _sample(image: np.ndarray, masks: np.ndarray | None, boxes=()) -> Sample:
    return Sample(0, "s", "test", image, masks, tuple(boxes))


def _paint(size: int, *objects: tuple[int, tuple[int, int, int, int], tuple[int, int, int]]) -> Sample:
    """Boxes of a class in a colour, each over those before."""
    image, masks = np.zeros((size, size, 3), np.uint8), np.zeros((K, size, size), bool)
    for k, (x0, y0, x1, y1), color in objects:
        image[y0 : y1 + 1, x0 : x1 + 1] = color
        masks[k, y0 : y1 + 1, x0 : x1 + 1] = True
    return _sample(image, masks, [(k, box) for k, box, _ in objects])


def _paint_again(seed: int, count: int, objects: tuple[int, int]) -> list[np.ndarray]:
    """Of each image that `generate` makes: the class that was painted last at each pixel, -1 for none."""
    words = 4 * -(-(1 + objects[1] * shapes._WORDS_AN_OBJECT) // 4)
    tops = []
    for begin in range(0, count, shapes._BATCH):
        draws = shapes._draw(seed, "train", begin * words, (min(shapes._BATCH, count - begin), words))
        for numbers in draws.tolist():
            top = np.full((64, 64), -1)
            for number in range(objects[0] + int(numbers[0] * (objects[1] - objects[0] + 1))):
                own = numbers[1 + number * shapes._WORDS_AN_OBJECT :][: shapes._WORDS_AN_OBJECT]
                shape = int(own[0] * K)
                left, up, inside = shapes._rasterise(shape, own[4:], 64, shapes.SIZES, 1.0)
                top[up : up + inside.shape[0], left : left + inside.shape[1]][inside] = shape
            tops.append(top)
    return tops


@pytest.mark.parametrize("objects", [(1, 5), (6, 9)])
def test_that_what_the_picture_shows_is_what_was_painted_last(objects):
    samples = list(shapes.generate(1500, 11, objects=objects))
    tops = _paint_again(11, 1500, objects)
    untold = wrong = pixels = 0
    for sample, top in zip(samples, tops, strict=True):
        hidden = find_hidden(sample, K)
        if hidden is None:
            untold += 1
            continue
        truth = sample.masks & (top != np.arange(K)[:, None, None])
        wrong += int((hidden != truth).sum())
        pixels += int(truth.sum())
    assert untold <= 1  # two objects of one colour
    assert pixels > 5000
    assert wrong < pixels / 1000


def test_that_the_object_on_top_hides_and_the_one_below_is_hidden():
    sample = _paint(20, (0, (2, 2, 10, 10), (200, 0, 0)), (2, (6, 6, 15, 15), (0, 0, 90)))
    hidden = find_hidden(sample, K)
    assert hidden[0].sum() == 25
    assert not hidden[2].any()
    assert hidden[0, 6:11, 6:11].all()


def test_that_a_small_object_on_a_large_one_hides_it_and_below_it_vanishes():
    large, small = (0, (2, 2, 15, 15), (200, 0, 0)), (2, (6, 6, 8, 8), (0, 0, 90))
    on_top = find_hidden(_paint(20, large, small), K)
    assert (on_top[0].sum(), on_top[2].sum()) == (9, 0)
    below = find_hidden(_paint(20, small, large), K)
    assert (below[0].sum(), below[2].sum()) == (0, 9)


def test_that_without_boxes_the_smaller_plane_is_taken_for_the_one_on_top():
    sample = _paint(20, (0, (2, 2, 15, 15), (200, 0, 0)), (2, (6, 6, 8, 8), (0, 0, 90)))
    hidden = find_hidden(_sample(sample.image, sample.masks), K)
    assert (hidden[0].sum(), hidden[2].sum()) == (9, 0)


def test_that_objects_of_one_class_do_not_hide_their_class():
    sample = _paint(20, (1, (2, 2, 10, 10), (200, 0, 0)), (1, (6, 6, 15, 15), (0, 0, 90)))
    assert not find_hidden(sample, K).any()


def test_that_a_photograph_tells_nothing_where_planes_overlap():
    sample = _paint(20, (0, (2, 2, 10, 10), (200, 0, 0)), (2, (6, 6, 15, 15), (0, 0, 90)))
    noise = np.random.default_rng(0).integers(0, 255, (20, 20, 3), np.uint8)
    assert find_hidden(_sample(noise, sample.masks, sample.boxes), K) is None
    apart = _paint(20, (0, (2, 2, 5, 5), (200, 0, 0)), (2, (10, 10, 15, 15), (0, 0, 90)))
    assert find_seen(noise, apart.masks).max() == 2  # where they don't, planes tell it


def test_that_two_objects_of_one_colour_tell_nothing():
    sample = _paint(20, (0, (2, 2, 10, 10), (200, 0, 0)), (2, (6, 6, 15, 15), (200, 0, 0)))
    assert find_hidden(sample, K) is None


def test_that_labels_hide_nothing_that_could_be_told():
    labels = np.zeros((4, 4), np.uint8)
    assert find_hidden(_sample(np.zeros((4, 4, 3), np.uint8), labels), 2) is None


def test_that_shared_pixels_are_those_of_another_plane():
    planes = np.zeros((3, 1, 4), bool)
    planes[0, 0, :3] = planes[1, 0, 2:] = True
    assert find_shared(planes).astype(int).tolist() == [[[0, 0, 1, 1]], [[1, 1, 1, 0]], [[1, 1, 1, 1]]]


def test_that_claims_where_only_another_object_is_count_as_false():
    planes = np.zeros((2, 1, 4), bool)
    planes[0, 0, :3] = planes[1, 0, 2:] = True
    everything = np.ones_like(planes)
    assert count_covered(everything, planes, find_shared(planes)).tolist() == [[1, 1, 0], [1, 2, 0]]
    assert count_covered(~everything, planes, find_shared(planes)).tolist() == [[0, 0, 1], [0, 0, 1]]
