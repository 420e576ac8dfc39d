"""The log as a dock: what segbench noted since it started, by level, to copy. Knows Qt and logging; knows no service."""

from __future__ import annotations

import logging
from collections import deque

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from segbench.gui.theme import current_theme, mark, mono_font, theme_signals

KEPT = 2000  # records
LEVELS = (("Everything", logging.DEBUG), ("Information and up", logging.INFO), ("Warnings and up", logging.WARNING),
          ("Errors only", logging.ERROR))  # fmt: skip


class LogRelay(logging.Handler):
    """Carries records from any thread to the window's: `signals.noted(level number, line)`."""

    class Signals(QObject):
        noted = Signal(int, str)

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.signals = LogRelay.Signals()
        self.kept: deque[tuple[int, str]] = deque(maxlen=KEPT)  # for a view that is built later
        self.setFormatter(logging.Formatter("%(asctime)s  %(levelname)-8s %(name)s  %(message)s", "%H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record).rstrip()
            self.kept.append((record.levelno, line))
            self.signals.noted.emit(record.levelno, line)
        except RuntimeError:  # Qt is going away
            pass
        except Exception:
            self.handleError(record)


class LogView(QWidget):
    """Lines of the log with a filter by level."""

    def __init__(self, relay: LogRelay | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("log_view")
        self._records: deque[tuple[int, str]] = deque(maxlen=KEPT)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 4, 8, 8)
        column.setSpacing(4)
        row = QHBoxLayout()
        row.setSpacing(8)
        label = QLabel("&Show")
        self.level = QComboBox()
        self.level.setObjectName("log_level")
        self.level.setAccessibleName("Show log lines from this level up")
        for text, number in LEVELS:
            self.level.addItem(text, number)
        self.level.setCurrentIndex(1)
        self.level.currentIndexChanged.connect(self._fill)
        label.setBuddy(self.level)
        self.copy = QPushButton("&Copy")
        self.copy.setToolTip("Copy the lines that are shown")
        self.copy.clicked.connect(self._copy)
        self.clear = QPushButton("C&lear")
        self.clear.setToolTip("Empty this view; the log file keeps everything")
        self.clear.clicked.connect(self.forget)
        self.place = QLabel()
        self.place.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        mark(self.place, "muted")
        row.addWidget(label)
        row.addWidget(self.level)
        row.addWidget(self.copy)
        row.addWidget(self.clear)
        row.addStretch(1)
        row.addWidget(self.place)
        column.addLayout(row)
        self.text = QPlainTextEdit()
        self.text.setObjectName("log_text")
        self.text.setAccessibleName("Log")
        self.text.setReadOnly(True)
        self.text.setMaximumBlockCount(KEPT * 4)
        self.text.setFont(mono_font())
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setPlaceholderText("What segbench does is noted here.")
        column.addWidget(self.text)
        theme_signals().changed.connect(self._fill)
        if relay is not None:
            self._records.extend(relay.kept)
            relay.signals.noted.connect(self.add)
            self._fill()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())

    def say_where(self, path: str) -> None:
        """Shows where the log file stands."""
        self.place.setText(path)

    def add(self, level: int, line: str) -> None:
        self._records.append((level, line))
        if level >= self.level.currentData():
            self._append(level, line)

    def forget(self) -> None:
        self._records.clear()
        self._fill()

    def _fill(self) -> None:
        self.text.clear()
        lowest = self.level.currentData()
        for level, line in self._records:
            if level >= lowest:
                self._append(level, line)

    def _append(self, level: int, line: str) -> None:
        bar = self.text.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 2
        theme, look = current_theme(), QTextCharFormat()
        color = theme.bad if level >= logging.ERROR else theme.warning if level >= logging.WARNING else theme.text
        look.setForeground(color if level >= logging.INFO else theme.muted)
        cursor = QTextCursor(self.text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        if not self.text.document().isEmpty():
            cursor.insertBlock()
        cursor.insertText(line, look)
        if at_end:
            bar.setValue(bar.maximum())
