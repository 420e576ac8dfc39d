"""Every number has its definition, with the numbers of the case in it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from segbench.metrics.definitions import DEFINITIONS, explain, write_reading
from segbench.metrics.evaluation import METRICS
from segbench.records import Reading

from .test_evaluation import PLANES, _build

INFINITY = float("inf")


def test_that_every_metric_says_pixels_threshold_images_and_what_an_absent_class_does():
    for metric in METRICS:
        told = dict(explain(metric, _build()))
        assert {"formula", "pixels", "threshold", "images", "absent class"} <= told.keys()


def test_that_every_definition_can_be_written_with_and_without_an_evaluation():
    for key in DEFINITIONS:
        for pairs in (explain(key), explain(key, _build())):
            assert pairs
            assert not any("{" in text for _, text in pairs)


def test_that_the_case_s_own_numbers_stand_in_it():
    evaluation = _build()
    sized = replace(evaluation, dataset=type(evaluation.dataset)("d", "planes", "", PLANES, {"test": 3}, (64, 64)))
    assert "here 2 px" in dict(explain("boundary_iou", sized))["pixels"]
    assert dict(explain("iou", sized))["threshold"] == "probability > 0.5"
    for key in ("iou", "hidden_recall"):
        assert "even rows" in dict(explain(key, replace(sized, grid=True)))["pixels"]
    assert "binary" in dict(explain("loss", sized))["formula"]


@pytest.mark.parametrize(
    ("reading", "scale", "told"),
    [
        (Reading("windows", ((0.5, INFINITY),) * 2), "probability", "probability > 0.5"),
        (Reading("windows", ((25, 85), (65, 135))), "value", "a: 25 < output < 85, b: 65 < output < 135"),
        (Reading("windows", ((-INFINITY, 5), (-INFINITY, INFINITY))), "value", "a: output < 5, b: any output"),
        (Reading("argmax", ((0.0, INFINITY),) * 2), "probability", "the class of the highest score"),
        (Reading("argmax", ((0.3, INFINITY),) * 2), "probability", "the class of the highest score, where probability > 0.3"),
    ],
)  # fmt: skip
def test_that_thresholds_are_told_in_words(reading, scale, told):
    assert write_reading(reading, ("a", "b"), scale) == told
