"""Atrous spatial pyramid pooling, ASPP: one map looked at with several rates at once (slides 15-16; DeepLab v3, section 3.3)."""

from __future__ import annotations

# Shape suffixes: B batch, C channels, H height, W width
import torch
from torch import Tensor, nn
from torch.nn import functional

from segbench.networks.blocks import build_convolution

CHANNELS = 256  # of every branch and of the result, in the papers


class ASPP(nn.Module):
    """float (B, C, H, W) -> float (B, channels, H, W).

    Side by side: a 1 x 1 convolution, a 3 x 3 one at each of `rates`, and the mean of the whole image; put together by a
    convolution of side `fusion_kernel` (1 in DeepLab; 3 on slide 28). Batch norm and ReLU follow every convolution.
    Weights are named as in torchvision, where nothing is separable.
    """

    def __init__(
        self,
        in_channels: int,
        rates: tuple[int, ...],
        channels: int = CHANNELS,
        *,
        image_pooling: bool = True,
        fusion_kernel: int = 1,
        separable: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        branches: list[nn.Module] = [convolve(in_channels, channels, 1)]
        branches += [convolve(in_channels, channels, 3, rate, separable=separable) for rate in rates]
        if image_pooling:
            branches.append(ImagePooling(in_channels, channels))
        self.convs = nn.ModuleList(branches)
        self.project = convolve(len(branches) * channels, channels, fusion_kernel)
        if dropout:
            self.project.append(nn.Dropout(dropout))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        fused: Tensor = self.project(torch.cat([branch(x_BCHW) for branch in self.convs], dim=1))
        return fused


class ImagePooling(nn.Sequential):
    """The mean of the whole image through a 1 x 1 convolution, at every pixel again (spread out: bilinear from one pixel is that)."""

    def __init__(self, in_channels: int, channels: int) -> None:
        convolution = nn.Conv2d(in_channels, channels, 1, bias=False)
        super().__init__(nn.AdaptiveAvgPool2d(1), convolution, VectorNorm(channels), nn.ReLU(inplace=True))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        pooled_BC11: Tensor = super().forward(x_BCHW)  # type: ignore[no-untyped-call]
        return pooled_BC11.expand(-1, -1, *x_BCHW.shape[-2:])


class VectorNorm(nn.BatchNorm2d):
    """A batch norm that also takes a single value a channel, as image pooling gives for one image; torch's refuses it in training.

    One value has no deviation, so it is normalised as in evaluation, by the running statistics, and these stay. Names, numbers
    of parameters and larger batches are as ever; of one trained on single images only, scale and shift are what remains.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.numel() != input.shape[1]:
            return super().forward(input)
        return functional.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
        )


def convolve(in_channels: int, channels: int, kernel: int, rate: int = 1, *, separable: bool = False) -> nn.Sequential:
    """Convolution that keeps the size, batch norm, ReLU; `separable`: each channel by itself, then all of them pixel by pixel.

    Both halves of a separable one have norm and ReLU, as in DeepLab v3+'s released code (split_separable_conv2d).
    """
    padding = rate * (kernel // 2)
    if not separable:
        return nn.Sequential(
            *build_convolution(in_channels, channels, kernel, padding=padding, dilation=rate, batch_norm=True)
        )
    return nn.Sequential(
        nn.Conv2d(in_channels, in_channels, kernel, padding=padding, dilation=rate, groups=in_channels, bias=False),
        nn.BatchNorm2d(in_channels),
        nn.ReLU(inplace=True),
        *build_convolution(in_channels, channels, 1, padding=0, batch_norm=True),
    )
