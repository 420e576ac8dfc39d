"""Evaluation: predicts samples, scores each image at its own full size, and pools their pixels. A generator of events."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Protocol

from segbench.errors import SegbenchError
from segbench.events import ImageScored, SamplePredicted
from segbench.metrics import add_scores, count_pixels, zero_scores
from segbench.records import CheckpointInfo, ClassTable, DatasetInfo, Prediction, Reading, Sample, Scores
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
) -> Generator[ImageScored, None, Scores]:
    """Scores those of the samples `indices` that have masks: one ImageScored each, and returns the scores of all, pixels pooled
    over the images (`Scores.images` tells how many).

    reading: how scores become masks; None takes the checkpoint's own. grid: only pixels on even rows and columns count, the
    ones the lecture's output layer reaches. Raises SegbenchError before the first prediction if none of the samples has masks
    or the dataset has other classes than the checkpoint.
    """
    classes = check_classes(predictor.info, dataset.info)
    if not len(indices):
        raise SegbenchError("There are no samples to evaluate.", "Choose a split that has some.")
    indices = [index for index in indices if dataset.has_masks(index)]
    if not indices:
        raise SegbenchError("None of these samples has masks to compare with.", "Choose another split.")
    pooled = zero_scores(classes.names)
    remembering = _Remembering(dataset)
    predicting = predictor.predict_samples(remembering, indices, batch_size)
    try:
        for event in predicting:
            sample = remembering.take(event.prediction.index)
            scores = score_image(event.prediction, sample, classes, reading, grid)
            pooled = add_scores(pooled, scores)
            yield ImageScored(sample.index, sample.name, scores, event.done, event.total)
    finally:
        predicting.close()
    return pooled


def score_image(
    prediction: Prediction, sample: Sample, classes: ClassTable, reading: Reading | None = None, grid: bool = False
) -> Scores:
    """The scores of one image. `reading` None takes the prediction's own. Raises SegbenchError if the sample has no masks."""
    truth, known = sample.planes(len(classes)), sample.known()
    if truth is None or known is None:
        raise SegbenchError(f"The sample {sample.name} has no masks to compare with.", "Choose samples with masks.")
    predicted = read_masks(prediction.scores, reading or prediction.reading)
    if grid:
        predicted, truth, known = predicted[:, ::2, ::2], truth[:, ::2, ::2], known[::2, ::2]
    return count_pixels(predicted, truth, known, classes.names, exclusive=classes.exclusive)


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
