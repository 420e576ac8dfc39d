"""Class chips: checkable buttons with a colour, wrapped to the width there is. Knows no dataset."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from segbench.gui.theme import current_theme, theme_signals
from segbench.gui.widgets.parts import build_tip
from segbench.records import Color

GAP = 4
DOT = 10


class Chip(QAbstractButton):
    """One class, on or off."""

    def __init__(self, name: str, color: Color, parent: QWidget) -> None:
        super().__init__(parent)
        self._color = QColor(*color)
        self.setText(name)
        self.setCheckable(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(f"Only samples with {name}")
        self.setToolTip(build_tip(f"Show samples that contain {name} (with several chips: any of them)"))

    def set_color(self, color: Color) -> None:
        self._color = QColor(*color)
        self.update()

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(min(metrics.horizontalAdvance(self.text()) + 2, 150) + DOT + 22, metrics.height() + 6)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, painter = current_theme(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        on, rect = self.isChecked(), self.rect().adjusted(1, 1, -1, -1)
        painter.setPen(QPen(theme.accent if on or self.hasFocus() else theme.border, 2 if on else 1))
        painter.setBrush(theme.raised if on or self.underMouse() else theme.surface)
        painter.drawRoundedRect(rect, rect.height() / 2, rect.height() / 2)
        painter.setPen(QPen(theme.border, 1))
        painter.setBrush(self._color)
        painter.drawEllipse(QRect(8, (self.height() - DOT) // 2, DOT, DOT))
        painter.setPen(theme.text)
        room = QRect(DOT + 13, 0, self.width() - DOT - 20, self.height())
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), text)
        painter.end()


class Chips(QWidget):
    """A chip a class; `changed` carries the classes that are on."""

    changed = Signal(frozenset)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chips: list[Chip] = []
        self.setObjectName("class_chips")
        self.setAccessibleName("Filter by class")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme_signals().changed.connect(self.update)

    def set_classes(self, names: Sequence[str], colors: Sequence[Color]) -> None:
        """Other classes, none of them on."""
        for chip in self._chips:
            chip.hide()
            chip.deleteLater()
        self._chips = []
        for k, (name, color) in enumerate(zip(names, colors, strict=True)):
            chip = Chip(name, color, self)
            chip.setObjectName(f"chip_{k}")
            chip.clicked.connect(lambda _checked: self.changed.emit(self.classes()))
            chip.show()
            self._chips.append(chip)
        self._place(self.width())

    def set_colors(self, colors: Sequence[Color]) -> None:
        """One a chip; which are on does not change."""
        for chip, color in zip(self._chips, colors, strict=True):
            chip.set_color(color)

    def follow(self, before: QWidget) -> None:
        """The tabulator goes from `before` to the chips; made anew for each dataset, they would come last of all."""
        for chip in self._chips:
            self.setTabOrder(before, chip)
            before = chip

    def classes(self) -> frozenset[int]:
        """The classes that are on."""
        return frozenset(k for k, chip in enumerate(self._chips) if chip.isChecked())

    def set_checked(self, classes: frozenset[int]) -> None:
        """Shows these as on, without telling of it."""
        for k, chip in enumerate(self._chips):
            chip.setChecked(k in classes)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._place(self.width())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place(event.size().width())

    def sizeHint(self) -> QSize:
        return QSize(200, self._place(self.width(), move=False))

    def _place(self, width: int, move: bool = True) -> int:
        """Puts chips in lines; returns the height that takes."""
        x = y = height = 0
        for chip in self._chips:
            size = chip.sizeHint()
            height = size.height()
            if x and x + size.width() > width:
                x, y = 0, y + height + GAP
            if move:
                chip.setGeometry(x, y, size.width(), height)
            x += size.width() + GAP
        total = y + height if self._chips else 0
        if move and total != self.height():
            self.setFixedHeight(total)
        return total
