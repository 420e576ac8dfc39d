"""The welcome, empty places, the status bar, the log and what they are told."""

from __future__ import annotations

import logging

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton

from segbench.errors import ErrorReport
from segbench.events import (
    JobCancelled,
    JobDone,
    JobEvent,
    JobFailed,
    JobPaused,
    JobResumed,
    JobStarted,
    MemoryRead,
    Progressed,
    StepDone,
    TrainingStarted,
)
from segbench.gui.activity import Activity, describe_bytes, describe_time_left
from segbench.gui.panels.training.state import RunRecord
from segbench.gui.widgets.empty_state import EmptyState
from segbench.gui.widgets.log_view import LogRelay, LogView
from segbench.gui.widgets.status import Status
from segbench.gui.widgets.welcome import DOORS, Welcome
from segbench.records import Baselines


def test_that_every_door_of_the_welcome_opens(qtbot, any_theme):
    welcome = Welcome()
    qtbot.addWidget(welcome)
    for signal, button in welcome.doors.items():
        with qtbot.waitSignal(getattr(welcome, signal), timeout=1000):
            button.click()
    with qtbot.waitSignal(welcome.tour_requested, timeout=1000):
        welcome.tour.click()
    assert len(welcome.doors) == len(DOORS) == 3


def test_that_a_long_or_odd_recent_path_is_shown_whole_in_its_tip(qtbot):
    welcome = Welcome()
    qtbot.addWidget(welcome)
    path = "/data/" + "très-long & überlang/" * 12 + "сет.gz"
    welcome.set_recent([path])
    button = next(b for b in welcome.findChildren(QPushButton) if b.toolTip() == path)
    assert "&&" in button.text() or "…" in button.text()
    assert button.sizeHint().width() < 760
    with qtbot.waitSignal(welcome.recent_requested) as told:
        button.click()
    assert told.args == [path]


def test_that_an_empty_place_has_a_sentence_and_a_button(qtbot):
    place = EmptyState("Nothing is here yet.", "Open…")
    qtbot.addWidget(place)
    with qtbot.waitSignal(place.requested):
        place.button.click()
    place.say("Still nothing.")
    assert place.accessibleName() == "Still nothing."


def test_that_the_status_bar_tells_of_a_job_and_can_cancel_it(qtbot):
    status = Status()
    qtbot.addWidget(status)
    status.show()
    status.show_job("Generating 200 images", 50, 200, "3 s left", True)
    assert (status.bar.value(), status.bar.maximum()) == (50, 200)
    with qtbot.waitSignal(status.cancel_requested):
        status.cancel.click()
    status.show_job("Training", 1, 0, "", False)
    assert not status.bar.isVisible()
    assert not status.cancel.isVisible()
    status.show_no_job()
    assert not status.work.isVisible()


def _start(activity, job, kind="generate"):
    activity.adopt([JobStarted(job, kind, f"{kind} {job}")])


def test_that_training_is_told_before_what_began_later():
    activity = Activity(lambda: 0.0)
    _start(activity, 1, "train")
    _start(activity, 2, "generate")
    assert activity.shown.kind == "train"
    assert activity.others == 1
    activity.adopt([JobDone(1, "train", None)])
    assert activity.shown.kind == "generate"
    activity.adopt([JobCancelled(2, "generate")])
    assert activity.shown is None


def test_that_short_jobs_are_not_told():
    activity = Activity(lambda: 0.0)
    _start(activity, 1, "thumbnails")
    activity.adopt([JobEvent(1, "thumbnails", Progressed("reading", 1, 2))])
    assert activity.shown is None


def test_that_time_left_follows_the_rate_since_the_start():
    now = [0.0]
    activity = Activity(lambda: now[0])
    _start(activity, 1)
    activity.adopt([JobEvent(1, "generate", Progressed("writing", 0, 100))])
    assert activity.shown.seconds_left is None
    now[0] = 5.0
    activity.adopt([JobEvent(1, "generate", Progressed("writing", 25, 100))])
    assert activity.shown.seconds_left == pytest.approx(15)
    activity.adopt([JobPaused(1)])
    assert activity.shown.seconds_left is None
    activity.adopt([JobResumed(1), JobFailed(1, "generate", ErrorReport("", "", ""))])
    assert activity.shown is None


