"""What the panel paints beside masks: the difference to the truth as labels, and the range of a score map. Numpy, no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from segbench.inference.colors import CONFUSION_LEGEND
from segbench.records import IGNORE, ClassTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from segbench.gui.panels.prediction.reading import LiveReading

FOUND, TOO_MUCH, MISSED, SWAPPED, NOTHING = range(5)  # the first four in the order of CONFUSION_LEGEND
DIFFERENCE_COLORS: tuple[tuple[int, int, int] | None, ...] = (*(color for _, color in CONFUSION_LEGEND), None)
DIFFERENCE_WORDS = tuple(word for word, _ in CONFUSION_LEGEND)


def paint_difference(live: LiveReading, shown: Sequence[int]) -> NDArray[np.uint8]:
    """uint8 (H, W): FOUND, TOO_MUCH, MISSED, SWAPPED (one class was said, another is there) or NOTHING, over the classes `shown`;
    IGNORE where the truth is not known. Labels, not paint: a viewer shows them at any opacity and any zoom."""
    found, too_much, missed = (_compare_labels if live.exclusive else _compare_planes)(live, shown)
    painted = np.full(live.sample.size, NOTHING, np.uint8)
    painted[found] = FOUND
    painted[too_much] = TOO_MUCH
    painted[missed] = MISSED
    painted[too_much & missed] = SWAPPED
    if live.known is not None:
        painted[~live.known] = IGNORE
    return painted


def _compare_planes(live: LiveReading, shown: Sequence[int]) -> tuple[NDArray[np.bool_], ...]:
    found = np.zeros(live.sample.size, bool)
    too_much, missed = found.copy(), found.copy()
    for k in shown:
        said, there = live.planes[k], live.truth(k)
        found |= said & there
        too_much |= said & ~there
        missed |= there & ~said
    return found, too_much, missed


def _compare_labels(live: LiveReading, shown: Sequence[int]) -> tuple[NDArray[np.bool_], ...]:
    """The same for one class a pixel on both sides: three look-ups instead of five passes a class."""
    predicted, _ = live.painted_labels()
    truth = live.sample.masks
    assert truth is not None
    counts = np.zeros(256, bool)
    counts[list(shown)] = True
    same = predicted == truth
    said, there = counts[predicted], counts[truth]
    return said & same, said & ~same, there & ~same


def fade(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image in dim grey, a ground on which no colour is mistaken for the image's own. uint8 (H, W, 3)."""
    grey = (image.astype(np.uint16).sum(axis=2) // 6).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def score_top(classes: ClassTable, k: int, scale: str) -> float:
    """The score that the map's light end stands for: 1, or half as much again as the class's value."""
    return 1.0 if scale == "probability" else 1.5 * classes.values[k]
