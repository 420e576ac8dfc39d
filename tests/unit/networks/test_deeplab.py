"""DeepLab v2, v3 and v3+ have the published sizes, take any image, and learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from segbench.architectures import DeepLabV2Config, DeepLabV3Config, DeepLabV3PlusConfig, NetworkConfig
from segbench.config import TrainConfig, find_presets
from segbench.data.shapes import generate
from segbench.formats.checkpoints import NETWORK, Header, save_checkpoint
from segbench.formats.purdue import PURDUE_CLASSES
from segbench.networks import build_network, count_parameters
from segbench.networks.layers import list_layers
from segbench.networks.loading import load_checkpoint

V2, V3, V3Plus = DeepLabV2Config, DeepLabV3Config, DeepLabV3PlusConfig
RESNET18_NORMS = 2 * (3 * 512 + 256 + 304)  # between the halves of five separable convolutions, scale and shift each
RESNET50_NORMS = 2 * (3 * 2048 + 256 + 304)

CONFIGS = [
    V2(width=0.0625, dropout=0.0),
    V2(width=0.0625, dropout=0.0, output_stride=16, batch_norm=True, fusion="concat", rates="12"),
    V2(trunk="resnet18", width=0.0625, stem="small", output_stride=4, rates="1, 2, 3, 4"),
    V2(trunk="resnet50", width=0.0625, fusion="concat"),
    V3(trunk="resnet18", width=0.0625, stem="small", output_stride=4, rates="2, 4, 6"),
    V3(trunk="resnet50", width=0.0625, multi_grid=True, extra_conv=False, image_pooling=False),
    V3Plus(trunk="resnet18", width=0.0625, stem="small", output_stride=4, rates="1, 2, 4", low_level=4),
    V3Plus(trunk="resnet50", width=0.0625, multi_grid=True, separable=True),
]
SIZES = [(64, 64), (61, 83), (8, 100), (1, 1), (33, 17)]


def name(config: NetworkConfig) -> str:
    return f"{type(config).__name__}-{config.trunk}-{config.output_stride}"


over_configs = pytest.mark.parametrize("config", CONFIGS, ids=name)


@pytest.mark.parametrize(
    ("config", "count"),
    [
        (V2(), 37_877_652),
        (V2(rates="12"), 20_505_429),  # LargeFOV; "20.5M" in the paper
        (V2(trunk="resnet101"), 44_048_532),
        (V2(trunk="resnet50"), 25_056_404),
        (V3(), 39_638_869),  # torchvision without its auxiliary head
        (V3(trunk="resnet101"), 58_630_997),
        (V3(trunk="resnet101", extra_conv=False), 58_040_661),  # kazuto1011/deeplab-pytorch
        (V3Plus(trunk="resnet101"), 59_344_309),  # kazuto1011/deeplab-pytorch
        (V3Plus(trunk="resnet18", separable=True), 12_334_437 + RESNET18_NORMS),  # segmentation_models_pytorch, without those
        (V3Plus(separable=True), 26_682_725 + RESNET50_NORMS),
        (V3Plus(trunk="resnet101", separable=True), 45_674_853 + RESNET50_NORMS),
    ],
)  # fmt: skip
def test_that_it_has_the_published_number_of_parameters(config: NetworkConfig, count: int) -> None:
    with torch.device("meta"):
        network = build_network(config, 21)
    assert count_parameters(network) == count


def test_that_weights_of_deeplab_v3_are_named_as_torchvision_names_them() -> None:
    with torch.device("meta"):
        shapes = {name: tuple(t.shape) for name, t in build_network(V3(), 21).state_dict().items()}
    assert shapes["backbone.conv1.weight"] == (64, 3, 7, 7)
    assert shapes["backbone.layer2.0.downsample.0.weight"] == (512, 256, 1, 1)
    assert shapes["backbone.layer4.2.bn3.running_mean"] == (2048,)
    assert shapes["classifier.0.convs.3.0.weight"] == (256, 2048, 3, 3)
    assert shapes["classifier.0.convs.4.1.weight"] == (256, 2048, 1, 1)
    assert shapes["classifier.0.convs.4.2.bias"] == (256,)
    assert shapes["classifier.0.project.0.weight"] == (256, 1280, 1, 1)
    assert shapes["classifier.1.weight"] == (256, 256, 3, 3)
    assert shapes["classifier.4.bias"] == (21,)


def test_that_on_the_slide_the_last_convolution_reads_one_map_a_branch_and_class() -> None:
    network = build_network(V2(width=0.0625, fusion="concat"), 1)
    assert network.fusion.in_channels == 4 + 1  # M + 1 with M atrous branches (slide 21)
    assert network.fusion.out_channels == 1


# The common rules of all networks ---------------------------------------------------------------------------------------


@over_configs
def test_that_any_image_size_gives_an_output_of_that_size(config: NetworkConfig) -> None:
    network = build_network(config, 3).eval()
    with torch.inference_mode():
        for size in SIZES:
            assert network(torch.rand(1, 3, *size)).shape == (1, 3, *size)


@over_configs
def test_that_a_single_image_can_be_trained_on_however_small(config: NetworkConfig) -> None:
    for size in [(64, 64), (1, 1), (5, 8)]:
        network = build_network(config, 2)
        network(torch.rand(1, 3, *size)).square().sum().backward()
        assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


@over_configs
def test_that_a_seed_makes_the_same_network_again(config: NetworkConfig) -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(build_network(config, 2).state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@over_configs
def test_that_its_layers_can_be_listed_and_all_of_them_learn(config: NetworkConfig) -> None:
    network = build_network(config, 2)
    summary = list_layers(network, (64, 64))
    assert summary.parameters == count_parameters(network)
    assert summary.unreached_parameters == 0
    assert all(layer.calls == 1 for layer in summary.layers)


@over_configs
def test_that_ten_steps_lower_the_loss_on_eight_images(config: NetworkConfig) -> None:
    torch.manual_seed(0)
    network = build_network(config, 5)
    images, planes = draw_shapes(8)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        measured = functional.binary_cross_entropy_with_logits(network(images), planes)
        measured.backward()
        optimizer.step()
        losses.append(measured.item())
    assert losses[-1] < 0.97 * losses[0]


@over_configs
def test_that_a_checkpoint_gives_the_same_network_back(tmp_path: Path, config: NetworkConfig) -> None:
    network = build_network(config, 5)
    network(torch.rand(2, 3, 16, 16))  # moves the running statistics
    tensors = {NETWORK + key: tensor for key, tensor in network.state_dict().items()}
    header = Header(config=TrainConfig(network=config), classes=PURDUE_CLASSES)
    save_checkpoint(tmp_path / "x.safetensors", header, tensors)
    loaded, images = load_checkpoint(tmp_path / "x.safetensors"), torch.rand(1, 3, 20, 20)
    with torch.inference_mode():
        assert torch.equal(loaded.network(images), network.eval()(images))


# What is particular ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", [p for p in find_presets() if p.network.startswith("deeplab")], ids=lambda p: p.name)
def test_that_a_preset_takes_the_images_that_it_is_for(preset) -> None:
    small = preset.name.endswith("small")
    with torch.device("meta"):
        network = build_network(preset.config.network, 11)
    limit = 2_000_000 if small else 20_000_000
    assert count_parameters(network) < limit
    side = 64 if small else preset.config.data.crop
    assert network.eval()(torch.empty(2, 3, side, side, device="meta")).shape == (2, 11, side, side)


def test_that_the_crf_is_no_part_of_the_network_itself() -> None:
    images = torch.rand(1, 3, 16, 16)
    scores = []
    for crf in (False, True):
        torch.manual_seed(0)
        network = build_network(V2(width=0.0625, crf=crf), 2).eval()
        assert network.crf is crf
        scores.append(network(images))
    assert torch.equal(*scores)


@pytest.mark.parametrize("fusion", ["sum", "concat"])
def test_that_scores_of_the_branches_are_fused_as_told(fusion: str) -> None:
    torch.manual_seed(0)
    network = build_network(V2(trunk="resnet18", width=0.0625, fusion=fusion), 2).eval()
    seen = []
    for branch in network.branches:
        branch.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    images = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        found = network(images)
        fused = seen[0] + seen[1] + seen[2] + seen[3] if fusion == "sum" else network.fusion(torch.cat(seen, 1))
        expected = functional.interpolate(fused, scale_factor=8, mode="bilinear")
    assert len(seen) == (4 if fusion == "sum" else 5)
    assert torch.allclose(found, expected, atol=1e-6)


def draw_shapes(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """float (count, 3, 64, 64) images in 0..1 and float (count, 5, 64, 64) planes."""
    samples = list(generate(count, seed=1))
    images = torch.from_numpy(np.stack([s.image for s in samples])).permute(0, 3, 1, 2).float() / 255
    return images, torch.from_numpy(np.stack([s.planes(5) for s in samples])).float()
