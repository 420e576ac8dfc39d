"""The curves of runs as one CSV file: every step of every run, straight from the logs."""

from __future__ import annotations

import csv
import os
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from segbench.errors import SegbenchError
from segbench.events import EpochDone, Progressed, StepDone, TrainingStarted
from segbench.export.cells import guard_cells
from segbench.formats.runs import Run, open_run

T = TypeVar("T")

STEP_COLUMNS = ("run", "step", "epoch", "seconds", "loss", "learning_rate")
EPOCH_COLUMNS = ("train_loss", "validation_loss", "mean_iou", "even_pixels_mean_iou")


def export_curves(runs: Sequence[Path], out: Path) -> Generator[Progressed, None, Path]:
    """Writes one row a step; an epoch's values stand in the row of its last step, empty where there is none.

    Columns: STEP_COLUMNS, EPOCH_COLUMNS, then `iou <class>` for each class. The file appears only when it is whole.
    Raises SegbenchError if there is no run or one cannot be read, OSError if the file cannot be written.
    """
    opened = [open_run(path) for path in runs]
    if not opened:
        raise SegbenchError("There are no curves to save.", "Train or open a run first.")
    tables = []
    for number, run in enumerate(opened):
        tables.append(_collect(run))
        yield Progressed("reading", number + 1, 2 * len(opened))
    names = list(dict.fromkeys(name for _, _, classes in tables for name in classes))
    unfinished = out.with_name(f".{out.name}.part")
    try:
        with open(unfinished, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(guard_cells([*STEP_COLUMNS, *EPOCH_COLUMNS, *(f"iou {name}" for name in names)]))
            for number, (run, (steps, epochs, _)) in enumerate(zip(opened, tables, strict=True)):
                writer.writerows(map(guard_cells, _list_rows(run.name, steps, epochs, names)))
                yield Progressed("writing", len(opened) + number + 1, 2 * len(opened))
        os.replace(unfinished, out)
    finally:
        unfinished.unlink(missing_ok=True)
    return out


def _collect(run: Run) -> tuple[dict[int, tuple[StepDone, int]], dict[int, EpochDone], list[str]]:
    """(steps with their epochs, epochs by their last step, class names); a continuation replaces what it did again."""
    steps: dict[int, tuple[StepDone, int]] = {}
    epochs: dict[int, EpochDone] = {}
    names: dict[str, None] = {}
    length = 0
    for fact in run.events():
        match fact:
            case TrainingStarted():
                length = fact.steps_per_epoch
                steps = _keep(steps, fact.step)
                epochs = _keep(epochs, fact.step)
            case StepDone():
                steps[fact.step] = (fact, (fact.step - 1) // length + 1 if length else 0)
            case EpochDone():
                epochs[fact.step] = fact
                names |= dict.fromkeys(score.name for score in fact.scores.classes) if fact.scores else {}
    return steps, epochs, list(names)


def _keep(facts: dict[int, T], last: int) -> dict[int, T]:
    return {step: fact for step, fact in facts.items() if step <= last}


def _list_rows(
    name: str, steps: dict[int, tuple[StepDone, int]], epochs: dict[int, EpochDone], names: Sequence[str]
) -> Iterable[list[object]]:
    for step, (fact, epoch) in steps.items():
        row: list[object] = [name, step, epoch, round(fact.seconds, 4), fact.loss, fact.learning_rate]
        ended = epochs.get(step)
        if ended is None:
            yield row + [""] * (len(EPOCH_COLUMNS) + len(names))
            continue
        ious = {score.name: score.iou for score in ended.scores.classes} if ended.scores else {}
        mean = ended.scores.mean_iou if ended.scores else None
        grid = ended.grid_scores.mean_iou if ended.grid_scores else None
        cells = [ended.train_loss, ended.validation_loss, mean, grid, *(ious.get(name) for name in names)]
        yield row + ["" if cell is None else cell for cell in cells]
