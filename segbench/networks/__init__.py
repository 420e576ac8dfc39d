"""The networks one can train. NETWORKS maps a config type to its builder; adding a network is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from segbench.architectures import (
    DeepLabV2Config,
    DeepLabV3Config,
    DeepLabV3PlusConfig,
    FCNConfig,
    GaussianConfig,
    Gen5Config,
    MUnetConfig,
    NetworkConfig,
    UNetConfig,
)
from segbench.networks.deeplab import build_deeplab_v2, build_deeplab_v3, build_deeplab_v3plus
from segbench.networks.fcn import build_fcn
from segbench.networks.gaussian import build_gaussian
from segbench.networks.gen5 import build_gen5
from segbench.networks.munet import build_munet
from segbench.networks.unet import build_unet

NETWORKS: dict[type[NetworkConfig], Callable[[Any, int], nn.Module]] = {
    MUnetConfig: build_munet,
    GaussianConfig: build_gaussian,
    FCNConfig: build_fcn,
    UNetConfig: build_unet,
    DeepLabV2Config: build_deeplab_v2,
    DeepLabV3Config: build_deeplab_v3,
    DeepLabV3PlusConfig: build_deeplab_v3plus,
    Gen5Config: build_gen5,
}


def build_network(config: NetworkConfig, classes: int) -> nn.Module:
    """A fresh network: float (B, 3, H, W) -> float (B, classes, H, W)."""
    return NETWORKS[type(config)](config, classes)


def count_parameters(network: nn.Module) -> int:
    """Learnable numbers, those that never receive a gradient included."""
    return sum(p.numel() for p in network.parameters())
