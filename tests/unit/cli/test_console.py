"""The words of the command line: lines of a run, tables of scores, ranges of settings, bars off a terminal."""

from __future__ import annotations

import signal

import pytest

from segbench.cli import console
from segbench.cli.interrupt import Interrupted, pull
from segbench.config import TrainConfig
from segbench.events import EpochDone, LossShared, StepDone, TrainingStarted
from segbench.knobs import list_knobs
from segbench.records import Baselines, ClassScore, Scores


def _started(step: int = 0, validation: int = 10) -> TrainingStarted:
    return TrainingStarted(
        run="r", step=step, total_steps=200, steps_per_epoch=100, epochs=2, device="cpu, 1 thread", parameters=1000,
        train_images=400, validation_images=validation, validation_split="val", baselines=Baselines(), time=0.0,
    )  # fmt: skip


def test_that_the_first_line_says_how_much_and_on_what():
    line = console.describe_start(_started())
    assert "2 epochs of 100 steps on 400 images, validated on 10 (val)" in line
    assert "cpu, 1 thread" in line
    assert console.describe_start(_started(step=7, validation=0)).startswith("Going on after step 7")
    assert "no validation" in console.describe_start(_started(validation=0))


def test_that_what_was_not_measured_is_left_out_not_zero():
    bare = EpochDone(1, 100, 0.5, None, None, None, 10.0, True)
    assert console.describe_epoch(bare, 2) == "epoch 1 of 2, train loss 0.5 (best)"
    scores = Scores((ClassScore("a", 0, 0, 0),), 1)
    assert "mean IoU -" in console.describe_epoch(EpochDone(1, 100, 0.5, 0.4, scores, None, 10.0, False), 2)


def test_that_a_run_is_followed_step_by_step(capsys):
    shown = []

    class Bar:
        def show(self, done, total, text=""):
            shown.append((done, total, text))

        def tell(self, line):
            shown.append(line)

    lines = console.TrainingLines(Bar())
    lines.show(_started())
    lines.show(StepDone(1, 2.0, 0.1, 1.0, 4))
    lines.show(StepDone(2, 2.0, 0.1, 2.0, 4))
    lines.show(StepDone(101, 2.0, 0.1, 3.0, 4))
    assert shown[1] == (1, 200, "epoch 1 of 2, loss 2")
    assert shown[2] == (2, 200, "epoch 1 of 2, loss 2, 4 images/s")
    assert shown[3][2].startswith("epoch 2 of 2")


def test_that_each_epoch_tells_who_owned_the_loss_last():
    told = []

    class Bar:
        def tell(self, line):
            told.append(line)

    ended = EpochDone(1, 100, 0.5, None, None, None, 10.0, False)
    lines = console.TrainingLines(Bar(), ("rectangle", "star"))
    for event in (_started(), ended, LossShared(1, (0.5, 0.5)), LossShared(100, (0.034, 0.966)), ended):
        lines.show(event)
    assert told[1:] == [
        "epoch 1 of 2, train loss 0.5",
        "epoch 1 of 2, train loss 0.5",
        "  loss by class: star 97 %, rectangle 3 %",
    ]
    many = console.describe_owners([f"c{k}" for k in range(11)], [0.3, *([0.05] * 4), 0.2, 0.1, *([0.05] * 4)])
    assert many == "  loss by class: c0 30 %, c5 20 %, c6 10 %, c1 5 %, c2 5 %, c3 5 %, 5 others 25 %"
    lines = console.TrainingLines(Bar(), ("road",))  # classes of another dataset
    for event in (_started(), LossShared(1, (0.5, 0.5)), ended):
        lines.show(event)
    assert told[-1] == "epoch 1 of 2, train loss 0.5"


def test_that_scores_stand_in_a_table_with_dashes_for_what_is_not_defined():
    scores = Scores((ClassScore("road", 8, 2, 0), ClassScore("sky", 0, 0, 0)), 3, pixel_accuracy=0.75)
    lines = console.describe_scores(scores)
    assert lines[1].split() == ["road", "0.800", "0.889", "0.800", "1.000", "8"]
    assert lines[2].split() == ["sky", "-", "-", "-", "-", "0"]
    assert lines[3].split()[:2] == ["mean", "0.800"]
    assert lines[4] == "pixel accuracy 0.750"
    document = console.scores_document(scores)
    assert document["classes"][1]["iou"] is None


def test_that_each_knob_tells_its_range():
    ranges = {knob.path: console.write_range(knob) for knob in list_knobs(TrainConfig())}
    assert ranges["optimizer.learning_rate"] == "number above 0 to 10"
    assert ranges["optimizer.momentum"] == "number from 0 below 1"
    assert ranges["epochs"] == "whole number from 1 to 100000"
    assert ranges["data.flip"] == "true or false"
    assert ranges["network.depth"] == "4 or 8 or 16"


def test_that_counts_agree_with_their_nouns():
    assert console.write_count(1, "image") == "1 image"
    assert console.write_count(12000, "file") == "12,000 files"


def test_that_off_a_terminal_a_long_job_says_a_line_now_and_then(capsys, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: clock[0])
    with console.open_bar("Working") as bar:
        for second in range(31):
            clock[0] = float(second)
            bar.show(second, 31)
    assert capsys.readouterr().err.splitlines() == ["Working: 11 of 31", "Working: 22 of 31"]


def test_that_pulling_gives_what_the_generator_returns():
    def work():
        yield 1
        yield 2
        return "done"

    seen = []
    assert pull(work(), seen.append) == "done"
    assert seen == [1, 2]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_that_a_signal_closes_the_work_between_two_events(number, code):
    told = []

    def work():
        try:
            while True:
                yield "step"
        finally:
            told.append("saved")

    before = signal.getsignal(number)
    with pytest.raises(Interrupted) as caught:
        pull(work(), lambda event: signal.raise_signal(number))
    assert caught.value.code == code
    assert told == ["saved"]
    assert signal.getsignal(number) is before


def test_that_a_second_press_stops_at_once():
    def work():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        yield "never"

    with pytest.raises(KeyboardInterrupt):
        pull(work(), lambda event: None)
