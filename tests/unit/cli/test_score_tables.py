"""What `segbench evaluate` and `segbench compare` print, from evaluations made by hand."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from segbench.cli import score_tables
from segbench.cli.comparing import comparison_document, describe_comparison, write_verdict
from segbench.data.dataset import Dataset
from segbench.data.shapes import generate
from segbench.errors import SegbenchError
from segbench.events import SamplePredicted
from segbench.formats.purdue import PURDUE_CLASSES
from segbench.metrics.comparison import ComparedRun, Comparison, Difference, compare
from segbench.metrics.evaluation import Evaluation
from segbench.records import CheckpointInfo, ClassInfo, ClassTable, Prediction, Reading, Sample
from segbench.targets import build_target
from segbench.training.evaluator import evaluate

STREET = ClassTable(
    (ClassInfo("sky", (1, 2, 3)), ClassInfo("road", (4, 5, 6)), ClassInfo("car", (7, 8, 9))), exclusive=True, background=0
)  # fmt: skip


class _Oracle:
    """Says the truth with noise."""

    batch_statistics = False

    def __init__(self, classes: ClassTable, target: Any, noise: float) -> None:
        self.info = CheckpointInfo("run/checkpoints/best.safetensors", "munet", classes, target, 1, 1, 1000)
        self._target, self._noise = build_target(target, classes), noise

    def predict_samples(
        self, samples: Any, indices: Sequence[int], batch_size: int = 8
    ) -> Generator[SamplePredicted, None, None]:
        generator = np.random.default_rng(1)
        for done, index in enumerate(indices, start=1):
            sample = samples.read(index)
            planes = sample.planes(len(self.info.classes))
            scores = planes * 0.6 + generator.uniform(0, self._noise, planes.shape)
            if self.info.target == "values":
                scores *= np.array(self.info.classes.values)[:, None, None]
            given = Prediction(index, sample.name, scores.astype(np.float16), self._target.scale, self._target.reading)
            yield SamplePredicted("c", given, done, len(indices), 0.01)


def _evaluate(dataset: Dataset, target: str, noise: float = 0.5, reading: Reading | None = None) -> Evaluation:
    events = evaluate(_Oracle(dataset.classes, target, noise), dataset, range(len(dataset)), reading)
    while True:
        try:
            next(events)
        except StopIteration as end:
            return end.value


@pytest.fixture(scope="module")
def shapes() -> Dataset:
    return Dataset.from_samples(list(generate(30, seed=5)), PURDUE_CLASSES, "shapes")


@pytest.fixture(scope="module")
def street() -> Dataset:
    samples = []
    for k in range(2):
        labels = np.zeros((8, 10), np.uint8)
        labels[4:], labels[5:7, 2:4] = 1, 2
        samples.append(Sample(k, f"s{k}", "val", np.zeros((8, 10, 3), np.uint8), labels))
    return Dataset.from_samples(samples, STREET, "street")


def test_that_both_conventions_and_hidden_pixels_and_sizes_are_printed(shapes):
    evaluation = _evaluate(shapes, "planes")
    lines = score_tables.describe_evaluation(evaluation)
    text = "\n".join(lines)
    assert sum(line.startswith("class ") for line in lines) == 3
    pooled, own = [line.split()[1] for line in lines if line.startswith("mean  ")][:2]
    assert pooled == f"{evaluation.measure('iou').pooled:.3f}"
    assert own == f"{evaluation.measure('iou').per_image:.3f}"
    assert "recall hidden" in text
    assert "per doubling" in text
    assert "pixel accuracy" not in text
    assert len({len(line) for line in lines[1:7]}) == 1, "columns stand below each other"


def test_that_labels_have_an_accuracy_a_mean_without_background_and_a_confusion_matrix(street):
    evaluation = _evaluate(street, "labels", 1.2)
    text = "\n".join(score_tables.describe_evaluation(evaluation))
    assert "pixel accuracy" in text
    assert "mean without sky" in text
    assert "hidden" not in text
    confusion = score_tables.describe_confusion(evaluation)
    assert confusion[0].split() == ["true", "\\", "predicted", "sky", "road", "car", "none", "pixels"]
    assert confusion[1].split()[-1] == "80"


def test_that_of_many_classes_the_largest_mistakes_are_listed(street, monkeypatch):
    monkeypatch.setattr(score_tables, "MANY", 2)
    evaluation = _evaluate(street, "labels", 1.2)
    lines = score_tables.describe_confusion(evaluation)
    counts = [int(line.split()[-2]) for line in lines[1:]]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) < evaluation.confusion.sum()


def test_that_planes_have_no_confusion_matrix(shapes):
    with pytest.raises(SegbenchError, match="no confusion matrix"):
        score_tables.describe_confusion(_evaluate(shapes, "planes"))


def test_that_thresholds_are_those_used_the_best_and_the_lectures_for_its_values(shapes):
    values = _evaluate(shapes, "values")
    assert [name for name, _ in score_tables.list_readings(values)] == ["used", "best", "lecture"]
    lines = score_tables.describe_thresholds(values)
    assert len(lines) == 1 + 3 * 6
    assert "25 .. 85" in lines[13]
    assert [name for name, _ in score_tables.list_readings(_evaluate(shapes, "planes"))] == ["used", "best"]


def test_that_the_document_is_json_and_holds_every_number_with_its_definition(shapes, street):
    for evaluation in (_evaluate(shapes, "planes"), _evaluate(street, "labels")):
        document = json.loads(msgspec.json.encode(score_tables.evaluation_document(evaluation)))
        assert document["mean_iou"] == document["means"]["iou"]["pooled"]
        assert document["classes"][0]["iou"] == document["classes"][0]["measures"]["iou"]["pooled"]
        assert set(document["means"]) <= set(document["definitions"])
        assert sum(document["sizes"]["classes"][-1]["objects"]) == len(evaluation.objects)
        assert (document["confusion"] is None) == (document["mean_iou_without_background"] is None)
    image = score_tables.image_document(replace(evaluation, losses=np.array([np.nan, 1])), 0)
    assert image["loss"] is None


def test_that_definitions_are_a_paragraph_each(street):
    evaluation = _evaluate(street, "labels")
    lines = score_tables.describe_definitions(score_tables.list_keys(evaluation), evaluation)
    titles = [line for line in lines if not line.startswith(" ")]
    assert titles[:2] == ["IoU", "Dice"]
    assert "confusion" in titles
    assert "recall hidden" not in titles


def test_that_a_comparison_tells_costs_scores_and_differences_in_plain_words(shapes):
    one, other = _evaluate(shapes, "planes", 0.6), _evaluate(shapes, "planes", 0.4)
    runs = (
        ComparedRun("first", "runs/first", one, 2_500_000, None, None),
        ComparedRun("second", "runs/second", other, None, 300.0, compare(one, other)),
    )
    comparison = Comparison(runs, "own", (64, 64))
    lines = describe_comparison(comparison)
    assert lines[1].split()[:5] == ["first", "munet", "1,000", "2.5", "M"]
    assert "5 min" in lines[2]
    assert lines.count("thresholds: probability > 0.5") == 1
    told = next(line for line in lines if line.startswith("second against first"))
    assert told.endswith("better by more than the choice of 30 images explains")
    document = json.loads(msgspec.json.encode(comparison_document(comparison)))
    assert document["runs"][0]["against_first"] is None
    assert document["runs"][1]["against_first"]["mean"]["verdict"] == "better"
    assert document["definitions"]["difference"]["title"] == "difference"


@pytest.mark.parametrize(
    ("difference", "told"),
    [
        (Difference(0.1, 0.05, 0.2, 1000), "better by more than the choice of 1,000 images explains"),
        (Difference(-0.1, -0.2, -0.05, 1000), "worse by more than the choice of 1,000 images explains"),
        (Difference(0.1, -0.05, 0.2, 1000), "no difference that 1,000 images could show"),
        (Difference(0.1, 0.05, 0.2, 4), "4 images are too few to tell"),
    ],
)
def test_that_a_verdict_is_a_plain_sentence(difference, told):
    assert write_verdict(difference) == told
