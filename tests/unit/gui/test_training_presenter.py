"""What the training panel decides, against a fake view, a fake job runner and a real session. No Qt, no training."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from segbench import config
from segbench.data.dataset import Dataset
from segbench.errors import ErrorReport
from segbench.events import (
    CheckpointSaved,
    DatasetClosed,
    DatasetOpened,
    EpochDone,
    JobCancelled,
    JobDone,
    JobEvent,
    JobFailed,
    JobPaused,
    JobResumed,
    LossShared,
    MemoryRead,
    PageRequested,
    PreviewsUpdated,
    Progressed,
    RunContinueRequested,
    RunOpened,
    RunsCompared,
    RunsListed,
    StepDone,
    StorageFailed,
    TrainingEnded,
    TrainingStarted,
)
from segbench.formats.runs import create_run, delete_run, open_run
from segbench.gui.panels.training import previews, work
from segbench.gui.panels.training.comparison import describe_comparison
from segbench.gui.panels.training.lecture import is_lecture
from segbench.gui.panels.training.presenter import TrainingPresenter
from segbench.gui.panels.training.state import RunRecord, TrainingState
from segbench.gui.session import Session
from segbench.records import Baselines, ClassInfo, ClassScore, ClassTable, Prediction, Reading, Sample, Scores
from segbench.settings import Settings, find_runs_folder

SHAPES = ClassTable(
    tuple(ClassInfo(n, (10 * v // 10, 20, 30), v) for n, v in zip("abcde", (50, 100, 150, 200, 250), strict=True)),
    False,
)
STREETS = ClassTable((ClassInfo("sky", (1, 2, 3)), ClassInfo("road", (4, 5, 6))), True)


def make_dataset(classes: ClassTable | None = SHAPES, name: str = "shapes") -> Dataset:
    image = np.zeros((8, 8, 3), np.uint8)
    if classes is None:
        masks = None
    elif classes.exclusive:
        masks = np.zeros((8, 8), np.uint8)
    else:
        masks = np.zeros((len(classes), 8, 8), bool)
    samples = [Sample(i, f"{i}", "train" if i < 6 else "test", image, masks) for i in range(10)]
    dataset = Dataset.from_samples(samples, classes, name)
    return dataset


class FakeJob:
    def __init__(self, number: int, kind: str, events: Generator[Any, None, Any]) -> None:
        self.number, self.kind, self.events = number, kind, events
        self.paused = self.cancelled = self.blocked = False

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def cancel(self) -> None:
        self.cancelled = True


class FakeJobs:
    """Keeps what was started; a test plays the lanes."""

    def __init__(self) -> None:
        self.started: list[FakeJob] = []

    def start(self, kind: str, events: Generator[Any, None, Any], **_: object) -> FakeJob:
        job = FakeJob(len(self.started) + 1, kind, events)
        self.started.append(job)
        return job

    def latest(self, kind: str) -> FakeJob:
        return [job for job in self.started if job.kind == kind][-1]


class FakeView:
    """Remembers the last call of each kind, and all facts."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.facts: dict[str, list[Any]] = {}
        self.names: dict[str, str] = {}
        self.state = TrainingState()

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.calls.append((name, arguments))

    def show_state(self, state: TrainingState) -> None:
        self.state = state
        self.calls.append(("show_state", (state,)))

    def add_facts(self, key: str, facts: Sequence[Any], name: str) -> None:
        self.facts.setdefault(key, []).extend(facts)
        self.names[key] = name
        self.calls.append(("add_facts", (key, len(facts))))

    def forget_run(self, key: str) -> None:
        self.facts.pop(key, None)

    def last(self, name: str) -> tuple[Any, ...]:
        return next((arguments for call, arguments in reversed(self.calls) if call == name), ())


