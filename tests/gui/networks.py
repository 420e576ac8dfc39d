"""A small dataset and an untrained network's checkpoint, for window tests that predict for real."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segbench.config import TrainConfig, find_preset, override
from segbench.data.dataset import Dataset
from segbench.data.shapes import generate
from segbench.formats.checkpoints import NETWORK, Header, save_checkpoint
from segbench.formats.purdue import PURDUE_CLASSES
from segbench.networks import build_network


def build_dataset(train: int = 2, test: int = 5, side: int = 32) -> Dataset:
    samples = [*generate(train, 0, side), *generate(test, 0, side, split="test", first=train)]
    return Dataset.from_samples(samples, PURDUE_CLASSES, "small shapes")


def save_network(folder: Path, preset: str = "recommended", which: str = "best", step: int = 1) -> Path:
    """A run's checkpoint with random weights; returns its path."""
    import torch

    torch.manual_seed(step)
    config: TrainConfig = override(find_preset(preset).config, ["network.depth=4"])
    network: Any = build_network(config.network, len(PURDUE_CLASSES))
    path = folder / "checkpoints" / f"{which}.safetensors"
    header = Header(config=config, classes=PURDUE_CLASSES, step=step, epoch=1)
    save_checkpoint(path, header, {NETWORK + name: tensor for name, tensor in network.state_dict().items()})
    return path
