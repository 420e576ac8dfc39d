"""What the lab's first page shows: input, kernel, what the kernel really sweeps over, output, and the sum behind one pixel. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segbench.convolution.formulas import Formula, write_formulas
from segbench.convolution.geometry import Axis, Geometry, Pair
from segbench.convolution.operation import Floats, Term, classify_stuffed, dilate, list_terms, stuff, turn
from segbench.errors import SegbenchError
from segbench.gui.panels.convolution.lab import Lab
from segbench.gui.widgets.cells import INSERTED, VALUE, Cells, Marks

NO_MARKS = Marks()


@dataclass(frozen=True, eq=False, slots=True)
class Plate:
    """One grid with its title. cells None: `empty` says why there is nothing."""

    title: str
    note: str
    cells: Cells | None
    marks: Marks = NO_MARKS
    empty: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class OperationPicture:
    """input, kernel: what can be edited. stuffed: what PyTorch sweeps over; sweeping: the kernel as it sweeps.
    problem: (what is wrong, what to change) where there is no output. sum: the pointed pixel in words."""

    input: Plate
    kernel: Plate
    stuffed: Plate
    sweeping: Plate
    output: Plate
    formulas: tuple[Formula, ...]
    sum: str
    problem: tuple[str, str] | None


def resolve_operation(lab: Lab) -> OperationPicture:
    """Everything, from the state alone."""
    geometry = lab.geometry
    formulas = write_sizes(geometry)
    problem = find_problem(geometry)
    if problem is not None:
        return _explain(lab, formulas, problem)
    output = lab.operation.compute_channel(lab.pair[1]) if lab.summed else lab.operation.compute_pair(*lab.pair)
    pointed = _clip(lab.pointed, geometry.size if lab.of_input else geometry.output)
    sources, targets = _find_partners(geometry, pointed, lab.of_input)
    return OperationPicture(
        _draw_input(lab, pointed, sources),
        _draw_kernel(lab, pointed, sources, targets),
        _draw_stuffed(lab, pointed),
        _draw_sweeping(lab, pointed),
        Plate(
            _title_output(lab),
            write_size(geometry.output),
            Cells(output),
            Marks(
                cursor=pointed if not lab.of_input else None,
                hits=_mark(geometry.output, targets) if lab.of_input and pointed else None,
            ),
        ),
        formulas,
        _write_sum(lab, output, pointed, targets),
        None,
    )


def find_problem(geometry: Geometry) -> tuple[str, str] | None:
    """(what is wrong, what to change), or None where there is an output."""
    try:
        geometry.check()
    except SegbenchError as error:
        return error.message, error.hint
    return None


def write_size(size: Pair) -> str:
    return f"{size[0]} × {size[1]}"


def write_sizes(geometry: Geometry) -> tuple[Formula, ...]:
    """The formulas of the height, and the last one of the width where that differs."""
    rows, columns = geometry.rows, geometry.columns
    formulas = write_formulas(rows, "H")
    return formulas if rows == columns else (*formulas, write_formulas(columns, "W")[-1])


def write_number(value: float) -> str:
    """A number in a sentence: whole ones whole, others with four significant digits, with a true minus."""
    text = f"{value + 0.0:.0f}" if value == round(value) and abs(value) < 1e6 else f"{value:.4g}"
    return text.replace("-", "−")


# Parts --------------------------------------------------------------------------------------------------------------------


def _explain(lab: Lab, formulas: tuple[Formula, ...], problem: tuple[str, str]) -> OperationPicture:
    """No output: what there is, as far as it goes."""
    geometry, (what, hint) = lab.geometry, problem
    stuffed = None
    if min(geometry.stuffed) > 0 and min(*geometry.size, *geometry.kernel) > 0:
        stuffed = Cells(stuff(geometry, lab.x_HW), classify_stuffed(geometry))
    return OperationPicture(
        Plate(*_title_input(lab), Cells(lab.x_HW)),
        Plate(*_title_kernel(lab), Cells(lab.kernel)),
        Plate(*_title_stuffed(geometry), stuffed, NO_MARKS, "Padding has cut away the whole input."),
        Plate(*_title_sweeping(geometry), Cells(_turn_kernel(lab), _mark_dilation(geometry))),
        Plate("Output", "none", None, NO_MARKS, f"{what}\n\n{hint}"),
        formulas,
        "",
        problem,
    )


def _clip(pointed: Pair | None, size: Pair) -> Pair | None:
    if pointed is None or min(size) < 1:
        return None
    return min(pointed[0], size[0] - 1), min(pointed[1], size[1] - 1)


def _find_partners(
    geometry: Geometry, pointed: Pair | None, of_input: bool
) -> tuple[list[Term], list[tuple[Pair, Pair]]]:
    """Of a pointed output pixel its terms' places (values left out), of a pointed input pixel its (output, tap) pairs."""
    if pointed is None:
        return [], []
    if not of_input:
        rows, columns = geometry.rows.find_sources(pointed[0]), geometry.columns.find_sources(pointed[1])
        return [Term((y, x), (ty, tx), 0.0, 0.0) for y, ty in rows for x, tx in columns], []
    rows, columns = geometry.rows.find_targets(pointed[0]), geometry.columns.find_targets(pointed[1])
    return [], [((y, x), (ty, tx)) for y, ty in rows for x, tx in columns]


