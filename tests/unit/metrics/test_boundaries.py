"""Bands along edges against a pixel-by-pixel search that shares no code with them, and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from segbench.metrics.boundaries import count_bands, find_bands, find_width


def _search(mask: np.ndarray, width: int) -> np.ndarray:
    """The band by its definition: pixels of the mask with a pixel outside of it within `width` rows and columns."""
    height, length = mask.shape
    band = np.zeros_like(mask)
    for y, x in np.argwhere(mask):
        for dy in range(-width, width + 1):
            for dx in range(-width, width + 1):
                inside = 0 <= y + dy < height and 0 <= x + dx < length
                if not (inside and mask[y + dy, x + dx]):
                    band[y, x] = True
    return band


def test_that_the_width_is_two_hundredths_of_the_diagonal_and_a_pixel_at_least():
    assert find_width((64, 64)) == 2
    assert find_width((360, 480)) == 12
    assert find_width((8, 8)) == 1
    assert find_width((64, 64), 0.05) == 5


@pytest.mark.parametrize("width", [1, 2, 3, 4, 7])
def test_that_bands_equal_a_search_pixel_by_pixel(width):
    generator = np.random.default_rng(width)
    masks = generator.random((6, 13, 17)) < np.array([0.5, 0.8, 0.95, 0.99, 1.0, 0.0])[:, None, None]
    expected = np.stack([_search(mask, width) for mask in masks])
    assert (find_bands(masks, width) == expected).all()


def test_that_a_band_around_a_square_is_what_one_draws_by_hand():
    mask = np.zeros((1, 9, 9), bool)
    mask[0, 1:8, 1:8] = True
    band = find_bands(mask, 2)[0]
    assert band.sum() == 49 - 9
    assert not band[3:6, 3:6].any()


def test_that_the_images_border_is_an_edge():
    assert find_bands(np.ones((1, 5, 5), bool), 1).sum() == 16


def test_that_an_image_smaller_than_the_band_is_all_band():
    assert find_bands(np.ones((1, 3, 40), bool), 2).all()


def test_that_counts_compare_the_bands_and_not_the_insides():
    truth = np.zeros((3, 20, 20), bool)
    truth[0, 2:18, 2:18] = True
    predicted = truth.copy()
    predicted[0, 8:12, 8:12] = False  # a hole: a band of its own, inside of which nothing of the truth's band lies
    predicted[1, :4, :4] = True
    counts = count_bands(predicted, truth, None, 1)
    hole = 6 * 6 - 4 * 4
    assert counts.tolist() == [[60, hole, 0], [0, 12, 0], [0, 0, 0]]


def test_that_unknown_pixels_are_outside_of_both_masks():
    truth = np.ones((1, 6, 12), bool)
    known = np.ones((6, 12), bool)
    known[:, 6:] = False
    predicted = truth.copy()
    predicted[:, :, 6:] = False
    assert count_bands(predicted, truth, known, 1).tolist() == [[20, 0, 0]]


def test_that_masks_that_are_equal_have_a_boundary_iou_of_one_and_shifted_ones_less_than_their_iou():
    truth = np.zeros((1, 64, 64), bool)
    truth[0, 10:50, 10:50] = True
    both, false, missed = count_bands(truth, truth, None, 2)[0]
    assert (false, missed) == (0, 0)
    shifted = np.roll(truth, 1, axis=2)
    both, false, missed = count_bands(shifted, truth, None, 2)[0].tolist()
    whole = (shifted & truth).sum() / (shifted | truth).sum()
    assert both / (both + false + missed) < whole
