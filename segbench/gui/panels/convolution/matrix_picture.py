"""What the lab's matrix page shows: C with its vectors, the grids they are made of, and what the pointed row or column is. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.convolution.geometry import Axis, Geometry, Pair
from segbench.convolution.matrix import NOTHING, Taps, draw_strided, fill, place_taps, unroll
from segbench.convolution.operation import classify_stuffed, stuff
from segbench.gui.panels.convolution.lab import Lab, Layout
from segbench.gui.panels.convolution.matrix_scene import Scene, Side
from segbench.gui.panels.convolution.matrix_words import (
    describe_matrix,
    describe_patches,
    explain_limit,
    write_formula,
    write_sentence,
    write_sum,
)
from segbench.gui.panels.convolution.operation_picture import NO_MARKS, Plate, find_problem, write_size
from segbench.gui.widgets.cells import INSERTED, NUMBERS_UP_TO, PADDING, VALUE, Cells, Marks

# More cells than the picture has pixels, or rows thinner than a third of a pixel, would show nothing but grey
MOST_CELLS, MOST_SIDE = 300_000, 1_200

Place = tuple[int, int, bool]  # row, column, whether of the input


@dataclass(frozen=True, eq=False, slots=True)
class MatrixPicture:
    """formula: in letters; note: what to see in the matrix. problem: (what is wrong, what to change) where there is no matrix.

    factor, product: the vectors, and what their pixels are. Layout "input": product (a column) = matrix times factor (a column), a
    row a pixel of the product, a column one of the source. Layout "kernel": product (a row) = factor (the kernel, a row) times
    matrix, a column a pixel of the product; held: which source pixel stands in which cell, -1 for zeros.
    input, kernel, output: as grids. sentence: what is pointed at; sum: its products. strided: slide 41's drawing differs.
    provable: there is an output to be computed in several ways.
    """

    formula: str
    note: str
    problem: tuple[str, str] | None
    layout: Layout
    letters: bool
    drawn: bool
    back: bool
    strided: bool
    provable: bool
    matrix: Plate
    factor: Plate
    product: Plate
    input: Plate
    kernel: Plate
    output: Plate
    product_side: Side
    source_side: Side
    sentence: str
    sum: str
    held: NDArray[np.int32] | None = None

    def find_in_matrix(self, row: int, column: int, of_product: bool) -> Place | None:
        """The pixel that a cell of the matrix stands for: of the product, or of the source."""
        side = self.product_side if of_product else self.source_side
        if self.held is None:
            number = row if of_product else column
        else:
            number = column if of_product else int(self.held[row, column])
        return self._tell(side, side.find_numbered(number)) if number >= 0 else None

    def find_in_product(self, row: int, column: int) -> Place | None:
        """A vector may be drawn several cells wide: only the place along it counts."""
        number = row if self.layout == "input" else column
        return self._tell(self.product_side, self.product_side.find_numbered(number))

    def find_in_factor(self, row: int) -> Place | None:
        """None for a number of the kernel."""
        if self.layout == "kernel":
            return None
        return self._tell(self.source_side, self.source_side.find_numbered(row))

    def find_in_grid(self, row: int, column: int, of_input: bool) -> Place | None:
        side = self.source_side if self.source_side.of_input == of_input else self.product_side
        return self._tell(side, side.find_pixel(row, column))

    def _tell(self, side: Side, pixel: Pair | None) -> Place | None:
        return None if pixel is None else (*pixel, side.of_input)


def resolve_matrix(lab: Lab) -> MatrixPicture:
    """Everything, from the state alone."""
    if (problem := find_problem(lab.geometry)) is not None:
        return _explain(lab, problem)
    scene = Scene(lab)
    rows, columns = scene.matrix_shape
    if rows * columns > MOST_CELLS or max(rows, columns) > MOST_SIDE:
        problem = explain_limit(scene)
        return _finish(
            scene, Plate(scene.matrix_name, write_size((rows, columns)), None, empty="\n\n".join(problem)), problem
        )
    return _draw_patches(scene) if lab.layout == "kernel" else _draw_matrix(scene)


def _draw_matrix(scene: Scene) -> MatrixPicture:
    """Slides 33, 38, 41 and 42: the kernel spread over a matrix."""
    geometry = scene.lab.geometry
    kept = None
    if scene.drawn:
        taps, kept = draw_strided(geometry)
    else:
        taps = place_taps(geometry)
    taps = taps if scene.down else taps.T
    kinds = None
    if kept is not None:
        kinds = np.full(taps.shape, VALUE, np.uint8)
        kinds[~kept if scene.down else (slice(None), ~kept)] = INSERTED
    cells = Cells(fill(taps, scene.lab.kernel), kinds, _write_letters(scene, taps), scene.largest)
    size, faded = write_size(scene.matrix_shape), taps == NOTHING
    marks = Marks(faded=faded)
    if scene.pointed is not None:
        own, others = (scene.product, scene.source) if scene.of_product else (scene.source, scene.product)
        number = own.find_number(scene.pointed)
        partners = [others.find_number(pixel) for pixel, _tap in scene.partners]
        hits = np.zeros(taps.shape, np.bool_)
        line: NDArray[np.bool_] = hits[number] if scene.of_product else hits[:, number]
        line[partners] = True
        window = (number, 0, 1, taps.shape[1]) if scene.of_product else (0, number, taps.shape[0], 1)
        marks = Marks(hits=hits, faded=faded, window=window)
    note = describe_matrix(scene, int(np.count_nonzero(taps != NOTHING)), taps.size, kept)
    return _finish(scene, Plate(scene.matrix_name, size, cells, marks), note=note)


def _draw_patches(scene: Scene) -> MatrixPicture:
    """Slide 32: the kernel as a row times the patches that it meets."""
    held, kinds = _hold(scene.way, scene.product.shape)
    values = np.where(held >= 0, scene.source_values.ravel()[held], 0.0)
    marks = Marks()
    if scene.pointed is not None and scene.of_product:
        number = scene.product.find_number(scene.pointed)
        hits = np.zeros(held.shape, np.bool_)
        hits[:, number] = held[:, number] >= 0
        marks = Marks(hits=hits, window=(0, number, held.shape[0], 1))
    elif scene.pointed is not None:
        marks = Marks(hits=held == scene.source.find_number(scene.pointed))
    span = float(np.abs(scene.source_values).max(initial=0)) or None
    plate = Plate(scene.matrix_name, write_size(scene.matrix_shape), Cells(values, kinds, span=span), marks)
    return _finish(scene, plate, note=describe_patches(scene, held), held=held)


def _finish(
    scene: Scene,
    matrix: Plate,
    problem: tuple[str, str] | None = None,
    note: str = "",
    held: NDArray[np.int32] | None = None,
) -> MatrixPicture:
    lab = scene.lab
    source, product = scene.source.lay_out(scene.source_values), scene.product.lay_out(scene.product_values)
    source_marks, product_marks = _mark_side(scene, scene.source), _mark_side(scene, scene.product)
    kernel_marks = _mark_kernel(scene)
    kernel = Cells(
        lab.kernel, None, _write_letters(scene, np.arange(lab.kernel.size).reshape(lab.kernel.shape)), scene.largest
    )
    source_plate = Plate(scene.source.name, write_size(scene.source.shape), source, source_marks)
    product_plate = Plate(scene.product.name, write_size(scene.product.shape), product, product_marks)
    if lab.layout == "kernel":
        turned = not scene.down
        factor = _flatten(
            Plate("k" if scene.down else "k, turned", "", kernel, kernel_marks), column=False, turned=turned
        )
    else:
        factor = _flatten(source_plate, column=True)
    return MatrixPicture(
        write_formula(scene), note, problem, lab.layout, lab.letters, lab.drawn, lab.back, scene.strided, True,
        matrix, factor, _flatten(product_plate, column=lab.layout == "input"),
        product_plate if scene.product.of_input else source_plate,
        Plate("Kernel", write_size(lab.geometry.kernel), kernel, kernel_marks),
        source_plate if scene.product.of_input else product_plate,
        scene.product, scene.source, write_sentence(scene), write_sum(scene), held,
    )  # fmt: skip


def _mark_side(scene: Scene, side: Side) -> Marks:
    if scene.pointed is None:
        return NO_MARKS
    if side.of_input == scene.lab.of_input:
        return Marks(cursor=side.find_cell(scene.pointed))
    return Marks(hits=side.mark([pixel for pixel, _tap in scene.partners]))


def _mark_kernel(scene: Scene) -> Marks:
    if scene.pointed is None:
        return NO_MARKS
    hits = np.zeros(scene.lab.geometry.kernel, np.bool_)
    for _pixel, tap in scene.partners:
        hits[tap] = True
    return Marks(hits=hits)


def _write_letters(scene: Scene, taps: Taps | NDArray[np.intp]) -> NDArray[np.str_] | None:
    """A letter a tap, where cells have room for text at all."""
    return None if scene.names is None or max(taps.shape) > NUMBERS_UP_TO else scene.names[taps]


def _hold(way: Geometry, product: Pair) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Which source pixel stands in each cell of the patches, -1 for a zero; and the kinds of cells. (kernel pixels, product pixels)"""
    kinds = classify_stuffed(way)
    numbers = stuff(way, np.arange(1.0, way.size[0] * way.size[1] + 1).reshape(way.size))
    numbers[kinds == INSERTED] = -1
    axes = (Axis(axis.stuffed, axis.kernel, axis.step, dilation=axis.dilation) for axis in (way.rows, way.columns))
    swept = Geometry(*axes)
    found = unroll(swept, numbers).reshape(-1, *swept.output)[:, : product[0], : product[1]]
    found = found.reshape(len(found), -1).astype(np.int32)
    return np.maximum(found, 0) - 1, np.where(found > 0, VALUE, np.where(found < 0, INSERTED, PADDING)).astype(np.uint8)


