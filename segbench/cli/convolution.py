"""`segbench conv`: a convolution or transpose convolution with its numbers, as the convolution lab shows it. Needs no torch to run,
but for --prove."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from segbench.cli.console import tell, tell_json
from segbench.cli.grids import Example, describe_example, write_pair
from segbench.convolution.code import write_code
from segbench.convolution.coverage import find_repairs, judge
from segbench.convolution.formulas import write_formulas
from segbench.convolution.geometry import Geometry, Pair, build_geometry
from segbench.convolution.lecture import PRESETS, Preset, draw_random, number
from segbench.convolution.matrix import fill, place_taps
from segbench.convolution.operation import Operation, classify_stuffed, list_terms, stuff
from segbench.errors import SegbenchError

MOST_PIXELS = 2**20  # of the output and of what the kernel sweeps over: some seconds, and some hundred MB of JSON
MOST_PRODUCTS = 2**28
MOST_CELLS = 2**22  # of the matrix in JSON

# option -> what it is called in `arguments`; a preset brings all of them
OWN = {
    "--transpose": "transpose", "--input": "input", "--kernel": "kernel", "--stride": "stride", "--padding": "padding",
    "--dilation": "dilation", "--output-padding": "output_padding", "--values": "values", "--seed": "seed",
}  # fmt: skip


def run_convolution(arguments: argparse.Namespace) -> int:
    """Prints the operation, its program or its JSON."""
    example = _choose(arguments)
    if arguments.json:
        tell_json(_build_document(example))
    elif arguments.code:
        tell(write_code(example.operation).rstrip("\n"))
    else:
        for line in describe_example(example):
            tell(line)
    return 0


# What is asked about ----------------------------------------------------------------------------------------------------


def _choose(arguments: argparse.Namespace) -> Example:
    preset = None
    if arguments.preset is not None:
        given = [option for option, name in OWN.items() if getattr(arguments, name) not in (None, False)]
        if given:
            raise SegbenchError(
                f"--preset brings its own numbers, so {', '.join(given)} cannot go with it.",
                "Leave out one or the other.",
            )
        preset = find_preset(arguments.preset)
        operation = preset.build()
        if preset.rate > 1:  # the lab's page for atrous convolutions dilates the kernel itself
            rows, columns = (
                replace(axis, dilation=preset.rate) for axis in (operation.geometry.rows, operation.geometry.columns)
            )
            operation = replace(operation, geometry=Geometry(rows, columns))
        _check(operation.geometry)
    else:
        operation = _build_operation(arguments)
    example = Example(
        operation,
        preset,
        _check_pair(arguments.channels, operation.channels, "--channels", "input and output channels"),
        _check_pair(arguments.pixel, operation.geometry.output, "--pixel", "rows and columns of output"),
        arguments.matrix or arguments.letters or (preset is not None and preset.topic == "matrix"),
        arguments.letters or (preset is not None and preset.letters),
    )
    if arguments.prove:
        from segbench.networks.judge import prove

        example = replace(example, proof=prove(operation, *example.one_pair))
    return example


def find_preset(text: str) -> Preset:
    """The example that this is the name of, a part of its name, or "slide N" for a slide it stands for."""
    wanted = " ".join(text.casefold().split())
    found = [preset for preset in PRESETS if preset.name.casefold() == wanted]
    if not found and (slide := re.fullmatch(r"slides? (\d+)", wanted)):
        found = [preset for preset in PRESETS if int(slide[1]) in _find_slides(preset)]
    if not found:
        found = [preset for preset in PRESETS if wanted and wanted in preset.name.casefold()]
    if len(found) == 1:
        return found[0]
    candidates = "; ".join(preset.name for preset in found or PRESETS)
    if not found:
        raise SegbenchError(f"No example is called {text!r}.", f"There are: {candidates}.")
    raise SegbenchError(f"{len(found)} examples are called {text!r}.", f"Give more of the name: {candidates}.")


def _find_slides(preset: Preset) -> range:
    numbers = re.match(r"Slides? (\d+)(?:–(\d+))?:", preset.name)
    return range(int(numbers[1]), int(numbers[2] or numbers[1]) + 1) if numbers else range(0)


def _build_operation(arguments: argparse.Namespace) -> Operation:
    geometry = build_geometry(
        arguments.input or (4, 4),
        arguments.kernel or (3, 3),
        arguments.stride or (1, 1),
        arguments.padding or (0, 0),
        arguments.dilation or (1, 1),
        arguments.output_padding or (0, 0),
        transposed=arguments.transpose,
    )
    _check(geometry)
    seed = arguments.seed or 0
    if seed < 0:
        raise SegbenchError(f"--seed {seed} is too small.", "Give 0 or more.")
    match arguments.values:
        case "ones":
            x_HW, kernel = np.ones(geometry.size), np.ones(geometry.kernel)
        case "random":
            x_HW, kernel = draw_random(geometry.size, seed), draw_random(geometry.kernel, seed + 1)
        case _:
            x_HW, kernel = number(geometry.size), number(geometry.kernel)
    return Operation(geometry, x_HW[None], kernel[None, None], np.zeros(1))


def _check(geometry: Geometry) -> None:
    geometry.check()
    for size, what in ((geometry.stuffed, "padded input"), (geometry.output, "output")):
        if size[0] * size[1] > MOST_PIXELS:
            raise SegbenchError(
                f"The {what} would have {write_pair(size)} pixels.", f"Up to {MOST_PIXELS:,} can be computed here."
            )
    if np.prod(geometry.kernel, dtype=np.int64) * np.prod(geometry.output, dtype=np.int64) > MOST_PRODUCTS:
        raise SegbenchError(
            f"A kernel of {write_pair(geometry.kernel)} for {write_pair(geometry.output)} output pixels is too much work here.",
            "Choose a smaller kernel or a smaller input.",
        )


def _check_pair(given: Pair | None, sides: Pair, option: str, what: str) -> Pair | None:
    if given is not None and not (0 <= given[0] < sides[0] and 0 <= given[1] < sides[1]):
        raise SegbenchError(
            f"{option} {given[0]},{given[1]} is not there: {write_pair(sides)} {what}.",
            f"Count from 0: up to {sides[0] - 1},{sides[1] - 1}.",
        )
    return given


# For scripts ------------------------------------------------------------------------------------------------------------


def _build_document(example: Example) -> dict[str, Any]:
    operation, geometry = example.operation, example.geometry
    axes = geometry.rows, geometry.columns
    document: dict[str, Any] = {
        "preset": example.preset.name if example.preset else None,
        "layer": example.write_layer(geometry),
        "transposed": geometry.transposed,
    }
    document |= {
        name: [getattr(axis, name) for axis in axes]
        for name in ("size", "kernel", "stride", "padding", "dilation", "output_padding", "border", "unread", "output")
    }
    document |= {
        "swept": geometry.stuffed,
        "formulas": [
            formula._asdict()
            for axis, letter in zip(axes, "HW", strict=True)
            for formula in write_formulas(axis, letter)
        ],
        "values": {
            "input": operation.x_IHW.tolist(),
            "kernel": operation.weight_IOHW.tolist(),
            "bias": operation.bias_O.tolist(),
            "swept": stuff(geometry, operation.x_IHW).tolist(),
            "swept_kinds": classify_stuffed(geometry).tolist(),
            "output": [operation.compute_channel(o).tolist() for o in range(operation.channels[1])],
        },
        "coverage": _document_coverage(example) if geometry.transposed else None,
        "code": write_code(operation),
    }
    if example.matrix:
        document["matrix"] = _document_matrix(example)
    if example.pixel:
        document["pixel"] = _document_pixel(example, example.pixel)
    if example.proof:
        proof = example.proof
        document["proof"] = {"channels": example.one_pair, "agrees": proof.agrees} | {
            name: msgspec.to_builtins(way) | {"largest": way.largest, "agrees": way.agrees}
            for name, way in (("forward", proof.forward), ("backward", proof.backward))
        }
    return document


def _document_coverage(example: Example) -> dict[str, Any]:
    geometry = example.geometry
    counts = geometry.count_inputs()
    return {
        "verdict": judge(geometry),
        "holes": int((counts == 0).sum()),
        "counts": counts.tolist(),
        "repairs": [
            {
                "name": repair.name,
                "layer": example.write_layer(repair.geometry),
                "resized": repair.resized,
                "verdict": judge(repair.geometry),
            }
            for repair in find_repairs(geometry)
        ],
    }


def _document_matrix(example: Example) -> dict[str, Any]:
    cells = int(np.prod(example.geometry.size, dtype=np.int64) * np.prod(example.geometry.output, dtype=np.int64))
    if cells > MOST_CELLS:
        raise SegbenchError(
            f"The matrix would have {cells:,} cells.", f"Up to {MOST_CELLS:,} can be written; leave out --matrix."
        )
    taps = place_taps(example.geometry)
    matrix = fill(taps, example.operation.weight_IOHW[example.one_pair])
    return {"channels": example.one_pair, "taps": taps.tolist(), "values": matrix.tolist()}


def _document_pixel(example: Example, pixel: Pair) -> dict[str, Any]:
    operation, (i, o) = example.operation, example.one_pair
    terms = list_terms(example.geometry, operation.x_IHW[i], operation.weight_IOHW[i, o], pixel)
    return {
        "channels": (i, o),
        "place": pixel,
        "terms": [term._asdict() | {"product": term.product} for term in terms],
        "sum": sum(term.product for term in terms),
    }
