"""What a monkey's hands do to the window: one random action at a time, through Qt's own queue of a user's events."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QAction, QDropEvent, QGuiApplication, QWheelEvent, QWindow
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QFileDialog,
    QLineEdit,
    QMenu,
    QTabBar,
    QWidget,
)

if TYPE_CHECKING:
    from segbench.gui.desk import Desk

CONTROLS = (QAbstractButton, QAbstractItemView, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit, QTabBar)
BUTTONS = (Qt.MouseButton.LeftButton,) * 8 + (Qt.MouseButton.RightButton,) * 2 + (Qt.MouseButton.MiddleButton,)
MODIFIERS = (Qt.KeyboardModifier.NoModifier,) * 6 + (
    Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier,
)  # fmt: skip
KEY_NAMES = (
    "Tab Tab Tab Backtab Return Return Escape Space Space Left Right Up Down Home End PageUp PageDown Delete Backspace Plus Minus "
    "Slash Question Period Comma F1 F2 F5 F6 F10 F11 A B C D E F G H I J K L M N O P R S T U V W X Y Z 0 1 2 3 4 5 6 7 8 9"
)
KEYS = tuple(getattr(Qt.Key, f"Key_{name}") for name in KEY_NAMES.split())
TEXTS = ("", "0", "1", "2", "3", "7", "16", "64", "-1", "0.5", "1e-3", "1e9", "nan", "inf", "abc", "a, b", "0-9,17", "é", "名前", "🙂", "\u202egpj",
         "../up", "x" * 2000, "<b>bold</b>", "%s %d {0}", "C:\\", "con", "shapes new", "*", "\t", "1 2\n3")  # fmt: skip
SIZES = ((800, 500), (1024, 700), (1366, 768), (1920, 1080), (500, 300), (2560, 1400))


class Hands:
    """`act()` does something at random and gives it a name before it is done. paths: what it may open."""

    def __init__(self, desk: Desk, chance: random.Random, paths: Sequence[Path], note: Callable[[str], None]) -> None:
        self._desk, self._chance, self._paths, self._note = desk, chance, paths, note
        self._deeds = {
            self.click: 34, self.press: 16, self.choose_action: 12, self.type: 9, self.wheel: 8, self.drag: 7, self.show_page: 4,
            self.resize: 3, self.drop: 3, self.train: 2, self.stop: 2, self.escape: 4,
        }  # fmt: skip

    def act(self) -> None:
        front = QApplication.activeModalWidget()
        if isinstance(front, QFileDialog):  # it could delete and overwrite what it finds
            self.answer_file_dialog(front)
            return
        (deed,) = self._chance.choices(list(self._deeds), list(self._deeds.values()))
        deed()

    # Where -------------------------------------------------------------------------------------------------------------

    def find_front(self) -> QWidget:
        """The popup or the dialog in front; else one of the windows."""
        front = QApplication.activePopupWidget() or QApplication.activeModalWidget()
        if front is not None and front.isVisible():
            return front
        windows = [w for w in QApplication.topLevelWidgets() if w.isVisible() and w.windowHandle() is not None]
        others = [w for w in windows if w is not self._desk.window and not isinstance(w, QFileDialog)]
        return self._chance.choice(others) if others and self._chance.random() < 0.5 else self._desk.window

    def find_target(self) -> QWidget | None:
        """A widget that can be seen; mostly one that answers."""
        front = self.find_front()
        there = [front, *(w for w in front.findChildren(QWidget) if w.isVisible() and w.window() is front)]
        there = [w for w in there if not w.visibleRegion().isEmpty()]
        controls = [w for w in there if isinstance(w, CONTROLS) and w.isEnabled()]
        if controls and self._chance.random() < 0.7:
            return self._chance.choice(controls)
        return self._chance.choice(there) if there else None

    def find_place(self, widget: QWidget) -> QPoint:
        """A point of the widget that can be seen, in its window."""
        room = widget.visibleRegion().boundingRect()
        at = QPoint(self._chance.randint(room.left(), room.right()), self._chance.randint(room.top(), room.bottom()))
        return widget.mapTo(widget.window(), at)

    # What --------------------------------------------------------------------------------------------------------------

    def click(self) -> None:
        widget = self.find_target()
        if widget is None or (handle := widget.window().windowHandle()) is None:
            return
        button, modifiers, place = self._chance.choice(BUTTONS), self._chance.choice(MODIFIERS), self.find_place(widget)
        double = self._chance.random() < 0.15
        self._note(f"{'double-click' if double else 'click'} {tell(widget)} {button.name} {modifiers.name}")
        for _ in range(1 + double):
            for do in (QTest.mousePress, QTest.mouseRelease):
                if is_there(handle):
                    do(handle, button, modifiers, place)

    def drag(self) -> None:
        widget = self.find_target()
        if widget is None or (handle := widget.window().windowHandle()) is None:
            return
        start, end = self.find_place(widget), self.find_place(widget.window())
        if self._chance.random() < 0.6:
            end = self.find_place(widget)
        modifiers = self._chance.choice(MODIFIERS)
        self._note(f"drag {tell(widget)} by {(end - start).toTuple()} {modifiers.name}")
        button = Qt.MouseButton.LeftButton if self._chance.random() < 0.85 else Qt.MouseButton.MiddleButton
        QTest.mousePress(handle, button, modifiers, start)
        for part in (0.3, 0.6, 1.0):
            if is_there(handle):
                QTest.mouseMove(handle, start + (end - start) * part)
        if is_there(handle):
            QTest.mouseRelease(handle, button, modifiers, end)

    def wheel(self) -> None:
        widget = self.find_target()
        if widget is None:
            return
        place = QPointF(widget.mapFrom(widget.window(), self.find_place(widget)))
        turn = QPoint(0, self._chance.choice((120, -120, 1200, -1200, 8)))
        modifiers = self._chance.choice(MODIFIERS)
        self._note(f"wheel {turn.y()} on {tell(widget)} {modifiers.name}")
        event = QWheelEvent(place, QPointF(widget.mapToGlobal(place)), QPoint(), turn, Qt.MouseButton.NoButton, modifiers,
                            Qt.ScrollPhase.NoScrollPhase, False)  # fmt: skip
        QApplication.sendEvent(widget, event)

    def press(self) -> None:
        key, modifiers = self._chance.choice(KEYS), self._chance.choice(MODIFIERS)
        front = self.find_front()
        if (handle := front.windowHandle()) is None:
            return
        if front is QApplication.activePopupWidget():
            modifiers = (
                Qt.KeyboardModifier.NoModifier
            )  # QTest would tell a menu that is gone by then of the modifier's end
        self._note(f"press {modifiers.name} {key.name} in {tell(front)}")
        click_key(handle, key, modifiers)

    def escape(self) -> None:
        front = self.find_front()
        if (handle := front.windowHandle()) is not None:
            self._note(f"escape from {tell(front)}")
            click_key(handle, Qt.Key.Key_Escape)

    def type(self) -> None:
        """Pastes into a field, and leaves it by a key."""
        front = self.find_front()
        fields = [w for w in front.findChildren(QWidget) if isinstance(w, QLineEdit | QAbstractSpinBox) and w.isVisible() and w.isEnabled()]  # fmt: skip
        if not fields or (handle := front.windowHandle()) is None:
            return
        field, text = self._chance.choice(fields), self._chance.choice(TEXTS)
        leave = self._chance.choice((Qt.Key.Key_Tab, Qt.Key.Key_Return, Qt.Key.Key_Escape))
        self._note(f"type {text[:20]!r} into {tell(field)}, {leave.name}")
        field.setFocus(Qt.FocusReason.MouseFocusReason)
        click_key(handle, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        if text.isascii() and text.isprintable() and len(text) < 100:
            QTest.keyClicks(field, text)
        else:
            QGuiApplication.clipboard().setText(text)
            click_key(handle, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
        click_key(handle, leave)

    def choose_action(self) -> None:
        """An entry of the menus, as their shortcuts and the command palette do it."""
        if QApplication.activeModalWidget() is not None:
            return
        actions: list[QAction] = []
        menus = [a.menu() for a in self._desk.window.menuBar().actions()]
        while menus:
            menu = menus.pop()
            if isinstance(menu, QMenu):
                actions += [a for a in menu.actions() if a.menu() is None and a.isEnabled() and not a.isSeparator()]
                menus += [a.menu() for a in menu.actions() if a.menu() is not None]
        action = self._chance.choice(actions)
        self._note(f"choose {action.objectName() or action.text()}")
        action.trigger()

    def show_page(self) -> None:
        if QApplication.activeModalWidget() is None:
            page = self._chance.choice(list(self._desk.window.pages))
            self._note(f"go to {page}")
            self._desk.window.show_page(page)

    def resize(self) -> None:
        size = self._chance.choice(SIZES)
        self._note(f"resize to {size}")
        self._desk.window.showNormal()
        self._desk.window.resize(*size)

    def drop(self) -> None:
        """A file or two let fall onto the window."""
        if QApplication.activeModalWidget() is not None:
            return
        paths = self._chance.sample(self._paths, self._chance.choice((1, 1, 1, 1, 2)))
        targets = [self._desk.window, *(w for w in self._desk.window.findChildren(QWidget) if w.acceptDrops() and w.isVisible())]  # fmt: skip
        target = self._chance.choice(targets)
        if not self._desk.window.isEnabled() or isinstance(target, QLineEdit):
            return
        self._note(f"drop {', '.join(path.name for path in paths)} on {tell(target)}")
        load = QMimeData()
        load.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        event = QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, load, Qt.MouseButton.LeftButton,
                           Qt.KeyboardModifier.NoModifier, QEvent.Type.Drop)  # fmt: skip
        QApplication.sendEvent(target, event)

    def train(self) -> None:
        if QApplication.activeModalWidget() is None:
            self._desk.window.show_page("training")
            button = self._desk.views["training"].start_button
            if button.isEnabled():
                self._note("start a training")
                button.click()

    def stop(self) -> None:
        if QApplication.activeModalWidget() is None:
            button = self._desk.views["training"].stop_button
            if button.isVisible() and button.isEnabled():
                self._note("stop the training")
                button.click()

    def answer_file_dialog(self, dialog: QFileDialog) -> None:
        path = self._chance.choice(self._paths)
        if self._chance.random() < 0.4:
            self._note(f"cancel {dialog.windowTitle()}")
            dialog.reject()
        else:
            if dialog.acceptMode() == QFileDialog.AcceptMode.AcceptSave or not path.exists():
                path = path.with_name(f"written {self._chance.randint(0, 5)}.csv")
            self._note(f"choose {path.name} in {dialog.windowTitle()}")
            dialog.selectFile(str(path))
            dialog.accept()
        if dialog.isVisible():
            dialog.reject()


def is_there(handle: QWindow) -> bool:
    """A menu goes when it is clicked, and its window with it; Python is not told."""
    return handle in QGuiApplication.allWindows()


def click_key(handle: QWindow, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Down and up again, unless the window is gone by then."""
    for do in (QTest.keyPress, QTest.keyRelease):
        if is_there(handle):
            do(handle, key, modifiers)


def tell(widget: QWidget) -> str:
    """A widget by its class and name, or that of the next ancestor that has one."""
    named: QWidget | None = widget
    while named is not None and not named.objectName():
        named = named.parentWidget()
    text = widget.text()[:20] if isinstance(widget, QAbstractButton) else ""
    return f"{type(widget).__name__} {text!r} of {named.objectName() if named is not None else '?'}"
