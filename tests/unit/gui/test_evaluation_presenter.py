"""What the evaluation page decides, with stand-ins for the view, the jobs and the networks."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segbench.data.dataset import Dataset
from segbench.errors import SegbenchError, explain
from segbench.events import (
    CheckpointClosed,
    CheckpointOpened,
    CheckpointSaved,
    DatasetOpened,
    ImageScored,
    JobCancelled,
    JobDone,
    JobEvent,
    JobFailed,
    PageRequested,
    ReadingRequested,
    RunsCompared,
    RunsListed,
    SampleSelected,
)
from segbench.gui.panels.evaluation.presenter import EvaluationPresenter
from segbench.gui.panels.evaluation.state import MEAN, Candidate, Evaluated, Page, Preview, Terms, name_briefly
from segbench.gui.panels.evaluation.words import describe_page
from segbench.gui.panels.evaluation.work import build_comparison, digest
from segbench.gui.session import Session
from segbench.metrics.curves import CurveCounter
from segbench.metrics.evaluation import Evaluation
from segbench.metrics.objects import ObjectCounter
from segbench.records import CheckpointInfo, Reading, RunInfo, Scores
from segbench.settings import Settings

from .stand_ins import SHAPES, Recorder, StandInJobs, build_samples

OWN = Reading("windows", ((0.5, float("inf")), (0.5, float("inf"))))


def build_run(name: str, started: float = 0.0) -> RunInfo:
    return RunInfo(f"/runs/{name}", name, "completed", "munet", "shapes", started, 10, 10, best_iou=0.5)


def build_info(run: str, which: str = "best", target: Any = "planes") -> CheckpointInfo:
    return CheckpointInfo(f"/runs/{run}/checkpoints/{which}.safetensors", "munet", SHAPES, target, 10, 1, 1000)


def build_evaluated(
    candidate: Candidate, dataset: Dataset, indices: Sequence[int], terms: Terms, right: int
) -> Evaluated:
    """Each image has a disk; `right` of its pixels, at most, are found."""
    counts = np.zeros((len(indices), 2, 3), np.int64)
    counter, objects = CurveCounter(SHAPES.names, "probability", "windows"), ObjectCounter(2)
    for row, index in enumerate(indices):
        truth = dataset.read(index).planes(2)
        assert truth is not None
        found = truth.copy()
        found.reshape(2, -1)[:, right:] = False
        counts[row, :, 0] = (found & truth).sum(axis=(1, 2))
        counts[row, :, 2] = truth.sum(axis=(1, 2)) - counts[row, :, 0]
        counter.add(found.astype(np.float16), truth)
        objects.add(row, found, truth)
    path = f"{candidate.path}/checkpoints/{candidate.which}.safetensors" if candidate.which else candidate.path
    evaluation = Evaluation(
        checkpoint=CheckpointInfo(path, "munet", SHAPES, "planes", 10, 1, 1000),
        dataset=dataset.info,
        classes=SHAPES,
        reading=OWN,
        scale="probability",
        batch_statistics=terms.batch_statistics,
        grid=terms.grid,
        width=0.02,
        indices=np.array(indices, np.int64),
        names=tuple(f"image {i}" for i in indices),
        counts=counts,
        boundary=counts,
        shared=np.zeros_like(counts),
        hidden=np.zeros_like(counts),
        told=np.ones(len(indices), bool),
        confusion=None,
        losses=np.linspace(0.1, 0.2, len(indices)),
        seconds=np.full(len(indices), 0.01),
        curves=counter.finish(),
        objects=objects.finish(),
    )
    return digest(candidate, evaluation, candidate.path, 1000, 2.0)


class Bench:
    """A workshop whose networks find as many pixels as `rights` says by run."""

    def __init__(self) -> None:
        self.rights = {"/runs/good": 64, "/runs/poor": 2}
        self.asked: list[tuple[str, Terms, tuple[int, ...]]] = []
        self.looked: list[tuple[int, int]] = []  # index, networks
        self.forgotten = 0

    def forget(self) -> None:
        self.forgotten += 1

    def evaluate(
        self, candidate: Candidate, dataset: Any, indices: Sequence[int], terms: Terms, tuned_on: Sequence[int]
    ) -> Generator[Any, None, Any]:
        self.asked.append((candidate.path, terms, tuple(tuned_on)))
        for done, index in enumerate(indices, 1):
            yield ImageScored(index, str(index), Scores((), 1), done, len(indices))
        if candidate.path not in self.rights:
            raise SegbenchError("These classes are others.", "Take others.")
        return build_evaluated(candidate, dataset, indices, terms, self.rights[candidate.path])

    def look(self, dataset: Any, index: int, looks: Sequence[Any]) -> Generator[Any, None, Preview]:
        self.looked.append((index, len(looks)))
        yield from ()
        sample = dataset.read(index)
        return Preview(sample, SHAPES, sample.planes(2), None, ())


class Stage:
    def __init__(self) -> None:
        self.session = Session(Settings())
        self.jobs = StandInJobs(self.session.publish)
        self.session.attach(self.jobs)  # type: ignore[arg-type]
        self.bench, self.view = Bench(), Recorder()
        self.ask = EvaluationPresenter(self.session, self.jobs, self.bench)  # type: ignore[arg-type]
        self.session.subscribe(self.ask.handle)
        self.published: list[Any] = []
        self.session.subscribe(self.published.extend)
        self.session.list_runs = lambda: None  # type: ignore[method-assign, assignment, return-value]
        self.ask.attach(self.view)
        self.ask.set_active(True)

    @property
    def page(self) -> Page:
        found: Page = self.view.last("show_page")[0]
        return found

    def open(self, *runs: str) -> None:
        """The dataset, a list of runs, and the first of them as the session's checkpoint."""
        self.session.dataset = Dataset.from_samples(build_samples(), SHAPES, "shapes")
        self.session.publish([DatasetOpened(self.session.dataset.info)])
        self.session.publish([RunsListed(tuple(build_run(name, -place) for place, name in enumerate(runs)))])
        self.choose(runs[0])

    def choose(self, run: str, which: str = "best", target: str = "planes") -> None:
        self.session.checkpoint = build_info(run, which, target)
        self.session.publish([CheckpointOpened(self.session.checkpoint)])

    def candidate(self, run: str, which: str = "best") -> Candidate:
        return next(one for one in self.page.candidates if (one.path, one.which) == (f"/runs/{run}", which))

    def evaluate(self, *others: str) -> None:
        if others:
            self.ask.compare_with([self.candidate(run) for run in others])
        self.ask.evaluate()
        self.jobs.run("evaluate")


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def ready(stage: Stage) -> Stage:
    """Two networks on the six test images."""
    stage.open("good", "poor")
    stage.evaluate("poor")
    return stage


