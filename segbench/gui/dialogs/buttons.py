"""Buttons of dialogs as segbench shows them: words without the style's little pictures, which do not follow the theme."""

from __future__ import annotations

from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QDialogButtonBox, QMessageBox


def strip_icons(box: QDialogButtonBox | QMessageBox) -> None:
    """Takes the pictures off the buttons that stand in the box now."""
    for button in box.buttons():
        button.setIcon(QIcon())
