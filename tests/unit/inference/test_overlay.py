"""Painted masks, pixel by pixel, and the evenness of the score map."""

from __future__ import annotations

import numpy as np
import pytest

from segbench.errors import SegbenchError
from segbench.inference.colors import map_scores, score_table
from segbench.inference.figure import lecture_figure
from segbench.inference.overlay import compose_overlay, draw_boxes
from segbench.records import ClassInfo, ClassTable, Prediction, Reading, Sample

COLORS = [(255, 0, 0), (0, 0, 255)]


def test_that_a_fill_mixes_the_colour_by_its_opacity_and_leaves_other_pixels():
    image = np.full((1, 2, 3), 100, np.uint8)
    planes = np.array([[[True, False]], [[False, False]]])
    picture = compose_overlay(image, planes, COLORS, opacity=0.5)
    assert picture.tolist() == [[[178, 50, 50], [100, 100, 100]]]


def test_that_the_order_decides_which_class_lies_on_top():
    image, both = np.zeros((1, 1, 3), np.uint8), np.ones((2, 1, 1), bool)
    assert compose_overlay(image, both, COLORS, 1.0)[0, 0].tolist() == [0, 0, 255]
    assert compose_overlay(image, both, COLORS, 1.0, order=[1, 0])[0, 0].tolist() == [255, 0, 0]
    assert compose_overlay(image, both, COLORS, 1.0, order=[])[0, 0].tolist() == [0, 0, 0]


def test_that_boxes_have_both_ends_inside_and_are_cut_at_the_border():
    drawn = draw_boxes(np.zeros((4, 4, 3), np.uint8), [(0, (1, 1, 3, 2)), (1, (-2, 3, 9, 9))], COLORS)
    assert ["".join("RB."[0 if v[0] else 1 if v[2] else 2] for v in row) for row in drawn] == [
        "....",
        ".RRR",
        ".RRR",
        "BBBB",
    ]


def test_that_the_score_map_rises_evenly_and_gets_lighter():
    table = score_table()
    lab = _to_lab(table)
    assert (np.diff(lab[:, 0]) > -0.6).all()  # within the rounding to 8 bits
    assert lab[-1, 0] - lab[0, 0] > 75
    strides = np.linalg.norm(lab[16:] - lab[:-16], axis=1)
    assert strides.max() / strides.min() < 1.35


def test_that_scores_outside_the_scale_take_its_ends_and_nan_the_lowest():
    picture = map_scores(np.array([[-1, 0, 1, 2, np.nan]], np.float16), "probability")
    table = score_table()
    assert np.array_equal(picture[0], table[[0, 0, 255, 255, 0]])
    assert np.array_equal(map_scores(np.array([[300.0]]), "value")[0, 0], table[255])


def _to_lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB uint8 to CIE Lab, the textbook's way and not the module's."""
    c = rgb / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ matrix.T / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack((116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])), axis=1)


def _sample(index: int, size: tuple[int, int]) -> tuple[Sample, Prediction, ClassTable]:
    names = ("rectangle", "triangle", "disk", "oval", "star")
    classes = ClassTable(tuple(ClassInfo(n, (9, 9, 9), 50 * (k + 1)) for k, n in enumerate(names)), exclusive=False)
    sample = Sample(index, str(index), "test", np.full((*size, 3), 80, np.uint8), None, ((0, (2, 3, 9, 9)),))
    scores = np.zeros((5, *size), np.float16)
    scores[4, 3:6, 2:7] = 240
    reading = Reading("windows", ((25, 85), (65, 135), (115, 185), (165, 230), (210, float("inf"))))
    return sample, Prediction(index, str(index), scores, "value", reading), classes


def test_that_the_lectures_display_has_seven_rows_and_a_column_an_image():
    pairs = [_sample(k, (16, 16)) for k in range(4)]
    figure = lecture_figure([p[0] for p in pairs], [p[1] for p in pairs], pairs[0][2], zoom=1)
    assert figure.shape[0] == 7 * 18 + 2
    margin = figure.shape[1] - (4 * 18 + 2)
    assert margin > 20
    cells = figure[:, margin + 2 : margin + 18]
    assert cells[2 + 3, 2 + 3].tolist() == [255, 255, 255]  # row 1: a box on the scores
    assert cells[2 + 4, 2 + 4].tolist() == [240, 240, 240]  # and the largest score
    assert cells[20 + 3, 2].tolist() == [255, 0, 0]  # row 2: the box on the input
    assert cells[2 + 6 * 18 + 4, 4].tolist() == [255, 255, 255]  # row 7: the star was read
    assert cells[2 + 2 * 18 + 4, 4].tolist() == [50, 50, 50]  # row 3: no rectangle


def test_that_images_of_different_sizes_share_a_display():
    pairs = [_sample(0, (16, 20)), _sample(1, (30, 12))]
    figure = lecture_figure([p[0] for p in pairs], [p[1] for p in pairs], pairs[0][2], zoom=1)
    assert figure.shape[0] == 7 * 32 + 2


def test_that_a_display_of_nothing_is_refused():
    _, _, classes = _sample(0, (16, 16))
    with pytest.raises(SegbenchError, match="make no figure"):
        lecture_figure([], [], classes)
