"""The tour's card at the foot of the pages: where one is, what to press, and a button that presses it. Knows Qt; knows no service."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QToolButton, QVBoxLayout, QWidget

from segbench.gui.icons import dress
from segbench.gui.theme import mark


class Coach(QFrame):
    """Shows one step at a time."""

    do_requested = Signal()
    skip_requested = Signal()
    leave_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("coach")
        mark(self, "coach")
        self.setAccessibleName("Two-minute tour")
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 12, 12, 12)
        row.setSpacing(16)
        words = QVBoxLayout()
        words.setSpacing(4)
        head = QHBoxLayout()
        head.setSpacing(12)
        self.title = QLabel()
        self.title.setObjectName("coach_title")
        mark(self.title, "heading")
        head.addWidget(self.title)
        self.place = QLabel()
        self.place.setObjectName("coach_place")
        mark(self.place, "muted")
        head.addWidget(self.place)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedSize(96, 6)
        self.bar.setAccessibleName("Steps done")
        head.addWidget(self.bar, 0, Qt.AlignmentFlag.AlignVCenter)
        head.addStretch(1)
        words.addLayout(head)
        self.text = QLabel()
        self.text.setObjectName("coach_text")
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setWordWrap(True)
        words.addWidget(self.text)
        row.addLayout(words, 1)
        self.do = QPushButton("&Do it for me")
        self.do.setObjectName("coach_do")
        mark(self.do, "primary")
        self.do.clicked.connect(self.do_requested)
        row.addWidget(self.do)
        self.skip = QPushButton("&Skip")
        self.skip.setObjectName("coach_skip")
        self.skip.setToolTip("Go on to the next step")
        self.skip.clicked.connect(self.skip_requested)
        row.addWidget(self.skip)
        self.leave = QToolButton()
        self.leave.setObjectName("coach_leave")
        self.leave.setAutoRaise(True)
        self.leave.setAccessibleName("Leave the tour")
        self.leave.setToolTip("Leave the tour")
        dress(self.leave, "close", "muted", 14)
        self.leave.clicked.connect(self.leave_requested)
        row.addWidget(self.leave)

    def show_step(self, place: int, count: int, title: str, text: str, button: str, can_skip: bool = True) -> None:
        """place from 1; button "" hides it."""
        self.title.setText(title)
        self.place.setText(f"Step {place} of {count}")
        self.bar.setRange(0, count)
        self.bar.setValue(place)
        self.text.setText(text)
        self.do.setText(button)
        self.do.setVisible(bool(button))
        self.do.setEnabled(True)
        self.skip.setText("&Skip")
        self.skip.setVisible(can_skip)
        mark(self.skip, "")

    def show_over(self, title: str, text: str) -> None:
        """The step is done; the next one comes when the user asks for it."""
        self.title.setText(f"{title}: done")
        self.text.setText(text)
        self.do.hide()
        self.skip.setText("&Next")
        self.skip.show()
        mark(self.skip, "primary")

    def show_busy(self, text: str) -> None:
        """The step is being done."""
        self.text.setText(text)
        self.do.setEnabled(False)