def test_that_each_stage_before_the_first_number_is_told(stage):
    assert stage.page.stage == "no dataset"
    stage.session.dataset = Dataset.from_samples(build_samples(), SHAPES, "shapes")
    stage.session.publish([DatasetOpened(stage.session.dataset.info)])
    assert stage.page.stage == "no checkpoint"
    stage.open("good")
    assert stage.page.stage == "not evaluated"
    stage.ask.evaluate()
    assert stage.page.stage == "evaluating"
    stage.jobs.run("evaluate")
    assert stage.page.stage == "ready"
    images_only = Dataset.from_samples([replace(s, masks=None) for s in build_samples()], None, "pictures")
    stage.session.dataset = images_only
    stage.session.publish([DatasetOpened(images_only.info)])
    assert stage.page.stage == "no masks"


def test_that_the_first_split_is_one_the_network_has_not_seen(stage):
    stage.open("good")
    assert stage.page.look.terms.split == "test"
    assert dict(stage.page.splits) == {"train": 3, "test": 6}


def test_that_only_what_is_missing_is_evaluated(ready):
    assert [path for path, _, _ in ready.bench.asked] == ["/runs/good", "/runs/poor"]
    ready.ask.evaluate()
    assert not ready.jobs.kinds()
    ready.ask.set_split("train")
    assert ready.page.missing == 2
    ready.evaluate()
    assert len(ready.bench.asked) == 4
    ready.ask.set_split("test")
    assert ready.page.missing == 0  # what was found is kept


def test_that_progress_names_the_network_and_ends(ready):
    ready.ask.set_split("train")
    ready.ask.evaluate()
    ready.jobs.run("evaluate")
    told = [arguments for name, arguments in ready.view.calls if name == "show_progress"]
    assert (3, 3, "good – best") in told or (0, 3, "good – best") in told
    assert ready.view.last("show_progress") == (0, 0, "")


def test_that_a_network_that_cannot_be_scored_leaves_the_others(stage):
    stage.open("good", "strange")
    stage.evaluate("strange")
    assert [one is not None for one in stage.page.results] == [True, False]
    assert any(isinstance(event, JobFailed) for event in stage.published)
    assert stage.page.stage == "ready"


def test_that_cancelling_leaves_what_was_found_and_lets_one_begin_again(ready):
    ready.ask.set_split("train")
    ready.ask.evaluate()
    ready.ask.cancel()
    assert ready.page.stage == "not evaluated"
    assert ready.view.last("show_progress") == (0, 0, "")
    ready.jobs.run("evaluate")
    assert any(isinstance(event, JobCancelled) for event in ready.published)
    ready.evaluate()
    assert ready.page.stage == "ready"


