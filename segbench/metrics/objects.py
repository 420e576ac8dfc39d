"""Objects one by one: how well each is found, against its size. What slide 10 calls scale invariance, as numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segbench.metrics import mean_of_defined
from segbench.records import Box

FOUND = 0.5  # an object counts as found from this IoU on
FEWEST = 10  # objects, below which no slope is drawn through them
_TOUCHING = np.ones((3, 3), bool)  # pixels that meet at a corner belong together


@dataclass(frozen=True, eq=False, slots=True)
class Objects:
    """The true objects of some images: an entry of each array is one.

    images int32: the image's row in its evaluation. classes int16. areas int64: pixels of its mask, those under other objects
    included. ious, recalls float32. extras int64 (K,): predicted regions a class that touch no object of it.
    """

    images: NDArray[np.int32]
    classes: NDArray[np.int16]
    areas: NDArray[np.int64]
    ious: NDArray[np.float32]
    recalls: NDArray[np.float32]
    extras: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.areas)


@dataclass(frozen=True, eq=False, slots=True)
class Scale:
    """Objects by size. edges int64 (B + 1,): bin b holds the areas from edges[b] to below edges[b + 1]; they double from 1.

    counts int64 (K + 1, B); ious, recalls (means), deviations (of the IoU), found (share with an IoU of 0.5 at least) float64
    (K + 1, B), NaN where a bin is empty. The last row is of all classes together. slopes, errors float64 (K + 1,): what the IoU
    gains each time the area doubles, by least squares, and the standard error of that; NaN below ten objects. 0 is scale
    invariance.
    """

    edges: NDArray[np.int64]
    counts: NDArray[np.int64]
    ious: NDArray[np.float64]
    recalls: NDArray[np.float64]
    deviations: NDArray[np.float64]
    found: NDArray[np.float64]
    slopes: NDArray[np.float64]
    errors: NDArray[np.float64]


class ObjectCounter:
    """Measures objects image by image."""

    def __init__(self, classes: int, background: int = -1) -> None:
        self._background = background
        self._rows: list[tuple[int, int, NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]] = []
        self._extras = np.zeros(classes, np.int64)

    def add(
        self,
        image: int,
        predicted: NDArray[np.bool_],
        truth: NDArray[np.bool_],
        known: NDArray[np.bool_] | None = None,
        boxes: Iterable[tuple[int, Box]] = (),
    ) -> None:
        """predicted, truth: bool (K, H, W). known: as for `count_pixels`. boxes: as in a Sample; they only tell which pieces
        belong together. A background class has no objects."""
        if known is not None and not known.all():
            predicted, truth = predicted & known, truth & known
        there, said = ([bool(plane.any()) for plane in planes] for planes in (truth, predicted))
        by_class: dict[int, list[Box]] = {}
        for k, box in boxes:
            by_class.setdefault(k, []).append(box)
        for k in range(len(truth)):
            if k == self._background or not (there[k] or said[k]):
                continue
            if not there[k]:
                self._extras[k] += ndimage.label(predicted[k], structure=_TOUCHING)[1]
                continue
            labels, count = find_objects(truth[k], by_class.get(k, ()))
            areas, ious, recalls, extras = measure_objects(predicted[k], labels, count)
            self._extras[k] += extras
            self._rows.append((image, k, areas, ious, recalls))

    def finish(self) -> Objects:
        lengths = [len(row[2]) for row in self._rows]
        return Objects(
            np.repeat(np.array([row[0] for row in self._rows], np.int32), lengths),
            np.repeat(np.array([row[1] for row in self._rows], np.int16), lengths),
            np.concatenate([np.zeros(0, np.int64), *(row[2] for row in self._rows)]),
            np.concatenate([np.zeros(0), *(row[3] for row in self._rows)]).astype(np.float32),
            np.concatenate([np.zeros(0), *(row[4] for row in self._rows)]).astype(np.float32),
            self._extras,
        )


def find_objects(plane: NDArray[np.bool_], boxes: Sequence[Box] = ()) -> tuple[NDArray[np.int32], int]:
    """int32 (H, W): 1, 2 ... on the objects of one class, 0 elsewhere; and their number.

    An object is a connected region (8 neighbours). Where boxes are known, regions that lie in the same box are pieces of one
    object, such as the tip of a thin triangle. Objects of one class that touch each other are one: neither planes nor boxes
    tell which pixel is whose.
    """
    labels, count = ndimage.label(plane, structure=_TOUCHING)
    if count < 2 or not boxes:
        return labels, count
    owners: dict[tuple[bool, int], int] = {}
    table = np.zeros(count + 1, np.int32)
    smallest_first = sorted(range(len(boxes)), key=lambda n: _area(boxes[n]))
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        region = columns.start, rows.start, columns.stop - 1, rows.stop - 1
        box = next((n for n in smallest_first if _contains(boxes[n], region)), None)
        owner = (False, number) if box is None else (True, box)
        table[number] = owners.setdefault(owner, len(owners) + 1)
    return table[labels], len(owners)


def measure_objects(
    predicted: NDArray[np.bool_], labels: NDArray[np.int32], count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], int]:
    """(areas, IoUs, recalls) of `count` objects of one class, and the number of predicted regions that touch none.

    An object's IoU is that of its mask and of what was predicted of its class around it: the regions that touch it. A region
    that touches several objects is divided among them, each pixel outside of all to the nearest.
    """
    regions, found = ndimage.label(predicted, structure=_TOUCHING)
    pairs = np.bincount((regions * (count + 1) + labels).ravel(), minlength=(found + 1) * (count + 1))
    pairs = pairs.reshape(found + 1, count + 1)
    areas = pairs[:, 1:].sum(axis=0)
    hits, outside = pairs[1:, 1:], pairs[1:, 0]
    touched = np.count_nonzero(hits, axis=1)
    around = np.zeros(count, np.int64)
    alone = touched == 1
    np.add.at(around, hits[alone].argmax(axis=1), outside[alone])
    several = (touched > 1) & (outside > 0)
    if several.any():
        nearest = ndimage.distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
        divided = np.concatenate([[False], several])[regions] & (labels == 0)
        around += np.bincount(labels[tuple(nearest)][divided], minlength=count + 1)[1:]
    inside = hits.sum(axis=0)
    return areas, inside / (areas + around), inside / areas, int(np.count_nonzero(touched == 0))


def sort_by_size(objects: Objects) -> Scale:
    """IoU, recall and share of found objects by area, each class and all together."""
    count = len(objects.extras)
    top = int(objects.areas.max(initial=1))
    edges = 2 ** np.arange(top.bit_length() + 1, dtype=np.int64)
    bins = np.searchsorted(edges, objects.areas, side="right") - 1
    shape = count + 1, len(edges) - 1
    counts, ious, recalls, squares, found = (np.zeros(shape) for _ in range(5))
    for row in (objects.classes, np.full(len(objects), count)):
        np.add.at(counts, (row, bins), 1)
        np.add.at(ious, (row, bins), objects.ious)
        np.add.at(recalls, (row, bins), objects.recalls)
        np.add.at(found, (row, bins), objects.ious >= FOUND)
    with np.errstate(invalid="ignore"):
        ious, recalls, found = ious / counts, recalls / counts, found / counts
        for row in (objects.classes, np.full(len(objects), count)):
            np.add.at(squares, (row, bins), (objects.ious - ious[row, bins]) ** 2)
        deviations = np.sqrt(squares / counts)
    fits = [_fit(objects.areas[objects.classes == k], objects.ious[objects.classes == k]) for k in range(count)]
    fits.append(_fit(objects.areas, objects.ious))
    slopes, errors = np.array(fits).T
    return Scale(edges, counts.astype(np.int64), ious, recalls, deviations, found, slopes, errors)


def mean_iou(objects: Objects, k: int) -> float | None:
    """The mean IoU of a class's objects, each counting alike whatever its size; None without objects."""
    mean = float(mean_of_defined(objects.ious[objects.classes == k].astype(np.float64)))
    return None if np.isnan(mean) else mean


def _fit(areas: NDArray[np.int64], ious: NDArray[np.float32]) -> tuple[float, float]:
    """Slope of the IoU over log2(area), and its standard error."""
    if len(areas) < FEWEST or areas.min() == areas.max():
        return np.nan, np.nan
    x = np.log2(areas)
    x -= x.mean()
    y = ious - ious.mean(dtype=np.float64)
    spread = float(x @ x)
    slope = float(x @ y) / spread
    left = y - slope * x
    return slope, float(np.sqrt(left @ left / (len(x) - 2) / spread))


def _area(box: Box) -> int:
    return (box[2] - box[0] + 1) * (box[3] - box[1] + 1)


def _contains(box: Box, region: Box) -> bool:
    return box[0] <= region[0] and box[1] <= region[1] and region[2] <= box[2] and region[3] <= box[3]
