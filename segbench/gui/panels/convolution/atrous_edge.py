"""Slide 11's edge at a rate, in two readings beside each other: as slide 13 writes it and as PyTorch computes it. Shows; decides nothing."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from segbench.gui.panels.convolution.atrous_parts import (
    GridRow,
    build_aside,
    build_card,
    build_column,
    build_key,
    build_row,
    build_slider,
    set_quietly,
)
from segbench.gui.panels.convolution.atrous_picture import MOST_RATE, AtrousPicture
from segbench.gui.panels.convolution.atrous_readings import Reading
from segbench.gui.theme import GRID
from segbench.gui.widgets.class_marks import OwnArrowsSlider
from segbench.gui.widgets.parts import build_label
from segbench.gui.widgets.tensor_grid import TensorGrid


class EdgePart(QWidget):
    """Input and kernel at the left, the two readings beside each other, and why they differ below."""

    chosen = Signal(dict)

    def __init__(self) -> None:
        super().__init__()
        self.rate = build_slider("atrous_rate", "Rate", 1, MOST_RATE, "The rate: PyTorch’s dilation")
        self.rate.setTickPosition(OwnArrowsSlider.TickPosition.TicksBelow)
        self.rate.valueChanged.connect(lambda rate: self.chosen.emit({"rate": rate}))
        self.rate_value = build_label("", "atrous_rate_value")
        self.parameters = build_label("", "atrous_parameters")
        self.parameters_note = build_aside("atrous_parameters_note")
        self.input = TensorGrid("atrous_input", "Input")
        self.kernel = TensorGrid("atrous_kernel", "Kernel")
        self.sum = build_label("", "atrous_sum", wrap=True)
        self.printed = ReadingCard("printed", "As slide 13 writes it", "zeros behind every tap; turned")
        self.torch = ReadingCard("torch", "As PyTorch computes it", "zeros between taps; not turned")
        self.why_size = build_label("", "atrous_why_size", wrap=True)
        self.why_sign = build_label("", "atrous_why_sign", wrap=True)
        for card, is_printed in ((self.printed, True), (self.torch, False)):
            card.traced.connect(
                lambda row, column, p=is_printed: self.chosen.emit({"traced": (row, column), "printed": p})
            )
        self._lay_out()

    def _lay_out(self) -> None:
        knobs = build_row(
            build_key("Rate", self.rate), self.rate, self.rate_value, 2 * GRID,
            build_key("Learnable parameters"), self.parameters, self.parameters_note,
        )  # fmt: skip
        source, column = build_card()
        source.setMinimumWidth(288)
        source.setAccessibleName("Input and kernel")
        column.addWidget(build_label("Input and kernel, slide 11", "", "heading"))
        column.addWidget(GridRow(self.input), 1)
        below = QHBoxLayout()
        below.setSpacing(2 * GRID)
        self.kernel.setFixedWidth(96)
        below.addWidget(self.kernel)
        below.addWidget(self.sum, 1)
        column.addLayout(below)
        why, text = build_card()
        why.setAccessibleName("Why they differ")
        texts = QHBoxLayout()
        texts.setSpacing(3 * GRID)
        for title, label in (("Why the sizes differ", self.why_size), ("Why the signs differ", self.why_sign)):
            side = QVBoxLayout()
            side.setSpacing(GRID // 2)
            side.addWidget(build_label(title, "", "heading"))
            side.addWidget(label, 1, Qt.AlignmentFlag.AlignTop)
            texts.addLayout(side, 1)
        text.addLayout(texts)
        grid = QGridLayout()
        grid.setSpacing(GRID)
        grid.addWidget(source, 0, 0, 2, 1)
        grid.addWidget(self.printed, 0, 1)
        grid.addWidget(self.torch, 0, 2)
        grid.addWidget(why, 1, 1, 1, 2)
        for place, share in enumerate((7, 10, 10)):
            grid.setColumnStretch(place, share)
        grid.setRowStretch(0, 1)
        page = build_column(self)
        page.addWidget(knobs)
        page.addLayout(grid, 1)

    def show_picture(self, picture: AtrousPicture) -> None:
        edge = picture.edge
        set_quietly(self.rate, picture.choices.rate)
        self.rate_value.setText(f"r = {picture.choices.rate}")
        self.parameters.setText(str(edge.parameters))
        self.parameters_note.setText(edge.parameters_note)
        self.input.set_title("Input", "16 × 16")
        self.input.set_cells(edge.input)
        self.input.set_marks(edge.marks)
        self.kernel.set_title("Kernel", "3 × 3")
        self.kernel.set_cells(edge.kernel)
        self.sum.setText(edge.sum)
        self.printed.show_reading(edge.printed)
        self.torch.show_reading(edge.torch)
        self.why_size.setText(edge.why_size)
        self.why_sign.setText(edge.why_sign)


class ReadingCard(QFrame):
    """A kernel, its output and their sizes. `traced`: an output pixel is pointed at."""

    traced = Signal(int, int)

    def __init__(self, name: str, title: str, about: str) -> None:
        super().__init__()
        column = build_card(self)[1]
        self.setAccessibleName(title)
        self.kernel = TensorGrid(f"{name}_kernel", "Dilated kernel")
        self.output = TensorGrid(f"{name}_output", "Output")
        self.output.setToolTip("Point at a pixel to see what it reads")
        self.output.cell_hovered.connect(self._point)
        self.output.cell_selected.connect(self._point)
        self.kernel_size, self.output_size, self.edge = (
            build_label("", f"{name}_{what}") for what in ("kernel_size", "output_size", "edge")
        )
        head = QHBoxLayout()
        head.setSpacing(GRID)
        head.addWidget(build_label(title, "", "heading"))
        head.addWidget(build_aside("", about), 1)
        facts = QGridLayout()
        facts.setHorizontalSpacing(2 * GRID)
        facts.setVerticalSpacing(GRID // 2)
        facts.setColumnStretch(1, 1)
        for row, (key, label) in enumerate(
            (("Kernel", self.kernel_size), ("Output", self.output_size), ("Edge", self.edge))
        ):
            facts.addWidget(build_label(key, "", "muted"), row, 0)
            facts.addWidget(label, row, 1)
        column.addLayout(head)
        self.grids = GridRow(self.kernel, self.output)
        column.addWidget(self.grids, 1)
        column.addLayout(facts)

    def show_reading(self, reading: Reading) -> None:
        side, output = reading.kernel_side, reading.output_side
        self.kernel.set_title("Dilated kernel", f"{side} × {side}")
        self.kernel.set_cells(reading.kernel)
        self.output.set_title("Output", f"{output} × {output}" if reading.output is not None else "")
        self.output.set_cells(reading.output, reading.misfit)
        self.output.set_marks(reading.output_marks)
        for grid, name in ((self.kernel, "Dilated kernel"), (self.output, "Output")):
            grid.setAccessibleName(f"{name}, {self.accessibleName()}")
        self.grids.arrange()
        self.kernel_size.setText(reading.sizes[0])
        self.output_size.setText(reading.sizes[1])
        self.edge.setText(reading.edge)

    def _point(self, row: int, column: int) -> None:
        if row >= 0:
            self.traced.emit(row, column)