def _train(activity, *facts, step=0):
    """A training of 300 steps that begins, or goes on, behind `step`."""
    started = TrainingStarted("/run", step, 300, 50, 6, "cpu, 1 thread", 7, 200, 40, "test", Baselines(), 0.0)
    _start(activity, 1, "train")
    activity.adopt([JobEvent(1, "train", fact) for fact in (started, *facts)])


def test_that_a_training_tells_the_time_left_that_its_page_tells():
    activity = Activity(lambda: 1e6)  # whatever a clock says: pauses and the time before the first step are not work
    steps = [StepDone(i, 0.5, 1e-3, 40.0 + 2.0 * i, 4) for i in range(101, 151)]
    _train(activity, *steps, step=100)
    record = RunRecord("/run", "run")
    record.add([TrainingStarted("/run", 100, 300, 50, 6, "cpu", 7, 200, 40, "test", Baselines(), 0.0), *steps])
    assert activity.shown.seconds_left == record.remaining == pytest.approx(300.0)


def test_that_a_validation_inside_a_training_does_not_move_its_bar():
    activity = Activity(lambda: 0.0)
    _train(activity, StepDone(110, 0.5, 1e-3, 2.0, 4), StepDone(150, 0.5, 1e-3, 10.0, 4), step=100)
    activity.adopt(
        [JobEvent(1, "train", Progressed("scoring", 40, 40)), JobEvent(1, "train", MemoryRead(5, 0, "process"))]
    )
    assert (activity.shown.done, activity.shown.total) == (150, 300)
    assert activity.shown.seconds_left == pytest.approx(30)
    assert activity.device == "cpu, 1 thread"
    assert activity.memory.used == 5


def test_that_a_validation_is_told_instead_of_a_time_that_leaves_it_out():
    activity = Activity(lambda: 0.0)
    _train(activity, StepDone(1, 0.5, 1e-3, 0.1, 4), StepDone(299, 0.5, 1e-3, 10.0, 4))
    assert activity.shown.news == "1 s left"
    activity.adopt([JobEvent(1, "train", Progressed("validating", 12, 34))])
    assert activity.shown.news == "validating 12 of 34"
    activity.adopt([JobEvent(1, "train", StepDone(300, 0.5, 1e-3, 10.0, 4))])
    assert "validating" not in activity.shown.news
    activity.adopt([JobPaused(1)])
    assert activity.shown.news == "paused"


def test_that_times_and_sizes_read_well():
    assert describe_time_left(0.2) == "1 s left"
    assert describe_time_left(200) == "about 3 min left"
    assert describe_time_left(7500) == "2 h 5 min left"
    assert describe_bytes(312_000_000) == "312 MB"
    assert describe_bytes(1_440_000_000) == "1.4 GB"


def test_that_the_log_filters_by_level_and_copies_what_is_shown(qtbot, any_theme):
    relay, log = LogRelay(), logging.getLogger("segbench.test")
    log.setLevel(logging.DEBUG)
    log.addHandler(relay)
    try:
        log.info("before the view was built")
        view = LogView(relay)
        qtbot.addWidget(view)
        log.debug("a detail")
        log.error("a failure\n")
        assert "before the view" in view.text.toPlainText()
        assert "a detail" not in view.text.toPlainText()
        view.level.setCurrentIndex(0)
        assert "a detail" in view.text.toPlainText()
        view.level.setCurrentIndex(3)
        view.copy.click()
        assert QGuiApplication.clipboard().text().strip().endswith("a failure")
        assert "before" not in QGuiApplication.clipboard().text()
        view.clear.click()
        assert view.text.toPlainText() == ""
    finally:
        log.removeHandler(relay)
