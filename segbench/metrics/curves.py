"""Every threshold at once: pixels counted by their score, so that IoU, precision and recall under any window follow without
another look at an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segbench.metrics import build_scores, compute_ratio
from segbench.records import ClassScore, Reading, Scores

GATHERED = 1 << 20  # scores that are kept until they are counted together
VALUE_END = 300.0  # where a curve over grey values ends: past the lecture's largest, 250
INFINITY = float("inf")


@dataclass(frozen=True, eq=False, slots=True)
class Trace:
    """One class under many lower thresholds: float64 arrays of one length, NaN where a ratio isn't defined."""

    thresholds: NDArray[np.float64]
    iou: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Curves:
    """Known pixels of a set of images by class, truth and score. Scores are half precision, of which there are so few that each
    is counted by itself: what follows is exact for any threshold, not for some.

    scores float32 (V,): the scores that occur, rising. right, wrong int64 (K, V + 1): pixels in and out of the class's truth with
    one of the first v scores. truths int64 (K,): pixels of each class's truth, those included that no window can hold (their
    score isn't finite, or by the rule "argmax" another class's is higher).
    """

    names: tuple[str, ...]
    scale: Literal["probability", "value"]
    rule: Literal["windows", "argmax"]
    scores: NDArray[np.float32]
    right: NDArray[np.int64]
    wrong: NDArray[np.int64]
    truths: NDArray[np.int64]
    images: int

    @property
    def ends(self) -> tuple[float, float]:
        """The range that a slider needs."""
        return (0.0, 1.0) if self.scale == "probability" else (0.0, VALUE_END)

    def count(self, k: int, low: float, high: float = INFINITY) -> ClassScore:
        """Class k where low < score < high, strictly, as `read_masks` reads it."""
        return ClassScore(self.names[k], *self._count(k, np.array([low]), high)[0].tolist())

    def score(self, reading: Reading, exclusive: bool = False) -> Scores:
        """All classes under a reading of the same rule: what `count_pixels` would find. Raises ValueError for another rule."""
        if reading.rule != self.rule:
            raise ValueError(f"counted by the rule {self.rule}, not {reading.rule}")
        rows = [self._count(k, np.array([low]), high)[0] for k, (low, high) in enumerate(reading.windows)]
        return build_scores(self.names, np.stack(rows), self.images, exclusive)

    def trace(self, k: int, thresholds: Sequence[float] | None = None, high: float = INFINITY) -> Trace:
        """Class k under many lower thresholds, by default 301 evenly over the scale."""
        lows = np.linspace(*self.ends, 301) if thresholds is None else np.asarray(thresholds, np.float64)
        counts = self._count(k, lows, high)
        return Trace(lows, *(compute_ratio(counts, ratio) for ratio in ("iou", "precision", "recall")))

    def find_best(self, k: int, high: float = INFINITY) -> float | None:
        """The lower threshold with the highest IoU: the middle of the first range that gives it. None if no pixel of the class
        would be found under any."""
        last = int(np.searchsorted(self.scores, np.float32(high), side="left"))
        right = self.right[k, last] - self.right[k, : last + 1]
        wrong = self.wrong[k, last] - self.wrong[k, : last + 1]
        if not right[0]:
            return None
        iou = right / np.maximum(self.truths[k] + wrong, 1)
        first = int(iou.argmax())
        end = first
        while end + 1 < last and iou[end + 1] == iou[first]:
            end += 1
        above = float(self.scores[end])
        if first:
            return (float(self.scores[first - 1]) + above) / 2
        return above / 2 if above > 0 else above - 1

    def find_best_reading(self, reading: Reading) -> Reading:
        """`reading` with the best lower threshold of each class; its own where there is none."""
        windows = []
        for k, (low, high) in enumerate(reading.windows):
            best = self.find_best(k)
            windows.append((low, high) if best is None else (best, INFINITY))
        return Reading(self.rule, tuple(windows))

    def _count(self, k: int, lows: NDArray[np.float64], high: float) -> NDArray[np.int64]:
        """int64 (n, 3)."""
        first = np.searchsorted(self.scores, lows.astype(np.float32), side="right")
        last = np.maximum(np.searchsorted(self.scores, np.float32(high), side="left"), first)
        right = self.right[k, last] - self.right[k, first]
        wrong = self.wrong[k, last] - self.wrong[k, first]
        return np.stack([right, wrong, self.truths[k] - right], axis=1)


class CurveCounter:
    """Counts scores image by image."""

    def __init__(
        self, names: Sequence[str], scale: Literal["probability", "value"], rule: Literal["windows", "argmax"]
    ):
        self._names, self._scale, self._rule = tuple(names), scale, rule
        self._scores, self._places = _order_scores(scale)
        self._counts = np.zeros((len(names), 2, len(self._scores) + 1), np.int64)
        self._kept: list[NDArray[np.uint32]] = []
        self._held = 0
        self._images = 0

    def add(
        self, scores: NDArray[np.float16], truth: NDArray[np.bool_], known: NDArray[np.bool_] | None = None
    ) -> None:
        """scores float16 (K, H, W); truth bool (K, H, W); known as for `count_pixels`."""
        places = self._places[np.ascontiguousarray(scores).view(np.uint16)]
        if self._rule == "argmax":
            places = np.where(scores.argmax(axis=0) == np.arange(len(scores))[:, None, None], places, 0)
        keys = places + truth * np.uint32(self._counts.shape[2])
        if known is not None and not known.all():
            keys = keys[:, known]
        self._kept.append(keys.reshape(len(keys), -1))
        self._held += keys.size
        self._images += 1
        if self._held >= GATHERED:
            self._count()

    def finish(self) -> Curves:
        self._count()
        by_score = self._counts[:, :, 1:]
        occur = by_score.any(axis=(0, 1))
        sums = np.zeros((len(self._names), 2, int(occur.sum()) + 1), np.int64)
        np.cumsum(by_score[:, :, occur], axis=2, out=sums[:, :, 1:])
        return Curves(
            self._names,
            self._scale,
            self._rule,
            self._scores[occur],
            sums[:, 1],
            sums[:, 0],
            self._counts[:, 1].sum(axis=1),
            self._images,
        )

    def _count(self) -> None:
        if not self._kept:
            return
        keys = np.concatenate(self._kept, axis=1)
        for k, own in enumerate(keys):
            self._counts[k] += np.bincount(own, minlength=self._counts[k].size).reshape(self._counts[k].shape)
        self._kept, self._held = [], 0


def _order_scores(scale: Literal["probability", "value"]) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
    """All scores of a scale, rising; and for each of the 65,536 patterns of a half: its place among them counted from 1, 0 for
    what isn't finite (no window holds it). Probabilities beyond 0 and 1 count as those."""
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
    finite = np.isfinite(halves)
    values = np.where(finite, halves, 0.0)
    if scale == "probability":
        values = values.clip(0.0, 1.0)
    scores, places = np.unique(values, return_inverse=True)
    return scores, np.where(finite, places + 1, 0).astype(np.uint32)
