"""A layer taken out of its network is the layer: its numbers redo, pixel by pixel, what the network computed."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.convolution.operation import Operation
from segbench.errors import SegbenchError
from segbench.networks.activation import open_layer
from segbench.networks.munet import MUnet
from segbench.records import OpenedLayer


def redo(opened: OpenedLayer, channels: int = 3) -> float:
    """The largest relative difference between the output and the lab's own arithmetic on the first channels."""
    opened.geometry.check()
    arrays = (opened.input_IHW, opened.weight_IOHW, opened.bias_O)
    operation = Operation(opened.geometry, *(array.astype(np.float64) for array in arrays))
    differences = [
        np.abs(operation.compute_channel(o) - opened.output_OHW[o]).max()
        for o in range(min(channels, len(opened.bias_O)))
    ]
    return float(max(differences) / np.abs(opened.output_OHW).max())


@pytest.fixture(scope="module")
def network() -> MUnet:
    torch.manual_seed(0)
    return MUnet(5, depth=4, head="lecture", body="lecture").eval()


@pytest.mark.parametrize(
    "name",
    [
        "conv_in",
        "skip64DN_arr.0.conv1",
        "skip64dsDN.downsampler",
        "skip128usUP.convT1",
        "skip64usUP.upsampler",
        "conv_out",
    ],
)
def test_that_the_labs_arithmetic_gives_what_the_layer_gave(network: MUnet, name: str) -> None:
    opened = open_layer(network, name, torch.rand(1, 3, 40, 24))
    layer = network.get_submodule(name)
    assert opened.geometry.transposed == isinstance(layer, nn.ConvTranspose2d)
    assert opened.output_OHW.shape == (layer.out_channels, *opened.geometry.output)
    assert opened.input_IHW.shape == (layer.in_channels, *opened.geometry.size)
    assert redo(opened) < 1e-4


def test_that_the_output_is_the_networks_where_the_layer_is_its_last(network: MUnet) -> None:
    x = torch.rand(1, 3, 30, 21)
    opened = open_layer(network, "conv_out", x)
    with torch.inference_mode():
        y = network(x)[0].numpy()
    assert opened.output_OHW.shape == (5, 32, 24)  # before it is cropped
    assert np.array_equal(opened.output_OHW[:, :30, :21], y)


def test_that_a_block_that_runs_twice_can_be_opened_at_either_call() -> None:
    network = MUnet(5, depth=8, body="lecture").eval()
    x, name = torch.rand(1, 3, 16, 16), "skip128UP_arr.0.convT1"
    first, second = open_layer(network, name, x), open_layer(network, name, x, call=1)
    assert (first.call, second.call) == (0, 1)
    assert not np.array_equal(first.input_IHW, second.input_IHW)
    assert redo(first) < 1e-4
    assert redo(second) < 1e-4
    with pytest.raises(SegbenchError, match="runs 2 times") as refused:
        open_layer(network, name, x, call=2)
    assert "from 0 to 1" in refused.value.hint


def test_that_the_network_stays_as_it_was() -> None:
    network = MUnet(2, depth=4).train()
    network.skip64dsDN.eval()
    modes = [module.training for module in network.modules()]
    kept = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    opened = open_layer(network, "conv_out", torch.rand(1, 3, 16, 16))
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(tensor, kept[name]) for name, tensor in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())
    assert not any(
        array.flags.writeable for array in (opened.weight_IOHW, opened.bias_O, opened.input_IHW, opened.output_OHW)
    )
    evaluated = open_layer(network.eval(), "conv_out", torch.rand(1, 3, 16, 16))
    assert evaluated.output_OHW.shape == opened.output_OHW.shape


def test_that_a_network_in_training_is_opened_as_evaluation_has_it() -> None:
    network, x = MUnet(2, depth=4).train(), torch.rand(1, 3, 16, 16)
    trained = open_layer(network, "conv_out", x)
    assert network.training
    assert np.array_equal(trained.output_OHW, open_layer(network.eval(), "conv_out", x).output_OHW)


def test_that_what_happens_afterwards_does_not_change_what_was_opened() -> None:
    layer, x = nn.Conv2d(3, 4, 3), torch.rand(1, 3, 9, 9)
    opened = open_layer(layer, "", x)
    with torch.no_grad():
        for tensor in (x, layer.weight, layer.bias):
            tensor.zero_()
    assert all(array.all() for array in (opened.input_IHW, opened.weight_IOHW, opened.bias_O))
    assert redo(opened) < 1e-5


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 6, (3, 2), stride=(1, 2), padding=(1, 0), groups=2, bias=False),
        nn.Conv2d(4, 4, 3, groups=4, dilation=(1, 2)),
        nn.ConvTranspose2d(4, 6, (2, 3), stride=(2, 1), padding=(0, 1), groups=2, dilation=(1, 2)),
        nn.Conv2d(4, 2, (3, 5), padding="same"),
        nn.Conv2d(4, 2, 3, padding="valid"),
    ],
)
def test_that_groups_and_named_padding_become_plain_numbers(layer: nn.Module) -> None:
    opened = open_layer(nn.Sequential(layer), "0", torch.randn(1, 4, 8, 9))
    assert opened.weight_IOHW.shape[:2] == (layer.in_channels, layer.out_channels)
    assert redo(opened, 6) < 1e-5
    # Of each pair of channels in different groups, the kernel is zero
    shares = np.count_nonzero(opened.weight_IOHW.any((2, 3))) / opened.weight_IOHW[:, :, 0, 0].size
    assert shares == 1 / layer.groups
    assert opened.groups == layer.groups
    assert (opened.bias_O == 0).all() == (layer.bias is None)


class Doubling(nn.Module):
    """Asks its transpose convolution for a size, as decoders do."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.up(x, output_size=(2 * x.shape[2], 2 * x.shape[3] - 1))


def test_that_an_output_size_that_a_call_asks_for_becomes_output_padding() -> None:
    opened = open_layer(Doubling(), "up", torch.randn(1, 3, 5, 6))
    assert (opened.geometry.rows.output_padding, opened.geometry.columns.output_padding) == (1, 0)
    assert redo(opened) < 1e-5


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 2, 1)
        self.norm = nn.BatchNorm2d(2)
        self.replicated = nn.Conv2d(3, 2, 3, padding=1, padding_mode="replicate")
        self.lopsided = nn.Conv2d(3, 2, 2, padding="same")

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.used(x)))


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("use", "no layer 'use'", "Did you mean used"),
        ("far away", "no layer 'far away'", "segbench layers"),
        ("norm", "no convolution but BatchNorm2d", "Conv2d"),
        ("unused", "no forward pass runs it", "another layer"),
        ("replicated", r"pads in a way .* \(replicate\)", "zeros on both sides"),
        ("lopsided", "one side more than the other", "zeros on both sides"),
    ],
)
def test_that_what_cannot_be_opened_is_refused_in_words(name: str, message: str, hint: str) -> None:
    with pytest.raises(SegbenchError, match=message) as refused:
        open_layer(Unused(), name, torch.rand(1, 3, 4, 4))
    assert hint in refused.value.hint


def test_that_layers_behind_the_one_opened_do_not_run() -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Linear(1, 1))  # the second would refuse what the first gives
    assert open_layer(network, "0", torch.rand(1, 3, 4, 4)).output_OHW.shape == (2, 4, 4)
