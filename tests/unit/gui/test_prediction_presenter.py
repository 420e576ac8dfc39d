"""What the prediction panel decides, with stand-ins for the view, the jobs and the network."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from segbench.data.dataset import Dataset
from segbench.errors import SegbenchError
from segbench.events import (
    CheckpointOpened,
    CheckpointSaved,
    ExportRequested,
    ImageScored,
    JobCancelled,
    JobDone,
    JobEvent,
    JobFailed,
    Progressed,
    ReadingRequested,
    RunsListed,
    TrainingStarted,
)
from segbench.gui.panels.prediction.place import FILES
from segbench.gui.panels.prediction.presenter import PredictionPresenter
from segbench.gui.panels.prediction.reading import LiveReading
from segbench.gui.panels.prediction.workshop import Key, Workshop
from segbench.gui.session import Session
from segbench.metrics import count_pixels
from segbench.records import Baselines, CheckpointInfo, ClassInfo, ClassTable, Prediction, Reading, RunInfo
from segbench.settings import Settings

from .stand_ins import SHAPES, Recorder, StandInJobs, build_samples

INF = float("inf")
OPEN = Reading("windows", ((0.5, INF),) * 2)


class StandInWorkshop:
    """Predicts each image's truth, remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.keys: list[Any] = []

    def predict(self, source: Any, groups: Any, key: Any, classes: ClassTable, comparable: bool) -> Any:
        yield Progressed("predicting", 0, 1)
        self.asked.append([i for group in groups for i in group])
        self.keys.append(key)
        found = []
        for index in self.asked[-1]:
            sample = source.read(index)
            scores = np.full((len(classes), *sample.size), 0.25, np.float16)
            if comparable and sample.masks is not None:
                scores[sample.masks] = 0.75
            found.append(
                LiveReading(sample, Prediction(index, sample.name, scores, "probability", OPEN), classes, comparable)
            )
        return found

    def evaluate(self, source: Any, indices: Any, key: Any, reading: Reading) -> Any:
        for done, index in enumerate(indices, start=1):
            truth = source.read(index).planes(2)
            half = truth & (np.arange(truth.shape[2]) < index)
            yield ImageScored(
                index, source.name(index), count_pixels(half, truth, None, SHAPES.names), done, len(indices)
            )
        return count_pixels(truth, truth, None, SHAPES.names)


def checkpoint(
    path: str = "/r/one/checkpoints/best.safetensors", step: int = 10, classes: ClassTable = SHAPES
) -> CheckpointInfo:
    return CheckpointInfo(path, "munet", classes, "planes", step, 1, 100, None, f"hash{step}")


class Bench:
    def __init__(self) -> None:
        self.session = Session(Settings())
        self.jobs = StandInJobs(self.session.publish)
        self.session.attach(self.jobs)  # type: ignore[arg-type]
        self.session.list_runs = lambda: None  # type: ignore[method-assign, assignment]
        self.workshop = StandInWorkshop()
        self.presenter = PredictionPresenter(self.session, self.jobs, self.workshop)  # type: ignore[arg-type]
        self.view = Recorder()
        self.presenter.attach(self.view)  # type: ignore[arg-type]
        self.events: list[Any] = []
        self.session.subscribe(self.presenter.handle)
        self.session.subscribe(self.events.extend)

    def open_dataset(self, classes: ClassTable | None = SHAPES) -> None:
        dataset = Dataset.from_samples(build_samples(), classes, "shapes")
        self.session.publish([JobDone(900, "open dataset", dataset)])

    def open_checkpoint(self, **changes: Any) -> None:
        self.session.publish([JobDone(901, "open checkpoint", checkpoint(**changes))])

    def set_window(self, k: int, low: float, high: float) -> None:
        assert self.presenter.thresholds is not None
        self.presenter.set_thresholds(self.presenter.thresholds.move_window(k, low, high))

    def ready(self) -> Bench:
        self.open_dataset()
        self.open_checkpoint()
        self.presenter.set_active(True)
        self.jobs.run()
        return self


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("SEGBENCH_HOME", str(tmp_path))
    return Bench()


