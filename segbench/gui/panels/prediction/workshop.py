"""The panel's work as generators for the JobRunner; the loaded network stays here between two jobs. No Qt.

torch comes in only when a generator is pulled, in the job's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from segbench.errors import SegbenchError
from segbench.events import Progressed, SamplePredicted, WorkEvent
from segbench.gui.panels.prediction.choices import Choice
from segbench.records import CheckpointInfo, ClassTable, Prediction, Reading, Sample

if TYPE_CHECKING:
    from segbench.gui.panels.prediction.reading import LiveReading
    from segbench.inference.predictor import Predictor


class Key(NamedTuple):
    """Which weights, read how: predictions under one key belong together."""

    path: str
    step: int
    sha256: str
    batch_statistics: bool


class Workshop:
    """Only the compute lane's thread touches the predictor."""

    def __init__(self) -> None:
        self._key: Key | None = None
        self._predictor: Predictor | None = None

    def _load(self, key: Key) -> Predictor:
        from segbench.inference.predictor import load_predictor

        if self._predictor is None or self._key != key:
            self._predictor, self._key = None, None  # the old weights go before the new ones come
            self._predictor = load_predictor(Path(key.path), "auto", key.batch_statistics)
            self._key = key
        return self._predictor

    def predict(
        self, source: Any, groups: Sequence[Sequence[int]], key: Key, classes: ClassTable, comparable: bool
    ) -> Generator[WorkEvent, None, list[LiveReading] | None]:
        """Predicts groups of samples, each group in one go, and returns their readings in that order.

        A sample that cannot be read is left out: whoever looks at it is told by the job that reads it (`read_sample`). None:
        the weights are gone, as those of a run that was discarded while this waited for its turn.
        """
        from segbench.gui.panels.prediction.reading import LiveReading

        total, done, found = sum(map(len, groups)), 0, []
        yield Progressed("predicting", 0, total)  # a newer request may take over before the network is loaded
        if self._key != key and not Path(key.path).exists():
            return None
        predictor = self._load(key)
        for group in groups:
            samples = _read_what_can_be_read(source, group)
            if not samples:
                continue
            for sample, scores in zip(samples, predictor.predict_read(samples), strict=True):
                prediction = Prediction(sample.index, sample.name, scores, predictor.scale, predictor.reading)
                found.append(LiveReading(sample, prediction, classes, comparable))
                done += 1
                yield SamplePredicted(key.path, prediction, done, total, 0.0)
        return found

    def evaluate(
        self, source: Any, indices: Sequence[int], key: Key, reading: Reading
    ) -> Generator[WorkEvent, None, Any]:
        """Scores every sample under these thresholds; returns the pooled Scores."""
        from segbench.training.evaluator import evaluate

        yield Progressed("predicting", 0, len(indices))
        return (yield from evaluate(self._load(key), source, indices, reading=reading)).pooled


def _read_what_can_be_read(source: Any, indices: Sequence[int]) -> list[Sample]:
    samples: list[Sample] = []
    for index in indices:
        with suppress(SegbenchError):
            samples.append(source.read(index))
    return samples


def read_sample(source: Any, index: int) -> Generator[WorkEvent, None, Sample]:
    """The sample itself, before any network has seen it."""
    yield from ()
    sample: Sample = source.read(index)
    return sample


def compose_display(readings: Sequence[LiveReading], reading: Reading) -> Generator[WorkEvent, None, Any]:
    """The lecture's seven rows (slides 84-86), a column a sample, uint8 (H, W, 3)."""
    from segbench.inference.figure import lecture_figure

    yield from ()
    samples, predictions = [live.sample for live in readings], [live.prediction for live in readings]
    return lecture_figure(samples, predictions, readings[0].classes, reading)


def read_info(choice: Choice) -> Generator[WorkEvent, None, CheckpointInfo]:
    """The header of a chosen checkpoint."""
    from segbench.formats.checkpoints import read_checkpoint_info
    from segbench.formats.runs import open_run

    yield from ()
    path = Path(choice.path) if choice.kind == "file" else open_run(Path(choice.path)).checkpoint(choice.which)
    return read_checkpoint_info(path)


def read_followed(choice: Choice) -> Generator[WorkEvent, None, CheckpointInfo | None]:
    """The header of what a followed run saved; None if the run was discarded before anybody looked, which is no error."""
    return (yield from read_info(choice)) if Path(choice.path).exists() else None


def open_files(paths: Sequence[str]) -> Generator[WorkEvent, None, Any]:
    """Image files as a dataset of images only."""
    from segbench.data.dataset import open_images

    yield from ()
    return open_images([Path(path) for path in paths])


def save_file(path: str, encode: Callable[[], bytes]) -> Generator[WorkEvent, None, Path]:
    """Writes a picture that a view has drawn."""
    from segbench.files import write_atomically

    yield from ()
    write_atomically(Path(path), encode())
    return Path(path)
