"""The paired bootstrap: what it must find, what it must not, and a slow one that shares no code with it."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from segbench.metrics.comparison import DRAWS, Difference, compare
from segbench.metrics.evaluation import Evaluation

from .test_evaluation import LABELS, _build


def _draw(right: float, images: int = 200, seed: int = 0) -> Evaluation:
    """A network that finds that share of 100 pixels a class and image, images being easy or hard for every network alike."""
    easy = np.random.default_rng(99).uniform(0.7, 1.0, (images, 1))
    found = np.random.default_rng(seed).binomial(100, right * easy, (images, 2))
    counts = np.stack([found, np.full_like(found, 20), 100 - found], axis=2).astype(np.int64)
    return replace(
        _build(counts=counts[:3]), counts=counts, boundary=counts, shared=counts, hidden=counts, told=np.ones(images, bool),
        indices=np.arange(images), losses=np.zeros(images), seconds=np.zeros(images),
    )  # fmt: skip


def test_that_a_network_does_not_differ_from_itself():
    one = _draw(0.7)
    found = compare(one, one).mean
    assert (found.value, found.low, found.high) == (0, 0, 0)
    assert found.verdict == "no difference"


def test_that_luck_is_no_difference():
    """Of networks that are equally good, the interval holds 0 in 19 cases of 20, or nearly."""
    held = sum(compare(_draw(0.7, seed=2 * s), _draw(0.7, seed=2 * s + 1), draws=400).mean.low <= 0 for s in range(40))
    held += sum(
        compare(_draw(0.7, seed=2 * s), _draw(0.7, seed=2 * s + 1), draws=400).mean.high >= 0 for s in range(40)
    )
    assert held >= 80 - 6


def test_that_a_clearly_better_network_is_told_in_both_directions():
    better = compare(_draw(0.7), _draw(0.8, seed=1))
    assert better.mean.verdict == "better"
    assert 0 < better.mean.low < better.mean.value < better.mean.high
    assert all(one.verdict == "better" for one in better.classes)
    back = compare(_draw(0.8, seed=1), _draw(0.7)).mean
    assert back.verdict == "worse"
    assert (back.value, back.low, back.high) == pytest.approx((-better.mean.value, -better.mean.high, -better.mean.low))


def test_that_it_is_paired_and_hard_images_hide_no_difference():
    """A better network wins on every image by a little: without pairing the spread of the images would drown it."""
    one = _draw(0.7)
    counts = one.counts + np.array([1, 0, -1])
    assert compare(one, replace(one, counts=counts)).mean.verdict == "better"


def test_that_a_slow_bootstrap_in_plain_python_finds_the_same_interval():
    one, other = _draw(0.7, 40), _draw(0.72, 40, seed=5)
    rows = [(a.tolist(), b.tolist()) for a, b in zip(one.counts, other.counts, strict=True)]
    dice = random.Random(3)

    def mean_iou(chosen: list[list[list[int]]]) -> float:
        ious = []
        for k in range(2):
            tp, fp, fn = (sum(image[k][j] for image in chosen) for j in range(3))
            ious.append(tp / (tp + fp + fn))
        return sum(ious) / 2

    drawn = []
    for _ in range(DRAWS):
        chosen = [dice.choice(rows) for _ in rows]
        drawn.append(mean_iou([b for _, b in chosen]) - mean_iou([a for a, _ in chosen]))
    drawn.sort()
    found = compare(one, other).mean
    assert found.value == pytest.approx(mean_iou([b for _, b in rows]) - mean_iou([a for a, _ in rows]))
    assert found.low == pytest.approx(drawn[DRAWS // 40], abs=0.002)
    assert found.high == pytest.approx(drawn[-DRAWS // 40], abs=0.002)


def test_that_the_same_seed_gives_the_same_interval():
    assert compare(_draw(0.7), _draw(0.8)).mean == compare(_draw(0.7), _draw(0.8)).mean


def test_that_blocks_make_no_difference(monkeypatch):
    whole = compare(_draw(0.7), _draw(0.75, seed=4))
    monkeypatch.setattr("segbench.metrics.comparison._TOGETHER", 1000)
    assert compare(_draw(0.7), _draw(0.75, seed=4)).mean.low == pytest.approx(whole.mean.low, abs=0.003)


def test_that_few_images_tell_nothing():
    assert Difference(0.5, 0.5, 0.5, 1).verdict == "too few images"
    assert compare(_draw(0.2, 5), _draw(0.9, 5)).mean.verdict == "too few images"


def test_that_an_absent_class_has_no_difference_and_the_mean_goes_without_it():
    one, other = _draw(0.7), _draw(0.8, seed=1)
    for evaluation in (one, other):
        evaluation.counts[:, 1] = 0
    found = compare(one, other)
    assert found.classes[1] is None
    assert found.mean.value == pytest.approx(found.classes[0].value)


def test_that_other_images_are_refused():
    one = _draw(0.7)
    with pytest.raises(ValueError, match="same images"):
        compare(one, replace(one, indices=one.indices + 1))
    with pytest.raises(ValueError, match="no hidden_recall"):
        compare(_build(LABELS), _build(LABELS), "hidden_recall")
