"""What the curves of one run consist of: logged events in, series and reference lines out. numpy, no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from segbench.events import EpochDone, LoggedEvent, LossShared, StepDone, TrainingStarted
from segbench.gui.widgets.series import Series, SmoothedSeries
from segbench.records import Baselines

# The lecture's own losses (slide 82): means over steps 1..1000 and 1001..2000 of each of six epochs of 2500 steps
LECTURE_LOSSES = (
    453.626, 445.210, 426.408, 414.780, 413.198, 398.390, 396.653, 389.081, 388.792, 387.379, 386.174, 381.055,
)  # fmt: skip
LECTURE_EPOCH = 2500
LECTURE_SPAN = 1000


class Best(NamedTuple):
    """The best epoch so far; iou and validation_loss are None where that was not measured."""

    epoch: int
    step: int
    iou: float | None
    validation_loss: float | None


class RunCurves:
    """The series of one run. x is the step everywhere, so that all plots share one axis."""

    def __init__(self, name: str, smoothing: float = 0.9) -> None:
        self.name = name
        self.loss = SmoothedSeries(smoothing)
        self.rate = Series()
        self.validation = Series()
        self.mean_iou = Series()
        self.grid_iou = Series()  # the mean over even rows and columns, for the lecture's output layer
        self.classes: dict[str, Series] = {}
        self.epochs = Series()  # y: the epoch that ended at that step
        self.baselines = Baselines()
        self._bests: list[Best] = []
        self.total_steps = 0
        self.started = False
        self.validated = False  # whether this run has a validation split

    def add(self, facts: Sequence[LoggedEvent]) -> None:
        """Takes over a batch of a run's events, in their order."""
        steps: list[StepDone] = []
        for fact in facts:
            if isinstance(fact, StepDone):
                steps.append(fact)
                continue
            if isinstance(fact, LossShared):  # as frequent as steps may be, and no curve
                continue
            if steps:
                self._add_steps(steps)
                steps = []
            if isinstance(fact, EpochDone):
                self._add_epoch(fact)
            elif isinstance(fact, TrainingStarted):
                self._start(fact)
        if steps:
            self._add_steps(steps)

    @property
    def shape(self) -> tuple[object, ...]:
        """What decides which lines there are; another shape needs other lines, not only more points."""
        some = tuple(bool(len(series)) for series in (self.validation, self.mean_iou, self.grid_iou))
        return (*some, len(self.classes), self.started, self.baselines, self.best, id(self.loss.smooth))

    @property
    def best(self) -> Best | None:
        return self._bests[-1] if self._bests else None

    @property
    def last_step(self) -> float:
        return float(self.loss.raw.x[-1]) if len(self.loss.raw) else 0.0

    def _start(self, fact: TrainingStarted) -> None:
        self.started = True
        self.baselines = fact.baselines
        self.total_steps = fact.total_steps
        self.validated = bool(fact.validation_split)
        # A run continues from its last checkpoint, which may be older than the last line of its log
        self.loss.truncate(fact.step)
        for series in (
            self.rate,
            self.validation,
            self.mean_iou,
            self.grid_iou,
            self.epochs,
            *self.classes.values(),
        ):
            series.truncate(fact.step)
        self._bests = [best for best in self._bests if best.step <= fact.step]
        self.loss.set_smoothing(self.loss.smoothing, fact.total_steps)

    def _add_steps(self, steps: Sequence[StepDone]) -> None:
        x = [fact.step for fact in steps]
        self.loss.extend(x, [fact.loss for fact in steps])
        self.rate.extend(x, [fact.learning_rate for fact in steps])

    def _add_epoch(self, fact: EpochDone) -> None:
        self.epochs.extend(fact.step, fact.epoch)
        if fact.validation_loss is not None:
            self.validation.extend(fact.step, fact.validation_loss)
        mean = fact.scores.mean_iou if fact.scores else None
        if fact.scores is not None:
            if mean is not None:
                self.mean_iou.extend(fact.step, mean)
            for score in fact.scores.classes:
                # A class that is nowhere has no IoU: its line has a gap there, not a zero
                value = np.nan if score.iou is None else score.iou
                self.classes.setdefault(score.name, Series()).extend(fact.step, value)
        if fact.grid_scores is not None and (grid := fact.grid_scores.mean_iou) is not None:
            self.grid_iou.extend(fact.step, grid)
        if fact.best:
            self._bests.append(Best(fact.epoch, fact.step, mean, fact.validation_loss))


def list_lecture_spans(losses: Sequence[float]) -> list[tuple[float, float, float]]:
    """(first step, last step, mean loss) of each of up to twelve averages, two an epoch of 2500 steps."""
    spans = []
    for number, loss in enumerate(losses):
        epoch, half = divmod(number, 2)
        first = epoch * LECTURE_EPOCH + half * LECTURE_SPAN
        spans.append((first + 1.0, float(first + LECTURE_SPAN), float(loss)))
    return spans
