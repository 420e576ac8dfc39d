"""A slider with one or two handles: the window low < score < high in which a class is read. Knows Qt, knows no class."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from segbench.gui.theme import current_theme, theme_signals

HANDLE = 5.0  # radius in pixels
_KEYS = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class WindowSlider(QWidget):
    """Left and Right move the lower end, with Shift the upper one; the upper end at its right stop means "no limit".

    `pressed` comes before the first change of a drag, so that an owner can keep one drag apart from the next.
    """

    changed = Signal(float, float)
    pressed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._least, self._most, self._step = 0.0, 1.0, 0.01
        self._low, self._high = 0.5, math.inf
        self._color = QColor("#808080")
        self._held: str | None = None
        self._two_ended = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme_signals().changed.connect(self.update)

    def set_limits(self, least: float, most: float, step: float) -> None:
        self._least, self._most, self._step = least, most, step
        self.update()

    def set_window(self, low: float, high: float) -> None:
        """Shows a window without saying so; `high` may be infinite. A finite `high` brings out the second handle."""
        self._low, self._high = low, high
        self._two_ended = self._two_ended or math.isfinite(high)
        self.update()

    def set_two_ended(self, two_ended: bool) -> None:
        """Whether the upper end has a handle, too."""
        self._two_ended = two_ended
        self.update()

    def set_color(self, color: QColor) -> None:
        self._color = color
        self.update()

    @property
    def span(self) -> tuple[float, float]:
        """low, high as they stand now."""
        return self._low, self._high

    # Geometry -------------------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(96, 20)

    def minimumSizeHint(self) -> QSize:
        return QSize(56, 20)

    def _place(self, value: float) -> float:
        share = (min(max(value, self._least), self._most) - self._least) / (self._most - self._least)
        return HANDLE + 1 + share * (self.width() - 2 * HANDLE - 2)

    def _value(self, x: float) -> float:
        share = (x - HANDLE - 1) / max(1.0, self.width() - 2 * HANDLE - 2)
        value = self._least + min(max(share, 0.0), 1.0) * (self._most - self._least)
        return round(value / self._step) * self._step

    # What the user does ---------------------------------------------------------------------------------------------------

    def _move(self, end: str, value: float) -> None:
        value = round(min(max(value, self._least), self._most), 6)
        low, high = self._low, self._high
        if end == "low":
            low = min(value, high - self._step) if math.isfinite(high) else value
        else:
            high = math.inf if value >= self._most else max(value, low + self._step)
        if (low, high) != (self._low, self._high):
            self._low, self._high = low, high
            self.update()
            self.changed.emit(low, high)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        x = event.position().x()
        to_low, to_high = abs(x - self._place(self._low)), abs(x - self._place(self._high))
        self._held = "high" if self._two_ended and to_high < to_low else "low"
        self.pressed.emit()
        self._move(self._held, self._value(x))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._held:
            self._move(self._held, self._value(event.position().x()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._held = None

    def event(self, event: QEvent) -> bool:
        # The arrows belong to the slider while it has the focus, not to "next image"
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() in _KEYS:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        end = "low"
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and self._two_ended:
            end = "high"
        value = self._low if end == "low" else min(self._high, self._most)
        match event.key():
            case Qt.Key.Key_Left:
                self._move(end, value - self._step)
            case Qt.Key.Key_Right:
                self._move(end, value + self._step)
            case Qt.Key.Key_PageDown:
                self._move(end, value - 10 * self._step)
            case Qt.Key.Key_PageUp:
                self._move(end, value + 10 * self._step)
            case Qt.Key.Key_Home:
                self._move(end, self._least)
            case Qt.Key.Key_End:
                self._move(end, self._most)
            case _:
                super().keyPressEvent(event)

    # Paint ----------------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QEvent) -> None:
        theme, painter = current_theme(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = self.height() / 2
        left, right = self._place(self._low), self._place(self._high)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.border)
        painter.drawRoundedRect(QRectF(HANDLE, middle - 1.5, self.width() - 2 * HANDLE, 3), 1.5, 1.5)
        painter.setBrush(self._color if self.isEnabled() else theme.muted)
        painter.drawRoundedRect(QRectF(left, middle - 2, max(0.0, right - left), 4), 2, 2)
        focused = self.hasFocus()
        painter.setBrush(theme.surface)
        painter.setPen(QPen(theme.accent if focused else theme.muted, 2.0 if focused else 1.5))
        for place in (left, right) if self._two_ended else (left,):
            painter.drawEllipse(QPointF(place, middle), HANDLE, HANDLE)
        painter.end()
