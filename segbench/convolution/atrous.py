"""Atrous (dilated) convolution: its readings, its live taps, its gridding (slides 10-16 and 44-45)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segbench.convolution.geometry import build_geometry
from segbench.convolution.operation import Floats, dilate, sweep, turn


def embed(kernel: Floats, rate: int) -> Floats:
    """The kernel as slide 13 writes it, r k a side: zeros follow each tap, the last one too. PyTorch's spans r (k - 1) + 1."""
    embedded = np.zeros(tuple(rate * side for side in kernel.shape))
    embedded[::rate, ::rate] = kernel
    return embedded


def convolve_as_printed(x_HW: Floats, kernel: Floats, rate: int) -> Floats:
    """What slides 12 and 13 print: the embedded kernel, turned by 180 degrees as in a mathematical convolution, no padding.

    nn.Conv2d does not turn it: its edges have the other sign, and at rates above 1 its output is r - 1 pixels larger.
    """
    embedded = embed(kernel, rate)
    return sweep(build_geometry(_pair(x_HW), _pair(embedded)), x_HW, turn(embedded))


def convolve_dilated(x_HW: Floats, kernel: Floats, rate: int) -> Floats:
    """What nn.Conv2d(dilation=rate) gives without padding."""
    dilated = dilate(kernel, rate, rate)
    return sweep(build_geometry(_pair(x_HW), _pair(dilated)), x_HW, dilated)


def measure_edge(y_HW: Floats) -> int:
    """Columns in which anything was detected: the width of a vertical edge."""
    return int(np.count_nonzero(np.any(y_HW != 0, axis=0)))


def count_live_taps(size: int | tuple[int, int], kernel: int, rate: int) -> float:
    """Taps that fall inside the map, averaged over its pixels, for an odd kernel with "same" padding; k k at most.

    Chen et al. 2017 (DeepLab v3), figure 4: where the rate nears the map's size, a 3 x 3 kernel becomes 1 x 1.
    """
    geometry = build_geometry(size, kernel, padding=rate * (kernel - 1) // 2, dilation=rate)
    return float(geometry.count_inputs().mean())


def touch(rates: Sequence[int], kernel: int = 3) -> NDArray[np.bool_]:
    """Which pixels of its window one output pixel of a stack of atrous convolutions hears of; bool, square.

    All of them or, with common divisors in the rates, a grid (Wang et al. 2018, Understanding Convolution for Semantic
    Segmentation, section 3.2: gridding).
    """
    reached = np.ones(1, np.bool_)
    for rate in rates:
        wider = np.zeros(len(reached) + rate * (kernel - 1), np.bool_)
        for tap in range(kernel):
            wider[tap * rate : tap * rate + len(reached)] |= reached
        reached = wider
    return np.logical_and.outer(reached, reached)


def _pair(array: Floats) -> tuple[int, int]:
    return array.shape[0], array.shape[1]
