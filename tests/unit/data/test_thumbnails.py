"""Sizes, order and honesty of thumbnails."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from segbench.data.dataset import open_images
from segbench.data.thumbnails import draw_placeholder, fit, make_thumbnails


@pytest.fixture
def dataset(tmp_path):
    """30 pictures; number 3 is broken, number 4 a JPEG."""
    paths = []
    for k in range(30):
        path = tmp_path / (f"{k:02d}.jpg" if k == 4 else f"{k:02d}.png")
        Image.fromarray(np.full((30, 40, 3), k, np.uint8)).save(path)
        paths.append(path)
    paths[3].write_bytes(paths[3].read_bytes()[:50])
    return open_images(paths)


def test_that_thumbnails_come_in_the_order_asked_for_the_first_ones_soon(dataset):
    wanted = [7, 3, 29, 4, *range(10, 28)]
    events = list(make_thumbnails(dataset, wanted, 20))
    assert [index for event in events for index, _ in event.thumbnails] == wanted
    assert len(events[0].thumbnails) <= 8
    assert all(len(event.thumbnails) <= 16 for event in events)


def test_that_a_broken_file_gives_a_crossed_box_and_the_others_still_come(dataset):
    thumbnails = dict(pair for event in make_thumbnails(dataset, [2, 3, 4], 20) for pair in event.thumbnails)
    np.testing.assert_array_equal(thumbnails[3], draw_placeholder(20))
    assert thumbnails[2].shape == thumbnails[4].shape == (15, 20, 3)
    assert (thumbnails[2] == 2).all()


def test_that_a_placeholder_is_grey_with_a_cross():
    box = draw_placeholder(64)
    assert box.shape == (64, 64, 3)
    assert box[20, 20, 0] == box[43, 20, 0] == box[0, 30, 0] == 200
    assert box[32, 8, 0] == 128


@pytest.mark.parametrize(
    ("size", "side", "expected"),
    [((64, 64), 128, (128, 128)), ((64, 32), 96, (96, 48)), ((480, 360), 96, (96, 72)), ((1, 500), 50, (1, 50)), ((3, 3), 3, (3, 3))],
)  # fmt: skip
def test_that_the_longest_side_is_as_asked_and_the_aspect_is_kept(size, side, expected):
    assert fit(np.zeros((*size, 3), np.uint8), side).shape == (*expected, 3)


@pytest.mark.parametrize("side", [8, 11])
def test_that_growing_invents_no_colours(side):
    image = np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8)
    grown = fit(image, side)
    assert {tuple(p) for p in grown.reshape(-1, 3)} == {tuple(p) for p in image.reshape(-1, 3)}
    assert (grown[0, 0] == image[0, 0]).all()
    assert (grown[-1, -1] == image[-1, -1]).all()


def test_that_thumbnails_are_read_only(dataset):
    ((_, thumbnail),) = next(make_thumbnails(dataset, [0], 40)).thumbnails
    assert not thumbnail.flags.writeable
