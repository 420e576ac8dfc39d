"""An operation as a PyTorch program that runs as it is pasted, and prints the output that the lab shows."""

from __future__ import annotations

import numpy as np

from segbench.convolution.geometry import Geometry, Pair
from segbench.convolution.operation import Floats, Operation

DEFAULTS = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}


def write_code(operation: Operation) -> str:
    """The program. Values with up to nine digits: the same float32."""
    geometry, (channels_in, channels_out) = operation.geometry, operation.channels
    has_bias = bool(operation.bias_O.any())
    weight = operation.weight_IOHW if geometry.transposed else operation.weight_IOHW.swapaxes(0, 1)
    lines = [
        "import torch",
        "from torch import nn",
        "",
        f"x = {_write_tensor(operation.x_IHW[None])}",
        f"layer = {write_layer(geometry, channels_in, channels_out, has_bias)}",
        "with torch.no_grad():",
        f"    layer.weight.copy_({_write_tensor(weight, 8)})",
    ]
    if has_bias:
        lines.append(f"    layer.bias.copy_({_write_tensor(operation.bias_O, 8)})")
    lines += ["    y = layer(x)", "print(y.shape)", "print(y)"]
    return "\n".join(lines) + "\n"


def write_layer(geometry: Geometry, channels_in: int, channels_out: int, bias: bool = True) -> str:
    """The layer's constructor: nn.ConvTranspose2d(1, 1, 3, stride=2)."""
    name = "ConvTranspose2d" if geometry.transposed else "Conv2d"
    words = [str(channels_in), str(channels_out), _write_pair(geometry.kernel)]
    for knob, default in DEFAULTS.items():
        pair = getattr(geometry.rows, knob), getattr(geometry.columns, knob)
        if pair != (default, default):
            words.append(f"{knob}={_write_pair(pair)}")
    return f"nn.{name}({', '.join(words)}{'' if bias else ', bias=False'})"


def _write_pair(pair: Pair) -> str:
    return str(pair[0]) if pair[0] == pair[1] else str(pair)


def _write_tensor(values: Floats, indent: int = 4) -> str:
    """torch.tensor(...) of nested lists, a row of numbers a line."""
    rows = values.reshape(-1, values.shape[-1])
    lines = [f"[{', '.join(_write_number(v) for v in row)}]" for row in rows]
    shape = values.shape[:-1]
    if len(rows) == 1:
        return f"torch.tensor({'[' * len(shape)}{lines[0]}{']' * len(shape)})"
    pad = " " * indent
    flat = ",\n".join(f"{pad}{line}" for line in lines)
    reshape = "" if len(shape) == 1 else f".reshape{values.shape}"
    return f"torch.tensor([\n{flat},\n{' ' * (indent - 4)}]){reshape}"


def _write_number(value: float) -> str:
    return f"{np.float32(value):.9g}" if value % 1 else f"{value:.1f}"