def _mark(size: Pair, pairs: list[tuple[Pair, Pair]]) -> NDArray[np.bool_]:
    marked = np.zeros(size, np.bool_)
    for place, _tap in pairs:
        marked[place] = True
    return marked


def _title_input(lab: Lab) -> tuple[str, str]:
    channels = lab.operation.channels[0]
    title = "Input" if channels == 1 else f"Input channel {lab.pair[0]} of {channels}"
    return title, write_size(lab.geometry.size)


def _title_kernel(lab: Lab) -> tuple[str, str]:
    single = lab.operation.channels == (1, 1)
    return "Kernel" if single else f"Kernel from {lab.pair[0]} to {lab.pair[1]}", write_size(lab.geometry.kernel)


def _title_output(lab: Lab) -> str:
    channels = lab.operation.channels
    if channels == (1, 1):
        return "Output"
    return f"Output channel {lab.pair[1]} of {channels[1]}" if lab.summed else f"Part of input channel {lab.pair[0]}"


def _title_stuffed(geometry: Geometry) -> tuple[str, str]:
    around = max(geometry.rows.border, geometry.columns.border) > 0
    between = geometry.transposed and max(geometry.rows.stride, geometry.columns.stride) > 1
    places = " and ".join([*(["between"] if between else []), *(["around"] if around else [])])
    title = f"Swept input: zeros {places}" if places else "Swept input: no zeros"
    return title, write_size(geometry.stuffed)


def _title_sweeping(geometry: Geometry) -> tuple[str, str]:
    words = [
        *(["dilated"] if max(geometry.rows.dilation, geometry.columns.dilation) > 1 else []),
        *(["turned by 180°"] if geometry.transposed else []),
    ]
    return "Sweeping kernel" + (f": {', '.join(words)}" if words else ""), write_size(
        (geometry.rows.span, geometry.columns.span)
    )


def _draw_input(lab: Lab, pointed: Pair | None, sources: list[Term]) -> Plate:
    geometry = lab.geometry
    if lab.of_input:
        return Plate(*_title_input(lab), Cells(lab.x_HW), Marks(cursor=pointed))
    hits = _mark(geometry.size, [(s.place, s.tap) for s in sources]) if pointed else None
    return Plate(*_title_input(lab), Cells(lab.x_HW), Marks(hits=hits))


def _draw_kernel(lab: Lab, pointed: Pair | None, sources: list[Term], targets: list[tuple[Pair, Pair]]) -> Plate:
    taps = [(tap, tap) for _place, tap in targets] if lab.of_input else [(s.tap, s.tap) for s in sources]
    hits = _mark(lab.geometry.kernel, taps) if pointed else None
    return Plate(*_title_kernel(lab), Cells(lab.kernel), Marks(hits=hits))


def _draw_stuffed(lab: Lab, pointed: Pair | None) -> Plate:
    geometry = lab.geometry
    rows, columns = geometry.rows, geometry.columns
    cells = Cells(
        stuff(geometry, lab.x_HW), classify_stuffed(geometry), span=float(np.abs(lab.x_HW).max(initial=0)) or None
    )
    marks = NO_MARKS
    if pointed is not None and lab.of_input:
        place = _find_stuffed(rows, pointed[0]), _find_stuffed(columns, pointed[1])
        marks = Marks(cursor=place) if None not in place else NO_MARKS  # type: ignore[arg-type]
    elif pointed is not None:
        top, left = pointed[0] * rows.step, pointed[1] * columns.step
        hits = np.zeros(geometry.stuffed, np.bool_)
        hits[top : top + rows.span : rows.dilation, left : left + columns.span : columns.dilation] = True
        marks = Marks(hits=hits, window=(top, left, rows.span, columns.span))
    return Plate(*_title_stuffed(geometry), cells, marks)


def _find_stuffed(axis: Axis, place: int) -> int | None:
    at = axis.border + place * (axis.stride if axis.transposed else 1)
    return at if 0 <= at < axis.stuffed else None


