"""From a checkpoint on disk to a network that is ready to use."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from segbench.errors import SegbenchError
from segbench.formats.checkpoints import Scaling, find_checkpoint, read_described
from segbench.networks import build_network
from segbench.records import CheckpointInfo


class Checkpoint(NamedTuple):
    """A network on the CPU in evaluation mode, and what its checkpoint says. Input: (rgb 0..255 - mean) / deviation."""

    info: CheckpointInfo
    network: nn.Module
    scaling: Scaling


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint file, or a run folder's best (else last) one, or a DLStudio .pt file.

    Raises SegbenchError if it is damaged, does not fit its network, or holds weights that are not numbers.
    """
    file = find_checkpoint(path)
    info, header, weights = read_described(file)
    network = build_network(header.config.network, len(header.classes))
    wanted = network.state_dict()
    missing, extra = wanted.keys() - weights.keys(), weights.keys() - wanted.keys()
    misshapen = [n for n in wanted.keys() & weights.keys() if wanted[n].shape != weights[n].shape]
    if missing or extra or misshapen:
        raise SegbenchError(
            f"The weights in {file} do not fit the network that its header names: {len(missing)} are missing, "
            f"{len(extra)} are too many, {len(misshapen)} have another shape.",
            "It was changed, or written by another version of segbench; use another checkpoint.",
        )
    broken = sorted(n for n, t in weights.items() if t.is_floating_point() and not torch.isfinite(t).all())
    if broken:
        raise SegbenchError(
            f"{file} holds weights that are not numbers (first: {broken[0]}).",
            "Its training went wrong; use an earlier checkpoint.",
        )
    network.load_state_dict(weights)
    return Checkpoint(info, network.eval(), header.scaling)
