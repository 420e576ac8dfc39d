"""The networks one can train. NETWORKS maps a config type to its builder; adding a network is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from segbench.config import MUnetConfig, NetworkConfig
from segbench.networks.munet import build_munet

NETWORKS: dict[type[NetworkConfig], Callable[[Any, int], nn.Module]] = {
    MUnetConfig: build_munet,
}


def build_network(config: NetworkConfig, classes: int) -> nn.Module:
    """A fresh network: float (B, 3, H, W) -> float (B, classes, H, W)."""
    return NETWORKS[type(config)](config, classes)


def count_parameters(network: nn.Module) -> int:
    """Learnable numbers, those that never receive a gradient included."""
    return sum(p.numel() for p in network.parameters())
