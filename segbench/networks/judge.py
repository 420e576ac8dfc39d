"""Torch as the judge of the convolution lab: the same numbers in every way there is, compared each with each."""

# A convolution leads down, from many (fine) pixels to few (coarse); a transpose convolution leads up. Shape suffixes: H, W
from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import torch
from torch.nn import functional as F

from segbench.convolution.geometry import Axis, Geometry
from segbench.convolution.matrix import fill, place_taps, unroll
from segbench.convolution.operation import Floats, Operation, apply, scatter, sweep
from segbench.records import Agreement, Proof, Route, RouteDifference

MOST_CELLS = 2**24  # of C: a larger one (0.4 GB with what filling it takes) is left out, and not among the routes then

Values = dict[Route, Floats]


def prove(operation: Operation, i: int, o: int) -> Proof:
    """What input channel i adds to output channel o, and the loss on its way back with these outputs as upstream; no bias.

    The values are rounded to float32 first, so that all ways start from the same numbers; torch then computes in float32 and
    the others in float64. Takes an operation whose geometry has passed `check`.
    """
    geometry = operation.geometry
    forward, backward = (_lead_up, _lead_down) if geometry.transposed else (_lead_down, _lead_up)
    with np.errstate(over="ignore", invalid="ignore"):  # what is no number does not agree, which is enough
        x_HW, kernel = _round(operation.x_IHW[i]), _round(operation.weight_IOHW[i, o])
        y_HW = _round(apply(geometry, x_HW, kernel))
        return Proof(_compare(forward(geometry, x_HW, kernel)), _compare(backward(geometry, y_HW, kernel)))


def _lead_up(geometry: Geometry, coarse_HW: Floats, kernel: Floats) -> Values:
    """From the coarse side to the fine one. geometry: of either kind, the convolution that leads down or its transpose."""
    up, down = _find_ways(geometry)
    values: Values = {"scatter": scatter(up, coarse_HW, kernel), "inserted": sweep(up, coarse_HW, kernel)}
    matrix = _build_matrix(geometry, kernel)
    if matrix is not None:
        values["matrix_transposed"] = (matrix.T @ coarse_HW.ravel()).reshape(up.output)
    values["conv_transpose2d"] = _to_numpy(_transpose_convolve(up, _to_torch(coarse_HW), kernel))
    # With an output padding of a stride or more the convolution has places at the end that the coarse side knows nothing of
    missing = [whole - there for whole, there in zip(down.output, coarse_HW.shape, strict=True)]
    fine = torch.zeros(1, 1, *up.output, requires_grad=True)
    with torch.enable_grad():
        whole = _convolve(down, fine, kernel)
        (gradient,) = torch.autograd.grad(whole, fine, F.pad(_to_torch(coarse_HW), (0, missing[1], 0, missing[0])))
    values["conv2d_gradient"] = _to_numpy(gradient)
    return values


def _lead_down(geometry: Geometry, fine_HW: Floats, kernel: Floats) -> Values:
    """From the fine side to the coarse one. geometry: as for `_lead_up`."""
    up, down = _find_ways(geometry)
    kept = tuple(slice(side) for side in up.size)
    values: Values = {"sweep": sweep(down, fine_HW, kernel)[kept]}
    matrix = _build_matrix(geometry, kernel)
    if matrix is not None:
        values["matrix"] = (matrix @ fine_HW.ravel()).reshape(up.size)
    values["unrolled"] = (kernel.ravel() @ unroll(down, fine_HW)).reshape(down.output)[kept]
    values["conv2d"] = _to_numpy(_convolve(down, _to_torch(fine_HW), kernel))[kept]
    coarse = torch.zeros(1, 1, *up.size, requires_grad=True)
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(_transpose_convolve(up, coarse, kernel), coarse, _to_torch(fine_HW))
    values["conv_transpose2d_gradient"] = _to_numpy(gradient)
    return values


def _find_ways(geometry: Geometry) -> tuple[Geometry, Geometry]:
    """The transpose convolution and the convolution that this geometry is one of."""
    return Geometry(*(_turn_up(axis) for axis in (geometry.rows, geometry.columns))), Geometry(
        *(_turn_down(axis) for axis in (geometry.rows, geometry.columns))
    )


def _turn_up(axis: Axis) -> Axis:
    """The pixels that a stride leaves unread come back as output padding: always fewer than the stride, so torch takes it."""
    if axis.transposed:
        return axis
    return replace(axis, size=axis.output, output_padding=axis.unread, transposed=True)


def _turn_down(axis: Axis) -> Axis:
    return replace(axis, size=axis.output, output_padding=0, transposed=False) if axis.transposed else axis


def _build_matrix(geometry: Geometry, kernel: Floats) -> Floats | None:
    if np.prod(geometry.size, dtype=np.int64) * np.prod(geometry.output, dtype=np.int64) > MOST_CELLS:
        return None
    return fill(place_taps(geometry), kernel)


def _convolve(geometry: Geometry, x: torch.Tensor, kernel: Floats) -> torch.Tensor:
    rows, columns = geometry.rows, geometry.columns
    return F.conv2d(
        x,
        _to_torch(kernel),
        stride=(rows.stride, columns.stride),
        padding=(rows.padding, columns.padding),
        dilation=(rows.dilation, columns.dilation),
    )


def _transpose_convolve(geometry: Geometry, x: torch.Tensor, kernel: Floats) -> torch.Tensor:
    rows, columns = geometry.rows, geometry.columns
    return F.conv_transpose2d(
        x,
        _to_torch(kernel),
        stride=(rows.stride, columns.stride),
        padding=(rows.padding, columns.padding),
        output_padding=(rows.output_padding, columns.output_padding),
        dilation=(rows.dilation, columns.dilation),
    )


def _compare(values: Values) -> Agreement:
    differences = [
        RouteDifference(one, other, _measure(values[one], values[other])) for one, other in combinations(values, 2)
    ]
    return Agreement(tuple(values), tuple(differences), max(float(np.abs(some).max()) for some in values.values()))


def _measure(one: Floats, other: Floats) -> float:
    if one.shape != other.shape:
        return float("inf")
    largest = float(np.abs(one - other).max())
    return float("inf") if np.isnan(largest) else largest


def _round(values: Floats) -> Floats:
    return values.astype(np.float32).astype(np.float64)


def _to_torch(values_HW: Floats) -> torch.Tensor:
    """float32 (1, 1, H, W)."""
    return torch.from_numpy(values_HW.astype(np.float32))[None, None]


def _to_numpy(values: torch.Tensor) -> Floats:
    return values.detach()[0, 0].numpy().astype(np.float64)
