"""The confusion matrix as a grid: a row a true class, a column a predicted one, each cell as strong as its share of the row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from segbench.gui.theme import current_theme, theme_signals
from segbench.gui.widgets.parts import build_tip
from segbench.gui.widgets.run_colors import mix

if TYPE_CHECKING:
    from numpy.typing import NDArray

LABEL = 96  # pixels for a row's name at most
DIGITS_FROM = 34  # pixels of a cell from which its share is written into it
MOVES = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}


class ConfusionGrid(QWidget):
    """`opened` with the true and the predicted class (their number: none) of a cell that was clicked, or chosen with Enter;
    `pointed` when the chosen cell moves."""

    opened = Signal(int, int)
    pointed = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("confusion")
        self.setAccessibleName("Confusion matrix")
        self.setAccessibleDescription("Arrows choose a cell, Enter opens its images.")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(240, 160)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._pixels: NDArray[np.int64] = np.zeros((0, 1), np.int64)
        self._names: tuple[str, ...] = ()
        self.cell = (0, 0)
        self._drawn: QPixmap | None = None  # all but the frame: some thousand cells take a while
        theme_signals().changed.connect(self._redraw)

    def _redraw(self) -> None:
        self._drawn = None
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._drawn = None

    def set_matrix(self, pixels: NDArray[np.int64], names: tuple[str, ...]) -> None:
        """pixels: int64 (K, K + 1), true class by predicted class; the last column: none."""
        if pixels.shape != self._pixels.shape:
            self.cell = (0, 0)
        self._pixels, self._names = pixels, names
        self._redraw()

    def describe(self, row: int, column: int) -> str:
        """A cell in words."""
        pixels, total = int(self._pixels[row, column]), int(self._pixels[row].sum())
        share = f"{pixels / total:.1%} of its pixels" if total else "it is nowhere"
        said = self._names[column] if column < len(self._names) else "no class"
        verb = "found as" if row == column else "taken for"
        return f"{self._names[row]} {verb} {said}: {pixels:,} pixels, {share}"

    # Geometry -------------------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(380, 260)

    def _layout(self) -> tuple[float, float, float, float]:
        """Left and top of the first cell, width and height of each."""
        metrics = QFontMetricsF(self.font())
        left = min(LABEL, max((metrics.horizontalAdvance(name) for name in self._names), default=0)) + 10
        top = metrics.height() * 2 + 10
        rows, columns = self._pixels.shape
        wide = (self.width() - left - 2) / max(columns, 1)
        high = (self.height() - top - 2) / max(rows, 1)
        return left, top, min(wide, 96.0), min(high, 44.0)

    def _rect(self, row: int, column: int) -> QRectF:
        left, top, wide, high = self._layout()
        return QRectF(left + column * wide, top + row * high, wide, high)

    def _find(self, point: QPointF) -> tuple[int, int] | None:
        left, top, wide, high = self._layout()
        column, row = int((point.x() - left) // wide), int((point.y() - top) // high)
        rows, columns = self._pixels.shape
        return (row, column) if 0 <= row < rows and 0 <= column < columns else None

    # What the user does -----------------------------------------------------------------------------------------------------

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and (at := self._find(event.position())) is not None:
            self._choose(at)
            self.opened.emit(*at)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        inside = self._find(event.position()) is not None
        self.setCursor(Qt.CursorShape.PointingHandCursor if inside else Qt.CursorShape.ArrowCursor)

    def _choose(self, at: tuple[int, int]) -> None:
        self.cell = at
        self.update()
        self.pointed.emit(*at)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            at = self._find(QPointF(event.pos()))
            text = build_tip(f"{self.describe(*at)}. Click: its images.") if at is not None else ""
            QToolTip.showText(event.globalPos(), text, self)
            return True
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() in MOVES:
            event.accept()  # the arrows lead through the cells
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        rows, columns = self._pixels.shape
        if not rows:
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.opened.emit(*self.cell)
        elif event.key() in MOVES:
            down, right = MOVES[Qt.Key(event.key())]
            self._choose(((self.cell[0] + down) % rows, (self.cell[1] + right) % columns))
        else:
            super().keyPressEvent(event)

    # Paint ----------------------------------------------------------------------------------------------------------------

    def paintEvent(self, _event: QEvent) -> None:
        with QPainter(self) as painter:
            if not self._pixels.size:
                return
            if self._drawn is None:
                ratio = self.devicePixelRatioF()
                self._drawn = QPixmap(self.size() * ratio)
                self._drawn.setDevicePixelRatio(ratio)
                self._drawn.fill(Qt.GlobalColor.transparent)
                with QPainter(self._drawn) as inner:
                    inner.setFont(self.font())
                    self._paint(inner)
            painter.drawPixmap(0, 0, self._drawn)
            theme = current_theme()
            painter.setPen(QPen(theme.accent if self.hasFocus() else theme.border, 2))
            painter.drawRect(self._rect(*self.cell).adjusted(1, 1, -1, -1))

    def _paint(self, painter: QPainter) -> None:
        theme = current_theme()
        left, top, wide, high = self._layout()
        rows, columns = self._pixels.shape
        metrics = painter.fontMetrics()
        painter.setPen(theme.muted)
        painter.drawText(
            QRectF(0, 0, self.width(), metrics.height() + 2), "Row: true class. Column: what it was taken for."
        )
        names = (*self._names, "none")
        for column in range(columns):
            shown = metrics.elidedText(names[column], Qt.TextElideMode.ElideRight, int(wide) - 2)
            place = QRectF(left + column * wide, metrics.height() + 4, wide, metrics.height() + 4)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), shown)
        totals = self._pixels.sum(axis=1, keepdims=True)
        shares = self._pixels / np.maximum(totals, 1)
        written = min(wide, high * 2) >= DIGITS_FROM
        for row in range(rows):
            painter.setPen(theme.text)
            name = metrics.elidedText(names[row], Qt.TextElideMode.ElideRight, int(left) - 8)
            if high >= metrics.height() * 0.8:
                place = QRectF(0, top + row * high, left - 6, high)
                painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight), name)
            for column in range(columns):
                share, rect = float(shares[row, column]), self._rect(row, column).adjusted(0.5, 0.5, -0.5, -0.5)
                role = theme.good if row == column else theme.bad
                color = mix(role, theme.surface, min(1.0, share**0.6 * 0.85))
                painter.fillRect(rect, color)
                if written and totals[row, 0]:
                    painter.setPen(self._ink(color))
                    text = f"{share:.0%}" if share >= 0.995 or share == 0 else f"{share:.1%}"
                    painter.drawText(rect, int(Qt.AlignmentFlag.AlignCenter), text)

    @staticmethod
    def _ink(ground: QColor) -> QColor:
        light = 0.299 * ground.redF() + 0.587 * ground.greenF() + 0.114 * ground.blueF() > 0.55
        return QColor("#000000") if light else QColor("#ffffff")
