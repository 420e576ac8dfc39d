"""Evaluation with a predictor that says what it is told, against counts made by hand."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from segbench.data.dataset import Dataset
from segbench.errors import SegbenchError
from segbench.events import SamplePredicted
from segbench.records import IGNORE, CheckpointInfo, ClassInfo, ClassTable, Prediction, Reading, Sample
from segbench.training.evaluator import evaluate, score_image

PLANES = ClassTable((ClassInfo("a", (1, 1, 1), 50), ClassInfo("b", (2, 2, 2), 100)), exclusive=False)
LABELS = ClassTable((ClassInfo("a", (1, 1, 1)), ClassInfo("b", (2, 2, 2))), exclusive=True)
HALF = Reading("windows", ((0.5, 9.0), (0.5, 9.0)))


class _Oracle:
    """Predicts what `answers` holds for a sample's index."""

    def __init__(self, classes: ClassTable, answers: dict[int, np.ndarray], reading: Reading = HALF) -> None:
        self.info = CheckpointInfo("checkpoint", "munet", classes, "planes", 1, 1, 1)
        self.answers = answers
        self.reading = reading
        self.closed = False

    def predict_samples(
        self, samples: Any, indices: Sequence[int], batch_size: int = 8
    ) -> Generator[SamplePredicted, None, None]:
        try:
            for done, index in enumerate(indices, start=1):
                sample = samples.read(index)
                scores = self.answers[index].astype(np.float16)
                prediction = Prediction(index, sample.name, scores, "probability", self.reading)
                yield SamplePredicted("checkpoint", prediction, done, len(indices), 0.0)
        finally:
            self.closed = True


def _planes_dataset() -> Dataset:
    image = np.zeros((4, 4, 3), np.uint8)
    samples = []
    for k in range(3):
        masks = np.zeros((2, 4, 4), bool)
        masks[0, : k + 1] = True
        samples.append(Sample(k, f"s{k}", "test", image.copy(), masks))
    return Dataset.from_samples(samples, PLANES, "planes")


def _take_masks_off(dataset: Dataset, *without: int) -> Dataset:
    samples = [dataset.read(k) for k in range(len(dataset))]
    kept = [replace(s, masks=None) if s.index in without else s for s in samples]
    return Dataset.from_samples(kept, PLANES, "planes")


def _drain(generator):
    events = []
    while True:
        try:
            events.append(next(generator))
        except StopIteration as end:
            return events, end.value


def test_that_pixels_are_pooled_over_the_images_and_each_image_is_told():
    dataset = _planes_dataset()
    first_row = np.zeros((2, 4, 4))
    first_row[0, 0] = 0.9
    events, scores = _drain(evaluate(_Oracle(PLANES, dict.fromkeys(range(3), first_row)), dataset, [0, 1, 2]))
    assert [event.scores.classes[0].iou for event in events] == [1.0, 0.5, pytest.approx(1 / 3)]
    assert scores.classes[0].iou == 12 / 24
    assert scores.classes[1].iou is None
    assert scores.images == 3
    assert scores.pixel_accuracy is None
    assert [(e.index, e.name, e.done, e.total) for e in events] == [(0, "s0", 1, 3), (1, "s1", 2, 3), (2, "s2", 3, 3)]


def test_that_a_reading_of_ones_own_replaces_the_checkpoints():
    weak = np.full((2, 4, 4), 0.3)
    oracle = _Oracle(PLANES, {0: weak})
    _, scores = _drain(evaluate(oracle, _planes_dataset(), [0]))
    assert scores.classes[0].iou == 0
    _, scores = _drain(evaluate(oracle, _planes_dataset(), [0], Reading("windows", ((0.2, 9.0), (0.5, 9.0)))))
    assert scores.classes[0].recall == 1


def test_that_on_the_grid_only_even_rows_and_columns_count():
    answer = np.zeros((2, 4, 4))
    answer[0, 0, ::2] = 0.9  # right on the even pixels, silent on the others
    _, whole = _drain(evaluate(_Oracle(PLANES, {0: answer}), _planes_dataset(), [0]))
    _, grid = _drain(evaluate(_Oracle(PLANES, {0: answer}), _planes_dataset(), [0], grid=True))
    assert whole.classes[0].iou == 0.5
    assert grid.classes[0].iou == 1
    assert grid.classes[0].true_positives == 2


def test_that_unknown_pixels_do_not_count_and_exclusive_data_has_an_accuracy():
    labels = np.array([[0, 1], [1, IGNORE]], np.uint8)
    dataset = Dataset.from_samples([Sample(0, "s", "val", np.zeros((2, 2, 3), np.uint8), labels)], LABELS, "labels")
    answer = np.zeros((2, 2, 2))
    answer[0] = 0.9  # all of it is "a"
    reading = Reading("argmax", ((0.0, 2.0), (0.0, 2.0)))
    _, scores = _drain(evaluate(_Oracle(LABELS, {0: answer}, reading), dataset, [0]))
    assert scores.pixel_accuracy == pytest.approx(1 / 3)
    assert scores.classes[0].false_positives == 2
    assert scores.classes[1].iou == 0


def test_that_closing_closes_the_prediction():
    oracle = _Oracle(PLANES, dict.fromkeys(range(3), np.zeros((2, 4, 4))))
    events = evaluate(oracle, _planes_dataset(), [0, 1, 2])
    next(events)
    events.close()
    assert oracle.closed


def test_that_other_classes_are_refused_before_the_first_prediction():
    oracle = _Oracle(LABELS, {})
    with pytest.raises(SegbenchError, match="knows 2 classes"):
        next(evaluate(oracle, _planes_dataset(), [0]))


def test_that_a_dataset_without_masks_is_refused():
    bare = Dataset.from_samples([Sample(0, "s", "all", np.zeros((2, 2, 3), np.uint8), None)], None, "bare")
    with pytest.raises(SegbenchError, match="images only"):
        next(evaluate(_Oracle(PLANES, {}), bare, [0]))


def test_that_a_sample_without_masks_is_named():
    sample = Sample(0, "lonely", "all", np.zeros((2, 2, 3), np.uint8), None)
    prediction = Prediction(0, "lonely", np.zeros((2, 2, 2), np.float16), "probability", HALF)
    with pytest.raises(SegbenchError, match="lonely"):
        score_image(prediction, sample, PLANES)


def test_that_nothing_to_evaluate_is_refused():
    with pytest.raises(SegbenchError, match="no samples"):
        next(evaluate(_Oracle(PLANES, {}), _planes_dataset(), []))


def test_that_samples_without_masks_are_left_out_and_not_even_predicted():
    dataset = _take_masks_off(_planes_dataset(), 1)
    answers = {k: dataset.read(k).masks * 1.0 for k in (0, 2)}
    events, scores = _drain(evaluate(_Oracle(PLANES, answers), dataset, [0, 1, 2]))
    assert [(e.index, e.done, e.total) for e in events] == [(0, 1, 2), (2, 2, 2)]
    assert scores.images == 2
    with pytest.raises(SegbenchError, match="None of these samples has masks"):
        next(evaluate(_Oracle(PLANES, {}), dataset, [1]))