class Stage:
    """A presenter with all it talks to."""

    def __init__(self, dataset: Dataset | None) -> None:
        self.session = Session(Settings())
        self.jobs = FakeJobs()
        self.session.attach(self.jobs)  # type: ignore[arg-type]
        self.view = FakeView()
        self.session.dataset = dataset
        self.presenter = TrainingPresenter(self.session, self.jobs)  # type: ignore[arg-type]
        self.presenter.attach(self.view)  # type: ignore[arg-type]
        self.session.subscribe(self.presenter.handle)

    def train(self, *facts: Any) -> None:
        """Facts of the training job, as one batch."""
        job = self.jobs.latest("train").number
        self.session.publish([JobEvent(job, "train", fact) for fact in facts])

    def start(self, **changes: Any) -> None:
        self.presenter.start({**config.to_dict(config.TrainConfig()), **changes})

    def pull(self, kind: str) -> None:
        """Runs the newest job of that kind to its end, as its lane would."""
        job, batch = self.jobs.latest(kind), []
        while True:
            try:
                batch.append(JobEvent(job.number, kind, next(job.events)))
            except StopIteration as stop:
                self.session.publish([*batch, JobDone(job.number, kind, stop.value)])
                return


def start_fact(run: str = "/runs/one", step: int = 0, **changes: Any) -> TrainingStarted:
    values: dict[str, Any] = {
        "run": run, "step": step, "total_steps": 100, "steps_per_epoch": 25, "epochs": 4, "device": "cpu, 1 thread",
        "parameters": 10, "train_images": 100, "validation_images": 10, "validation_split": "test",
        "baselines": Baselines(2.0, 1.5), "time": 0.0,
    }  # fmt: skip
    return TrainingStarted(**{**values, **changes})


def step_fact(step: int, loss: float = 1.0) -> StepDone:
    return StepDone(step, loss, 1e-3, step * 0.5, 4)


def epoch_fact(epoch: int, iou: float = 0.5, best: bool = True) -> EpochDone:
    scores = Scores((ClassScore("a", int(iou * 100), 100 - int(iou * 100), 0),), 10)
    return EpochDone(epoch, epoch * 25, 1.0, 0.9, scores, None, epoch * 13.0, best)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGBENCH_HOME", str(tmp_path))


@pytest.fixture
def stage() -> Stage:
    return Stage(make_dataset())


def test_that_without_a_dataset_one_sentence_says_what_to_do() -> None:
    stage = Stage(None)
    assert not stage.view.state.can_start
    assert "Open a dataset" in stage.view.state.sentence
    stage.start()
    assert not [job for job in stage.jobs.started if job.kind == "train"]
    assert "Open a dataset" in stage.view.last("show_problem")[0]


def test_that_images_without_masks_cannot_be_trained_on_and_are_told_so() -> None:
    stage = Stage(make_dataset(None, "holiday"))
    assert stage.view.state.sentence == (
        "holiday has images but no masks, so there is nothing to learn from. Open a dataset with masks."
    )


@pytest.mark.parametrize(("classes", "preset"), [(SHAPES, "recommended"), (STREETS, "camvid")])
def test_that_the_dataset_chooses_the_preset(classes: ClassTable, preset: str) -> None:
    assert Stage(make_dataset(classes)).view.last("show_presets")[1] == preset


def test_that_another_dataset_of_the_same_kind_leaves_the_users_settings_alone(stage: Stage) -> None:
    stage.session.dataset = make_dataset()
    stage.session.publish([DatasetOpened(stage.session.dataset.info)])
    assert not stage.view.last("suggest_preset")
    stage.session.dataset = make_dataset(STREETS)
    stage.session.publish([DatasetOpened(stage.session.dataset.info)])
    assert stage.view.last("suggest_preset") == ("camvid",)


def test_that_zero_threads_leave_one_core_to_the_window(monkeypatch: pytest.MonkeyPatch, stage: Stage) -> None:
    monkeypatch.setattr(work, "count_threads", lambda: 7)
    assert work.resolve_threads({"threads": 0})["threads"] == 7
    assert work.resolve_threads({"threads": 3})["threads"] == 3


def test_that_settings_out_of_range_start_nothing(stage: Stage) -> None:
    stage.start(epochs=0)
    assert "epochs" in stage.view.last("show_problem")[0]
    assert stage.view.state.phase == "idle"


def test_that_labels_on_overlapping_objects_are_refused_before_the_start(stage: Stage) -> None:
    raw = config.to_dict(config.TrainConfig())
    raw["loss"] = {"target": "labels", "name": "cross_entropy"}
    stage.presenter.check_settings(raw)
    assert "one class a pixel" in stage.view.last("show_misfit")[1]
    stage.presenter.start(raw)
    assert not [job for job in stage.jobs.started if job.kind == "train"]


