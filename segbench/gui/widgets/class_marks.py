"""The small marks of a class's row: eye, colour swatch, a name that gives way. Knows Qt, knows no class."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import QAbstractButton, QLabel, QSlider, QToolButton, QWidget

from segbench.gui.theme import current_theme, theme_signals


class EyeButton(QAbstractButton):
    """Checked: the class is shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setChecked(True)
        self.setFixedSize(24, 24)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        theme_signals().changed.connect(self.update)

    def paintEvent(self, event: QEvent) -> None:
        theme, painter = current_theme(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.hasFocus():
            painter.setPen(QPen(theme.accent, 1.5))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 4, 4)
        color = theme.text if self.isChecked() else theme.muted
        painter.setPen(QPen(color, 1.5))
        center = QPointF(self.rect().center()) + QPointF(0.5, 0.5)
        painter.drawEllipse(center, 7.0, 4.2)
        if self.isChecked():
            painter.setBrush(color)
            painter.drawEllipse(center, 2.0, 2.0)
        else:
            painter.drawLine(center + QPointF(-6, 6), center + QPointF(6, -6))
        painter.end()


class Swatch(QAbstractButton):
    """A class's colour, and the key that toggles it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedSize(20, 20)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.color = QColor("#808080")

    def set_color(self, color: QColor) -> None:
        self.color = color
        self.update()

    def paintEvent(self, event: QEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        focused = self.hasFocus()
        painter.setPen(QPen(current_theme().accent if focused else current_theme().border, 2 if focused else 1))
        painter.setBrush(self.color)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 4, 4)
        if self.text():
            # Black or white, whichever is read better on this colour
            light = 0.299 * self.color.redF() + 0.587 * self.color.greenF() + 0.114 * self.color.blueF() > 0.55
            painter.setPen(QColor("#000000" if light else "#ffffff"))
            font = painter.font()
            font.setPixelSize(11)
            font.setBold(True)
            painter.setFont(font)
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())
        painter.end()


class SegmentButton(QToolButton):
    """A choice in a row of choices; the chosen one wears the accent, so that it is seen in light and dark."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText(text)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves no frame behind
        self.setMinimumHeight(26)
        self._dress()
        theme_signals().changed.connect(self._dress)

    def _dress(self) -> None:
        theme = current_theme()
        self.setStyleSheet(
            f"QToolButton {{ padding: 3px 5px; border: 1px solid {theme.border.name()}; background: {theme.raised.name()}; }}"
            f"QToolButton:hover {{ border-color: {theme.muted.name()}; }}"
            f"QToolButton:checked {{ color: {theme.on_accent.name()}; background: {theme.accent.name()};"
            f" border-color: {theme.accent.name()}; }}"
            f"QToolButton:focus {{ border: 2px solid {theme.text.name()}; padding: 2px 4px; }}"
            f"QToolButton:disabled {{ color: {theme.muted.name()}; }}"
        )


class ElidedLabel(QLabel):
    """A name that gives way: shortened with an ellipsis, whole in its tooltip. Painted as it is, whatever is in it."""

    def minimumSizeHint(self) -> QSize:
        whole = self.fontMetrics().horizontalAdvance(self.text())
        return QSize(min(whole, 76) + 2, super().minimumSizeHint().height())

    def paintEvent(self, event: QEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        painter.end()


class OwnArrowsSlider(QSlider):
    """A slider whose arrows are its own, even where a panel uses them for "next image"."""

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            own = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End)
            if event.key() in own:
                event.accept()
                return True
        return super().event(event)
