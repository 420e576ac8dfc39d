"""The loss of an image by hand, and against torch's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from segbench.formats.purdue import PURDUE_CLASSES
from segbench.metrics.image_loss import measure_loss
from segbench.records import ClassInfo, ClassTable

TWO = ClassTable((ClassInfo("a", (1, 1, 1)), ClassInfo("b", (2, 2, 2))), exclusive=True)


def _planes(shape=(5, 6, 7), seed=0):
    return np.random.default_rng(seed).random(shape) < 0.3


def test_that_the_loss_of_values_is_the_lectures_over_known_pixels():
    truth, known = _planes(), _planes((6, 7), 1)
    scores = np.random.default_rng(2).normal(60, 60, truth.shape).astype(np.float16)
    values = np.array(PURDUE_CLASSES.values)[:, None, None]
    expected = ((scores.astype(float) - truth * values) ** 2)[:, known].mean()
    assert measure_loss(scores, truth, known, "values", PURDUE_CLASSES) == pytest.approx(expected, rel=1e-5)


def test_that_the_loss_of_planes_is_torchs_binary_cross_entropy():
    truth = _planes()
    scores = np.random.default_rng(2).uniform(0.01, 0.99, truth.shape).astype(np.float16)
    expected = functional.binary_cross_entropy(torch.tensor(scores.astype(np.float32)), torch.tensor(truth).float())
    assert measure_loss(scores, truth, None, "planes", PURDUE_CLASSES) == pytest.approx(expected.item(), rel=1e-5)


def test_that_the_loss_of_labels_is_torchs_cross_entropy_over_known_pixels():
    labels = np.random.default_rng(3).integers(0, 2, (6, 7))
    truth, known = labels == np.arange(2)[:, None, None], _planes((6, 7), 1)
    logits = torch.randn(1, 2, 6, 7, generator=torch.Generator().manual_seed(0))
    given = torch.tensor(np.where(known, labels, 255))[None]
    expected = functional.cross_entropy(logits, given, ignore_index=255).item()
    scores = logits.softmax(1)[0].numpy().astype(np.float16)
    assert measure_loss(scores, truth, known, "labels", TWO) == pytest.approx(expected, rel=1e-3)


def test_that_a_sure_mistake_costs_much_and_is_still_a_number():
    truth = np.ones((5, 1, 1), bool)
    loss = measure_loss(np.zeros((5, 1, 1), np.float16), truth, None, "planes", PURDUE_CLASSES)
    assert loss == pytest.approx(12 * np.log(2))
    assert measure_loss(np.ones((5, 1, 1), np.float16), truth, None, "planes", PURDUE_CLASSES) < 0.001


def test_that_an_image_without_a_known_pixel_has_no_loss():
    truth, known = _planes(), np.zeros((6, 7), bool)
    assert measure_loss(truth.astype(np.float16), truth, known, "planes", PURDUE_CLASSES) is None
