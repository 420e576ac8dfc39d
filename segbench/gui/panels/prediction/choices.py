"""The checkpoints a user can choose from: those of the runs, and whatever the run in training saves. No Qt, no disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from segbench.records import CheckpointInfo, RunInfo

Which = Literal["best", "last"]


@dataclass(frozen=True)
class Choice:
    """kind "training": the last checkpoint of the run in training, whenever it is saved; "run": one of a run; "file": a file."""

    kind: Literal["training", "run", "file"]
    path: str  # of the run's folder, or of the file
    name: str  # the run's or the file's
    which: Which = "best"
    best_iou: float | None = None

    def is_of(self, info: CheckpointInfo) -> bool:
        """Whether that checkpoint is what this choice stands for."""
        path = Path(info.path)
        if self.kind == "file":
            return path == Path(self.path)
        return path.parent.parent == Path(self.path) and path.stem == self.which


def list_choices(
    runs: Sequence[RunInfo], training: str, present: CheckpointInfo | None, following: bool
) -> tuple[list[Choice], int]:
    """The choices in the order they are shown, and the place of the present one (-1 without).

    training: folder of the run that trains now, or trained last in this window; "" for none.
    """
    given = next((run.name for run in runs if run.path == training), Path(training).name)
    choices = [Choice("training", training, given, "last")] if training else []
    for run in runs:
        if run.state != "new" and run.step:
            choices += [Choice("run", run.path, run.name, which, run.best_iou) for which in run.checkpoints]
    if present is None:
        return choices, -1
    place = next((i for i, c in enumerate(choices) if c.is_of(present) and (c.kind == "training") == following), -1)
    if place < 0:
        choices.insert(0, Choice("file", present.path, Path(present.path).name))
        place = 0
    return choices, place
