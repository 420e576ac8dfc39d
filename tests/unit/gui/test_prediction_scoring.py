"""Scoring a whole split, without a panel: what is found, when it is out of date, and the walk through the worst images."""

from __future__ import annotations

from typing import Any

import pytest

from segbench.events import Event, ImageScored, JobCancelled, JobDone, JobEvent
from segbench.gui.panels.prediction.scored import ScoredImage, ScoredSplit
from segbench.gui.panels.prediction.scoring import SplitScoring
from segbench.gui.panels.prediction.workshop import Key
from segbench.records import ClassScore, Reading, Scores

from .stand_ins import StandInJobs

KEY = Key("/r/one/checkpoints/best.safetensors", 10, "hash", False)
OPEN = Reading("windows", ((0.5, float("inf")),))
IOUS = {3: 0.5, 4: 0.25, 5: 0.75}


def build_scores(iou: float) -> Scores:
    hits = round(100 * iou)
    return Scores((ClassScore("disk", hits, 100 - hits, 0),), 1)


class StandInWorkshop:
    """Finds IOUS."""

    def evaluate(self, source: Any, indices: range, key: Key, reading: Reading) -> Any:
        for done, index in enumerate(indices, start=1):
            yield ImageScored(index, f"image {index}", build_scores(IOUS[index]), done, len(indices))
        return build_scores(0.5)


class Bench:
    """Hands events on as the presenter does."""

    def __init__(self) -> None:
        self.jobs = StandInJobs(self.take)
        self.scoring = SplitScoring(self.jobs, StandInWorkshop())  # type: ignore[arg-type]
        self.progress: list[tuple[int, int]] = []

    def take(self, events: Any) -> None:
        for event in events:
            self.take_one(event)

    def take_one(self, event: Event) -> None:
        match event:
            case JobEvent(job=job, event=ImageScored() as image):
                if self.scoring.take_image(job, image):
                    self.progress.append(self.scoring.progress)
            case JobDone(job=job, result=result):
                self.scoring.end(job, result)
            case JobCancelled(job=job):
                self.scoring.end(job)

    def start(self) -> None:
        self.scoring.start(None, "test", range(3, 6), KEY, OPEN)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_that_what_is_found_grows_and_ends_with_all_images_together(bench: Bench) -> None:
    bench.start()
    assert bench.scoring.running
    assert bench.scoring.progress == (0, 3)
    bench.jobs.run()
    assert bench.progress == [(1, 3), (2, 3), (3, 3)]
    scored = bench.scoring.scored
    assert scored is not None
    assert {image.index: image.iou for image in scored.images} == IOUS
    assert scored.pooled == build_scores(0.5)
    assert not bench.scoring.running
    assert bench.scoring.progress == (0, 0)


def test_that_a_whole_split_does_not_wait_for_a_training_to_end(bench: Bench) -> None:
    bench.start()
    assert not bench.jobs.queue[-1].options["urgent"]
    bench.jobs.start("train", iter(()))
    bench.start()
    assert bench.jobs.queue[-1].options["urgent"]


def test_that_what_was_found_is_stale_under_other_weights_or_thresholds(bench: Bench) -> None:
    scoring, other = bench.scoring, Reading("argmax", OPEN.windows)
    assert not scoring.is_stale(KEY, OPEN)
    bench.start()
    assert not scoring.is_stale(KEY, other), "said once it has all been found"
    bench.jobs.run()
    assert not scoring.is_stale(KEY, OPEN)
    assert scoring.is_stale(KEY, other)
    assert scoring.is_stale(KEY._replace(step=20), OPEN)
    assert scoring.is_stale(None, None)


def test_that_what_a_cancelled_job_found_is_kept(bench: Bench) -> None:
    bench.start()
    job = bench.jobs.queue[0].number
    assert bench.scoring.take_image(job, ImageScored(4, "image 4", build_scores(0.25), 1, 3))
    bench.scoring.cancel()
    assert bench.scoring.running, "until the job has ended"
    bench.jobs.run()
    assert not bench.scoring.running
    assert bench.scoring.scored is not None
    assert [image.index for image in bench.scoring.scored.images] == [4]
    assert bench.scoring.scored.pooled is None


def test_that_another_source_takes_nothing_from_the_job_of_the_last(bench: Bench) -> None:
    bench.start()
    job = bench.jobs.queue[0].number
    bench.scoring.forget()
    assert bench.jobs.kinds() == []
    assert bench.scoring.scored is None
    assert not bench.scoring.take_image(job, ImageScored(4, "image 4", build_scores(0.25), 1, 3))
    assert not bench.scoring.end(job)


def test_that_the_walk_begins_with_the_worst_wherever_one_stands_and_goes_round(bench: Bench) -> None:
    scoring = bench.scoring
    assert scoring.find_next_worst(3) is None
    bench.start()
    bench.jobs.run()
    assert scoring.find_next_worst(3) == 4
    assert scoring.find_next_worst(4) == 3
    assert scoring.find_next_worst(3) == 5
    assert scoring.find_next_worst(5) == 4
    assert scoring.find_next_worst(5) == 4, "whoever has gone elsewhere begins again"
    bench.start()
    bench.jobs.run()
    assert scoring.find_next_worst(4) == 4, "and so does whoever has scored again"


def test_that_images_without_an_iou_come_last() -> None:
    scored = ScoredSplit("test", 3, OPEN, "c")
    for index, iou in ((3, 0.9), (4, None), (5, 0.1)):
        scored.add(ScoredImage(index, str(index), iou))
    assert scored.ranked() == [5, 3, 4]
    assert scored.find_next_worst(99) == 5
    assert scored.find_next_worst(5) == 3
    assert scored.find_next_worst(4) == 5
    assert ScoredSplit("test", 0, OPEN, "c").find_next_worst(1) is None
