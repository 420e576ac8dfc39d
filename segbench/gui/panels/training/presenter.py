"""Decides what the training panel does: starts, pauses, stops and continues runs, replays finished ones, compares. No Qt."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from segbench.config import Preset, TrainConfig, find_presets, parse, to_dict
from segbench.errors import SegbenchError
from segbench.events import (
    CheckpointSaved,
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
    LoggedEvent,
    MemoryRead,
    PinsChanged,
    PreviewsUpdated,
    Progressed,
    RunContinueRequested,
    RunLogRead,
    RunOpened,
    RunsCompared,
    StepDone,
    TrainingEnded,
    TrainingStarted,
)
from segbench.gui.panels.training import work
from segbench.gui.panels.training.comparison import describe_comparison, describe_measure
from segbench.gui.panels.training.pins import KINDS as PIN_KINDS
from segbench.gui.panels.training.pins import PinWatch
from segbench.gui.panels.training.state import Active, RunRecord, TrainingState, resolve
from segbench.resources import find_resource
from segbench.settings import find_runs_folder

if TYPE_CHECKING:
    from segbench.data.dataset import Dataset
    from segbench.formats.runs import Run
    from segbench.gui.panels.training.previews import PinPicture
    from segbench.gui.session import Session
    from segbench.jobs import JobRunner
    from segbench.records import ClassTable

_LOGGED = (TrainingStarted, StepDone, EpochDone, CheckpointSaved, TrainingEnded)


class TrainingView(Protocol):
    """What the presenter asks of the view."""

    def show_presets(self, presets: Sequence[Preset], chosen: str) -> None: ...
    def choose_preset(self, name: str) -> None: ...
    def show_settings(self, raw: dict[str, Any]) -> None: ...
    def show_misfit(self, path: str, sentence: str) -> None:
        """A setting that does not fit the open dataset; "" takes it back."""

    def show_state(self, state: TrainingState) -> None: ...
    def show_problem(self, sentence: str) -> None: ...
    def set_smoothing(self, smoothing: float) -> None: ...
    def set_class_colors(self, colors: dict[str, tuple[int, int, int]]) -> None: ...
    def set_lecture(self, shown: bool, reference: tuple[float, ...]) -> None: ...
    def add_facts(self, key: str, facts: Sequence[LoggedEvent], name: str) -> None: ...
    def forget_run(self, key: str) -> None: ...
    def show_runs(self, keys: Sequence[str]) -> None: ...
    def show_comparison(self, sentence: str) -> None:
        """That several runs are drawn, and what of them cannot be compared; "" takes it back."""

    def show_pins(self, pins: Sequence[PinPicture]) -> None: ...
    def ask_epochs(self, path: str, name: str, done: int, planned: int) -> None: ...


class TrainingPresenter:
    """One per window. The run that is shown need not be the one that is trained."""

    def __init__(self, session: Session, jobs: JobRunner) -> None:
        self._session = session
        self._jobs = jobs
        self._records: dict[str, RunRecord] = {}
        self._active: Active | None = None
        self._shown = ""
        self._compared: tuple[str, ...] = ()
        self._comparison = ""  # the sentence about it
        self._loading: dict[int, str] = {}  # job number -> path of the run whose log it reads
        self._ask_after = ""  # a run to be continued once its log is here
        self._continue_after: tuple[str, int] | None = None  # a run and its epochs, once its dataset is open
        self._settings: dict[str, Any] = {}  # of the last start
        self._sentence = ""
        self._reference: tuple[float, ...] | None = None
        self._preset = ""  # the last one chosen for a dataset

    def attach(self, view: TrainingView) -> None:
        self._view = view
        self._pins = PinWatch(self._session, self._jobs, view.show_pins)
        self._preset = self._choose_preset()
        view.show_presets(find_presets(), self._preset)
        view.set_smoothing(self._session.settings.smoothing)
        self._adopt_dataset()

    # What the user asks for --------------------------------------------------------------------------------------------

    def start(self, raw: dict[str, Any]) -> None:
        """Raw form values -> a checked config -> a new run."""
        dataset = self._session.dataset
        if self._active is not None:
            self._view.show_problem("A run is being trained. Stop it first, or wait for its end.")
            return
        if (refusal := self._refuse_dataset()) or dataset is None:
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
        self._train(make, dataset, "", f"Training {dataset.info.name}")

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
        """Starts again with a smaller batch, after memory ran out."""
        if not self._settings:
            return
        raw = copy.deepcopy(self._settings)
        raw["data"]["batch_size"] = size
        self._view.show_settings(raw)
        self.start(raw)

    def request_continue(self, path: str = "") -> None:
        """Shows a run and asks for how many epochs it shall go on; "" is the run that is shown."""
        path = path or self._shown
        record = self._records.get(path)
        if record is not None and record.file is not None and record.phase != "opening":
            self._ask_epochs(record)
        elif path:
            self._ask_after = path
            self._open(path)

    def continue_run(self, path: str, epochs: int) -> None:
        """Trains a run further, up to `epochs` epochs in all, on the dataset it was trained on (which is opened if need be)."""
        record = self._records.get(path)
        if record is None or record.file is None or self._active is not None:
            return
        dataset = self._session.dataset
        if dataset is None or dataset.info.path != record.file.dataset.path:
            self._continue_after = (path, epochs)
            self._session.open_dataset(record.file.dataset.path)
            return

        self._settings = to_dict(record.file.config)
        self._train(work.reopen_run(path, epochs), dataset, path, f"Continuing {record.name}")

    def stop_comparing(self) -> None:
        """Draws the shown run alone; the list of runs forgets its ticks."""
        self._session.publish([RunsCompared(())])

    def show_active(self) -> None:
        """Back to the run that is being trained."""
        if self._active is not None and self._active.path:
            self._show(self._active.path)

    def predict(self) -> None:
        """Opens the shown run's best checkpoint on the prediction page."""
        record = self._records.get(self._shown)
        if record is not None and record.best_checkpoint:
            self._session.open_checkpoint(record.best_checkpoint)
            self._session.show_page("prediction")

    def select_sample(self, index: int) -> None:
        """Shows a pinned sample on the dataset page."""
        self._session.select_sample(index)
        self._session.show_page("dataset")

    def open_dataset_page(self) -> None:
        self._session.show_page("dataset")

    def set_smoothing(self, smoothing: float) -> None:
        """Remembers the slider."""
        if smoothing != self._session.settings.smoothing:
            self._session.change_settings(smoothing=smoothing)

    def check_settings(self, raw: dict[str, Any]) -> None:
        """Called on each edit: says at once when target and dataset do not fit."""
        classes = self._session.dataset.info.classes if self._session.dataset else None
        try:
            misfit = work.find_misfit(parse(raw), classes)
        except SegbenchError:
            return  # the form says it
        self._view.show_misfit("loss.target", misfit)

    def save_curves(self, path: str) -> None:
        """Writes every value of the runs that are drawn to a CSV file, from their logs."""
        self._jobs.start(
            "export", work.write_curves(self._drawn(), path), title=f"Writing {Path(path).name}", lane="io"
        )

    # Events ------------------------------------------------------------------------------------------------------------

    def handle(self, events: Sequence[Event]) -> None:
        """One drained batch; the view hears of it once."""
        facts: dict[str, list[LoggedEvent]] = {}
        touched = False
        for event in events:
            match event:
                case JobEvent(kind="train", job=job, event=fact) if self._active and job == self._active.job.number:
                    self._take_fact(fact, facts)
                case JobEvent(kind="open run", event=RunLogRead() as part):
                    self._take_log(part, facts)
                case JobDone(job=job) | JobCancelled(job=job) | JobFailed(job=job):
                    self._flush(facts)
                    self._take_end(event)
                case JobPaused(job=job) | JobResumed(job=job) if self._active and job == self._active.job.number:
                    if self._active.phase not in ("stopping", "cancelling"):
                        self._active.phase = "paused" if isinstance(event, JobPaused) else "training"
                case DatasetOpened() | DatasetClosed():
                    self._adopt_dataset()
                    self._continue_pending()
                case PinsChanged():
                    self._pins.read()
                case RunOpened(path=path):
                    self._open(path)
                case RunContinueRequested(path=path):
                    self._session.show_page("training")
                    self.request_continue(path)
                case RunsCompared(paths=paths):
                    self._compare(paths)
                case _:
                    continue
            touched = True
        self._flush(facts)
        if touched:
            self._show_state()

    def _take_fact(self, fact: object, facts: dict[str, list[LoggedEvent]]) -> None:
        active = self._active
        assert active is not None
        if isinstance(fact, TrainingStarted):
            self._adopt_run(fact)
        record = self._records.get(active.path)
        if record is None:
            return
        if isinstance(fact, _LOGGED):
            record.add([fact])
            facts.setdefault(active.path, []).append(fact)
            if active.phase in ("preparing", "validating"):
                active.phase = "training"
        elif isinstance(fact, Progressed) and active.phase in ("training", "validating"):
            active.phase, record.validated, record.validating = "validating", fact.done, fact.total
        elif isinstance(fact, MemoryRead):
            record.memory = fact
        elif isinstance(fact, PreviewsUpdated):
            self._pins.paint(active.dataset, fact)

    def _take_log(self, part: RunLogRead, facts: dict[str, list[LoggedEvent]]) -> None:
        record = self._records.get(part.path)
        if record is None or record.live:
            return
        if part.first:
            facts.pop(part.path, None)
            self._view.forget_run(part.path)
            record.clear()
        record.name = part.name
        record.add(part.facts)
        facts.setdefault(part.path, []).extend(part.facts)

    def _take_end(self, event: JobDone | JobCancelled | JobFailed) -> None:
        if self._active is not None and event.job == self._active.job.number:
            self._finish(event)
        elif event.job in self._loading:
            self._finish_loading(event)
        elif isinstance(event, JobDone) and event.kind in PIN_KINDS:
            self._pins.take(event)
        elif isinstance(event, JobFailed) and event.kind == "open dataset":
            self._continue_after = None

    # Training ----------------------------------------------------------------------------------------------------------

    def _train(self, make: Callable[[], Run], dataset: Dataset, path: str, title: str) -> None:
        order, pins = work.Order(), work.DatasetPins(self._session, dataset)
        job = self._jobs.start("train", work.run_training(make, dataset, order, pins, fresh=not path), title=title)
        self._active = Active(job, dataset, order, path)
        self._sentence = ""
        if path:
            self._records[path].live = True
        else:
            self._shown = ""
            self._records.pop("", None)
            self._view.show_runs(self._drawn())
        self._show_state()

    def _adopt_run(self, fact: TrainingStarted) -> None:
        """The job has named its run: it is the one that is shown from now on."""
        active = self._active
        assert active is not None
        fresh = not active.path
        active.path = fact.run
        record = self._records.setdefault(fact.run, RunRecord(fact.run, Path(fact.run).name))
        record.live = True
        config = parse(work.resolve_threads(self._settings))
        record.measure = describe_measure(config, active.dataset.info.path)
        if fresh:
            self._view.forget_run(fact.run)
            self._show(fact.run)
        self._set_lecture(active.dataset.info.classes, config)

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
        record = self._records.get(active.path)
        if isinstance(event, JobFailed):
            report = event.report
            sentence = f"{report.message} {report.hint}".strip() if report.expected else report.message
            if record is None:
                record = self._records[""] = RunRecord("", "New run")
            record.phase, record.sentence, record.smaller_batch = "failed", sentence, report.smaller_batch
        elif active.order.discard:
            if isinstance(event, JobDone):  # it was over before it heard of it
                self._jobs.start("delete run", work.remove_run(active.path), title="Deleting the run", lane="io")
            if self._shown == active.path:
                self._shown = ""
            self._records.pop(active.path, None)
            self._compared = tuple(path for path in self._compared if path != active.path)
            self._view.forget_run(active.path)
            self._view.show_runs(self._drawn())
            self._sentence = "The run was discarded."
        elif record is not None:
            record.phase = "completed" if isinstance(event, JobDone) else "stopped"
        if record is not None and record.file is None and not active.order.discard and active.path:
            self._read_log(active.path)  # for its config, should it be continued

    def _show_state(self) -> None:
        self._show_comparison()
        record, active = self._records.get(self._shown), self._active
        other = self._records.get(active.path) if active is not None else None
        self._view.show_state(
            resolve(
                record,
                active,
                self._shown,
                other.name if other else "A new run",
                self._refuse_dataset(),
                self._sentence,
            )
        )

    def _show_comparison(self) -> None:
        records = [self._records[path] for path in self._drawn() if path in self._records]
        if (sentence := describe_comparison(records)) != self._comparison:
            self._comparison = sentence
            self._view.show_comparison(sentence)

    # Runs on disk ------------------------------------------------------------------------------------------------------

    def _open(self, path: str) -> None:
        record = self._records.get(path)
        if record is None or not record.live:
            if record is None:
                record = self._records[path] = RunRecord(path, Path(path).name)
            self._read_log(path)
        self._show(path)

    def _show(self, path: str) -> None:
        self._shown = path
        self._view.show_runs(self._drawn())
        record = self._records.get(path)
        if record is not None and record.file is not None:
            self._set_lecture(record.file.dataset.classes, record.file.config)
        self._show_state()

    def _compare(self, paths: Sequence[str]) -> None:
        for path in paths:
            if path not in self._records:
                self._records[path] = RunRecord(path, Path(path).name)
                self._read_log(path)
        self._compared = tuple(paths)
        self._view.show_runs(self._drawn())

    def _drawn(self) -> tuple[str, ...]:
        """The runs whose curves are drawn: the one that is shown first, then the compared ones."""
        return tuple(dict.fromkeys(path for path in (self._shown, *self._compared) if path))

    def _read_log(self, path: str) -> None:
        if path in self._loading.values():
            return

        job = self._jobs.start("open run", work.read_log(path), title=f"Opening {Path(path).name}", lane="io")
        self._loading[job.number] = path

    def _finish_loading(self, event: JobDone | JobCancelled | JobFailed) -> None:
        path = self._loading.pop(event.job)
        record = self._records.get(path)
        if record is None:
            return
        if isinstance(event, JobDone):
            record.file, record.name, record.checkpoints = event.result
            record.measure = describe_measure(record.file.config, record.file.dataset.path)
            if self._session.dataset is None and (classes := record.file.dataset.classes) is not None:
                self._show_colors(classes)
            if record.phase == "opening":
                record.phase = "stopped" if record.step else "interrupted"
            if path == self._shown:
                self._show(path)
            if path == self._ask_after:
                self._ask_after = ""
                self._ask_epochs(record)
            return
        self._ask_after = ""
        if record.live:
            return
        del self._records[path]
        self._compared = tuple(p for p in self._compared if p != path)
        if self._shown == path:
            self._shown = self._active.path if self._active else ""
        if isinstance(event, JobFailed):
            self._sentence = event.report.message
        self._view.forget_run(path)
        self._view.show_runs(self._drawn())

    def _ask_epochs(self, record: RunRecord) -> None:
        if self._active is not None:
            self._view.show_problem("A run is being trained. Stop it first, or wait for its end.")
            return
        assert record.file is not None
        self._view.ask_epochs(record.path, record.name, record.epochs_done, record.file.config.epochs)

    def _continue_pending(self) -> None:
        pending, dataset = self._continue_after, self._session.dataset
        record = self._records.get(pending[0]) if pending else None
        if pending and record and record.file and dataset and dataset.info.path == record.file.dataset.path:
            self._continue_after = None
            self.continue_run(*pending)

    # Dataset, pins, references --------------------------------------------------------------------------------------------

    def _adopt_dataset(self) -> None:
        dataset = self._session.dataset
        self._show_state()
        if dataset is not None and dataset.info.classes is not None:
            self._show_colors(dataset.info.classes)
            if (preset := self._choose_preset()) != self._preset:  # else the user's changes stay
                self._preset = preset
                self._view.choose_preset(preset)
        self._pins.adopt_dataset()

    def _show_colors(self, classes: ClassTable) -> None:
        self._view.set_class_colors(dict(zip(classes.names, classes.colors, strict=True)))

    def _refuse_dataset(self) -> str:
        dataset = self._session.dataset
        if dataset is None:
            return "Open a dataset with masks, or generate shapes, and train a network on it here."
        if dataset.info.classes is None:
            return f"{dataset.info.name} has images but no masks, so there is nothing to learn from. Open a dataset with masks."
        return ""

    def _choose_preset(self) -> str:
        dataset = self._session.dataset
        exclusive = dataset is not None and dataset.info.classes is not None and dataset.info.classes.exclusive
        return "camvid" if exclusive else "recommended"

    def _set_lecture(self, classes: ClassTable | None, config: TrainConfig) -> None:
        lecture = work.is_lecture(config, classes)
        self._view.set_lecture(lecture, self._load_reference() if lecture else ())

    def _load_reference(self) -> tuple[float, ...]:
        if self._reference is None:
            try:
                found = json.loads(find_resource("lecture_run", "averages.json").read_text(encoding="utf-8"))
                self._reference = tuple(float(value) for value in found["averages"])
            except (OSError, ValueError, KeyError, TypeError):
                self._reference = ()
        return self._reference

    def _flush(self, facts: dict[str, list[LoggedEvent]]) -> None:
        for path, batch in facts.items():
            record = self._records.get(path)
            self._view.add_facts(path, batch, record.name if record else "")
        facts.clear()
