"""What the evaluation page knows: frozen values that its presenter decides on and its view shows. No Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from segbench.records import CheckpointInfo, ClassTable, Reading, RunInfo, Sample

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from segbench.metrics.comparison import Differences
    from segbench.metrics.evaluation import Evaluation, Measured, Metric
    from segbench.metrics.objects import Scale
    from segbench.training.comparison import Rule

Topic = Literal["scores", "images", "compare", "thresholds", "scale", "overlap"]
Stage = Literal["no dataset", "no masks", "no checkpoint", "not evaluated", "evaluating", "ready"]
MEAN, FOREGROUND = -1, -2  # in the place of a class: the mean over all, and over all but the background
MOST = 6  # networks at once
LECTURE_VALUES = (50, 100, 150, 200, 250)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A checkpoint that can be evaluated: a run's ("best" or "last"), or a file of its own (which: "")."""

    path: str  # the run's folder, or the file
    which: Literal["best", "last", ""]
    name: str = field(compare=False)  # for people
    best_iou: float | None = field(default=None, compare=False)

    def is_of(self, path: str) -> bool:
        """Whether the checkpoint in that file is what this stands for."""
        file = Path(path)
        if not self.which:
            return file == Path(self.path)
        return file.parent.parent == Path(self.path) and file.stem == self.which


@dataclass(frozen=True, slots=True)
class Terms:
    """What every number depends on, but for the network."""

    split: str = ""
    rule: Rule = "own"
    batch_statistics: bool = False
    grid: bool = False  # even rows and columns only


@dataclass(frozen=True, slots=True)
class Scope:
    """Some images alone, and why: what was clicked."""

    words: str
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What the user looks at. present: which of the chosen networks. pair: which two are compared, the second with the first.
    k: the class looked at, MEAN for all together. image: a sample's index, -1 for none."""

    topic: Topic = "scores"
    terms: Terms = Terms()
    present: int = 0
    pair: tuple[int, int] = (0, 1)
    metric: Metric = "iou"
    k: int = MEAN
    scope: Scope | None = None
    image: int = -1


@dataclass(frozen=True, eq=False, slots=True)
class Evaluated:
    """One network's evaluation with what the page asks of it again and again, worked out once in the job's thread.

    measured: by (metric, class, MEAN or FOREGROUND). values: by metric float64 (N, K + 1), each image's own numbers by class, in
    the last column their mean.
    """

    candidate: Candidate
    evaluation: Evaluation
    path: str  # the run's folder, or the checkpoint's file
    macs: int | None
    training_seconds: float | None
    measured: Mapping[tuple[Metric, int], Measured]
    values: Mapping[Metric, NDArray[np.float64]]
    scale: Scale
    best: Reading

    @property
    def follows_lecture(self) -> bool:
        """The lecture's windows can be used: grey values of its five classes."""
        evaluation = self.evaluation
        values = evaluation.checkpoint.target == "values" and evaluation.reading.rule == "windows"
        return values and evaluation.classes.values == LECTURE_VALUES


@dataclass(frozen=True, eq=False, slots=True)
class Page:
    """All that the view shows, but for progress and pictures. results: one a chosen network, None where it isn't evaluated."""

    look: Look
    stage: Stage
    candidates: tuple[Candidate, ...]
    ticked: tuple[Candidate, ...]  # those of the runs that are ticked in the list of runs
    chosen: tuple[Candidate, ...]
    names: tuple[str, ...]  # of the chosen
    results: tuple[Evaluated | None, ...]
    splits: tuple[tuple[str, int], ...]
    classes: ClassTable | None  # in the colours that every page shows
    other_mode: Evaluated | None  # the network that is looked at, its batch norms read the other way
    tuned_on: str  # where best thresholds are chosen
    differences: Differences | None  # of the pair that is looked at, if they are there
    can_follow_lecture: bool

    @property
    def present(self) -> Evaluated | None:
        """The evaluation that is looked at."""
        return self.results[self.look.present] if self.look.present < len(self.results) else None

    @property
    def there(self) -> list[tuple[int, Evaluated]]:
        """Places and evaluations of the networks that were evaluated."""
        return [(place, one) for place, one in enumerate(self.results) if one is not None]

    @property
    def missing(self) -> int:
        """How many of the chosen networks are not evaluated."""
        return sum(one is None for one in self.results)

    def find_pair(self) -> tuple[Evaluated, Evaluated] | None:
        """The two networks that are compared, the second with the first; None unless both were evaluated on the same images."""
        first, second = self.look.pair
        if first == second or max(first, second) >= len(self.results):
            return None
        one, other = self.results[first], self.results[second]
        return (one, other) if one is not None and other is not None else None


@dataclass(frozen=True, eq=False, slots=True)
class Seen:
    """What one network says about an image. planes: bool (K, H, W). difference: uint8 (H, W), see `previews`."""

    place: int  # among the chosen
    planes: NDArray[np.bool_]
    labels: NDArray[np.uint8] | None  # where a pixel has one class; the number of classes: none
    difference: NDArray[np.uint8]


@dataclass(frozen=True, eq=False, slots=True)
class Preview:
    """An image with all that was found in it."""

    sample: Sample
    classes: ClassTable
    truth: NDArray[np.bool_]  # (K, H, W)
    known: NDArray[np.bool_] | None
    seen: tuple[Seen, ...]


def list_candidates(runs: Sequence[RunInfo], present: CheckpointInfo | None) -> tuple[Candidate, ...]:
    """All checkpoints that can be chosen: best and last of each run, newest run first; a file that is open stands before them."""
    found = [
        Candidate(run.path, which, f"{run.name} – {which}", run.best_iou if which == "best" else None)
        for run in sorted(runs, key=lambda run: -run.started)
        if run.state != "new" and run.step
        for which in run.checkpoints
    ]
    if present is not None and not any(one.is_of(present.path) for one in found):
        found.insert(0, Candidate(present.path, "", Path(present.path).name))
    return tuple(found)


def name_briefly(chosen: Sequence[Candidate]) -> tuple[str, ...]:
    """A run's name alone where it is chosen once, with the checkpoint's where it is chosen twice."""
    heads = [one.name.removesuffix(f" – {one.which}") if one.which else one.name for one in chosen]
    return tuple(one.name if heads.count(head) > 1 else head for one, head in zip(chosen, heads, strict=True))
