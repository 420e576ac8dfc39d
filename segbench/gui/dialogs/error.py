"""The one error dialog: cause, hint, details to copy. Errors that come while it is open are counted and leafed through, never stacked."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from segbench.errors import ErrorReport
from segbench.gui.dialogs.buttons import strip_icons
from segbench.gui.icons import load_icon
from segbench.gui.theme import mark, mono_font

KEPT = 50  # different errors; more would not be read


@dataclass
class Trouble:
    """One error and how often it came."""

    report: ErrorReport
    times: int = 1


class ErrorDialog(QDialog):
    """`show_error` brings it up; `smaller_batch_requested(n)` when the user takes up that offer."""

    smaller_batch_requested = Signal(int)

    def __init__(self, log_path: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("error_dialog")
        self.setWindowTitle("Something went wrong")
        self.setMinimumWidth(560)
        self._troubles: list[Trouble] = []
        self._place = 0
        self._log_path = log_path
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(16)
        row = QHBoxLayout()
        row.setSpacing(16)
        self.picture = QLabel()
        row.addWidget(self.picture, 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(8)
        self.message = self._build_text("error_message")
        mark(self.message, "heading")
        self.hint = self._build_text("error_hint")
        self.times = QLabel()
        self.times.setObjectName("error_times")
        mark(self.times, "muted")
        for label in (self.message, self.hint, self.times):
            words.addWidget(label)
        row.addLayout(words, 1)
        column.addLayout(row)
        self.details = QPlainTextEdit()
        self.details.setObjectName("error_details")
        self.details.setAccessibleName("Details of the error")
        self.details.setReadOnly(True)
        self.details.setFont(mono_font())
        self.details.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.details.setMinimumHeight(200)
        self.details.hide()
        column.addWidget(self.details, 1)
        column.addLayout(self._build_buttons())

    def _build_text(self, name: str) -> QLabel:
        label = QLabel()
        label.setObjectName(name)
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        return label

    def _build_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self.earlier = QToolButton()
        self.earlier.setArrowType(Qt.ArrowType.LeftArrow)
        self.earlier.setAccessibleName("Earlier error")
        self.earlier.clicked.connect(lambda: self._show(self._place - 1))
        self.later = QToolButton()
        self.later.setArrowType(Qt.ArrowType.RightArrow)
        self.later.setAccessibleName("Later error")
        self.later.clicked.connect(lambda: self._show(self._place + 1))
        self.counter = QLabel()
        mark(self.counter, "muted")
        row.addWidget(self.earlier)
        row.addWidget(self.counter)
        row.addWidget(self.later)
        row.addStretch(1)
        box = QDialogButtonBox()
        self.toggle = box.addButton("Show &details", QDialogButtonBox.ButtonRole.ActionRole)
        self.toggle.clicked.connect(self._toggle_details)
        self.copy = box.addButton("&Copy details", QDialogButtonBox.ButtonRole.ActionRole)
        self.copy.clicked.connect(self._copy)
        self.smaller = QPushButton()
        self.smaller.setObjectName("error_smaller_batch")
        self.smaller.clicked.connect(self._take_smaller)
        box.addButton(self.smaller, QDialogButtonBox.ButtonRole.AcceptRole)
        self.close_button = box.addButton(QDialogButtonBox.StandardButton.Close)
        self.close_button.setDefault(True)
        box.rejected.connect(self.reject)
        strip_icons(box)
        row.addWidget(box)
        return row

    def show_error(self, report: ErrorReport) -> None:
        """Shows an error, or counts it if it is one of those that are shown."""
        if not self.isVisible():
            self._troubles.clear()
        for place, trouble in enumerate(self._troubles):
            if (trouble.report.message, trouble.report.hint) == (report.message, report.hint):
                trouble.times += 1
                if place == self._place:
                    self._show(place)
                return
        if len(self._troubles) >= KEPT:
            return
        self._troubles.append(Trouble(report))
        self._show(self._place if self.isVisible() else 0)
        if not self.isVisible():
            self._show_details(not report.expected)
            self.open()

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        return tuple(self._troubles)

    def _show(self, place: int) -> None:
        self._place = max(0, min(place, len(self._troubles) - 1))
        trouble = self._troubles[self._place]
        report = trouble.report
        self.picture.setPixmap(load_icon("error", "bad", 32).pixmap(QSize(32, 32)))
        self.message.setText(report.message)
        self.hint.setText(report.hint)
        self.hint.setVisible(bool(report.hint))
        self.times.setText(f"This happened {trouble.times} times.")
        self.times.setVisible(trouble.times > 1)
        self.details.setPlainText(self._write_details(report))
        several = len(self._troubles) > 1
        for widget in (self.earlier, self.counter, self.later):
            widget.setVisible(several)
        self.counter.setText(f"{self._place + 1} of {len(self._troubles)}")
        self.earlier.setEnabled(self._place > 0)
        self.later.setEnabled(self._place < len(self._troubles) - 1)
        self.smaller.setText(f"Go on with &{report.smaller_batch} at a time")
        self.smaller.setVisible(report.smaller_batch > 0)
        self._make_room()

    def _make_room(self) -> None:
        """As high as the text needs: errors that are counted or leafed through may say more than the first one did."""
        layout = self.layout()
        layout.activate()
        self.resize(self.width(), max(self.height(), layout.totalMinimumHeightForWidth(self.width())))

    def _write_details(self, report: ErrorReport) -> str:
        place = f"\n\nThe log stands in {self._log_path}" if self._log_path else ""
        return f"{report.message}\n{report.hint}\n\n{report.details.rstrip()}{place}".strip()

    def _toggle_details(self) -> None:
        self._show_details(self.details.isHidden())

    def _show_details(self, shown: bool) -> None:
        self.details.setVisible(shown)
        self.toggle.setText("Hide &details" if shown else "Show &details")
        self.adjustSize()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.details.toPlainText())

    def _take_smaller(self) -> None:
        batch = self._troubles[self._place].report.smaller_batch
        self.accept()
        self.smaller_batch_requested.emit(batch)
