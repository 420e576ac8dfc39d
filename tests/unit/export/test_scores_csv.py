"""Tables of scores as CSV: a row an image, a row a network, and an empty cell where there is no number."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from segbench.export.scores import save_comparison, save_images
from segbench.metrics.comparison import ComparedRun, Comparison, compare
from segbench.metrics.curves import CurveCounter
from segbench.metrics.evaluation import Evaluation
from segbench.metrics.objects import ObjectCounter
from segbench.records import CheckpointInfo, ClassTable, DatasetInfo, Reading

from .conftest import SHAPES, STREET


def _evaluate(classes: ClassTable, images: int = 3, more: int = 0) -> Evaluation:
    counts = np.zeros((images, 3, 3), np.int64)
    counts[:, 0] = 3, 1, 0
    counts[0, 1] = 1 + more, 1, 2
    overlapping = not classes.exclusive
    return Evaluation(
        CheckpointInfo("best.safetensors", "munet", classes, "planes", 1, 1, 42), DatasetInfo("d", "x", "", classes, {}, None),
        classes, Reading("windows", ((0.5, 9.0),) * 3), "probability", False, False, 0.02, np.arange(images),
        tuple(f"größe {k}" for k in range(images)), counts, counts, counts if overlapping else None,
        counts if overlapping else None, np.ones(images, bool) if overlapping else None, None,
        np.array([0.25, np.nan, 1.0][:images]), np.full(images, 0.5), CurveCounter(classes.names, "probability", "windows").finish(),
        ObjectCounter(3).finish(),
    )  # fmt: skip


def _read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_that_each_image_has_a_row_with_its_loss_its_means_and_each_class(tmp_path):
    rows = _read(save_images(_evaluate(SHAPES), tmp_path / "new" / "images.csv"))
    assert [row["name"] for row in rows] == ["größe 0", "größe 1", "größe 2"]
    assert float(rows[0]["mean_iou"]) == pytest.approx((3 / 4 + 1 / 4) / 2)
    assert float(rows[0]["iou disk"]) == 1 / 4
    assert rows[1]["iou disk"] == rows[1]["loss"] == ""
    assert float(rows[2]["loss"]) == 1
    assert "mean_hidden_recall" in rows[0]
    assert "pixel_accuracy" not in rows[0]


def test_that_labels_have_an_accuracy_and_no_overlaps(tmp_path):
    rows = _read(save_images(_evaluate(STREET), tmp_path / "images.csv"))
    assert float(rows[0]["pixel_accuracy"]) == 4 / 6
    assert not any("hidden" in column for column in rows[0])


def test_that_each_network_has_a_row_with_its_costs_and_its_difference_from_the_first(tmp_path):
    one, other = _evaluate(SHAPES), _evaluate(SHAPES, more=2)
    runs = (
        ComparedRun("first", "runs/first", one, 1000, None, None),
        ComparedRun("second", "runs/second", other, None, 60.0, compare(one, other)),
    )
    first, second = _read(save_comparison(Comparison(runs, "own", (64, 64)), tmp_path / "runs.csv"))
    assert (first["run"], first["macs"], first["training_seconds"], first["parameters"]) == ("first", "1000", "", "42")
    assert first["difference"] == ""
    assert second["verdict"] == "too few images"
    assert float(second["difference"]) == pytest.approx(float(second["mean_iou"]) - float(first["mean_iou"]))
    assert float(second["images_per_second"]) == 2