def test_that_settings_are_checked_again_when_another_dataset_is_open() -> None:
    stage = Stage(make_dataset(STREETS))
    raw = config.to_dict(config.find_preset("camvid").config)
    stage.presenter.check_settings(raw)
    assert stage.view.last("show_misfit") == ("loss.target", "")
    open_another(stage, make_dataset())
    assert "one class a pixel" in stage.view.last("show_misfit")[1]


def test_that_starting_shows_preparing_at_once_and_offers_stop(stage: Stage) -> None:
    stage.start()
    assert stage.view.state.phase == "preparing"
    assert stage.view.state.can_stop
    assert not stage.view.state.can_start


def test_that_a_batch_of_steps_touches_the_view_once(stage: Stage) -> None:
    stage.start()
    stage.train(start_fact())
    stage.view.calls.clear()
    stage.train(*(step_fact(i) for i in range(1, 21)))
    assert [call for call, _ in stage.view.calls] == ["add_facts", "show_state"]
    assert len(stage.view.facts["/runs/one"]) == 21


def test_that_the_header_counts_steps_epochs_pace_and_time_left(stage: Stage) -> None:
    stage.start()
    stage.train(start_fact(), *(step_fact(i, 2.0) for i in range(1, 41)), MemoryRead(2**30, 0, "process"))
    state = stage.view.state
    assert (state.step, state.total_steps, state.epoch, state.epochs) == (40, 100, 2, 4)
    assert state.images_per_second == pytest.approx(8.0)
    assert state.remaining == pytest.approx(30.0)
    assert state.elapsed == pytest.approx(20.0)
    assert state.loss == 2.0
    assert state.memory is not None
    assert state.device == "cpu, 1 thread"
    assert state.name == "one"


def test_that_the_best_iou_and_its_epoch_stay_when_later_epochs_are_worse(stage: Stage) -> None:
    stage.start()
    stage.train(start_fact(), step_fact(1), epoch_fact(1, 0.6), epoch_fact(2, 0.4, best=False))
    assert stage.view.state.best_iou == pytest.approx(0.6)
    assert stage.view.state.best_epoch == 1


def test_that_no_validation_is_told_apart_from_not_known_yet(stage: Stage) -> None:
    stage.start()
    assert stage.view.state.validation is None
    stage.train(start_fact(validation_split=""))
    assert stage.view.state.validation == ""


def test_that_validation_shows_its_progress(stage: Stage) -> None:
    stage.start()
    stage.train(start_fact(), step_fact(25), Progressed("validating", 4, 10))
    assert (stage.view.state.phase, stage.view.state.validated, stage.view.state.validating) == ("validating", 4, 10)
    stage.train(epoch_fact(1))
    assert stage.view.state.phase == "training"


def test_that_pause_and_resume_follow_the_job(stage: Stage) -> None:
    stage.start()
    stage.train(start_fact(), step_fact(1))
    job = stage.jobs.latest("train")
    stage.presenter.pause()
    assert job.paused
    stage.session.publish([JobPaused(job.number), JobEvent(job.number, "train", step_fact(2))])
    assert stage.view.state.phase == "paused"  # the step in flight does not hide it
    stage.presenter.pause()
    stage.session.publish([JobResumed(job.number)])
    assert stage.view.state.phase == "training"


def test_that_stop_is_acknowledged_before_anything_else_happens(stage: Stage) -> None:
    stage.start()
    stage.train(start_fact(), step_fact(1))
    stage.presenter.stop()
    assert stage.view.state.phase == "stopping"
    assert not stage.view.state.can_stop
    assert stage.jobs.latest("train").cancelled
    stage.train(step_fact(2))
    assert stage.view.state.phase == "stopping"
    stage.session.publish([JobCancelled(stage.jobs.latest("train").number, "train")])
    assert stage.view.state.phase == "stopped"
    assert stage.view.state.can_start


def test_that_a_cancelled_run_leaves_the_window(stage: Stage) -> None:
    stage.start()
    stage.train(start_fact(), step_fact(1))
    stage.presenter.cancel()
    assert stage.view.state.phase == "cancelling"
    stage.session.publish([JobCancelled(stage.jobs.latest("train").number, "train")])
    assert stage.view.state.phase == "idle"
    assert stage.view.state.sentence == "The run was discarded."
    assert stage.view.last("show_runs") == ((),)
    assert "/runs/one" not in stage.view.facts


