"""What the prediction panel decides: which checkpoint looks at which sample, under which thresholds. No Qt; work runs as jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from segbench.events import (
    CheckpointClosed,
    CheckpointOpened,
    CheckpointSaved,
    ClassRecolored,
    DatasetClosed,
    DatasetOpened,
    Event,
    ExportRequested,
    ImageScored,
    JobCancelled,
    JobDone,
    JobEvent,
    JobFailed,
    LayersRequested,
    ReadingRequested,
    RunsListed,
    SampleSelected,
    TrainingStarted,
)
from segbench.gui.panels.prediction import workshop
from segbench.gui.panels.prediction.choices import Choice
from segbench.gui.panels.prediction.chooser import CheckpointChooser
from segbench.gui.panels.prediction.place import Place
from segbench.gui.panels.prediction.predictions import BATCH, Predictions
from segbench.gui.panels.prediction.scored import ScoredSplit
from segbench.gui.panels.prediction.scoring import SplitScoring
from segbench.gui.panels.prediction.thresholds import Thresholds, find_thresholds
from segbench.gui.panels.prediction.workshop import Key, Workshop
from segbench.records import CheckpointInfo, ClassTable, Color, Reading, Sample

if TYPE_CHECKING:
    from segbench.errors import ErrorReport
    from segbench.gui.panels.prediction.reading import LiveReading
    from segbench.gui.session import Session
    from segbench.jobs import Job, JobRunner

Stage = Literal["no dataset", "no checkpoint", "ready"]


class PredictionView(Protocol):
    """What the presenter asks of a view. Calls come on the GUI thread, each only when something changed."""

    def show_stage(self, stage: Stage) -> None: ...
    def show_choices(self, choices: Sequence[Choice], place: int) -> None: ...
    def show_checkpoint(self, info: CheckpointInfo | None, truth: ClassTable | None, comparable: bool) -> None: ...
    def show_splits(self, splits: Sequence[tuple[str, int]], present: str) -> None: ...
    def show_position(self, place: int, count: int, name: str) -> None: ...
    def show_classes(self, classes: ClassTable, scale: str) -> None: ...
    def show_colors(self, colors: tuple[Color, ...]) -> None: ...
    def show_thresholds(self, thresholds: Thresholds) -> None: ...
    def show_sample(self, sample: Sample | None, comparable: bool) -> None: ...
    def show_problem(self, sentence: str) -> None: ...
    def show_reading(self, live: LiveReading | None) -> None: ...
    def show_lecture(self, picture: Any) -> None: ...
    def show_busy(self, busy: bool) -> None: ...
    def show_scoring(self, done: int, total: int) -> None: ...
    def show_scored(self, scored: ScoredSplit | None, stale: bool) -> None: ...


class PredictionPresenter:
    """One per window. `session` tells what is open, `jobs` does the work."""

    def __init__(self, session: Session, jobs: JobRunner, bench: Workshop | None = None) -> None:
        self._session = session
        self._jobs = jobs
        self._workshop = bench or Workshop()
        self._predictions = Predictions(jobs, self._workshop)
        self._scoring = SplitScoring(jobs, self._workshop)
        self._view: PredictionView | None = None
        self._active = False
        self._dirty = True
        self._touched = False  # the user has chosen a sample of this dataset
        self._chooser = CheckpointChooser(session, jobs)
        self._place = Place(session)
        self._opening: Job | None = None
        self._loading: Job | None = None
        self._loaded = -1  # the sample that job reads
        self._composing: Job | None = None
        self._batch_statistics = False
        self._requested: ReadingRequested | None = None  # for a checkpoint that is not open yet
        self._sample: Sample | None = None
        self.mode = "side"
        self.thresholds: Thresholds | None = None

    def attach(self, view: PredictionView) -> None:
        self._view = view
        self._show_all()

    @property
    def view(self) -> PredictionView:
        assert self._view is not None, "attach a view first"
        return self._view

    # What is shown now --------------------------------------------------------------------------------------------------

    @property
    def index(self) -> int:
        """The present sample, counted over all splits of what is looked at."""
        return self._place.index

    @property
    def split(self) -> str:
        return self._place.split

    @property
    def checkpoint(self) -> CheckpointInfo | None:
        return self._session.checkpoint

    @property
    def reading(self) -> Reading | None:
        """How the scores are read; None before the first checkpoint."""
        return self.thresholds.reading if self.thresholds is not None else None

    @property
    def kept_best(self) -> bool:
        """The checkpoint is the best one of a training that was followed here until it ended."""
        return self.checkpoint is not None and self._chooser.keeps_best(self.checkpoint)

    @property
    def comparable(self) -> bool:
        """The dataset's classes are those the network was trained on, so that truth and prediction can be compared."""
        info, source = self.checkpoint, self._place.source
        if info is None or source is None or source.info.classes is None:
            return False
        return info.classes.means_same(source.info.classes)

    @property
    def live(self) -> LiveReading | None:
        """The present sample's prediction, if it has come."""
        return self._predictions.find(self.index)

    @property
    def can_score(self) -> bool:
        """The present split has a truth that its predictions can be compared with."""
        return self.comparable and bool(self._place.span)

    @property
    def scored(self) -> ScoredSplit | None:
        """What scoring a split has found, so far or in all; None before the first time."""
        return self._scoring.scored

    # What the user asks for -----------------------------------------------------------------------------------------------

    def set_active(self, active: bool) -> None:
        """The panel came into view or left it; it works only while it is seen."""
        self._active = active
        if not active:
            return
        if not self._chooser.knows_runs:
            self._session.list_runs()
        self._chooser.catch_up()
        if not self._touched:
            self._begin_with_test()
        if self._dirty:
            self._refresh()

    def choose(self, place: int) -> None:
        """Takes the checkpoint at this place of the choices."""
        self._chooser.choose(place)

    def open_checkpoint(self, path: str) -> None:
        self._chooser.open(path)

    def open_files(self, paths: Sequence[str]) -> None:
        """Image files from anywhere; they are shown in place of the dataset until another split is chosen."""
        title = f"Opening {len(paths)} images"
        self._opening = self._jobs.start(
            "open files", workshop.open_files(paths), title=title, lane="io", newest_wins=True
        )

    def show_page(self, page: str) -> None:
        self._session.show_page(page)

    def go_to(self, index: int) -> None:
        """Any sample of what is looked at; out of range is brought into range."""
        if not self._place.source:
            return
        self._touched = True
        self._place.go_to(index)
        if self._place.among_files:  # of the dataset's samples the session tells
            self._refresh()

    def step(self, by: int) -> None:
        """Forward or back inside the split; stops at its ends."""
        if span := self._place.span:
            self.go_to(min(max(self.index + by, span[0]), span[-1]))

    def go_to_end(self, last: bool) -> None:
        if span := self._place.span:
            self.go_to(span[-1 if last else 0])

    def go_to_place(self, place: int) -> None:
        """The place-th sample (from 1) of the split."""
        if span := self._place.span:
            self.go_to(span[min(max(place, 1), len(span)) - 1])

    def choose_split(self, split: str) -> None:
        self._touched = True
        if self._place.choose_split(split):
            self._change_source()

    def go_to_next_worst(self) -> None:
        """The worst image; asked again there, the next worse one, and so on."""
        if (index := self._scoring.find_next_worst(self.index)) is not None:
            self.go_to(index)

    def set_mode(self, mode: str) -> None:
        self.mode = mode
        if mode == "lecture":
            self._ask_prediction()
        self._show_lecture()

    def set_thresholds(self, thresholds: Thresholds) -> None:
        """Reads the scores so from now on; nothing is predicted again.

        Those of other scores are left alone: undo may bring them after another checkpoint was chosen.
        """
        if self.thresholds is None or thresholds.meaning != self.thresholds.meaning:
            return
        self.thresholds = thresholds
        self.view.show_thresholds(thresholds)
        self._show_reading()
        if self.scored is not None and not self._scoring.running:
            self._show_scored()

    def find_preset(self, preset: str) -> Thresholds | None:
        """The thresholds of that preset, for "custom" the present ones; None without a checkpoint."""
        if preset == "custom" and self.thresholds is not None:
            return replace(self.thresholds, preset=preset)
        return find_thresholds(self.checkpoint, preset) if self.checkpoint is not None else None

    def set_color(self, name: str, color: Color | None) -> None:
        """Shows a class in this colour on every page; None: in its own again."""
        self._session.set_color(name, color)

    def find_color(self, name: str) -> Color | None:
        """What the user chose for that class, if anything."""
        return self._session.find_color(name)

    @property
    def batch_statistics(self) -> bool:
        return self._batch_statistics

    def set_batch_statistics(self, batch_statistics: bool) -> None:
        """Whether batch norms read the present batch, as the reference's test loop lets them."""
        if batch_statistics != self._batch_statistics:
            self._batch_statistics = batch_statistics
            self._predictions.forget()
            self._refresh()

    def score_split(self) -> None:
        """Predicts and scores every image of the present split under the present thresholds."""
        key, reading = self._key(), self.reading
        if key is None or reading is None or not self.can_score or self._scoring.running:
            return
        self._scoring.start(self._place.source, self.split, self._place.span, key, reading)
        self._show_scored()

    def cancel_scoring(self) -> None:
        self._scoring.cancel()

    def request_export(self, selected: Sequence[int] = ()) -> None:
        """Opens the export dialog with what stands here."""
        own = self.find_preset("default")
        reading = self.reading if own is not None and self.reading != own.reading else None
        request = ExportRequested(self.index, tuple(selected), reading, self._place.source, self._batch_statistics)
        self._session.publish([request])

    def show_layers(self) -> None:
        """The convolution lab lists the layers of the checkpoint."""
        if self.checkpoint is not None:
            self._session.publish([LayersRequested(path=self.checkpoint.path)])

    @property
    def opacity(self) -> float:
        """The overlay's, as it was left the last time."""
        return self._session.settings.opacity

    def remember_opacity(self, opacity: float) -> None:
        if opacity != self._session.settings.opacity:
            self._session.change_settings(opacity=opacity)

    def save_file(self, path: str, encode: Callable[[], bytes]) -> None:
        """Writes a picture the view has drawn; `encode`, called in the job's thread, gives its bytes."""
        self._jobs.start("save picture", workshop.save_file(path, encode), title="Saving the picture", lane="io")

    # What happened ----------------------------------------------------------------------------------------------------------

    def handle(self, events: Sequence[Event]) -> None:
        scored_more = False
        for event in events:
            match event:
                case DatasetOpened() | DatasetClosed():
                    self._touched = False
                    self._place.leave_files()
                    self._change_source()
                    if self._active:
                        self._begin_with_test()
                case SampleSelected():
                    self._touched = True
                    if not self._place.among_files:
                        self._refresh()
                case CheckpointClosed():
                    self._change_weights()
                case ClassRecolored():
                    self._show_colors()
                case CheckpointOpened(info=info):
                    self._take_checkpoint(info)
                case ReadingRequested():
                    self._requested = event
                    self._take_reading()
                case RunsListed(runs=runs):
                    self._chooser.take_runs(runs)
                    self._show_choices()
                case JobEvent(kind="train", event=TrainingStarted(run=run)):
                    self._chooser.take_start(run)
                    self._show_choices()
                case JobEvent(kind="train", event=CheckpointSaved(kind="last")):
                    self._chooser.take_saved(self._active)
                    self._show_choices()
                case JobEvent(kind="train", event=CheckpointSaved(kind="best")):
                    self._chooser.take_best()
                case JobEvent(job=job, kind="predict", event=ImageScored() as image):
                    scored_more = self._scoring.take_image(job, image) or scored_more
                case JobDone(kind="train") | JobCancelled(kind="train") | JobFailed(kind="train"):
                    self._session.list_runs()
                    self._chooser.take_end(self._active)
                    self._show_choices()
                case JobDone(job=job, result=result):
                    self._take_result(job, result)
                case JobFailed(job=job, report=report) if self._is(self._loading, job):
                    self._take_unreadable(report)
                case JobCancelled(job=job) | JobFailed(job=job):
                    self._take_end(job)
        if scored_more:
            self._show_scored()

    @staticmethod
    def _is(job: Job | None, number: int) -> bool:
        return job is not None and job.number == number

    def _take_result(self, job: int, result: Any) -> None:
        if self._is(self._loading, job):
            self._loading = None
            if self.live is None:
                self._show_sample(result)
                if result.index != self.index:
                    self._load_sample()
        elif self._predictions.take(job, result):
            self.view.show_busy(False)
            if result is None:  # the weights are gone, and with the list of runs goes the checkpoint
                self._session.list_runs()
            self._show_reading()
            self._ask_ahead()
        elif self._is(self._composing, job):
            self._composing = None
            self.view.show_lecture(result)
        elif self._scoring.end(job, result):
            self._show_scored()
        elif self._is(self._opening, job):
            self._opening = None
            self._place.take_files(result)
            self._change_source()

    def _take_unreadable(self, report: ErrorReport) -> None:
        """What is wrong with a file stands where its picture would, as long as it is looked at."""
        self._loading = None
        if self._loaded != self.index:
            self._load_sample()
            return
        self._sample = None
        self.view.show_problem(f"{report.message} {report.hint}".strip())

    def _take_end(self, job: int) -> None:
        """A job of the panel ended without a result; the error dialog says why."""
        if self._is(self._loading, job):
            self._loading = None
        elif self._predictions.end(job):
            self.view.show_busy(False)
        elif self._scoring.end(job):
            self._show_scored()
        elif self._is(self._opening, job):
            self._opening = None

    def _take_checkpoint(self, info: CheckpointInfo) -> None:
        self._chooser.take_opened(info)
        self._use_default(info)
        self._take_reading()
        self._change_weights()

    def _take_reading(self) -> None:
        """Thresholds that were chosen on another page, once their checkpoint is open."""
        wanted, info = self._requested, self.checkpoint
        if wanted is not None and info is not None and info.path == wanted.checkpoint and self.thresholds is not None:
            self._requested = None
            self.set_thresholds(replace(self.thresholds, reading=wanted.reading, preset="custom"))

    def _change_weights(self) -> None:
        """Other weights than before, or none any more."""
        self._predictions.forget()
        self._show_choices()
        self._show_scored()
        self._refresh()

    def _use_default(self, info: CheckpointInfo) -> None:
        """Thresholds last as long as they mean the same: the same classes in the same units."""
        default = find_thresholds(info, "default")
        if self.thresholds is None or self.thresholds.meaning != default.meaning:
            self.thresholds = default
        if self._view is not None:
            self.view.show_classes(info.classes, "value" if info.target == "values" else "probability")
            self.view.show_thresholds(self.thresholds)
            self._show_colors()

    # Work -------------------------------------------------------------------------------------------------------------------

    def _key(self) -> Key | None:
        info = self.checkpoint
        return Key(info.path, info.step, info.sha256, self._batch_statistics) if info is not None else None

    def _begin_with_test(self) -> None:
        """A dataset is first looked at where the network has not been: in its test split, else its validation split."""
        if (first := self._place.find_first_unseen()) is not None:
            self.go_to(first)

    def _change_source(self) -> None:
        self._predictions.forget()
        self._scoring.forget()
        self._sample, self._loading, self._composing = None, None, None
        self._show_scored()
        self._show_splits()
        self.view.show_sample(None, False)
        self._show_colors()  # a dataset brings its own
        self._refresh()

    def _refresh(self) -> None:
        """Shows the present sample, from what is kept or by asking for it."""
        self._show_stage()
        self._dirty = not self._active
        source = self._place.source
        if not self._active or not source:
            return
        index, span = self.index, self._place.span
        self.view.show_position(index - span[0] + 1, len(span), source.name(index))
        self._show_splits()
        if (live := self.live) is not None:
            if self._sample is not live.sample:
                self._show_sample(live.sample)
            self._show_reading()
            self._ask_ahead()
            return
        if self._sample is None or self._sample.index != index:
            self._load_sample()
        self._ask_prediction()

    def _load_sample(self) -> None:
        """One at a time and none cancelled, so that pictures go by while a key is held down."""
        source = self._place.source
        if self._loading is None and source is not None:
            work = workshop.read_sample(source, self.index)
            title = f"Reading {source.name(self.index)}"
            self._loaded = self.index
            self._loading = self._jobs.start("read predicted sample", work, title=title, lane="io", urgent=True)

    def _wanted(self) -> list[int]:
        count = BATCH if self.mode == "lecture" else 1
        return [i for i in range(self.index, self.index + count) if i in self._place.span]

    def _ask_prediction(self, ahead: Sequence[int] = ()) -> None:
        key, info, source = self._key(), self.checkpoint, self._place.source
        if key is None or info is None or source is None or not self._active:
            return
        wanted = ahead or self._wanted()
        if self._predictions.ask(source, self._place.span, wanted, key, info.classes, self.comparable):
            self.view.show_busy(not ahead)

    def _ask_ahead(self) -> None:
        """The next sample, too, while nothing else needs the network."""
        if self.index + 1 in self._place.span and self._predictions.idle:
            self._ask_prediction((self.index + 1,))

    # Show -------------------------------------------------------------------------------------------------------------------

    def _show_all(self) -> None:
        self._show_choices()
        self._show_splits()
        if self.checkpoint is not None:
            self._use_default(self.checkpoint)
        self._show_stage()

    def _show_stage(self) -> None:
        info, source = self.checkpoint, self._place.source
        stage: Stage = "no dataset" if source is None else "no checkpoint" if info is None else "ready"
        self.view.show_stage(stage)
        self.view.show_checkpoint(info, source.info.classes if source is not None else None, self.comparable)

    def _show_choices(self) -> None:
        if self._view is None:
            return
        self.view.show_choices(*self._chooser.list())

    def _show_splits(self) -> None:
        self.view.show_splits(self._place.list_splits(), self.split)

    def _show_sample(self, sample: Sample) -> None:
        self._sample = sample
        self.view.show_sample(sample, self.comparable)
        if self.live is None:
            self.view.show_reading(None)

    def _show_reading(self) -> None:
        live = self.live
        if live is None or self.reading is None:
            return
        if self._sample is not live.sample:
            self._show_sample(live.sample)
        live.set_reading(self.reading)
        self.view.show_reading(live)
        self._show_lecture()

    def _show_lecture(self) -> None:
        """Composed off the GUI thread: with large images it takes a second."""
        found = [self._predictions.find(i) for i in self._wanted()]
        readings = [live for live in found if live is not None]
        if self.mode != "lecture" or self.reading is None or not readings:
            return
        work = workshop.compose_display(readings, self.reading)
        self._composing = self._jobs.start(
            "lecture display", work, title="Drawing the lecture's display", lane="io", urgent=True, newest_wins=True
        )

    def _show_colors(self) -> None:
        if self.checkpoint is not None:
            self.view.show_colors(self._session.recolor(self.checkpoint.classes).colors)

    def _show_scored(self) -> None:
        self.view.show_scored(self.scored, self._scoring.is_stale(self._key(), self.reading))
        self.view.show_scoring(*self._scoring.progress)
