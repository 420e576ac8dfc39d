"""An operation with its numbers: a convolution or transpose convolution of given values, computed in every way the lab shows."""

# Shape suffixes: I input channels, O output channels, H height, W width
from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segbench.convolution.geometry import Geometry

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Operation:
    """Values of an operation whose geometry has passed `check`.

    x_IHW: float64 (I, height, width). weight_IOHW: float64 (I, O, kernel height, kernel width), nn.ConvTranspose2d's order;
    nn.Conv2d's has O and I swapped. bias_O: float64 (O).
    """

    geometry: Geometry
    x_IHW: Floats
    weight_IOHW: Floats
    bias_O: Floats

    @property
    def channels(self) -> tuple[int, int]:
        """Input and output channels."""
        return self.weight_IOHW.shape[0], self.weight_IOHW.shape[1]

    def compute_pair(self, i: int, o: int) -> Floats:
        """float64 (output height, output width): what input channel i adds to output channel o."""
        return apply(self.geometry, self.x_IHW[i], self.weight_IOHW[i, o])

    def compute_channel(self, o: int) -> Floats:
        """float64 (output height, output width): output channel o, all input channels and the bias."""
        summed: Floats = apply(self.geometry, self.x_IHW, self.weight_IOHW[:, o]) + self.bias_O[o]
        return summed


class Term(NamedTuple):
    """One product of an output pixel's sum. place: (row, column) in the input; tap: (row, column) in the kernel."""

    place: tuple[int, int]
    tap: tuple[int, int]
    value: float
    weight: float

    @property
    def product(self) -> float:
        return self.value * self.weight


def list_terms(geometry: Geometry, x_HW: Floats, kernel: Floats, output: tuple[int, int]) -> list[Term]:
    """The products that sum up to this output pixel, in the order of the taps. Zeros of padding are not among them."""
    rows, columns = geometry.rows.find_sources(output[0]), geometry.columns.find_sources(output[1])
    return [Term((y, x), (ty, tx), float(x_HW[y, x]), float(kernel[ty, tx])) for y, ty in rows for x, tx in columns]


def apply(geometry: Geometry, x: Floats, kernel: Floats) -> Floats:
    """float64 (output height, output width). x (H, W) and kernel (k, k) of one channel, or (I, H, W) and (I, k, k): summed."""
    return scatter(geometry, x, kernel) if geometry.transposed else sweep(geometry, x, kernel)


def sweep(geometry: Geometry, x: Floats, kernel: Floats) -> Floats:
    """The picture of the sweeping kernel: at each place of the stuffed input, products with the taps, summed (slide 31).

    A transpose convolution is the same with zeros inserted, a step of one, and the kernel turned by 180 degrees
    (Dumoulin and Visin 2018, section 4). Shapes as in `apply`.
    """
    stuffed = stuff(geometry, x)
    turned = turn(kernel) if geometry.transposed else kernel
    height, width = geometry.output
    y_step, x_step = geometry.rows.step, geometry.columns.step
    total = np.zeros((height, width))
    for ty, tx in np.ndindex(geometry.kernel):
        top, left = ty * geometry.rows.dilation, tx * geometry.columns.dilation
        seen = stuffed[
            ..., top : top + y_step * (height - 1) + 1 : y_step, left : left + x_step * (width - 1) + 1 : x_step
        ]
        total += _weigh(turned[..., ty, tx], seen)
    return total


def scatter(geometry: Geometry, x: Floats, kernel: Floats) -> Floats:
    """The picture of the stamped kernel, for a transpose convolution: each input pixel adds a kernel times itself to the
    output, `stride` apart; then the padding is cut off. Shapes as in `apply`."""
    rows, columns = geometry.rows, geometry.columns
    height, width = geometry.output
    # Room for every stamp, and for what output padding adds behind the last one
    tall = max(rows.spread + rows.span - 1, rows.padding + height)
    wide = max(columns.spread + columns.span - 1, columns.padding + width)
    canvas = np.zeros((tall, wide))
    for ty, tx in np.ndindex(geometry.kernel):
        top, left = ty * rows.dilation, tx * columns.dilation
        stamped = canvas[top : top + rows.spread : rows.stride, left : left + columns.spread : columns.stride]
        stamped += _weigh(kernel[..., ty, tx], x)
    return canvas[rows.padding : rows.padding + height, columns.padding : columns.padding + width]


def _weigh(weight: Floats, x: Floats) -> Floats:
    """One number times a map, or a number a channel times its map, summed."""
    weighed: Floats = np.tensordot(weight, x, 1) if x.ndim == 3 else weight * x
    return weighed


def stuff(geometry: Geometry, x: Floats) -> Floats:
    """What the kernel really sweeps over, float64 (..., *geometry.stuffed): padded, and for a transpose convolution with
    stride - 1 zeros between pixels (slides 51 and 52)."""
    rows, columns = geometry.rows, geometry.columns
    spread = np.zeros((*x.shape[:-2], rows.spread, columns.spread))
    spread[..., :: rows.stride if rows.transposed else 1, :: columns.stride if columns.transposed else 1] = x
    stuffed = np.zeros((*x.shape[:-2], *geometry.stuffed))
    into, out = zip(*(_overlap(axis.border, axis.spread, axis.stuffed) for axis in (rows, columns)), strict=True)
    stuffed[..., *into] = spread[..., *out]
    return stuffed


def classify_stuffed(geometry: Geometry) -> NDArray[np.uint8]:
    """What each cell of the stuffed input is: 0 an input pixel, 1 padding, 2 a zero between pixels. uint8, `geometry.stuffed`."""
    rows, columns = geometry.rows, geometry.columns
    spread = np.full((rows.spread, columns.spread), 2, np.uint8)
    spread[:: rows.stride if rows.transposed else 1, :: columns.stride if columns.transposed else 1] = 0
    kinds = np.full(geometry.stuffed, 1, np.uint8)
    into, out = zip(*(_overlap(axis.border, axis.spread, axis.stuffed) for axis in (rows, columns)), strict=True)
    kinds[into] = spread[out]
    return kinds


def dilate(kernel: Floats, rows: int, columns: int) -> Floats:
    """The kernel with rate - 1 zeros between taps: k + (k - 1)(r - 1) a side."""
    spans = tuple(rate * (side - 1) + 1 for side, rate in zip(kernel.shape, (rows, columns), strict=True))
    dilated = np.zeros(spans)
    dilated[::rows, ::columns] = kernel
    return dilated


def turn(kernel: Floats) -> Floats:
    """The kernel, or each channel's kernel, turned by 180 degrees."""
    return kernel[..., ::-1, ::-1]


def _overlap(border: int, spread: int, stuffed: int) -> tuple[slice, slice]:
    """Where the spread input lies in the stuffed one, and which part of it: all, unless a negative border cuts some off."""
    first, last = max(border, 0), min(border + spread, stuffed)
    return slice(first, max(last, first)), slice(first - border, max(last, first) - border)
