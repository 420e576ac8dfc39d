"""Labels, buttons and check boxes made in one line: text, object name, tooltip, the theme's mark."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QCheckBox, QDialog, QDialogButtonBox, QLabel, QPushButton, QToolButton

from segbench.gui.theme import Mark, mark


def build_label(text: str = "", name: str = "", role: Mark = "", *, wrap: bool = False, tip: str = "") -> QLabel:
    label = QLabel(text)
    label.setObjectName(name)
    label.setWordWrap(wrap)
    label.setToolTip(tip)
    if role:
        mark(label, role)
    return label


def build_tool(text: str, name: str, tip: str, *, checkable: bool = False, checked: bool = False) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setObjectName(name)
    button.setToolTip(tip)
    button.setCheckable(checkable)
    button.setChecked(checked)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button


def build_push(text: str, name: str, tip: str, role: Mark = "") -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setToolTip(tip)
    if role:
        mark(button, role)
    return button


def build_check(text: str, name: str, tip: str) -> QCheckBox:
    box = QCheckBox(text)
    box.setObjectName(name)
    box.setToolTip(tip)
    return box


def drop_icons(dialog: QDialog) -> None:
    """Takes the style's icons off a ready-made dialog's buttons: the window's own dialogs have none."""
    for box in dialog.findChildren(QDialogButtonBox):
        for button in box.buttons():
            button.setIcon(QIcon())
