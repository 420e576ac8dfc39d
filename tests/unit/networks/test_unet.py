"""U-Net has the published sizes, valid convolutions cover any image, and its skips lie where they belong."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from segbench.architectures import UNetConfig
from segbench.config import TrainConfig, find_preset
from segbench.data.shapes import generate
from segbench.formats.checkpoints import NETWORK, Header, save_checkpoint
from segbench.formats.purdue import PURDUE_CLASSES
from segbench.networks import build_network, count_parameters
from segbench.networks.layers import list_layers
from segbench.networks.loading import load_checkpoint
from segbench.networks.unet import UNet, mirror, plan_valid

VALID = UNetConfig(width=4, levels=2, convolutions="valid")
CONFIGS = [
    UNetConfig(width=8, levels=3),
    VALID,
    UNetConfig(width=8, levels=2, batch_norm=False, upsampling="bilinear", dropout=0.2),
]


# As published ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channels", "classes", "options", "count"),
    [
        (1, 2, {"batch_norm": False, "valid": True}, 31_030_658),
        (3, 2, {"batch_norm": False}, 31_031_810),
        (3, 5, {"batch_norm": False}, 31_032_005),
        (3, 21, {"batch_norm": False}, 31_033_045),
        (3, 2, {}, 31_037_698),  # this and those below: milesial/Pytorch-UNet
        (3, 5, {}, 31_037_893),
        (3, 2, {"bilinear": True}, 17_263_042),
    ],
)
def test_that_the_parameters_are_the_published_networks(
    channels: int, classes: int, options: dict[str, bool], count: int
) -> None:
    with torch.device("meta"):
        assert count_parameters(UNet(classes, channels=channels, **options)) == count


def test_that_the_papers_network_has_the_papers_maps() -> None:
    """Figure 1 of the paper: 572 -> 388, skips cut by 4, 16, 40 and 88 pixels a side."""
    with torch.device("meta"):
        network = UNet(2, channels=1, width=4, valid=True, batch_norm=False).eval()
    inputs: dict[str, int] = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.register_forward_hook(lambda _m, x, _y, name=name: inputs.update({name: x[0].shape[-1]}))
    assert network(torch.empty(1, 1, 388, 388, device="meta")).shape == (1, 2, 388, 388)
    assert [inputs[f"down.{level}.0"] for level in range(4)] == [572, 284, 140, 68]
    assert inputs["bottom.0"] == 32
    assert [inputs[f"enlarge.{step}"] for step in range(4)] == [28, 52, 100, 196]
    assert [inputs[f"up.{step}.0"] for step in range(4)] == [56, 104, 200, 392]
    assert inputs["score"] == 388


# Valid convolutions ------------------------------------------------------------------------------------------------------


def test_that_the_papers_plan_is_572_to_388() -> None:
    plan = plan_valid(388, 4)
    assert (plan.input, plan.output, plan.margin) == (572, 388, 92)
    assert [plan_valid(size, 4).input for size in (4, 5, 20, 52, 64, 68, 69)] == [188, 204, 204, 236, 252, 252, 268]


@pytest.mark.parametrize("levels", [1, 2, 3, 4, 5, 6])
def test_that_a_plan_is_the_smallest_input_that_goes_through_and_covers_the_size(levels: int) -> None:
    def run(size: int) -> int | None:
        """The sizes of the paper's figure, step by step; None if one does not fit."""
        for _ in range(levels):
            size -= 4
            if size < 2 or size % 2:
                return None
            size //= 2
        size -= 4
        for _ in range(levels):
            if size < 1:
                return None
            size = 2 * size - 4
        return size if size > 0 else None

    outputs = {size: output for size in range(1, 1200) if (output := run(size)) is not None}
    for wanted in (*range(1, 140), 388):
        plan = plan_valid(wanted, levels)
        assert plan.input == min(size for size, output in outputs.items() if output >= wanted)
        assert plan.output == outputs[plan.input]


def test_that_no_plan_is_made_for_nothing() -> None:
    with pytest.raises(ValueError, match="0 pixels"):
        plan_valid(0, 4)


