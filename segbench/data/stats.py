"""What a dataset holds: pixels, objects, sizes and overlaps of its classes, counted sample by sample. Knows no files."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segbench.data.dataset import Dataset
from segbench.errors import SegbenchError
from segbench.events import Progressed, SamplesScanned
from segbench.formats.sources import Masks
from segbench.records import IGNORE, Box

BATCH_BYTES = 2 * 2**20  # of masks: a batch ends here, so that a scan reports often and stops soon
BATCH_SAMPLES = 256
_TOUCHING = np.ones((3, 3), bool)  # pixels that meet at a corner belong together


@dataclass(frozen=True, eq=False, slots=True)
class ClassStats:
    """One class over all scanned samples. An object's area is that of its box where the dataset has boxes (its full extent, also
    under others), else the number of its connected pixels. smallest, median, largest: areas in pixels, 0 without objects."""

    name: str
    pixels: int
    share: float  # of all pixels whose truth is known; 0..1
    images: int  # that contain the class
    objects: int
    hidden: int  # pixels that share their place with another class
    areas: NDArray[np.int64]  # objects between two of DatasetStats.area_edges
    smallest: int
    median: int
    largest: int

    @property
    def overlap(self) -> float:
        """Share of the class's pixels that it shares with another class; 0..1."""
        return self.hidden / self.pixels if self.pixels else 0.0


@dataclass(frozen=True, eq=False, slots=True)
class DatasetStats:
    """A scan's result: a row of each array is the sample `indices` names, a column a class.

    indices int64 (N,); objects int32 (N, K); pixels, hidden int64 (N, K) as in SamplesScanned; sizes int32 (N, 2) height and width;
    known int64 (N,) pixels whose truth is known (0 without masks). area_edges int64 (B + 1,): doubling from 1. broken: samples that
    could not be read, with the reason; their rows are 0.
    """

    indices: NDArray[np.int64]
    objects: NDArray[np.int32]
    pixels: NDArray[np.int64]
    hidden: NDArray[np.int64]
    sizes: NDArray[np.int32]
    known: NDArray[np.int64]
    classes: tuple[ClassStats, ...]
    area_edges: NDArray[np.int64]
    broken: tuple[tuple[int, str], ...]

    @property
    def images(self) -> int:
        return len(self.indices)

    @property
    def labelled(self) -> int:
        """Samples with masks."""
        return int((self.known > 0).sum())

    @property
    def size_range(self) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """Smallest and largest (height, width) by area; None if nothing could be read."""
        sizes = self.sizes[self.sizes[:, 0] > 0]
        if not len(sizes):
            return None
        order = np.argsort(sizes.astype(np.int64).prod(axis=1), kind="stable")
        (h0, w0), (h1, w1) = sizes[order[[0, -1]]].tolist()
        return (h0, w0), (h1, w1)


@dataclass(frozen=True, eq=False, slots=True)
class _Read:
    """One sample as it came from the disk."""

    index: int
    masks: Masks | None
    boxes: tuple[tuple[int, Box], ...]
    size: tuple[int, int]


def scan(
    dataset: Dataset, indices: Iterable[int] | None = None
) -> Generator[SamplesScanned | Progressed, None, DatasetStats]:
    """Counts what the samples hold (all of them, or those named), in order of their index.

    Objects are boxes where a sample has boxes, else connected regions of a class (8 neighbours); background has none. Yields
    SamplesScanned for each run of consecutive samples. A sample that cannot be read is reported in the result, not raised.
    """
    chosen = sorted(set(range(len(dataset)) if indices is None else indices))
    collected = _Collected(dataset)
    batch: list[_Read] = []
    held = 0
    for done, index in enumerate(chosen, start=1):
        try:
            read = _Read(index, *dataset.read_truth(index))
        except SegbenchError as error:
            collected.broken.append((index, error.message))
            read = _Read(index, None, (), (0, 0))
        batch.append(read)
        held += 0 if read.masks is None else read.masks.nbytes
        last = done == len(chosen)
        if last or chosen[done] != index + 1 or held >= BATCH_BYTES or len(batch) >= BATCH_SAMPLES:
            yield collected.count(batch)
            yield Progressed("scanning", done, len(chosen))
            batch, held = [], 0
    return collected.finish(np.array(chosen, np.int64))


