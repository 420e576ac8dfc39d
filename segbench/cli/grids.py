"""What `segbench conv` prints: grids of numbers, sizes, the sum behind a pixel, coverage, the matrix, torch's judgement."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segbench.cli.console import align
from segbench.convolution.atrous import convolve_as_printed, embed
from segbench.convolution.code import write_layer
from segbench.convolution.coverage import find_repairs
from segbench.convolution.formulas import write_formulas
from segbench.convolution.geometry import Geometry, Pair
from segbench.convolution.lecture import Preset
from segbench.convolution.matrix import NOTHING, draw_strided, fill, name_taps, place_taps, unroll
from segbench.convolution.operation import Floats, Operation, classify_stuffed, dilate, list_terms, stuff, turn
from segbench.convolution.verdict import write_verdict
from segbench.records import Agreement, Proof, Route

MOST_COLUMNS, MOST_ROWS = 16, 64
WIDTH = 118  # of a sum in letters and in numbers
ZERO = "·"  # one that was put in

ROUTES: dict[Route, str] = {
    "scatter": "stamped kernels added up",
    "inserted": "zeros inserted, turned kernel swept",
    "matrix_transposed": "Cᵀ times the vector",
    "conv_transpose2d": "F.conv_transpose2d",
    "conv2d_gradient": "autograd: input gradient of F.conv2d",
    "sweep": "swept kernel",
    "matrix": "C times the vector",
    "unrolled": "kernel as a row times unrolled input",
    "conv2d": "F.conv2d",
    "conv_transpose2d_gradient": "autograd: input gradient of F.conv_transpose2d",
}


@dataclass(frozen=True, eq=False, slots=True)
class Example:
    """What is asked about. preset: None for own numbers. pair: the input and output channel asked for, None: all of them.
    pixel: of the output, None: none. matrix, letters: whether C is asked for, and with letters. proof: None: not asked for."""

    operation: Operation
    preset: Preset | None = None
    pair: Pair | None = None
    pixel: Pair | None = None
    matrix: bool = False
    letters: bool = False
    proof: Proof | None = None

    @property
    def geometry(self) -> Geometry:
        return self.operation.geometry

    @property
    def one_pair(self) -> Pair:
        """The pair for what can only be told of one."""
        return self.pair or (0, 0)

    def write_layer(self, geometry: Geometry) -> str:
        """The layer of this geometry, between as many channels as the operation's and with a bias if it has one."""
        return write_layer(geometry, *self.operation.channels, bias=bool(self.operation.bias_O.any()))


def describe_example(example: Example) -> Iterator[str]:
    """All lines; an empty one between the parts."""
    parts = [
        _describe_head(example),
        *_describe_input(example),
        *_describe_kernels(example),
        *_describe_outputs(example),
        *([_describe_printed(example)] if example.preset and example.preset.topic == "atrous" else []),
        *([_describe_coverage(example)] if example.geometry.transposed else []),
        *([_describe_matrix(example)] if example.matrix else []),
        *([_describe_pixel(example, example.pixel)] if example.pixel else []),
        *(_describe_proof(example) if example.proof else []),
    ]
    left_out = False
    for part in parts:
        if part is not parts[0]:
            yield ""
        for line in part:
            left_out |= line.endswith(_LEFT_OUT)
            yield line
    if left_out:
        yield ""
        yield f"Grids of more than {MOST_COLUMNS} columns or {MOST_ROWS} rows are not printed; --json gives their numbers."


# Grids ------------------------------------------------------------------------------------------------------------------

_LEFT_OUT = " (not printed)"


def _draw(title: str, values: NDArray[np.generic], hidden: NDArray[np.bool_] | None = None) -> list[str]:
    """A title with the size, and the numbers or words below. hidden: cells that get a dot, zeros that were put in."""
    head = f"{title}, {write_pair(values.shape)}"
    if values.shape[1] > MOST_COLUMNS or values.shape[0] > MOST_ROWS:
        return [head + _LEFT_OUT]
    words = values.astype(str) if values.dtype.kind == "U" else write_numbers(values.astype(np.float64))
    if hidden is not None:
        words = np.where(hidden, ZERO, words)
    width = max(len(word) for word in words.ravel())
    return [head, *("  " + "  ".join(word.rjust(width) for word in row) for row in words)]


def write_numbers(values: Floats) -> NDArray[np.str_]:
    """Whole numbers whole, others with four decimals, as torch prints them."""
    values = values + 0.0  # no minus before a zero
    whole = bool((values == np.round(values)).all()) and np.abs(values).max(initial=0) < 1e15
    return np.array([write_number(value, whole) for value in values.ravel()], np.str_).reshape(values.shape)


