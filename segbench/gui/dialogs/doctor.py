"""The doctor's report, asked of another process: the command line and the window may not know each other."""

from __future__ import annotations

import sys

from PySide6.QtCore import QProcess, QProcessEnvironment
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPlainTextEdit, QVBoxLayout, QWidget

from segbench.gui.dialogs.buttons import strip_icons
from segbench.gui.theme import mono_font


class DoctorDialog(QDialog):
    """Runs `segbench doctor` and shows what it says."""

    def __init__(self, parent: QWidget | None = None, command: list[str] | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("doctor_dialog")
        self.setWindowTitle("Doctor report")
        self.resize(860, 520)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(8)
        self.text = QPlainTextEdit("Looking at versions, devices, folders and the display…")
        self.text.setObjectName("doctor_text")
        self.text.setAccessibleName("Doctor report")
        self.text.setReadOnly(True)
        self.text.setFont(mono_font())
        column.addWidget(self.text)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.copy = box.addButton("&Copy", QDialogButtonBox.ButtonRole.ActionRole)
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.text.toPlainText()))
        box.rejected.connect(self.reject)
        strip_icons(box)
        column.addWidget(box)
        self._process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("COLUMNS", "110")
        environment.insert("PYTHONIOENCODING", "utf-8")
        self._process.setProcessEnvironment(environment)
        self._process.setProcessChannelMode(QProcess.ProcessChannelMode.MergedChannels)
        self._process.finished.connect(self._show)
        self._process.errorOccurred.connect(lambda _error: self.text.setPlainText("The doctor could not be started."))
        program, *arguments = command or [sys.executable, "-m", "segbench", "doctor"]
        self._process.start(program, arguments)
        self.finished.connect(self._stop)

    def _show(self) -> None:
        self.text.setPlainText(bytes(self._process.readAll().data()).decode("utf-8", "replace").strip())

    def _stop(self) -> None:
        if self._process.state() != QProcess.ProcessState.NotRunning:
            self._process.blockSignals(True)
            self._process.kill()
            self._process.waitForFinished(2000)
