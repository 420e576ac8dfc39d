"""Coverage in sentences, with the numbers of the case put in: text both for the window and for the command line."""

from __future__ import annotations

from dataclasses import replace
from math import gcd

from segbench.convolution.coverage import Coverage, judge
from segbench.convolution.geometry import Axis, Geometry


def write_verdict(geometry: Geometry) -> str:
    """How many input pixels output pixels hear of."""
    counts, verdict = geometry.count_inputs(), judge(geometry)
    holes = int((counts == 0).sum())
    if verdict == "holes" and holes:
        return (
            f"Holes: {holes:,} of {counts.size:,} output pixels ({holes / counts.size:.0%}) hear of no input pixel; "
            "they are the bias, whatever the image."
        )
    if verdict == "holes":
        return "Holes: this output is too small to show them, larger ones have pixels that hear of no input pixel."
    rows, columns = _count_taps(geometry.rows), _count_taps(geometry.columns)
    low, high = min(rows) * min(columns), max(rows) * max(columns)
    if verdict == "uneven":
        told = f"Uneven: away from the borders output pixels hear of {low} to {high} input pixels by turns (a checkerboard)."
    else:
        told = f"Full: away from the borders every output pixel hears of {high} input {'pixel' if high == 1 else 'pixels'}."
    if counts.max() < high:
        told += " This output is so small that it is all border."
    return told + (f" At the border {holes:,} hear of none." if holes else "")


def write_reading(geometry: Geometry) -> str:
    """How a convolution reads its input: by how many places of the kernel each pixel is seen."""
    counts = geometry.count_outputs()
    unread = int((counts == 0).sum())
    if unread and judge_reading(geometry) != "holes":
        return f"At the border {unread:,} of {counts.size:,} input pixels are seen by no place of the kernel: the stride ends before."
    if unread:
        return f"Unread: {unread:,} of {counts.size:,} input pixels ({unread / counts.size:.0%}) are seen by no place of the kernel."
    if counts.min() == counts.max():
        return f"Read: every input pixel is seen by {counts.max()} {'place' if counts.max() == 1 else 'places'} of the kernel."
    return f"Read: every input pixel is seen, by {counts.min()} to {counts.max()} places of the kernel."


def judge_reading(geometry: Geometry) -> Coverage:
    """Away from the borders: "holes" where a convolution leaves input pixels unread, as its transpose would leave them unwritten."""
    return judge(Geometry(*(replace(axis, transposed=True) for axis in (geometry.rows, geometry.columns))))


def write_law(geometry: Geometry) -> str:
    """Why: the law of `judge_axis`, an axis a line where they differ. Of a convolution it is about its input: what its transpose
    does not write, it does not read."""
    axes = [replace(axis, transposed=True) for axis in (geometry.rows, geometry.columns)]
    lines = [_apply_law(axis) for axis in axes]
    if lines[0] == lines[1]:
        return lines[0]
    return f"Along the height: {lines[0]}\nAlong the width: {lines[1]}"


def _apply_law(axis: Axis) -> str:
    k, s, d = axis.kernel, axis.stride, axis.dilation
    if (common := gcd(d, s)) != 1:
        return f"gcd(d, s) = gcd({d}, {s}) = {common}: the taps only ever reach one pixel in {common}. Holes."
    if k < s:
        return f"k = {k} is less than s = {s}: the stamps do not touch. Holes."
    if k % s:
        return f"gcd({d}, {s}) = 1 and k = {k} ≥ s = {s}: no holes. But {s} does not divide {k}: uneven."
    return f"gcd({d}, {s}) = 1, k = {k} ≥ s = {s}, and {s} divides {k}: full and even."


def _count_taps(axis: Axis) -> list[int]:
    """How many taps output pixels hear far from the borders: one number a place within the stride."""
    if not axis.transposed:
        return [axis.kernel]
    places = [axis.dilation * tap % axis.stride for tap in range(axis.kernel)]
    return [places.count(place) for place in range(axis.stride)]
