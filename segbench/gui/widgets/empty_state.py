"""What a place shows while there is nothing in it: one sentence, one button. Knows Qt; knows no service."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from segbench.gui.theme import mark


class EmptyState(QWidget):
    """A centred sentence and at most one button; `requested` when that is pressed."""

    requested = Signal()

    def __init__(self, sentence: str, button: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("empty_state")
        self.setAccessibleName(sentence)
        column = QVBoxLayout(self)
        column.setSpacing(16)
        column.addStretch(1)
        self.sentence = QLabel(sentence)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.sentence.setWordWrap(True)
        mark(self.sentence, "muted")
        column.addWidget(self.sentence)
        self.button = QPushButton(button)
        self.button.setObjectName("empty_state_button")
        self.button.clicked.connect(self.requested)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        self.button.setVisible(bool(button))  # in its place by now: shown before, it would be a window of its own
        column.addStretch(2)

    def say(self, sentence: str) -> None:
        self.sentence.setText(sentence)
        self.setAccessibleName(sentence)
