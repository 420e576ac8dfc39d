"""Evaluation with a predictor that says what it is told, against counts made by hand."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from segbench.data.dataset import Dataset
from segbench.data.shapes import generate
from segbench.errors import SegbenchError
from segbench.events import ImageScored, SamplePredicted
from segbench.formats.purdue import PURDUE_CLASSES
from segbench.metrics.overlaps import find_hidden
from segbench.records import IGNORE, CheckpointInfo, ClassInfo, ClassTable, Prediction, Reading, Sample, Scores
from segbench.training.evaluator import evaluate, score_image, tune

PLANES = ClassTable((ClassInfo("a", (1, 1, 1), 50), ClassInfo("b", (2, 2, 2), 100)), exclusive=False)
LABELS = ClassTable((ClassInfo("a", (1, 1, 1)), ClassInfo("b", (2, 2, 2))), exclusive=True)
HALF = Reading("windows", ((0.5, 9.0), (0.5, 9.0)))


class _Oracle:
    """Predicts what `answers` holds for a sample's index."""

    batch_statistics = False

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


def _score(*arguments: Any, **options: Any) -> tuple[list[ImageScored], Scores]:
    """The events of an evaluation, and its pooled scores."""
    events, evaluation = _drain(evaluate(*arguments, **options))
    return events, evaluation.pooled


def test_that_pixels_are_pooled_over_the_images_and_each_image_is_told():
    dataset = _planes_dataset()
    first_row = np.zeros((2, 4, 4))
    first_row[0, 0] = 0.9
    events, scores = _score(_Oracle(PLANES, dict.fromkeys(range(3), first_row)), dataset, [0, 1, 2])
    assert [event.scores.classes[0].iou for event in events] == [1.0, 0.5, pytest.approx(1 / 3)]
    assert scores.classes[0].iou == 12 / 24
    assert scores.classes[1].iou is None
    assert scores.images == 3
    assert scores.pixel_accuracy is None
    assert [(e.index, e.name, e.done, e.total) for e in events] == [(0, "s0", 1, 3), (1, "s1", 2, 3), (2, "s2", 3, 3)]


def test_that_a_reading_of_ones_own_replaces_the_checkpoints():
    weak = np.full((2, 4, 4), 0.3)
    oracle = _Oracle(PLANES, {0: weak})
    _, scores = _score(oracle, _planes_dataset(), [0])
    assert scores.classes[0].iou == 0
    _, scores = _score(oracle, _planes_dataset(), [0], Reading("windows", ((0.2, 9.0), (0.5, 9.0))))
    assert scores.classes[0].recall == 1


def test_that_on_the_grid_only_even_rows_and_columns_count():
    answer = np.zeros((2, 4, 4))
    answer[0, 0, ::2] = 0.9  # right on the even pixels, silent on the others
    _, whole = _score(_Oracle(PLANES, {0: answer}), _planes_dataset(), [0])
    _, grid = _score(_Oracle(PLANES, {0: answer}), _planes_dataset(), [0], grid=True)
    assert whole.classes[0].iou == 0.5
    assert grid.classes[0].iou == 1
    assert grid.classes[0].true_positives == 2


def test_that_unknown_pixels_do_not_count_and_exclusive_data_has_an_accuracy():
    labels = np.array([[0, 1], [1, IGNORE]], np.uint8)
    dataset = Dataset.from_samples([Sample(0, "s", "val", np.zeros((2, 2, 3), np.uint8), labels)], LABELS, "labels")
    answer = np.zeros((2, 2, 2))
    answer[0] = 0.9  # all of it is "a"
    reading = Reading("argmax", ((0.0, 2.0), (0.0, 2.0)))
    _, scores = _score(_Oracle(LABELS, {0: answer}, reading), dataset, [0])
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


# What one pass finds out beside ------------------------------------------------------------------------------------------


def _noisy(dataset: Dataset, seed: int = 0) -> _Oracle:
    """Says the truth with noise."""
    generator = np.random.default_rng(seed)
    answers = {}
    for index in range(len(dataset)):
        truth = dataset.read(index).planes(len(dataset.classes))
        answers[index] = (truth * 0.5 + generator.uniform(0, 0.6, truth.shape)).clip(0, 1)
    return _Oracle(dataset.classes, answers)


def _shapes(count: int = 12) -> Dataset:
    return Dataset.from_samples(list(generate(count, seed=5, size=48)), PURDUE_CLASSES, "shapes")


def _labels(count: int = 3) -> Dataset:
    generator = np.random.default_rng(2)
    samples = []
    for k in range(count):
        labels = generator.choice([0, 1, IGNORE], (6, 8), p=[0.5, 0.4, 0.1]).astype(np.uint8)
        samples.append(Sample(k, f"s{k}", "val", np.zeros((6, 8, 3), np.uint8), labels))
    return Dataset.from_samples(samples, LABELS, "labels")


