"""Which checkpoint the panel looks through: one of a run, a file, or whatever the run in training saves last. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segbench.gui.panels.prediction.choices import Choice, list_choices
from segbench.gui.panels.prediction.workshop import read_info
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
        self._following = False
        self._behind = False  # the followed run has saved while nobody looked
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
            self._following = choice.kind == "training"
            self._read(choice)

    def open(self, path: str) -> None:
        """A checkpoint file from anywhere."""
        self._following = False
        self._session.open_checkpoint(path)

    def take_runs(self, runs: tuple[RunInfo, ...]) -> None:
        self._runs = runs

    def take_start(self, run: str) -> None:
        """A training has begun in this folder."""
        self._training = run

    def take_saved(self, seen: bool) -> None:
        """The run in training has saved; whoever follows it, or has nothing yet, looks at the new weights (`seen`: now)."""
        if not self._training:
            return
        self._following = self._following or self._session.checkpoint is None
        self._behind = self._following
        if seen:
            self.catch_up()

    def catch_up(self) -> None:
        """Reads what the followed run saved while the panel was out of sight."""
        if self._behind:
            self._read(self._training_choice())

    def take_opened(self, info: CheckpointInfo) -> None:
        """The session has a checkpoint now, whoever asked for it."""
        self._following = self._following and self._training_choice().is_of(info)

    def _training_choice(self) -> Choice:
        return Choice("training", self._training, "", "last")

    def _read(self, choice: Choice) -> None:
        # Its own job, not the session's open_checkpoint: choosing in the panel does not belong among the recent files
        self._behind = False
        title = f"Opening {choice.name or 'the checkpoint'}"
        self._jobs.start("open checkpoint", read_info(choice), title=title, lane="io", newest_wins=True)
