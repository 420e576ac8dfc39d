"""A feature map with the zeros around it, and where a kernel's taps fall. Knows Qt; pixels are pointed at by mouse or arrows."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QToolTip, QWidget

from segbench.gui.panels.convolution.atrous_picture import AsppPicture, Branch
from segbench.gui.theme import current_theme, theme_signals


class TapMap(QWidget):
    """A feature map with zeros around it, and where a kernel's taps fall. Arrows move the pixel."""

    pointed = Signal(int, int)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._aspp: AsppPicture | None = None
        self._branch: Branch | None = None
        self.setObjectName(name)
        self.setMinimumSize(96, 96)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        theme_signals().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(176, 176)

    def show_branch(self, aspp: AsppPicture, branch: Branch) -> None:
        self._aspp, self._branch = aspp, branch
        row, column = aspp.pointed
        self.setAccessibleName(f"Map of the branch {branch.name}")
        self.setAccessibleDescription(f"row {row + 1}, column {column + 1}: {branch.here}")
        self.update()

    def find_cell(self) -> tuple[QPointF, float]:
        """The top left corner of the map's first pixel, and the side of a pixel."""
        assert self._aspp is not None
        across = self._aspp.map_size + 2 * self._aspp.margin
        side = min(self.width(), self.height()) - 2
        cell = side / across
        inset = self._aspp.margin * cell
        return QPointF((self.width() - side) / 2 + inset, (self.height() - side) / 2 + inset), cell

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._aspp is None or self._branch is None:
            return
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint(painter, self._aspp, self._branch)

    def _paint(self, painter: QPainter, aspp: AsppPicture, branch: Branch) -> None:
        theme, (origin, cell) = current_theme(), self.find_cell()
        inset = aspp.margin * cell
        area = QRectF(origin, origin + QPointF(1, 1) * (aspp.map_size * cell))
        whole = area.adjusted(-inset, -inset, inset, inset)
        painter.setPen(QPen(theme.accent if self.hasFocus() else theme.border, 1, Qt.PenStyle.DashLine))
        painter.setBrush(theme.background)
        painter.drawRoundedRect(whole, 4, 4)
        if cell >= 5:
            painter.setPen(QPen(theme.border, 1, Qt.PenStyle.DotLine))
            for line in range(1, aspp.map_size + 2 * aspp.margin):
                at = line * cell
                painter.drawLine(QPointF(whole.left() + at, whole.top()), QPointF(whole.left() + at, whole.bottom()))
                painter.drawLine(QPointF(whole.left(), whole.top() + at), QPointF(whole.right(), whole.top() + at))
        painter.drawImage(area, _shade(branch))
        if cell >= 5:
            painter.setPen(QPen(theme.surface, 1))
            for line in range(1, aspp.map_size):
                at = line * cell
                painter.drawLine(QPointF(area.left() + at, area.top()), QPointF(area.left() + at, area.bottom()))
                painter.drawLine(QPointF(area.left(), area.top() + at), QPointF(area.right(), area.top() + at))
        painter.setPen(QPen(theme.accent if branch.rate < 0 else theme.muted, 2 if branch.rate < 0 else 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(area)
        row, column = aspp.pointed
        painter.setPen(QPen(theme.text, 1.5))
        painter.drawRect(QRectF(origin + QPointF(column, row) * cell, origin + QPointF(column + 1, row + 1) * cell))
        radius = min(max(3.0, cell * 0.32), 6.0)
        for tap in branch.taps:
            middle = origin + QPointF(tap.column + 0.5, tap.row + 0.5) * cell
            if tap.live:
                painter.setPen(QPen(theme.surface, 1))
                painter.setBrush(theme.text)
                painter.drawEllipse(middle, radius + 0.5, radius + 0.5)
            else:
                painter.setPen(QPen(theme.warning, 1.5))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                if whole.contains(middle):
                    painter.drawEllipse(middle, radius, radius)
                else:
                    painter.setBrush(theme.warning)
                    painter.drawPolygon(_point_out(middle, whole))

    # Hands ----------------------------------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._aspp is not None:
            origin, cell = self.find_cell()
            at = (event.position() - origin) / cell
            row, column = int(at.y() // 1), int(at.x() // 1)
            if 0 <= row < self._aspp.map_size and 0 <= column < self._aspp.map_size:
                self._move(row, column)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() in _MOVES:
            event.accept()  # the arrows are the map's while it has the focus
            return True
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.accessibleDescription(), self)
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._aspp is None or event.key() not in _MOVES:
            super().keyPressEvent(event)
            return
        (row, column), (down, right) = self._aspp.pointed, _MOVES[Qt.Key(event.key())]
        last = self._aspp.map_size - 1
        self._move(min(max(row + down, 0), last), min(max(column + right, 0), last))

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def _move(self, row: int, column: int) -> None:
        if self._aspp is not None and (row, column) != self._aspp.pointed:
            self.pointed.emit(row, column)


_MOVES = {Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0)}


def _shade(branch: Branch) -> QImage:
    """An image pixel a pixel of the map: the more taps are live there, the more of the accent."""
    theme = current_theme()
    shares = np.clip(branch.counts / 9, 0, 1)[..., None] * 0.56
    base, full = (
        np.array((color.red(), color.green(), color.blue()), np.float64) for color in (theme.surface, theme.accent)
    )
    rgb = np.ascontiguousarray((base + (full - base) * (0.12 + shares)).round().astype(np.uint8))
    height, width = branch.counts.shape
    return QImage(rgb.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def _point_out(middle: QPointF, whole: QRectF) -> QPolygonF:
    """A small arrowhead at the edge of the picture, towards what lies outside."""
    inside = whole.adjusted(5, 5, -5, -5)
    at = QPointF(
        min(max(middle.x(), inside.left()), inside.right()), min(max(middle.y(), inside.top()), inside.bottom())
    )
    way = middle - at
    way /= max((way.x() ** 2 + way.y() ** 2) ** 0.5, 1e-6)
    across = QPointF(-way.y(), way.x())
    return QPolygonF([at + way * 4, at - way * 2 + across * 3, at - way * 2 - across * 3])
