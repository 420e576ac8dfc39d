"""What is known about the samples of the open dataset, and which of them pass a filter. Imports numpy; knows no Qt."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segbench.events import SamplesScanned
from segbench.gui.panels.dataset.filters import Filter

if TYPE_CHECKING:
    from segbench.data.dataset import Dataset
    from segbench.records import Sample

HEADERS_AT_ONCE = 20_000  # samples whose headers are read without a job; a hundredth of a second a thousand


class Facts:
    """Objects and pixels a class of each sample, as far as they have been counted.

    known: bool (N,) counted by a scan. present: bool (N, K), valid where `told` (N,) is True, from a scan or from headers.
    """

    def __init__(self, dataset: Dataset) -> None:
        classes = dataset.info.classes
        count, self.width = len(dataset), len(classes) if classes else 0
        self._dataset = dataset
        self._background = classes.background if classes else -1
        self._names: list[str] | None = None
        self.known = np.zeros(count, bool)
        self.told = np.zeros(count, bool)
        self.objects = np.zeros((count, self.width), np.int32)
        self.present = np.zeros((count, self.width), bool)
        self.pixels = np.zeros((count, self.width), np.int64)

    def __len__(self) -> int:
        return len(self.known)

    @property
    def scanned(self) -> int:
        return int(self.known.sum())

    @property
    def complete(self) -> bool:
        """Every sample's classes and objects are known."""
        return bool(self.told.all())

    def add(self, event: SamplesScanned) -> None:
        """Takes over what a scan found."""
        rows = slice(event.first, event.first + len(event.objects))
        self.objects[rows], self.pixels[rows] = event.objects, event.pixels
        self.present[rows] = event.pixels > 0
        self.known[rows] = self.told[rows] = True

    def read_headers(self) -> bool:
        """Takes objects from the dataset's headers, where it has any and there are not too many; True if it did."""
        if self.complete or not len(self) or len(self) > HEADERS_AT_ONCE or self._dataset.objects(0) is None:
            return False
        for index in np.flatnonzero(~self.told).tolist():
            objects = self._dataset.objects(index)
            if objects is not None:
                self.objects[index], self.present[index], self.told[index] = objects, objects > 0, True
        return True

    def classes_of(self, index: int) -> tuple[int, ...]:
        """Classes known to be in a sample, background left out; () while nothing is known."""
        if not (index < len(self.told) and self.told[index]):
            return ()
        return tuple(k for k in np.flatnonzero(self.present[index]).tolist() if k != self._background)

    def find(self, wanted: Filter, pins: Collection[int] = ()) -> range | list[int]:
        """The samples that pass, in the filter's order. Samples that have not been counted do not pass a filter by content."""
        count = len(self)
        if not wanted.narrows and wanted.sort == "index":
            return range(count)
        passed = np.ones(count, bool)
        if wanted.split:
            passed[:] = False
            split = self._dataset.splits.get(wanted.split, range(0))
            passed[split.start : split.stop] = True
        if wanted.pinned:
            passed &= np.isin(np.arange(count), np.array(list(pins), np.int64))
        if wanted.classes:
            passed &= self.told & self.present[:, sorted(k for k in wanted.classes if k < self.width)].any(axis=1)
        if wanted.fewest > 0 or wanted.most is not None:
            total = self._count_objects()
            passed &= self.told & (total >= wanted.fewest)
            if wanted.most is not None:
                passed &= total <= wanted.most
        if wanted.text.strip():
            text = wanted.text.strip().casefold()
            names = self._find_names()
            passed &= np.fromiter((text in name for name in names), bool, count)
        return self._sort(np.flatnonzero(passed), wanted)

    def _sort(self, found: NDArray[np.int64], wanted: Filter) -> list[int]:
        if wanted.sort == "name":
            names = self._find_names()
            return sorted(found.tolist(), key=lambda index: _split_digits(names[index]))
        if wanted.sort != "index":
            if wanted.sort.endswith("objects"):
                values = self._count_objects()[found].astype(np.int64)
            else:
                columns = [k for k in range(self.width) if k != self._background]
                values = self.pixels[found][:, columns].sum(axis=1)
            order = np.argsort(-values if wanted.sort.startswith("most") else values, kind="stable")
            # What has not been counted comes last, whichever way the list is sorted
            told = self.told[found][order]
            found = np.concatenate([found[order][told], found[order][~told]])
        ordered: list[int] = found.tolist()
        return ordered

    def _count_objects(self) -> NDArray[np.int32]:
        total: NDArray[np.int32] = self.objects.sum(axis=1, dtype=np.int32)
        return total

    def _find_names(self) -> list[str]:
        if self._names is None:
            self._names = [self._dataset.name(index).casefold() for index in range(len(self))]
        return self._names


def count_pixels(sample: Sample, classes: int) -> tuple[int, ...]:
    """Pixels a class in a sample; () if it has no masks."""
    if sample.masks is None:
        return ()
    if sample.masks.ndim == 3:
        return tuple(np.count_nonzero(sample.masks, axis=(1, 2)).tolist())
    return tuple(np.bincount(sample.masks.ravel(), minlength=256)[:classes].tolist())


def _split_digits(name: str) -> list[tuple[int, str]]:
    """A key by which "img 2" stands before "img 10"."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name) if part]
