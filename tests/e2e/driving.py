"""A user at the window: run_window as the program calls it, driven through visible, enabled widgets alone. Needs no pytest."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
import torch  # noqa: F401  here, so that no window is closed while a thread imports it
from PySide6 import QtWidgets
from PySide6.QtCore import QEvent, QEventLoop, QPoint, Qt, QTimer
from PySide6.QtGui import QAction, QGuiApplication, QImage, QKeyEvent, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QGridLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QMessageBox,
    QRadioButton,
    QWidget,
)

# Before QApplication is exchanged for the one that stands: nobody may import that stand-in
from segbench.gui import app, main_window, theme
from segbench.gui.dialogs.error import ErrorDialog

W = TypeVar("W", bound=QWidget)
NO_MODIFIER = Qt.KeyboardModifier.NoModifier
SIZE = (1366, 768)  # what everything has to fit in; the offscreen screen is smaller, and does not mind
FRAME = 4  # pixels
POLL = 20  # ms between two looks at what is waited for
SECONDS = 30.0  # generous: the machine may be busy with other work


def turn_loop(milliseconds: int) -> None:
    """Lets Qt work for so long. Not QTest.qWait: that one holds Python's lock while it sleeps, and no thread gets on."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


class Stuck(AssertionError):
    """The window does not show what the user waits for."""


