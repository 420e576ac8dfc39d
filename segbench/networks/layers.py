"""The table of a network's layers: sizes, parameters, multiply-accumulates, receptive fields, holes, and what never learns.

All but the last is measured on the meta device, where tensors have sizes and no numbers; the network itself is not touched.
"""

from __future__ import annotations

# Shape suffixes: B batch, C channels, H height, W width
import copy
import logging
import math
from collections.abc import Callable
from dataclasses import replace as replace_axis
from functools import partial
from typing import Any

import numpy as np
import torch
from msgspec.structs import replace
from torch import Tensor, nn

from segbench.convolution.coverage import judge
from segbench.convolution.geometry import Axis, Geometry, Pair
from segbench.errors import SegbenchError
from segbench.networks.protocols import OwnLoss
from segbench.networks.reach import NOTHING, ReachTracer, find_sources
from segbench.records import LayerInfo, LayerKind, NetworkSummary

SIDES = (256, 512, 1024, 2048, 4096, 8192)  # of the images in which receptive fields are looked for
TRAINED_SIDE = 64  # the largest image that is really trained on, to see which parameters get a gradient
WHOLE = ""  # the name that a network has among its own modules

_KINDS: tuple[tuple[LayerKind, tuple[type[nn.Module], ...]], ...] = (
    ("conv", (nn.Conv2d,)),
    ("conv_transpose", (nn.ConvTranspose2d,)),
    ("norm", (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)),
    ("pool", (nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd)),
    ("pool", (nn.modules.pooling._AdaptiveAvgPoolNd, nn.modules.pooling._AdaptiveMaxPoolNd)),
    ("linear", (nn.Linear,)),
)
_REFUSALS = (RuntimeError, ValueError, IndexError)  # how torch says that a size does not fit

log = logging.getLogger(__name__)


class _Seen:
    """What a forward pass shows of one layer. inputs, outputs: the shapes at its first call."""

    def __init__(self) -> None:
        self.calls = 0
        self.macs = 0
        self.inputs: tuple[int, ...] = ()
        self.outputs: tuple[int, ...] = ()


def list_layers(network: nn.Module, size: Pair, channels: int = 3) -> NetworkSummary:
    """The layers of a network in evaluation mode, for one image of `size` (height, width) and `channels`.

    The network maps float (B, channels, H, W) to one tensor. Copies of it run: neither its mode, numbers and gradients nor the
    random state change. Raises SegbenchError if an image of that size does not go through.
    """
    bare = _copy(network, "meta").eval()
    seen = _watch(bare, size, channels)
    fields = _measure_fields(bare, channels)
    unreached = _find_unreached(network, size, channels)
    layers = [(name, module) for name, module in network.named_modules() if _is_layer(module)]
    order = {name: number for number, name in enumerate(seen)}
    layers.sort(key=lambda layer: order.get(layer[0], len(order)))
    described = tuple(_describe(n, m, seen.get(n, _Seen()), fields.get(n), unreached) for n, m in layers)
    own = {name: parameter.numel() for name, parameter in network.named_parameters()}
    return NetworkSummary(
        name=type(network).__name__,
        size=size,
        layers=described,
        parameters=sum(own.values()),
        unreached_parameters=sum(count for name, count in own.items() if name in unreached),
        macs=sum(layer.macs for layer in described),
        receptive_field=fields.get(WHOLE),
    )


def read_geometry(module: nn.Conv2d | nn.ConvTranspose2d, inputs: Pair, outputs: Pair) -> Geometry | None:
    """The geometry of a layer between maps of these sizes; None if it pads one side more than the other.

    A transpose convolution may be told its output size at each call: its output padding is what leads there.
    """
    padding = read_padding(module)
    if padding is None:
        return None
    kernel, stride, dilation = _read_pair(module.kernel_size), _read_pair(module.stride), _read_pair(module.dilation)
    axes = []
    for k in (0, 1):
        axis = Axis(inputs[k], kernel[k], stride[k], padding[k], dilation[k], 0, isinstance(module, nn.ConvTranspose2d))
        axes.append(replace_axis(axis, output_padding=outputs[k] - axis.output) if axis.transposed else axis)
    return Geometry(axes[0], axes[1])


