"""Comparing: two to six networks, one after the other on the same images under the same threshold rule. A generator of events."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from segbench.errors import SegbenchError
from segbench.events import ImageScored, Progressed, StepDone, TrainingEnded, TrainingStarted
from segbench.formats.checkpoints import read_checkpoint_info
from segbench.formats.runs import Run, open_run
from segbench.metrics.comparison import ComparedRun, Comparison, compare
from segbench.networks.layers import list_layers
from segbench.networks.loading import load_checkpoint
from segbench.records import CheckpointInfo, Reading
from segbench.targets import half_reading, lecture_reading
from segbench.training.evaluator import Scored, Scorer, check_classes, evaluate, find_masked, tune

FEWEST, MOST = 2, 6  # networks at once

Rule = Literal["own", "half", "lecture", "best"]


class Contender(NamedTuple):
    """A network before it is looked at."""

    path: Path
    info: CheckpointInfo
    run: Run | None


def compare_runs(
    paths: Sequence[Path],
    load: Callable[[Path], Scorer],
    dataset: Scored,
    indices: Sequence[int],
    rule: Rule = "own",
    grid: bool = False,
    batch_size: int = 8,
    tuned_on: Sequence[int] | None = None,
) -> Generator[ImageScored | Progressed, None, Comparison]:
    """Scores each network on those of the samples that have masks; Progressed before each, then its ImageScored events.

    paths: run folders (best checkpoint, else last) or checkpoint files. load: makes a predictor of one; they are made one after the
    other, and none is kept. rule: "own" each checkpoint's default, "half" half the grey value or probability 0.5, "lecture" the
    lecture's windows, "best" the best-IoU threshold a class, chosen on the samples `tuned_on` (None: on those it is scored on).
    Raises SegbenchError before the first prediction if there are too few or too many, or one doesn't fit the data or the rule.
    """
    if not FEWEST <= len(paths) <= MOST:
        raise SegbenchError(f"{len(paths)} networks cannot be compared.", f"Choose {FEWEST} to {MOST}.")
    contenders = [find_contender(path) for path in paths]
    for contender in contenders:
        check_classes(contender.info, dataset.info)
    readings = [find_reading(contender.info, rule) for contender in contenders]
    indices = find_masked(dataset, indices)
    size = dataset.read(indices[0]).size
    names = name_contenders(contenders)
    found: list[ComparedRun] = []
    for number, (contender, reading) in enumerate(zip(contenders, readings, strict=True)):
        yield Progressed(names[number], number, len(contenders))
        predictor = load(contender.path)
        if rule == "best":
            reading = yield from tune(predictor, dataset, tuned_on or indices, reading, grid, batch_size)
        evaluation = yield from evaluate(predictor, dataset, indices, reading, grid, batch_size)
        del predictor
        found.append(
            ComparedRun(
                name=names[number],
                path=str(contender.run.path if contender.run else contender.path),
                evaluation=evaluation,
                macs=count_macs(contender.path, size),
                training_seconds=find_training_seconds(contender),
                against_first=compare(found[0].evaluation, evaluation) if found else None,
            )
        )
    return Comparison(tuple(found), rule, size)


def find_reading(info: CheckpointInfo, rule: Rule) -> Reading | None:
    """What a rule means for a checkpoint; None: its own. Raises SegbenchError if the rule isn't for such scores."""
    if rule == "lecture":
        if info.target != "values":
            raise SegbenchError(
                f"The lecture's windows are for grey values, and {info.path} gives probabilities.",
                "Compare by own, half or best thresholds.",
            )
        return lecture_reading(info.classes)
    if rule == "half" and info.target == "values":
        return half_reading(info.classes)
    if rule == "half":
        kind = "argmax" if info.target == "labels" else "windows"
        return Reading(kind, ((0.5, float("inf")),) * len(info.classes))  # type: ignore[arg-type]
    return None


def find_run(checkpoint: str) -> Run | None:
    """The run whose checkpoint that file is; None if it stands anywhere else."""
    folder = Path(checkpoint).absolute().parent.parent
    try:
        return open_run(folder)
    except SegbenchError:
        return None


def name_contenders(contenders: Sequence[Contender]) -> list[str]:
    """The runs' names, else the files'; with the checkpoint's, then a number, where two would be alike."""
    names = [c.run.name if c.run else Path(c.info.path).stem for c in contenders]
    full = [
        f"{name} ({Path(c.info.path).stem})" if c.run and names.count(name) > 1 else name
        for name, c in zip(names, contenders, strict=True)
    ]
    return [
        f"{name} {full[: n + 1].count(name)}" if full.count(name) > 1 and full.index(name) < n else name
        for n, name in enumerate(full)
    ]


def find_contender(path: Path) -> Contender:
    """What is known of a checkpoint file, or of a run's best (else last) checkpoint. Raises SegbenchError."""
    info = read_checkpoint_info(path)
    return Contender(Path(path), info, find_run(info.path))


def count_macs(path: Path, size: tuple[int, int]) -> int | None:
    """Multiply-accumulates of one image; None for one that doesn't go through the network by itself (it was padded, or cut)."""
    try:
        return list_layers(load_checkpoint(path).network, size).macs
    except SegbenchError:
        return None


def find_training_seconds(contender: Contender) -> float | None:
    """Busy time until the checkpoint's step; the run's whole time if the log has no such step."""
    if contender.run is None:
        return None
    at_step = whole = None
    for event in contender.run.events():
        match event:
            case TrainingStarted(step=step) if step < contender.info.step:
                at_step = None  # that step was done again
            case StepDone(step=step, seconds=seconds) if step == contender.info.step:
                at_step = seconds
            case TrainingEnded(seconds=seconds):
                whole = seconds
    return whole if at_step is None else at_step
