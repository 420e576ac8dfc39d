"""Evaluation: predicts samples, scores each image at its own full size, and gathers what one pass can tell. A generator of events."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from segbench.errors import SegbenchError
from segbench.events import ImageScored, SamplePredicted
from segbench.metrics import count_pixels, list_counts
from segbench.metrics.boundaries import WIDTH, count_bands, find_width
from segbench.metrics.curves import CurveCounter
from segbench.metrics.evaluation import Evaluation
from segbench.metrics.image_loss import measure_loss
from segbench.metrics.objects import ObjectCounter
from segbench.metrics.overlaps import count_covered, find_seen, find_shared
from segbench.records import Box, CheckpointInfo, ClassTable, DatasetInfo, Prediction, Reading, Sample, Scores
from segbench.targets import read_masks


class Scored(Protocol):
    """Where samples come from, of which some may have no masks: a Dataset."""

    @property
    def info(self) -> DatasetInfo: ...
    def has_masks(self, index: int) -> bool: ...
    def read(self, index: int) -> Sample: ...


class Scorer(Protocol):
    """What predicts samples; inference.Predictor is one."""

    @property
    def info(self) -> CheckpointInfo: ...
    @property
    def batch_statistics(self) -> bool: ...
    def predict_samples(
        self, samples: Scored, indices: Sequence[int], batch_size: int
    ) -> Generator[SamplePredicted, None, None]: ...


def evaluate(
    predictor: Scorer,
    dataset: Scored,
    indices: Sequence[int],
    reading: Reading | None = None,
    grid: bool = False,
    batch_size: int = 8,
    width: float = WIDTH,
) -> Generator[ImageScored, None, Evaluation]:
    """Scores those of the samples `indices` that have masks: one ImageScored each, and returns all that was found out.

    reading: how scores become masks; None takes the checkpoint's own. grid: only pixels on even rows and columns count, the
    ones the lecture's output layer reaches. width: of the bands of boundary IoU, as a share of the diagonal. Raises SegbenchError
    before the first prediction if none of the samples has masks or the dataset has other classes than the checkpoint.
    """
    classes = check_classes(predictor.info, dataset.info)
    indices = find_masked(dataset, indices)
    gathered = _Gathered(predictor, dataset.info, classes, reading, grid, width)
    remembering = _Remembering(dataset)
    predicting = predictor.predict_samples(remembering, indices, batch_size)
    try:
        for event in predicting:
            sample = remembering.take(event.prediction.index)
            scores, loss = gathered.add(event.prediction, sample, event.seconds)
            yield ImageScored(sample.index, sample.name, scores, event.done, event.total, loss, event.seconds)
    finally:
        predicting.close()
    return gathered.finish()


def tune(
    predictor: Scorer,
    dataset: Scored,
    indices: Sequence[int],
    reading: Reading | None = None,
    grid: bool = False,
    batch_size: int = 8,
) -> Generator[ImageScored, None, Reading]:
    """Evaluates, and returns the reading with the best-IoU threshold of each class on these images."""
    evaluation = yield from evaluate(predictor, dataset, indices, reading, grid, batch_size)
    return evaluation.curves.find_best_reading(evaluation.reading)


def find_masked(dataset: Scored, indices: Sequence[int]) -> list[int]:
    """Those of the samples that have masks. Raises SegbenchError if there are none."""
    if not len(indices):
        raise SegbenchError("There are no samples to evaluate.", "Choose a split that has some.")
    masked = [index for index in indices if dataset.has_masks(index)]
    if not masked:
        raise SegbenchError("None of these samples has masks to compare with.", "Choose another split.")
    return masked


def score_image(
    prediction: Prediction, sample: Sample, classes: ClassTable, reading: Reading | None = None, grid: bool = False
) -> Scores:
    """The scores of one image. `reading` None takes the prediction's own. Raises SegbenchError if the sample has no masks."""
    look = _Look(prediction, sample, classes, reading or prediction.reading, grid)
    return count_pixels(look.predicted, look.truth, look.known, classes.names, exclusive=classes.exclusive)


