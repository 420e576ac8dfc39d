"""The status bar: what is open, what runs and for how long, on which device, with how much memory. Knows Qt; knows no service."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QStatusBar, QToolButton, QWidget

from segbench.gui.icons import dress
from segbench.gui.theme import mark

BUTTON_SIDE = 22  # logical pixels
PLAIN_TEXT = 0  # Qt.TextFormat.PlainText; Qt's enums cost a fifth of the start


class Status(QStatusBar):
    """`cancel_requested` when the cross beside the running job is pressed."""

    cancel_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("status")
        self.setAccessibleName("Status")
        self.setSizeGripEnabled(False)
        self.dataset = QLabel("No dataset open")
        self.dataset.setProperty("textFormat", PLAIN_TEXT)
        self.dataset.setObjectName("status_dataset")
        self.dataset.setContentsMargins(8, 0, 8, 0)
        self.dataset.setMinimumHeight(BUTTON_SIDE)  # as high without a job as with one: the pages above stay in place
        mark(self.dataset, "muted")
        self.addWidget(self.dataset)
        self.work = QWidget()
        row = QHBoxLayout(self.work)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.job = QLabel()
        self.job.setProperty("textFormat", PLAIN_TEXT)
        self.job.setObjectName("status_job")
        self.bar = QProgressBar()
        self.bar.setObjectName("status_progress")
        self.bar.setAccessibleName("Progress of the running job")
        self.bar.setFixedSize(140, 12)
        self.bar.setTextVisible(False)
        self.left = QLabel()
        self.left.setObjectName("status_left")
        mark(self.left, "muted")
        self.cancel = QToolButton()
        self.cancel.setObjectName("status_cancel")
        self.cancel.setAutoRaise(True)
        self.cancel.setFixedSize(BUTTON_SIDE, BUTTON_SIDE)
        self.cancel.setToolTip("Cancel this job")
        self.cancel.setAccessibleName("Cancel the running job")
        dress(self.cancel, "close", "muted", 12)
        self.cancel.clicked.connect(self.cancel_requested)
        for widget in (self.job, self.bar, self.left, self.cancel):
            row.addWidget(widget)
        self.work.hide()
        self.addPermanentWidget(self.work)
        self.device = self._build_fact("status_device", "Where networks are computed")
        self.memory = self._build_fact("status_memory", "Memory in use")
        self.device.setText("Device: looking…")

    def _build_fact(self, name: str, tip: str) -> QLabel:
        label = QLabel()
        label.setObjectName(name)
        label.setToolTip(tip)
        label.setContentsMargins(8, 0, 8, 0)
        mark(label, "muted")
        self.addPermanentWidget(label)
        return label

    def show_job(self, title: str, done: int, total: int, left: str, can_cancel: bool) -> None:
        """Tells of a job; total 0 shows a bar that only says "busy"."""
        self.job.setText(title)
        # No moving stripes where a number will come at once: they repaint sixty times a second
        self.bar.setRange(0, max(total, 1))
        self.bar.setValue(done)
        self.bar.setVisible(total > 0)
        self.left.setText(left)
        self.left.setVisible(bool(left))
        self.cancel.setVisible(can_cancel)
        self.work.show()

    def show_no_job(self) -> None:
        self.work.hide()
