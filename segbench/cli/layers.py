"""`segbench layers`: the layers of a network, its holes, and what of it never learns."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec
from torch import nn

from segbench.architectures import name_network
from segbench.cli.console import align, check_positive, tell, tell_json, write_count
from segbench.config import TrainConfig, find_preset, override
from segbench.errors import SegbenchError
from segbench.networks import build_network
from segbench.networks.layers import list_layers
from segbench.networks.loading import load_checkpoint
from segbench.records import LayerInfo, NetworkSummary

CLASSES = 5  # of a fresh network: the lecture's
CONVOLUTIONS = {"conv": "conv", "conv_transpose": "transpose"}  # and what the table calls them


def run_layers(arguments: argparse.Namespace) -> int:
    """Lists a network's layers."""
    check_positive(min(arguments.size), "--size")
    network, name, checkpoint = _choose_network(arguments)
    summary = list_layers(network, arguments.size)
    if arguments.json:
        tell_json({"network": name, "checkpoint": checkpoint} | msgspec.to_builtins(summary))
        return 0
    shown = [layer for layer in summary.layers if arguments.all or layer.kind in CONVOLUTIONS]
    left_out = len(summary.layers) - len(shown)
    others = f" ({left_out} others: --all)" if left_out else ""
    tell(f"{checkpoint or name} on an image of {_write_pair(summary.size)}: {write_count(len(shown), 'layer')}{others}")
    for line in (*_write_table(shown), "", *_describe_totals(summary)):
        tell(line)
    return 0


def _choose_network(arguments: argparse.Namespace) -> tuple[nn.Module, str, str | None]:
    """The network, its name, and the path of the checkpoint it is from."""
    fresh = {
        "--preset": arguments.preset,
        "--network": arguments.network,
        "--set": arguments.settings or None,
        "--classes": arguments.classes,
    }
    if arguments.checkpoint is not None:
        given = [option for option, value in fresh.items() if value is not None]
        if given:
            raise SegbenchError(
                f"{' and '.join(given)} cannot change the network of a checkpoint.",
                "Leave that out, or the checkpoint.",
            )
        checkpoint = load_checkpoint(Path(arguments.checkpoint))
        return checkpoint.network, checkpoint.info.network, checkpoint.info.path
    classes = CLASSES if arguments.classes is None else arguments.classes
    check_positive(classes, "--classes")
    if arguments.preset is not None:
        settings = find_preset(arguments.preset, arguments.network or "").config
    elif arguments.network is not None:  # as published
        settings = override(TrainConfig(), [f"network.name={arguments.network}"])
    else:
        settings = find_preset("recommended").config
    network = override(settings, arguments.settings).network
    return build_network(network, classes), name_network(network), None


# The table --------------------------------------------------------------------------------------------------------------


def _write_table(layers: Iterable[LayerInfo]) -> list[str]:
    rows = [("layer", "operation", "channels", "runs", "output", "parameters", "MACs", "sees", "coverage")]
    for layer in layers:
        channels = "" if layer.channels_in is None else f"{layer.channels_in} > {layer.channels_out}"
        sees = "" if not layer.calls else "?" if layer.receptive_field is None else _write_pair(layer.receptive_field)
        rows.append(
            (
                layer.name,
                _write_operation(layer),
                channels,
                f"{layer.calls}x" if layer.calls else "never",
                _write_pair(layer.output_size),
                f"{layer.parameters:,}",
                _write_macs(layer.macs) if layer.macs else "",
                sees,
                _write_coverage(layer),
            )
        )
    legend = "s stride, p padding, d dilation, o output padding, g groups; sees: receptive field in pixels"
    unknown = "; ?: the whole image, or not known" if any(row[7] == "?" for row in rows) else ""
    return [*align(rows), legend + unknown]