class _Look:
    """One image and what was said about it, at full size or on even rows and columns."""

    def __init__(
        self, prediction: Prediction, sample: Sample, classes: ClassTable, reading: Reading, grid: bool
    ) -> None:
        truth, known = sample.planes(len(classes)), sample.known()
        if truth is None or known is None:
            raise SegbenchError(f"The sample {sample.name} has no masks to compare with.", "Choose samples with masks.")
        scores, image, boxes = prediction.scores, sample.image, sample.boxes
        if grid:
            scores, truth, known, image = scores[:, ::2, ::2], truth[:, ::2, ::2], known[::2, ::2], image[::2, ::2]
            boxes = tuple((k, _halve(box)) for k, box in boxes)
        self.scores: NDArray[np.float16] = scores
        self.predicted = read_masks(scores, reading)
        self.truth: NDArray[np.bool_] = truth
        self.known: NDArray[np.bool_] | None = None if known.all() else known
        self.image: NDArray[np.uint8] = image
        self.boxes = boxes


def _halve(box: Box) -> Box:
    """A box on the pixels of even rows and columns alone."""
    return (box[0] + 1) // 2, (box[1] + 1) // 2, box[2] // 2, box[3] // 2


class _Gathered:
    """What has been found out so far."""

    def __init__(
        self,
        predictor: Scorer,
        dataset: DatasetInfo,
        classes: ClassTable,
        reading: Reading | None,
        grid: bool,
        width: float,
    ) -> None:
        self._checkpoint, self._dataset, self._classes = predictor.info, dataset, classes
        self._batch_statistics, self._grid, self._width = predictor.batch_statistics, grid, width
        self._reading = reading
        self._curves: CurveCounter | None = None
        self._objects = ObjectCounter(len(classes), classes.background)
        self._confusion = np.zeros((len(classes), len(classes) + 1), np.int64) if classes.exclusive else None
        self._confused: list[NDArray[np.int64]] = []  # (p, 4) an image
        self._rows: list[
            tuple[int, str, bool, float, float]
        ] = []  # index, name, whether the picture tells, loss, seconds
        self._counts: list[NDArray[np.int64]] = []  # (4, K, 3) an image: all, boundary, shared, hidden

    def add(self, prediction: Prediction, sample: Sample, seconds: float) -> tuple[Scores, float | None]:
        classes, row = self._classes, len(self._rows)
        reading = self._reading = self._reading or prediction.reading
        look = _Look(prediction, sample, classes, reading, self._grid)
        scores = count_pixels(look.predicted, look.truth, look.known, classes.names, exclusive=classes.exclusive)
        counts = np.zeros((4, len(classes), 3), np.int64)
        counts[0] = list_counts(scores)
        width = find_width((look.truth.shape[1], look.truth.shape[2]), self._width)
        counts[1] = count_bands(look.predicted, look.truth, look.known, width)
        told = False
        if self._confusion is not None:
            self._confuse(look, prediction.scale)
        else:
            counts[2] = count_covered(look.predicted, look.truth, find_shared(look.truth))
            seen = find_seen(look.image, look.truth, look.boxes)
            if seen is not None:
                told = True
                others = (seen >= 0) & (seen != np.arange(len(classes))[:, None, None])
                counts[3] = count_covered(look.predicted, look.truth, others)
        if self._curves is None:
            self._curves = CurveCounter(classes.names, prediction.scale, reading.rule)
        self._curves.add(look.scores, look.truth, look.known)
        self._objects.add(row, look.predicted, look.truth, look.known, look.boxes)
        loss = measure_loss(look.scores, look.truth, look.known, self._checkpoint.target, classes)
        self._rows.append((sample.index, sample.name, told, np.nan if loss is None else loss, seconds))
        self._counts.append(counts)
        return scores, loss

    def _confuse(self, look: _Look, scale: Literal["probability", "value"]) -> None:
        """One class a pixel: of those that were read, the one with the highest score, grey values in units of their own class's."""
        assert self._confusion is not None
        count = len(self._classes)
        depth = np.count_nonzero(look.predicted, axis=0)
        if depth.max(initial=0) < 2:
            given = look.predicted.argmax(axis=0)
        else:
            scores = look.scores.astype(np.float32)
            if scale == "value":
                scores /= np.array(self._classes.values, np.float32)[:, None, None]
            given = np.where(look.predicted, scores, -np.inf).argmax(axis=0)
        given = np.where(depth > 0, given, count)
        there = look.truth.argmax(axis=0)
        pairs = (
            (there * (count + 1) + given).ravel() if look.known is None else (there * (count + 1) + given)[look.known]
        )
        found = np.bincount(pairs, minlength=self._confusion.size).reshape(self._confusion.shape)
        self._confusion += found
        places = np.argwhere(found)
        self._confused.append(np.column_stack([np.full(len(places), len(self._rows)), places, found[found > 0]]))

    def finish(self) -> Evaluation:
        classes, reading = self._classes, self._reading
        assert self._curves is not None, "at least one sample was predicted"
        assert reading is not None, "by a reading"
        curves = self._curves.finish()
        indices, names, told, losses, seconds = zip(*self._rows, strict=True)
        counts = np.stack(self._counts, axis=1)
        counts.flags.writeable = False
        overlapping = not classes.exclusive
        evaluation = Evaluation(
            checkpoint=self._checkpoint,
            dataset=self._dataset,
            classes=classes,
            reading=reading,
            scale=curves.scale,
            batch_statistics=self._batch_statistics,
            grid=self._grid,
            width=self._width,
            indices=np.array(indices, np.int64),
            names=names,
            counts=counts[0],
            boundary=counts[1],
            shared=counts[2] if overlapping else None,
            hidden=counts[3] if overlapping else None,
            told=np.array(told, bool) if overlapping else None,
            confusion=self._confusion,
            losses=np.array(losses, np.float64),
            seconds=np.array(seconds, np.float64),
            curves=curves,
            objects=self._objects.finish(),
            confused=None if self._confusion is None else np.concatenate(self._confused),
        )
        for array in (evaluation.indices, evaluation.losses, evaluation.seconds):
            array.flags.writeable = False
        return evaluation


