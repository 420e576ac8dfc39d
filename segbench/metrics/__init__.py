"""Scores from masks: counts of true and false pixels a class, pooled over images. Numpy only; knows neither files nor networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segbench.records import ClassScore, Scores

Ratio = Literal["iou", "dice", "precision", "recall"]
# What true positives, false positives and false negatives weigh in a ratio's denominator; above it stand the true ones, as below
RATIOS: dict[Ratio, tuple[int, int, int]] = {
    "iou": (1, 1, 1),
    "dice": (2, 1, 1),
    "precision": (1, 1, 0),
    "recall": (1, 0, 1),
}


def count_pixels(
    predicted: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    known: NDArray[np.bool_] | None,
    names: Sequence[str],
    exclusive: bool = False,
) -> Scores:
    """The scores of one image.

    predicted, truth: bool (K, H, W), a plane a class. known: bool (H, W), True where a pixel counts; None counts all.
    names: the K class names. exclusive: True where each pixel has one class; the pixel accuracy is then given, too: the
    share of known pixels whose class was found (a pixel that was given no class counts as wrong).
    Every class of `names` is scored, a background class among them if the table has one. Raises ValueError when the
    shapes do not fit.
    """
    if predicted.shape != truth.shape or len(names) != len(truth) or truth.ndim != 3:
        raise ValueError(f"predicted {predicted.shape}, truth {truth.shape} and {len(names)} names do not fit")
    if known is not None and known.shape != truth.shape[1:]:
        raise ValueError(f"known {known.shape} does not fit truth {truth.shape}")
    whole = known is None or bool(known.all())
    classes = []
    for name, said, there in zip(names, predicted, truth, strict=True):
        if not whole:
            said, there = said & known, there & known
        both = int(np.count_nonzero(said & there))
        classes.append(
            ClassScore(
                name=name,
                true_positives=both,
                false_positives=int(np.count_nonzero(said)) - both,
                false_negatives=int(np.count_nonzero(there)) - both,
            )
        )
    return Scores(tuple(classes), images=1, pixel_accuracy=_find_accuracy(classes) if exclusive else None)


def add_scores(a: Scores, b: Scores) -> Scores:
    """The scores of two sets of images taken together: pixels pooled, not a mean of means.

    `zero_scores(...)` is the neutral element. Raises ValueError when the classes differ.
    """
    if [c.name for c in a.classes] != [c.name for c in b.classes]:
        raise ValueError("scores of different classes cannot be added")
    classes = [
        ClassScore(
            name=x.name,
            true_positives=x.true_positives + y.true_positives,
            false_positives=x.false_positives + y.false_positives,
            false_negatives=x.false_negatives + y.false_negatives,
        )
        for x, y in zip(a.classes, b.classes, strict=True)
    ]
    # An image without a known pixel has no accuracy of its own, and adds nothing to that of the others
    exclusive = a.pixel_accuracy is not None or b.pixel_accuracy is not None
    return Scores(tuple(classes), a.images + b.images, _find_accuracy(classes) if exclusive else None)


def zero_scores(names: Sequence[str]) -> Scores:
    """The scores of no image at all: every count 0, every ratio None."""
    return Scores(tuple(ClassScore(name, 0, 0, 0) for name in names), images=0)


def list_counts(scores: Scores) -> NDArray[np.int64]:
    """int64 (K, 3): true positives, false positives, false negatives, a row a class."""
    rows = [(c.true_positives, c.false_positives, c.false_negatives) for c in scores.classes]
    return np.array(rows, np.int64).reshape(-1, 3)


def build_scores(names: Sequence[str], counts: NDArray[np.int64], images: int, exclusive: bool = False) -> Scores:
    """Scores of counts (K, 3) as `list_counts` gives them."""
    classes = tuple(ClassScore(name, *row) for name, row in zip(names, counts.tolist(), strict=True))
    return Scores(classes, images, _find_accuracy(classes) if exclusive else None)


def compute_ratio(counts: NDArray[np.int64] | NDArray[np.float64], ratio: Ratio) -> NDArray[np.float64]:
    """A ratio of counts (..., 3) as ClassScore defines it: float64 (...), NaN where it isn't defined."""
    weights = np.array(RATIOS[ratio])
    below = counts @ weights
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float64] = weights[0] * counts[..., 0] / below
    return found


def mean_of_defined(values: NDArray[np.float64], axis: int | tuple[int, ...] = -1) -> NDArray[np.float64]:
    """The mean along an axis of what is a number; NaN where nothing is."""
    there = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        mean: NDArray[np.float64] = np.where(there, values, 0.0).sum(axis) / there.sum(axis)
    return mean


def _find_accuracy(classes: Sequence[ClassScore]) -> float | None:
    """Found pixels over known pixels. On exclusive data TP + FN over the classes is the number of known pixels."""
    known = sum(c.true_positives + c.false_negatives for c in classes)
    return sum(c.true_positives for c in classes) / known if known else None
