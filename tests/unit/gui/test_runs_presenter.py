"""What the list of runs decides, against a fake view. No Qt."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from segbench.config import TrainConfig
from segbench.errors import SegbenchError
from segbench.events import (
    JobCancelled,
    JobDone,
    JobEvent,
    JobPaused,
    JobResumed,
    PageRequested,
    RunContinueRequested,
    RunOpened,
    RunsCompared,
    RunsListed,
    TrainingStarted,
)
from segbench.formats.runs import create_run, open_run
from segbench.gui.panels.runs.presenter import RunsPresenter
from segbench.gui.session import Session
from segbench.records import Baselines, ClassTable, DatasetInfo, RunInfo
from segbench.settings import Settings


class FakeJobs:
    def __init__(self) -> None:
        self.started: list[tuple[str, Generator[Any, None, Any]]] = []

    def start(self, kind: str, events: Generator[Any, None, Any], **_: object) -> None:
        self.started.append((kind, events))

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.started]

    def pull(self, kind: str) -> Any:
        events = next(events for k, events in reversed(self.started) if k == kind)
        while True:
            try:
                next(events)
            except StopIteration as stop:
                return stop.value


class FakeView:
    def __init__(self) -> None:
        self.runs: tuple[RunInfo, ...] = ()
        self.current = ""
        self.forgotten = False
        self.paused = ""

    def show_runs(self, runs: tuple[RunInfo, ...], folder: str) -> None:
        self.runs = runs

    def forget_ticks(self) -> None:
        self.forgotten = True

    def show_current(self, path: str) -> None:
        self.current = path

    def show_paused(self, path: str) -> None:
        self.paused = path


class Stage:
    def __init__(self) -> None:
        self.session = Session(Settings())
        self.jobs = FakeJobs()
        self.session.attach(self.jobs)  # type: ignore[arg-type]
        self.view = FakeView()
        self.presenter = RunsPresenter(self.session, self.jobs)  # type: ignore[arg-type]
        self.presenter.attach(self.view)
        self.events: list[Any] = []
        self.session.subscribe(self.presenter.handle)
        self.session.subscribe(self.events.extend)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("SEGBENCH_HOME", str(tmp_path))
    return Stage()


def info(path: str, started: float) -> RunInfo:
    return RunInfo(path, Path(path).name, "completed", "munet", "shapes", started, 10, 10, 0.5, 1.0)


def started_fact(run: str) -> TrainingStarted:
    return TrainingStarted(run, 0, 10, 5, 2, "cpu", 1, 1, 1, "test", Baselines(), 0.0)


def make_run(folder: Path) -> Path:
    run = create_run(folder, TrainConfig(), DatasetInfo("d", "purdue", "/d", ClassTable((), False), {}, None))
    return run.path


def test_that_the_newest_run_stands_first(stage: Stage) -> None:
    stage.session.publish([RunsListed((info("/r/old", 1.0), info("/r/new", 2.0)))])
    assert [run.name for run in stage.view.runs] == ["new", "old"]


def test_that_opening_a_run_shows_it_on_the_training_page(stage: Stage) -> None:
    stage.presenter.open("/r/one")
    assert RunOpened("/r/one") in stage.events
    assert PageRequested("training") in stage.events
    assert stage.view.current == "/r/one"


def test_that_ticks_are_forgotten_when_comparing_is_stopped_elsewhere(stage: Stage) -> None:
    stage.session.publish([RunsCompared(("/r/one", "/r/two"))])
    assert not stage.view.forgotten
    stage.session.publish([RunsCompared(())])
    assert stage.view.forgotten


def test_that_ticks_and_continue_go_out_as_events(stage: Stage) -> None:
    stage.presenter.compare(["/r/a", "/r/b"])
    stage.presenter.continue_run("/r/a")
    assert RunsCompared(("/r/a", "/r/b")) in stage.events
    assert RunContinueRequested("/r/a") in stage.events


def test_that_the_list_is_read_again_when_a_run_begins_ends_or_is_deleted(stage: Stage) -> None:
    stage.session.publish([JobEvent(3, "train", started_fact("/r/one"))])
    assert stage.jobs.kinds() == ["list runs"]
    assert stage.view.current == "/r/one"
    stage.session.publish([JobCancelled(3, "train")])
    stage.session.publish([JobDone(4, "delete run", None)])
    stage.session.publish([JobDone(5, "predict", None)])
    assert stage.jobs.kinds() == ["list runs"] * 3


def test_that_a_paused_training_is_told_until_it_goes_on_or_ends(stage: Stage) -> None:
    stage.session.publish([JobEvent(3, "train", started_fact("/r/one")), JobPaused(2)])
    assert stage.view.paused == ""
    stage.session.publish([JobPaused(3)])
    assert stage.view.paused == "/r/one"
    stage.session.publish([JobResumed(3)])
    assert stage.view.paused == ""
    stage.session.publish([JobPaused(3), JobCancelled(3, "train")])
    assert stage.view.paused == ""


def test_that_the_run_in_training_is_never_deleted(stage: Stage) -> None:
    stage.session.publish([JobEvent(3, "train", started_fact("/r/one"))])
    assert stage.presenter.is_training("/r/one")
    stage.presenter.delete(["/r/one"])
    assert "delete run" not in stage.jobs.kinds()
    stage.session.publish([JobDone(3, "train", None)])
    assert not stage.presenter.is_training("/r/one")


def test_that_deleting_removes_the_folders(stage: Stage, tmp_path: Path) -> None:
    one, other, kept = (make_run(tmp_path / "runs") for _ in range(3))
    stage.presenter.delete([str(one), str(other)])
    stage.jobs.pull("delete run")
    assert not one.exists()
    assert not other.exists()
    assert kept.exists()


def test_that_renaming_keeps_the_folder(stage: Stage, tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs")
    stage.presenter.rename(str(run), "  my best  ")
    stage.jobs.pull("rename run")
    assert open_run(run).name == "my best"


def test_that_predicting_without_a_checkpoint_says_what_is_missing(stage: Stage, tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs")
    stage.presenter.predict(str(run))
    with pytest.raises(SegbenchError, match="no checkpoint yet"):
        stage.jobs.pull("open checkpoint")
