"""The lecture's worked examples (slides 11-62), and the cases of Dumoulin and Visin's guide, as operations with their numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from segbench.convolution.geometry import Geometry, Pair, build_geometry
from segbench.convolution.operation import Floats, Operation
from segbench.resources import find_resource

Topic = Literal["operation", "matrix", "atrous", "coverage"]


@dataclass(frozen=True, slots=True)
class Preset:
    """An example. name: the slide and what it shows. topic: where in the lab it is looked at. note: what to see, and where
    PyTorch differs from what is printed. layout, letters, drawn: how the matrix stands (slides 31-42); rate: of the atrous
    convolution."""

    name: str
    group: str
    topic: Topic
    note: str
    build: Callable[[], Operation]
    layout: Literal["input", "kernel"] = "input"
    letters: bool = False
    drawn: bool = False
    rate: int = 1


def count_up(geometry: Geometry) -> Operation:
    """The lecture's way to number things: the input 1, 2, 3 ... and the kernel 1, 2, 3 ... row by row; no bias."""
    return _single(geometry, number(geometry.size), number(geometry.kernel))


def number(shape: Pair) -> Floats:
    """1, 2, 3 ... row by row."""
    return np.arange(1.0, shape[0] * shape[1] + 1).reshape(shape)


def draw_random(shape: Pair, seed: int) -> Floats:
    """Whole numbers from -9 to 9, so that sums can be followed by hand."""
    return np.random.default_rng(seed).integers(-9, 9, shape, endpoint=True).astype(np.float64)


def draw_edge() -> Operation:
    """Slide 11: a 16 x 16 input of 4s and 1s, and the kernel for vertical edges."""
    x_HW = np.full((16, 16), 1.0)
    x_HW[:, :8] = 4.0
    return _single(build_geometry(16, 3), x_HW, np.tile([-1.0, 0.0, 1.0], (3, 1)))


def draw_stream(slide: int, padding: int | None = None) -> Operation:
    """Slides 48, 58 and 62: the three examples drawn from one random stream (torch.manual_seed(0), in this order), float32 values.
    padding: in place of the slide's own."""
    printed = _load_stream()[f"slide {slide}"]
    x_IHW = np.array(printed["x"]).reshape(printed["x_shape"])
    weight = np.array(printed["weight"]).reshape(printed["weight_shape"])
    stride, own = {48: (1, 0), 58: (2, 0), 62: (2, 1)}[slide]
    geometry = build_geometry(
        x_IHW.shape[1:], weight.shape[2:], stride, own if padding is None else padding, transposed=True
    )
    return Operation(geometry, x_IHW, weight, np.array(printed["bias"]))


@cache
def _load_stream() -> dict[str, Any]:
    stream: dict[str, Any] = json.loads(find_resource("convolution", "stream.json").read_text(encoding="utf-8"))
    return stream


def _single(geometry: Geometry, x_HW: Floats, kernel: Floats) -> Operation:
    return Operation(geometry, x_HW[None], kernel[None, None], np.zeros(1))


def _count(*arguments: Any, **options: Any) -> Callable[[], Operation]:
    return lambda: count_up(build_geometry(*arguments, **options))


