"""One sample's masks on their way to a file: planes, labels, what flattening hides, connected components. Numpy, no disk."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segbench.errors import SegbenchError
from segbench.export.options import ExportOptions, Flattening
from segbench.records import IGNORE, Box, ClassTable, Prediction, Reading, Sample
from segbench.targets import read_masks


@dataclass(frozen=True, eq=False, slots=True)
class MaskedSample:
    """A sample's masks, from a network or from the dataset itself.

    planes: bool (K, H, W). labels: uint8 (H, W) class index or IGNORE, where the truth of an exclusive dataset is known as
    such; None otherwise. scores: float16 (K, H, W) of a prediction, None for truth. image: uint8 (H, W, 3), None where the
    format does not ask for it. boxes: the dataset's own, for truth. file: the picture's path from the dataset's folder on, with
    "/"; "" where it is no file of its own.
    """

    index: int
    name: str
    split: str
    classes: ClassTable
    planes: NDArray[np.bool_]
    labels: NDArray[np.uint8] | None
    scores: NDArray[np.float16] | None
    scale: str
    image: NDArray[np.uint8] | None
    boxes: tuple[tuple[int, Box], ...] = ()
    file: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.planes.shape[1], self.planes.shape[2]


class Encoded(NamedTuple):
    """One file's bytes. class_index: the class it shows, None if it shows all. hidden: pixels dropped, a number a class."""

    class_index: int | None
    data: bytes
    hidden: tuple[int, ...]


@dataclass(frozen=True)
class Exporter:
    """A format, described as data: EXPORTERS maps names to these.

    Exactly one of `encode` (a file or more for each sample) and `collect` (one file for all) is given. `collect` takes the
    samples, the file's path, the classes, their number and the options; it yields each sample it has taken in, and the file
    stands, complete, when it is exhausted; closed earlier it leaves nothing behind. `show` makes pictures of what would be
    written: uint8 (H, W) or (H, W, 3), in the order of the files.
    """

    title: str
    about: str
    ending: str
    pattern: str
    show: Callable[[MaskedSample, ExportOptions], list[NDArray[np.uint8]]]
    encode: Callable[[MaskedSample, ExportOptions], list[Encoded]] | None = None
    collect: (
        Callable[[Iterable[MaskedSample], Path, ClassTable, int, ExportOptions], Generator[MaskedSample, None, None]]
        | None
    ) = None
    per_class: bool = False  # a file a class
    flattens: bool = False  # keeps one class a pixel
    needs_image: bool = False


def mask_prediction(
    prediction: Prediction, classes: ClassTable, split: str, reading: Reading | None, image: NDArray[np.uint8] | None
) -> MaskedSample:
    """A prediction read as masks; `reading` None takes the prediction's own. Raises SegbenchError if it is not one window a class."""
    chosen = reading or prediction.reading
    if len(chosen.windows) != len(classes) or len(prediction.scores) != len(classes):
        raise SegbenchError(
            f"{len(chosen.windows)} thresholds and {len(prediction.scores)} score planes do not fit {len(classes)} classes.",
            "Use the thresholds and the class table of the checkpoint that made the prediction.",
        )
    return MaskedSample(
        index=prediction.index, name=prediction.name, split=split, classes=classes,
        planes=read_masks(prediction.scores, chosen), labels=None, scores=prediction.scores, scale=prediction.scale,
        image=image,
    )  # fmt: skip


def mask_truth(sample: Sample, classes: ClassTable) -> MaskedSample:
    """A sample's own masks. Raises SegbenchError if it has none."""
    planes = sample.planes(len(classes))
    if sample.masks is None or planes is None:
        raise SegbenchError(
            f"The sample {sample.name} has no masks to export.", "Give a checkpoint to export what it predicts instead."
        )
    labels = sample.masks.astype(np.uint8, copy=False) if sample.masks.ndim == 2 else None
    return MaskedSample(
        index=sample.index, name=sample.name, split=sample.split, classes=classes, planes=planes,
        labels=labels, scores=None, scale="probability", image=sample.image, boxes=sample.boxes,
    )  # fmt: skip


def flatten(masked: MaskedSample, order: Flattening) -> tuple[NDArray[np.uint8], tuple[int, ...]]:
    """One class a pixel: (labels uint8 (H, W) with IGNORE where no plane is set, hidden pixels a class).

    A class's hidden pixels are those of its plane that show another class; nothing is hidden where planes do not overlap.
    Raises SegbenchError for more than 255 classes, and for the order "score" without scores.
    """
    count = len(masked.planes)
    if count > IGNORE:
        raise SegbenchError(
            f"{count} classes do not fit into an 8-bit index.", "Export one file a class (format planes) instead."
        )
    if masked.labels is not None:
        return masked.labels, (0,) * count
    if order == "score":
        labels = _find_strongest(masked)
    else:
        labels = np.full(masked.size, IGNORE, np.uint8)
        for k in stacking_order(masked.planes, order):
            labels[masked.planes[k]] = k
    hidden = tuple(int(np.count_nonzero(plane & (labels != k))) for k, plane in enumerate(masked.planes))
    return labels, hidden


def stacking_order(planes: NDArray[np.bool_], order: Flattening) -> list[int]:
    """Class indices from the bottom to the top for the orders that paint one plane over another."""
    indices = list(range(len(planes)))
    if order == "reverse":
        return indices[::-1]
    if order == "smallest":
        areas = planes.sum(axis=(1, 2))
        return sorted(indices, key=lambda k: -int(areas[k]))
    return indices


def _find_strongest(masked: MaskedSample) -> NDArray[np.uint8]:
    if masked.scores is None:
        raise SegbenchError(
            "The order of flattening 'score' needs a network's scores, and a dataset's own masks have none.",
            "Choose table, reverse or smallest.",
        )
    scores = masked.scores.astype(np.float32)
    if masked.scale == "value":
        # 60 is sure of a rectangle (50) but says little about a star (250): compare shares of each class's value
        scores = scores / np.array(masked.classes.values, np.float32)[:, None, None]
    scores = np.where(masked.planes, scores, -np.inf)
    labels: NDArray[np.uint8] = scores.argmax(axis=0).astype(np.uint8)
    labels[~masked.planes.any(axis=0)] = IGNORE
    return labels


def find_boxes(plane: NDArray[np.bool_]) -> list[tuple[Box, NDArray[np.bool_]]]:
    """The 8-connected components of a plane, the largest first: (box, bool (h, w) of the component inside its box)."""
    parts, count = ndimage.label(plane, np.ones((3, 3), bool))
    found = []
    for number, place in enumerate(ndimage.find_objects(parts, count), start=1):
        rows, columns = place
        box = (columns.start, rows.start, columns.stop - 1, rows.stop - 1)
        found.append((box, parts[place] == number))
    found.sort(key=lambda item: -int(np.count_nonzero(item[1])))
    return found