def read_padding(module: nn.Conv2d | nn.ConvTranspose2d) -> Pair | None:
    """In numbers, also where it is called "same" or "valid"; None if it is not the same on both sides."""
    if module.padding == "valid":
        return 0, 0
    if module.padding == "same":
        totals = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
        return None if any(total % 2 for total in totals) else (totals[0] // 2, totals[1] // 2)
    return _read_pair(module.padding)


def _read_pair(knob: Any) -> Pair:
    """torch's knobs are one number for both axes, or two."""
    numbers = (knob, knob) if isinstance(knob, int) else tuple(knob)
    return int(numbers[0]), int(numbers[-1])


def _is_layer(module: nn.Module) -> bool:
    return not any(True for _ in module.children()) or any(True for _ in module.parameters(recurse=False))


def _copy(network: nn.Module, device: str) -> nn.Module:
    """A copy on another device, in float32, all of whose parameters ask for gradients. On the meta device there are no numbers;
    a network from there gets zeros."""

    def move(tensor: Tensor) -> Tensor:
        if tensor.is_meta:
            return torch.zeros_like(tensor, device=device)
        return tensor.detach().to(device, copy=True)

    tensors: dict[int, Any] = {id(buffer): move(buffer) for buffer in network.buffers()}
    for parameter in network.parameters():
        tensors[id(parameter)] = nn.Parameter(move(parameter), requires_grad=parameter.is_floating_point())
    return copy.deepcopy(network, tensors).float()  # what stands in `tensors` counts as copied


# Sizes and multiply-accumulates -----------------------------------------------------------------------------------------


def _run(network: nn.Module, x_1CHW: Tensor, note: Callable[[str, nn.Module, Tensor, Tensor], None]) -> Tensor:
    """A forward pass. `note`: name, module, input and output of each layer's call, once it is done."""

    def hook(name: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if inputs and isinstance(inputs[0], Tensor) and isinstance(output, Tensor):
            note(name, module, inputs[0], output)

    layers = [(name, module) for name, module in network.named_modules() if _is_layer(module)]
    handles = [module.register_forward_hook(partial(hook, name)) for name, module in layers]
    try:
        with torch.no_grad():
            output: Tensor = network(x_1CHW)
        return output
    finally:
        for handle in handles:
            handle.remove()


def _watch(network: nn.Module, size: Pair, channels: int) -> dict[str, _Seen]:
    """The layers that run, in the order of their first call."""
    seen: dict[str, _Seen] = {}

    def note(name: str, module: nn.Module, x: Tensor, y: Tensor) -> None:
        layer = seen.setdefault(name, _Seen())
        if not layer.calls:
            layer.inputs, layer.outputs = tuple(x.shape), tuple(y.shape)
        layer.calls += 1
        layer.macs += _count_macs(module, x, y)

    try:
        _run(network, torch.empty(1, channels, *size, device="meta"), note)
    except _REFUSALS as error:
        raise SegbenchError(
            f"An image of {size[1]} × {size[0]} pixels in {channels} channels does not go through the network: {error}.",
            "Choose another size.",
        ) from error
    return seen


def _count_macs(module: nn.Module, x: Tensor, y: Tensor) -> int:
    if isinstance(module, nn.modules.conv._ConvTransposeNd):
        return math.prod(x.shape[2:]) * module.weight.numel()
    if isinstance(module, nn.modules.conv._ConvNd):
        return math.prod(y.shape[2:]) * module.weight.numel()
    if isinstance(module, nn.Linear):
        return x.numel() // module.in_features * module.weight.numel()
    return 0


# Receptive fields -------------------------------------------------------------------------------------------------------


def _measure_fields(network: nn.Module, channels: int) -> dict[str, Pair]:
    """The receptive field of each layer at its first call, and of the WHOLE network; those not there have none.

    Images are doubled until a field stays the same: then it fits into the smaller one, no border of the larger one cuts it
    everywhere, and it does not grow with the image as that of a pooled grid would.
    """
    settled: dict[str, Pair] = {}
    before: dict[str, Pair | None] = {}
    for side in SIDES:
        now = _trace_fields(network, side, channels)
        for name, field in now.items():
            if field is not None and field == before.get(name):
                settled.setdefault(name, field)
        if all(field is None or name in settled for name, field in now.items()):
            break
        before = now
    return settled


def _trace_fields(network: nn.Module, side: int, channels: int) -> dict[str, Pair | None]:
    """As `_measure_fields`, in one square image; None: the whole image, or not known."""
    fields: dict[str, Pair | None] = {}
    tracer, x_1CHW = ReachTracer(), torch.empty(1, channels, side, side, device="meta")
    tracer.mark(x_1CHW)

    def note(name: str, _module: nn.Module, _x: Tensor, y: Tensor) -> None:
        if name not in fields:
            reach = tracer.find(y)
            fields[name] = reach.field if reach else None

    try:
        with tracer:
            output = _run(network, x_1CHW, note)
    except _REFUSALS as error:
        log.info("Receptive fields are not known: an image of side %d does not go through: %s", side, error)
        return {}
    reach = tracer.find(output)
    fields[WHOLE] = reach.field if reach else None
    return fields


# What never learns ------------------------------------------------------------------------------------------------------


def _find_unreached(network: nn.Module, size: Pair, channels: int) -> set[str]:
    """Names of the parameters without a gradient after one step of training on noise, frozen ones counted as if they were not."""
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        trained = _copy(network, "cpu").train()
        images = torch.rand(2, channels, *(min(side, TRAINED_SIDE) for side in size))
        output = trained(images)
        if output.requires_grad:
            (output * torch.rand_like(output)).sum().backward()
        if isinstance(trained, OwnLoss):  # some of what it has is for training alone
            truth = (torch.rand_like(output) > 0.5).float()
            loss, _ = trained.measure(images, truth, None, lambda scores, _truth, _known: scores.sum())
            loss.backward()  # type: ignore[no-untyped-call]
    return {name for name, p in trained.named_parameters(remove_duplicate=False) if p.grad is None}


# The table --------------------------------------------------------------------------------------------------------------


def _describe(name: str, module: nn.Module, seen: _Seen, field: Pair | None, unreached: set[str]) -> LayerInfo:
    own = {f"{name}.{local}".lstrip("."): p.numel() for local, p in module.named_parameters(recurse=False)}
    sizes = [(shape[2], shape[3]) if len(shape) == 4 else None for shape in (seen.inputs, seen.outputs)]
    layer = LayerInfo(
        name=name,
        type=type(module).__name__,
        kind=next((kind for kind, types in _KINDS if isinstance(module, types)), "other"),
        calls=seen.calls,
        parameters=sum(own.values()),
        unreached_parameters=sum(count for parameter, count in own.items() if parameter in unreached),
        macs=seen.macs,
        input_size=sizes[0],
        output_size=sizes[1],
        receptive_field=field,
    )
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        return _add_geometry(layer, module)
    if isinstance(module, nn.Linear):
        return replace(layer, channels_in=module.in_features, channels_out=module.out_features)
    if layer.kind == "pool" and hasattr(module, "kernel_size"):
        kernel, stride, padding = (_read_pair(getattr(module, knob)) for knob in ("kernel_size", "stride", "padding"))
        dilation = _read_pair(getattr(module, "dilation", 1))
        return replace(layer, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    return layer


def _add_geometry(layer: LayerInfo, module: nn.Conv2d | nn.ConvTranspose2d) -> LayerInfo:
    transposed = isinstance(module, nn.ConvTranspose2d)
    layer = replace(
        layer,
        channels_in=module.in_channels,
        channels_out=module.out_channels,
        groups=module.groups,
        kernel=_read_pair(module.kernel_size),
        stride=_read_pair(module.stride),
        padding=read_padding(module),
        dilation=_read_pair(module.dilation),
        output_padding=_read_pair(module.output_padding) if transposed else None,
    )
    if not layer.input_size or not layer.output_size:
        return layer
    geometry = read_geometry(module, layer.input_size, layer.output_size)
    if geometry is None:  # a convolution of stride one, as "same" is
        return replace(layer, coverage="full")
    return replace(layer, coverage=judge(geometry), unread=_measure_unread(geometry))


def _measure_unread(geometry: Geometry) -> float:
    """Share of the input's pixels that no output pixel reads."""
    read = [len(np.setdiff1d(find_sources(axis, axis.output), NOTHING)) for axis in (geometry.rows, geometry.columns)]
    return 1 - read[0] * read[1] / math.prod(geometry.size)
