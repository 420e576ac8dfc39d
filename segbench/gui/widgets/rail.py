"""The slim column of pages on the left edge of the window. Knows Qt; knows no page's content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QToolButton, QVBoxLayout, QWidget

from segbench.gui.icons import dress
from segbench.gui.theme import fill_sheet, theme_signals

if TYPE_CHECKING:
    from PySide6.QtGui import QAction

WIDTH = 80
TEXT_UNDER_ICON = 3  # Qt.ToolButtonStyle.ToolButtonTextUnderIcon
TAB_FOCUS = 1  # Qt.FocusPolicy.TabFocus

SHEET = """
QFrame#rail { border: none; background: %(surface)s; border-right: 1px solid %(border)s; }
QToolButton { border: none; color: %(muted)s; background: transparent; }
QToolButton:hover { background: %(raised)s; color: %(text)s; }
QToolButton:focus { color: %(accent)s; }
QToolButton#rail_page { border-left: 3px solid transparent; padding: 8px 2px 6px 0px; }
QToolButton#rail_page:checked { border-left-color: %(accent)s; color: %(text)s; background: %(background)s; }
QToolButton#rail_toggle { border-radius: 6px; margin: 0px 6px; padding: 8px 0px 6px 0px; }
QToolButton#rail_toggle:checked { background: %(raised)s; color: %(text)s; }
"""


class RailPage(NamedTuple):
    """One page: its name (also its icon's), its label, what it is for."""

    name: str
    label: str
    tip: str


class Rail(QFrame):
    """Buttons for pages, one checked; below, buttons that show or hide docks."""

    page_requested = Signal(str)

    def __init__(self, pages: Sequence[RailPage], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("rail")
        self.setAccessibleName("Pages")
        self.setFixedWidth(WIDTH)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 8)
        column.setSpacing(4)
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self._buttons: dict[str, QToolButton] = {}
        for number, page in enumerate(pages, 1):
            button = self._build_button(page.label, page.name, f"{page.tip} (Ctrl+{number})")
            button.setCheckable(True)
            button.clicked.connect(lambda _checked=False, name=page.name: self.page_requested.emit(name))
            self._group.addButton(button)
            self._buttons[page.name] = button
            column.addWidget(button)
        column.addStretch(1)
        self._column = column
        self._dress()
        theme_signals().changed.connect(self._dress)

    def _dress(self) -> None:
        self.setStyleSheet(fill_sheet(SHEET))

    def show_page(self, name: str) -> None:
        self._buttons[name].setChecked(True)

    def add_toggle(self, action: QAction, label: str, icon: str, tip: str) -> None:
        """A button at the foot of the rail that does what a checkable action does."""
        button = self._build_button(label, icon, tip)
        button.setObjectName("rail_toggle")
        button.setCheckable(True)
        button.setChecked(action.isChecked())
        button.clicked.connect(action.trigger)
        action.toggled.connect(button.setChecked)
        if self._column.itemAt(self._column.count() - 1).spacerItem() is not None:
            line = QFrame()
            line.setFrameShape(QFrame.Shape.HLine)
            line.setFixedHeight(1)
            line.setEnabled(False)
            self._column.addWidget(line)
        self._column.addWidget(button)

    def _build_button(self, label: str, icon: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setObjectName("rail_page")
        button.setText(label)
        button.setAccessibleName(label)
        button.setAccessibleDescription(tip)
        button.setToolTip(tip)
        # By number: naming Qt's enums before the first paint costs a fifth of the start
        button.setProperty("toolButtonStyle", TEXT_UNDER_ICON)
        button.setIconSize(QSize(22, 22))
        button.setProperty("focusPolicy", TAB_FOCUS)
        button.setFixedSize(WIDTH - 1, 58)
        dress(button, icon, side=22)
        return button
