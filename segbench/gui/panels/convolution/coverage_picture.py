"""What the lab's coverage page shows: how many input values reach each output pixel, the law behind it, and repairs. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segbench.convolution.code import write_layer
from segbench.convolution.coverage import Coverage, Repair, find_repairs, judge
from segbench.convolution.geometry import Geometry, Pair
from segbench.convolution.verdict import judge_reading, write_law, write_reading, write_verdict
from segbench.gui.panels.convolution.lab import Lab
from segbench.gui.panels.convolution.operation_picture import Plate, find_problem, write_size
from segbench.gui.widgets.cells import Cells, Marks


@dataclass(frozen=True, eq=False, slots=True)
class RepairPicture:
    """One way out: title, the layer as PyTorch writes it, verdict in words, counts."""

    title: str
    code: str
    verdict: str
    coverage: Coverage
    counts: Plate
    repair: Repair


@dataclass(frozen=True, eq=False, slots=True)
class CoveragePicture:
    """counts: the map. verdict: one line; law: why. coverage None: there is no output, and verdict says so."""

    counts: Plate
    verdict: str
    coverage: Coverage | None
    law: str
    code: str
    repairs: tuple[RepairPicture, ...]
    of_input: bool = False  # the counts are of the input's pixels


def resolve_coverage(lab: Lab) -> CoveragePicture:
    geometry = lab.geometry
    channels = lab.operation.channels
    if (problem := find_problem(geometry)) is not None:
        empty = Plate("Inputs that reach an output pixel", "none", None, Marks(), "\n\n".join(problem))
        return CoveragePicture(empty, problem[0], None, problem[1], "", ())
    counts = geometry.count_inputs() if geometry.transposed else geometry.count_outputs()
    holes = bool((counts == 0).any())
    pointed = None
    if lab.pointed is not None and lab.of_input != geometry.transposed:
        pointed = _clip(lab.pointed, geometry.output if geometry.transposed else geometry.size)
    title = (
        "Inputs that reach an output pixel" if geometry.transposed else "Places of the kernel that read an input pixel"
    )
    size = geometry.output if geometry.transposed else geometry.size
    repairs = tuple(_draw_repair(repair, channels) for repair in find_repairs(geometry))
    return CoveragePicture(
        Plate(title, write_size(size), _paint(counts), Marks(cursor=pointed)),
        write_verdict(geometry) if geometry.transposed else write_reading(geometry),
        judge(geometry) if geometry.transposed else _judge_reading(geometry, holes),
        write_law(geometry),
        write_layer(geometry, *channels),
        repairs,
        of_input=not geometry.transposed,
    )


def _judge_reading(geometry: Geometry, unread: bool) -> Coverage:
    """Of a convolution's input: pixels that are unread at the border alone are worth a warning, not an alarm."""
    return "full" if not unread else "holes" if judge_reading(geometry) == "holes" else "uneven"


def _draw_repair(repair: Repair, channels: Pair) -> RepairPicture:
    counts = repair.geometry.count_inputs()
    code = write_layer(repair.geometry, *channels)
    if repair.resized:
        code = f"nn.Upsample(size={repair.geometry.size})  then  {code}"
    return RepairPicture(
        repair.name.capitalize(),
        code,
        write_verdict(repair.geometry),
        judge(repair.geometry),
        Plate(repair.name.capitalize(), write_size(repair.geometry.output), _paint(counts)),
        repair,
    )


def _paint(counts: NDArray[np.int64]) -> Cells:
    return Cells(counts.astype(np.float64), palette="counts")


def _clip(pointed: Pair, size: Pair) -> Pair:
    return min(pointed[0], size[0] - 1), min(pointed[1], size[1] - 1)
