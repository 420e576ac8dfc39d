"""A checkpoint becomes a network only if every weight fits and is a number."""

from pathlib import Path

import pytest
import torch

from segbench.config import TrainConfig, override
from segbench.errors import SegbenchError
from segbench.formats.checkpoints import NETWORK, Header, save_checkpoint
from segbench.formats.purdue import PURDUE_CLASSES
from segbench.networks import build_network
from segbench.networks.loading import load_checkpoint

CONFIG = override(TrainConfig(), ["network.depth=4"])


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    network = build_network(CONFIG.network, 5)
    return {NETWORK + name: tensor for name, tensor in network.state_dict().items()}


def save(folder: Path, tensors: dict[str, torch.Tensor]) -> Path:
    save_checkpoint(folder / "x.safetensors", Header(config=CONFIG, classes=PURDUE_CLASSES), tensors)
    return folder / "x.safetensors"


def test_that_a_saved_network_says_the_same_when_it_is_loaded(tmp_path: Path, weights: dict[str, torch.Tensor]) -> None:
    original = build_network(CONFIG.network, 5)
    original.load_state_dict({n.removeprefix(NETWORK): t for n, t in weights.items()})
    images = torch.rand(1, 3, 16, 16)
    loaded = load_checkpoint(save(tmp_path, weights))
    with torch.inference_mode():
        assert torch.equal(loaded.network(images), original.eval()(images))


def test_that_weights_that_do_not_fit_are_counted_in_words(tmp_path: Path, weights: dict[str, torch.Tensor]) -> None:
    del weights[f"{NETWORK}conv_in.bias"]
    weights[f"{NETWORK}stranger"] = torch.ones(1)
    weights[f"{NETWORK}conv_out.bias"] = torch.ones(7)
    with pytest.raises(SegbenchError, match="1 are missing, 1 are too many, 1 have another shape"):
        load_checkpoint(save(tmp_path, weights))


def test_that_weights_that_are_no_numbers_are_refused_by_name(tmp_path: Path, weights: dict[str, torch.Tensor]) -> None:
    weights[f"{NETWORK}conv_in.bias"] = weights[f"{NETWORK}conv_in.bias"] * torch.nan
    with pytest.raises(SegbenchError, match=r"conv_in\.bias"):
        load_checkpoint(save(tmp_path, weights))
