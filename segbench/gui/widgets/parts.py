"""Labels, buttons and check boxes made in one line: text, object name, tooltip, the theme's mark.

Names that come from files are shown as they are, though Qt takes a label or a tooltip with a < in it for markup.
"""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtGui import Qt as QtText
from PySide6.QtWidgets import QCheckBox, QDialog, QDialogButtonBox, QLabel, QPushButton, QToolButton

from segbench.gui.theme import Mark, mark


def build_label(text: str = "", name: str = "", role: Mark = "", *, wrap: bool = False, tip: str = "") -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
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


def build_tip(text: str) -> str:
    """A tooltip with names in it."""
    return f'<span style="white-space: pre-wrap">{escape(text)}</span>' if QtText.mightBeRichText(text) else text


def dress_dialog(dialog: QDialog) -> None:
    """Makes a ready-made dialog like the window's own: no icons on its buttons, names as they are in its sentence."""
    for label in dialog.findChildren(QLabel):
        label.setTextFormat(Qt.TextFormat.PlainText)
    for box in dialog.findChildren(QDialogButtonBox):
        for button in box.buttons():
            button.setIcon(QIcon())
