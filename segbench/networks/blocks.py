"""Building blocks that networks share: padding to the sizes a network can halve, splicing channels, a convolution with its ReLU."""

from __future__ import annotations

# Shape suffixes: B batch, C channels, H height, W width
import torch
from torch import Tensor, nn
from torch.nn import functional

VGG16 = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels and 3 x 3 convolutions of each stage


def pad_to_multiple(x_BCHW: Tensor, multiple: int) -> Tensor:
    """Repeats the last row and column until height and width are multiples of `multiple`, two at least; sizes that are pass through.

    Of one pixel a channel at the bottom, a batch norm could not learn from a single image.
    """
    height, width = x_BCHW.shape[-2:]
    below, right = (max(2 * multiple, -(-side // multiple) * multiple) - side for side in (height, width))
    return functional.pad(x_BCHW, (0, right, 0, below), mode="replicate") if below or right else x_BCHW


def splice(saved_BCHW: Tensor, x_BCHW: Tensor) -> Tensor:
    """`x` with its first channels replaced by `saved` (a copy: writing in place would break the backward pass)."""
    return torch.cat((saved_BCHW, x_BCHW[:, saved_BCHW.shape[1] :]), dim=1)


def build_convolution(
    in_channels: int, out_channels: int, kernel: int = 3, *, padding: int, dilation: int = 1, batch_norm: bool = False
) -> list[nn.Module]:
    """A convolution, a batch norm if wanted (it has the bias then), a ReLU.

    The weights start as normal numbers of deviation sqrt(2 / inputs): maps keep their scale through any number of layers.
    """
    convolution = nn.Conv2d(in_channels, out_channels, kernel, padding=padding, dilation=dilation, bias=not batch_norm)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
    norm = [nn.BatchNorm2d(out_channels)] if batch_norm else []
    return [convolution, *norm, nn.ReLU(inplace=True)]


class StridedPointwise(nn.Conv2d):
    """A 1 x 1 convolution with a stride, run as one without of the pixels that it reads: the same numbers.

    oneDNN (3.12, in torch 2.13) writes beyond its memory in the backward pass of a strided one if channels come last and are fewer
    than 16 (8 without AVX-512), and the process dies: uxlfoundation/oneDNN issue 6035.
    """

    def forward(self, input: Tensor) -> Tensor:
        rows, columns = self.stride
        return functional.conv2d(input[..., ::rows, ::columns], self.weight, self.bias)


def scale_channels(channels: int, width: float) -> int:
    """`width` times the channels that a paper has, one at least."""
    return max(1, round(channels * width))