def test_that_a_second_start_while_training_is_refused_in_words(stage: Stage) -> None:
    stage.start()
    stage.start()
    assert len([job for job in stage.jobs.started if job.kind == "train"]) == 1
    assert "being trained" in stage.view.last("show_problem")[0]


def test_that_running_out_of_memory_offers_a_smaller_batch_and_starts_with_it(stage: Stage) -> None:
    stage.start()
    report = ErrorReport("The memory of cuda does not hold a batch of 4.", "Try a batch of 2.", "", 2)
    stage.session.publish([JobFailed(stage.jobs.latest("train").number, "train", report)])
    assert stage.view.state.phase == "failed"
    assert stage.view.state.smaller_batch == 2
    assert "does not hold" in stage.view.state.sentence
    stage.presenter.use_batch(2)
    data = stage.view.last("show_settings")[0]["data"]
    assert (data["batch_size"], data["at_once"]) == (4, 2)
    assert stage.view.state.phase == "preparing"


def test_that_a_run_that_learnt_something_goes_on_with_fewer_images_at_a_time(stage: Stage) -> None:
    stage.start()
    stage.train(start_fact(), step_fact(1), CheckpointSaved("last", "/runs/one/last", 1))
    report = ErrorReport("Memory does not hold 4 images.", "Put 2 at a time through the network.", "", 2)
    stage.session.publish([JobFailed(stage.jobs.latest("train").number, "train", report)])
    stage.presenter.use_batch(2)
    assert stage.view.state.phase == "preparing"
    assert stage.view.last("show_settings")[0]["data"]["at_once"] == 2
    assert not [call for call, _ in stage.view.calls if call == "show_problem"]
    assert stage.view.state.name == "one"  # the run that was there, not a new one


def test_that_a_full_disk_is_told_until_the_training_goes_on(stage: Stage) -> None:
    stage.start()
    stage.train(start_fact(), step_fact(1), StorageFailed(1, ErrorReport("The disk is full.", "Free some space.", "")))
    job = stage.jobs.latest("train")
    job.blocked = True
    stage.session.publish([JobPaused(job.number)])
    assert (stage.view.state.phase, stage.view.state.is_blocked) == ("paused", True)
    assert stage.view.state.sentence == "The disk is full. Free some space. Nothing is lost: press Resume to go on."
    job.blocked = False
    stage.session.publish([JobResumed(job.number)])
    stage.train(step_fact(2))
    assert not stage.view.state.is_blocked
    assert (stage.view.state.phase, stage.view.state.sentence) == ("training", "")


def test_that_a_continuation_that_is_not_exact_says_so(stage: Stage) -> None:
    stage.start()
    stage.train(msgspec.structs.replace(start_fact(), step=4, changes=(("threads", "1", "2"),)), step_fact(5))
    assert "threads 1, now 2" in stage.view.state.sentence


