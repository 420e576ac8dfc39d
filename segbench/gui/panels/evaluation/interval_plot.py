"""Differences with their intervals, a row each, around a line that means "no difference". Knows Qt; knows no evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from segbench.gui.theme import current_theme, theme_signals

ROW = 24
NUMBERS = 190  # pixels for the numbers at the right


@dataclass(frozen=True, slots=True)
class Bar:
    """One difference; text: it in words. verdict: "better", "worse" or anything else."""

    name: str
    value: float
    low: float
    high: float
    text: str
    verdict: str
    strong: bool = False


class IntervalPlot(QWidget):
    """The scale fits what is shown and is the same on both sides of zero."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("interval_plot")
        self._bars: tuple[Bar, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme_signals().changed.connect(self.update)

    def set_bars(self, bars: Sequence[Bar], title: str) -> None:
        self._bars = tuple(bars)
        self.setAccessibleName(title)
        self.setAccessibleDescription(". ".join(f"{bar.name}: {bar.text}, {bar.verdict}" for bar in bars))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(420, ROW * len(self._bars) + 26)

    def minimumSizeHint(self) -> QSize:
        return QSize(300, self.sizeHint().height())

    def paintEvent(self, _event: QEvent) -> None:
        if self._bars:
            with QPainter(self) as painter:
                self._paint(painter)

    def _paint(self, painter: QPainter) -> None:
        theme, metrics = current_theme(), painter.fontMetrics()
        reach = max(0.02, *(max(abs(bar.low), abs(bar.high)) for bar in self._bars)) * 1.08
        left = min(130, max(metrics.horizontalAdvance(bar.name) for bar in self._bars)) + 12
        wide = max(60, self.width() - left - NUMBERS)

        def place(value: float) -> float:
            return left + (value / reach + 1) / 2 * wide

        foot = ROW * len(self._bars) + 2
        for tick in (-reach / 1.08, 0.0, reach / 1.08):
            painter.setPen(QPen(theme.muted if tick == 0 else theme.border, 1))
            painter.drawLine(QPointF(place(tick), 0), QPointF(place(tick), foot))
            painter.setPen(theme.muted)
            text = "0" if tick == 0 else f"{tick:+.2f}".replace("-", "−")
            painter.drawText(QRectF(place(tick) - 40, foot + 2, 80, 20), int(Qt.AlignmentFlag.AlignHCenter), text)
        font = painter.font()
        for number, bar in enumerate(self._bars):
            top = number * ROW
            color = {"better": theme.good, "worse": theme.bad}.get(bar.verdict, theme.muted)
            font.setBold(bar.strong)
            painter.setFont(font)
            painter.setPen(theme.text)
            name = painter.fontMetrics().elidedText(bar.name, Qt.TextElideMode.ElideRight, int(left) - 12)
            painter.drawText(QRectF(0, top, left - 8, ROW), int(Qt.AlignmentFlag.AlignVCenter), name)
            painter.setPen(QPen(color, 3 if bar.strong else 2))
            middle = top + ROW / 2
            painter.drawLine(QPointF(place(bar.low), middle), QPointF(place(bar.high), middle))
            for end in (bar.low, bar.high):
                painter.drawLine(QPointF(place(end), middle - 4), QPointF(place(end), middle + 4))
            painter.setBrush(color)
            painter.drawEllipse(QPointF(place(bar.value), middle), 4, 4)
            painter.setPen(color if bar.verdict in ("better", "worse") else theme.text)
            at = QRectF(left + wide + 8, top, NUMBERS - 8, ROW)
            painter.drawText(at, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight), bar.text)
