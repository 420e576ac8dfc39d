"""Which checkpoint the panel looks through: one of a run, a file, or whatever the run in training saves last, and once that has
ended, the best it saved. No Qt."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from segbench.events import WorkEvent
from segbench.gui.panels.prediction.choices import Choice, list_choices
from segbench.gui.panels.prediction.workshop import read_followed, read_info
from segbench.records import CheckpointInfo, RunInfo

if TYPE_CHECKING:
    from segbench.gui.session import Session
    from segbench.jobs import JobRunner


class CheckpointChooser:
    """Asks for headers; the session takes what is read over as its checkpoint and says so with CheckpointOpened."""

    def __init__(self, session: Session, jobs: JobRunner) -> None:
        self._session = session
        self._jobs = jobs
        self._runs: tuple[RunInfo, ...] = ()
        self._training = ""  # folder of the run in training, or of the one that trained last
        self._trains = False  # it still does
        self._best = False  # that run has saved a best checkpoint since it began
        self._following = False
        self._wanted: Choice | None = None  # what the followed run has saved while nobody looked
        self._kept = ""  # folder of a followed run that has ended, whose best checkpoint is looked through
        self._choices: list[Choice] = []

    @property
    def knows_runs(self) -> bool:
        return bool(self._runs)

    def list(self) -> tuple[list[Choice], int]:
        """The choices as they are shown, and the place of the present one (-1 without)."""
        self._choices, place = list_choices(self._runs, self._training, self._session.checkpoint, self._following)
        return self._choices, place

    def choose(self, place: int) -> None:
        """Takes the choice at this place of the list last given."""
        if 0 <= place < len(self._choices):
            choice = self._choices[place]
            self._following, self._kept = choice.kind == "training", ""
            self._read(choice, read_info(choice))

    def open(self, path: str) -> None:
        """A checkpoint file from anywhere."""
        self._following, self._kept, self._wanted = False, "", None
        self._session.open_checkpoint(path)

    def take_runs(self, runs: tuple[RunInfo, ...]) -> None:
        """Lets go of the run that trained last where it was discarded. One of another folder is no more listed than that,
        but its checkpoint is still there."""
        self._runs = runs
        info = self._session.checkpoint
        looked_through = info is not None and (self._training_choice().is_of(info) or self._best_choice().is_of(info))
        if not (self._trains or looked_through or any(run.path == self._training for run in runs)):
            self._training, self._following, self._kept = "", False, ""

    def take_start(self, run: str) -> None:
        """A training has begun in this folder."""
        self._training, self._trains, self._best = run, True, False

    def take_saved(self, seen: bool) -> None:
        """The run in training has saved; whoever follows it, or has nothing yet, looks at the new weights (`seen`: now)."""
        if not self._training:
            return
        self._following = self._following or self._session.checkpoint is None
        if self._following:
            self._wanted, self._kept = self._training_choice(), ""
        if seen:
            self.catch_up()

    def take_best(self) -> None:
        """The run in training has saved its best epoch so far."""
        self._best = True

    def take_end(self, seen: bool) -> None:
        """No training runs any more: whoever followed it looks at its best weights, where it kept any (`seen`: now)."""
        self._trains = False
        known = any(run.path == self._training and run.best_iou is not None for run in self._runs)
        if not self._following or not (self._best or known):
            return
        self._following, self._kept = False, self._training
        self._wanted = self._best_choice()
        if seen:
            self.catch_up()

    def catch_up(self) -> None:
        """Reads what the followed run saved while the panel was out of sight."""
        if self._wanted is not None:
            self._read(self._wanted, read_followed(self._wanted))

    def take_opened(self, info: CheckpointInfo) -> None:
        """The session has a checkpoint now, whoever asked for it."""
        of_training = self._training_choice().is_of(info)
        self._following = self._following and of_training
        if not of_training and not self._best_choice().is_of(info):
            self._wanted, self._kept = None, ""

    def keeps_best(self, info: CheckpointInfo) -> bool:
        """This is the best checkpoint of the run that was followed until it ended."""
        return bool(self._kept) and self._best_choice().is_of(info)

    def _training_choice(self) -> Choice:
        return Choice("training", self._training, "", "last")

    def _best_choice(self) -> Choice:
        return Choice("run", self._training, Path(self._training).name, "best")

    def _read(self, choice: Choice, work: Generator[WorkEvent, None, CheckpointInfo | None]) -> None:
        # Its own job, not the session's open_checkpoint: choosing in the panel does not belong among the recent files
        self._wanted = None
        title = f"Opening {choice.name or 'the checkpoint'}"
        self._jobs.start("open checkpoint", work, title=title, lane="io", newest_wins=True)
