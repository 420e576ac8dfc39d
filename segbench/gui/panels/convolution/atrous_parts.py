"""What the Atrous tab is put together from: cards, rows, and controls with their names and tooltips."""

from __future__ import annotations

import math
from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QSizePolicy, QSpinBox, QVBoxLayout, QWidget

from segbench.gui.theme import GRID, Mark, mark
from segbench.gui.widgets.class_marks import ElidedLabel, OwnArrowsSlider
from segbench.gui.widgets.grid_paint import MARGIN
from segbench.gui.widgets.parts import build_label
from segbench.gui.widgets.tensor_grid import TensorGrid


class GridRow(QWidget):
    """Grids side by side, squares of one size whose titles stand in one line, whatever is in them."""

    def __init__(self, *grids: TensorGrid) -> None:
        super().__init__()
        self._grids = grids
        for grid in grids:
            grid.setParent(self)
        self.setMinimumSize(len(grids) * 104 - GRID, 128)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.arrange()

    def arrange(self) -> None:
        """After a change of size or of cells."""
        count, gap, head = len(self._grids), 2 * GRID, self.fontMetrics().height() + 4
        side = max(96 - head, min((self.width() - (count - 1) * gap) // count, self.height() - head))
        left = (self.width() - count * side - (count - 1) * gap) // 2
        top = (self.height() - side - head) // 2
        for number, grid in enumerate(self._grids):
            grid.setGeometry(left + number * (side + gap), top, side, side + head)
            if (frame := grid.find_frame()) is not None:  # no room above the cells, so that they begin at the top
                grid.resize(side, head + math.ceil(frame.side * frame.rows) + 2 * MARGIN)


def build_card(card: QFrame | None = None) -> tuple[QFrame, QVBoxLayout]:
    card = card or QFrame()
    card.setObjectName("card")
    mark(card, "card")
    column = QVBoxLayout(card)
    column.setContentsMargins(12, GRID, 12, GRID)
    column.setSpacing(GRID)
    return card, column


def build_column(page: QWidget) -> QVBoxLayout:
    column = QVBoxLayout(page)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(GRID)
    return column


def build_row(*parts: QWidget | int | None) -> QWidget:
    """Widgets side by side; a number is a gap, None takes what room is left."""
    holder = QWidget()
    holder.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(GRID)
    for part in parts:
        if part is None:
            row.addStretch(1)
        elif isinstance(part, int):
            row.addSpacing(part)
        else:
            row.addWidget(part, isinstance(part, ElidedLabel))
    return holder


def build_key(text: str, buddy: QWidget | None = None) -> QLabel:
    label = build_label(text, "", "muted")
    if buddy is not None:
        label.setBuddy(buddy)
    return label


def build_aside(name: str, text: str = "", role: Mark = "muted") -> ElidedLabel:
    """Words that give way where the window is narrow."""
    label = ElidedLabel(text)
    label.setObjectName(name)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    mark(label, role)
    return label


def build_box(title: str, about: QLabel) -> QFrame:
    """A station of the data's way."""
    card, column = build_card()
    column.setSpacing(0)
    column.setContentsMargins(12, 4, 12, 4)
    column.addWidget(build_label(title, ""))
    column.addWidget(about)
    return card


def build_arrow() -> QLabel:
    return build_label("→", "", "muted")


def build_slider(name: str, spoken: str, least: int, most: int, tip: str) -> OwnArrowsSlider:
    slider = OwnArrowsSlider(Qt.Orientation.Horizontal)
    slider.setObjectName(name)
    slider.setAccessibleName(spoken)
    slider.setToolTip(tip)
    slider.setRange(least, most)
    slider.setPageStep(1 if most < 10 else 8)
    slider.setFixedWidth(160)
    slider.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return slider


def build_spin(name: str, spoken: str, least: int, most: int, tip: str) -> QSpinBox:
    spin = QSpinBox(objectName=name)
    spin.setAccessibleName(spoken)
    spin.setToolTip(tip)
    spin.setRange(least, most)
    return spin


def build_combo(name: str, spoken: str, texts: Iterable[str], tip: str) -> QComboBox:
    combo = QComboBox(objectName=name)
    combo.setAccessibleName(spoken)
    combo.setToolTip(tip)
    combo.addItems(list(texts))
    return combo


def set_quietly(control: QSpinBox | OwnArrowsSlider, value: int) -> None:
    """Shows a value without telling of it."""
    blocked = control.blockSignals(True)
    control.setValue(value)
    control.blockSignals(blocked)
