"""The window's frame: pages, docks, menus, layout, dropping, closing."""

from __future__ import annotations

from collections import Counter

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QUndoCommand
from PySide6.QtWidgets import QPushButton, QToolButton, QWidget

from segbench.gui.actions import list_entries, plain, score
from segbench.gui.dialogs.palette import CommandPalette
from segbench.gui.dialogs.shortcuts import ShortcutSheet
from segbench.gui.first_look import FirstLook, load_first_look, save_first_look
from segbench.gui.main_window import MainWindow


@pytest.fixture
def window(qtbot, any_theme):
    frame = MainWindow()
    frame.may_close = True
    qtbot.addWidget(frame)
    frame.show()
    frame.build_rest()
    return frame


def test_that_the_rail_changes_pages_and_says_so(window, qtbot):
    heard = []
    window.page_changed.connect(heard.append)
    button = next(b for b in window.rail.findChildren(QToolButton) if b.text() == "Training")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert window.page == "training"
    assert button.isChecked()
    window.show_page("training")
    window.show_page("nowhere")
    assert heard == ["training"]


def test_that_control_and_a_number_change_pages(window, qtbot):
    window.activateWindow()
    qtbot.keyClick(window, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    assert window.page == "prediction"
    qtbot.keyClick(window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert window.page == "dataset"


def test_that_the_status_bar_keeps_its_height_when_a_job_can_be_cancelled(window, qtbot):
    qtbot.wait(50)
    before = window.status.height()
    window.status.show_job("Training", 3, 9, "12 s left", True)
    qtbot.wait(50)
    assert window.status.cancel.isVisible()
    assert window.status.height() == before
    window.status.show_no_job()
    qtbot.wait(50)
    assert window.status.height() == before


def test_that_no_two_actions_share_a_shortcut(window):
    keys = [k for entry in list_entries(window.menuBar()) for k in entry.shortcuts.split(" / ") if k]
    assert [key for key, times in Counter(keys).items() if times > 1] == []


def test_that_every_action_has_a_name_a_tip_and_every_menu_a_mnemonic(window):
    entries = [e for e in list_entries(window.menuBar()) if e.title != "Loading"]
    assert len(entries) > 20
    assert [e.title for e in entries if not e.action.objectName() or not e.action.statusTip()] == []
    assert [a.text() for a in window.menuBar().actions() if "&" not in a.text()] == []


def test_that_mnemonics_of_a_menu_differ(window):
    for action in window.menuBar().actions():
        marks = [a.text()[a.text().index("&") + 1].lower() for a in action.menu().actions() if "&" in a.text()]
        assert [m for m, times in Counter(marks).items() if times > 1] == [], action.text()


def test_that_everything_that_takes_the_focus_has_an_accessible_name(window):
    nameless = [
        w.objectName() or type(w).__name__
        for w in window.findChildren(QWidget)
        if isinstance(w, QPushButton | QToolButton) and w.objectName() and not w.objectName().startswith("qt_")
        and not (w.accessibleName() or w.text())
    ]  # fmt: skip
    assert nameless == []


def test_that_the_window_fits_1366_by_768(window):
    assert window.minimumSizeHint().width() <= 1366
    assert window.minimumSizeHint().height() <= 768 - 40


def test_that_the_layout_comes_back_and_can_be_reset(window, qtbot, home):
    assert not window.runs_dock.isVisible()
    assert not window.log_dock.isVisible()
    window.runs_dock.show()
    window.show_page("training")
    window.resize(1100, 650)
    save_first_look(window.read_look()._replace(dark=True))
    look = load_first_look()
    assert look.dark is True
    second = MainWindow(look)
    second.may_close = True
    qtbot.addWidget(second)
    second.show()
    second.build_rest()
    assert second.was_restored
    assert second.runs_dock.isVisible()
    assert second.page == "training"
    assert second.height() == 650  # the offscreen screen is narrower than the window
    second.reset_layout()
    assert not second.runs_dock.isVisible()


def test_that_a_damaged_look_is_forgotten(home):
    (home / "cache").mkdir(parents=True)
    file = home / "cache" / "first_look"
    file.write_bytes(b"\xff\xfe\x00")
    assert load_first_look() == FirstLook()
    file.write_text("version=999\ndark=True")
    assert load_first_look() == FirstLook()
    file.write_text("version=1\ndark=perhaps\ngeometry=!!!!\npage=nowhere")
    MainWindow(load_first_look()).deleteLater()


def _drop(window, urls):
    data = QMimeData()
    data.setUrls(urls)
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPointF(9, 9).toPoint(), Qt.DropAction.CopyAction, data, buttons, keys)
    enter.ignore()
    window.dragEnterEvent(enter)
    drop = QDropEvent(QPointF(9, 9), Qt.DropAction.CopyAction, data, buttons, keys)
    window.dropEvent(drop)
    return enter.isAccepted()


def test_that_files_can_be_dropped_and_addresses_cannot(window, tmp_path):
    heard = []
    window.paths_dropped.connect(heard.append)
    assert _drop(window, [QUrl.fromLocalFile(str(tmp_path / "a.gz")), QUrl.fromLocalFile(str(tmp_path / "b.gz"))])
    assert heard == [[str(tmp_path / "a.gz"), str(tmp_path / "b.gz")]]
    assert not _drop(window, [QUrl("https://example.org/a.gz")])
    assert len(heard) == 1


def test_that_closing_asks_first(window):
    heard = []
    window.may_close = False
    window.close_requested.connect(lambda: heard.append(1))
    assert not window.close()
    assert window.isVisible()
    assert heard == [1]
    window.may_close = True
    assert window.close()


def test_that_undo_and_redo_follow_the_stack(window):
    done = []

    class Command(QUndoCommand):
        def redo(self):
            done.append("+")

        def undo(self):
            done.append("-")

    assert not window.undo_action.isEnabled()
    window.undo_stack.push(Command("a change"))
    assert "a change" in window.undo_action.text()
    window.undo_action.trigger()
    window.redo_action.trigger()
    assert done == ["+", "-", "+"]


def test_that_an_open_palette_survives_what_is_opened_meanwhile(window, qtbot):
    window.show_recent(["/data/one", "/data/two"])
    palette = CommandPalette(list_entries(window.menuBar()), window)
    qtbot.addWidget(palette)
    sheet = ShortcutSheet(list_entries(window.menuBar()), window)
    qtbot.addWidget(sheet)
    window.show_recent(["/data/three"])
    sheet.search.setText("data")
    palette.search.setText("1 one")
    with qtbot.waitSignal(window.path_requested) as told:
        palette.run()
    assert told.args == ["/data/one"]
    assert [action.statusTip() for action in window.recent_menu.actions()] == ["Open /data/three"]


def test_that_recent_paths_stand_in_the_menu_and_on_the_welcome(window, qtbot):
    heard = []
    window.path_requested.connect(heard.append)
    window.show_recent([f"/data/set-{k}" for k in range(12)])
    assert len(window.recent_menu.actions()) == 12
    window.recent_menu.actions()[1].trigger()
    flat = [b for b in window.welcome.findChildren(QPushButton) if b.toolTip() == "/data/set-3"]
    flat[0].click()
    assert heard == ["/data/set-1", "/data/set-3"]
    window.show_recent([])
    assert not window.recent_menu.isEnabled()


def test_that_the_dataset_page_shows_the_welcome_until_a_dataset_is_open(window):
    page, view = window.pages["dataset"], QWidget()
    assert page.currentWidget() is window.welcome
    window.add_page_view("dataset", view)
    assert page.currentWidget() is window.welcome
    window.show_welcome(False, "shapes.gz")
    assert "shapes.gz" in page.waiting.text()
    window.show_welcome(False)
    assert page.currentWidget() is view
    window.show_dataset("shapes", "10,000 images")
    assert window.windowTitle().startswith("shapes")
    assert window.close_dataset_action.isEnabled()


@pytest.mark.parametrize(
    ("query", "better", "worse"),
    [
        ("train", "Start training", "Generate shapes"),
        ("of", "Open file", "Full screen"),
        ("gs", "Generate shapes", "Show log"),
    ],
)
def test_that_the_palette_prefers_words_and_their_beginnings(query, better, worse):
    low = score(query, worse)
    assert score(query, better) is not None
    assert low is None or score(query, better) > low
    assert score("xyz", better) is None


def test_that_labels_lose_their_marks():
    assert plain("&Open file…") == "Open file"
    assert plain("Cut && paste") == "Cut & paste"
