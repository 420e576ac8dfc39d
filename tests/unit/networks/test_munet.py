"""mUnet has the lecture's shape, the reference's size, and its known defects, each on its own switch."""

import pytest
import torch

from segbench.architectures import MUnetConfig
from segbench.networks import build_network, count_parameters
from segbench.networks.munet import MUnet


@pytest.mark.parametrize(
    ("depth", "total", "unused"), [(16, 6_999_109, 1_922_112), (8, 4_040_773, 1_035_072), (4, 2_561_605, 739_392)]
)
def test_that_parameters_and_dead_weight_are_the_references(depth: int, total: int, unused: int) -> None:
    network = MUnet(5, depth=depth, head="lecture", body="lecture")
    network(torch.rand(2, 3, 64, 64)).sum().backward()
    assert count_parameters(network) == total
    assert sum(p.numel() for p in network.parameters() if p.grad is None) == unused


def test_that_the_lectures_head_reaches_only_even_rows_and_columns() -> None:
    network = MUnet(5, depth=4, head="lecture").eval()
    with torch.inference_mode():
        outputs = network(torch.rand(1, 3, 64, 64) * 255)
    is_bias = outputs[0] == network.conv_out.bias[:, None, None]
    reached = torch.zeros(64, 64, dtype=torch.bool)
    reached[::2, ::2] = True
    assert is_bias[:, ~reached].all()
    assert not is_bias[:, reached].any()


def test_that_the_repaired_head_reaches_every_pixel() -> None:
    network = MUnet(5, depth=4, head="repaired").eval()
    with torch.inference_mode():
        outputs = network(torch.rand(1, 3, 64, 64))
    assert not (outputs[0] == network.conv_out.bias[:, None, None]).any()


def test_that_the_lectures_upsamplers_leave_three_pixels_in_four_to_their_bias_and_the_repaired_none() -> None:
    for body, share in (("lecture", 0.75), ("repaired", 0.0)):
        upsampler = MUnet(5, depth=4, body=body).skip64usUP.upsampler
        out = upsampler(torch.rand(1, 64, 8, 8))
        assert out.shape == (1, 64, 16, 16)
        assert (out == upsampler.bias[:, None, None]).float().mean().item() == share


@pytest.mark.parametrize(("body", "runs"), [("lecture", [2, 2, 0, 0, 0, 0, 0, 0]), ("repaired", [1] * 8)])
def test_that_each_block_of_the_repaired_body_runs_once_a_pass(body: str, runs: list[int]) -> None:
    network = MUnet(5, depth=16, body=body).eval()
    counts = [0] * 8

    def count(number: int) -> None:
        counts[number] += 1

    for number, block in enumerate(network.skip128UP_arr):
        block.register_forward_hook(lambda *_, number=number: count(number))
    with torch.inference_mode():
        network(torch.rand(1, 3, 16, 16))
    assert counts == runs


@pytest.mark.parametrize("size", [(64, 64), (61, 83), (8, 200), (1, 1), (33, 47)])
def test_that_any_image_size_gives_an_output_of_that_size(size: tuple[int, int]) -> None:
    network = build_network(MUnetConfig(depth=4), 3).eval()
    with torch.inference_mode():
        assert network(torch.rand(1, 3, *size)).shape == (1, 3, *size)


def test_that_it_trains_without_skip_connections_where_the_reference_raises() -> None:
    network = MUnet(2, depth=4, skip_connections=False)
    network(torch.rand(2, 3, 32, 32)).sum().backward()
    assert network.conv_in.weight.grad is not None
    assert network.conv_in.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("size", [(8, 8), (1, 1), (5, 8)])
def test_that_a_single_tiny_image_can_be_trained_on(size: tuple[int, int]) -> None:
    network = build_network(MUnetConfig(depth=4), 2)
    network(torch.rand(1, 3, *size)).sum().backward()
    assert network.conv_in.weight.grad is not None