def test_that_batch_statistics_stand_beside_the_running_ones(ready):
    assert ready.page.other_mode is None
    before = ready.page.present
    ready.ask.set_batch_statistics(True)
    assert ready.page.stage == "not evaluated"
    assert ready.page.other_mode is before
    ready.evaluate()
    assert ready.page.present.evaluation.batch_statistics


def test_that_even_pixels_alone_are_scored_anew_and_named(ready):
    whole = ready.page.present
    ready.ask.set_grid(True)
    assert ready.page.stage == "not evaluated"
    ready.evaluate()
    assert "on even rows and columns" in describe_page(ready.page)
    ready.ask.set_grid(False)
    assert ready.page.present is whole
    assert "even" not in describe_page(ready.page)


def test_that_best_thresholds_are_looked_for_on_other_images(ready):
    ready.ask.set_rule("best")
    assert ready.page.tuned_on == "train"
    ready.evaluate()
    assert ready.bench.asked[-1][2] == (0, 1, 2)
    ready.ask.set_split("train")
    assert ready.page.tuned_on == "train"  # there is no validation split, and the test images are not touched


def test_that_at_most_six_networks_are_compared(stage):
    names = [f"run {n}" for n in range(9)]
    stage.open(*names)
    stage.ask.compare_with([stage.candidate(name) for name in names[1:]])
    assert len(stage.page.chosen) == 6


def test_that_a_network_in_the_first_place_is_not_compared_with_itself(ready):
    ready.ask.choose_network(ready.candidate("poor"))
    assert ready.jobs.kinds() == ["open checkpoint"]
    ready.choose("poor")
    assert [one.path for one in ready.page.chosen] == ["/runs/poor"]
    assert ready.page.stage == "ready"  # it was evaluated beside the other


def test_that_runs_that_are_gone_are_no_longer_compared(ready):
    ready.session.publish([RunsListed((build_run("good"),))])
    assert [one.path for one in ready.page.chosen] == ["/runs/good"]


def test_that_ticked_runs_are_offered_by_their_best_checkpoints(ready):
    ready.session.publish([RunsCompared(("/runs/poor",))])
    assert [(one.path, one.which) for one in ready.page.ticked] == [("/runs/poor", "best")]


def test_that_other_weights_void_what_was_found(ready):
    ready.session.publish(
        [JobEvent(99, "train", CheckpointSaved("best", "/runs/poor/checkpoints/best.safetensors", 20))]
    )
    assert [one is not None for one in ready.page.results] == [True, False]


def test_that_another_dataset_voids_everything(ready):
    ready.ask.show_scope("two", [4, 5])
    ready.open("good")
    assert ready.page.stage == "not evaluated"
    assert ready.page.look.scope is None
    assert ready.bench.forgotten >= 1


def test_that_a_checkpoint_that_is_gone_leaves_the_page_empty(ready):
    ready.session.checkpoint = None
    ready.session.publish([CheckpointClosed()])
    assert ready.page.stage == "no checkpoint"


def test_that_an_opened_number_leads_to_its_worst_images(ready):
    ready.ask.show_worst("recall", 1)
    look = ready.page.look
    assert (look.topic, look.metric, look.k, look.image) == ("images", "recall", 1, -1)
    ready.ask.show_worst("iou", -2)
    assert ready.page.look.k == MEAN


def test_that_what_was_clicked_shows_its_images_alone_the_first_at_once(ready):
    ready.ask.show_scope("disk of 4 to 7 pixels", [6, 4])
    look = ready.page.look
    assert look.topic == "images"
    assert look.scope.indices == (6, 4)
    assert look.image == 6
    ready.jobs.run("evaluation picture")
    assert ready.bench.looked == [(6, 2)]
    assert ready.view.last("show_preview")[0].sample.index == 6
    ready.ask.show_scope("nothing", [])
    assert ready.page.look.scope.indices == (6, 4)
    ready.ask.leave_scope()
    assert ready.page.look.scope is None


def test_that_pictures_follow_the_newest_wish_and_the_next_is_ready_ahead(ready):
    ready.ask.set_topic("images")
    for index in (3, 4, 5):
        ready.ask.show_image(index, index + 1)
    ready.jobs.run("evaluation picture")
    while ready.jobs.kinds():
        ready.jobs.run("evaluation picture")
    assert [index for index, _ in ready.bench.looked] == [3, 5, 6]
    assert ready.view.last("show_preview")[0].sample.index == 5
    ready.ask.show_image(6)
    assert not ready.jobs.kinds()
    assert ready.view.last("show_preview")[0].sample.index == 6