def test_that_the_presenters_import_neither_qt_nor_torch() -> None:
    code = (
        "import sys, segbench.gui.panels.prediction.presenter, segbench.gui.panels.export.presenter;"
        "print([m for m in ('PySide6', 'torch', 'numpy', 'scipy') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_that_what_is_missing_decides_the_stage(bench: Bench) -> None:
    assert bench.view.last("show_stage") == ("no dataset",)
    bench.open_dataset()
    assert bench.view.last("show_stage") == ("no checkpoint",)
    bench.open_checkpoint()
    assert bench.view.last("show_stage") == ("ready",)


def break_sample(bench: Bench, broken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = bench.session.dataset
    assert dataset is not None
    read = dataset.read

    def read_or_fail(index: int) -> Any:
        if index == broken:
            raise SegbenchError("It could not be read.")
        return read(index)

    monkeypatch.setattr(dataset, "read", read_or_fail)


def test_that_what_cannot_be_read_is_told_by_the_job_that_reads_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Network:
        scale, reading = "probability", OPEN

        def predict_read(self, samples: list[Any]) -> list[Any]:
            return [np.zeros((2, *sample.size), np.float16) for sample in samples]

    workshop = Workshop()
    monkeypatch.setattr(workshop, "_load", lambda key: Network())
    bench = Bench()
    bench.open_dataset()
    break_sample(bench, 1, monkeypatch)
    groups, key = [(0, 1), (1,), (2,)], Key("/best", 1, "", False)
    monkeypatch.setattr(workshop, "_key", key)  # its network is loaded
    job = bench.jobs.start("predict", workshop.predict(bench.session.dataset, groups, key, SHAPES, True))
    bench.jobs.run("predict")
    (done,) = (event for event in bench.events if isinstance(event, JobDone) and event.job == job.number)
    assert [live.index for live in done.result] == [0, 2]


def test_that_nothing_is_predicted_before_the_panel_is_seen(bench: Bench) -> None:
    bench.open_dataset()
    bench.open_checkpoint()
    assert bench.jobs.kinds() == []
    bench.presenter.set_active(True)
    assert "predict sample" in bench.jobs.kinds()


def test_that_a_dataset_is_first_looked_at_in_its_test_split(bench: Bench) -> None:
    bench.ready()
    assert bench.presenter.index == 3
    assert bench.view.last("show_position") == (1, 6, "image 3")


def test_that_a_sample_chosen_elsewhere_is_kept_when_the_panel_is_opened(bench: Bench) -> None:
    bench.open_dataset()
    bench.session.select_sample(1)
    bench.open_checkpoint()
    bench.presenter.set_active(True)
    assert bench.presenter.index == 1


def test_that_predictions_go_before_training_and_the_newest_wins(bench: Bench) -> None:
    bench.open_dataset()
    bench.open_checkpoint()
    bench.presenter.set_active(True)
    bench.presenter.step(1)
    bench.presenter.step(1)
    jobs = [j for j in bench.jobs.queue if j.kind == "predict sample"]
    assert [j.cancelled for j in jobs] == [True] * (len(jobs) - 1) + [False]
    assert jobs[-1].options["urgent"]
    bench.jobs.run()
    assert bench.workshop.asked[0] == [5]
    assert bench.view.last("show_reading")[0].index == 5


def test_that_pictures_go_by_while_a_key_is_held_down(bench: Bench) -> None:
    bench.ready()
    for _ in range(3):
        bench.presenter.step(2)
        assert bench.jobs.kinds().count("read predicted sample") == 1
    bench.jobs.run("read predicted sample")
    assert bench.view.last("show_sample")[0].index == 5  # the one that was on its way
    bench.jobs.run("read predicted sample")
    assert bench.view.last("show_sample")[0].index == 8


def test_that_the_next_sample_is_predicted_ahead_and_then_at_hand(bench: Bench) -> None:
    bench.ready()
    assert bench.workshop.asked == [[3], [4]]
    before = len(bench.jobs.started)
    bench.presenter.step(1)
    assert bench.view.last("show_reading")[0].index == 4
    assert "predict sample" in bench.jobs.started[before:]  # only the one after it
    bench.jobs.run()
    assert bench.workshop.asked[-1] == [5]


def test_that_nothing_is_predicted_ahead_while_a_network_trains(bench: Bench) -> None:
    bench.open_dataset()
    bench.open_checkpoint()
    bench.jobs.start("train", iter(()))
    bench.presenter.set_active(True)
    bench.jobs.run("predict sample")
    assert bench.workshop.asked == [[3]]


def test_that_steps_stop_at_the_ends_of_the_split(bench: Bench) -> None:
    bench.ready()
    bench.presenter.step(-1)
    assert bench.presenter.index == 3
    bench.presenter.go_to_end(True)
    bench.presenter.step(1)
    assert bench.presenter.index == 8
    bench.presenter.go_to_place(2)
    assert bench.presenter.index == 4
    bench.presenter.choose_split("train")
    assert bench.presenter.index == 0


def test_that_moving_a_threshold_reads_again_and_predicts_nothing(bench: Bench) -> None:
    bench.ready()
    asked, live = len(bench.workshop.asked), bench.presenter.live
    assert live is not None
    assert live.pixels() == [4, 0]
    bench.set_window(0, 0.8, INF)
    assert bench.view.last("show_reading")[0].pixels() == [0, 0]
    assert bench.presenter.find_preset("custom") == bench.presenter.thresholds
    assert len(bench.workshop.asked) == asked


def test_that_thresholds_last_from_sample_to_sample_and_to_weights_of_the_same_classes(bench: Bench) -> None:
    bench.ready()
    bench.set_window(0, 0.8, INF)
    bench.presenter.step(1)
    bench.jobs.run()
    assert bench.view.last("show_reading")[0].pixels() == [0, 0]
    bench.open_checkpoint(step=20)
    assert bench.presenter.reading == Reading("windows", ((0.8, INF), (0.5, INF)))


def test_that_thresholds_chosen_on_another_page_are_taken_over_once_their_checkpoint_is_open(bench: Bench) -> None:
    bench.ready()
    chosen = Reading("windows", ((0.2, 0.9), (0.7, INF)))
    bench.session.publish([ReadingRequested(checkpoint().path, chosen)])
    assert bench.presenter.reading == chosen
    assert bench.presenter.thresholds is not None
    assert bench.presenter.thresholds.preset == "custom"
    other = Reading("windows", ((0.1, INF), (0.1, INF)))
    bench.session.publish([ReadingRequested("/r/two/checkpoints/best.safetensors", other)])
    assert bench.presenter.reading == chosen
    bench.open_checkpoint(path="/r/two/checkpoints/best.safetensors")
    assert bench.presenter.reading == other


def test_that_other_classes_bring_their_own_thresholds(bench: Bench) -> None:
    bench.ready()
    bench.set_window(0, 0.8, INF)
    other = ClassTable((ClassInfo("road", (1, 2, 3)), ClassInfo("car", (4, 5, 6))), exclusive=False)
    bench.open_checkpoint(classes=other)
    assert bench.presenter.reading == OPEN
    assert not bench.presenter.comparable
    assert bench.view.last("show_checkpoint")[2] is False
    bench.jobs.run()
    assert bench.view.last("show_reading")[0].scores() is None


def test_that_thresholds_never_go_to_scores_of_another_meaning(bench: Bench) -> None:
    """As undo would bring them, once a checkpoint with as many classes in other units was chosen."""
    bench.ready()
    probabilities = bench.presenter.thresholds
    assert probabilities is not None
    values = msgspec.structs.replace(checkpoint(), target="values")
    bench.session.publish([JobDone(902, "open checkpoint", values)])
    own = bench.presenter.thresholds
    assert own is not None
    assert own.reading.windows == ((25.0, INF), (50.0, INF))
    bench.presenter.set_thresholds(probabilities)
    assert bench.presenter.thresholds == own


def test_that_an_export_takes_the_thresholds_shown_whatever_they_are_called(bench: Bench) -> None:
    bench.ready()
    bench.set_window(0, 0.8, INF)
    assert bench.presenter.thresholds is not None
    bench.presenter.set_thresholds(replace(bench.presenter.thresholds, preset="default"))
    bench.presenter.request_export()
    bench.set_window(0, 0.5, INF)
    bench.presenter.request_export()
    moved, put_back = [e.reading for e in bench.events if isinstance(e, ExportRequested)]
    assert moved == Reading("windows", ((0.8, INF), (0.5, INF)))
    assert put_back is None


def test_that_new_weights_forget_the_old_ones_predictions(bench: Bench) -> None:
    bench.ready()
    bench.open_checkpoint(step=20)
    assert bench.presenter.live is None
    bench.jobs.run()
    assert bench.workshop.keys[-1].step == 20


def test_that_batch_statistics_predict_four_neighbours_together(bench: Bench) -> None:
    bench.ready()
    bench.presenter.set_batch_statistics(True)
    bench.jobs.run()
    assert bench.workshop.asked[2] == [3, 4, 5, 6]
    assert bench.workshop.keys[-1].batch_statistics


def test_that_the_lecture_display_brings_the_next_three_samples(bench: Bench) -> None:
    bench.ready()
    bench.presenter.set_mode("lecture")
    bench.jobs.run("predict sample")
    assert [i for i in range(9) if bench.presenter._predictions.find(i)] == [3, 4, 5, 6]
    one = bench.view.last("show_lecture")[0] if bench.view.count("show_lecture") else None
    bench.jobs.run()
    whole = bench.view.last("show_lecture")[0]
    assert one is None or whole.shape[1] > one.shape[1]
    assert whole.shape[2] == 3


def test_that_the_run_in_training_is_followed_from_save_to_save(bench: Bench) -> None:
    bench.open_dataset()
    bench.presenter.set_active(True)
    start = TrainingStarted("/r/one", 0, 10, 10, 1, "cpu", 1, 1, 0, "", Baselines(), 0.0)
    saved = CheckpointSaved("last", "/r/one/checkpoints/last.safetensors", 5)
    bench.session.publish([JobEvent(7, "train", start), JobEvent(7, "train", saved)])
    assert bench.jobs.kinds().count("open checkpoint") == 1
    bench.open_checkpoint(path="/r/one/checkpoints/last.safetensors", step=5)
    choices, place = bench.view.last("show_choices")
    assert choices[place].kind == "training"
    bench.session.publish([JobEvent(7, "train", saved)])
    assert bench.jobs.kinds().count("open checkpoint") == 1  # the newest wins


def follow_a_training(bench: Bench, *saved: CheckpointSaved) -> None:
    start = TrainingStarted("/r/one", 0, 10, 10, 1, "cpu", 1, 1, 0, "", Baselines(), 0.0)
    last = CheckpointSaved("last", "/r/one/checkpoints/last.safetensors", 5)
    bench.session.publish([JobEvent(7, "train", event) for event in (start, *saved, last)])
    bench.open_checkpoint(path="/r/one/checkpoints/last.safetensors", step=5)


def wanted(bench: Bench) -> list[str]:
    """Titles of the checkpoints that are asked for."""
    return [job.options["title"] for job in bench.jobs.queue if job.kind == "open checkpoint" and not job.cancelled]


@pytest.mark.parametrize("end", [JobDone(7, "train", None), JobCancelled(7, "train")])
@pytest.mark.parametrize("seen", [True, False])
def test_that_the_best_weights_are_shown_when_the_followed_run_ends(bench: Bench, end: Any, seen: bool) -> None:
    bench.open_dataset()
    bench.presenter.set_active(True)
    follow_a_training(bench, CheckpointSaved("best", "/r/one/checkpoints/best.safetensors", 4))
    bench.presenter.set_active(seen)
    bench.session.publish([end])
    if not seen:
        assert wanted(bench) == ["Opening the checkpoint"]
        bench.presenter.set_active(True)
    assert wanted(bench) == ["Opening one"]
    bench.open_checkpoint(path="/r/one/checkpoints/best.safetensors", step=4)
    assert bench.presenter.kept_best
    bench.open_checkpoint(path="/elsewhere/net.pt")
    assert not bench.presenter.kept_best


@pytest.mark.parametrize("seen", [True, False])
def test_that_a_followed_run_that_is_discarded_is_let_go_without_an_error(bench: Bench, seen: bool) -> None:
    bench.open_dataset()
    bench.presenter.set_active(True)
    follow_a_training(bench, CheckpointSaved("best", "/r/one/checkpoints/best.safetensors", 4))
    bench.jobs.run("open checkpoint")
    bench.presenter.set_active(seen)
    bench.session.publish([JobCancelled(7, "train"), JobDone(8, "list runs", [])])  # /r/one is not there
    bench.presenter.set_active(True)
    bench.jobs.run("open checkpoint")
    assert not [event for event in bench.events if isinstance(event, JobFailed)]
    assert bench.presenter.checkpoint is None
    assert bench.view.last("show_stage") == ("no checkpoint",)
    assert bench.view.last("show_choices") == ([], -1)
    assert len(bench.presenter._predictions) == 0


def test_that_weights_that_went_while_a_prediction_waited_are_no_error(bench: Bench) -> None:
    bench.workshop.predict = Workshop().predict  # type: ignore[method-assign]
    listed: list[bool] = []
    bench.session.list_runs = lambda: listed.append(True)  # type: ignore[method-assign, assignment, return-value]
    bench.open_dataset()
    bench.open_checkpoint(path="/nowhere/checkpoints/last.safetensors")
    bench.presenter.set_active(True)
    before = len(listed)
    bench.jobs.run("predict sample")
    assert not [event for event in bench.events if isinstance(event, JobFailed)]
    assert len(listed) == before + 1
    assert bench.view.last("show_busy") == (False,)


def test_that_a_prediction_that_does_not_come_is_not_asked_for_again_and_again(bench: Bench) -> None:
    predict = bench.workshop.predict

    def leave_out(*arguments: Any) -> Any:
        found = yield from predict(*arguments)
        return [live for live in found if live.index != 4]

    bench.workshop.predict = leave_out  # type: ignore[method-assign]
    bench.ready()
    assert bench.workshop.asked == [[3], [4]]  # the one looked at, and the next ahead
    bench.presenter.step(1)
    bench.presenter.step(1)
    bench.jobs.run()
    assert bench.view.last("show_reading")[0].index == 5


def test_that_a_run_without_a_best_keeps_its_last_when_it_ends(bench: Bench) -> None:
    bench.open_dataset()
    bench.presenter.set_active(True)
    follow_a_training(bench)
    before = wanted(bench)
    bench.session.publish([JobDone(7, "train", None)])
    assert wanted(bench) == before
    assert not bench.presenter.kept_best


def test_that_a_checkpoint_chosen_meanwhile_stays_when_the_training_ends(bench: Bench) -> None:
    bench.open_dataset()
    bench.presenter.set_active(True)
    follow_a_training(bench, CheckpointSaved("best", "/r/one/checkpoints/best.safetensors", 4))
    bench.open_checkpoint(path="/elsewhere/net.pt")
    before = wanted(bench)
    bench.session.publish([JobDone(7, "train", None)])
    assert wanted(bench) == before


def test_that_weights_saved_out_of_sight_are_read_when_the_panel_is_seen(bench: Bench) -> None:
    bench.open_dataset()
    start = TrainingStarted("/r/one", 0, 10, 10, 1, "cpu", 1, 1, 0, "", Baselines(), 0.0)
    saved = CheckpointSaved("last", "/r/one/checkpoints/last.safetensors", 5)
    bench.session.publish([JobEvent(7, "train", start), JobEvent(7, "train", saved)])
    assert "open checkpoint" not in bench.jobs.kinds()
    bench.presenter.set_active(True)
    assert bench.jobs.kinds().count("open checkpoint") == 1


def test_that_scores_of_other_weights_are_marked(bench: Bench) -> None:
    bench.ready()
    bench.presenter.score_split()
    bench.jobs.run("predict")
    assert bench.view.last("show_scored")[1] is False
    bench.open_checkpoint(step=20)
    assert bench.view.last("show_scored")[1] is True


def test_that_a_chosen_checkpoint_is_not_replaced_by_a_training(bench: Bench) -> None:
    bench.ready()
    start = TrainingStarted("/r/two", 0, 10, 10, 1, "cpu", 1, 1, 0, "", Baselines(), 0.0)
    saved = CheckpointSaved("last", "/r/two/checkpoints/last.safetensors", 5)
    bench.session.publish([JobEvent(7, "train", start), JobEvent(7, "train", saved)])
    assert "open checkpoint" not in bench.jobs.kinds()


def test_that_the_choices_are_the_runs_best_and_last_and_the_present_one_is_marked(bench: Bench) -> None:
    runs = (
        RunInfo("/r/one", "one", "completed", "munet", "shapes", 0.0, 10, 10, 0.5),
        RunInfo("/r/new", "new", "new", "munet", "shapes", 0.0, 0, 10),
    )
    bench.ready()
    bench.session.publish([RunsListed(runs)])
    choices, place = bench.view.last("show_choices")
    assert [(c.name, c.which) for c in choices] == [("one", "best"), ("one", "last")]
    assert place == 0
    bench.session.publish([CheckpointOpened(checkpoint("/elsewhere/net.pt"))])


def test_that_a_file_that_belongs_to_no_run_is_a_choice_of_its_own(bench: Bench) -> None:
    bench.open_dataset()
    bench.open_checkpoint(path="/elsewhere/net.pt")
    choices, place = bench.view.last("show_choices")
    assert (choices[place].kind, choices[place].name) == ("file", "net.pt")


def test_that_a_scored_split_is_ranked_worst_first_and_walked_through(bench: Bench) -> None:
    bench.ready()
    bench.presenter.score_split()
    bench.jobs.run("predict")
    scored, stale = bench.view.last("show_scored")
    assert [image.index for image in scored.images] == [3, 4, 5, 6, 7, 8]
    assert scored.pooled is not None
    assert not stale
    for index in (*scored.ranked(), scored.ranked()[0]):
        bench.presenter.go_to_next_worst()
        assert bench.presenter.index == index
    bench.set_window(0, 0.1, INF)
    assert bench.view.last("show_scored")[1] is True


def test_that_scoring_can_be_cancelled_and_keeps_what_it_found(bench: Bench) -> None:
    bench.ready()
    bench.presenter.score_split()
    bench.presenter.cancel_scoring()
    bench.jobs.run()
    assert bench.view.last("show_scoring") == (0, 0)
    assert bench.view.last("show_scored")[0].pooled is None
    bench.presenter.score_split()
    assert "predict" in bench.jobs.kinds()


def test_that_images_without_masks_are_predicted_but_not_scored(bench: Bench) -> None:
    samples = [take_masks_off(sample) for sample in build_samples(0, 2)]
    bench.open_checkpoint()
    bench.session.publish([JobDone(900, "open dataset", Dataset.from_samples(samples, None, "photos"))])
    bench.presenter.set_active(True)
    bench.jobs.run()
    assert bench.view.last("show_reading")[0].scores() is None
    assert not bench.presenter.can_score


def take_masks_off(sample: Any) -> Any:
    return type(sample)(sample.index, sample.name, sample.split, sample.image, None)


def test_that_files_dragged_in_are_shown_until_another_split_is_chosen(bench: Bench, tmp_path: Path) -> None:
    from PIL import Image

    bench.ready()
    for k in range(2):
        Image.fromarray(np.full((5, 5, 3), 9, np.uint8)).save(tmp_path / f"photo{k}.png")
    bench.presenter.open_files([str(tmp_path / "photo0.png"), str(tmp_path / "photo1.png")])
    bench.jobs.run()
    assert bench.presenter.split == FILES
    assert bench.view.last("show_position")[:2] == (1, 2)
    assert bench.view.last("show_reading")[0].sample.size == (5, 5)
    bench.presenter.step(1)
    bench.presenter.step(1)
    assert bench.presenter.index == 1
    bench.presenter.choose_split("test")
    assert bench.presenter.index == 3
    bench.presenter.choose_split(FILES)
    assert bench.presenter.index == 0


def test_that_a_failed_prediction_leaves_the_panel_usable(bench: Bench) -> None:
    bench.ready()

    def fail(*_: Any) -> Any:
        yield Progressed("predicting", 0, 1)
        raise ValueError("no")

    bench.workshop.predict = fail  # type: ignore[method-assign]
    bench.presenter.step(2)
    bench.jobs.run()
    assert bench.view.last("show_busy") == (False,)
    del bench.workshop.predict
    bench.presenter.step(1)
    bench.jobs.run()
    assert bench.view.last("show_reading")[0].index == 6


def test_that_colours_follow_the_class_and_can_be_put_back(bench: Bench) -> None:
    bench.ready()
    bench.presenter.set_color("star", (1, 2, 3))
    assert bench.view.last("show_colors") == (((0, 158, 115), (1, 2, 3)),)
    bench.presenter.set_color("star", None)
    assert bench.view.last("show_colors") == (SHAPES.colors,)


def test_that_an_export_takes_over_thresholds_and_the_selection(bench: Bench) -> None:
    bench.ready()
    bench.presenter.request_export([4, 5])
    bench.set_window(1, 0.3, 0.9)
    bench.presenter.request_export()
    first, second = [e for e in bench.events if isinstance(e, ExportRequested)]
    assert (first.index, first.selected, first.reading) == (3, (4, 5), None)
    assert second.reading == Reading("windows", ((0.5, INF), (0.3, 0.9)))


def test_that_presets_read_half_and_refuse_windows_that_do_not_fit(bench: Bench) -> None:
    bench.ready()
    own = bench.presenter.find_preset("half")
    assert own is not None
    assert own.reading == OPEN
    lecture = ClassTable(tuple(ClassInfo(str(v), (0, 0, 0), v) for v in (50, 100, 150, 200, 250)), exclusive=False)
    info = msgspec.structs.replace(checkpoint(classes=lecture), target="values")
    bench.session.publish([JobDone(902, "open checkpoint", info)])
    half = bench.presenter.find_preset("half")
    windows = bench.presenter.find_preset("lecture")
    assert half is not None
    assert windows is not None
    assert half.reading.windows[4] == (125.0, INF)
    assert windows.reading.windows[0] == (25, 85)


def test_that_closing_the_dataset_empties_the_panel(bench: Bench) -> None:
    bench.ready()
    bench.session.close_dataset()
    assert bench.view.last("show_stage") == ("no dataset",)
    assert bench.view.last("show_sample") == (None, False)
    assert bench.presenter.live is None


def test_that_memory_for_predictions_is_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segbench.gui.panels.prediction.predictions.CACHE_BYTES", 1)
    bench.ready()
    for _ in range(5):
        bench.presenter.step(1)
        bench.jobs.run()
    assert len(bench.presenter._predictions) <= 5
    assert bench.presenter.live is not None


def test_that_an_image_that_cannot_be_read_says_why_and_holds_nothing_up(bench: Bench) -> None:
    bench.ready()
    dataset = bench.session.dataset
    assert dataset is not None
    read = dataset.read

    def fail(index: int) -> Any:
        if index == 5:
            raise SegbenchError("The image image 5 is broken.", "Save it again.")
        return read(index)

    dataset.read = fail  # type: ignore[method-assign]
    bench.presenter.go_to(5)
    bench.jobs.run()
    assert bench.view.last("show_problem") == ("The image image 5 is broken. Save it again.",)
    bench.presenter.go_to(5)
    bench.presenter.go_to(7)  # while 5 is still being read
    bench.jobs.run("read predicted sample")
    bench.jobs.run("read predicted sample")
    assert bench.view.count("show_problem") == 1
    assert bench.view.last("show_sample")[0].index == 7
