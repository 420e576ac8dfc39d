"""Decides what the list of runs does: lists, opens, compares, continues, renames, deletes. No Qt."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from segbench.events import (
    Event,
    JobCancelled,
    JobDone,
    JobEvent,
    JobFailed,
    JobPaused,
    JobResumed,
    RunContinueRequested,
    RunOpened,
    RunsCompared,
    RunsListed,
    TrainingStarted,
)
from segbench.settings import find_runs_folder

if TYPE_CHECKING:
    from segbench.gui.session import Session
    from segbench.jobs import JobRunner
    from segbench.records import RunInfo


class RunsView(Protocol):
    """What the presenter asks of the view."""

    def show_runs(self, runs: Sequence[RunInfo], folder: str) -> None: ...
    def show_current(self, path: str) -> None: ...
    def forget_ticks(self) -> None: ...
    def show_paused(self, path: str) -> None: ...


class RunsPresenter:
    """One per window."""

    def __init__(self, session: Session, jobs: JobRunner) -> None:
        self._session = session
        self._jobs = jobs
        self._runs: tuple[RunInfo, ...] = ()
        self._training = ""  # the run that is being trained in this window
        self._training_job = 0

    def attach(self, view: RunsView) -> None:
        self._view = view

    # What the user asks for --------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Looks through the runs folder again."""
        self._session.list_runs()

    def open(self, path: str) -> None:
        """Shows a run on the training page."""
        self._session.open_run(path)
        self._session.show_page("training")

    def compare(self, paths: Sequence[str]) -> None:
        """The ticked runs' curves are drawn together."""
        self._session.publish([RunsCompared(tuple(paths))])

    def continue_run(self, path: str) -> None:
        """Shows a run and asks for how many epochs it shall go on."""
        self._session.publish([RunContinueRequested(path)])

    def predict(self, path: str) -> None:
        """Opens a run's best checkpoint (else its last) on the prediction page."""

        def work() -> Generator[Any, None, Any]:
            from segbench.errors import SegbenchError
            from segbench.formats.checkpoints import read_checkpoint_info
            from segbench.formats.runs import open_run

            yield from ()
            run = open_run(Path(path))
            for kind in ("best", "last"):
                if (found := run.checkpoint(kind)).exists():
                    return read_checkpoint_info(found)
            raise SegbenchError(f"The run {run.name} has no checkpoint yet.", "Train it for at least one epoch.")

        self._jobs.start("open checkpoint", work(), title=f"Opening {Path(path).name}", lane="io", newest_wins=True)
        self._session.show_page("prediction")

    def rename(self, path: str, name: str) -> None:
        """Gives a run another name; its folder stays where it is."""

        def work() -> Generator[Any, None, Any]:
            from segbench.formats.runs import open_run

            yield from ()
            open_run(Path(path)).change(name=name.strip())

        self._jobs.start("rename run", work(), title="Renaming a run", lane="io")

    def delete(self, paths: Sequence[str]) -> None:
        """Deletes runs' folders, but not that of the run in training. The view has asked."""
        doomed = [path for path in paths if path != self._training]

        def work() -> Generator[Any, None, Any]:
            from segbench.formats.runs import delete_run

            yield from ()
            for path in doomed:
                delete_run(Path(path))

        if doomed:
            title = f"Deleting {len(doomed)} runs" if len(doomed) > 1 else f"Deleting {Path(doomed[0]).name}"
            self._jobs.start("delete run", work(), title=title, lane="io")

    def is_training(self, path: str) -> bool:
        """Whether this run is being trained in this window."""
        return bool(path) and path == self._training

    # Events ------------------------------------------------------------------------------------------------------------

    def handle(self, events: Sequence[Event]) -> None:
        """One drained batch."""
        stale = False
        for event in events:
            match event:
                case RunsListed(runs=runs):
                    self._runs = tuple(sorted(runs, key=lambda run: -run.started))
                    self._view.show_runs(self._runs, str(find_runs_folder(self._session.settings)))
                case RunsCompared(paths=()):
                    self._view.forget_ticks()
                case RunOpened(path=path):
                    self._view.show_current(path)
                case JobEvent(job=job, kind="train", event=TrainingStarted(run=path)):
                    self._training, self._training_job = path, job
                    self._view.show_current(path)
                    stale = True
                case JobPaused(job=job) if job == self._training_job:
                    self._view.show_paused(self._training)
                case JobResumed(job=job) if job == self._training_job:
                    self._view.show_paused("")
                case JobDone() | JobCancelled() | JobFailed() if event.kind in ("train", "delete run", "rename run"):
                    if event.job == self._training_job:
                        self._training, self._training_job = "", 0
                        self._view.show_paused("")
                    stale = True
        if stale:
            self.refresh()