def write_number(value: float, whole: bool | None = None) -> str:
    """whole None: as this number is."""
    if whole is None:
        whole = value == round(value)
    return f"{value + 0.0:.0f}" if whole else f"{value:.4f}" if abs(value) < 1e5 else f"{value:.6g}"


def write_pair(size: Sequence[int]) -> str:
    return f"{size[0]} × {size[1]}"


# The operation ----------------------------------------------------------------------------------------------------------


def _describe_head(example: Example) -> list[str]:
    geometry = example.geometry
    rows, columns = geometry.rows, geometry.columns
    formulas = write_formulas(rows, "H")
    if rows != columns:
        formulas = (*formulas, *(formula for formula in write_formulas(columns, "W") if formula not in formulas))
    lines = [example.write_layer(geometry)]
    if example.preset:
        lines += textwrap.wrap(f"{example.preset.name}. {example.preset.note}", WIDTH)
    lines += [f"  {formula.name}: {formula.general} = {formula.numbers}" for formula in formulas]
    if rows.unread or columns.unread:
        lines.append(f"  Never read, at the end of the padded input: rows {rows.unread}, columns {columns.unread}")
    return lines


def _list_inputs(example: Example) -> list[int]:
    return [example.pair[0]] if example.pair else list(range(example.operation.channels[0]))


def _list_outputs(example: Example) -> list[int]:
    return [example.pair[1]] if example.pair else list(range(example.operation.channels[1]))


def _name(what: str, channel: int, channels: int) -> str:
    return what if channels == 1 else f"{what} channel {channel}"


def _describe_input(example: Example) -> Iterator[list[str]]:
    geometry, operation = example.geometry, example.operation
    between = (geometry.rows.spread, geometry.columns.spread) != geometry.size
    swept = "zeros between and around" if between else "padded"
    for i in _list_inputs(example):
        name = _name("Input", i, operation.channels[0])
        yield _draw(name, operation.x_IHW[i])
        if geometry.stuffed != geometry.size:
            stuffed, put_in = stuff(geometry, operation.x_IHW[i]), classify_stuffed(geometry) != 0
            title = f"{name} as it is swept ({swept if put_in.any() else 'cut off'})"
            yield _draw(title, stuffed, put_in)


def _describe_kernels(example: Example) -> Iterator[list[str]]:
    geometry, operation = example.geometry, example.operation
    single = operation.channels == (1, 1)
    for i in _list_inputs(example):
        for o in _list_outputs(example):
            yield _draw("Kernel" if single else f"Kernel from {i} to {o}", operation.weight_IOHW[i, o])
    if not single and not example.pair:
        return
    rates = geometry.rows.dilation, geometry.columns.dilation
    how = [*(["dilated"] if max(rates) > 1 else []), *(["turned by 180°"] if geometry.transposed else [])]
    if how:
        kernel = operation.weight_IOHW[example.one_pair]
        laid_out = dilate(turn(kernel) if geometry.transposed else kernel, *rates)
        yield _draw(f"Kernel as it sweeps ({', '.join(how)})", laid_out, dilate(np.ones(kernel.shape), *rates) == 0)


def _describe_outputs(example: Example) -> Iterator[list[str]]:
    operation = example.operation
    if example.pair:
        i, o = example.pair
        yield _draw(f"What input channel {i} adds to output channel {o}", operation.compute_pair(i, o))
        return
    for o in _list_outputs(example):
        title = _name("Output", o, operation.channels[1])
        bias = float(operation.bias_O[o])
        yield _draw(f"{title} (bias {bias:.4f})" if bias else title, operation.compute_channel(o))


def _describe_printed(example: Example) -> list[str]:
    """Slides 11 to 13, as they stand there."""
    assert example.preset is not None
    x_HW, kernel, rate = example.operation.x_IHW[0], example.operation.weight_IOHW[0, 0], example.preset.rate
    lines = ["As the lecture prints it: the kernel is turned by 180° before it sweeps"]
    if rate > 1:
        lines[0] += ", and a row and a column of zeros stand behind its last taps"
        lines += _draw("Kernel", embed(kernel, rate), embed(np.ones(kernel.shape), rate) == 0)
    return lines + _draw("Output", convolve_as_printed(x_HW, kernel, rate))


def _describe_coverage(example: Example) -> list[str]:
    geometry = example.geometry
    lines = [*_draw("Input pixels that reach an output pixel", geometry.count_inputs()), write_verdict(geometry)]
    for repair in find_repairs(geometry):
        layer = example.write_layer(repair.geometry)
        first = f"nn.Upsample(size={repair.geometry.size}), " if repair.resized else ""
        lines.append(f"  {repair.name}: {first}{layer}. {write_verdict(repair.geometry)}")
    return lines


