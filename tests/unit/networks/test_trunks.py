"""Trunks keep their strides as far as the output stride allows, and rates take the place of the others."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from segbench.networks.trunks import VGG, ResNet, Stage, plan_stages

TINY = 0.0625


@pytest.mark.parametrize(
    ("stem_stride", "output_stride", "stages"),
    [
        (4, 16, [(1, 1), (2, 1), (2, 1), (1, 2)]),  # DeepLab v3's
        (4, 8, [(1, 1), (2, 1), (1, 2), (1, 4)]),
        (4, 4, [(1, 1), (1, 2), (1, 4), (1, 8)]),
        (1, 16, [(2, 1), (2, 1), (2, 1), (2, 1)]),
        (1, 8, [(1, 1), (2, 1), (2, 1), (2, 1)]),
        (1, 4, [(1, 1), (2, 1), (2, 1), (1, 2)]),
    ],
)
def test_that_each_stride_left_out_doubles_the_rate(
    stem_stride: int, output_stride: int, stages: list[tuple[int, int]]
) -> None:
    assert plan_stages(stem_stride, output_stride) == [Stage(*stage) for stage in stages]


@pytest.mark.parametrize("stem", ["imagenet", "small"])
@pytest.mark.parametrize("kind", ["resnet18", "resnet50"])
@pytest.mark.parametrize("output_stride", [4, 8, 16])
def test_that_the_maps_of_a_resnet_have_the_sizes_and_channels_it_says(kind, stem, output_stride) -> None:
    trunk = ResNet(kind, TINY, output_stride, stem=stem).eval()
    with torch.inference_mode():
        last, first = trunk.encode(torch.rand(1, 3, 64, 96))
    low = 4 if stem == "imagenet" else 2 if output_stride == 16 else 1
    assert last.shape == (1, trunk.channels, 64 // output_stride, 96 // output_stride)
    assert first.shape == (1, trunk.low_channels, 64 // low, 96 // low)


def test_that_multi_grid_multiplies_the_rates_of_the_last_stage() -> None:
    def list_rates(multi_grid: bool) -> list[int]:
        trunk = ResNet("resnet50", TINY, 16, multi_grid=multi_grid)
        return [block.conv2.dilation[0] for block in trunk.layer4]

    assert list_rates(False) == [2, 2, 2]
    assert list_rates(True) == [2, 4, 8]  # DeepLab v3's


def test_that_both_convolutions_of_a_basic_block_have_the_rate() -> None:
    block = ResNet("resnet18", TINY, 8).layer4[0]
    assert block.conv1.dilation == block.conv2.dilation == (4, 4)


@pytest.mark.parametrize(
    ("output_stride", "pools", "rates"),
    [(16, [2, 2, 2, 2, 1], {1}), (8, [2, 2, 2, 1, 1], {1, 2}), (4, [2, 2, 1, 1, 1], {1, 2, 4})],
)
def test_that_the_last_pools_of_vgg_have_no_stride_and_rates_follow(output_stride, pools, rates) -> None:
    trunk = VGG(TINY, output_stride).eval()
    assert [m.stride for m in trunk.features if isinstance(m, nn.MaxPool2d)] == pools
    found = [m.dilation[0] for m in trunk.features if isinstance(m, nn.Conv2d)]
    assert found == sorted(found)
    assert set(found) == rates
    with torch.inference_mode():
        assert trunk(torch.rand(1, 3, 64, 32)).shape == (1, trunk.channels, 64 // output_stride, 32 // output_stride)


@pytest.mark.parametrize("kind", ["resnet18", "resnet50"])
def test_that_a_shortcut_says_what_a_strided_convolution_says(kind: str) -> None:
    """See StridedPointwise: torch's own one would end the process here, with few channels that come last."""
    shortcut = ResNet(kind, TINY, 8).layer2[0].downsample[0]
    x = torch.rand(8, shortcut.in_channels, 33, 64).to(memory_format=torch.channels_last)
    expected = nn.functional.conv2d(x, shortcut.weight, stride=2)
    found = shortcut(x)
    assert torch.allclose(found, expected, atol=1e-6)
    found.sum().backward()