class User:
    """What a person can do at a window. Widgets are found by object name among the visible ones; there must be one."""

    def __init__(self, window: main_window.MainWindow, errors: list[str]) -> None:
        self.window = window
        self._errors_logged = errors
        self.expects_error = False

    # Looking ------------------------------------------------------------------------------------------------------------

    def find(self, name: str, kind: type[W] = QWidget) -> W:
        """The visible widget of that name; the dialog in front goes before the rest."""
        found = self._find_all(name, kind)
        if len(found) != 1:
            raise Stuck(f"{len(found)} visible widgets are called {name!r}")
        return found[0]

    def sees(self, name: str) -> bool:
        """Is there such a widget in view?"""
        return bool(self._find_all(name, QWidget))

    def _find_all(self, name: str, kind: type[W]) -> list[W]:
        tops = [w for w in QApplication.topLevelWidgets() if w.isVisible()]
        family = [w for top in tops for w in (top, *top.findChildren(kind, name))]
        found = [w for w in family if isinstance(w, kind) and w.objectName() == name and w.isVisible()]
        found = list({id(w): w for w in found}.values())  # a dialog is a child of its window, too
        front = QApplication.activeModalWidget()
        return [w for w in found if front is not None and (w is front or front.isAncestorOf(w))] or found

    def text(self, name: str) -> str:
        """What a label, button, field or box says."""
        widget = self.find(name)
        if isinstance(widget, QComboBox):
            return widget.currentText()
        assert isinstance(widget, QLabel | QAbstractButton | QLineEdit | QAbstractSpinBox), name
        return widget.text()

    def text_beside(self, name: str, column: int) -> str:
        """The text in that column of the grid a widget stands in, in the widget's row."""
        widget = self.find(name)
        grid = widget.parentWidget().layout()
        assert isinstance(grid, QGridLayout)
        row = grid.getItemPosition(grid.indexOf(widget))[0]
        label = grid.itemAtPosition(row, column).widget()
        assert isinstance(label, QLabel)
        return label.text()

    def find_labels(self, name: str) -> list[QLabel]:
        """The visible labels inside a widget."""
        return [label for label in self.find(name).findChildren(QLabel) if label.isVisible()]

    def count_points(self, chart: str) -> int:
        """How many points the longest line of a chart on the training page ("loss", "iou", "rate") is painted with."""
        from segbench.gui.widgets.chart import Chart

        drawn = self.find(f"{chart}_chart", Chart)
        return max((drawn.count_points(key) for key in drawn.lines), default=0)

    def look(self, name: str) -> np.ndarray:
        """The widget as it is painted, without the frame that tells of the focus: uint8 (H, W, 3)."""
        picture = self.find(name).grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
        rows = np.frombuffer(picture.constBits(), np.uint8).reshape(picture.height(), picture.bytesPerLine())
        painted = rows[:, : 3 * picture.width()].reshape(picture.height(), picture.width(), 3)
        return painted[FRAME:-FRAME, FRAME:-FRAME].copy()

    def wait_for(self, condition: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
        """Lets the program go on until the condition holds. An error dialog that nobody expects ends the wait at once."""
        deadline = time.monotonic() + seconds
        while not condition():
            turn_loop(POLL)
            if not self.expects_error:
                self.check_errors(what)
            if time.monotonic() > deadline:
                said = "".join(f"\nAn error is shown: {box.details.toPlainText()}" for box in self._errors())
                raise Stuck(f"waited {seconds:.0f} s in vain for {what}{said}")

    def check_errors(self, what: str) -> None:
        """Raises Stuck if an error dialog stands open."""
        for box in self._errors():
            raise Stuck(f"An error came while waiting for {what}: {box.details.toPlainText()}")

    def rest(self, seconds: float) -> None:
        """Lets the program go on for a while."""
        turn_loop(round(1000 * seconds))

    # Doing --------------------------------------------------------------------------------------------------------------

    def click(self, name: str, *, double: bool = False) -> None:
        """A click in the middle of a widget, which must be enabled."""
        self.click_at(self.find(name), double=double)

    def click_at(self, widget: QWidget, at: QPoint | None = None, *, double: bool = False) -> None:
        if not widget.isEnabled():
            raise Stuck(f"{widget.objectName()} cannot be clicked: {widget.toolTip()}")
        self._check_front(widget)
        do = QTest.mouseDClick if double else QTest.mouseClick
        place = widget.rect().center() if at is None else at
        if at is None and isinstance(
            widget, QCheckBox | QRadioButton
        ):  # they answer on their mark and their text alone
            place.setX(min(place.x(), 10))
        do(widget, Qt.MouseButton.LeftButton, NO_MODIFIER, place)

    def drag(self, widget: QWidget, right: int) -> None:
        """Presses in the middle of a widget, moves so many pixels to the right and lets go."""
        self._check_front(widget)
        start = widget.rect().center()
        origin = widget.mapToGlobal(start)
        QTest.mousePress(widget, Qt.MouseButton.LeftButton, NO_MODIFIER, start)
        for step in (right // 2, right):
            QTest.mouseMove(widget, widget.mapFromGlobal(origin + QPoint(step, 0)))  # the widget moves under the mouse
            self.rest(0.05)
        QTest.mouseRelease(widget, Qt.MouseButton.LeftButton, NO_MODIFIER, start)

    def click_rail(self, label: str) -> None:
        """One of the pages, or of the toggles, at the left edge."""
        self.click_at(next(b for b in self.find("rail").findChildren(QAbstractButton) if b.text() == label))

    def press(self, keys: str, name: str = "") -> None:
        """A key like "Ctrl+2" or "Home", to the widget that has the focus, or to one that gets it before."""
        self._come_to_front()
        widget = self.find(name) if name else QApplication.focusWidget() or self.window
        if name:
            widget.setFocus(Qt.FocusReason.OtherFocusReason)
        self._check_front(widget)
        key = QKeySequence(keys)[0]
        QTest.keyClick(widget, key.key(), key.keyboardModifiers())

    def type(self, name: str, text: str) -> None:
        """Replaces the text of a field and leaves it with Tab."""
        field = self.find(name)
        if not field.isEnabled():
            raise Stuck(f"nothing can be typed into {name}")
        self._check_front(field)
        self._come_to_front()
        field.setFocus(Qt.FocusReason.OtherFocusReason)
        QTest.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        self._write(field, text)
        QTest.keyClick(field, Qt.Key.Key_Tab)

    def choose(self, name: str, text: str) -> None:
        """Opens a box and takes the entry that begins with `text`."""
        box = self.find(name, QComboBox)
        if not box.isEnabled():
            raise Stuck(f"nothing can be chosen in {name}")
        self._check_front(box)
        rows = [row for row in range(box.count()) if box.itemText(row).startswith(text)]
        if len(rows) != 1:
            raise Stuck(f"{name} offers {[box.itemText(row) for row in range(box.count())]}, not one {text!r}")
        box.showPopup()
        view = box.view()
        view.setCurrentIndex(box.model().index(rows[0], box.modelColumn()))
        QTest.keyClick(view, Qt.Key.Key_Return)
        self.wait_for(lambda: not view.isVisible(), f"the list of {name} to close")

    def find_menu(self, *path: str) -> QAction:
        """The action of a menu by its titles, without & and …: find_menu("View", "Theme", "Dark")."""
        actions = self.window.menuBar().actions()
        for depth, title in enumerate(path, 1):
            found = [a for a in actions if a.text().replace("&", "").removesuffix("…") == title]
            if len(found) != 1:
                raise Stuck(f"{title} is not in the menu: {[a.text() for a in actions]}")
            menu: Any = found[0].menu()
            if depth == len(path):
                return found[0]
            assert isinstance(menu, QMenu)
            actions = menu.actions()
        raise Stuck("no path")

    def menu(self, *path: str) -> None:
        """Chooses a menu's entry, which must be enabled."""
        action = self.find_menu(*path)
        if not action.isEnabled():
            raise Stuck(f"{' > '.join(path)} is greyed out")
        self._check_front(self.window)
        action.trigger()

    def wait_for_dialog(self, name: str) -> QDialog:
        self.wait_for(lambda: any(d.objectName() == name for d in self._dialogs()), f"the dialog {name}")
        return next(d for d in self._dialogs() if d.objectName() == name)

    def answer(self, text: str) -> None:
        """Presses the button of the message box in front that carries this text."""
        self.wait_for(lambda: isinstance(QApplication.activeModalWidget(), QMessageBox), f"a question about {text}")
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        self.click_at(next(b for b in box.buttons() if b.text().replace("&", "") == text))

    def give_path(self, path: Path) -> None:
        """Pastes a path into the file dialog in front and confirms it."""
        self.wait_for(lambda: isinstance(QApplication.activeModalWidget(), QFileDialog), "a file dialog")
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, QFileDialog)
        field = dialog.findChild(QLineEdit, "fileNameEdit")
        assert field is not None
        # Qt's list of completions may open as late as behind the closed dialog, and take the keys
        field.setCompleter(None)
        QGuiApplication.clipboard().setText(str(path))
        field.selectAll()
        field.paste()
        QTest.keyClick(field, Qt.Key.Key_Return)
        self.wait_for(lambda: not dialog.isVisible(), "the file dialog to close")

    def read_error(self) -> tuple[str, str, str]:
        """Waits for the error dialog, reads message, hint and details as the user can, and closes it."""
        self.expects_error = True
        self.wait_for(self._errors, "the error dialog")
        (box,) = self._errors()
        told = box.message.text(), box.hint.text() if box.hint.isVisible() else "", box.details.toPlainText()
        assert not box.details.isVisible(), "details are shown only on demand"
        self.click_at(box.close_button)
        self.wait_for(lambda: not box.isVisible(), "the error dialog to close")
        self.expects_error = False
        self._errors_logged.clear()
        return told

    # Inside -------------------------------------------------------------------------------------------------------------

    @staticmethod
    def _write(field: QWidget, text: str) -> None:
        """Letter by letter; QTest knows no key for one beyond ASCII, and ends the process."""
        for letter in text:
            if letter.isascii():
                QTest.keyClicks(field, letter)
            else:
                for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
                    QApplication.sendEvent(field, QKeyEvent(kind, 0, NO_MODIFIER, letter))

    def _come_to_front(self) -> None:
        """What a desktop does when a dialog or a list has closed, and the offscreen platform does not."""
        front = QApplication.activeModalWidget() or self.window
        if not front.isActiveWindow():
            front.activateWindow()
            self.wait_for(front.isActiveWindow, "the window to be in front")

    @staticmethod
    def _dialogs() -> list[QDialog]:
        return [w for w in QApplication.topLevelWidgets() if isinstance(w, QDialog) and w.isVisible()]

    def _errors(self) -> list[ErrorDialog]:
        return [w for w in self._dialogs() if isinstance(w, ErrorDialog)]

    @staticmethod
    def _check_front(widget: QWidget) -> None:
        front = QApplication.activeModalWidget()
        if front is not None and widget is not front and not front.isAncestorOf(widget):
            raise Stuck(f"{front.objectName() or type(front).__name__} is in front of {widget.objectName()}")


Body = Callable[[User], None]


def run_app(body: Body, *arguments: str, qt: QApplication | None = None, album: Path | None = None) -> int:
    """Runs the program with these arguments, and `body` at its window as soon as its event loop turns; then closes it.

    qt: the application object that stands already, if any. album: a folder for pictures of all windows, should `body` fail.
    Returns run_window's exit code; raises what `body` raised, and Stuck for an exception that the program logged and `body`
    did not expect.
    """
    raised: list[tuple[BaseException, TracebackType | None]] = []
    errors = _ErrorLog()

    def play(desk: Any) -> None:
        user = User(desk.window, errors.told)
        try:
            _wait_until_ready(user)
            body(user)
            user.check_errors("the end")
        except BaseException as error:
            raised.append((error, error.__traceback__))
            if album is not None:
                _take_pictures(album, error)
        finally:
            _leave(user, desk)

    stay_open = app._stay_open

    async def stay(desk: Any, *rest: Any) -> None:
        QTimer.singleShot(0, lambda: play(desk))
        await stay_open(desk, *rest)

    with _exchange(app, "_stay_open", stay), _exchange(app.os, "_exit", _refuse_exit), _listening(errors):
        if qt is None:
            code = app.run_window(list(arguments))
        else:
            with _reuse(qt):
                code = app.run_window(list(arguments))
            theme.apply(qt, "light")
    for error, trace in raised:
        raise error.with_traceback(trace)
    if errors.told:
        raise Stuck("The program logged errors:\n" + "\n".join(errors.told))
    return code


def _wait_until_ready(user: User) -> None:
    """All pages are built when none says "Loading…" any more; a shortcut needs an active window."""
    pages = user.window.pages.values()
    user.expects_error = True  # what a bad argument brings is the body's business
    user.wait_for(lambda: all(page.view is not None for page in pages), "the pages")
    user.window.resize(*SIZE)
    user._come_to_front()
    user.expects_error = False


def _leave(user: User, desk: Any) -> None:
    """Closes the window as the user would; if that fails (a question or an error stands in front), without asking."""
    if not user.window.isVisible():
        return
    if QApplication.activeModalWidget() is None:
        user.window.close()
    if QApplication.activeModalWidget() is not None:
        for box in QApplication.topLevelWidgets():
            if isinstance(box, QDialog) and box.isVisible():
                box.reject()
        desk.close_unasked()


def _take_pictures(album: Path, error: BaseException) -> None:
    album.mkdir(parents=True, exist_ok=True)
    for number, window in enumerate(w for w in QApplication.topLevelWidgets() if w.isVisible()):
        window.grab().save(str(album / f"{number} {window.objectName()}.png"))
    error.add_note(f"What stood on the screen is in {album}")


class _ErrorLog(logging.Handler):
    """Keeps what the program logs as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(logging.Formatter().format(record))


@contextmanager
def _listening(errors: _ErrorLog) -> Iterator[None]:
    root = logging.getLogger()
    root.addHandler(errors)
    try:
        yield
    finally:
        root.removeHandler(errors)


@contextmanager
def _exchange(owner: Any, name: str, value: Any) -> Iterator[None]:
    kept = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, kept)


@contextmanager
def _reuse(qt: QApplication) -> Iterator[None]:
    """run_window makes an application object, of which a process has one: it gets the one that stands, once."""
    kept, quits, name = QtWidgets.QApplication, qt.quitOnLastWindowClosed(), qt.applicationName()

    def give(_arguments: list[str]) -> QApplication:
        QtWidgets.QApplication = kept  # type: ignore[misc]
        qt.setStyle("fusion")
        return qt

    QtWidgets.QApplication = give  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        QtWidgets.QApplication = kept  # type: ignore[misc]
        qt.setQuitOnLastWindowClosed(quits)
        qt.setApplicationName(name)


def _refuse_exit(code: int) -> None:
    raise Stuck(f"A thread still ran when the window was closed, so the process would have been ended ({code}).")


os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