# Matrix, pixel, proof ---------------------------------------------------------------------------------------------------


def _describe_matrix(example: Example) -> list[str]:
    geometry, preset = example.geometry, example.preset
    i, o = example.one_pair
    kernel, names = example.operation.weight_IOHW[i, o], name_taps(geometry.kernel)
    if preset is not None and preset.layout == "kernel":
        shown = names[:-1] if example.letters else write_numbers(kernel.ravel())
        title = f"A column an output pixel; y = [{' '.join(shown)}] times this"
        return _draw(title, unroll(geometry, example.operation.x_IHW[i]))
    fine, coarse = ("output", "input") if geometry.transposed else ("input", "output")
    product = "y = Cᵀ x" if geometry.transposed else "y = C x"
    title = f"C, with {product}: a row an {coarse} pixel, a column an {fine} pixel"
    sides = (geometry.size[0] * geometry.size[1], geometry.output[0] * geometry.output[1])
    shape = sides if geometry.transposed else sides[::-1]
    if shape[1] > MOST_COLUMNS:  # not even placed
        return [f"{title}, {write_pair(shape)}{_LEFT_OUT}"]
    taps = draw_strided(geometry)[0] if preset is not None and preset.drawn else place_taps(geometry)
    return _draw(title, names[taps] if example.letters else fill(taps, kernel), taps == NOTHING)


def _describe_pixel(example: Example, pixel: Pair) -> list[str]:
    operation = example.operation
    lines = [f"Output pixel: row {pixel[0]}, column {pixel[1]}, counted from 0"]
    several = operation.channels[0] > 1
    for o in _list_outputs(example):
        letters, numbers, total = [], [], 0.0
        for i in _list_inputs(example):
            for term in list_terms(example.geometry, operation.x_IHW[i], operation.weight_IOHW[i, o], pixel):
                (y, x), (ty, tx) = term.place, term.tap
                channel = f"{i}," if several else ""
                letters.append(f"x[{channel}{y},{x}]·k[{channel}{ty},{tx}]")
                numbers.append(f"{_wrap(term.value)}·{_wrap(term.weight)}")
                total += term.product
        if operation.bias_O[o] and not example.pair:
            letters.append("bias")
            numbers.append(_wrap(float(operation.bias_O[o])))
            total += float(operation.bias_O[o])
        name = f"y[{o},{pixel[0]},{pixel[1]}]" if operation.channels[1] > 1 else f"y[{pixel[0]},{pixel[1]}]"
        for start, products in ((name, letters), (" " * len(name), numbers)):
            lines += textwrap.wrap(
                " + ".join(products) or "0",
                WIDTH,
                initial_indent=f"  {start} = ",
                subsequent_indent=" " * (len(name) + 5),
                break_long_words=False,
            )
        lines.append(f"  {' ' * len(name)} = {write_number(total)}")
    taps = example.geometry.kernel[0] * example.geometry.kernel[1]
    heard = int(example.geometry.count_inputs()[pixel])
    if heard < taps:
        lines.append(
            f"  {taps - heard} of {taps} taps meet zeros that were put in."
            if heard
            else "  No tap meets an input pixel: a hole."
        )
    return lines


def _wrap(value: float) -> str:
    """A number behind a sign, in brackets if it brings its own."""
    text = write_number(value)
    return f"({text})" if text.startswith("-") else text


def _describe_proof(example: Example) -> Iterator[list[str]]:
    assert example.proof is not None
    i, o = example.one_pair
    about = "" if example.operation.channels == (1, 1) else f" (input channel {i} to output channel {o}, without bias)"
    yield [f"Forward{about}", *_describe_agreement(example.proof.forward)]
    yield [f"Backward{about}: the loss goes back, upstream is the output", *_describe_agreement(example.proof.backward)]


def _describe_agreement(agreement: Agreement) -> list[str]:
    """The largest difference of each way to each before it."""
    apart = {(d.one, d.other): d.largest for d in agreement.differences}
    rows = [["largest difference to", *(str(k + 1) for k in range(len(agreement.routes) - 1))]]
    for k, route in enumerate(agreement.routes):
        told = [f"{apart[other, route]:.1e}" for other in agreement.routes[:k]]
        rows.append([f"{k + 1} {ROUTES[route]}", *told, *[""] * (len(agreement.routes) - 1 - k)])
    verdict = (
        f"All agree: at most {agreement.largest:.1e} apart, at values up to {agreement.largest_value:.4g}."
        if agreement.agrees
        else f"They do NOT agree: up to {agreement.largest:.1e} apart, at values up to {agreement.largest_value:.4g}."
    )
    return [*(f"  {line}" for line in align(rows)), f"  {verdict}"]
