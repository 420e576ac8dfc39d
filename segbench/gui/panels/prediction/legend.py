"""The line under the pictures: what the colours of the difference or of the score map mean, and the pixel under the cursor."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from segbench.gui.theme import current_theme, theme_signals


class DifferenceLegend(QWidget):
    """Four colours and their words."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries: list[tuple[str, QColor]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("Over the classes that are shown: hide or solo classes to see one class's difference alone.")
        theme_signals().changed.connect(self.update)

    def set_entries(self, words: Sequence[str], colors: Sequence[tuple[int, int, int] | None]) -> None:
        self._entries = [(word, QColor(*color)) for word, color in zip(words, colors, strict=False) if color]
        self.setAccessibleName("Colours of the difference: " + ", ".join(words))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(320, 32)

    def paintEvent(self, event: QEvent) -> None:
        painter, x = QPainter(self), 0.0
        painter.setPen(current_theme().text)
        for word, color in self._entries:
            painter.fillRect(QRectF(x, 10, 12, 12), color)
            wide = self.fontMetrics().horizontalAdvance(word)
            painter.drawText(QRectF(x + 18, 0, wide + 4, 32), Qt.AlignmentFlag.AlignVCenter, word)
            x += wide + 36
        painter.end()


class ScoreLegend(QWidget):
    """The score map's colours from its lowest to its highest value, with the threshold and the value under the cursor."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._stops: list[tuple[float, QColor]] = []
        self._ends = (0.0, 1.0)
        self._window = (0.0, float("inf"))
        self._value: float | None = None
        self.setAccessibleName("Colours of the score map")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme_signals().changed.connect(self.update)

    def set_colors(self, colors: list[QColor]) -> None:
        """Evenly spread from the lowest value to the highest."""
        self._stops = [(i / (len(colors) - 1), color) for i, color in enumerate(colors)]
        self.update()

    def set_scale(self, ends: tuple[float, float], window: tuple[float, float]) -> None:
        self._ends, self._window = ends, window
        self.update()

    def set_value(self, value: float | None) -> None:
        self._value = value
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(320, 32)

    def paintEvent(self, event: QEvent) -> None:
        theme, painter = current_theme(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        low, high = self._ends
        digits = 2 if high <= 1 else 0
        texts = [f"{low:.{digits}f}", f"{high:.{digits}f}"]
        margin = max(self.fontMetrics().horizontalAdvance(t) for t in texts) + 10
        bar = QRectF(margin, 8, max(10.0, min(420.0, self.width() - 2 * margin)), 14)
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        for at, color in self._stops:
            gradient.setColorAt(at, color)
        painter.fillRect(bar, gradient)
        painter.setPen(theme.muted)
        painter.drawText(
            QRectF(0, 0, margin - 6, 30), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, texts[0]
        )
        painter.drawText(QRectF(bar.right() + 6, 0, margin, 30), Qt.AlignmentFlag.AlignVCenter, texts[1])

        def place(value: float) -> float:
            return bar.left() + min(max((value - low) / (high - low), 0.0), 1.0) * bar.width()

        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.text)
        for end in self._window:
            if low < end <= high:
                x = place(end)
                painter.drawPolygon(QPolygonF([QPointF(x, 21), QPointF(x - 5, 31), QPointF(x + 5, 31)]))
        if self._value is not None:
            x = place(self._value)
            painter.setBrush(QColor("#ffffff"))
            painter.setPen(QColor("#000000"))
            painter.drawRect(QRectF(x - 1.5, 5, 3, 20))
        painter.end()
