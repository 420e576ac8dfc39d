"""Two networks on the same images: the difference, and how much of it the choice of images could have made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segbench.metrics import compute_ratio, mean_of_defined
from segbench.metrics.evaluation import METRICS, Evaluation, Metric

DRAWS = 2000
CERTAINTY = 0.95
FEWEST = 20  # images, below which an interval drawn from them says little
_TOGETHER = 1 << 21  # numbers drawn at once

Verdict = Literal["better", "worse", "no difference", "too few images"]


@dataclass(frozen=True, slots=True)
class Difference:
    """How much more the second network has than the first. low, high: the interval that holds 95 % of what the difference would be
    if the images were drawn again. None of it tells how much another seed of the same training would have made."""

    value: float
    low: float
    high: float
    images: int

    @property
    def verdict(self) -> Verdict:
        """Of the second network, where more is better."""
        if self.images < FEWEST:
            return "too few images"
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "no difference"


@dataclass(frozen=True, eq=False, slots=True)
class Differences:
    """The second network against the first in one metric: the mean over the classes, and each class. None: not defined."""

    metric: Metric
    mean: Difference | None
    classes: tuple[Difference | None, ...]


@dataclass(frozen=True, eq=False, slots=True)
class ComparedRun:
    """One network of a comparison. macs: multiply-accumulates of one image of the size that the first image has.
    training_seconds: busy time until this checkpoint; None where no run tells. against_first: None for the first."""

    name: str
    path: str  # the run's folder, or the checkpoint file
    evaluation: Evaluation
    macs: int | None
    training_seconds: float | None
    against_first: Differences | None


@dataclass(frozen=True, eq=False, slots=True)
class Comparison:
    """Networks on the same images under the same threshold rule, in the order given."""

    runs: tuple[ComparedRun, ...]
    rule: str
    size: tuple[int, int]  # height and width that `macs` are for

    def compare(self, first: int, second: int, metric: Metric = "iou") -> Differences:
        """Any pair of the runs, by their places."""
        return compare(self.runs[first].evaluation, self.runs[second].evaluation, metric)


def compare(
    first: Evaluation, second: Evaluation, metric: Metric = "iou", draws: int = DRAWS, seed: int = 0
) -> Differences:
    """The paired bootstrap over images: both networks are scored, pixels pooled, on the same images drawn with replacement, `draws`
    times. Raises ValueError if they were not evaluated on the same images or the data has no such pixels.
    """
    if not np.array_equal(first.indices, second.indices) or first.dataset.path != second.dataset.path:
        raise ValueError("the two were not evaluated on the same images")
    pixels, ratio = METRICS[metric]
    one, other = first.find_counts(pixels), second.find_counts(pixels)
    if one is None or other is None or one.shape != other.shape:
        raise ValueError(f"there is no {metric} of both")
    images, count = one.shape[:2]
    both = np.stack([one, other], axis=1).reshape(images, -1).astype(np.float64)

    def rate(summed: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., 2 * K * 3) -> (..., K + 1): the difference a class, then that of the means."""
        each = compute_ratio(summed.reshape(*summed.shape[:-1], 2, count, 3), ratio)
        each = np.concatenate([each, mean_of_defined(each)[..., None]], axis=-1)
        difference: NDArray[np.float64] = each[..., 1, :] - each[..., 0, :]
        return difference

    values = rate(both.sum(axis=0))
    drawn = (
        np.concatenate([rate(summed) for summed in _draw(both, draws, seed)]) if images else np.zeros((0, count + 1))
    )
    found = [_find_interval(values[k], drawn[:, k], images) for k in range(count + 1)]
    return Differences(metric, found[-1], tuple(found[:-1]))


def _draw(rows: NDArray[np.float64], draws: int, seed: int) -> list[NDArray[np.float64]]:
    """Sums of rows drawn with replacement: `draws` of them, in blocks (n, columns)."""
    generator = np.random.default_rng(seed)
    images, sums = len(rows), []
    block = max(1, _TOGETHER // images)
    for begin in range(0, draws, block):
        n = min(block, draws - begin)
        chosen = generator.integers(0, images, (n, images)) + np.arange(n)[:, None] * images
        times = np.bincount(chosen.ravel(), minlength=n * images).reshape(n, images)
        sums.append(times.astype(np.float64) @ rows)
    return sums


def _find_interval(value: np.float64, drawn: NDArray[np.float64], images: int) -> Difference | None:
    drawn = drawn[~np.isnan(drawn)]
    if np.isnan(value) or not len(drawn):
        return None
    tail = 100 * (1 - CERTAINTY) / 2
    low, high = np.percentile(drawn, (tail, 100 - tail)).tolist()
    return Difference(float(value), low, high, images)