def check_classes(info: CheckpointInfo, dataset: DatasetInfo) -> ClassTable:
    """The class table both share. Raises SegbenchError if the dataset has no masks, or classes of another number or names."""
    if dataset.classes is None:
        raise SegbenchError(
            f"The dataset {dataset.name} has images only, so nothing can be scored.", "Choose a dataset with masks."
        )
    ours, theirs = dataset.classes, info.classes
    if not ours.means_same(theirs):
        raise SegbenchError(
            f"The checkpoint knows {_list_names(theirs)}, the dataset {dataset.name} has {_list_names(ours)}.",
            "Evaluate on a dataset with the checkpoint's classes in the same order.",
        )
    return ours


def _list_names(classes: ClassTable) -> str:
    names = ", ".join(classes.names[:6]) + (" ..." if len(classes) > 6 else "")
    kind = "one a pixel" if classes.exclusive else "may overlap"
    return f"{len(classes)} classes ({names}; {kind})"


class _Remembering:
    """Hands samples to the predictor and keeps them until they are scored, so that no file is read twice."""

    def __init__(self, dataset: Scored) -> None:
        self._dataset = dataset
        self._samples: dict[int, Sample] = {}

    @property
    def info(self) -> DatasetInfo:
        return self._dataset.info

    def has_masks(self, index: int) -> bool:
        return self._dataset.has_masks(index)

    def read(self, index: int) -> Sample:
        sample = self._dataset.read(index)
        self._samples[index] = sample
        return sample

    def take(self, index: int) -> Sample:
        return self._samples.pop(index, None) or self._dataset.read(index)
