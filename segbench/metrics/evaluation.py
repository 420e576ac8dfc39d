"""Evaluation: all that one pass over some images found out about a network, and the numbers that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segbench.metrics import Ratio, build_scores, compute_ratio, mean_of_defined
from segbench.metrics.curves import Curves
from segbench.metrics.objects import Objects
from segbench.records import CheckpointInfo, ClassTable, DatasetInfo, Reading, Scores

Pixels = Literal["all", "boundary", "shared", "hidden", "seen"]
Metric = Literal[
    "iou", "dice", "precision", "recall", "boundary_iou", "shared_recall", "shared_iou", "hidden_recall", "hidden_iou",
    "seen_recall",
]  # fmt: skip
# Which pixels a metric counts, and which ratio of them it is
METRICS: dict[Metric, tuple[Pixels, Ratio]] = {
    "iou": ("all", "iou"),
    "dice": ("all", "dice"),
    "precision": ("all", "precision"),
    "recall": ("all", "recall"),
    "boundary_iou": ("boundary", "iou"),
    "shared_recall": ("shared", "recall"),
    "shared_iou": ("shared", "iou"),
    "hidden_recall": ("hidden", "recall"),
    "hidden_iou": ("hidden", "iou"),
    "seen_recall": ("seen", "recall"),
}
MAIN: tuple[Metric, ...] = ("iou", "dice", "precision", "recall", "boundary_iou")
OVERLAP: tuple[Metric, ...] = ("seen_recall", "hidden_recall", "hidden_iou", "shared_recall", "shared_iou")


class Measured(NamedTuple):
    """One number by both conventions. pooled: of all images' pixels taken together. per_image: the mean of the images' own
    numbers, over those that have one; `images` tells how many. None: not defined."""

    pooled: float | None
    per_image: float | None
    images: int


@dataclass(frozen=True, eq=False, slots=True)
class Evaluation:
    """What a network says about N images of K classes. Arrays are read-only; row n of each is image `indices[n]`.

    counts: int64 (N, K, 3), true positives, false positives, false negatives of all known pixels under `reading`; boundary: those
    of the bands along the edges, `width` of the diagonal wide. shared: those on pixels where another class's plane is set, hidden:
    those where the picture shows another class's object; None for data with one class a pixel. told (N,): whether an
    image's picture tells what it shows; where it doesn't, its row of `hidden` is 0.
    confusion: int64 (K, K + 1), true class by predicted class, the last column for pixels that were given none; None where
    classes may overlap; confused: int64 (P, 4), the same image by image: its row, true class, predicted class, pixels, where
    there are any. losses float64 (N,), NaN where not a number; seconds float64 (N,): an image's share of the time that its
    batch took in the network.
    """

    checkpoint: CheckpointInfo
    dataset: DatasetInfo
    classes: ClassTable
    reading: Reading
    scale: Literal["probability", "value"]
    batch_statistics: bool
    grid: bool
    width: float
    indices: NDArray[np.int64]
    names: tuple[str, ...]
    counts: NDArray[np.int64]
    boundary: NDArray[np.int64]
    shared: NDArray[np.int64] | None
    hidden: NDArray[np.int64] | None
    told: NDArray[np.bool_] | None
    confusion: NDArray[np.int64] | None
    losses: NDArray[np.float64]
    seconds: NDArray[np.float64]
    curves: Curves
    objects: Objects
    confused: NDArray[np.int64] | None = None

    @property
    def images(self) -> int:
        return len(self.indices)

    @property
    def pooled(self) -> Scores:
        """The scores of all images, pixels pooled."""
        return build_scores(self.classes.names, self.counts.sum(axis=0), self.images, self.classes.exclusive)

    def score(self, row: int) -> Scores:
        """The scores of one image."""
        return build_scores(self.classes.names, self.counts[row], 1, self.classes.exclusive)

    def find_counts(self, pixels: Pixels) -> NDArray[np.int64] | None:
        """int64 (N, K, 3) of some pixels; None where this data has none of that kind. "seen": those at which the picture shows the
        class itself, of images that tell; what is predicted where the class isn't is left out there (false positives are 0)."""
        if pixels == "all":
            return self.counts
        if pixels == "boundary":
            return self.boundary
        if pixels == "shared":
            return self.shared
        if pixels == "hidden" or self.hidden is None or self.told is None:
            return self.hidden
        seen = np.where(self.told[:, None, None], self.counts - self.hidden, 0)
        seen[..., 1] = 0
        return seen

    def measure(self, metric: Metric, k: int | None = None) -> Measured | None:
        """A metric of class k, or its mean over the classes. None where this data has no such pixels."""
        counts = self.find_counts(METRICS[metric][0])
        if counts is None:
            return None
        ratio = METRICS[metric][1]
        pooled = compute_ratio(counts.sum(axis=0), ratio)
        each = compute_ratio(counts, ratio)
        return _measure(mean_of_defined(pooled) if k is None else pooled[k], self._pick(each, k))

    def measure_foreground(self, metric: Metric) -> Measured | None:
        """The mean over the classes but the background's; None if there is none."""
        counts, background = self.find_counts(METRICS[metric][0]), self.classes.background
        if counts is None or background < 0:
            return None
        ratio = METRICS[metric][1]
        counts = np.delete(counts, background, axis=1)
        pooled = mean_of_defined(compute_ratio(counts.sum(axis=0), ratio))
        return _measure(pooled, mean_of_defined(compute_ratio(counts, ratio)))

    def measure_accuracy(self) -> Measured | None:
        """Share of the known pixels whose class was found; None where classes may overlap."""
        if not self.classes.exclusive:
            return None
        right, missed = self.counts[..., 0].sum(axis=1), self.counts[..., 2].sum(axis=1)
        with np.errstate(invalid="ignore"):
            pooled = np.float64(right.sum()) / (right.sum() + missed.sum())
            return _measure(pooled, right / (right + missed))

    def measure_loss(self) -> float | None:
        """The mean of the images' losses."""
        mean = mean_of_defined(self.losses)
        return None if np.isnan(mean) else float(mean)

    def list_values(self, metric: Metric, k: int | None = None) -> NDArray[np.float64] | None:
        """float64 (N,): each image's own number, of class k or its mean over the classes; NaN where it isn't defined."""
        counts = self.find_counts(METRICS[metric][0])
        return None if counts is None else self._pick(compute_ratio(counts, METRICS[metric][1]), k)

    def rank(self, metric: Metric = "iou", k: int | None = None) -> NDArray[np.int64]:
        """Rows from the lowest number up; those without one are left out, equal ones stand in the images' order."""
        values = self.list_values(metric, k)
        if values is None:
            return np.zeros(0, np.int64)
        order = np.lexsort((self.indices, values))
        return order[~np.isnan(values[order])].astype(np.int64)

    def count_pixels(self, pixels: Pixels) -> NDArray[np.int64] | None:
        """int64 (K,): true pixels of each class among those."""
        counts = self.find_counts(pixels)
        return None if counts is None else counts[..., [0, 2]].sum(axis=(0, 2))

    def find_confused(self, there: int, said: int) -> NDArray[np.int64]:
        """Rows of the images in which pixels of class `there` were given class `said` (the number of classes: none), most first."""
        if self.confused is None:
            return np.zeros(0, np.int64)
        mine = self.confused[(self.confused[:, 1] == there) & (self.confused[:, 2] == said)]
        rows: NDArray[np.int64] = mine[np.argsort(-mine[:, 3], kind="stable"), 0]
        return rows

    @property
    def images_per_second(self) -> float | None:
        """Through the network alone, by the median of the images' times, so that a first slow batch doesn't count."""
        middle = float(np.median(self.seconds)) if self.images else 0.0
        return 1 / middle if middle > 0 else None

    @staticmethod
    def _pick(each: NDArray[np.float64], k: int | None) -> NDArray[np.float64]:
        return mean_of_defined(each) if k is None else each[:, k]


def _measure(pooled: np.float64 | NDArray[np.float64], each: NDArray[np.float64]) -> Measured:
    mean, there = mean_of_defined(each), int(np.count_nonzero(~np.isnan(each)))
    return Measured(None if np.isnan(pooled) else float(pooled), None if np.isnan(mean) else float(mean), there)
