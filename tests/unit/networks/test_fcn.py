"""FCN has the published sizes, its upsampling is bilinear interpolation, and its strides follow its pools."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from segbench.architectures import FCNConfig
from segbench.config import TrainConfig, find_preset
from segbench.data.shapes import generate
from segbench.formats.checkpoints import NETWORK, Header, save_checkpoint
from segbench.formats.purdue import PURDUE_CLASSES
from segbench.networks import build_network, count_parameters
from segbench.networks.fcn import Bilinear, build_bilinear_kernel
from segbench.networks.layers import list_layers
from segbench.networks.loading import load_checkpoint

TINY = FCNConfig(width=0.0625, pools=3, head_kernel=3)
CONFIGS = [
    TINY,
    FCNConfig(variant="32s", width=0.03125),
    FCNConfig(variant="16s", width=0.03125, pools=4, head_kernel=1, learn_upsampling=True, batch_norm=True),
]


# As published ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variant", "fixed", "learned"),
    [
        ("32s", 134_346_581, 136_152_917),
        ("16s", 134_357_354, 134_815_994),
        ("8s", 134_362_751, 134_489_759),
    ],
)
def test_that_the_parameters_are_the_published_networks_with_and_without_their_upsampling(
    variant: str, fixed: int, learned: int
) -> None:
    with torch.device("meta"):
        networks = [build_network(FCNConfig(variant=variant, learn_upsampling=learn), 21) for learn in (False, True)]
    assert [count_parameters(network) for network in networks] == [fixed, learned]


def test_that_the_head_sees_404_pixels_as_that_of_vgg() -> None:
    layers = {layer.name: layer for layer in list_layers(build_network(FCNConfig(width=0.03125), 3), (64, 64)).layers}
    assert layers["stages.4.6"].receptive_field == (212, 212)  # the fifth pool
    assert layers["score"].receptive_field == (404, 404)


@pytest.mark.parametrize(
    ("variant", "pools", "factors"),
    [
        ("32s", 5, [32]), ("16s", 5, [2, 16]), ("8s", 5, [2, 2, 8]),
        ("8s", 4, [2, 2, 4]), ("16s", 3, [2, 4]), ("8s", 3, [2, 2, 2]),
    ],
)  # fmt: skip
def test_that_strides_follow_the_pools(variant: str, pools: int, factors: list[int]) -> None:
    config = FCNConfig(variant=variant, width=0.03125, pools=pools, head_kernel=1)
    layers = list_layers(build_network(config, 2), (128, 128)).layers
    score = next(layer for layer in layers if layer.name == "score")
    assert score.output_size == (128 >> pools, 128 >> pools)
    assert [layer.stride for layer in layers if layer.type == "Bilinear"] == [(factor, factor) for factor in factors]


def test_that_scores_start_at_zero_and_the_trunk_learns_from_the_second_step() -> None:
    torch.manual_seed(0)
    network = build_network(TINY, 2)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    images, found = torch.rand(2, 3, 16, 16), []
    for _ in range(2):
        optimizer.zero_grad()
        scores = network(images)
        found.append(scores.abs().max().item())
        functional.binary_cross_entropy_with_logits(scores, torch.ones_like(scores)).backward()
        found.append(network.stages[0][0].weight.grad.abs().max().item())
        optimizer.step()
    assert found[:2] == [0, 0]
    assert min(found[2:]) > 0


# Upsampling --------------------------------------------------------------------------------------------------------------


def test_that_the_bilinear_kernel_is_the_released_ones() -> None:
    quarter = torch.tensor([1, 3, 3, 1]) / 4
    assert torch.equal(build_bilinear_kernel(4), quarter[:, None] * quarter)
    third = torch.tensor([0.5, 1, 0.5])  # an odd side has its centre on a pixel
    assert torch.equal(build_bilinear_kernel(3), third[:, None] * third)


@pytest.mark.parametrize("factor", [2, 4, 8, 16, 32])
@pytest.mark.parametrize("learned", [False, True])
def test_that_upsampling_starts_as_bilinear_interpolation_up_to_the_border(factor: int, learned: bool) -> None:
    upsampling, x = Bilinear(3, factor, learned=learned), torch.rand(2, 3, 4, 5)
    torch.testing.assert_close(upsampling(x), functional.interpolate(x, scale_factor=factor, mode="bilinear"))
    constant = torch.full((1, 3, 2, 1), 7.0)
    torch.testing.assert_close(upsampling(constant), torch.full((1, 3, 2 * factor, factor), 7.0))


def test_that_only_learned_upsampling_has_weights() -> None:
    fixed, learned = (build_network(FCNConfig(width=0.03125, learn_upsampling=learn), 3) for learn in (False, True))
    assert not list(fixed.upsampling.parameters())
    assert not fixed.upsampling.state_dict()
    learned.train()(torch.rand(1, 3, 64, 64)).sum().backward()
    assert learned.upsampling.weight.shape == (3, 3, 16, 16)
    assert learned.upsampling.weight.grad is not None


# As every network --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("size", [(64, 64), (61, 83), (1, 1), (3, 130)])
def test_that_any_size_goes_through_alone_and_in_training(config: FCNConfig, size: tuple[int, int]) -> None:
    network = build_network(config, 4)
    scores = network(torch.rand(1, 3, *size))
    assert scores.shape == (1, 4, *size)
    scores.sum().backward()
    assert network.score.weight.grad is not None


def test_that_a_seed_makes_the_same_network_again() -> None:
    made = []
    for _ in range(2):
        torch.manual_seed(3)
        made.append(build_network(TINY, 2).state_dict())
    assert all(torch.equal(made[0][name], made[1][name]) for name in made[0])


@pytest.mark.parametrize("config", [*CONFIGS, find_preset("fcn-small").config.network])
def test_that_ten_steps_bring_the_loss_down(config: FCNConfig) -> None:
    torch.manual_seed(0)
    network = build_network(config, 5)
    samples = list(generate(8, seed=3))
    images = torch.from_numpy(np.stack([s.image for s in samples])).permute(0, 3, 1, 2) / 64 - 1
    truth = torch.from_numpy(np.stack([s.masks for s in samples])).float().clamp(max=1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = functional.binary_cross_entropy_with_logits(network(images), truth)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(np.log(2), rel=1e-4)  # of scores that are zero
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("config", CONFIGS)
def test_that_it_comes_back_from_its_checkpoint(tmp_path: Path, config: FCNConfig) -> None:
    network = build_network(config, 5)
    torch.nn.init.normal_(network.score.weight)
    header = Header(config=TrainConfig(network=config), classes=PURDUE_CLASSES)
    save_checkpoint(tmp_path / "x.safetensors", header, {NETWORK + n: t for n, t in network.state_dict().items()})
    images = torch.rand(1, 3, 40, 33)
    with torch.inference_mode():
        scores = load_checkpoint(tmp_path / "x.safetensors").network(images)
        assert torch.equal(scores, network.eval()(images))
    assert scores.abs().max() > 0


@pytest.mark.parametrize("config", CONFIGS)
def test_that_its_layers_have_no_holes_and_all_learn(config: FCNConfig) -> None:
    summary = list_layers(build_network(config, 5), (64, 64))
    assert summary.receptive_field is not None
    assert not summary.with_holes
    assert summary.unreached_parameters == 0
