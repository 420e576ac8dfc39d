"""What hypothesis draws for the convolution lab: geometries of either kind, and what torch says of them."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import strategies as st
from torch.nn import functional as F

from segbench.convolution.geometry import Axis, Geometry
from segbench.convolution.operation import Floats, Operation
from segbench.errors import SegbenchError


def fits(geometry: Geometry) -> bool:
    try:
        geometry.check()
    except SegbenchError:
        return False
    return True


def draw_axes(transposed: bool | None = None, most: int = 6) -> st.SearchStrategy[tuple[Axis, Axis]]:
    """Two axes of one kind with knobs of their own, whether they fit or not."""
    knobs = st.tuples(
        st.integers(1, most),
        st.integers(1, 4),
        st.integers(1, 4),
        st.integers(0, 5),
        st.integers(1, 4),
        st.integers(0, 3),
    )
    kinds = st.booleans() if transposed is None else st.just(transposed)
    return st.tuples(kinds, knobs, knobs).map(
        lambda drawn: tuple(Axis(*axis[:5], axis[5] if drawn[0] else 0, drawn[0]) for axis in drawn[1:])
    )


def draw_any_geometry() -> st.SearchStrategy[Geometry]:
    return draw_axes().map(lambda axes: Geometry(*axes))


def draw_geometry(transposed: bool | None = None, most: int = 6) -> st.SearchStrategy[Geometry]:
    """Geometries that `check` lets pass."""
    return draw_axes(transposed, most).map(lambda axes: Geometry(*(_mend(axis) for axis in axes))).filter(fits)


def _mend(axis: Axis) -> Axis:
    """The knobs that most often do not fit, made smaller: hypothesis would have to throw too much away."""
    extra = min(axis.output_padding, max(axis.stride, axis.dilation) - 1)
    if axis.transposed:
        most = (axis.spread + axis.span + extra - 2) // 2
        padding = min(axis.padding, most)
    else:
        padding = max(axis.padding, -(-(axis.span - axis.size) // 2))
    return Axis(axis.size, axis.kernel, axis.stride, padding, axis.dilation, extra, axis.transposed)


def fill_randomly(geometry: Geometry, seed: int, channels: tuple[int, int] = (1, 1)) -> Operation:
    rng = np.random.default_rng(seed)
    return Operation(
        geometry,
        rng.standard_normal((channels[0], *geometry.size)),
        rng.standard_normal((*channels, *geometry.kernel)),
        rng.standard_normal(channels[1]),
    )


def ask_torch(geometry: Geometry, x_IHW: Floats, weight_IOHW: Floats, bias_O: Floats | None = None) -> Floats:
    """What torch makes of it, in float64: (O, output height, output width)."""
    rows, columns = geometry.rows, geometry.columns
    knobs = {
        "stride": (rows.stride, columns.stride),
        "padding": (rows.padding, columns.padding),
        "dilation": (rows.dilation, columns.dilation),
    }
    x, weight = torch.from_numpy(x_IHW.copy())[None], torch.from_numpy(weight_IOHW.copy())
    bias = None if bias_O is None else torch.from_numpy(bias_O.copy())
    if geometry.transposed:
        extra = (rows.output_padding, columns.output_padding)
        return F.conv_transpose2d(x, weight, bias, output_padding=extra, **knobs)[0].numpy()
    return F.conv2d(x, weight.transpose(0, 1), bias, **knobs)[0].numpy()