class _Collected:
    """The counts so far."""

    def __init__(self, dataset: Dataset) -> None:
        self.classes = dataset.info.classes
        self.broken: list[tuple[int, str]] = []
        self._count = len(self.classes) if self.classes else 0
        self._background = self.classes.background if self.classes else -1
        self._events: list[SamplesScanned] = []
        self._sizes: list[tuple[int, int]] = []
        self._known: list[int] = []
        self._areas: list[list[NDArray[np.int64]]] = [[] for _ in range(self._count)]

    def count(self, batch: list[_Read]) -> SamplesScanned:
        shape = len(batch), self._count
        objects, pixels, hidden = np.zeros(shape, np.int32), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self._count_planes(batch, pixels, hidden)
        for row, read in enumerate(batch):
            self._sizes.append(read.size)
            known = 0
            if read.masks is not None:
                known = read.size[0] * read.size[1]
                if read.masks.ndim == 2:
                    counts = np.bincount(read.masks.ravel(), minlength=256)
                    pixels[row] = counts[: self._count]
                    known -= int(counts[IGNORE])
                for k, areas in self._measure(read):
                    objects[row, k] = len(areas)
                    self._areas[k].append(areas)
            self._known.append(known)
        event = SamplesScanned(batch[0].index, objects, pixels, hidden)
        for array in (objects, pixels, hidden):
            array.flags.writeable = False
        self._events.append(event)
        return event

    @staticmethod
    def _count_planes(batch: list[_Read], pixels: NDArray[np.int64], hidden: NDArray[np.int64]) -> None:
        """Fills in the rows of samples with planes, all of one size at once."""
        rows: dict[tuple[int, ...], dict[int, Masks]] = {}
        for row, read in enumerate(batch):
            if read.masks is not None and read.masks.ndim == 3:
                rows.setdefault(read.masks.shape, {})[row] = read.masks
        for by_row in rows.values():
            same = list(by_row)
            planes = np.stack(list(by_row.values())).view(np.uint8)
            shared = planes.sum(axis=1, dtype=np.uint8) > 1
            pixels[same] = planes.sum(axis=(2, 3), dtype=np.uint32)
            if shared.any():
                hidden[same] = (planes & shared[:, None]).sum(axis=(2, 3), dtype=np.uint32)

    def _measure(self, read: _Read) -> Generator[tuple[int, NDArray[np.int64]], None, None]:
        """The areas of a sample's objects, class by class."""
        assert read.masks is not None
        if read.boxes:
            sizes: dict[int, list[int]] = {}
            for k, (x0, y0, x1, y1) in read.boxes:
                sizes.setdefault(k, []).append((x1 - x0 + 1) * (y1 - y0 + 1))
            for k, areas in sizes.items():
                yield k, np.array(areas, np.int64)
            return
        labels = read.masks.astype(np.int32) + 1 if read.masks.ndim == 2 else None
        places = None if labels is None else ndimage.find_objects(labels, max_label=self._count)
        for k in range(self._count):
            if k == self._background or (places is not None and places[k] is None):
                continue
            plane = read.masks[k] if labels is None or places is None else labels[places[k]] == k + 1
            if labels is None and not plane.any():
                continue
            regions, _ = ndimage.label(plane, structure=_TOUCHING)
            yield k, np.bincount(regions.ravel())[1:].astype(np.int64)

    def finish(self, indices: NDArray[np.int64]) -> DatasetStats:
        empty = np.zeros((0, self._count), np.int64)
        objects = np.concatenate([empty.astype(np.int32), *(e.objects for e in self._events)])
        pixels = np.concatenate([empty, *(e.pixels for e in self._events)])
        hidden = np.concatenate([empty, *(e.hidden for e in self._events)])
        areas = [np.concatenate([np.zeros(0, np.int64), *found]) for found in self._areas]
        top = max((int(a.max(initial=1)) for a in areas), default=1)
        edges = 2 ** np.arange(top.bit_length() + 1, dtype=np.int64)
        known = np.array(self._known, np.int64)
        total = max(int(known.sum()), 1)
        classes = tuple(
            ClassStats(
                name=name,
                pixels=int(pixels[:, k].sum()),
                share=int(pixels[:, k].sum()) / total,
                images=int((pixels[:, k] > 0).sum()),
                objects=int(objects[:, k].sum()),
                hidden=int(hidden[:, k].sum()),
                areas=np.histogram(areas[k], edges)[0],
                smallest=int(areas[k].min()) if len(areas[k]) else 0,
                median=round(float(np.median(areas[k]))) if len(areas[k]) else 0,
                largest=int(areas[k].max()) if len(areas[k]) else 0,
            )
            for k, name in enumerate(self.classes.names if self.classes else ())
        )
        return DatasetStats(
            indices,
            objects,
            pixels,
            hidden,
            np.array(self._sizes, np.int32).reshape(-1, 2),
            known,
            classes,
            edges,
            tuple(self.broken),
        )
