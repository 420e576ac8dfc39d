"""What the lab's coverage page shows: how many input values reach each output pixel, the law behind it, and repairs. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segbench.convolution.code import write_layer
from segbench.convolution.coverage import Coverage, Repair, find_repairs, judge
from segbench.convolution.geometry import Pair
from segbench.convolution.verdict import write_law, write_verdict
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


def resolve_coverage(lab: Lab) -> CoveragePicture:
    geometry = lab.geometry
    channels = lab.operation.channels
    if (problem := find_problem(geometry)) is not None:
        empty = Plate("Inputs that reach an output pixel", "none", None, Marks(), "\n\n".join(problem))
        return CoveragePicture(empty, problem[0], None, problem[1], "", ())
    counts = geometry.count_inputs()
    pointed = None if lab.of_input or lab.pointed is None else _clip(lab.pointed, geometry.output)
    plate = Plate(
        "Inputs that reach an output pixel", write_size(geometry.output), _paint(counts), Marks(cursor=pointed)
    )
    repairs = tuple(_draw_repair(repair, channels) for repair in find_repairs(geometry))
    return CoveragePicture(
        plate,
        write_verdict(geometry),
        judge(geometry),
        write_law(geometry),
        write_layer(geometry, *channels),
        repairs,
    )


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
