"""What the user has chosen in the convolution lab: one frozen value, which presets set, undo takes back and every picture is made from. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from segbench.convolution.geometry import Axis, Geometry, Pair, build_geometry
from segbench.convolution.lecture import Preset, count_up, draw_random, number
from segbench.convolution.operation import Floats, Operation
from segbench.gui.panels.convolution.atrous_picture import Atrous

Topic = Literal["operation", "matrix", "coverage", "atrous", "network"]
Source = Literal["own", "count", "ones", "random"]
Layout = Literal["input", "kernel"]
Part = Literal["input", "kernel"]  # what can be edited


@dataclass(frozen=True, eq=False, slots=True)
class Lab:
    """operation: its values, also where its geometry fits nothing. name, note: of the preset or layer it came from, "" once changed.
    source: how values are made when a size changes; "own": kept, and repeated where there is more room; `kept` has them as they were
    before a size changed, so that the way to a size does not matter.
    pair: the input and output channel looked at. summed: the output shows all input channels and the bias, not the pair alone.
    pointed: the pixel looked at, of the output or (of_input) of the input; None: none.
    layout: what is a vector in the matrix picture; letters: a, b, c ... for the kernel's numbers; drawn: the strided matrix as slide
    41 draws it, with zero rows; back: C^T instead of C.
    """

    operation: Operation
    name: str = ""
    note: str = ""
    topic: Topic = "operation"
    source: Source = "count"
    seed: int = 0
    pair: Pair = (0, 0)
    summed: bool = False
    pointed: Pair | None = None
    of_input: bool = False
    layout: Layout = "input"
    letters: bool = False
    drawn: bool = False
    back: bool = False
    atrous: Atrous = field(default_factory=Atrous)
    kept: Operation | None = None

    @property
    def geometry(self) -> Geometry:
        return self.operation.geometry

    @property
    def x_HW(self) -> Floats:
        """The input channel looked at."""
        x_HW: Floats = self.operation.x_IHW[self.pair[0]]
        return x_HW

    @property
    def kernel(self) -> Floats:
        """The kernel from the input channel to the output channel looked at."""
        kernel: Floats = self.operation.weight_IOHW[self.pair]
        return kernel


def open_preset(preset: Preset, before: Lab | None = None) -> Lab:
    """The lab as a preset wants it; what it does not speak of stays as before."""
    operation = preset.build()
    atrous = replace(before.atrous if before else Atrous(), rate=preset.rate, part="edge", traced=None, printed=False)
    return Lab(
        operation,
        preset.name,
        preset.note,
        preset.topic,
        source="own",
        seed=before.seed if before else 0,
        summed=operation.channels[0] > 1,
        pointed=(0, 0),
        layout=preset.layout,
        letters=preset.letters,
        drawn=preset.drawn,
        atrous=atrous,
    )


def change_geometry(lab: Lab, geometry: Geometry) -> Lab:
    """Other knobs; values are made anew where a size changed, as the source says."""
    operation, kept = lab.operation, lab.kept or lab.operation
    x_IHW, weight_IOHW = operation.x_IHW, operation.weight_IOHW
    if geometry.size != x_IHW.shape[1:]:
        x_IHW = _refill(lab, kept.x_IHW, geometry.size)
    if geometry.kernel != weight_IOHW.shape[2:]:
        weight_IOHW = _refill(lab, kept.weight_IOHW, geometry.kernel)
    return replace(
        lab,
        operation=Operation(geometry, x_IHW, weight_IOHW, operation.bias_O),
        kept=kept,
        name="",
        note="",
        pointed=None,
    )


def refill(lab: Lab, source: Source, seed: int) -> Lab:
    """The same geometry with other values, one channel each."""
    lab = replace(lab, source=source, seed=seed, name="", note="", kept=None, pair=(0, 0), summed=False)
    x_HW, kernel = (
        _make(source, seed + part, shape) for part, shape in enumerate((lab.geometry.size, lab.geometry.kernel))
    )
    return replace(lab, operation=Operation(lab.geometry, x_HW[None], kernel[None, None], np.zeros(1)))


def edit(lab: Lab, part: Part, row: int, column: int, value: float) -> Lab:
    """One value of the input or the kernel looked at."""
    operation = lab.operation
    x_IHW, weight_IOHW = operation.x_IHW.copy(), operation.weight_IOHW.copy()
    if part == "input":
        x_IHW[lab.pair[0], row, column] = value
    else:
        weight_IOHW[(*lab.pair, row, column)] = value
    changed = Operation(operation.geometry, x_IHW, weight_IOHW, operation.bias_O)
    return replace(lab, operation=changed, kept=None, source="own", name="", note="")


def _refill(lab: Lab, values: Floats, shape: Pair) -> Floats:
    if lab.source != "own":
        made = _make(lab.source, lab.seed + (values.ndim == 4), shape)
        return np.broadcast_to(made, (*values.shape[:-2], *shape)).copy()
    rows, columns = (np.arange(side) % old for side, old in zip(shape, values.shape[-2:], strict=True))
    return values[..., rows[:, None], columns]


def _make(source: Source, seed: int, shape: Pair) -> Floats:
    match source:
        case "ones":
            return np.ones(shape)
        case "random":
            return draw_random(shape, seed)
        case _:
            return number(shape)


def begin() -> Lab:
    """What the lab shows first: a transpose convolution that doubles, with numbers a child can follow."""
    return Lab(count_up(build_geometry(4, 3, 2, 1, transposed=True)), pointed=(0, 0))


def set_knob(geometry: Geometry, knob: str, value: int) -> Geometry:
    """A geometry with one knob turned: "height" or "width" of the input, or one that holds for both axes."""
    rows, columns = geometry.rows, geometry.columns
    if knob == "height":
        return Geometry(replace(rows, size=value), columns)
    if knob == "width":
        return Geometry(rows, replace(columns, size=value))
    return Geometry(*(_turn(axis, knob, value) for axis in (rows, columns)))


def _turn(axis: Axis, knob: str, value: int) -> Axis:
    match knob:
        case "kernel":
            return replace(axis, kernel=value)
        case "stride":
            return replace(axis, stride=value)
        case "padding":
            return replace(axis, padding=value)
        case "dilation":
            return replace(axis, dilation=value)
        case _:
            return replace(axis, output_padding=value)


def set_kind(geometry: Geometry, transposed: bool) -> Geometry:
    """The same numbers for the other of the two operations; output padding is only for the transpose."""
    return Geometry(
        *(
            replace(axis, transposed=transposed, output_padding=axis.output_padding if transposed else 0)
            for axis in (geometry.rows, geometry.columns)
        )
    )
