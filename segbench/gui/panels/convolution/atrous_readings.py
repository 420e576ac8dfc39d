"""Slide 11's edge at a rate, read as slide 13 writes it and as PyTorch computes it: kernels, outputs, sizes and why they differ. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from segbench.convolution.atrous import convolve_as_printed, convolve_dilated, embed, measure_edge
from segbench.convolution.lecture import draw_edge
from segbench.convolution.operation import Floats, dilate, turn
from segbench.gui.widgets.cells import INSERTED, VALUE, Cells, Marks

if TYPE_CHECKING:
    from numpy.typing import NDArray

Place = tuple[int, int]  # row, column


@dataclass(frozen=True, eq=False, slots=True)
class Reading:
    """One way to compute slide 11's edge at a rate. output: None where the kernel does not fit (`misfit` says why).
    sizes: how the sizes come about, in words. width: columns in which the edge is detected. peak: the value there."""

    kernel: Cells
    kernel_side: int
    output: Cells | None
    output_side: int
    output_marks: Marks
    width: int
    peak: int
    sizes: tuple[str, str]
    edge: str
    misfit: str


@dataclass(frozen=True, eq=False, slots=True)
class EdgePicture:
    """marks: what the traced output pixel reads. sum: how its value comes about. learned, numbers: of the dilated kernel."""

    input: Cells
    kernel: Cells
    marks: Marks
    printed: Reading
    torch: Reading
    sum: str
    why_size: str
    why_sign: str
    parameters: int
    parameters_note: str


class _Computed(NamedTuple):
    """What does not depend on the traced pixel. taps: bool, where the kernel that meets the input has its nine numbers.
    used: that kernel, turned where the reading turns it."""

    kernel: Cells
    used: Floats
    taps: NDArray[np.bool_]
    output: Floats | None


@cache
def _compute(rate: int, printed: bool) -> _Computed:
    operation = draw_edge()
    x_HW, kernel = operation.x_IHW[0], operation.weight_IOHW[0, 0]
    ones = np.ones_like(kernel)
    if printed:
        wide, taps = embed(kernel, rate), embed(ones, rate) > 0
    else:
        wide, taps = dilate(kernel, rate, rate), dilate(ones, rate, rate) > 0
    kinds = np.where(taps, VALUE, INSERTED).astype(np.uint8)
    output = None
    if wide.shape[0] <= x_HW.shape[0]:
        output = (convolve_as_printed if printed else convolve_dilated)(x_HW, kernel, rate)
    used = (turn(wide), taps[::-1, ::-1]) if printed else (wide, taps)
    return _Computed(Cells(wide, kinds, span=1.0), *used, output)


def resolve_edge(rate: int, traced: Place | None, printed: bool) -> EdgePicture:
    operation = draw_edge()
    x_HW, kernel = operation.x_IHW[0], operation.weight_IOHW[0, 0]
    printed = printed and _compute(rate, True).output is not None
    computed = _compute(rate, printed)
    output = computed.output
    assert output is not None  # PyTorch's reading fits at every rate up to 7
    row, column = (
        (side // 2 if traced is None else min(max(traced[axis], 0), side - 1)) for axis, side in enumerate(output.shape)
    )
    span = len(computed.used)
    hits = np.zeros(x_HW.shape, np.bool_)
    hits[row : row + span, column : column + span] = computed.taps
    seen = x_HW[row : row + span, column : column + span]
    here = Marks(cursor=(row, column))
    side, numbers = 3, (rate * 2 + 1) ** 2
    return EdgePicture(
        Cells(x_HW, span=4.0),
        Cells(kernel, span=1.0),
        Marks(hits=hits, window=(row, column, span, span)),
        _read(rate, True, here if printed else Marks()),
        _read(rate, False, Marks() if printed else here),
        _explain_sum(computed.used, seen, float(output[row, column]), (row, column), printed),
        _explain_size(rate),
        "The lecture’s +9 is that of a mathematical convolution, which turns the kernel by 180° first (SciPy’s convolve2d does). "
        "nn.Conv2d does not turn it: it correlates, and gives −9. A network learns either just as well.",
        side * side,
        "They stay 9 at every rate."
        if rate == 1
        else f"They stay 9 at every rate: the other {numbers - 9} of the dilated kernel’s {numbers} numbers are zeros, and are not learned.",
    )  # fmt: skip


def _read(rate: int, printed: bool, marks: Marks) -> Reading:
    computed = _compute(rate, printed)
    span, size = len(computed.used), 16
    side = size - span + 1
    if printed:
        how = f"r · k = {rate} · 3 = {span}"
    else:
        how = f"k + (k − 1)(r − 1) = 3 + 2 · {rate - 1} = {span}"
    fits = f"{size} − {span} + 1 = {side}"
    if computed.output is None:
        fits = f"none: {size} − {span} + 1 is below 1"
        misfit = f"A kernel of {span} × {span} does not fit into an input of {size} × {size}."
        return Reading(computed.kernel, span, None, 0, Marks(), 0, 0, (how, fits), "–", misfit)
    width, peak = measure_edge(computed.output), int(computed.output[0, np.argmax(np.abs(computed.output[0]))])
    edge = f"{width} columns of {_sign(peak)}"
    if width == side:
        edge = f"{edge}: the whole output"
    return Reading(
        computed.kernel, span, Cells(computed.output, span=9.0), side, marks, width, peak, (how, fits), edge, ""
    )


def _explain_sum(used: Floats, seen: Floats, value: float, place: Place, printed: bool) -> str:
    """In words: which input values meet the kernel's −1s and 1s."""
    minus, plus = seen[used < 0], seen[used > 0]
    turned = " turned" if printed else ""
    return (
        f"Row {place[0] + 1}, column {place[1] + 1} of the output: the{turned} kernel’s −1s meet {_list(minus)}, its 1s meet {_list(plus)}: "
        f"−{minus.sum():g}\u00a0+\u00a0{plus.sum():g}\u00a0=\u00a0{_sign(value)}."
    )  # fmt: skip


def _explain_size(rate: int) -> str:
    if rate == 1:
        return "At rate 1 nothing is put between the taps: both kernels are 3 × 3, both outputs 14 × 14. Move the rate to see them part."
    zeros = f"{rate - 1} rows and columns of zeros" if rate > 2 else "one row and one column of zeros"
    return (
        f"Slide 13 puts zeros behind every tap, the last one too: r · k = {3 * rate} a side. PyTorch puts them only between taps: "
        f"{2 * rate + 1} a side. The slide’s {zeros} more add nothing to any sum, but they must fit into the input as well: its "
        f"output is {rate - 1} smaller."
    )


def _list(values: Floats) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _sign(value: float) -> str:
    return f"{value:+g}".replace("-", "−") if value else "0"
