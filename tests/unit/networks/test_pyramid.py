"""The pyramid's branches look with their rates, and its pooled branch takes a single image."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from segbench.networks.pyramid import ASPP, VectorNorm, convolve


@pytest.mark.parametrize(("image_pooling", "kernel"), [(True, 1), (True, 3), (False, 1)])
def test_that_branches_have_their_rates_and_are_put_together(image_pooling: bool, kernel: int) -> None:
    pyramid = ASPP(8, (2, 4, 6), 5, image_pooling=image_pooling, fusion_kernel=kernel)
    assert [branch[0].dilation[0] for branch in pyramid.convs[:4]] == [1, 2, 4, 6]
    assert len(pyramid.convs) == 4 + image_pooling
    assert pyramid.project[0].kernel_size == (kernel, kernel)
    assert pyramid(torch.rand(2, 8, 7, 9)).shape == (2, 5, 7, 9)


def test_that_the_pooled_branch_says_the_same_at_every_pixel() -> None:
    branch = ASPP(8, (1,), 5).convs[-1]
    pooled = branch(torch.rand(2, 8, 4, 4))
    assert pooled.shape == (2, 5, 4, 4)
    assert (pooled == pooled[..., :1, :1]).all()


def test_that_a_norm_of_vectors_is_a_batch_norm_where_that_can_be() -> None:
    ours, torchs = VectorNorm(3), nn.BatchNorm2d(3)
    torchs.load_state_dict(ours.state_dict())
    for x in (torch.rand(4, 3, 1, 1), torch.rand(1, 3, 2, 1)):
        assert torch.equal(ours(x), torchs(x))
    assert torch.equal(ours.running_mean, torchs.running_mean)


def test_that_a_norm_of_a_single_vector_is_that_of_evaluation_and_learns() -> None:
    norm = VectorNorm(3)
    norm(torch.rand(4, 3, 1, 1))
    before, x = norm.running_mean.clone(), torch.rand(1, 3, 1, 1)
    trained = norm(x)
    trained.sum().backward()
    assert torch.equal(norm.running_mean, before)
    assert norm.weight.grad.abs().sum() > 0
    assert torch.equal(norm.eval()(x), trained)


def test_that_a_separable_convolution_mixes_channels_at_one_pixel_only() -> None:
    layers = [layer for layer in convolve(6, 4, 3, 2, separable=True) if isinstance(layer, nn.Conv2d)]
    assert [(layer.kernel_size, layer.groups, layer.dilation) for layer in layers] == [
        ((3, 3), 6, (2, 2)),
        ((1, 1), 1, (1, 1)),
    ]