_EDGE = "16 × 16 input of 4s and 1s, kernel for vertical edges."
_SIGN = (
    "The lecture prints +9, as a mathematical convolution (kernel turned by 180°) gives; nn.Conv2d does not turn the kernel "
    "and gives −9."
)
PRESETS: tuple[Preset, ...] = (
    Preset("Slide 11: the input and the kernel", "Atrous convolution", "atrous", f"{_EDGE} {_SIGN}", draw_edge),
    Preset(
        "Slide 12: the edge, two pixels wide",
        "Atrous convolution",
        "operation",
        f"No padding: 14 × 14, and the edge is two pixels wide. {_SIGN}",
        draw_edge,
    ),
    Preset(
        "Slide 13: rate 2, four pixels wide",
        "Atrous convolution",
        "atrous",
        "The slide writes the dilated kernel 6 × 6, with zeros behind the last taps, and gets 11 × 11. PyTorch's spans "
        "k + (k − 1)(r − 1) = 5 and gives 12 × 12.",
        draw_edge,
        rate=2,
    ),
    Preset(
        "Slides 44–45: dilation 2",
        "Atrous convolution",
        "operation",
        "Nine learnable numbers that reach over 5 × 5 pixels. The slides say 2k × 2k: their operator has a row and a column "
        "of zeros more.",
        _count(7, 3, dilation=2),
    ),
    Preset(
        "Slides 30–31: 3 × 3 with a 2 × 2 kernel",
        "Convolution as a matrix",
        "operation",
        "Sweep the kernel a b c d over 1 … 9: the first output is 1a + 2b + 4c + 5d. Here a b c d = 1 2 3 4.",
        _count(3, 2),
    ),
    Preset(
        "Slide 32: the vectorised kernel",
        "Convolution as a matrix",
        "matrix",
        "A column an output pixel: the input values that the kernel meets there.",
        _count(3, 2),
        layout="kernel",
        letters=True,
    ),
    Preset(
        "Slide 33: the vectorised input, y = C x",
        "Convolution as a matrix",
        "matrix",
        "A row an output pixel: the kernel's numbers where the input's pixels are.",
        _count(3, 2),
        letters=True,
    ),
    Preset(
        "Slide 38: a 4 × 4 input",
        "Convolution as a matrix",
        "matrix",
        "C is 9 × 16. Each row is the one above, shifted by one; by two where the kernel starts a new line.",
        _count(4, 2),
        letters=True,
    ),
    Preset(
        "Slide 41: stride 2, rows zeroed",
        "Convolution as a matrix",
        "matrix",
        "The stride leaves out five of the nine places of the kernel: their rows are zero.",
        _count(4, 2, 2),
        letters=True,
        drawn=True,
    ),
    Preset(
        "Slide 42: stride 2, rows dropped",
        "Convolution as a matrix",
        "matrix",
        "As it is computed: without the zero rows C is 4 × 16, and its transpose leads from 4 pixels back to 16.",
        _count(4, 2, 2),
        letters=True,
    ),
    Preset(
        "Slide 48: 1 × 1 becomes 4 × 4",
        "Sizes of transpose convolutions",
        "operation",
        "Four channels in, two out, kernel 4: N = 3 zeros around one pixel. The numbers are those of torch.manual_seed(0).",
        lambda: draw_stream(48),
    ),
    Preset(
        "Slide 54: padding 1 gives 2 × 2",
        "Sizes of transpose convolutions",
        "operation",
        "Padding takes away here: N = 2, and a 4 × 4 kernel has two places a side in 5 × 5.",
        lambda: draw_stream(48, 1),
    ),
    Preset(
        "Slide 52: padding 2 is an error",
        "Sizes of transpose convolutions",
        "operation",
        "N = 1 leaves 3 × 3, too small for a 4 × 4 kernel. The lecture prints ERROR; PyTorch 2.13 on the CPU returns an empty "
        "tensor.",
        lambda: draw_stream(48, 2),
    ),
    Preset(
        "Slides 56–58: stride 2, 4 × 4 becomes 9 × 9",
        "Sizes of transpose convolutions",
        "operation",
        "The stride puts zeros between the pixels: (4 − 1) · 2 + 3 = 9.",
        lambda: draw_stream(58),
    ),
    Preset(
        "Slides 60–62: stride 2 and padding 1, 7 × 7",
        "Sizes of transpose convolutions",
        "operation",
        "Padding fine-tunes what the stride enlarges: 9 − 2 · 1 = 7.",
        lambda: draw_stream(62),
    ),
    Preset(
        "mUnet's last layer: three pixels in four are holes",
        "What the lecture does not say",
        "coverage",
        "ConvTranspose2d(64, 5, 3, stride=2, dilation=2, padding=2, output_padding=1) reaches even rows and columns only: "
        "3,072 of 4,096 output pixels are the bias, whatever the image.",
        _count(32, 3, 2, 2, 2, 1, transposed=True),
    ),
    Preset(
        "The repaired last layer",
        "What the lecture does not say",
        "coverage",
        "The same without dilation: no holes, but rows and columns hear one and two taps in turns (checkerboard).",
        _count(32, 3, 2, 1, 1, 1, transposed=True),
    ),
    *(
        Preset(name, "Dumoulin and Visin's guide", "operation", note, build)
        for name, note, build in (
            ("No padding, no strides", "4 − 3 + 1 = 2.", _count(4, 3)),
            ("No padding, no strides, transposed", "Back from 2 × 2 to 4 × 4: N = 2.", _count(2, 3, transposed=True)),
            ("Arbitrary padding", "5 + 2 · 2 − 4 + 1 = 6.", _count(5, 4, padding=2)),
            ("Arbitrary padding, transposed", "Back from 6 × 6 to 5 × 5: N = 1.", _count(6, 4, 1, 2, transposed=True)),
            ("Half padding (same)", "An odd kernel with padding (k − 1)/2 keeps the size.", _count(5, 3, padding=1)),
            ("Half padding, transposed", "It keeps the size, too: N = 1.", _count(5, 3, 1, 1, transposed=True)),
            ("Full padding", "Padding k − 1 lets every overlap count: 5 + 2 = 7.", _count(5, 3, padding=2)),
            ("Full padding, transposed", "Back from 7 × 7 to 5 × 5: N = 0.", _count(7, 3, 1, 2, transposed=True)),
            ("Strides, no padding", "(5 − 3) / 2 + 1 = 2.", _count(5, 3, 2)),
            ("Strides, no padding, transposed", "Back from 2 × 2 to 5 × 5.", _count(2, 3, 2, transposed=True)),
            ("Strides and padding", "(5 + 2 − 3) / 2 + 1 = 3.", _count(5, 3, 2, 1)),
            ("Strides and padding, transposed", "Back from 3 × 3 to 5 × 5.", _count(3, 3, 2, 1, transposed=True)),
            (
                "Strides and padding, odd",
                "⌊(6 + 2 − 3) / 2⌋ + 1 = 3 as well: the last padded row is never read.",
                _count(6, 3, 2, 1),
            ),
            (
                "Strides and padding, odd, transposed",
                "Back to 6 × 6, not to 5 × 5: output padding 1 says so.",
                _count(3, 3, 2, 1, 1, 1, transposed=True),
            ),
            ("Dilation", "7 − 5 + 1 = 3: the kernel of 3 spans 5.", _count(7, 3, dilation=2)),
        )
    ),
)  # fmt: skip