def _flatten(plate: Plate, *, column: bool, turned: bool = False) -> Plate:
    """A grid as a vector, a column or a row."""
    cells, marks = plate.cells, plate.marks
    assert cells is not None
    shape, order = (-1, 1) if column else (1, -1), -1 if turned else 1

    def lay(array: NDArray[Any] | None) -> NDArray[Any] | None:
        return None if array is None else array.ravel()[::order].reshape(shape)

    flat = Cells(cells.values.ravel()[::order].reshape(shape), lay(cells.kinds), lay(cells.letters), cells.span)
    cursor = marks.cursor
    if cursor is not None:
        number = cursor[0] * cells.values.shape[1] + cursor[1]
        cursor = (number, 0) if column else (0, number)
    return Plate(plate.title, f"{cells.values.size:,}", flat, Marks(cursor, lay(marks.hits)))


def _explain(lab: Lab, problem: tuple[str, str]) -> MatrixPicture:
    """No output: the input and the kernel as they are."""
    nowhere = Side("y", False, (0, 0), (0, 0))
    nothing = Plate("", "", None, empty="\n\n".join(problem))
    return MatrixPicture(
        "", "", problem, lab.layout, lab.letters, lab.drawn, lab.back, False, False, nothing, nothing, nothing,
        Plate("x", write_size(lab.geometry.size), Cells(lab.x_HW)),
        Plate("Kernel", write_size(lab.geometry.kernel), Cells(lab.kernel)),
        Plate("y", "none", None), nowhere, replace(nowhere, of_input=True), "", "",
    )  # fmt: skip
