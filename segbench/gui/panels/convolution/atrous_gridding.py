"""Gridding: two stacks of atrous convolutions beside each other, the chosen one and one without gaps. Shows; decides nothing."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from segbench.gui.panels.convolution.atrous_parts import (
    GridRow,
    build_card,
    build_column,
    build_combo,
    build_key,
    build_row,
    build_spin,
    set_quietly,
)
from segbench.gui.panels.convolution.atrous_picture import MOST_BRANCHES, MOST_RATE, AtrousPicture, Stack
from segbench.gui.theme import GRID
from segbench.gui.widgets.parts import build_label
from segbench.gui.widgets.tensor_grid import TensorGrid

STACKS = ((2, 2, 2), (3, 3, 3), (2, 4, 6), (1, 2, 5), (1, 2, 3))


class GriddingPart(QWidget):
    """Two stacks beside each other: the chosen one, and one without gaps."""

    chosen = Signal(dict)

    def __init__(self) -> None:
        super().__init__()
        self._stack: tuple[int, ...] = ()
        self.example = build_combo(
            "gridding_example",
            "Rates of the stack",
            [*(", ".join(map(str, rates)) for rates in STACKS), "Rates of your own"],
            "Stacks to look at",
        )
        self.example.activated.connect(self._choose_example)
        self.count = build_spin(
            "gridding_layers", "Layers", 1, MOST_BRANCHES, "How many layers stand one behind the other"
        )
        self.count.valueChanged.connect(self._choose_count)
        self.rates = [
            build_spin(f"gridding_rate_{n}", f"Rate of layer {n + 1}", 1, MOST_RATE, f"The rate of layer {n + 1}")
            for n in range(MOST_BRANCHES)
        ]
        for number, spin in enumerate(self.rates):
            spin.valueChanged.connect(lambda rate, n=number: self._choose_rate(n, rate))
        self.mine = StackCard("chosen", "Your stack")
        self.other = StackCard("gapless", "A stack without gaps")
        knobs = build_row(
            build_key("Stack", self.example), self.example, 2 * GRID, build_key("Layers", self.count), self.count, 2 * GRID,
            build_key("Rates", self.rates[0]), *self.rates, None,
        )  # fmt: skip
        cards = QHBoxLayout()
        cards.setSpacing(GRID)
        cards.addWidget(self.mine, 1)
        cards.addWidget(self.other, 1)
        page = build_column(self)
        page.addWidget(knobs)
        page.addLayout(cards, 1)

    def show_picture(self, picture: AtrousPicture) -> None:
        self._stack = picture.chosen.rates
        self.example.setCurrentIndex(STACKS.index(self._stack) if self._stack in STACKS else len(STACKS))
        set_quietly(self.count, len(self._stack))
        for number, spin in enumerate(self.rates):
            spin.setVisible(number < len(self._stack))
            if number < len(self._stack):
                set_quietly(spin, self._stack[number])
        self.mine.show_stack(picture.chosen)
        self.other.show_stack(picture.gapless)

    def _choose_example(self, number: int) -> None:
        if number < len(STACKS):
            self.chosen.emit({"stack": STACKS[number]})

    def _choose_count(self, count: int) -> None:
        self.chosen.emit({"stack": (self._stack + self._stack[-1:] * MOST_BRANCHES)[:count]})

    def _choose_rate(self, number: int, rate: int) -> None:
        self.chosen.emit({"stack": (*self._stack[:number], rate, *self._stack[number + 1 :])})


class StackCard(QFrame):
    """The window of one output pixel, how much of it is heard and why, and how it grew layer by layer."""

    def __init__(self, name: str, title: str) -> None:
        super().__init__()
        column = build_card(self)[1]
        self._title = title
        self.title = build_label("", f"{name}_title", "heading")
        self.field = TensorGrid(f"{name}_window", "Window of one output pixel")
        self.share = build_label("", f"{name}_share", "title")
        self.extent = build_label("", f"{name}_size", wrap=True)
        self.reason = build_label("", f"{name}_reason", "muted", wrap=True)
        self.layers = [TensorGrid(f"{name}_layer_{n}") for n in range(MOST_BRANCHES)]
        words = QVBoxLayout()
        words.setSpacing(GRID)
        words.addStretch(1)
        for label in (self.share, self.extent, self.reason):
            words.addWidget(label)
        words.addStretch(2)
        top = QHBoxLayout()
        top.setSpacing(3 * GRID)
        self.grids = GridRow(self.field)
        top.addWidget(self.grids, 1)
        top.addLayout(words, 1)
        growth = QHBoxLayout()
        growth.setSpacing(GRID)
        for layer in self.layers:
            layer.setFixedHeight(120)
            layer.setMaximumWidth(136)
            growth.addWidget(layer, 4)
        growth.addStretch(1)
        column.addWidget(self.title)
        column.addLayout(top, 1)
        column.addWidget(build_label("Layer by layer", "", "muted"))
        column.addLayout(growth)

    def show_stack(self, stack: Stack) -> None:
        rates = ", ".join(map(str, stack.rates))
        self.title.setText(f"{self._title}: {rates}")
        self.setAccessibleName(self.title.text())
        self.field.set_title("Window of one output pixel", "ways to it")
        self.field.set_cells(stack.cells)
        self.grids.arrange()
        self.share.setText(f"{stack.share:.0%}".replace("%", " %"))
        self.extent.setText(f"One output pixel hears {stack.size}.")
        self.reason.setText(stack.reason)
        for number, grid in enumerate(self.layers):
            grid.setVisible(number < len(stack.rates))
            if number < len(stack.rates):
                cells = stack.layers[number]
                side = len(cells.values)
                grid.set_title(f"rate {stack.rates[number]}", f"{side} × {side}")
                grid.setAccessibleName(f"Window after layer {number + 1}, rate {stack.rates[number]}")
                grid.set_cells(cells)