def _draw_sweeping(lab: Lab, pointed: Pair | None) -> Plate:
    geometry = lab.geometry
    hits = None
    if pointed is not None and not lab.of_input:
        rows, columns = (
            np.isin(np.arange(axis.kernel), [tap for _place, tap in axis.find_sources(at)])
            for axis, at in zip((geometry.rows, geometry.columns), pointed, strict=True)
        )
        met = np.logical_and.outer(rows, columns).astype(np.float64)
        hits = _lay_out(geometry, met) != 0
    return Plate(*_title_sweeping(geometry), Cells(_turn_kernel(lab), _mark_dilation(geometry)), Marks(hits=hits))


def _turn_kernel(lab: Lab) -> Floats:
    return _lay_out(lab.geometry, lab.kernel)


def _lay_out(geometry: Geometry, kernel: Floats) -> Floats:
    """A kernel's numbers as they stand while it sweeps: dilated, and turned for a transpose convolution."""
    return dilate(turn(kernel) if geometry.transposed else kernel, geometry.rows.dilation, geometry.columns.dilation)


def _mark_dilation(geometry: Geometry) -> NDArray[np.uint8]:
    taps = dilate(np.ones(geometry.kernel), geometry.rows.dilation, geometry.columns.dilation)
    return np.where(taps != 0, VALUE, INSERTED).astype(np.uint8)


# The sum ------------------------------------------------------------------------------------------------------------------


def _write_sum(lab: Lab, output: Floats, pointed: Pair | None, targets: list[tuple[Pair, Pair]]) -> str:
    if pointed is None:
        return (
            "Point at a pixel of the output to see the sum that makes it, or at one of the input to see where it goes."
        )
    return _write_footprint(lab, pointed, targets) if lab.of_input else _write_terms(lab, output, pointed)


def _write_footprint(lab: Lab, pointed: Pair, targets: list[tuple[Pair, Pair]]) -> str:
    geometry = lab.geometry
    value, taps = write_number(float(lab.x_HW[pointed])), geometry.kernel[0] * geometry.kernel[1]
    where = f"Input pixel (row {pointed[0]}, column {pointed[1]})"
    if not targets:
        return f"{where} goes nowhere: no place of the kernel reads it."
    how = (
        f"adds {value} × the kernel to the output"
        if geometry.transposed
        else f"is read by {len(targets)} {'place' if len(targets) == 1 else 'places'} of the kernel"
    )
    lost = taps - len(targets)
    cut = f"; {lost} of {taps} taps fall outside" if lost and geometry.transposed else ""
    return f"{where} {how}: {len(targets)} output {'pixel hears' if len(targets) == 1 else 'pixels hear'} of it{cut}."


def _write_terms(lab: Lab, output: Floats, pointed: Pair) -> str:
    geometry, (i, o) = lab.geometry, lab.pair
    head = f"Output pixel (row {pointed[0]}, column {pointed[1]}) = "
    terms = list_terms(geometry, lab.x_HW, lab.kernel, pointed)
    silent = geometry.kernel[0] * geometry.kernel[1] - len(terms)
    total = sum(term.product for term in terms)
    products = " + ".join(f"{write_number(t.value)}·{_wrap(t.weight)}" for t in terms) or "0"
    text = f"{products} = {write_number(total)}" if terms else "0"
    zeros = f"{silent} of {silent + len(terms)} taps meet zeros."
    if not terms:
        zeros = "No tap meets an input pixel: a hole."
    if not lab.summed:
        return f"{head}{text}" + (f"\n{zeros}" if silent else "")
    parts = [f"{text}   (input\u00a0channel\u00a0{i})"]
    if (more := lab.operation.channels[0] - 1) > 0:
        others = _sum_others(lab, terms)
        parts.append(f"+ {_wrap(others)}   (the other {f'{more} input channels' if more > 1 else 'input channel'})")
    parts.append(f"+ {_wrap(float(lab.operation.bias_O[o]))}   (bias)")
    return f"{head}{write_number(float(output[pointed]))}\n= " + "\n".join(parts) + (f"\n{zeros}" if silent else "")


def _sum_others(lab: Lab, terms: list[Term]) -> float:
    """What the other input channels add; added up by itself, as a difference would leave 1e−17 where it is nothing."""
    (i, o), operation = lab.pair, lab.operation
    places = np.array([term.place for term in terms], int).reshape(-1, 2).T
    taps = np.array([term.tap for term in terms], int).reshape(-1, 2).T
    products = operation.x_IHW[:, places[0], places[1]] * operation.weight_IOHW[:, o, taps[0], taps[1]]
    return float(np.delete(products, i, 0).sum())


def _wrap(value: float) -> str:
    """A number behind a sign, in brackets if it brings its own."""
    text = write_number(value)
    return f"({text})" if text.startswith("−") else text
