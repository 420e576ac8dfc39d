"""The training page with real widgets, a real job runner and a real, very small training."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QUndoStack
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QInputDialog, QLabel, QMessageBox, QPushButton, QSpinBox, QToolButton

from segbench.data.dataset import Dataset
from segbench.data.shapes import generate
from segbench.events import DatasetOpened, PageRequested, RunOpened, RunsCompared
from segbench.formats.purdue import PURDUE_CLASSES
from segbench.formats.runs import find_runs, open_run
from segbench.gui.panels.training.header import describe_time
from segbench.gui.panels.training.presenter import TrainingPresenter
from segbench.gui.panels.training.state import TrainingState
from segbench.gui.panels.training.view import TrainingView
from segbench.jobs import JobRunner
from segbench.settings import find_runs_folder

Wait = Callable[..., None]


@pytest.fixture
def page(running: Any, qtbot: Any) -> Iterator[TrainingView]:
    """The page as app.py composes it, with a small dataset open and the smallest network chosen."""
    session, jobs = running.session, running.jobs
    presenter = TrainingPresenter(session, jobs)
    view = TrainingView(presenter)
    presenter.attach(view)
    session.subscribe(presenter.handle)
    view.resize(1260, 700)
    view.show()
    samples = [*generate(12, 0, size=16), *generate(4, 1, size=16, split="test", first=12)]
    session.dataset = Dataset.from_samples(samples, PURDUE_CLASSES, "shapes")
    session.publish([DatasetOpened(session.dataset.info)])
    choose(view, epochs=2, **{"network.depth": 4, "data.batch_size": 4, "data.hold_out": 0.0, "preview_seconds": 0.2})
    yield view
    finish(view, jobs, qtbot)


def finish(view: TrainingView, jobs: JobRunner, qtbot: Any) -> None:
    """Lets every job end while the view is still there to hear of it, as app.py does, then closes it."""
    for job in jobs.jobs():
        job.cancel()
    qtbot.waitUntil(lambda: not jobs.jobs(), timeout=60_000)
    qtbot.wait(100)
    view.close()
    view.deleteLater()


def choose(view: TrainingView, **changes: Any) -> None:
    raw = view.form.values()
    for path, value in changes.items():
        group, _, name = path.rpartition(".")
        (raw[group] if group else raw)[name] = value
    view.form.set_values(raw)


def press(view: TrainingView, name: str) -> None:
    button = view.findChild(QPushButton, name) or view.findChild(QToolButton, name)
    assert button is not None
    assert button.isEnabled(), name
    button.click()


def phase(view: TrainingView) -> str:
    return view.state.phase


def test_that_a_run_trains_from_start_to_end_and_shows_it(page: TrainingView, running: Any, wait_for: Wait) -> None:
    press(page, "start")
    assert phase(page) == "preparing"
    wait_for(lambda: phase(page) == "completed", timeout=60_000)
    page.curves.redraw()
    assert page.header.fact("step") == "6 / 6"
    assert page.header.fact("epoch") == "2 / 2"
    assert page.header.fact("best") != "no validation"
    assert "cpu" in page.header.fact("device")
    (key,) = page.curves.shown
    run = page.curves.run(key)
    assert run is not None
    assert run.loss.raw.x.tolist() == [1, 2, 3, 4, 5, 6]
    assert len(run.validation) == 2
    (info,) = find_runs(find_runs_folder(running.session.settings))
    assert info.state == "completed"
    assert info.step == 6
    assert len(page.strip.cards) > 0
    assert page.header.owners.isVisible()
    assert [name for name, _ in page.header.owners.shares] == list(PURDUE_CLASSES.names)
    assert sum(share for _, share in page.header.owners.shares) == pytest.approx(1)
    wait_for(lambda: page.header.continue_button.isVisible())


def test_that_stop_keeps_the_model_and_the_run_goes_on_with_more_epochs(
    page: TrainingView, running: Any, wait_for: Wait
) -> None:
    choose(page, epochs=500)
    press(page, "start")
    wait_for(lambda: page.state.step >= 2, timeout=60_000)
    press(page, "stop")
    assert page.stop_button.text() == "Stopping…"
    assert not page.stop_button.isEnabled()
    wait_for(lambda: phase(page) == "stopped", timeout=60_000)
    (info,) = find_runs(find_runs_folder(running.session.settings))
    run = open_run(Path(info.path))
    assert info.state == "stopped"
    assert run.checkpoint("last").exists()
    wait_for(lambda: page.state.can_continue)
    running.session.dataset.info = run.file.dataset
    press(page, "continue_run")
    dialog = page.findChild(QInputDialog, "continue_dialog")
    assert dialog is not None
    assert dialog.intValue() == 500
    dialog.setIntValue(page.state.epoch + 1)
    dialog.accept()
    wait_for(lambda: phase(page) == "completed", timeout=60_000)
    curves = page.curves.run(page.curves.shown[0])
    assert curves is not None
    steps = curves.loss.raw.x.tolist()
    assert steps == list(range(1, len(steps) + 1))
    assert find_runs(find_runs_folder(running.session.settings))[0].step == len(steps)


def test_that_cancel_asks_and_then_deletes_the_folder(page: TrainingView, running: Any, wait_for: Wait) -> None:
    choose(page, epochs=500)
    press(page, "start")
    wait_for(lambda: page.state.step >= 1, timeout=60_000)
    (folder,) = find_runs_folder(running.session.settings).iterdir()
    press(page, "cancel")
    box = page.findChild(QMessageBox, "cancel_dialog")
    assert box is not None
    assert "Stop would keep" in box.informativeText()
    box.defaultButton().click()
    assert phase(page) in ("training", "validating")
    press(page, "cancel")
    box = next(b for b in page.findChildren(QMessageBox, "cancel_dialog") if b.isVisible())
    next(b for b in box.buttons() if b.text() == "Discard").click()
    assert page.cancel_button.text() == "Discarding…"
    wait_for(lambda: phase(page) == "idle", timeout=60_000)
    assert not folder.exists()
    assert not page.curves.shown
    assert page.start_button.isVisible()


def test_that_a_paused_run_stands_still_and_goes_on(page: TrainingView, wait_for: Wait) -> None:
    choose(page, epochs=500)
    press(page, "start")
    wait_for(lambda: page.state.step >= 1, timeout=60_000)
    press(page, "pause")
    wait_for(lambda: page.pause_button.text() == "Resume")
    QTest.qWait(150)
    step = page.state.step
    QTest.qWait(200)
    assert page.state.step == step
    press(page, "pause")
    wait_for(lambda: page.state.step > step)
    press(page, "stop")
    wait_for(lambda: phase(page) == "stopped")


def test_that_memory_that_runs_out_ends_in_a_button_with_a_smaller_batch(
    page: TrainingView, running: Any, wait_for: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segbench.training import trainer

    real = trainer.Trainee._learn

    def learn(self: Any, part: Any, share: float) -> Any:
        if len(part.indices) > 2:
            raise MemoryError
        return real(self, part, share)

    monkeypatch.setattr(trainer.Trainee, "_learn", learn)
    press(page, "start")
    wait_for(lambda: phase(page) == "failed", timeout=60_000)
    assert "does not hold 4 images of a batch together" in page.header.sentence.text()
    assert not list(find_runs_folder(running.session.settings).iterdir())  # nothing was learnt, nothing is kept
    press(page, "smaller_batch")
    wait_for(lambda: phase(page) == "completed", timeout=60_000)
    together, batch = page.form.editor("data.at_once"), page.form.editor("data.batch_size")
    assert isinstance(together, QSpinBox)
    assert isinstance(batch, QSpinBox)
    assert (together.value(), batch.value()) == (2, 4)


def test_that_the_pinned_predictions_refresh_while_it_trains(page: TrainingView, wait_for: Wait) -> None:
    choose(page, epochs=500)
    press(page, "start")
    wait_for(lambda: any("step" in card.note for card in page.strip.contents()), timeout=60_000)
    press(page, "stop")
    wait_for(lambda: phase(page) == "stopped")


def test_that_a_run_without_validation_says_so_in_words(page: TrainingView, running: Any, wait_for: Wait) -> None:
    session = running.session
    session.dataset = Dataset.from_samples(list(generate(8, 0, size=16)), PURDUE_CLASSES, "few")
    session.publish([DatasetOpened(session.dataset.info)])
    choose(page, epochs=1)
    press(page, "start")
    wait_for(lambda: phase(page) == "completed", timeout=60_000)
    assert page.header.fact("best") == "no validation"


def test_that_finished_runs_replay_and_compare_and_save_as_csv(
    page: TrainingView, running: Any, wait_for: Wait, qtbot: Any, tmp_path: Path
) -> None:
    for _ in range(2):
        press(page, "start")
        wait_for(lambda: phase(page) == "completed", timeout=60_000)
    infos = find_runs(find_runs_folder(running.session.settings))
    presenter = TrainingPresenter(running.session, running.jobs)
    fresh = TrainingView(presenter)
    presenter.attach(fresh)
    running.session.subscribe(presenter.handle)
    fresh.resize(1260, 700)
    fresh.show()
    running.session.publish([RunOpened(infos[0].path), RunsCompared(tuple(info.path for info in infos))])
    wait_for(lambda: fresh.state.phase == "completed" and len(fresh.curves.legend.keys()) > 12)
    fresh.curves.redraw()
    assert fresh.curves.shown == (infos[0].path, infos[1].path)
    out = tmp_path / "curves.csv"
    presenter.save_curves(str(out))
    wait_for(out.exists)
    with open(out, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    assert {row["run"] for row in rows} == {info.name for info in infos}
    assert rows[2]["mean_iou"] != ""
    assert rows[1]["mean_iou"] == ""
    finish(fresh, running.jobs, qtbot)


def test_that_the_empty_page_has_one_sentence_and_one_button(running: Any, qtbot: Any) -> None:
    presenter = TrainingPresenter(running.session, running.jobs)
    view = TrainingView(presenter)
    presenter.attach(view)
    view.show()
    assert view.empty.isVisible()
    assert "Open a dataset" in view.empty.sentence.text()
    assert not view.start_button.isEnabled()
    view.empty.button.click()
    assert PageRequested("dataset") in running.events
    finish(view, running.jobs, qtbot)


def test_that_wrong_settings_cannot_be_started(page: TrainingView) -> None:
    page.form.editor("optimizer.learning_rate").setText("99")  # type: ignore[attr-defined]
    assert not page.start_button.isEnabled()
    assert "at most 10" in page.start_button.toolTip()
    page.form.editor("optimizer.learning_rate").setText("0.01")  # type: ignore[attr-defined]
    assert page.start_button.isEnabled()


def test_that_a_grey_start_says_why(page: TrainingView, running: Any) -> None:
    running.session.close_dataset()
    assert not page.start_button.isEnabled()
    assert "Open a dataset" in page.start_button.toolTip()
    page.show_state(TrainingState(phase="completed", name="one", refusal="Open a dataset first."))
    assert page.header.banner.isVisible()
    assert page.header.sentence.text() == "Open a dataset first."


def test_that_edits_of_the_form_are_undone_row_by_row(page: TrainingView) -> None:
    stack = QUndoStack()
    page.set_undo_stack(stack)
    before = page.form.values()
    batch = page.form.editor("data.batch_size")
    rate = page.form.editor("optimizer.learning_rate")
    assert isinstance(batch, QSpinBox)
    for size in (5, 6, 7):
        batch.setValue(size)
    rate.setText("0.5")  # type: ignore[attr-defined]
    assert stack.count() == 2
    stack.undo()
    assert page.form.values()["data"]["batch_size"] == 7
    stack.undo()
    assert page.form.values() == before
    stack.redo()
    assert batch.value() == 7


def test_that_every_action_has_a_name_a_tip_and_the_main_ones_a_key(page: TrainingView) -> None:
    actions = page.actions_list()
    assert all(action.objectName() and action.statusTip() for action in actions)
    keys = [action.shortcut().toString() for action in actions if not action.shortcut().isEmpty()]
    assert "Ctrl+T" in keys
    assert len(keys) == len(set(keys))


def test_that_the_layout_survives_a_restart(page: TrainingView) -> None:
    states = page.save_layout()
    page._across.setSizes([500, 700])
    moved = page._across.sizes()
    page.restore_layout(states)
    assert page._across.sizes() != moved
    page.restore_layout({})


def test_that_the_page_fits_a_small_screen(page: TrainingView) -> None:
    shares = (("a class with a rather long name", 0.6), ("another class with a rather long name", 0.4))
    page.show_state(
        TrainingState(
            phase="training", name="a run with a rather long name", step=1, total_steps=10, shares=shares, can_stop=True
        )
    )
    assert page.minimumSizeHint().width() <= 1366 - 84
    assert page.minimumSizeHint().height() <= 768 - 120


def test_that_cards_are_chosen_by_keyboard_too(page: TrainingView, running: Any, wait_for: Wait) -> None:
    wait_for(lambda: bool(page.strip.cards))
    card = page.strip.cards[0]
    QTest.keyClick(card, Qt.Key.Key_Return)
    assert running.session.sample == running.session.pins.indices[0]


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "–"), (4.4, "4 s"), (59.7, "1 min 00 s"), (725, "12 min 05 s"), (12_000, "3 h 20 min")]
)
def test_that_times_read_like_times(seconds: float | None, text: str) -> None:
    assert describe_time(seconds) == text


def test_that_facts_have_titles_above_them(page: TrainingView) -> None:
    titles = {label.text() for label in page.header.findChildren(QLabel)}
    assert {"Epoch", "Step", "Images/s", "Left", "Loss", "Best IoU", "Device", "Memory"} <= titles
