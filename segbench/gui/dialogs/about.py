"""About segbench: versions, licence, where things stand."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping

from PySide6.QtCore import QSize, Qt, qVersion
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

import segbench
from segbench.gui.dialogs.buttons import strip_icons
from segbench.gui.icons import load_icon
from segbench.gui.theme import mark

PACKAGES = ("torch", "numpy", "PySide6_Essentials", "pyqtgraph", "pillow", "scipy", "safetensors", "msgspec")


class AboutDialog(QDialog):
    """places: what to show under the versions, a title and a path each."""

    def __init__(self, places: Mapping[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("about_dialog")
        self.setWindowTitle("About segbench")
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(16)
        head = QHBoxLayout()
        head.setSpacing(16)
        picture = QLabel()
        picture.setPixmap(load_icon("segbench", side=64).pixmap(QSize(64, 64)))
        head.addWidget(picture)
        words = QVBoxLayout()
        title = QLabel("segbench")
        mark(title, "title")
        words.addWidget(title)
        words.addWidget(QLabel(f"Version {segbench.__version__}, MIT licence"))
        words.addWidget(QLabel("A workbench for semantic segmentation: browse, train, understand, export."))
        head.addLayout(words, 1)
        column.addLayout(head)
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(4)
        self.facts = {"Python": platform.python_version(), "Qt": qVersion()}
        for package in PACKAGES:
            try:
                self.facts[package] = importlib.metadata.version(package)
            except importlib.metadata.PackageNotFoundError:
                continue
        self.facts |= {"System": platform.platform(), **places}
        for name, value in self.facts.items():
            label = QLabel(value)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            left = QLabel(name)
            mark(left, "muted")
            form.addRow(left, label)
        column.addLayout(form)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        copy = box.addButton("&Copy", QDialogButtonBox.ButtonRole.ActionRole)
        copy.clicked.connect(self._copy)
        box.rejected.connect(self.reject)
        strip_icons(box)
        column.addWidget(box)

    def _copy(self) -> None:
        lines = [f"segbench {segbench.__version__}", *(f"{name}: {value}" for name, value in self.facts.items())]
        QGuiApplication.clipboard().setText("\n".join(lines))
