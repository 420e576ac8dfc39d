"""Numbers against torchmetrics and scikit-learn on random masks. Left out where these are not installed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segbench.metrics import add_scores, compute_ratio, count_pixels, list_counts
from segbench.records import Scores

NAMES = ("a", "b", "c", "d")
ABSENT = 3  # a class that the truth of no image holds
K = len(NAMES)


def _draw(seed: int, exclusive: bool):
    """(predicted, truth, known) of three images: planes, or labels as planes. The last class is in the truth of none."""
    generator = np.random.default_rng(seed)
    images = []
    for _ in range(3):
        known = generator.random((12, 15)) < 0.9
        if exclusive:
            truth = generator.integers(0, ABSENT, known.shape) == np.arange(K)[:, None, None]
            predicted = generator.integers(0, K, known.shape) == np.arange(K)[:, None, None]
        else:
            truth = generator.random((K, *known.shape)) < 0.3
            truth[ABSENT] = False
            predicted = truth ^ (generator.random(truth.shape) < 0.2)
        images.append((predicted, truth, known))
    return images


def _pool(images, exclusive: bool) -> Scores:
    first, *others = (count_pixels(*image, NAMES, exclusive=exclusive) for image in images)
    for one in others:
        first = add_scores(first, one)
    return first


def _flatten(images, k: int):
    """(truth, prediction) of one class over the known pixels of all images."""
    return (np.concatenate([image[place][k][image[2]] for image in images]) for place in (1, 0))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("exclusive", [True, False])
def test_that_ratios_are_scikit_learns(seed, exclusive):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    images = _draw(seed, exclusive)
    scores = _pool(images, exclusive)
    for k, score in enumerate(scores.classes):
        truth, predicted = _flatten(images, k)
        expected = (
            metrics.jaccard_score(truth, predicted),
            metrics.f1_score(truth, predicted, zero_division=np.nan),
            metrics.precision_score(truth, predicted, zero_division=np.nan),
            metrics.recall_score(truth, predicted, zero_division=np.nan),
        )
        found = [np.nan if r is None else r for r in (score.iou, score.dice, score.precision, score.recall)]
        assert found == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("seed", range(4))
def test_that_pixel_accuracy_is_scikit_learns(seed):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    images = _draw(seed, exclusive=True)
    truth, predicted = (np.concatenate([i[place].argmax(axis=0)[i[2]] for i in images]) for place in (1, 0))
    assert _pool(images, True).pixel_accuracy == pytest.approx(metrics.accuracy_score(truth, predicted))


@pytest.mark.parametrize("seed", range(4))
def test_that_iou_and_its_mean_are_torchmetrics_with_unknown_pixels_left_out(seed):
    classification = pytest.importorskip(
        "torchmetrics.functional.classification", reason="torchmetrics is not installed"
    )
    images = _draw(seed, exclusive=True)
    labels = [np.where(known, truth.argmax(axis=0), 255) for _, truth, known in images]
    truth = torch.tensor(np.stack(labels))
    predicted = torch.tensor(np.stack([image[0].argmax(axis=0) for image in images]))
    each = classification.multiclass_jaccard_index(predicted, truth, K, average="none", ignore_index=255)
    scores = _pool(images, True)
    assert [c.iou for c in scores.classes] == pytest.approx(each.tolist())
    assert scores.classes[ABSENT].iou == 0  # predicted, and nowhere in the truth: 0 by both
    assert scores.mean_iou == pytest.approx(each.mean().item())


@pytest.mark.parametrize("seed", range(4))
def test_that_the_mean_of_images_is_torchmetrics_for_planes(seed):
    segmentation = pytest.importorskip("torchmetrics.functional.segmentation", reason="torchmetrics is not installed")
    images = [(predicted[:ABSENT], truth[:ABSENT]) for predicted, truth, _ in _draw(seed, exclusive=False)]
    counts = np.stack([list_counts(count_pixels(*image, None, NAMES[:ABSENT])) for image in images])
    predicted, truth = (torch.tensor(np.stack([image[place] for image in images])).int() for place in (0, 1))
    ious = segmentation.mean_iou(predicted, truth, ABSENT, per_class=True)
    assert compute_ratio(counts, "iou") == pytest.approx(ious.numpy())
    dice = segmentation.dice_score(predicted, truth, ABSENT, average="none")
    assert compute_ratio(counts, "dice") == pytest.approx(dice.numpy())
