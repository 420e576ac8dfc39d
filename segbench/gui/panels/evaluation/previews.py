"""What is painted of one image: truth, predicted planes, and the difference of the two as labels. Numpy, no Qt, no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from segbench.gui.panels.evaluation.state import Preview, Seen
from segbench.inference.colors import CONFUSION_LEGEND
from segbench.records import IGNORE, ClassTable, Reading, Sample
from segbench.targets import read_masks

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOUND, TOO_MUCH, MISSED, SWAPPED, NOTHING = range(5)  # the first four in the order of CONFUSION_LEGEND
COLORS: tuple[tuple[int, int, int] | None, ...] = (*(color for _, color in CONFUSION_LEGEND), None)


def build_preview(
    sample: Sample, classes: ClassTable, found: Sequence[tuple[int, NDArray[np.float16], Reading]]
) -> Preview:
    """found: (place among the chosen, scores (K, H, W), how they are read) of each network."""
    truth, known = sample.planes(len(classes)), sample.known()
    assert truth is not None, "only images with masks are evaluated"
    assert known is not None, "only images with masks are evaluated"
    whole = None if known.all() else known
    return Preview(sample, classes, truth, whole, tuple(_see(*one, truth, whole, classes) for one in found))


def _see(
    place: int,
    scores: NDArray[np.float16],
    reading: Reading,
    truth: NDArray[np.bool_],
    known: NDArray[np.bool_] | None,
    classes: ClassTable,
) -> Seen:
    planes = read_masks(scores, reading)
    labels = None
    if classes.exclusive and len(classes) < IGNORE:
        inside = planes.any(axis=0)
        labels = np.where(inside, np.where(planes, scores, -np.inf).argmax(axis=0), len(classes)).astype(np.uint8)
    return Seen(place, planes, labels, paint_difference(planes, truth, known))


def paint_difference(
    said: NDArray[np.bool_], there: NDArray[np.bool_], known: NDArray[np.bool_] | None
) -> NDArray[np.uint8]:
    """uint8 (H, W) of planes (K, H, W): FOUND, TOO_MUCH, MISSED, SWAPPED (one class was said, another is there) or NOTHING;
    IGNORE where the truth is not known."""
    found, too_much, missed = np.zeros((3, *said.shape[1:]), bool)
    for one, true in zip(said, there, strict=True):
        found |= one & true
        too_much |= one & ~true
        missed |= true & ~one
    painted = np.full(said.shape[1:], NOTHING, np.uint8)
    painted[found] = FOUND
    painted[too_much] = TOO_MUCH
    painted[missed] = MISSED
    painted[too_much & missed] = SWAPPED
    if known is not None:
        painted[~known] = IGNORE
    return painted


def fade(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image in dim grey, a ground on which no colour is mistaken for the image's own. uint8 (H, W, 3)."""
    grey = (image.astype(np.uint16).sum(axis=2) // 6).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)
