"""Generation 5 has the size counted for our reading of it, and each of its parts comes off with its parameters and its loss."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from segbench.architectures import Gen5Config
from segbench.config import TrainConfig
from segbench.data.shapes import generate
from segbench.formats.checkpoints import NETWORK, Header, save_checkpoint
from segbench.formats.purdue import PURDUE_CLASSES
from segbench.losses import bce, bce_dice, cross_entropy, mse
from segbench.networks import build_network, count_parameters
from segbench.networks.blocks import StridedPointwise
from segbench.networks.gen5 import Critic, Gen5, Level, find_edges, measure_uncertainty
from segbench.networks.layers import list_layers
from segbench.networks.loading import load_checkpoint
from segbench.networks.protocols import OwnLoss
from segbench.records import IGNORE

PLAIN = {"uncertainty": False, "edge": False, "reverse": False, "deep_supervision": False}


def build(classes: int = 3, **knobs: object) -> Gen5:
    torch.manual_seed(0)
    return Gen5(classes, **{"width": 4, "bottom_stride": 4, **knobs})


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 3, 24, 20, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def planes() -> Tensor:
    planes = torch.zeros(2, 3, 24, 20)
    planes[:, 0, 4:12, 4:12] = planes[:, 1, 8:20, 8:16] = 1
    return planes


def find_params(network: torch.nn.Module, part: str) -> int:
    return sum(p.numel() for name, p in network.named_parameters() if part in name)


# Its parts --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("classes", "parameters"), [(1, 9_141_607), (5, 9_143_415), (6, 9_143_867)])
def test_that_its_size_is_the_one_counted_for_this_reading(classes: int, parameters: int) -> None:
    assert count_parameters(build_network(Gen5Config(), classes)) == parameters


def test_that_the_bottom_is_slide_28s() -> None:
    bottom = build().bottom
    kernels = [(m.kernel_size, m.dilation) for m in bottom.modules() if isinstance(m, torch.nn.Conv2d)]
    three = [((3, 3), (rate, rate)) for rate in (2, 4, 6)]
    assert kernels == [((1, 1), (1, 1)), *three, ((1, 1), (1, 1)), ((3, 3), (1, 1))]


@pytest.mark.parametrize(("stride", "sides"), [(8, [8, 16, 32, 64]), (4, [16, 16, 32, 64])])
def test_that_the_prediction_maps_grow_from_the_bottoms_stride_to_full_size(stride: int, sides: list[int]) -> None:
    maps, edges = build(bottom_stride=stride).predict_maps(torch.rand(1, 3, 64, 64))
    assert [map_BKHW.shape[-1] for map_BKHW in maps] == sides
    assert [edge_B1HW.shape[1:] for edge_B1HW in edges] == [(1, side, side) for side in sides[1:]]


@pytest.mark.parametrize(
    ("switch", "part"), [("edge", ".edges."), ("edge", ".refine."), ("reverse", ".refine."), ("adversarial", "critic.")]
)
def test_that_a_switch_takes_its_parameters_away(switch: str, part: str) -> None:
    on, off = build(adversarial=1), build(**{"adversarial": 1, switch: 0})
    assert find_params(off, part) < find_params(on, part)
    assert find_params(off, part) == 0 or part == ".refine."


def test_that_without_both_attentions_a_single_convolution_predicts() -> None:
    network = build(edge=False, reverse=False)
    assert find_params(network, ".refine.") == sum(3 * (channels + 1) for channels in (8, 16, 32))


@pytest.mark.parametrize("switch", ["uncertainty", "reverse", "edge"])
def test_that_a_switch_changes_what_the_network_computes(switch: str, images: Tensor) -> None:
    on = build().eval()
    off = build(**{switch: False}).eval()
    fitting = {n: t for n, t in on.state_dict().items() if n in (own := off.state_dict()) and t.shape == own[n].shape}
    off.load_state_dict(fitting, strict=False)
    with torch.inference_mode():
        assert not torch.allclose(on(images), off(images))


def test_that_uncertainty_reverse_and_edge_weigh_what_their_names_say() -> None:
    level = Level(4, 8, 4, 1, up=False, uncertainty=True, edge=True, reverse=True).eval()
    seen: dict[str, Tensor] = {}
    level.blocks.register_forward_pre_hook(lambda _, inputs: seen.update(joined=inputs[0]))
    level.blocks.register_forward_hook(lambda _, __, output: seen.update(features=output.clone()))
    level.refine.register_forward_pre_hook(lambda _, inputs: seen.update(views=inputs[0]))
    coarse = torch.tensor([-100.0, 0.0, 100.0]).expand(1, 1, 2, 3)  # surely not, unsure, surely
    skip = torch.rand(1, 8, 2, 3)
    with torch.inference_mode():
        _, finer, edges = level(torch.rand(1, 4, 2, 3), skip, coarse, torch.sigmoid)
        torch.testing.assert_close(
            seen["joined"][:, 8:] / skip, torch.tensor([1.0, 2.0, 1.0]).expand(1, 8, 2, 3), rtol=0, atol=1e-4
        )
        x = seen["features"]
        torch.testing.assert_close(seen["views"][:, :8], x * torch.tensor([1.0, 0.5, 0.0]))
        torch.testing.assert_close(seen["views"][:, 8:], x * edges.sigmoid())
        torch.testing.assert_close(finer, coarse + level.refine(seen["views"]))


def test_that_uncertainty_is_one_at_a_half_none_at_certainty_and_has_a_slope_everywhere() -> None:
    p = torch.tensor([0.0, 0.11, 0.5, 1.0])[None, None, None].requires_grad_()
    uncertainty = measure_uncertainty(p.expand(1, 2, 1, 4))
    torch.testing.assert_close(uncertainty.flatten(), torch.tensor([0.0, 0.5, 1.0, 0.0]), atol=1e-3, rtol=0)
    uncertainty.sum().backward()
    assert torch.isfinite(p.grad).all()


# Edges ------------------------------------------------------------------------------------------------------------------


def test_that_edges_are_dilated_minus_eroded_masks_of_planes_values_and_labels_alike() -> None:
    plane = torch.zeros(1, 1, 7, 9)
    plane[..., :4] = 1
    expected = torch.zeros(7, 9, dtype=torch.bool)
    expected[:, 3:5] = True
    for truth in (plane, plane * 250, plane[:, 0].long()):
        edges, _ = find_edges(truth, None)
        assert torch.equal(edges[0, 0], expected)


@pytest.mark.parametrize("labelled", [False, True])
def test_that_edges_beside_unknown_pixels_are_not_judged(labelled: bool) -> None:
    known = torch.ones(1, 5, 5, dtype=torch.bool)
    known[0, 2, 2] = False
    truth = torch.zeros(1, 5, 5, dtype=torch.long).masked_fill(~known, IGNORE) if labelled else torch.zeros(1, 1, 5, 5)
    _, sure = find_edges(truth, None if labelled else known)
    expected = torch.ones(5, 5, dtype=torch.bool)
    expected[1:4, 1:4] = False
    assert torch.equal(sure[0, 0], expected)


# Its loss ---------------------------------------------------------------------------------------------------------------


def test_that_with_all_switches_off_its_loss_is_the_chosen_one_of_the_finest_map(
    images: Tensor, planes: Tensor
) -> None:
    network = build(**PLAIN)
    total, outputs = network.measure(images, planes, None, bce_dice)
    assert outputs.shape == planes.shape
    torch.testing.assert_close(total, bce_dice(outputs, planes))


@pytest.mark.parametrize("switch", ["edge", "deep_supervision", "adversarial"])
def test_that_a_switch_takes_its_part_of_the_loss_away(switch: str, images: Tensor, planes: Tensor) -> None:
    network = build(**{**PLAIN, switch: 1})
    total, outputs = network.measure(images, planes, None, bce)
    assert total > 0
    assert not torch.allclose(total, bce(outputs, planes), rtol=1e-4)


def test_that_deep_supervision_judges_every_map_at_full_size(images: Tensor, planes: Tensor) -> None:
    judged: list[torch.Size] = []

    def loss(outputs: Tensor, truth: Tensor, known: Tensor | None) -> Tensor:
        judged.append(outputs.shape)
        return bce(outputs, truth, known)

    build().measure(images, planes, None, loss)
    assert judged == [planes.shape] * 4
    judged.clear()
    build(deep_supervision=False).measure(images, planes, None, loss)
    assert judged == [planes.shape]


def test_that_what_is_not_known_changes_no_loss(images: Tensor, planes: Tensor) -> None:
    known = torch.ones(2, 24, 20, dtype=torch.bool)
    known[:, :, 10:] = False
    other = torch.where(known[:, None], planes, 1 - planes)
    network = build(adversarial=1)
    one, two = (network.measure(images, truth, known, bce_dice)[0] for truth in (planes, other))
    assert torch.equal(one, two)


def test_that_every_parameter_learns(images: Tensor, planes: Tensor) -> None:
    network = build(adversarial=0.5)
    network.measure(images, planes, None, bce_dice)[0].backward()
    assert not [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]


def test_that_the_critic_climbs_where_the_network_descends(images: Tensor, planes: Tensor) -> None:
    torch.manual_seed(0)
    critic = Critic(3, 4)
    predicted = torch.rand(2, 3, 24, 20, requires_grad=True)
    before = critic(images, predicted, planes)
    before.backward()
    with torch.no_grad():
        closer = critic(images, predicted - 0.01 * predicted.grad / predicted.grad.abs().max(), planes)
        for p in critic.parameters():
            p -= 0.01 * p.grad / p.grad.abs().max()
        farther = critic(images, predicted, planes)
    assert closer < before < farther
    assert critic(images, planes, planes) == 0


def test_that_the_critic_sees_masks_on_black(planes: Tensor) -> None:
    assert Critic(3, 4)(torch.zeros(2, 3, 24, 20), torch.zeros_like(planes), planes) > 0


# Every target -----------------------------------------------------------------------------------------------------------


def test_that_outputs_are_read_as_the_target_reads_them(images: Tensor, planes: Tensor) -> None:
    network = build()
    outputs = torch.randn(2, 3, 5, 5) * 100
    torch.testing.assert_close(network.read(outputs), outputs.sigmoid())
    network.note(planes * torch.tensor([50.0, 100.0, 250.0])[:, None, None])
    torch.testing.assert_close(
        network.read(outputs)[:, :2], (outputs / torch.tensor([50.0, 100, 250])[:, None, None]).clamp(0, 1)[:, :2]
    )
    network.note(torch.zeros(2, 5, 5, dtype=torch.long))
    torch.testing.assert_close(network.read(outputs), outputs.softmax(dim=1))


@pytest.mark.parametrize("target", ["planes", "values", "labels"])
def test_that_ten_steps_on_eight_shapes_lower_the_loss_with_every_target(target: str) -> None:
    samples = list(generate(8, seed=0, size=32, scale=1.5))
    images = torch.from_numpy(np.stack([s.image for s in samples])).permute(0, 3, 1, 2).float() / 128 - 0.5
    masks = torch.from_numpy(np.stack([s.masks for s in samples])).float()
    truth, loss, classes = masks, bce_dice, 5
    if target == "values":
        truth, loss = masks * torch.tensor(PURDUE_CLASSES.values)[:, None, None], mse
    if target == "labels":
        background = 0.5 * torch.ones_like(masks[:, :1])
        truth, loss, classes = torch.cat((background, masks), dim=1).argmax(dim=1), cross_entropy, 6
        truth[:, :2] = IGNORE
    network = build(classes, width=8, adversarial=0.1)
    assert isinstance(network, OwnLoss)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        total, _ = network.measure(images, truth, None, loss)
        total.backward()
        optimizer.step()
        losses.append(total.item())
    assert np.isfinite(losses).all()
    assert losses[-1] < (0.999 if target == "values" else 0.9) * losses[0]


# What it is in this house -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stride", [4, 8])
@pytest.mark.parametrize("size", [(64, 64), (61, 83), (8, 40), (1, 1), (33, 47)])
def test_that_any_size_is_predicted_and_trained_on_alone(size: tuple[int, int], stride: int) -> None:
    network = build(bottom_stride=stride, adversarial=0.1)
    total, outputs = network.measure(torch.rand(1, 3, *size), torch.ones(1, 3, *size), None, bce_dice)
    total.backward()
    assert outputs.shape == (1, 3, *size)
    with torch.inference_mode():
        assert network.eval()(torch.rand(1, 3, *size)).shape == (1, 3, *size)


def test_that_few_channels_that_come_last_are_trained_on_without_a_crash() -> None:
    """As the trainer lays tensors out; with strided 1 x 1 convolutions oneDNN kills the process here (its issue 6035)."""
    network = build().to(memory_format=torch.channels_last)
    for _ in range(3):
        images = torch.rand(4, 3, 64, 64).contiguous(memory_format=torch.channels_last)
        network.measure(images, torch.zeros(4, 3, 64, 64), None, bce)[0].backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


def test_that_a_strided_pointwise_convolution_is_torchs_in_numbers() -> None:
    mine = StridedPointwise(3, 5, 1, stride=2)
    torchs = torch.nn.Conv2d(3, 5, 1, stride=2)
    torchs.load_state_dict(mine.state_dict())
    x = torch.rand(2, 3, 7, 8)
    torch.testing.assert_close(mine(x), torchs(x))


def test_that_the_finest_map_is_what_it_predicts(images: Tensor, planes: Tensor) -> None:
    network = build().eval()
    with torch.inference_mode():
        assert torch.equal(network(images), network.measure(images, planes, None, bce)[1])


@pytest.mark.parametrize("adversarial", [0.0, 1.0])
def test_that_a_checkpoint_gives_the_same_network_back(tmp_path: Path, adversarial: float) -> None:
    config = TrainConfig(network=Gen5Config(width=4, bottom_stride=4, adversarial=adversarial))
    network = build_network(config.network, 5)
    network.measure(torch.rand(2, 3, 16, 16), torch.zeros(2, 16, 16, dtype=torch.long), None, cross_entropy)
    tensors = {NETWORK + name: tensor for name, tensor in network.state_dict().items()}
    save_checkpoint(tmp_path / "x.safetensors", Header(config=config, classes=PURDUE_CLASSES), tensors)
    loaded = load_checkpoint(tmp_path / "x.safetensors").network
    images = torch.rand(1, 3, 20, 20)
    with torch.inference_mode():
        assert torch.equal(loaded(images), network.eval()(images))
    assert loaded.labelled


def test_that_its_layer_table_counts_all_of_it_and_finds_no_holes() -> None:
    summary = list_layers(build(), (64, 64))
    assert summary.parameters == count_parameters(build()) == sum(layer.parameters for layer in summary.layers)
    assert summary.unreached_parameters == 0
    assert summary.with_holes == ()
    assert summary.receptive_field is None  # its bottom averages the whole image
