"""Masks survive the way into numbers and back, whichever target carries them."""

import numpy as np
import pytest
import torch

from segbench.errors import SegbenchError
from segbench.records import IGNORE, ClassInfo, ClassTable, Reading
from segbench.targets import build_target, half_reading, lecture_reading, read_masks

OVERLAPPING = ClassTable(tuple(ClassInfo(f"c{v}", (0, 0, 0), v) for v in (50, 100, 150, 200, 250)), exclusive=False)
EXCLUSIVE = ClassTable(tuple(ClassInfo(n, (0, 0, 0)) for n in "abc"), exclusive=True)


def test_that_values_put_the_classs_grey_value_on_its_pixels() -> None:
    planes = torch.zeros(1, 5, 2, 2, dtype=torch.bool)
    planes[0, 1, 0, 0] = planes[0, 4, 0, 0] = True
    truth, known = build_target("values", OVERLAPPING).encode(planes)
    assert truth[0, :, 0, 0].tolist() == [0, 100, 0, 0, 250]
    assert truth.sum() == 350
    assert known is None


@pytest.mark.parametrize("kind", ["values", "planes"])
def test_that_a_perfect_output_is_read_back_as_the_masks_it_came_from(kind: str) -> None:
    planes = torch.rand(2, 5, 8, 8) > 0.7
    target = build_target(kind, OVERLAPPING)  # type: ignore[arg-type]
    truth, _ = target.encode(planes)
    outputs = truth if kind == "values" else (truth - 0.5) * 10
    scores = target.scores(outputs).numpy()
    for row in range(2):
        assert (read_masks(scores[row], target.reading) == planes[row].numpy()).all()


def test_that_labels_are_read_back_as_the_largest_score() -> None:
    labels = torch.tensor([[[0, 1], [2, IGNORE]]], dtype=torch.uint8)
    target = build_target("labels", EXCLUSIVE)
    truth, _ = target.encode(labels)
    assert truth.dtype == torch.int64
    outputs = torch.zeros(1, 3, 2, 2)
    outputs[0, 2] = 4
    outputs[0, 0, 0, 0] = 5
    masks = read_masks(target.scores(outputs)[0].numpy(), target.reading)
    assert masks.sum(axis=0).tolist() == [[1, 1], [1, 1]]
    assert masks[0, 0, 0]
    assert masks[2].sum() == 3


def test_that_planes_of_label_data_do_not_know_ignored_pixels() -> None:
    labels = torch.tensor([[[0, 1], [2, IGNORE]]], dtype=torch.uint8)
    truth, known = build_target("planes", EXCLUSIVE).encode(labels)
    assert truth[0, :, 0, 0].tolist() == [1, 0, 0]
    assert known is not None
    assert known.tolist() == [[[True, True], [True, False]]]
    assert truth[0, :, 1, 1].sum() == 0


def test_that_one_class_a_pixel_is_refused_for_overlapping_objects() -> None:
    with pytest.raises(SegbenchError, match="may overlap"):
        build_target("labels", OVERLAPPING)


def test_that_the_lectures_windows_lose_an_overconfident_rectangle_and_half_the_value_keeps_it() -> None:
    scores = np.zeros((5, 1, 3), np.float32)
    scores[0] = [50, 86, 20]
    assert read_masks(scores, lecture_reading(OVERLAPPING))[0].tolist() == [[True, False, False]]
    assert read_masks(scores, half_reading(OVERLAPPING))[0].tolist() == [[True, True, False]]
    with pytest.raises(SegbenchError, match="five classes"):
        lecture_reading(EXCLUSIVE)


def test_that_a_score_that_is_no_number_is_no_class() -> None:
    scores = np.full((2, 1, 1), np.nan, np.float32)
    assert not read_masks(scores, Reading("windows", ((0.5, np.inf),) * 2)).any()
    assert not read_masks(scores, Reading("argmax", ((0.0, np.inf),) * 2)).any()
