"""What is looked at on the lab's matrix page, before it is drawn or put into words: both sides, their values, the pointed pixel. No Qt."""

# Down: each product pixel is a window of the source (a convolution, or the loss of its transpose); up: the other way round.
# The coarse side is that of the windows' places, the fine side that of the pixels under them.
from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segbench.convolution.geometry import Axis, Geometry, Pair
from segbench.convolution.operation import Floats, apply
from segbench.gui.panels.convolution.lab import Lab
from segbench.gui.widgets.cells import INSERTED, VALUE, Cells

Partner = tuple[Pair, Pair]  # a pixel of the other side, and the tap between


@dataclass(frozen=True, slots=True)
class Side:
    """What the rows or the columns of C count: the cells of a grid, row by row. name: what the grid is called.

    shape: of the grid. size: pixels that the operation has there; step: how many cells lie from one to the next (above one where
    slide 41's zeros are between).
    """

    name: str
    of_input: bool
    shape: Pair
    size: Pair
    step: Pair = (1, 1)

    @property
    def count(self) -> int:
        return self.shape[0] * self.shape[1]

    def find_pixel(self, row: int, column: int) -> Pair | None:
        """The operation's pixel at a cell of the grid; None: a zero between pixels."""
        (y, y_rest), (x, x_rest) = divmod(row, self.step[0]), divmod(column, self.step[1])
        return (y, x) if not (y_rest or x_rest) and y < self.size[0] and x < self.size[1] else None

    def find_numbered(self, number: int) -> Pair | None:
        return self.find_pixel(*divmod(number, self.shape[1]))

    def find_cell(self, pixel: Pair) -> Pair:
        return pixel[0] * self.step[0], pixel[1] * self.step[1]

    def find_number(self, pixel: Pair) -> int:
        """Which row or column of C a pixel is."""
        row, column = self.find_cell(pixel)
        return row * self.shape[1] + column

    def lay_out(self, values: Floats) -> Cells:
        """The pixels' values in the grid, with zeros between where there are."""
        if self.step == (1, 1):
            return Cells(values)
        spread, kinds = np.zeros(self.shape), np.full(self.shape, INSERTED, np.uint8)
        at = tuple(slice(0, size * step, step) for size, step in zip(self.size, self.step, strict=True))
        spread[at], kinds[at] = values, VALUE
        return Cells(spread, kinds)

    def mark(self, pixels: Sequence[Pair]) -> NDArray[np.bool_]:
        marked = np.zeros(self.shape, np.bool_)
        for pixel in pixels:
            marked[self.find_cell(pixel)] = True
        return marked


class Scene:
    """product = matrix times source, whichever way the operation is looked at. way: that map, as an operation of its own.

    strided: slide 41's drawing differs from slide 42's; drawn: it is wanted. pointed: a pixel of the product (of_product) or of the
    source; partners: those of the other side that it meets. largest: of the kernel. names: letters, where they are wanted.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab, geometry = lab, lab.geometry
        self.down = geometry.transposed == lab.back
        self.strided = max(geometry.rows.stride, geometry.columns.stride) > 1 and lab.layout == "input"
        self.drawn = lab.drawn and self.strided
        y_HW = apply(geometry, lab.x_HW, lab.kernel)
        # The map that is shown, as an operation of its own
        self.way = _reverse(geometry) if lab.back else geometry
        sides = _build_sides(lab, self.drawn)
        self.product, self.source = sides if lab.back else sides[::-1]
        self.source_values = y_HW if lab.back else lab.x_HW
        if lab.back:
            height, width = geometry.size
            self.product_values = apply(self.way, y_HW, lab.kernel)[:height, :width]
        else:
            self.product_values = y_HW
        self.largest = float(np.abs(lab.kernel).max(initial=0)) or None
        self.names = name_taps(geometry.kernel) if lab.letters else None
        self.matrix_name = "Patches" if lab.layout == "kernel" else "C" if self.down else "Cᵀ"
        taps = geometry.kernel[0] * geometry.kernel[1]
        self.matrix_shape = (
            (taps, self.product.count) if lab.layout == "kernel" else (self.product.count, self.source.count)
        )
        self.pointed = _clip(lab.pointed, geometry.size if lab.of_input else geometry.output)
        self.of_product = lab.of_input == self.product.of_input
        self.partners = _find_partners(geometry, self.pointed, lab.of_input)


def name_taps(kernel: Pair) -> NDArray[np.str_]:
    """A letter a tap, row by row: a to z, then a1 ... The last one is the zero of cells without a tap (index NOTHING)."""
    letters = string.ascii_lowercase
    count = kernel[0] * kernel[1]
    return np.array([letters[k % 26] + (str(k // 26) if k >= 26 else "") for k in range(count)] + ["0"])


def _build_sides(lab: Lab, drawn: bool) -> tuple[Side, Side]:
    """Input and output."""
    geometry = lab.geometry
    names = ("∂L/∂x", "∂L/∂y") if lab.back else ("x", "y")
    sides = []
    for name, of_input, size in ((names[0], True, geometry.size), (names[1], False, geometry.output)):
        side = Side(name, of_input, size, size)
        if drawn and of_input == geometry.transposed:  # the coarse one
            shape = count_places(geometry.rows), count_places(geometry.columns)
            side = replace(side, shape=shape, step=(geometry.rows.stride, geometry.columns.stride))
        sides.append(side)
    return sides[0], sides[1]


def count_places(axis: Axis) -> int:
    """Places of the kernel at stride one."""
    fine = axis.output if axis.transposed else axis.size
    return fine + 2 * axis.padding - axis.span + 1


def _reverse(geometry: Geometry) -> Geometry:
    """The operation that the loss goes back by. That of a transpose convolution may have more outputs than it had inputs (an output
    padding of the stride or more): the first ones count."""
    return Geometry(*(_reverse_axis(axis) for axis in (geometry.rows, geometry.columns)))


def _reverse_axis(axis: Axis) -> Axis:
    padding = 0 if axis.transposed else axis.unread
    return replace(axis, size=axis.output, output_padding=padding, transposed=not axis.transposed)


def _find_partners(geometry: Geometry, pointed: Pair | None, of_input: bool) -> list[Partner]:
    """The pixels of the other side that a pixel meets, each with its tap, in the order of the pixels."""
    if pointed is None:
        return []
    rows, columns = (
        sorted(axis.find_targets(at) if of_input else axis.find_sources(at))
        for axis, at in zip((geometry.rows, geometry.columns), pointed, strict=True)
    )
    return [((y, x), (ty, tx)) for y, ty in rows for x, tx in columns]


def _clip(pointed: Pair | None, size: Pair) -> Pair | None:
    return None if pointed is None else (min(pointed[0], size[0] - 1), min(pointed[1], size[1] - 1))
