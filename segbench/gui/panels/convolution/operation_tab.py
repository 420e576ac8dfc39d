"""The lab's first page: input, kernel, swept input, output, the sum behind a pixel, and the sweep as a film."""

from __future__ import annotations

import re

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from segbench.convolution.formulas import Formula
from segbench.gui.panels.convolution.operation_picture import OperationPicture, Plate
from segbench.gui.theme import GRID, mark
from segbench.gui.widgets.class_marks import OwnArrowsSlider
from segbench.gui.widgets.parts import build_label, build_tool
from segbench.gui.widgets.tensor_grid import TensorGrid

SLOWEST, FASTEST = 1, 30  # pixels a second


def show_plate(grid: TensorGrid, plate: Plate) -> None:
    """Puts a plate into a grid."""
    grid.set_title(plate.title, plate.note)
    grid.set_cells(plate.cells, plate.empty)
    grid.set_marks(plate.marks)


class OperationTab(QWidget):
    """pointed carries (row, column, of_input), row −1: nothing; edited carries ("input" or "kernel", row, column, value)."""

    pointed = Signal(int, int, bool)
    edited = Signal(str, int, int, float)
    step_wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("operation_tab")
        self.input = TensorGrid("grid_input", "Input", editable=True)
        self.kernel = TensorGrid("grid_kernel", "Kernel", editable=True)
        self.stuffed = TensorGrid("grid_stuffed", "Swept input")
        self.sweeping = TensorGrid("grid_sweeping", "Sweeping kernel")
        self.output = TensorGrid("grid_output", "Output")
        self.formulas = build_label("", "formulas", wrap=True)
        self.formulas.setTextFormat(Qt.TextFormat.RichText)
        self.formulas.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.sum = build_label("", "sum", wrap=True)
        self.sum.setAccessibleName("The sum behind the pixel")
        self.sum.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.sum.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self._film = QTimer(self)
        self._film.timeout.connect(lambda: self.step_wanted.emit(1))
        self._lay_out()
        for grid, of_input in ((self.output, False), (self.input, True)):
            grid.cell_hovered.connect(lambda row, column, of_input=of_input: self._point(row, column, of_input))
            grid.cell_selected.connect(lambda row, column, of_input=of_input: self._point(row, column, of_input))
        self.input.cell_edited.connect(lambda row, column, value: self.edited.emit("input", row, column, value))
        self.kernel.cell_edited.connect(lambda row, column, value: self.edited.emit("kernel", row, column, value))

    def _lay_out(self) -> None:
        grids = QGridLayout()
        grids.setSpacing(2 * GRID)
        for place, grid in enumerate((self.input, self.stuffed, self.output)):
            grids.addWidget(grid, 0, place)
            grids.setColumnStretch(place, 1)
        grids.addWidget(self.kernel, 1, 0)
        grids.addWidget(self.sweeping, 1, 1)
        grids.addWidget(self._build_explanation(), 1, 2)
        grids.setRowStretch(0, 3)
        grids.setRowStretch(1, 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addWidget(self.formulas)
        column.addLayout(grids, 1)

    def _build_explanation(self) -> QWidget:
        room = QWidget()
        column = QVBoxLayout(room)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        scroll = QScrollArea()
        scroll.setObjectName("sum_room")
        scroll.setWidget(self.sum)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.viewport().setAutoFillBackground(False)
        self.sum.setAutoFillBackground(False)
        scroll.setMinimumHeight(80)
        column.addWidget(scroll, 1)
        column.addLayout(self._build_film())
        return room

    def _build_film(self) -> QHBoxLayout:
        self.back = build_tool("◀", "step_back", "Previous pixel of the output (,)")
        self.play = build_tool(
            "Play",
            "play",
            "The kernel sweeps over the input, pixel by pixel of the output (Space, or P)",
            checkable=True,
        )
        self.play.setMinimumWidth(self.play.fontMetrics().horizontalAdvance("Pause") + 24)
        self.forth = build_tool("▶", "step_forth", "Next pixel of the output (.)")
        self.speed = OwnArrowsSlider(Qt.Orientation.Horizontal)
        self.speed.setObjectName("speed")
        self.speed.setAccessibleName("Speed of the film in pixels a second")
        self.speed.setToolTip("How many pixels of the output the film shows a second")
        self.speed.setRange(SLOWEST, FASTEST)
        self.speed.setValue(4)
        self.speed.setFixedWidth(96)
        self.speed.valueChanged.connect(self._set_speed)
        self._speed_text: QLabel = build_label("", "speed_text", "muted")
        self._set_speed(self.speed.value())
        self.back.setAccessibleName("Previous pixel")
        self.forth.setAccessibleName("Next pixel")
        self.back.clicked.connect(lambda: self.step_wanted.emit(-1))
        self.forth.clicked.connect(lambda: self.step_wanted.emit(1))
        self.play.toggled.connect(self._run_film)
        row = QHBoxLayout()
        row.setSpacing(4)
        for widget in (self.back, self.play, self.forth):
            row.addWidget(widget)
        row.addSpacing(GRID)
        row.addWidget(self.speed)
        row.addWidget(self._speed_text)
        row.addStretch(1)
        return row

    def show_picture(self, picture: OperationPicture) -> None:
        for grid, plate in (
            (self.input, picture.input),
            (self.kernel, picture.kernel),
            (self.stuffed, picture.stuffed),
            (self.sweeping, picture.sweeping),
            (self.output, picture.output),
        ):
            show_plate(grid, plate)
        self.formulas.setText(write_rich(picture.formulas))
        self.sum.setText(picture.sum if picture.problem is None else "")
        for widget in (self.back, self.play, self.forth):
            widget.setEnabled(picture.problem is None)
        if picture.problem is not None:
            self.play.setChecked(False)
        mark(self.sum, "")

    def _point(self, row: int, column: int, of_input: bool) -> None:
        if row >= 0:
            self.pointed.emit(row, column, of_input)

    def _set_speed(self, speed: int) -> None:
        self._film.setInterval(1000 // speed)
        self._speed_text.setText(f"{speed} a second")

    def _run_film(self, on: bool) -> None:
        self.play.setText("Pause" if on else "Play")
        if on:
            self._film.start()
        else:
            self._film.stop()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space plays where no button has the focus, which would be pressed by it."""
        if event.key() == Qt.Key.Key_Space and self.play.isEnabled():
            self.play.toggle()
        else:
            super().keyPressEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.play.setChecked(False)


def write_rich(formulas: tuple[Formula, ...]) -> str:
    """Formulas side by side: name, letters, and the same with numbers."""
    parts = [
        f"<td style='padding-right:24px'><span>{f.name}</span><br/><b>{lower(f.general)}</b> = {f.numbers}</td>"
        for f in formulas
    ]
    return f"<table cellspacing='0'><tr>{''.join(parts)}</tr></table>"


def lower(text: str) -> str:
    """H_out with a proper subscript."""
    return re.sub(r"_(\w+)", r"<sub>\1</sub>", text)