def _write_operation(layer: LayerInfo) -> str:
    """ "transpose 3x3 s2 p2 d2 o1": what is as usual is left out."""
    parts = [CONVOLUTIONS.get(layer.kind, layer.type)]
    if layer.kernel is not None:
        parts.append("x".join(map(str, layer.kernel)))
    for letter, numbers, usual in (
        ("s", layer.stride, 1), ("p", layer.padding, 0), ("d", layer.dilation, 1), ("o", layer.output_padding, 0),
    ):  # fmt: skip
        if numbers is not None and numbers != (usual, usual):
            parts.append(letter + (str(numbers[0]) if numbers[0] == numbers[1] else "x".join(map(str, numbers))))
    if layer.groups > 1:
        parts.append(f"g{layer.groups}")
    return " ".join(parts)


def _write_coverage(layer: LayerInfo) -> str:
    words = {"holes": "HOLES", "uneven": "uneven", "full": "full"}
    read = f", reads {1 - layer.unread:.0%}" if layer.unread else ""
    return words[layer.coverage] + read if layer.coverage else ""


def _write_pair(pair: tuple[int, int] | None) -> str:
    return f"{pair[0]}x{pair[1]}" if pair else ""


def _write_macs(macs: int) -> str:
    return f"{macs / 1e6:,.1f} M"


# What follows the table -------------------------------------------------------------------------------------------------


def _describe_totals(summary: NetworkSummary) -> list[str]:
    lines = [f"{_write_macs(summary.macs)} multiply-accumulates an image (convolutions and linear layers)"]
    if summary.receptive_field is not None:
        lines.append(f"an output pixel sees {_write_pair(summary.receptive_field)} input pixels at most")
    if summary.with_holes:
        names = ", ".join(layer.name for layer in summary.with_holes)
        lines.append(f"{write_count(len(summary.with_holes), 'layer')} with HOLES: {names}")
        lines.append(
            "  (some of its output pixels hear of no input pixel: they are its bias, whatever the image shows)"
        )
    else:
        lines.append("no layer with holes")
    lines.append(
        f"{summary.parameters:,} parameters, of which {summary.unreached_parameters:,} never receive a gradient"
    )
    dead = _group_unreached(summary.layers)
    lines += [f"  {line}" for line in align([(entry.text, entry.write_count()) for entry in dead])] if dead else []
    return lines


class _Unreached(NamedTuple):
    """Layers of one block, or of several like it that follow each other, that never receive a gradient."""

    first: str
    last: str
    layers: tuple[str, ...]  # their names in the block; none: the whole block
    parameters: int  # of one block
    blocks: int = 1

    @property
    def text(self) -> str:
        blocks = self.first if self.blocks == 1 else f"{self.first} ... {self.last}"
        return f"{blocks}: {', '.join(self.layers)}" if self.layers else blocks

    def write_count(self) -> str:
        return f"{self.blocks} x {self.parameters:,}" if self.blocks > 1 else f"{self.parameters:,}"


def _group_unreached(layers: Iterable[LayerInfo]) -> list[_Unreached]:
    """By block, and blocks of a list together where they are alike."""
    blocks: dict[str, list[LayerInfo]] = {}
    for layer in layers:
        if layer.parameters:
            blocks.setdefault(layer.name.rpartition(".")[0], []).append(layer)
    groups: list[_Unreached] = []
    for block, members in blocks.items():
        dead = [layer for layer in members if layer.unreached_parameters]
        if not dead:
            continue
        whole = block and all(layer.unreached_parameters == layer.parameters for layer in members)
        names = () if whole else tuple(layer.name.rpartition(".")[2] for layer in dead)
        entry = _Unreached(block or "(top)", block, names, sum(layer.unreached_parameters for layer in dead))
        if groups and _follows(groups[-1], entry):
            entry = entry._replace(first=groups[-1].first, blocks=groups[-1].blocks + 1)
            groups.pop()
        groups.append(entry)
    return groups


def _follows(one: _Unreached, other: _Unreached) -> bool:
    """Whether `other` is the next block of the same list, and alike."""
    (parent, _, number), (next_parent, _, next_number) = one.last.rpartition("."), other.first.rpartition(".")
    alike = (parent, one.layers, one.parameters) == (next_parent, other.layers, other.parameters)
    return alike and number.isdecimal() and next_number.isdecimal() and int(next_number) == int(number) + 1