def test_that_the_evaluation_adds_up_to_what_each_image_was_told():
    dataset = _shapes()
    oracle = _noisy(dataset)
    oracle.reading = Reading("windows", ((0.5, float("inf")),) * 5)
    events, evaluation = _drain(evaluate(oracle, dataset, range(12), batch_size=5))
    assert [evaluation.score(row) for row in range(12)] == [event.scores for event in events]
    assert [event.loss for event in events] == evaluation.losses.tolist()
    assert evaluation.names == tuple(event.name for event in events)
    assert evaluation.curves.score(evaluation.reading) == evaluation.pooled
    assert evaluation.confusion is None
    assert evaluation.told.all()
    assert evaluation.measure("boundary_iou").pooled < evaluation.measure("iou").pooled
    for pixels in ("hidden", "shared"):
        assert (evaluation.find_counts(pixels) <= evaluation.counts).all()
    assert len(evaluation.objects) > 20
    assert set(evaluation.objects.images.tolist()) == set(range(12))


def test_that_its_arrays_cannot_be_changed():
    dataset = _shapes(2)
    _, evaluation = _drain(evaluate(_noisy(dataset), dataset, [0, 1], Reading("windows", ((0.5, 2.0),) * 5)))
    for array in (evaluation.counts, evaluation.boundary, evaluation.hidden, evaluation.indices, evaluation.losses):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_that_curves_say_what_an_evaluation_under_other_thresholds_would():
    dataset = _shapes()
    oracle = _noisy(dataset)
    _, evaluation = _drain(evaluate(oracle, dataset, range(12), Reading("windows", ((0.5, 2.0),) * 5)))
    for low in (0.1, 0.37, 0.9):
        reading = Reading("windows", ((low, 2.0),) * 5)
        _, again = _score(oracle, dataset, range(12), reading)
        assert evaluation.curves.score(reading) == again


def test_that_the_tuned_reading_is_the_best_on_these_images():
    dataset = _shapes()
    oracle = _noisy(dataset)
    own = Reading("windows", ((0.2, float("inf")),) * 5)
    events, reading = _drain(tune(oracle, dataset, range(12), own))
    assert len(events) == 12
    _, best = _score(oracle, dataset, range(12), reading)
    for low in (0.2, 0.3, 0.5, 0.55, 0.7):
        _, other = _score(oracle, dataset, range(12), Reading("windows", ((low, float("inf")),) * 5))
        for one, another in zip(best.classes, other.classes, strict=True):
            assert (one.iou or 0) >= (another.iou or 0)


def test_that_the_confusion_matrix_counts_each_known_pixel_once():
    dataset = _labels()
    oracle = _noisy(dataset)
    oracle.reading = Reading("argmax", ((0.0, 2.0), (0.8, 2.0)))
    _, evaluation = _drain(evaluate(oracle, dataset, range(3)))
    expected = np.zeros((2, 3), np.int64)
    for index in range(3):
        for y, x in np.argwhere(dataset.read(index).masks != IGNORE):
            said = oracle.answers[index][:, y, x].astype(np.float16)
            best = int(said.argmax())
            given = best if said[best] > (0.0, 0.8)[best] else 2
            expected[dataset.read(index).masks[y, x], given] += 1
    assert evaluation.confusion.tolist() == expected.tolist()
    assert expected[:, 2].sum() > 0
    again = np.zeros_like(expected)
    for _row, there, said, pixels in evaluation.confused.tolist():
        again[there, said] += pixels
    assert again.tolist() == expected.tolist()
    rows = evaluation.find_confused(1, 2).tolist()
    assert rows
    assert all(expected[1, 2] >= evaluation.counts[row, 1, 2] > 0 for row in rows)
    pooled = evaluation.pooled
    assert pooled.pixel_accuracy == evaluation.confusion[:, :2].trace() / evaluation.confusion.sum()
    assert evaluation.hidden is None
    assert evaluation.told is None


def test_that_where_several_classes_were_read_the_highest_score_confuses():
    labels = np.zeros((1, 3), np.uint8)
    dataset = Dataset.from_samples([Sample(0, "s", "val", np.zeros((1, 3, 3), np.uint8), labels)], LABELS, "labels")
    answer = np.array([[[0.9, 0.6, 0.1]], [[0.6, 0.9, 0.2]]])
    _, evaluation = _drain(evaluate(_Oracle(LABELS, {0: answer}), dataset, [0]))
    assert evaluation.confusion.tolist() == [[1, 1, 1], [0, 0, 0]]


def test_that_on_the_grid_boxes_and_hidden_pixels_are_those_of_even_rows_and_columns():
    dataset = _shapes()
    oracle = _noisy(dataset)
    reading = Reading("windows", ((0.5, 2.0),) * 5)
    _, whole = _drain(evaluate(oracle, dataset, range(12), reading))
    _, grid = _drain(evaluate(oracle, dataset, range(12), reading, grid=True))
    assert grid.told.all()
    assert grid.grid
    hidden = sum(int(find_hidden(dataset.read(k), 5)[:, ::2, ::2].sum()) for k in range(12))
    assert grid.count_pixels("hidden").sum() == hidden
    assert 0.7 * len(whole.objects) < len(grid.objects) <= len(whole.objects)


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
    events, scores = _score(_Oracle(PLANES, answers), dataset, [0, 1, 2])
    assert [(e.index, e.done, e.total) for e in events] == [(0, 1, 2), (2, 2, 2)]
    assert scores.images == 2
    with pytest.raises(SegbenchError, match="None of these samples has masks"):
        next(evaluate(_Oracle(PLANES, {}), dataset, [1]))
