"""Pictures for the strip of pinned samples: image, truth and prediction, small, and the sample's own IoU. numpy, no Qt."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segbench.inference.overlay import compose_overlay
from segbench.metrics import count_pixels
from segbench.records import ClassTable, Prediction, Sample
from segbench.targets import read_masks

if TYPE_CHECKING:
    from segbench.data.dataset import Dataset
    from segbench.events import Event

SIDE = 192  # px of the longer side, about twice what is shown
PIN_COUNT = 6


@dataclass(frozen=True, eq=False)
class PinPicture:
    """One pinned sample. Pictures are uint8 (h, w, 3) of one size; truth or predicted is None while there is none."""

    index: int
    name: str
    image: NDArray[np.uint8]
    truth: NDArray[np.uint8] | None
    predicted: NDArray[np.uint8] | None = None
    iou: float | None = None  # mean over the classes in this image, every pixel counted
    class_ious: tuple[tuple[str, float], ...] = ()
    step: int | None = None  # of the preview


def choose_pins(dataset: Dataset) -> tuple[int, ...]:
    """A few samples to watch: spread over the split that is not trained on, those with most objects first."""
    split = next((s for s in ("val", "validation", "valid", "test", "train") if len(dataset.splits.get(s, ()))), None)
    where = dataset.splits[split] if split else range(len(dataset))
    if not len(where):
        return ()
    candidates = [where[round(i)] for i in np.linspace(0, len(where) - 1, min(len(where), 8 * PIN_COUNT))]
    counts = {index: _count_objects(dataset, index) for index in dict.fromkeys(candidates)}
    chosen = sorted(counts, key=lambda index: -counts[index])[:PIN_COUNT]
    return tuple(sorted(chosen))


def read_pins(
    dataset: Dataset, indices: Sequence[int], classes: ClassTable | None
) -> Generator[Event, None, tuple[PinPicture, ...]]:
    """Image and truth of the pinned samples. classes: the dataset's, in the colours to paint. Raises SegbenchError if a sample
    cannot be read."""
    yield from ()
    return tuple(_paint(dataset.read(index), classes) for index in indices if index < len(dataset))


def paint_previews(
    dataset: Dataset, predictions: Sequence[Prediction], step: int, classes: ClassTable | None
) -> Generator[Event, None, tuple[PinPicture, ...]]:
    """The same with what the network in training says about them."""
    yield from ()
    return tuple(_paint(dataset.read(p.index), classes, p, step) for p in predictions)


def _count_objects(dataset: Dataset, index: int) -> int:
    objects = dataset.objects(index)
    return 0 if objects is None else int(objects.sum())


def _paint(
    sample: Sample, classes: ClassTable | None, prediction: Prediction | None = None, step: int | None = None
) -> PinPicture:
    image = shrink(sample.image)
    if classes is None:
        return PinPicture(sample.index, sample.name, image, None)
    truth = sample.planes(len(classes))
    painted = None if truth is None else _paint_masks(image, truth, classes, sample.size)
    if prediction is None:
        return PinPicture(sample.index, sample.name, image, painted)
    predicted = read_masks(prediction.scores, prediction.reading)
    iou: float | None = None
    class_ious: tuple[tuple[str, float], ...] = ()
    if truth is not None:
        scores = count_pixels(predicted, truth, sample.known(), classes.names, exclusive=classes.exclusive)
        iou = scores.mean_iou
        class_ious = tuple((score.name, score.iou) for score in scores.classes if score.iou is not None)
    return PinPicture(
        sample.index,
        sample.name,
        image,
        painted,
        _paint_masks(image, predicted, classes, sample.size),
        iou,
        class_ious,
        step,
    )


def _paint_masks(
    image: NDArray[np.uint8], planes: NDArray[np.bool_], classes: ClassTable, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Pure colours on black: over the image, a prediction of nothing would look like one of everything."""
    small = planes[:, :: _stride(size), :: _stride(size)][:, : image.shape[0], : image.shape[1]]
    order = [k for k in range(len(classes)) if k != classes.background]
    return compose_overlay(np.zeros_like(image), small, classes.colors, opacity=1.0, order=order)


def shrink(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (H, W, 3) to at most about SIDE pixels a side, by means over squares; small pictures stay as they are."""
    stride = _stride(image.shape[:2])
    if stride == 1:
        return image
    height, width = image.shape[0] // stride, image.shape[1] // stride
    squares = image[: height * stride, : width * stride].reshape(height, stride, width, stride, 3)
    small: NDArray[np.uint8] = np.rint(squares.mean(axis=(1, 3), dtype=np.float32)).astype(np.uint8)
    return small


def _stride(size: tuple[int, ...]) -> int:
    return max(1, max(size[0], size[1]) // SIDE)
