"""Coverage: does every output pixel of a transpose convolution hear of the input, and all alike? And what to use instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import gcd
from typing import Literal

from segbench.convolution.geometry import Axis, Geometry

Coverage = Literal["full", "uneven", "holes"]
ORDER: tuple[Coverage, ...] = ("full", "uneven", "holes")  # from good to bad


def judge_axis(axis: Axis) -> Coverage:
    """The law, away from the borders: no holes iff gcd(d, s) = 1 and k >= s; even iff also s divides k.

    Output pixel o hears tap t iff o + p - d t is a multiple of s. With gcd(d, s) = 1 each residue of o picks one residue of t, so
    k >= s taps have one for each, and as many for each iff s divides k. Otherwise d t only takes every gcd(d, s)-th residue.
    A convolution reads its input everywhere alike: full.
    """
    if not axis.transposed:
        return "full"
    if gcd(axis.dilation, axis.stride) != 1 or axis.kernel < axis.stride:
        return "holes"
    return "full" if axis.kernel % axis.stride == 0 else "uneven"


def judge(geometry: Geometry) -> Coverage:
    """The worse of the two axes."""
    return max(judge_axis(geometry.rows), judge_axis(geometry.columns), key=ORDER.index)


@dataclass(frozen=True, slots=True)
class Repair:
    """Another way to the same output size. `resized`: the input is first enlarged to the operation's own input size
    (nearest or bilinear), and the operation is a convolution."""

    name: str
    geometry: Geometry
    resized: bool = False


def find_repairs(geometry: Geometry) -> tuple[Repair, ...]:
    """For a transpose convolution with holes or uneven counts: ways to the same output size without.

    No dilation (kernel of three, or as many as the stride needs), a kernel of twice the stride (even), and resize + convolution.
    Only what is better than the operation itself; an axis that is full stays as it is.
    """
    if judge(geometry) == "full":
        return ()
    dilated = max(geometry.rows.dilation, geometry.columns.dilation) > 1
    found: list[Repair] = []
    for name, repaired in (
        (
            "no dilation" if dilated else "kernel as large as the stride",
            _match(geometry, lambda axis: max(axis.kernel, axis.stride)),
        ),
        ("kernel twice the stride", _match(geometry, lambda axis: 2 * axis.stride)),
    ):
        if repaired is None or any(repaired == other.geometry for other in found):
            continue
        if ORDER.index(judge(repaired)) < ORDER.index(judge(geometry)):
            found.append(Repair(name, repaired))
    rows, columns = (Axis(axis.output, 3, padding=1) for axis in (geometry.rows, geometry.columns))
    found.append(Repair("resize, then convolve", Geometry(rows, columns), resized=True))
    return tuple(found)


def _match(geometry: Geometry, choose: Callable[[Axis], int]) -> Geometry | None:
    rows, columns = (
        axis if judge_axis(axis) == "full" else fit_padding(axis, choose(axis))
        for axis in (geometry.rows, geometry.columns)
    )
    return Geometry(rows, columns) if rows and columns else None


def fit_padding(axis: Axis, kernel: int) -> Axis | None:
    """The same axis with another kernel, no dilation, and the padding and output padding that keep the output size; None: none does.

    The padding is not less than the output padding: else the last pixels would hear nothing.
    """
    for extra in range(max(axis.stride, 1)):
        padding, rest = divmod((axis.size - 1) * axis.stride + kernel + extra - axis.output, 2)
        if rest == 0 and padding >= extra:
            return replace(axis, kernel=kernel, dilation=1, padding=padding, output_padding=extra)
    return None
