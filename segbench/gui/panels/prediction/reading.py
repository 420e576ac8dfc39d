"""One predicted sample under thresholds that move: masks and counts, brought up to date class by class. Numpy, no Qt, no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from segbench.records import IGNORE, ClassScore, ClassTable, Prediction, Reading, Sample, Scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.bool_]


class LiveReading:
    """The masks of one prediction under a Reading, equal to `targets.read_masks`, but one class at a time.

    What does not depend on thresholds (scores as float32, the best class a pixel) is worked out once, so build it off the
    GUI thread. comparable: the sample's masks mean the same classes, so that they can be counted against each other.
    """

    def __init__(self, sample: Sample, prediction: Prediction, classes: ClassTable, comparable: bool) -> None:
        self.sample = sample
        self.prediction = prediction
        self.classes = classes
        self.comparable = comparable and sample.masks is not None
        self._scores = prediction.scores.astype(np.float32)
        self._best = self._scores.argmax(axis=0).astype(np.uint8 if len(classes) <= IGNORE else np.int32)
        self._known = sample.known() if self.comparable else None
        if self._known is not None and self._known.all():
            self._known = None
        self.reading = prediction.reading
        self.planes: NDArray[np.bool_] = np.zeros(self._scores.shape, bool)
        self._counts = [(0, 0, 0)] * len(classes)
        for k in range(len(classes)):
            self._read(k)

    @property
    def index(self) -> int:
        """The sample's index."""
        return self.sample.index

    @property
    def byte_count(self) -> int:
        """Memory held, in bytes."""
        return self._scores.nbytes + self.planes.nbytes + self.sample.image.nbytes + self.prediction.scores.nbytes

    def set_reading(self, reading: Reading) -> bool:
        """Reads again what differs from the present reading. True: something did."""
        changed = [
            k
            for k, window in enumerate(reading.windows)
            if reading.rule != self.reading.rule or window != self.reading.windows[k]
        ]
        self.reading = reading
        for k in changed:
            self._read(k)
        return bool(changed)

    def _read(self, k: int) -> None:
        low, high = self.reading.windows[k]
        scores, plane = self._scores[k], self.planes[k]
        np.greater(scores, np.float32(low), out=plane)
        plane &= scores < np.float32(high)
        if self.reading.rule == "argmax":
            plane &= self._best == k
        if self.comparable:
            self._counts[k] = self._count(k)

    def _count(self, k: int) -> tuple[int, int, int]:
        said, there = self.planes[k], self.truth(k)
        if self._known is not None:
            said, there = said & self._known, there & self._known
        both = int(np.count_nonzero(said & there))
        return both, int(np.count_nonzero(said)) - both, int(np.count_nonzero(there)) - both

    def truth(self, k: int) -> Plane:
        """bool (H, W): where class k really is. Only for comparable samples."""
        masks = self.sample.masks
        assert masks is not None
        plane: Plane = masks[k] if masks.ndim == 3 else masks == k
        return plane

    def truth_planes(self) -> NDArray[np.bool_]:
        """bool (K, H, W) of the truth."""
        planes = self.sample.planes(len(self.classes))
        assert planes is not None
        return planes

    @property
    def known(self) -> Plane | None:
        """bool (H, W), or None where every pixel counts."""
        return self._known

    @property
    def exclusive(self) -> bool:
        """Truth and reading both have one class a pixel."""
        masks = self.sample.masks
        return self.reading.rule == "argmax" and masks is not None and masks.ndim == 2 and len(self.classes) < IGNORE

    def painted_labels(self) -> tuple[NDArray[np.uint8], int]:
        """uint8 (H, W) for a reading by argmax: the class, or (second value) the number that stands for no class: the best score
        is outside its window."""
        nothing = len(self.classes)
        labels = np.full(self._best.shape, nothing, np.uint8)
        inside = np.take_along_axis(self.planes, self._best[None].astype(np.intp), axis=0)[0]
        labels[inside] = self._best[inside]
        return labels, nothing

    def score_map(self, k: int) -> NDArray[np.float32]:
        """float32 (H, W), in the units of the prediction's scale."""
        scores: NDArray[np.float32] = self._scores[k]
        return scores

    def scores(self) -> Scores | None:
        """The counts of this image; None if it cannot be compared."""
        if not self.comparable:
            return None
        return Scores(
            tuple(ClassScore(name, *counts) for name, counts in zip(self.classes.names, self._counts, strict=True)), 1
        )

    def pixels(self) -> list[int]:
        """Predicted pixels a class."""
        return [int(np.count_nonzero(plane)) for plane in self.planes]

    def describe(self, x: int, y: int) -> tuple[list[int], list[float]]:
        """At a pixel inside the image: the predicted classes and all scores."""
        predicted = [int(k) for k in np.flatnonzero(self.planes[:, y, x])]
        return predicted, [float(v) for v in self._scores[:, y, x]]


def describe_truth(sample: Sample, x: int, y: int) -> list[int]:
    """The true classes at a pixel; empty where there are none or they are not known."""
    if sample.masks is None:
        return []
    if sample.masks.ndim == 3:
        return [int(k) for k in np.flatnonzero(sample.masks[:, y, x])]
    label = int(sample.masks[y, x])
    return [] if label == IGNORE else [label]
