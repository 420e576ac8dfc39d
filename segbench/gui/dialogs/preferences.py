"""The few preferences that are not where they are used: colours and the folder of the runs."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from segbench.gui.dialogs.buttons import strip_icons
from segbench.gui.theme import mark
from segbench.settings import Settings

THEMES = (("system", "As the system"), ("light", "Light"), ("dark", "Dark"))


class PreferencesDialog(QDialog):
    """Colours change at once; the folder with OK."""

    theme_chosen = Signal(str)
    runs_folder_chosen = Signal(str)

    def __init__(self, settings: Settings, runs_folder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("preferences_dialog")
        self.setWindowTitle("Preferences")
        self.setMinimumWidth(560)
        self._before = runs_folder
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(16)
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(12)
        self.theme = QComboBox()
        self.theme.setObjectName("preferences_theme")
        for mode, text in THEMES:
            self.theme.addItem(text, mode)
        self.theme.setCurrentIndex([mode for mode, _ in THEMES].index(settings.theme))
        self.theme.currentIndexChanged.connect(lambda _row: self.theme_chosen.emit(self.theme.currentData()))
        form.addRow("&Colours", self.theme)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.folder = QLineEdit(runs_folder)
        self.folder.setObjectName("preferences_runs_folder")
        self.folder.setAccessibleName("Folder of new runs")
        row.addWidget(self.folder, 1)
        choose = QPushButton("C&hoose…")
        choose.setAutoDefault(False)
        choose.clicked.connect(self._choose)
        row.addWidget(choose)
        label = QLabel("&Runs folder")
        label.setBuddy(self.folder)
        form.addRow(label, row)
        about = QLabel("Each training gets a folder of its own in there: its settings, its log and its checkpoints.")
        about.setWordWrap(True)
        mark(about, "muted")
        form.addRow("", about)
        column.addLayout(form)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        box.accepted.connect(self._accept)
        box.rejected.connect(self.reject)
        strip_icons(box)
        column.addWidget(box)

    def _choose(self) -> None:
        dialog = QFileDialog(self, "Folder of new runs", self.folder.text())
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self.folder.setText)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _accept(self) -> None:
        folder = self.folder.text().strip()
        if folder and folder != self._before:
            self.runs_folder_chosen.emit(folder)
        self.accept()
