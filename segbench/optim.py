"""Optimizers and learning-rate schedules. A schedule is a pure function of progress, so that a continued run is exact."""

from __future__ import annotations

import math

import torch
from torch import nn

from segbench.config import OptimizerConfig

WARM_UP = 0.3  # share of a one-cycle run in which the rate rises


def build_optimizer(config: OptimizerConfig, network: nn.Module) -> torch.optim.Optimizer:
    """The optimizer over all parameters, of which there may be none; weight decay leaves biases and batch norm alone."""
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    fused = any(p.is_cuda for p in (*matrices, *vectors))
    if config.name == "sgd":
        return torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum, fused=fused)
    build = torch.optim.AdamW if config.name == "adamw" else torch.optim.Adam
    return build(groups, lr=config.learning_rate, fused=fused)


def compute_learning_rate(config: OptimizerConfig, step: int, total_steps: int) -> float:
    """The rate for step `step` (from 0) of `total_steps`."""
    progress = min(step / max(total_steps, 1), 1.0)
    factor: float
    if config.schedule == "poly":
        factor = (1 - progress) ** 0.9
    elif config.schedule == "cosine":
        factor = (1 + math.cos(math.pi * progress)) / 2
    elif config.schedule == "one_cycle":
        if progress < WARM_UP:  # from 1/25 of the rate up to it, then down to 1/10,000, both along a cosine
            factor = 1 / 25 + (1 - 1 / 25) * (1 - math.cos(math.pi * progress / WARM_UP)) / 2
        else:
            factor = 1e-4 + (1 - 1e-4) * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))) / 2
    else:
        factor = 1.0
    return config.learning_rate * factor
