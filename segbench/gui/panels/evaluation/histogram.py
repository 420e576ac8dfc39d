"""How many images have which score: bars that open their images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from segbench.gui.theme import current_theme, theme_signals
from segbench.gui.widgets.run_colors import mix

if TYPE_CHECKING:
    from numpy.typing import NDArray

BARS = 20
FOOT = 22  # pixels for the numbers under the bars


class Histogram(QWidget):
    """Scores from 0 to 1. `opened` carries the bar's number: scores from number / BARS on."""

    opened = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("histogram")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(220, 120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._title = ""
        self.counts: NDArray[np.int64] = np.zeros(BARS, np.int64)
        self.bar = 0
        theme_signals().changed.connect(self.update)

    def set_values(self, values: NDArray[np.float64], title: str) -> None:
        """NaN counts nowhere."""
        self.counts = np.bincount(find_bars(values), minlength=BARS)
        self._title = title
        self.setAccessibleName(title)
        self.setAccessibleDescription("Left and Right choose a bar, Enter opens its images.")
        self.update()

    def describe(self, bar: int) -> str:
        images = "image" if self.counts[bar] == 1 else "images"
        return f"{bar / BARS:.2f} to {(bar + 1) / BARS:.2f}: {self.counts[bar]:,} {images}"

    def sizeHint(self) -> QSize:
        return QSize(360, 200)

    def _rect(self, bar: int) -> QRectF:
        """The bar's whole column."""
        top, wide = self.fontMetrics().height() + 8, self.width() / BARS
        return QRectF(bar * wide, top, wide, max(1.0, self.height() - top - FOOT))

    def _find(self, point: QPointF) -> int | None:
        bar = int(point.x() * BARS // max(1, self.width()))
        return bar if 0 <= bar < BARS and self.counts[bar] else None

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and (bar := self._find(event.position())) is not None:
            self.bar = bar
            self.opened.emit(bar)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        found = self._find(event.position()) is not None
        self.setCursor(Qt.CursorShape.PointingHandCursor if found else Qt.CursorShape.ArrowCursor)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            bar = self._find(QPointF(event.pos()))
            QToolTip.showText(
                event.globalPos(), "" if bar is None else f"{self.describe(bar)}. Click: these images.", self
            )
            return True
        arrows = (Qt.Key.Key_Left, Qt.Key.Key_Right)
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() in arrows:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Left | Qt.Key.Key_Right:
                self.bar = (self.bar + (1 if event.key() == Qt.Key.Key_Right else -1)) % BARS
                self.update()
            case Qt.Key.Key_Return | Qt.Key.Key_Enter | Qt.Key.Key_Space if self.counts[self.bar]:
                self.opened.emit(self.bar)
            case _:
                super().keyPressEvent(event)

    def paintEvent(self, _event: QEvent) -> None:
        theme, metrics = current_theme(), self.fontMetrics()
        with QPainter(self) as painter:
            painter.setPen(theme.muted)
            painter.drawText(QRectF(0, 0, self.width(), metrics.height() + 4), self._title)
            most = max(1, int(self.counts.max())) * 1.12  # room for the highest bar's number
            for bar in range(BARS):
                column = self._rect(bar)
                high = column.height() * float(self.counts[bar]) / most
                if self.counts[bar]:
                    high = max(high, 2.0)
                color = mix(theme.good, theme.bad, (bar + 0.5) / BARS)
                painter.fillRect(QRectF(column.left() + 1, column.bottom() - high, column.width() - 2, high), color)
                if self.hasFocus() and bar == self.bar:
                    painter.setPen(QPen(theme.accent, 2))
                    painter.drawRect(column.adjusted(1, 1, -1, -1))
                if self.counts[bar] and column.height() - high > metrics.height():
                    painter.setPen(theme.muted)
                    above = QRectF(
                        column.left() - 10, column.bottom() - high - metrics.height() - 1, column.width() + 20, 16
                    )
                    painter.drawText(above, int(Qt.AlignmentFlag.AlignHCenter), f"{self.counts[bar]:,}")
            foot = self._rect(0).bottom()
            painter.setPen(theme.border)
            painter.drawLine(QPointF(0, foot), QPointF(self.width(), foot))
            painter.setPen(theme.muted)
            for tick in range(6):
                x = tick / 5 * self.width()
                align = (
                    Qt.AlignmentFlag.AlignLeft
                    if tick == 0
                    else Qt.AlignmentFlag.AlignRight
                    if tick == 5
                    else Qt.AlignmentFlag.AlignHCenter
                )
                left = x if tick == 0 else x - 60 if tick == 5 else x - 30
                painter.drawText(QRectF(left, foot + 3, 60, FOOT), int(align), f"{tick / 5:g}")


def find_bars(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which bar each of the values that are numbers stands in."""
    there = values[~np.isnan(values)]
    bars: NDArray[np.int64] = np.clip((there * BARS).astype(np.int64), 0, BARS - 1)
    return bars
