"""A convolution as a matrix: y = C x, and the transpose convolution as C^T x (slides 31-42)."""

from __future__ import annotations

import string

import numpy as np
from numpy.typing import NDArray

from segbench.convolution.geometry import Axis, Geometry, Pair
from segbench.convolution.operation import Floats, stuff

NOTHING = -1  # a cell of C that no tap stands in
Taps = NDArray[np.int32]


def place_taps(geometry: Geometry) -> Taps:
    """Which tap of the kernel (counted row by row) stands in each cell of C, NOTHING elsewhere.

    int32 (pixels of the convolution's output, pixels of its input), both counted row by row. For a transpose convolution it is
    the C of the convolution that it is the transpose of: its columns are the output's pixels, and y = C^T x.
    """
    rows, columns = _place_axis(geometry.rows), _place_axis(geometry.columns)  # (coarse, fine) each
    rows, columns = rows[:, None, :, None], columns[None, :, None, :]
    taps = np.where((rows == NOTHING) | (columns == NOTHING), NOTHING, rows * geometry.columns.kernel + columns)
    return taps.reshape(taps.shape[0] * taps.shape[1], -1).astype(np.int32)


def _place_axis(axis: Axis) -> Taps:
    """The tap by which pixels of one axis meet: (coarse side, fine side), the coarse being the convolution's output."""
    coarse, fine = (axis.size, axis.output) if axis.transposed else (axis.output, axis.size)
    taps = np.full((coarse, fine), NOTHING, np.int32)
    for output in range(axis.output):
        for place, tap in axis.find_sources(output):
            taps[(place, output) if axis.transposed else (output, place)] = tap
    return taps


def fill(taps: Taps, kernel: Floats) -> Floats:
    """C with the kernel's numbers: float64, as `place_taps`."""
    return np.where(taps == NOTHING, 0.0, kernel.ravel()[taps])


def name_taps(kernel: Pair) -> NDArray[np.str_]:
    """A letter a tap, row by row: a to z, then a1 ... The last one is the zero of cells without a tap (index NOTHING)."""
    letters, count = string.ascii_lowercase, kernel[0] * kernel[1]
    return np.array([letters[tap % 26] + (str(tap // 26) if tap >= 26 else "") for tap in range(count)] + ["0"])


def multiply(geometry: Geometry, x_HW: Floats, kernel: Floats) -> Floats:
    """The operation by its matrix, float64 (output height, output width): C x, or C^T x for a transpose convolution."""
    matrix = fill(place_taps(geometry), kernel)
    return ((matrix.T if geometry.transposed else matrix) @ x_HW.ravel()).reshape(geometry.output)


def unroll(geometry: Geometry, x_HW: Floats) -> Floats:
    """The other layout (slide 32): a column an output pixel, holding the input values that the taps meet there, so that
    the vectorised kernel times it is y. float64 (kernel pixels, output pixels). Known as im2col."""
    stuffed = stuff(geometry, x_HW)
    height, width = geometry.output
    y_step, x_step = geometry.rows.step, geometry.columns.step
    patches = [
        stuffed[top : top + y_step * (height - 1) + 1 : y_step, left : left + x_step * (width - 1) + 1 : x_step].ravel()
        for top in range(0, geometry.rows.span, geometry.rows.dilation)
        for left in range(0, geometry.columns.span, geometry.columns.dilation)
    ]
    return np.array(patches)


def draw_strided(geometry: Geometry) -> tuple[Taps, NDArray[np.bool_]]:
    """A strided convolution as slide 41 draws it: the C of stride one, with the rows that the stride leaves out zeroed.

    Returns the taps, int32 (pixels of the stride-one output, pixels of the input), and which of the rows are kept, bool. The rows
    kept, in order, are `place_taps` (slide 42 drops the others).
    """
    dense = Geometry(*(_unstride(axis) for axis in (geometry.rows, geometry.columns)))
    kept = np.zeros(dense.output, np.bool_)
    # As many as C has rows: an output padding of a stride or more makes room for places at the end that C does not have
    rows, columns = (
        slice(0, (axis.size if axis.transposed else axis.output) * axis.stride, axis.stride)
        for axis in (geometry.rows, geometry.columns)
    )
    kept[rows, columns] = True
    taps = place_taps(dense)
    taps[~kept.ravel()] = NOTHING
    return taps, kept.ravel()


def _unstride(axis: Axis) -> Axis:
    """The convolution of stride one over the same input; of a transpose convolution, that over its output."""
    size = axis.output if axis.transposed else axis.size
    return Axis(size, axis.kernel, 1, axis.padding, axis.dilation)
