"""From a checkpoint on disk to a network that is ready to use."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from segbench.config import TrainConfig
from segbench.errors import SegbenchError
from segbench.formats.checkpoints import Scaling, read_checkpoint, read_checkpoint_info
from segbench.networks import build_network
from segbench.records import CheckpointInfo


class Checkpoint(NamedTuple):
    """A network in evaluation mode on its device, and what its checkpoint says. Input: (rgb 0..255 - mean) / deviation."""

    info: CheckpointInfo
    network: nn.Module
    config: TrainConfig
    scaling: Scaling


def load_checkpoint(path: Path, device: torch.device) -> Checkpoint:
    """Reads a checkpoint file, or a run folder's best (else last) one, or a DLStudio .pt file.

    Raises SegbenchError if it is damaged, does not fit its network, or holds weights that are not numbers.
    """
    info = read_checkpoint_info(path)
    header, tensors = read_checkpoint(path)
    network = build_network(header.config.network, len(header.classes))
    wanted = network.state_dict()
    missing, extra = wanted.keys() - tensors.keys(), tensors.keys() - wanted.keys()
    misshapen = [n for n in wanted.keys() & tensors.keys() if wanted[n].shape != tensors[n].shape]
    if missing or extra or misshapen:
        raise SegbenchError(
            f"The weights in {info.path} do not fit a {info.network}: {len(missing)} are missing, {len(extra)} are too many, "
            f"{len(misshapen)} have another shape.",
            "The file belongs to another network, or it is damaged.",
        )
    broken = [n for n, t in tensors.items() if t.is_floating_point() and not torch.isfinite(t).all()]
    if broken:
        raise SegbenchError(
            f"{info.path} holds weights that are not numbers (first: {sorted(broken)[0]}).",
            "Its training went wrong; use an earlier checkpoint.",
        )
    network.load_state_dict(tensors)
    return Checkpoint(info, network.to(device).eval(), header.config, header.scaling)
