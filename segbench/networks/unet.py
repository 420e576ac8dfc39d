"""U-Net (Ronneberger, Fischer and Brox 2015; slide 18), with the paper's valid convolutions or padded ones, for any image size."""

from __future__ import annotations

# Shape suffixes: B batch, C channels, H height, W width, K classes
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from segbench.architectures import UNetConfig
from segbench.networks.blocks import build_convolution, pad_to_multiple


@dataclass(frozen=True, slots=True)
class ValidPlan:
    """Sizes along one axis where no convolution pads. 572 -> 388 in the paper."""

    input: int
    output: int

    @property
    def margin(self) -> int:
        """Pixels before the image's first, and behind its last, that the network eats."""
        return (self.input - self.output) // 2


def plan_valid(size: int, levels: int) -> ValidPlan:
    """The smallest input that `levels` pools halve without remainder, and whose output covers `size` pixels."""
    if size < 1 or levels < 1:
        raise ValueError(f"no plan for {size} pixels and {levels} levels")
    scale = 2**levels
    # Two convolutions cost 4 pixels: b behind those at the bottom becomes 2b - 4 a level up, scale (b - 4) + 4 at the top
    bottom = -((4 - size) // scale) + 4
    return ValidPlan(input=scale * (bottom + 4) + 4 * (scale - 1), output=scale * (bottom - 4) + 4)


class UNet(nn.Module):
    """float (B, channels, H, W), any H and W -> float (B, K, H, W), no final activation.

    levels: how often the image is halved. valid: convolutions do not pad, as in the paper; the image is mirrored at its borders
    to a size whose output covers it. Else they pad, and the last row and column are repeated up to a multiple of 2^levels.
    bilinear: maps are enlarged without a layer, and the maps above then have half the channels, as in milesial/Pytorch-UNet
    (align_corners=False here, so that it does the same at every pixel). Else a 2 x 2 transpose convolution of stride 2.
    Skips are put side by side with what comes from below, the skip first, cut to its middle where it is larger.
    The paper's (1 channel, 2 classes, no batch norm) has 31,030,658 parameters. Dropout is at the end of the contracting path.
    """

    def __init__(
        self,
        classes: int,
        *,
        channels: int = 3,
        width: int = 64,
        levels: int = 4,
        valid: bool = False,
        batch_norm: bool = True,
        bilinear: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.valid, self.levels = valid, levels

        def build_pair(inside: int, between: int, outside: int) -> nn.Sequential:
            padding = 0 if valid else 1
            return nn.Sequential(
                *build_convolution(inside, between, padding=padding, batch_norm=batch_norm),
                *build_convolution(between, outside, padding=padding, batch_norm=batch_norm),
            )

        widths = [width * 2**level for level in range(levels + 1)]
        if bilinear:
            widths[-1] //= 2
        self.down = nn.ModuleList(
            build_pair(inside, outside, outside)
            for inside, outside in zip([channels, *widths], widths[:-1], strict=False)
        )
        self.pool = nn.MaxPool2d(2)
        self.bottom = build_pair(widths[-2], widths[-1], widths[-1])
        self.dropout = nn.Dropout(dropout)
        self.enlarge, self.up = nn.ModuleList(), nn.ModuleList()
        for level in reversed(range(levels)):
            skip = widths[level]
            if bilinear:
                self.enlarge.append(nn.Upsample(scale_factor=2, mode="bilinear"))
                self.up.append(build_pair(2 * skip, skip, skip // 2 if level else skip))
            else:
                self.enlarge.append(nn.ConvTranspose2d(2 * skip, skip, 2, stride=2))
                self.up.append(build_pair(2 * skip, skip, skip))
        self.score = nn.Conv2d(width, classes, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        height, width = x_BCHW.shape[-2:]
        x = self._surround(x_BCHW)
        skips = []
        for down in self.down:
            x = down(x)
            skips.append(x)
            x = self.pool(x)
        x = self.dropout(self.bottom(x))
        for enlarge, up in zip(self.enlarge, self.up, strict=True):
            x = enlarge(x)
            x = up(torch.cat((_cut_middle(skips.pop(), x.shape[-2:]), x), dim=1))
        scores_BKHW: Tensor = self.score(x)
        return scores_BKHW[..., :height, :width]

    def _surround(self, x_BCHW: Tensor) -> Tensor:
        """With what the network needs around the image; its output begins at the image's first pixel."""
        if not self.valid:
            return pad_to_multiple(x_BCHW, 2**self.levels)
        for axis in (2, 3):
            plan = plan_valid(x_BCHW.shape[axis], self.levels)
            x_BCHW = mirror(x_BCHW, axis, plan.margin, plan.input - plan.margin - x_BCHW.shape[axis])
        return x_BCHW


def mirror(x_BCHW: Tensor, axis: int, before: int, behind: int) -> Tensor:
    """Continued by mirror images of itself, as many as it takes, before its first row (axis 2) or column (3) and behind its last.

    `functional.pad` does so where the image is larger than what is added; the border pixels are not doubled, as there.
    """
    period = x_BCHW.shape[axis] - 1
    while before or behind:
        # Whole images at a time, so that the map ends at a border again; of a single row there is nothing to mirror
        room = (x_BCHW.shape[axis] - 1) // period * period if period else before + behind
        front, back = (min(before, room), 0) if before else (0, min(behind, room))
        pad = (front, back, 0, 0) if axis == 3 else (0, 0, front, back)
        x_BCHW = functional.pad(x_BCHW, pad, mode="reflect" if period else "replicate")
        before, behind = before - front, behind - back
    return x_BCHW


def _cut_middle(x_BCHW: Tensor, size: torch.Size) -> Tensor:
    top, left = ((have - want) // 2 for have, want in zip(x_BCHW.shape[-2:], size, strict=True))
    return x_BCHW[..., top : top + size[0], left : left + size[1]]


def build_unet(config: UNetConfig, classes: int) -> UNet:
    """A fresh U-Net; He's initial weights, as in the paper, before each ReLU."""
    return UNet(
        classes,
        width=config.width,
        levels=config.levels,
        valid=config.convolutions == "valid",
        batch_norm=config.batch_norm,
        bilinear=config.upsampling == "bilinear",
        dropout=config.dropout,
    )
