"""Decides what the training panel does: starts, pauses, stops and continues runs, replays finished ones, compares. No Qt."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import msgspec

from segbench.config import Preset, TrainConfig, find_presets, parse
from segbench.errors import SegbenchError
from segbench.events import (
    CheckpointSaved,
    ClassRecolored,
    DatasetClosed,
    DatasetOpened,
    EpochDone,
    Event,
    JobCancelled,
    JobDone,
    JobEvent,
    JobFailed,
    JobPaused,
    JobResumed,
    LayersRequested,
    LossShared,
    MemoryRead,
    PinsChanged,
    PreviewsUpdated,
    Progressed,
    RunContinueRequested,
    RunLogRead,
    RunOpened,
    RunsCompared,
    RunsListed,
    StepDone,
    StorageFailed,
    TrainingEnded,
    TrainingStarted,
)
from segbench.gui.panels.training import work
from segbench.gui.panels.training.comparison import describe_comparison
from segbench.gui.panels.training.lecture import is_lecture, load_averages
from segbench.gui.panels.training.pins import KINDS as PIN_KINDS
from segbench.gui.panels.training.pins import PinWatch
from segbench.gui.panels.training.shelf import CurvesView, RunShelf
from segbench.gui.panels.training.state import (
    ELSEWHERE,
    NO_RUN,
    Active,
    RunRecord,
    TrainingState,
    describe_changes,
    resolve,
)
from segbench.knobs import to_dict
from segbench.settings import find_runs_folder

if TYPE_CHECKING:
    from segbench.data.dataset import Dataset
    from segbench.formats.runs import Run
    from segbench.gui.panels.training.previews import PinPicture
    from segbench.gui.session import Session
    from segbench.jobs import JobRunner
    from segbench.records import Color, RunInfo

BUSY = "A run is being trained. Stop it first, or wait for its end."
_LOGGED = (TrainingStarted, StepDone, LossShared, EpochDone, CheckpointSaved, TrainingEnded)


class Look(NamedTuple):
    """How the curves look: what follows from the runs that are drawn."""

    comparison: str  # that several runs are drawn, and what of them cannot be compared; "" for one
    colors: dict[str, Color]  # by class
    lecture: bool  # whether the lecture's losses are drawn
    reference: tuple[float, ...]  # and segbench's own of the same experiment


class TrainingView(CurvesView, Protocol):
    """What the presenter asks of the view."""

    def show_presets(self, presets: Sequence[Preset], chosen: str) -> None: ...
    def suggest_preset(self, name: str) -> None:
        """A preset that suits the open dataset better than the last one suggested. The user's own changes stay."""

    def show_settings(self, raw: dict[str, Any]) -> None: ...
    def show_misfit(self, path: str, sentence: str) -> None:
        """A setting that does not fit the open dataset; "" takes it back."""

    def show_state(self, state: TrainingState) -> None: ...
    def show_problem(self, sentence: str) -> None: ...
    def set_smoothing(self, smoothing: float) -> None: ...
    def set_class_colors(self, colors: dict[str, Color]) -> None: ...
    def set_lecture(self, shown: bool, reference: tuple[float, ...]) -> None: ...
    def show_comparison(self, sentence: str) -> None: ...
    def show_pins(self, pins: Sequence[PinPicture], foreign: str) -> None:
        """foreign: the name of the dataset they are of if that is not the one that is open, else ""."""

    def ask_epochs(self, path: str, name: str, done: int, planned: int) -> None: ...