def test_that_a_picture_that_cannot_be_made_says_why(ready, monkeypatch):
    def fail(*_: Any) -> Generator[Any, None, Any]:
        yield from ()
        raise SegbenchError("The file is gone.", "Look for it.")

    monkeypatch.setattr(ready.bench, "look", fail)
    ready.ask.set_topic("images")
    ready.ask.show_image(4)
    ready.jobs.run("evaluation picture")
    assert ready.view.last("show_preview") == (None, "The file is gone.")


def test_that_a_pair_is_compared_when_it_is_looked_at_and_once(ready):
    assert not ready.jobs.kinds()
    ready.ask.set_topic("compare")
    assert ready.page.differences is None
    ready.jobs.run("difference")
    found = ready.page.differences
    assert found.mean.value < 0
    assert found.mean.verdict == "too few images"
    ready.ask.set_topic("scores")
    ready.ask.set_topic("compare")
    assert not ready.jobs.kinds()
    assert ready.page.differences is found
    ready.ask.set_pair(1, 0)
    ready.jobs.run("difference")
    assert ready.page.differences.mean.value == pytest.approx(-found.mean.value)
    ready.ask.set_pair(1, 1)
    assert ready.page.find_pair() is None


def test_that_an_image_opens_on_the_prediction_page_through_the_network_looked_at(ready):
    ready.ask.set_present(1)
    ready.ask.open_image(5)
    assert ready.jobs.kinds() == ["open checkpoint"]
    assert SampleSelected(5) in ready.published
    assert PageRequested("prediction") in ready.published


def test_that_thresholds_go_to_the_prediction_page_with_their_checkpoint(ready):
    other = Reading("windows", ((0.1, 0.9), (0.2, float("inf"))))
    ready.ask.use_reading(other)
    assert ReadingRequested("/runs/good/checkpoints/best.safetensors", other) in ready.published
    assert PageRequested("prediction") in ready.published


def test_that_the_next_network_comes_around(ready):
    ready.ask.step_present(1)
    assert ready.page.look.present == 1
    ready.ask.step_present(1)
    assert ready.page.look.present == 0
    ready.ask.set_present(7)
    assert ready.page.look.present == 0


def test_that_the_lectures_windows_are_offered_for_grey_values_of_its_classes_alone(ready):
    assert not ready.page.can_follow_lecture
    ready.choose("good", target="values")
    assert not ready.page.can_follow_lecture  # two classes


def test_that_a_hidden_page_does_no_work(ready):
    ready.ask.set_active(False)
    shown = ready.view.count("show_page")
    ready.ask.set_topic("compare")
    assert ready.view.count("show_page") == shown
    assert not ready.jobs.kinds()
    ready.ask.set_active(True)
    assert ready.jobs.kinds() == ["difference"]


def test_that_tables_are_saved_as_the_command_line_would(ready, tmp_path):
    ready.ask.save_comparison(str(tmp_path / "networks.csv"))
    ready.ask.save_images(str(tmp_path / "images.csv"))
    ready.jobs.run("save table")
    networks = (tmp_path / "networks.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in networks] == ["run", "good", "poor"]
    assert len((tmp_path / "images.csv").read_text().splitlines()) == 7


def test_that_every_number_of_the_digest_is_the_evaluations(ready):
    one = ready.page.present
    for (metric, k), found in one.measured.items():
        assert found == one.evaluation.measure(metric, None if k == MEAN else k)
    values = one.values["iou"]
    assert values.shape == (6, 3)
    assert np.array_equal(values[:, -1], one.evaluation.list_values("iou"), equal_nan=True)
    comparison = build_comparison([("a", one), ("b", ready.page.results[1])], "own", (8, 8))
    assert comparison.runs[1].against_first.mean.value < 0


def test_that_a_run_chosen_twice_is_told_apart():
    best, last = (Candidate("/runs/a", which, f"a – {which}") for which in ("best", "last"))
    other = Candidate("/runs/b", "best", "b – best")
    assert name_briefly([best, other]) == ("a", "b")
    assert name_briefly([best, last, other]) == ("a – best", "a – last", "b")


def test_that_results_of_other_jobs_change_nothing(ready):
    shown = ready.view.count("show_page")
    ready.session.publish([JobDone(999, "evaluate", None), JobFailed(998, "evaluate", explain(ValueError("x")))])
    assert ready.view.count("show_page") == shown


def test_that_a_file_of_its_own_can_be_evaluated():
    file = Candidate("/somewhere/net.pt", "", "net.pt")
    assert file.is_of("/somewhere/net.pt")
    assert not file.is_of(str(Path("/runs/good/checkpoints/best.safetensors")))