def test_that_a_run_that_another_segbench_trains_can_only_be_looked_at(stage: Stage, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    with open_run(run).lock():
        stage.session.publish([RunContinueRequested(str(run))])
        stage.pull("open run")
    assert (stage.view.state.phase, stage.view.state.can_continue) == ("elsewhere", False)
    assert "Another segbench is training this run" in stage.view.state.sentence
    assert "Another segbench" in stage.view.last("show_problem")[0]


def test_that_another_run_can_be_looked_at_while_one_trains(stage: Stage, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    stage.start()
    stage.train(start_fact(), step_fact(1))
    stage.session.publish([RunOpened(str(run))])
    stage.pull("open run")
    assert stage.view.state.name == run.name
    assert stage.view.state.other == "one"
    assert not stage.view.state.can_stop
    stage.presenter.show_active()
    assert stage.view.state.name == "one"
    assert stage.view.state.can_stop


def make_run(folder: Path, dataset: Dataset | None = None) -> Path:
    """A finished run of two epochs on disk."""
    run = create_run(folder / "runs", config.TrainConfig(epochs=2), (dataset or make_dataset()).info)
    for fact in (start_fact(str(run.path), total_steps=50, epochs=2), *(step_fact(i) for i in range(1, 51))):
        run.append(fact)
    run.append(epoch_fact(1, 0.3))
    run.append(epoch_fact(2, 0.7))
    run.append(CheckpointSaved("best", str(run.checkpoint("best")), 50))
    run.checkpoint("best").parent.mkdir()
    run.checkpoint("best").write_bytes(b"weights")
    run.append(TrainingEnded("completed", 50, 30.0, 0))
    run.close()
    return run.path


def test_that_a_run_brings_its_class_colours_when_no_dataset_is_open(tmp_path: Path) -> None:
    stage = Stage(None)
    stage.session.publish([RunOpened(str(make_run(tmp_path)))])
    stage.pull("open run")
    classes = make_dataset().info.classes
    assert stage.view.last("set_class_colors") == (dict(zip(classes.names, classes.colors, strict=True)),)


def test_that_a_finished_run_replays_from_its_log(stage: Stage, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    stage.session.publish([RunOpened(str(run))])
    assert stage.view.state.phase == "opening"
    stage.pull("open run")
    state = stage.view.state
    assert (state.phase, state.step, state.best_epoch) == ("completed", 50, 2)
    assert state.best_iou == pytest.approx(0.7)
    assert state.can_continue
    assert state.can_predict
    assert len(stage.view.facts[str(run)]) == 55
    assert state.elapsed == 30.0


def test_that_the_page_shows_who_owns_the_loss_of_the_class_each_share_is(stage: Stage) -> None:
    stage.start()
    stage.train(start_fact(), step_fact(1))
    assert stage.view.state.shares == ()
    stage.train(LossShared(1, (0.1, 0.2, 0.3, 0.4, 0.0)))
    assert stage.view.state.shares == (("a", 0.1), ("b", 0.2), ("c", 0.3), ("d", 0.4), ("e", 0.0))
    stage.train(LossShared(9, (0.5, 0.5)), step_fact(9))  # not of these classes
    assert stage.view.state.shares == ()


def test_that_a_finished_run_shows_who_owned_its_loss_last(stage: Stage, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    log = open_run(run)
    for share in (0.2, 0.4):
        log.append(LossShared(50, (share, 1 - share, 0.0, 0.0, 0.0)))
    log.close()
    stage.session.publish([RunOpened(str(run))])
    stage.pull("open run")
    assert stage.view.state.shares[:2] == (("a", 0.4), ("b", 0.6))


def test_that_opening_a_run_twice_does_not_double_its_curves(stage: Stage, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    for _ in range(2):
        stage.session.publish([RunOpened(str(run))])
        stage.pull("open run")
    assert len(stage.view.facts[str(run)]) == 55


def test_that_a_long_log_comes_in_parts(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "LOG_CHUNK", 7)
    run = make_run(tmp_path)
    stage.session.publish([RunOpened(str(run))])
    stage.pull("open run")
    assert [fact.step for fact in stage.view.facts[str(run)] if isinstance(fact, StepDone)] == list(range(1, 51))


def test_that_compared_runs_are_drawn_beside_the_shown_one(stage: Stage, tmp_path: Path) -> None:
    one, other = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    stage.session.publish([RunOpened(str(one))])
    stage.pull("open run")
    stage.session.publish([RunsCompared((str(one), str(other)))])
    stage.pull("open run")
    assert stage.view.last("show_runs") == ((str(one), str(other)),)
    assert len(stage.view.facts[str(other)]) == 55
    stage.session.publish([RunsCompared(())])
    assert stage.view.last("show_runs") == ((str(one),),)


def test_that_comparing_is_said_and_can_be_stopped(stage: Stage, tmp_path: Path) -> None:
    one, other = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    stage.session.publish([RunOpened(str(one))])
    stage.pull("open run")
    assert stage.view.last("show_comparison") == ("",)
    stage.session.publish([RunsCompared((str(other),))])
    stage.pull("open run")
    assert stage.view.last("show_comparison") == ("2 runs are compared.",)
    stage.presenter.stop_comparing()
    assert stage.view.last("show_runs") == ((str(one),),)
    assert stage.view.last("show_comparison") == ("",)


def test_that_losses_of_different_kinds_are_told_apart_in_words() -> None:
    records = [RunRecord("/a", "a"), RunRecord("/b", "b"), RunRecord("/c", "c")]
    for record, preset, dataset in zip(records, ("lecture", "camvid"), ("shapes", "streets"), strict=False):
        record.config = config.find_preset(preset).config
        record.dataset = msgspec.structs.replace(make_dataset().info, path=f"/{dataset}")
    sentence = describe_comparison(records)  # the third one's settings are not known yet
    assert sentence.startswith("3 runs are compared. Their losses are of different kinds")
    assert "Mean squared error, Cross-entropy" in sentence
    assert "different datasets" in sentence


@pytest.mark.parametrize(
    ("settings", "differ"),
    [
        (["loss.class_weights=equal"], True),
        (["loss.name=focal", "loss.focus=1"], True),
        (["loss.focus=1"], False),  # of no loss but focal
    ],
)
def test_that_losses_that_weigh_pixels_differently_are_not_compared(settings: list[str], differ: bool) -> None:
    records = [RunRecord(name, name) for name in "ab"]
    base = [setting for setting in settings if setting.startswith("loss.name")]
    records[0].config = config.override(config.TrainConfig(), base)
    records[1].config = config.override(config.TrainConfig(), settings)
    assert ("weigh pixels differently" in describe_comparison(records)) is differ


def list_runs(stage: Stage) -> None:
    """Looks through the folder of the runs, as the list of runs does after each change there."""
    stage.session.list_runs()
    stage.pull("list runs")


def test_that_a_deleted_run_leaves_the_page(stage: Stage, tmp_path: Path) -> None:
    folder = find_runs_folder(stage.session.settings).parent
    one, other, elsewhere = make_run(folder), make_run(folder), make_run(tmp_path / "elsewhere")
    stage.session.publish([RunOpened(str(one))])
    stage.pull("open run")
    stage.session.publish([RunsCompared((str(other), str(elsewhere)))])
    assert stage.view.state.can_continue
    for path in (one, other):
        delete_run(path)
    list_runs(stage)
    assert stage.view.state.phase == "idle"
    assert not stage.view.state.can_continue
    assert not stage.view.state.can_predict
    assert stage.view.last("show_runs") == ((str(elsewhere),),)  # it is in no list, and still there
    assert str(one) not in stage.view.facts


def test_that_a_start_that_is_refused_says_why_beside_a_run_that_is_shown(tmp_path: Path) -> None:
    stage = Stage(None)
    stage.session.publish([RunOpened(str(make_run(tmp_path)))])
    stage.pull("open run")
    assert stage.view.state.phase == "completed"
    assert "Open a dataset" in stage.view.state.refusal
    open_another(stage, make_dataset())
    assert stage.view.state.refusal == ""
    stage.start()
    assert "A run is being trained" in stage.view.state.refusal


def test_that_starting_goes_to_the_page_on_which_it_trains(stage: Stage) -> None:
    heard: list[Any] = []
    stage.session.subscribe(heard.extend)
    stage.start()
    assert PageRequested("training") in heard


def test_that_a_runs_settings_can_be_used_again(stage: Stage, tmp_path: Path) -> None:
    assert not stage.view.state.can_use_settings
    run = create_run(tmp_path / "runs", config.override(config.TrainConfig(), ["epochs=77"]), make_dataset().info)
    run.change(config=msgspec.structs.replace(run.config, threads=work.count_threads()))
    stage.session.publish([RunOpened(str(run.path))])
    stage.pull("open run")
    assert stage.view.state.can_use_settings
    stage.presenter.use_settings()
    (raw,) = stage.view.last("show_settings")
    assert (raw["epochs"], raw["threads"]) == (77, 0)


def test_that_a_renamed_run_has_its_new_name_on_the_page(stage: Stage) -> None:
    run = make_run(find_runs_folder(stage.session.settings).parent)
    stage.session.publish([RunOpened(str(run))])
    stage.pull("open run")
    open_run(run).change(name="my best")
    list_runs(stage)
    assert stage.view.state.name == "my best"
    assert stage.view.names[str(run)] == "my best"


def test_that_a_list_older_than_the_run_in_training_takes_nothing_away(stage: Stage) -> None:
    stage.start()
    stage.train(start_fact(str(find_runs_folder(stage.session.settings) / "one")), step_fact(1))
    stage.session.publish([RunsListed(())])
    assert stage.view.state.phase == "training"


def test_that_a_run_that_learnt_nothing_is_told_once_and_never_read(stage: Stage) -> None:
    stage.start()
    stage.train(start_fact())
    report = ErrorReport("Memory does not hold a batch of 4.", "Try a batch of 2.", "", 2)
    stage.session.publish([JobFailed(stage.jobs.latest("train").number, "train", report)])
    assert not [job for job in stage.jobs.started if job.kind == "open run"]  # its folder has been deleted
    assert (stage.view.state.phase, stage.view.state.smaller_batch) == ("failed", 2)
    assert not stage.view.state.can_continue
    assert stage.view.last("show_runs") == ((),)


def test_that_a_run_that_cannot_be_read_says_so_and_leaves_nothing_behind(stage: Stage) -> None:
    stage.session.publish([RunOpened("/nowhere/gone")])
    number = stage.jobs.latest("open run").number
    stage.session.publish([JobFailed(number, "open run", ErrorReport("gone is not a run.", "", ""))])
    assert stage.view.state.phase == "idle"
    assert stage.view.last("show_runs") == ((),)


def test_that_continuing_asks_for_epochs_once_the_log_is_here(stage: Stage, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    stage.session.publish([RunContinueRequested(str(run))])
    assert not stage.view.last("ask_epochs")
    stage.pull("open run")
    assert stage.view.last("ask_epochs") == (str(run), run.name, 2, 2)


def test_that_continuing_goes_on_in_the_same_run_with_more_epochs(stage: Stage, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    stage.session.publish([RunOpened(str(run))])
    stage.pull("open run")
    stage.presenter.continue_run(str(run), 4)
    assert stage.view.state.phase == "preparing"
    assert stage.view.state.name == run.name
    stage.train(start_fact(str(run), step=50, epochs=4), step_fact(51))
    assert stage.view.state.step == 51
    assert stage.view.state.epochs == 4
    assert len(stage.view.facts[str(run)]) == 57


def test_that_continuing_opens_the_runs_own_dataset_first(stage: Stage, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    opened = open_run(run)
    opened.change(dataset=msgspec.structs.replace(opened.file.dataset, path=str(tmp_path / "data")))
    stage.session.publish([RunOpened(str(run))])
    stage.pull("open run")
    stage.presenter.continue_run(str(run), 4)
    assert stage.jobs.started[-1].kind == "open dataset"
    assert not [job for job in stage.jobs.started if job.kind == "train"]
    right = make_dataset()
    right.info = opened.file.dataset
    stage.session.publish([JobDone(stage.jobs.started[-1].number, "open dataset", right)])
    assert [job for job in stage.jobs.started if job.kind == "train"]


def test_that_a_continuation_forgets_the_steps_it_does_again() -> None:
    record = RunRecord("/runs/one", "one")
    record.add([start_fact(), *(step_fact(i, 5.0) for i in range(1, 61)), epoch_fact(2, 0.9), start_fact(step=30)])
    assert record.step == 30
    assert record.best is None
    assert record.loss is None
    record.add([step_fact(31, 1.0)])
    assert record.loss == 1.0


def test_that_pins_are_chosen_where_none_are_and_their_pictures_shown(stage: Stage) -> None:
    stage.pull("read pins")
    assert stage.session.pins.indices
    assert all(index >= 6 for index in stage.session.pins.indices)  # the test split
    pictures = stage.view.last("show_pins")[0]
    assert tuple(picture.index for picture in pictures) == stage.session.pins.indices
    assert len([job for job in stage.jobs.started if job.kind == "read pins"]) == 1


def test_that_previews_become_pictures_with_the_samples_own_iou(stage: Stage) -> None:
    stage.start()
    scores = np.zeros((5, 8, 8), np.float16)
    prediction = Prediction(7, "7", scores, "probability", Reading("windows", ((0.5, 2.0),) * 5))
    stage.train(start_fact(), PreviewsUpdated(3, (prediction,)))
    stage.pull("show previews")
    (picture,) = stage.view.last("show_pins")[0]
    assert picture.step == 3
    assert picture.iou is None  # nothing there and nothing found: neither 0 nor 1
    assert picture.predicted.shape == (8, 8, 3)


def test_that_a_prediction_of_nothing_does_not_look_like_the_truth() -> None:
    image = np.full((8, 8, 3), 200, np.uint8)
    masks = np.zeros((5, 8, 8), bool)
    masks[2, :4] = True
    dataset = Dataset.from_samples([Sample(0, "0", "test", image, masks)], SHAPES, "shapes")
    nothing = Prediction(0, "0", np.zeros((5, 8, 8), np.float16), "probability", Reading("windows", ((0.5, 2.0),) * 5))
    with pytest.raises(StopIteration) as done:
        next(previews.paint_previews(dataset, [nothing], 1, SHAPES))
    (picture,) = done.value.value
    assert (picture.truth[:4] == SHAPES.colors[2]).all()
    assert not picture.truth[4:].any()
    assert not picture.predicted.any()


def test_that_a_colour_the_user_chose_is_that_of_its_curve_and_of_its_pins(stage: Stage) -> None:
    stage.pull("read pins")
    stage.start()
    stage.train(start_fact(), step_fact(1))
    stage.session.set_color("a", (9, 9, 9))
    assert stage.view.last("set_class_colors")[0]["a"] == (9, 9, 9)
    assert len([job for job in stage.jobs.started if job.kind == "read pins"]) == 2


def test_that_pins_of_another_dataset_are_not_handed_to_the_run(stage: Stage) -> None:
    pins = work.DatasetPins(stage.session, stage.session.dataset)  # type: ignore[arg-type]
    stage.session.pins.indices = (1, 2)
    assert pins.indices == (1, 2)
    stage.session.dataset = make_dataset(name="others")
    stage.session.pins.indices = (3,)
    assert pins.indices == (1, 2)  # those it had: its predictions go on


def open_another(stage: Stage, dataset: Dataset | None) -> None:
    """Opens a dataset, or closes the one that is open, and has its pins read."""
    stage.session.dataset, stage.session.pins.indices = dataset, ()
    stage.session.publish([DatasetOpened(dataset.info) if dataset else DatasetClosed()])


def test_that_the_strip_stays_with_the_run_in_training_whatever_is_opened(stage: Stage) -> None:
    stage.pull("read pins")
    stage.start()
    stage.train(start_fact(), step_fact(1))
    for other in (make_dataset(STREETS, "streets"), None):
        open_another(stage, other)
        pictures, foreign = stage.view.last("show_pins")
        assert len(pictures) == 4
        assert foreign == "shapes"
    page = stage.session.sample
    stage.presenter.select_sample(7)  # of a dataset that is not open
    assert stage.session.sample == page
    stage.session.publish([JobCancelled(stage.jobs.latest("train").number, "train")])
    assert stage.view.last("show_pins") == ((), "")


def test_that_classes_keep_the_colours_of_the_dataset_their_run_is_trained_on(stage: Stage) -> None:
    stage.start()
    stage.train(start_fact(), step_fact(1))
    colors = dict(zip(SHAPES.names, SHAPES.colors, strict=True))
    assert stage.view.last("set_class_colors") == (colors,)
    for other in (make_dataset(STREETS, "streets"), None):
        open_another(stage, other)
        assert stage.view.last("set_class_colors") == (colors,)


def test_that_the_lectures_losses_are_drawn_for_its_own_experiment_alone(stage: Stage) -> None:
    lecture = config.find_preset("lecture").config
    assert is_lecture(lecture, SHAPES)
    assert not is_lecture(lecture, STREETS)
    assert not is_lecture(config.TrainConfig(), SHAPES)
    stage.presenter.start(config.to_dict(lecture))
    stage.train(start_fact())
    assert stage.view.last("set_lecture")[0]
    stage.session.publish([JobDone(stage.jobs.latest("train").number, "train", None)])
    stage.start()
    stage.train(start_fact("/runs/two"))
    assert stage.view.last("set_lecture") == (False, ())


def test_that_the_state_of_a_fresh_record_has_no_invented_numbers() -> None:
    record = RunRecord("/runs/one", "one")
    record.add([start_fact(), step_fact(1)])
    assert record.images_per_second is None
    assert record.remaining is None
    assert not math.isnan(record.loss or 0.0)


def test_that_a_run_cancelled_in_its_last_moment_is_deleted_all_the_same(stage: Stage) -> None:
    stage.start()
    stage.train(start_fact(), step_fact(100))
    stage.presenter.cancel()
    stage.session.publish([JobDone(stage.jobs.latest("train").number, "train", None)])
    assert stage.jobs.started[-1].kind == "delete run"
    assert stage.view.state.phase == "idle"


def test_that_validation_does_not_count_as_slow_training(stage: Stage) -> None:
    stage.start()
    stage.train(
        start_fact(), *(step_fact(i) for i in range(1, 26)), EpochDone(1, 25, 1.0, None, None, None, 500.0, True)
    )
    stage.train(StepDone(26, 1.0, 1e-3, 500.5, 4), StepDone(27, 1.0, 1e-3, 501.0, 4))
    assert stage.view.state.images_per_second == pytest.approx(8.0)
