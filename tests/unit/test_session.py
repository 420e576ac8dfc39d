"""The session: what is open now, told to every panel in order."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import msgspec
import pytest

from segbench import settings as preferences
from segbench.events import (
    CheckpointClosed,
    CheckpointOpened,
    ClassRecolored,
    DatasetClosed,
    DatasetOpened,
    JobDone,
    PageRequested,
    PinsChanged,
    RunOpened,
    RunsListed,
    SampleSelected,
)
from segbench.gui.session import Session
from segbench.records import CheckpointInfo, ClassInfo, ClassTable, DatasetInfo
from segbench.settings import Settings


class FakeDataset:
    def __init__(self, count=10):
        self.info = DatasetInfo("shapes", "purdue", "data/shapes.gz", None, {"train": count}, None)

    def __len__(self):
        return self.info.count


def open_colored(session, *classes):
    dataset = FakeDataset()
    dataset.info = msgspec.structs.replace(dataset.info, classes=ClassTable(classes, exclusive=False))
    session.publish([JobDone(1, "open dataset", dataset)])
    session.heard.clear()


class FakeJobs:
    def __init__(self):
        self.started = []

    def start(self, kind, events, **options):
        self.started.append((kind, options))
        events.close()
        return SimpleNamespace(kind=kind)


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGBENCH_HOME", str(tmp_path))
    made = Session(Settings())
    made.attach(FakeJobs())
    made.heard = []
    made.subscribe(made.heard.extend)
    return made


def open_dataset(session, count=10):
    session.publish([JobDone(1, "open dataset", FakeDataset(count))])
    session.heard.clear()


def test_that_an_opened_dataset_is_taken_over_before_panels_hear_of_it(session):
    seen = []
    session.subscribe(lambda events: seen.append(session.dataset is not None))
    dataset = FakeDataset()
    session.publish([JobDone(1, "open dataset", dataset)])
    assert session.dataset is dataset
    assert seen == [True]
    assert [type(event) for event in session.heard] == [JobDone, DatasetOpened]
    assert preferences.load_settings().recent == ("data/shapes.gz",)


def test_that_another_dataset_starts_at_its_first_sample_without_pins(session):
    open_dataset(session)
    session.select_sample(7)
    session.set_pins((1, 2))
    open_dataset(session)
    assert (session.sample, session.pins.indices) == (0, ())


def test_that_closing_forgets_sample_and_pins(session):
    open_dataset(session)
    session.select_sample(7)
    session.set_pins((1, 2))
    session.close_dataset()
    assert (session.dataset, session.sample, session.pins.indices) == (None, 0, ())
    assert session.heard[-1] == DatasetClosed()


@pytest.mark.parametrize(("asked", "given"), [(-5, 0), (0, 0), (9, 9), (10, 9), (10**9, 9)])
def test_that_a_selection_stays_within_the_dataset(session, asked, given):
    open_dataset(session)
    session.select_sample(asked)
    assert session.sample == given
    assert session.heard == [SampleSelected(given)]


def test_that_nothing_can_be_selected_without_a_dataset(session):
    session.select_sample(3)
    open_dataset(session, count=0)
    session.select_sample(3)
    assert session.heard == []


def test_that_a_checkpoint_and_a_list_of_runs_are_told(session, tmp_path):
    (tmp_path / "best").touch()
    info = CheckpointInfo(str(tmp_path / "best"), "munet", ClassTable((), False), "planes", 1, 1, 10)
    session.publish([JobDone(1, "open checkpoint", info), JobDone(2, "list runs", [])])
    assert session.checkpoint is info
    assert [type(event) for event in session.heard] == [JobDone, CheckpointOpened, JobDone, RunsListed]


def test_that_a_checkpoint_goes_with_its_file(session, tmp_path):
    file = tmp_path / "best"
    file.touch()
    info = CheckpointInfo(str(file), "munet", ClassTable((), False), "planes", 1, 1, 10)
    session.publish([JobDone(1, "open checkpoint", info)])
    file.unlink()
    session.publish([JobDone(2, "list runs", [])])
    assert session.checkpoint is None
    assert isinstance(session.heard[-1], CheckpointClosed)


def test_that_batches_reach_every_panel_in_order(session):
    other = []
    session.subscribe(other.extend)
    batch = [SampleSelected(number) for number in range(100)]
    session.publish(batch)
    assert session.heard == other == batch


def test_that_what_a_panel_says_of_a_fact_is_heard_behind_that_fact_by_all(session):
    order, dataset = [], FakeDataset()
    session.subscribe(lambda events: [session.set_pins((4,)) for e in events if isinstance(e, DatasetOpened)])
    session.subscribe(lambda events: order.extend(type(e) for e in events))
    session.publish([JobDone(1, "open dataset", dataset), SampleSelected(2)])
    assert order == [type(e) for e in session.heard] == [JobDone, DatasetOpened, SampleSelected, PinsChanged]


def test_that_an_error_keeps_no_later_fact_from_being_heard(session, caplog):
    def stumble(events):
        if SampleSelected(1) in events:
            session.show_page("dataset")
            raise ValueError("a view is broken")

    session.subscribe(stumble)
    with caplog.at_level(logging.CRITICAL), pytest.raises(ValueError, match="broken"):
        session.publish([SampleSelected(1)])
    session.publish([SampleSelected(2)])
    assert session.heard == [SampleSelected(1), PageRequested("dataset"), SampleSelected(2)]


def test_that_one_panel_s_error_does_not_keep_the_others_from_hearing(session, caplog):
    def stumble(events):
        raise ValueError("a view is broken")

    late = []
    session.subscribe(stumble)
    session.subscribe(late.extend)
    with caplog.at_level(logging.CRITICAL), pytest.raises(ValueError, match="broken"):
        session.publish([SampleSelected(1)])
    assert late == [SampleSelected(1)]


def test_that_what_panels_ask_for_becomes_an_io_job_or_a_fact(session):
    session.open_dataset("data/shapes.gz")
    session.open_checkpoint("run/best")
    session.list_runs()
    assert [kind for kind, _ in session.jobs.started] == ["open dataset", "open checkpoint", "list runs"]
    assert all(options["lane"] == "io" and options["newest_wins"] for _, options in session.jobs.started)
    session.open_run("runs/a")
    session.show_page("training")
    session.set_pins((3,))
    assert session.heard == [RunOpened("runs/a"), PageRequested("training"), PinsChanged((3,))]


def test_that_preferences_that_cannot_be_saved_are_kept_in_memory(session, monkeypatch, caplog):
    def refuse(_):
        raise PermissionError(13, "no")

    monkeypatch.setattr(preferences, "save_settings", refuse)
    session.change_settings(theme="dark")
    assert session.settings.theme == "dark"
    assert "could not be saved" in caplog.text


def test_that_a_session_without_a_job_runner_says_so(session):
    with pytest.raises(AssertionError, match="JobRunner"):
        _ = Session(Settings()).jobs


def test_that_a_class_has_the_users_colour_else_the_datasets_else_its_own(session):
    network = ClassTable(tuple(ClassInfo(name, (k, k, k)) for k, name in enumerate(("disk", "star", "box"))), False)
    open_colored(session, ClassInfo("disk", (9, 9, 9)), ClassInfo("star", (8, 8, 8)))
    session.set_color("disk", (1, 2, 3))
    assert session.recolor(network).colors == ((1, 2, 3), (8, 8, 8), (2, 2, 2))
    assert session.heard == [ClassRecolored("disk", (1, 2, 3))]
    session.set_color("disk", None)
    assert session.recolor(network).colors[0] == (9, 9, 9)
    assert session.find_color("disk") is None
