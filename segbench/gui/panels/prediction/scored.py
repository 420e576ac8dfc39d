"""The images of a split by their IoU: what a whole-split prediction found out. No Qt."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from segbench.records import Reading, Scores


@dataclass(frozen=True, slots=True)
class ScoredImage:
    """One image's mean IoU over the classes that occur in it or were predicted; None if none does."""

    index: int
    name: str
    iou: float | None


@dataclass
class ScoredSplit:
    """Grows while images are scored. `reading` and `key` tell what the numbers are true for.

    total: images in the split; those without masks are not scored.
    """

    split: str
    total: int
    reading: Reading
    key: Hashable  # which weights, read how
    images: list[ScoredImage] = field(default_factory=list)
    pooled: Scores | None = None  # of all images together, once they are done
    _ranked: list[int] = field(default_factory=list)

    def add(self, image: ScoredImage) -> None:
        self.images.append(image)
        self._ranked.clear()

    def ranked(self) -> list[int]:
        """Sample indices from the lowest IoU to the highest; images without one come last."""
        if not self._ranked:
            order = sorted(self.images, key=lambda i: (i.iou is None, i.iou or 0.0, i.index))
            self._ranked = [image.index for image in order]
        return self._ranked

    def find_next_worst(self, index: int) -> int | None:
        """The image that comes after `index` from the lowest IoU up; the worst of all if `index` is not among them or is the best."""
        ranked = self.ranked()
        if not ranked:
            return None
        place = ranked.index(index) + 1 if index in ranked else 0
        return ranked[place % len(ranked)]
