"""The list of runs with real widgets and real run folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QFont, QFontMetrics
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu, QMessageBox, QStyleOptionViewItem

from segbench.config import TrainConfig
from segbench.events import RunContinueRequested, RunOpened, RunsCompared, StepDone, TrainingEnded, TrainingStarted
from segbench.formats.runs import create_run
from segbench.gui.main_window import RUNS_WIDTH
from segbench.gui.panels.runs.presenter import RunsPresenter
from segbench.gui.panels.runs.view import RunsView
from segbench.records import Baselines, ClassTable, DatasetInfo
from segbench.settings import find_runs_folder

Wait = Callable[..., None]


def make_run(folder: Path, started: float, loss: float, dataset: str = "shapes") -> Path:
    run = create_run(folder, TrainConfig(), DatasetInfo(dataset, "purdue", "/d", ClassTable((), False), {}, None))
    run.change(started=started)
    run.append(TrainingStarted(str(run.path), 0, 9, 3, 3, "cpu", 1, 1, 0, "", Baselines(), started))
    run.append(StepDone(1, loss, 0.1, 1.0, 4))
    run.append(TrainingEnded("stopped", 1, 1.0, 0))
    run.close()
    return run.path


@pytest.fixture
def runs(running: Any) -> list[Path]:
    """Three run folders, the oldest first."""
    folder = find_runs_folder(running.session.settings)
    return [make_run(folder, 1000.0 * k, loss, name) for k, (loss, name) in enumerate([(3.0, "city"), (1.0, "shapes"), (2.0, "shapes")], 1)]  # fmt: skip


@pytest.fixture
def panel(running: Any, runs: list[Path], qtbot: Any, wait_for: Wait) -> Iterator[RunsView]:
    presenter = RunsPresenter(running.session, running.jobs)
    view = RunsView(presenter)
    presenter.attach(view)
    running.session.subscribe(presenter.handle)
    view.resize(420, 500)
    with qtbot.waitActive(view):
        view.show()
        view.activateWindow()
    wait_for(lambda: view.filter.rowCount() == 3)
    view.table.setFocus()
    yield view
    finish(view, running, qtbot)


def finish(view: RunsView, running: Any, qtbot: Any) -> None:
    """Lets every job end while the view is still there to hear of it, then closes it."""
    qtbot.waitUntil(lambda: not running.jobs.jobs(), timeout=10_000)
    qtbot.wait(100)
    view.close()
    view.deleteLater()


def names(panel: RunsView) -> list[str]:
    return [panel.filter.index(row, 0).data() for row in range(panel.filter.rowCount())]


def test_that_runs_are_listed_when_first_shown_newest_first(panel: RunsView, runs: list[Path]) -> None:
    assert names(panel) == [path.name for path in reversed(runs)]


def test_that_a_column_sorts_by_number_and_not_by_text(panel: RunsView, runs: list[Path]) -> None:
    panel.table.sortByColumn(3, Qt.SortOrder.AscendingOrder)
    assert names(panel) == [runs[1].name, runs[2].name, runs[0].name]


def test_that_the_filter_takes_every_word(panel: RunsView, runs: list[Path]) -> None:
    panel.search.setText("munet CITY")
    assert names(panel) == [runs[0].name]
    panel.search.clear()
    assert len(names(panel)) == 3


def test_that_enter_and_double_click_open_a_run(panel: RunsView, running: Any, runs: list[Path]) -> None:
    panel.table.selectRow(0)
    QTest.keyClick(panel.table, Qt.Key.Key_Return)
    assert RunOpened(str(runs[2])) in running.events
    panel.table.doubleClicked.emit(panel.filter.index(1, 0))
    assert RunOpened(str(runs[1])) in running.events
    font = panel.filter.index(1, 0).data(Qt.ItemDataRole.FontRole)
    assert font is not None
    assert font.bold()


def test_that_ticks_compare_and_space_ticks(panel: RunsView, running: Any, runs: list[Path]) -> None:
    panel.table.selectRow(2)
    QTest.keyClick(panel.table, Qt.Key.Key_Space)
    assert running.events[-1] == RunsCompared((str(runs[0]),))
    panel.table.selectRow(0)
    QTest.keyClick(panel.table, Qt.Key.Key_Space)
    assert running.events[-1] == RunsCompared((str(runs[0]), str(runs[2])))
    panel.model.clear_ticks()
    assert running.events[-1] == RunsCompared(())


def test_that_deleting_asks_and_keeps_by_default(panel: RunsView, runs: list[Path], wait_for: Wait) -> None:
    panel.table.selectRow(0)
    QTest.keyClick(panel.table, Qt.Key.Key_Delete)
    box = panel.findChild(QMessageBox, "delete_dialog")
    assert box is not None
    assert box.defaultButton().text() == "Keep"
    next(b for b in box.buttons() if b.text() == "Delete").click()
    wait_for(lambda: panel.filter.rowCount() == 2)
    assert not runs[2].exists()


def test_that_deleting_speaks_of_one_run_as_one(panel: RunsView) -> None:
    texts = []
    for chosen in (1, 2):
        panel.table.selectRow(0)
        if chosen == 2:
            panel.table.selectAll()
        panel._ask_delete()
        box = next(b for b in panel.findChildren(QMessageBox, "delete_dialog") if b.isVisible())
        texts.append((box.windowTitle(), box.informativeText().split()[0]))
        box.reject()
    assert texts == [("Delete run", "Its"), ("Delete runs", "Their")]


def test_that_names_alone_are_cut_at_their_beginning(panel: RunsView) -> None:
    option = QStyleOptionViewItem()
    panel.table.itemDelegateForColumn(0).initStyleOption(option, panel.filter.index(0, 0))
    assert option.textElideMode == Qt.TextElideMode.ElideLeft
    assert panel.table.textElideMode() == Qt.TextElideMode.ElideRight
    bold = QFont(panel.table.font())
    bold.setBold(True)
    assert QFontMetrics(bold).horizontalAdvance("Interrupted") < panel.table.columnWidth(1)


def test_that_the_best_iou_is_seen_without_scrolling(panel: RunsView) -> None:
    panel.resize(RUNS_WIDTH, 500)
    assert sum(panel.table.columnWidth(place) for place in range(3)) <= panel.table.viewport().width()


def test_that_a_deleted_run_is_no_longer_compared(
    panel: RunsView, running: Any, runs: list[Path], wait_for: Wait
) -> None:
    panel.table.selectRow(0)
    QTest.keyClick(panel.table, Qt.Key.Key_Space)
    panel._presenter.delete([str(runs[2])])
    wait_for(lambda: panel.filter.rowCount() == 2)
    assert RunsCompared(()) in running.events


def test_that_renaming_shows_the_new_name(panel: RunsView, runs: list[Path], wait_for: Wait) -> None:
    panel._presenter.rename(str(runs[0]), "first light")
    wait_for(lambda: "first light" in names(panel))
    assert runs[0].exists()


def test_that_continue_asks_the_training_page(panel: RunsView, running: Any, runs: list[Path]) -> None:
    panel.table.selectRow(0)
    next(action for action in panel.actions_list() if action.objectName() == "runs_continue").trigger()
    assert RunContinueRequested(str(runs[2])) in running.events


def test_that_the_keys_of_the_list_are_typed_in_its_filter(panel: RunsView, running: Any, runs: list[Path]) -> None:
    panel.table.selectRow(0)
    panel.search.setFocus()
    QTest.keyClicks(panel.search, "a b")
    QTest.keyClick(panel.search, Qt.Key.Key_Delete)
    QTest.keyClick(panel.search, Qt.Key.Key_Return)
    assert panel.search.text() == "a b"
    assert panel.findChild(QMessageBox, "delete_dialog") is None
    assert not panel.model.ticked
    assert RunOpened(str(runs[2])) not in running.events


def test_that_actions_wait_for_a_selection(panel: RunsView) -> None:
    panel.table.clearSelection()
    assert [action.objectName() for action in panel.actions_list() if action.isEnabled()] == ["runs_refresh"]
    panel.table.selectRow(0)
    assert all(action.isEnabled() for action in panel.actions_list() if action.objectName() != "runs_untick")


def test_that_the_context_menu_offers_what_can_be_done(panel: RunsView) -> None:
    panel.table.selectRow(0)
    place = panel.table.visualRect(panel.filter.index(0, 0)).center()
    panel.table.customContextMenuRequested.emit(QPoint(place))
    menu = panel.findChild(QMenu, "runs_menu")
    assert menu is not None
    texts = [action.text().replace("&", "") for action in menu.actions() if action.text()]
    assert "Open run" in texts
    assert "Delete runs…" in texts
    menu.close()


def test_that_an_empty_folder_says_where_runs_will_be(running: Any, qtbot: Any, wait_for: Wait) -> None:
    presenter = RunsPresenter(running.session, running.jobs)
    view = RunsView(presenter)
    presenter.attach(view)
    running.session.subscribe(presenter.handle)
    view.show()
    folder = str(find_runs_folder(running.session.settings))
    wait_for(lambda: folder in view._empty.sentence.text())
    assert view._empty.isVisible()
    finish(view, running, qtbot)


def test_that_the_selection_survives_a_refresh(panel: RunsView, runs: list[Path]) -> None:
    panel.table.selectRow(1)
    panel.show_runs([msgspec.structs.replace(run, step=2) for run in panel.model.runs], "/somewhere")
    assert panel._selected() == [str(runs[1])]
