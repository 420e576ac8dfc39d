"""FCN-32s, 16s and 8s (Long, Shelhamer and Darrell 2015; slide 17): VGG-16 with convolutions for its linear layers, its scores
brought up to full size by transpose convolutions that start as bilinear interpolation."""

from __future__ import annotations

# Shape suffixes: B batch, C channels, H height, W width, K classes
import torch
from torch import Tensor, nn
from torch.nn import functional

from segbench.architectures import FCNConfig
from segbench.networks.blocks import VGG16, build_convolution, pad_to_multiple, scale_channels

HEAD = 4096  # channels of fc6 and fc7
MAPS = {"32s": 1, "16s": 2, "8s": 3}  # score maps that each variant adds up


class Bilinear(nn.ConvTranspose2d):
    """float (B, K, H, W) -> (B, K, factor H, factor W) by a transpose convolution of kernel 2 factor and stride factor.

    It starts as bilinear interpolation (`functional.interpolate` with align_corners=False), up to the border: the outermost
    rows and columns are repeated outwards before, where without them the result would fade towards zero.
    learned: a parameter (K, K, ..), zero from a class to another at first. Else the kernel is a buffer, a class to itself.
    """

    def __init__(self, classes: int, factor: int, *, learned: bool) -> None:
        groups = 1 if learned else classes
        super().__init__(classes, classes, 2 * factor, factor, 3 * factor // 2, groups=groups, bias=False)
        kernel = build_bilinear_kernel(2 * factor)
        weight = torch.zeros_like(self.weight)
        for number in range(classes):
            weight[number, number if learned else 0] = kernel
        if learned:
            self.weight = nn.Parameter(weight)
        else:
            del self.weight
            self.register_buffer("weight", weight, persistent=False)  # the factor says it all

    def forward(self, x_BKHW: Tensor, output_size: list[int] | None = None) -> Tensor:
        return super().forward(functional.pad(x_BKHW, (1, 1, 1, 1), mode="replicate"), output_size)


def build_bilinear_kernel(side: int) -> Tensor:
    """float (side, side): the weights of bilinear interpolation, as surgery.py of fcn.berkeleyvision.org makes them."""
    factor = (side + 1) // 2
    centre = factor - 1 if side % 2 else factor - 0.5
    ramp = 1 - (torch.arange(side) - centre).abs() / factor
    return ramp[:, None] * ramp


class FCN(nn.Module):
    """float (B, 3, H, W), any H and W -> float (B, K, H, W), no final activation.

    maps: score maps that are added up, 1 (32s), 2 (16s) or 3 (8s): the head's, then those on the maps 2 and 4 times as fine.
    pools: how many of VGG's five pools are there; the last are left out. With 3 the head's map has stride 8 instead of 32,
    and the finest scores of 8s stride 2.
    Against the published networks (net.py and solver.prototxt of fcn.berkeleyvision.org): convolutions pad 1, not 100 at the
    first, and images are padded to a multiple of the stride instead, so that no map needs an offset; He's initial weights
    where VGG's trained ones stood. As there, scores start as zero, and are summed.
    With 21 classes 8s has 134,362,751 parameters, 134,489,759 where the upsampling is learned.
    """

    def __init__(
        self,
        classes: int,
        *,
        maps: int = 3,
        width: float = 1.0,
        pools: int = 5,
        head_kernel: int = 7,
        learn_upsampling: bool = False,
        batch_norm: bool = False,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.stride = 2**pools  # of the head's map
        self.stages = nn.ModuleList()
        channels, found = 3, []
        for number, (published, count) in enumerate(VGG16):
            found.append(scale_channels(published, width))
            layers: list[nn.Module] = []
            for _ in range(count):
                layers += build_convolution(channels, found[-1], padding=1, batch_norm=batch_norm)
                channels = found[-1]
            if number < pools:
                layers.append(nn.MaxPool2d(2))
            self.stages.append(nn.Sequential(*layers))
        hidden = scale_channels(HEAD, width)
        self.head = nn.Sequential(
            *build_convolution(channels, hidden, head_kernel, padding=head_kernel // 2),
            nn.Dropout(dropout),
            *build_convolution(hidden, hidden, 1, padding=0),
            nn.Dropout(dropout),
        )
        self.score = _build_score(hidden, classes)
        self.fused = [pools - 1 - step for step in range(1, maps)]  # stages whose maps are scored too, coarse to fine
        self.fine_scores = nn.ModuleList(_build_score(found[stage], classes) for stage in self.fused)
        self.doublings = nn.ModuleList(Bilinear(classes, 2, learned=learn_upsampling) for _ in self.fused)
        self.upsampling = Bilinear(classes, 2 ** (pools - maps + 1), learned=learn_upsampling)

    def forward(self, x_B3HW: Tensor) -> Tensor:
        height, width = x_B3HW.shape[-2:]
        x, found = pad_to_multiple(x_B3HW, self.stride), []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        scores = self.score(self.head(x))
        for number, score, double in zip(self.fused, self.fine_scores, self.doublings, strict=True):
            scores = double(scores) + score(found[number])
        scores_BKHW: Tensor = self.upsampling(scores)
        return scores_BKHW[..., :height, :width]


def _build_score(channels: int, classes: int) -> nn.Conv2d:
    """Starts as zero, as in the paper: random numbers would bring nothing there, and gradients reach it all the same."""
    score = nn.Conv2d(channels, classes, 1)
    nn.init.zeros_(score.weight)
    assert score.bias is not None
    nn.init.zeros_(score.bias)
    return score


def build_fcn(config: FCNConfig, classes: int) -> FCN:
    """A fresh FCN; no trained weights are loaded."""
    return FCN(
        classes,
        maps=MAPS[config.variant],
        width=config.width,
        pools=config.pools,
        head_kernel=config.head_kernel,
        learn_upsampling=config.learn_upsampling,
        batch_norm=config.batch_norm,
        dropout=config.dropout,
    )
