"""The lab's matrix between its vectors, cells of one size, so that a row of the matrix stands beside its own number. Decides nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from segbench.gui.panels.convolution.operation_picture import Plate
from segbench.gui.theme import current_theme, theme_signals
from segbench.gui.widgets.cells import Cells, Marks
from segbench.gui.widgets.grid_paint import CRISP, MARGIN, MOST_SIDE
from segbench.gui.widgets.tensor_grid import TensorGrid

if TYPE_CHECKING:
    from segbench.gui.panels.convolution.matrix_picture import MatrixPicture

GAP, EQUALS = 8, 24  # px between grids; for the sign
BAR = 12  # px that a vector of fine cells is wide
LIKED = 20  # px a cell of the kernel as a row, where it is beside a matrix of finer ones
SPOKEN = {
    "matrix": "the matrix", "matrix_product": "the product", "matrix_factor": "the factor",
    "matrix_input": "as a grid", "matrix_kernel": "as a grid", "matrix_output": "as a grid",
}  # fmt: skip


class Equation(QWidget):
    """Matrix, factor and product with cells of one size, so that a row (or column) of the matrix stands beside its own number."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.product = TensorGrid("matrix_product", "y", parent=self)
        self.matrix = TensorGrid("matrix", "C", parent=self)
        self.factor = TensorGrid("matrix_factor", "x", parent=self)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._picture: MatrixPicture | None = None
        self._sign: QRect | None = None
        theme_signals().changed.connect(self.update)

    def minimumSizeHint(self) -> QSize:
        return QSize(400, 240)

    def show_picture(self, picture: MatrixPicture) -> None:
        self._picture = picture
        self._arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._sign is not None:
            with QPainter(self) as painter:
                font = painter.font()
                font.setPointSizeF(font.pointSizeF() * 1.4)
                painter.setFont(font)
                painter.setPen(current_theme().muted)
                painter.drawText(self._sign, Qt.AlignmentFlag.AlignCenter, "=")

    def _arrange(self) -> None:
        picture, self._sign = self._picture, None
        whole = picture is not None and picture.matrix.cells is not None
        for grid in (self.product, self.factor):
            grid.setVisible(whole)
        if picture is None or not whole:
            self.matrix.setGeometry(self.rect())
            if picture is not None:
                show_plate(self.matrix, picture.matrix)
        elif picture.layout == "input":
            self._arrange_columns(picture)
        else:
            self._arrange_rows(picture)
        self.update()

    def _arrange_columns(self, picture: MatrixPicture) -> None:
        """Slide 33: product = matrix, factor; both vectors are columns."""
        rows, columns = _measure(picture.matrix)
        length, head = _measure(picture.factor)[0], self._head()
        least = self._measure_title(picture.product), self._measure_title(picture.factor)

        def need(side: float) -> float:
            bars = (max(_thicken(side) * side + 2 * MARGIN, title) for title in least)
            return sum(bars) + EQUALS + columns * side + 2 * MARGIN + GAP

        side = _fit(need, self.width(), (self.height() - head - 2 * MARGIN) / max(rows, length))
        times = _thicken(side)
        show_plate(self.matrix, _loosen(picture.matrix, side))
        show_plate(self.product, _widen(picture.product, times, 1))
        show_plate(self.factor, _widen(picture.factor, times, 1))
        left, middle = (self.width() - need(side)) / 2, (self.height() + head) / 2
        for grid, (count, across), title in (
            (self.product, (rows, times), least[0]),
            (self.matrix, (rows, columns), 0),
            (self.factor, (length, times), least[1]),
        ):
            wide, high = max(across * side + 2 * MARGIN, title), count * side + 2 * MARGIN
            _place(grid, left, middle - high / 2 - head, wide, high + head)
            left += wide + (EQUALS if grid is self.product else GAP)
            if grid is self.product:
                self._sign = QRect(round(left) - EQUALS, round(middle) - 16, EQUALS, 32)

    def _arrange_rows(self, picture: MatrixPicture) -> None:
        """Slide 32: factor, matrix; the product under the matrix, a number a column. The kernel stands in line with nothing."""
        rows, columns = _measure(picture.matrix)
        length, head = _measure(picture.factor)[1], self._head()
        least, liked = max(self._measure_title(picture.factor), EQUALS), min(LIKED, self.width() / 4 / length)

        def need(side: float) -> float:
            return max(length * max(side, liked) + 2 * MARGIN, least) + GAP + columns * side + 2 * MARGIN

        room = self.height() - 2 * head - 4 * MARGIN - GAP
        side = _fit(need, self.width(), min(room / (rows + 1), max(room - BAR, 1) / rows))
        times = _thicken(side)
        show_plate(self.matrix, _loosen(picture.matrix, side))
        show_plate(self.product, _widen(picture.product, times, 0))
        show_plate(self.factor, picture.factor)
        bar, high = times * side + 2 * MARGIN, rows * side + 2 * MARGIN
        left, top = (self.width() - need(side)) / 2, (self.height() - 2 * head - high - bar - GAP) / 2
        thick, across = max(side, liked) + 2 * MARGIN, columns * side + 2 * MARGIN
        wide = max(length * max(side, liked) + 2 * MARGIN, least)
        _place(self.factor, left, top + (high - thick) / 2, wide, thick + head)
        _place(self.matrix, left + wide + GAP, top, across, high + head)
        under = top + head + high + GAP
        _place(self.product, left + wide + GAP, under, max(across, self._measure_title(picture.product)), bar + head)
        self._sign = QRect(round(left + wide + GAP) - EQUALS, round(under + head + bar / 2) - 16, EQUALS, 32)

    def _head(self) -> int:
        """What a grid's title takes above its cells."""
        return self.fontMetrics().height() + 4

    def _measure_title(self, plate: Plate) -> int:
        bold = self.font()
        bold.setBold(True)
        title, note = (
            QFontMetrics(bold).horizontalAdvance(plate.title),
            self.fontMetrics().horizontalAdvance(f"   {plate.note}"),
        )
        return title + note + 2