class TrainingPresenter:
    """One per window. The run that is shown need not be the one that is trained."""

    def __init__(self, session: Session, jobs: JobRunner) -> None:
        self._session = session
        self._jobs = jobs
        self._active: Active | None = None
        self._ask_after = ""  # a run to be continued once its log is here
        self._continue_after: tuple[str, int] | None = None  # a run and its epochs, once its dataset is open
        self._settings: dict[str, Any] = {}  # of the last start
        self._checked: dict[str, Any] = {}  # the form's settings
        self._sentence = ""
        self._look: Look | None = None
        self._preset = ""  # the last one chosen for a dataset

    def attach(self, view: TrainingView) -> None:
        self._view = view
        self._shelf = RunShelf(self._jobs, view)
        self._pins = PinWatch(self._session, self._jobs, view.show_pins)
        self._preset = self._choose_preset()
        view.show_presets(find_presets(), self._preset)
        view.set_smoothing(self._session.settings.smoothing)
        self._adopt_dataset()
        self._show_state()

    # What the user asks for --------------------------------------------------------------------------------------------

    def start(self, raw: dict[str, Any]) -> None:
        """Raw form values -> a checked config -> a new run."""
        dataset = self._session.dataset
        self._session.show_page("training")  # wherever the key was pressed
        if (refusal := self._refuse_start()) or dataset is None:
            self._view.show_problem(refusal)
            return
        self._settings = copy.deepcopy(raw)
        try:
            config = parse(work.resolve_threads(raw))
        except SegbenchError as error:
            self._view.show_problem(str(error))
            return
        if misfit := work.find_misfit(config, dataset.info.classes):
            self._view.show_misfit("loss.target", misfit)
            self._view.show_problem(misfit)
            return
        make = work.make_run(find_runs_folder(self._session.settings), config, dataset)
        self._train(make, config, dataset, "", f"Training {dataset.info.name}")

    def show_layers(self, raw: dict[str, Any]) -> None:
        """The convolution lab lists the layers of the network that the form describes."""
        try:
            config = parse(work.resolve_threads(raw))
        except SegbenchError as error:
            self._view.show_problem(str(error))
            return
        self._session.publish([LayersRequested(settings=config.network)])

    def pause(self) -> None:
        """Pauses after the present step, or goes on."""
        if self._active is not None and self._active.phase not in ("stopping", "cancelling"):
            job = self._active.job
            (job.resume if job.paused else job.pause)()

    def stop(self) -> None:
        """Ends after the present step and keeps the model."""
        self._end("stopping", discard=False)

    def cancel(self) -> None:
        """Ends after the present step and deletes the run's folder. The view has asked."""
        self._end("cancelling", discard=True)

    def use_batch(self, size: int) -> None:
        """Goes on, or starts again, with so many images of a batch at a time, after memory ran out."""
        if not self._settings:
            return
        raw = copy.deepcopy(self._settings)
        raw["data"]["at_once"] = size
        self._view.show_settings(work.leave_threads(raw))
        record = self._shelf.current
        if record is not None and record.path and record.checkpoints:
            self.continue_run(record.path, raw["epochs"], at_once=size)
        else:
            self.start(raw)

    def use_settings(self) -> None:
        """Fills the form with the settings that the shown run was trained with."""
        record = self._shelf.current
        if record is not None and record.config is not None:
            self._view.show_settings(work.leave_threads(to_dict(record.config)))

    def request_continue(self, path: str = "") -> None:
        """Shows a run and asks for how many epochs it shall go on; "" is the run that is shown."""
        path = path or self._shelf.shown
        record = self._shelf.find(path)
        if record is not None and record.config is not None and record.phase != "opening":
            self._ask_epochs(record)
        elif path:
            self._ask_after = path
            self._open(path)

    def continue_run(self, path: str, epochs: int, at_once: int | None = None) -> None:
        """Trains a run further, up to `epochs` epochs in all, on the dataset it was trained on (which is opened if need be).

        at_once: images of a batch that go through the network together, if that shall change.
        """
        record, dataset = self._shelf.find(path), self._session.dataset
        if record is None or record.config is None or record.dataset is None or self._active is not None:
            return
        if dataset is None or dataset.info.path != record.dataset.path:
            self._continue_after = (path, epochs)
            self._session.open_dataset(record.dataset.path)
            return

        config = msgspec.structs.replace(record.config, epochs=epochs)
        if at_once is not None:
            config = msgspec.structs.replace(config, data=msgspec.structs.replace(config.data, at_once=at_once))
        self._settings = to_dict(config)
        self._train(work.reopen_run(path, config), config, dataset, path, f"Continuing {record.name}")

    def stop_comparing(self) -> None:
        """Draws the shown run alone; the list of runs forgets its ticks."""
        self._session.publish([RunsCompared(())])

    def show_active(self) -> None:
        """Back to the run that is being trained."""
        if self._active is not None and self._active.path:
            self._shelf.show(self._active.path)
            self._show_state()

    def predict(self) -> None:
        """Opens the shown run's best checkpoint on the prediction page."""
        record = self._shelf.current
        if record is not None and record.best_checkpoint:
            self._session.open_checkpoint(record.best_checkpoint)
            self._session.show_page("prediction")

    def select_sample(self, index: int) -> None:
        """Shows a pinned sample on the dataset page."""
        if not self._pins.foreign:
            self._session.select_sample(index)
            self._session.show_page("dataset")

    def open_dataset_page(self) -> None:
        self._session.show_page("dataset")

    def set_smoothing(self, smoothing: float) -> None:
        """Remembers the slider."""
        if smoothing != self._session.settings.smoothing:
            self._session.change_settings(smoothing=smoothing)

    def check_settings(self, raw: dict[str, Any]) -> None:
        """Called on each edit, and when another dataset is open: says at once when target and dataset do not fit."""
        self._checked = raw
        classes = self._session.dataset.info.classes if self._session.dataset else None
        try:
            misfit = work.find_misfit(parse(raw), classes)
        except SegbenchError:
            return  # the form says it
        self._view.show_misfit("loss.target", misfit)

    def save_curves(self, path: str) -> None:
        """Writes every value of the runs that are drawn to a CSV file, from their logs."""
        self._jobs.start(
            "export", work.write_curves(self._shelf.drawn, path), title=f"Writing {Path(path).name}", lane="io"
        )

    # Events ------------------------------------------------------------------------------------------------------------

    def handle(self, events: Sequence[Event]) -> None:
        """One drained batch; the view hears of it once."""
        touched = False
        for event in events:
            match event:
                case JobEvent(kind="train", job=job, event=fact) if self._active and job == self._active.job.number:
                    self._take_fact(self._active, fact)
                case JobEvent(kind="open run", event=RunLogRead() as part):
                    self._shelf.take_part(part)
                case JobDone(job=job) | JobCancelled(job=job) | JobFailed(job=job):
                    self._shelf.flush()
                    self._take_end(event)
                case JobPaused(job=job) | JobResumed(job=job) if self._active and job == self._active.job.number:
                    if self._active.phase not in ("stopping", "cancelling"):
                        self._active.phase = "paused" if isinstance(event, JobPaused) else "training"
                case DatasetOpened() | DatasetClosed():
                    self._adopt_dataset()
                    self._continue_pending()
                case PinsChanged():
                    self._pins.read()
                case ClassRecolored():
                    self._pins.recolor()
                case RunOpened(path=path):
                    self._open(path)
                case RunContinueRequested(path=path):
                    self._session.show_page("training")
                    self.request_continue(path)
                case RunsCompared(paths=paths):
                    self._shelf.compare(paths)
                case RunsListed(runs=runs):
                    self._take_list(runs)
                case _:
                    continue
            touched = True
        self._shelf.flush()
        if touched:
            self._show_state()

    def _take_fact(self, active: Active, fact: object) -> None:
        if isinstance(fact, TrainingStarted):
            self._adopt_run(active, fact)
        record = self._shelf.find(active.path)
        if record is None:
            return
        if isinstance(fact, _LOGGED):
            if isinstance(fact, TrainingStarted):
                active.notice = describe_changes(fact.changes)
            self._shelf.add(active.path, [fact])
            record.sentence = active.notice
            if active.phase in ("preparing", "validating"):
                active.phase = "training"
        elif isinstance(fact, Progressed) and active.phase in ("training", "validating"):
            active.phase, record.validated, record.validating = "validating", fact.done, fact.total
        elif isinstance(fact, StorageFailed):
            record.sentence = f"{fact.report.message} {fact.report.hint} Nothing is lost: press Resume to go on."
        elif isinstance(fact, MemoryRead):
            record.memory = fact
        elif isinstance(fact, PreviewsUpdated):
            self._pins.paint(fact)

    def _take_end(self, event: JobDone | JobCancelled | JobFailed) -> None:
        if self._active is not None and event.job == self._active.job.number:
            self._finish(event)
        elif (path := self._shelf.end_reading(event.job)) is not None:
            self._finish_reading(path, event)
        elif isinstance(event, JobDone) and event.kind in PIN_KINDS:
            self._pins.take(event)
        elif isinstance(event, JobFailed) and event.kind == "open dataset":
            self._continue_after = None

    def _take_list(self, runs: Sequence[RunInfo]) -> None:
        """The runs folder has been looked through: what was deleted there leaves the page, what was renamed is renamed here."""
        names = {run.path: run.name for run in runs}
        folder = find_runs_folder(self._session.settings)
        training = self._active.path if self._active else ""  # the list may be older than that run
        for path in self._shelf.paths:
            if path in names:
                self._shelf.rename(path, names[path])
            elif Path(path).parent == folder and path != training:
                self._forget(path)

    # Training ----------------------------------------------------------------------------------------------------------

    def _train(self, make: Callable[[], Run], config: TrainConfig, dataset: Dataset, path: str, title: str) -> None:
        order, pins = work.Order(), work.DatasetPins(self._session, dataset)
        job = self._jobs.start("train", work.run_training(make, dataset, order, pins, fresh=not path), title=title)
        self._active = Active(job, config, dataset, order, path)
        self._sentence = ""
        self._pins.begin(dataset)
        if (record := self._shelf.find(path)) is not None and path:
            record.live = True
        else:
            self._shelf.forget("")
        self._shelf.show(path)
        self._show_state()

    def _adopt_run(self, active: Active, fact: TrainingStarted) -> None:
        """The job has named its run: it is the one that is shown from now on."""
        record = self._shelf.find(active.path)
        if record is None:
            active.path = fact.run
            record = self._shelf.put(RunRecord(fact.run, Path(fact.run).name))
            record.live = True
            self._shelf.show(fact.run)
        record.config, record.dataset = active.config, active.dataset.info

    def _end(self, phase: Literal["stopping", "cancelling"], *, discard: bool) -> None:
        active = self._active
        if active is None or active.phase in ("stopping", "cancelling"):
            return
        active.phase, active.order.discard = phase, discard
        active.job.cancel()
        self._show_state()

    def _finish(self, event: JobDone | JobCancelled | JobFailed) -> None:
        active, self._active = self._active, None
        assert active is not None
        self._pins.end()
        record = self._shelf.find(active.path)
        if isinstance(event, JobFailed):
            if record is None or not record.step:  # nothing was learnt, so there is no such run on disk
                self._forget(active.path)
                record = self._shelf.put(RunRecord("", "New run"))
            report = event.report
            record.phase, record.smaller_batch = "failed", report.smaller_batch
            record.sentence = f"{report.message} {report.hint}".strip() if report.expected else report.message
        elif active.order.discard:
            if isinstance(event, JobDone):  # it was over before it heard of it
                self._jobs.start("delete run", work.remove_run(active.path), title="Deleting the run", lane="io")
            self._forget(active.path)
            self._sentence = "The run was discarded."
        elif record is not None:
            record.phase = "completed" if isinstance(event, JobDone) else "stopped"

    # What is shown --------------------------------------------------------------------------------------------------------

    def _show_state(self) -> None:
        if (look := self._choose_look()) != self._look:
            self._look = look
            self._view.show_comparison(look.comparison)
            self._view.set_class_colors(look.colors)
            self._view.set_lecture(look.lecture, look.reference)
        active = self._active
        other = self._shelf.find(active.path) if active is not None else None
        self._view.show_state(
            resolve(
                self._shelf.current,
                active,
                self._shelf.shown,
                other.name if other else "A new run",
                self._refuse_start(),
                self._sentence,
            )
        )

    def _choose_look(self) -> Look:
        """Classes have the user's colours, else those of the datasets that the runs are trained on, whichever is open; where
        names meet, the shown run's count."""
        records, shown = self._shelf.drawn_records, self._shelf.current
        colors: dict[str, Color] = {}
        for record in reversed(records):
            if record.dataset is not None and (classes := record.dataset.classes) is not None:
                colors.update(zip(classes.names, self._session.recolor(classes).colors, strict=True))
        lecture = (
            shown is not None
            and shown.config is not None
            and shown.dataset is not None
            and is_lecture(shown.config, shown.dataset.classes)
        )
        return Look(describe_comparison(records), colors, lecture, load_averages() if lecture else ())

    # Runs on disk ------------------------------------------------------------------------------------------------------

    def _open(self, path: str) -> None:
        self._shelf.read(path)
        self._shelf.show(path)
        self._show_state()

    def _finish_reading(self, path: str, event: JobDone | JobCancelled | JobFailed) -> None:
        asked = path == self._ask_after
        if asked:
            self._ask_after = ""
        if isinstance(event, JobDone):
            record = self._shelf.take_result(path, event.result)
            if record is not None and asked:
                self._ask_epochs(record)
        elif (record := self._shelf.find(path)) is not None and not record.live:
            self._forget(path)
            if isinstance(event, JobFailed):
                self._sentence = event.report.message

    def _forget(self, path: str) -> None:
        """A run is no more. If it was shown, the run in training is shown instead, if there is one."""
        self._shelf.forget(path, instead=self._active.path if self._active else "")
        if path and path == self._ask_after:
            self._ask_after = ""
        if self._continue_after is not None and self._continue_after[0] == path:
            self._continue_after = None

    def _ask_epochs(self, record: RunRecord) -> None:
        if self._active is not None:
            self._view.show_problem(BUSY)
            return
        if record.phase == "elsewhere":
            self._view.show_problem(ELSEWHERE)
            return
        assert record.config is not None
        self._view.ask_epochs(record.path, record.name, record.epochs_done, record.config.epochs)

    def _continue_pending(self) -> None:
        pending, dataset = self._continue_after, self._session.dataset
        record = self._shelf.find(pending[0]) if pending else None
        if pending and record and record.dataset and dataset and dataset.info.path == record.dataset.path:
            self._continue_after = None
            self.continue_run(*pending)

    # Dataset and pins --------------------------------------------------------------------------------------------

    def _adopt_dataset(self) -> None:
        dataset, preset = self._session.dataset, self._choose_preset()
        if dataset is not None and dataset.info.classes is not None and preset != self._preset:
            self._preset = preset
            self._view.suggest_preset(preset)
        if self._checked:
            self.check_settings(self._checked)
        self._pins.follow()

    def _refuse_start(self) -> str:
        """Why no run can be started now, in words; "" if one can."""
        dataset = self._session.dataset
        if self._active is not None:
            return BUSY
        if dataset is None:
            return NO_RUN
        if dataset.info.classes is None:
            return f"{dataset.info.name} has images but no masks, so there is nothing to learn from. Open a dataset with masks."
        return ""

    def _choose_preset(self) -> str:
        dataset = self._session.dataset
        exclusive = dataset is not None and dataset.info.classes is not None and dataset.info.classes.exclusive
        return "camvid" if exclusive else "recommended"
