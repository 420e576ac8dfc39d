"""A trained convolution out of its network, with what really enters it and what it really gives for an image."""

from __future__ import annotations

# Shape suffixes: C channels, H height, W width, I input channels, O output channels
import contextlib
import difflib
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segbench.errors import SegbenchError
from segbench.networks.layers import read_geometry, read_padding
from segbench.records import OpenedLayer


class _Seen(Exception):
    """Ends a forward pass: what it was for has been seen."""


def open_layer(network: nn.Module, name: str, x_1CHW: Tensor, call: int = 0) -> OpenedLayer:
    """The Conv2d or ConvTranspose2d of that dotted name, at its call number `call` (from 0) of a forward pass.

    x_1CHW: float, one image as the network takes it, on the network's device. It runs in evaluation mode, no further than that
    call, and has its own mode back afterwards. Raises SegbenchError if there is no such layer, if the pass does not get to that
    call, or if the layer pads with anything but as many zeros on both sides.
    """
    layer = _find_convolution(network, name)
    calls = 0
    arrays: list[NDArray[np.float32]] = []

    def note(_: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        nonlocal calls
        calls += 1
        if calls > call:
            arrays.extend(_freeze(tensor[0]) for tensor in (inputs[0], output))
            raise _Seen

    modes = [(module, module.training) for module in network.modules()]
    handle = layer.register_forward_hook(note)
    try:
        network.eval()
        with torch.inference_mode(), contextlib.suppress(_Seen):
            network(x_1CHW)
    finally:
        handle.remove()
        for module, training in modes:
            module.training = training
    if not arrays:
        raise _explain_missing(name, call, calls)
    (_, *inputs), (_, *outputs) = (array.shape for array in arrays)
    geometry = read_geometry(layer, (inputs[0], inputs[1]), (outputs[0], outputs[1]))
    assert geometry is not None  # _find_convolution has looked at the padding
    bias_O = torch.zeros(layer.out_channels) if layer.bias is None else layer.bias
    return OpenedLayer(
        name=name,
        geometry=geometry,
        weight_IOHW=_read_weight(layer),
        bias_O=_freeze(bias_O),
        input_IHW=arrays[0],
        output_OHW=arrays[1],
        groups=layer.groups,
        call=call,
    )


def _find_convolution(network: nn.Module, name: str) -> nn.Conv2d | nn.ConvTranspose2d:
    modules = dict(network.named_modules())
    if name not in modules:
        kinds = nn.Conv2d | nn.ConvTranspose2d
        near = difflib.get_close_matches(name, [n for n, module in modules.items() if isinstance(module, kinds)])
        hint = f"Did you mean {' or '.join(near)}?" if near else "`segbench layers` lists those there are."
        raise SegbenchError(f"The network has no layer {name!r}.", hint)
    layer = modules[name]
    if not isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        raise SegbenchError(
            f"The layer {name} is no convolution but {type(layer).__name__}.", "Choose a Conv2d or ConvTranspose2d."
        )
    if layer.padding_mode != "zeros" or read_padding(layer) is None:
        padding = layer.padding_mode if layer.padding_mode != "zeros" else "one side more than the other"
        raise SegbenchError(
            f"The layer {name} pads in a way that the convolution lab does not know ({padding}).",
            "Choose one that pads with as many zeros on both sides.",
        )
    return layer


def _explain_missing(name: str, call: int, calls: int) -> SegbenchError:
    if not calls:
        return SegbenchError(
            f"The layer {name} exists, but no forward pass runs it, so nothing enters it.", "Choose another layer."
        )
    return SegbenchError(
        f"The layer {name} runs {calls} times in a forward pass, so it has no call number {call} (from 0).",
        f"Choose one from 0 to {calls - 1}.",
    )


def _read_weight(layer: nn.Conv2d | nn.ConvTranspose2d) -> NDArray[np.float32]:
    """float32 (I, O, kernel height, kernel width); zeros where an input channel is not in the output channel's group."""
    # A convolution's is (O, I / groups, ...), a transpose convolution's (I, O / groups, ...)
    weight = _freeze(layer.weight)
    whole_IOHW = np.zeros((layer.in_channels, layer.out_channels, *weight.shape[2:]), np.float32)
    ins, outs = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    for group in range(layer.groups):
        i, o = slice(group * ins, (group + 1) * ins), slice(group * outs, (group + 1) * outs)
        whole_IOHW[i, o] = weight[o].swapaxes(0, 1) if isinstance(layer, nn.Conv2d) else weight[i]
    whole_IOHW.setflags(write=False)
    return whole_IOHW


def _freeze(tensor: Tensor) -> NDArray[np.float32]:
    """A read-only copy: what runs afterwards may write into the tensor itself."""
    array: NDArray[np.float32] = np.array(tensor.detach().cpu().float().numpy(), order="C")
    array.setflags(write=False)
    return array