def show_plate(grid: TensorGrid, plate: Plate) -> None:
    grid.set_title(plate.title, plate.note)
    grid.setAccessibleName(f"{plate.title}, {SPOKEN[grid.objectName()]}")
    grid.set_cells(plate.cells, plate.empty)
    grid.set_marks(plate.marks)


def _measure(plate: Plate) -> tuple[int, int]:
    """Rows and columns of a plate that has cells."""
    assert plate.cells is not None
    return plate.cells.values.shape[0], plate.cells.values.shape[1]


def _thicken(side: float) -> int:
    """How many cells wide a vector is drawn: one, unless cells are too fine to be seen."""
    return 1 if side >= CRISP else math.ceil(BAR / side)


def _fit(need: Callable[[float], float], room: float, side: float) -> float:
    """The largest side of a cell at which the width needed fits; whole pixels where a grid takes whole ones."""
    side = min(side, MOST_SIDE)
    while side > 0.1 and need(side) > room:
        side = math.floor(side) - 1 if side > CRISP + 1 else side * 0.98
    return float(math.floor(side)) if side >= CRISP else max(side, 0.1)


def _widen(plate: Plate, times: int, axis: int) -> Plate:
    """A vector drawn several cells wide."""
    cells, marks = plate.cells, plate.marks
    if times == 1 or cells is None:
        return plate
    kinds = None if cells.kinds is None else np.repeat(cells.kinds, times, axis)
    wide = Cells(np.repeat(cells.values, times, axis), kinds, None, cells.span)
    hits = None if marks.hits is None else np.repeat(marks.hits, times, axis)
    window = None
    if marks.cursor is not None:
        window = (marks.cursor[0], 0, 1, times) if axis else (0, marks.cursor[1], times, 1)
    return replace(plate, cells=wide, marks=Marks(None, hits, None, window))


def _loosen(plate: Plate, side: float) -> Plate:
    """A matrix of fine cells: the frame stands beside the row or column, where it would cover it, and says what rings would."""
    window = plate.marks.window
    if side >= CRISP or window is None:
        return plate
    (row, column, height, width), (rows, columns), more = window, _measure(plate), math.ceil(3 / side)
    if height == 1:
        top, bottom = max(row - more, 0), min(row + 1 + more, rows)
        row, height = top, bottom - top
    else:
        left, right = max(column - more, 0), min(column + 1 + more, columns)
        column, width = left, right - left
    return replace(plate, marks=replace(plate.marks, hits=None, window=(row, column, height, width)))


def _place(grid: TensorGrid, left: float, top: float, width: float, height: float) -> None:
    grid.setGeometry(round(left), round(top), math.ceil(width), math.ceil(height))