@pytest.mark.parametrize("axis", [2, 3])
def test_that_an_image_of_any_size_is_mirrored_as_often_as_it_takes(axis: int) -> None:
    for size in (1, 2, 3, 5, 8):
        x = torch.rand(1, 2, size, size)
        for before, behind in ((0, 0), (0, 9), (1, 0), (4, 4), (7, 23), (92, 95), (31, 2)):
            places = abs(np.arange(-before, size + behind)) % max(2 * (size - 1), 1)
            places = np.minimum(places, 2 * (size - 1) - places)
            assert torch.equal(mirror(x, axis, before, behind), x.index_select(axis, torch.from_numpy(places)))


@pytest.mark.parametrize("upsampling", ["transpose", "bilinear"])
def test_that_a_valid_network_does_the_same_at_each_place(upsampling: str) -> None:
    """A part of an image, moved by a multiple of the pools, gives the same scores: no border reaches the inside."""
    torch.manual_seed(0)
    network = build_network(UNetConfig(width=4, levels=2, convolutions="valid", upsampling=upsampling), 2).eval()
    image = torch.rand(1, 3, 120, 120)
    with torch.inference_mode():
        whole, part = network(image), network(image[:, :, 8:, 12:])
    torch.testing.assert_close(whole[:, :, 48:80, 52:80], part[:, :, 40:72, 40:68], rtol=1e-4, atol=1e-5)


# As every network --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", CONFIGS)
def test_that_any_size_goes_through_alone_and_in_training(config: UNetConfig) -> None:
    network = build_network(config, 3)
    for height in (1, 2, 3, 4, 5, 7, 8, 9, 16, 31, 33, 64):
        for width in {1, height, 13, 40}:
            scores = network(torch.rand(1, 3, height, width))
            assert scores.shape == (1, 3, height, width)
    scores.sum().backward()
    assert network.down[0][0].weight.grad is not None


@pytest.mark.parametrize("levels", [1, 4, 6])
@pytest.mark.parametrize("convolutions", ["same", "valid"])
def test_that_one_pixel_can_be_trained_on_at_any_depth(levels: int, convolutions: str) -> None:
    network = build_network(UNetConfig(width=4, levels=levels, convolutions=convolutions), 2)
    assert network(torch.rand(1, 3, 1, 1)).shape == (1, 2, 1, 1)


def test_that_a_seed_makes_the_same_network_again() -> None:
    made = []
    for _ in range(2):
        torch.manual_seed(3)
        made.append(build_network(CONFIGS[0], 2).state_dict())
    assert all(torch.equal(made[0][name], made[1][name]) for name in made[0])


@pytest.mark.parametrize("config", [*CONFIGS, find_preset("unet-small").config.network])
def test_that_ten_steps_bring_the_loss_down(config: UNetConfig) -> None:
    torch.manual_seed(0)
    network = build_network(config, 5)
    samples = list(generate(8, seed=3))
    images = torch.from_numpy(np.stack([s.image for s in samples])).permute(0, 3, 1, 2) / 64 - 1
    truth = torch.from_numpy(np.stack([s.masks for s in samples])).float().clamp(max=1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = functional.binary_cross_entropy_with_logits(network(images), truth)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("config", CONFIGS)
def test_that_it_comes_back_from_its_checkpoint(tmp_path: Path, config: UNetConfig) -> None:
    network = build_network(config, 5)
    header = Header(config=TrainConfig(network=config), classes=PURDUE_CLASSES)
    save_checkpoint(tmp_path / "x.safetensors", header, {NETWORK + n: t for n, t in network.state_dict().items()})
    images = torch.rand(1, 3, 40, 33)
    with torch.inference_mode():
        scores = load_checkpoint(tmp_path / "x.safetensors").network(images)
        assert torch.equal(scores, network.eval()(images))


@pytest.mark.parametrize(("config", "field"), list(zip(CONFIGS, [(100, 100), (44, 44), (52, 52)], strict=True)))
def test_that_its_layers_have_no_holes_and_all_learn(config: UNetConfig, field: tuple[int, int]) -> None:
    summary = list_layers(build_network(config, 5), (64, 64))
    assert summary.receptive_field == field
    assert not summary.with_holes
    assert summary.unreached_parameters == 0
