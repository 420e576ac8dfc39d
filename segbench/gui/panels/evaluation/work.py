"""The evaluation page's work as generators for the JobRunner; loaded networks stay here between two jobs. No Qt.

torch comes in only when a generator is pulled, in the job's thread.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segbench.events import Progressed, WorkEvent
from segbench.gui.panels.evaluation.previews import build_preview
from segbench.gui.panels.evaluation.state import FOREGROUND, MEAN, MOST, Candidate, Evaluated, Preview, Terms
from segbench.metrics import compute_ratio
from segbench.metrics.comparison import ComparedRun, Comparison, Differences, compare
from segbench.metrics.evaluation import MAIN, METRICS, OVERLAP, Evaluation, Metric
from segbench.metrics.objects import sort_by_size

if TYPE_CHECKING:
    from segbench.inference.predictor import Predictor
    from segbench.records import CheckpointInfo

BATCH = 8  # images that go through a network together, as on the command line
Look = tuple[int, Evaluated]  # a network's place among the chosen, and what it said


class Workshop:
    """Only the compute lane's thread touches the networks."""

    def __init__(self) -> None:
        self._predictors: dict[tuple[str, bool], Predictor] = {}  # the one used last at the end

    def load(self, file: Path, sha256: str, batch_statistics: bool) -> Predictor:
        """A checkpoint's predictor, kept as long as the file is the same; only as many as one can compare."""
        from segbench.inference.predictor import load_predictor

        key = str(file), batch_statistics
        predictor = self._predictors.pop(key, None)
        if predictor is None or predictor.info.sha256 != sha256:
            while len(self._predictors) >= MOST:
                self._predictors.pop(next(iter(self._predictors)))
            predictor = load_predictor(file, "auto", batch_statistics)
        self._predictors[key] = predictor
        return predictor

    def forget(self) -> None:
        """Lets go of the networks. From any thread."""
        self._predictors = {}

    def evaluate(
        self, candidate: Candidate, dataset: Any, indices: Sequence[int], terms: Terms, tuned_on: Sequence[int]
    ) -> Generator[WorkEvent, None, Evaluated]:
        """Scores every image that has masks. tuned_on: where the rule "best" looks for its thresholds."""
        from segbench.training.comparison import count_macs, find_contender, find_reading, find_training_seconds
        from segbench.training.evaluator import check_classes, evaluate, find_masked, tune

        yield Progressed("evaluating", 0, len(indices))
        contender = find_contender(find_file(candidate))
        check_classes(contender.info, dataset.info)
        reading = find_reading(contender.info, terms.rule)
        masked = find_masked(dataset, indices)
        file = Path(contender.info.path)
        predictor = self.load(file, contender.info.sha256, terms.batch_statistics)
        if terms.rule == "best":
            reading = yield from tune(predictor, dataset, tuned_on, reading, terms.grid, batch_size=BATCH)
        evaluation = yield from evaluate(predictor, dataset, masked, reading, terms.grid, batch_size=BATCH)
        return digest(
            candidate,
            evaluation,
            path=str(contender.run.path if contender.run else file),
            macs=count_macs(file, dataset.read(masked[0]).size),
            training_seconds=find_training_seconds(contender),
        )

    def look(self, dataset: Any, index: int, looks: Sequence[Look]) -> Generator[WorkEvent, None, Preview]:
        """An image as each of the networks sees it: under the thresholds, and in the batch, it was evaluated with."""
        yield Progressed("predicting", 0, 1)  # a newer request may take over before a network is loaded
        found, sample = [], dataset.read(index)
        for place, one in looks:
            info, rows = one.evaluation.checkpoint, one.evaluation.indices
            predictor = self.load(Path(info.path), info.sha256, one.evaluation.batch_statistics)
            batch, own = [sample], 0
            if one.evaluation.batch_statistics:
                row = int(np.flatnonzero(rows == index)[0])
                own = row % BATCH
                batch = [dataset.read(int(i)) for i in rows[row - own : row - own + BATCH]]
            found.append((place, predictor.predict_read(batch)[own], one.evaluation.reading))
            yield Progressed("predicting", 0, 1)
        return build_preview(sample, looks[0][1].evaluation.classes, found)


def find_file(candidate: Candidate) -> Path:
    """The file of a checkpoint. Raises SegbenchError if its run is none."""
    if not candidate.which:
        return Path(candidate.path)
    from segbench.formats.runs import open_run

    return open_run(Path(candidate.path)).checkpoint(candidate.which)


def digest(
    candidate: Candidate, evaluation: Evaluation, path: str, macs: int | None, training_seconds: float | None
) -> Evaluated:
    """An evaluation with every number that the page shows."""
    measured, values = {}, {}
    metrics: tuple[Metric, ...] = (*MAIN, *OVERLAP)
    for metric in metrics:
        counts = evaluation.find_counts(METRICS[metric][0])
        if counts is None:
            continue
        for k in range(MEAN, len(evaluation.classes)):
            found = evaluation.measure(metric, None if k == MEAN else k)
            assert found is not None, "there are such pixels"
            measured[metric, k] = found
        if (foreground := evaluation.measure_foreground(metric)) is not None:
            measured[metric, FOREGROUND] = foreground
        mean = evaluation.list_values(metric)
        assert mean is not None, "there are such pixels"
        values[metric] = np.column_stack([compute_ratio(counts, METRICS[metric][1]), mean])
    return Evaluated(
        candidate=candidate,
        evaluation=evaluation,
        path=path,
        macs=macs,
        training_seconds=training_seconds,
        measured=measured,
        values=values,
        scale=sort_by_size(evaluation.objects),
        best=evaluation.curves.find_best_reading(evaluation.reading),
    )


def read_info(candidate: Candidate) -> Generator[WorkEvent, None, CheckpointInfo]:
    """The header of a chosen checkpoint."""
    from segbench.formats.checkpoints import read_checkpoint_info

    yield from ()
    return read_checkpoint_info(find_file(candidate))


def find_differences(first: Evaluated, second: Evaluated, metric: Metric) -> Generator[WorkEvent, None, Differences]:
    """The second against the first, with intervals drawn over images."""
    yield Progressed("comparing", 0, 1)
    return compare(first.evaluation, second.evaluation, metric)


def build_comparison(results: Sequence[tuple[str, Evaluated]], rule: str, size: tuple[int, int]) -> Comparison:
    """The networks as the command line compares them: each with its difference from the first."""
    first = results[0][1].evaluation
    runs = [
        ComparedRun(
            name,
            one.path,
            one.evaluation,
            one.macs,
            one.training_seconds,
            compare(first, one.evaluation) if place else None,
        )
        for place, (name, one) in enumerate(results)
    ]
    return Comparison(tuple(runs), rule, size)


def save_comparison(
    path: str, results: Sequence[tuple[str, Evaluated]], terms: Terms, dataset: Any
) -> Generator[WorkEvent, None, Path]:
    """A row a network as CSV."""
    from segbench.export.scores import save_comparison

    yield Progressed("comparing", 0, 1)
    size = dataset.read(int(results[0][1].evaluation.indices[0])).size
    return save_comparison(build_comparison(results, terms.rule, size), Path(path))


def save_images(path: str, one: Evaluated) -> Generator[WorkEvent, None, Path]:
    """A row an image as CSV."""
    from segbench.export.scores import save_images

    yield from ()
    return save_images(one.evaluation, Path(path))
