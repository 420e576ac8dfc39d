"""Generation 5: a reading of the lecture (slides 25-28) and the abstract of Chattopadhyay and Kak, "Uncertainty, Edge, and
Reverse-Attention Guided Generative Adversarial Network ..." (arXiv 2112.05335). Its full text and code could not be had."""

from __future__ import annotations

# Shape suffixes: B batch, C channels, H height, W width, K classes
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from segbench.architectures import Gen5Config
from segbench.networks.blocks import StridedPointwise, pad_to_multiple
from segbench.networks.protocols import Loss
from segbench.networks.pyramid import ASPP, convolve
from segbench.networks.truth import Taught
from segbench.records import IGNORE

RATES = (2, 4, 6)  # slide 28
EDGE_SHARE = 0.5  # weight of the edges' loss beside the masks'; ours
CRITIC_PADDING = 8  # three strides of two


class Bottleneck(nn.Module):
    """Bottleneck residual block (slide 27; its inside is ResNet's): 1 x 1 to a quarter of the channels, 3 x 3, 1 x 1, plus its input.

    stride 2 halves the size. `up` doubles it with a transpose convolution of kernel 4 (slide 27 names convTranspose2d); the
    kernel is ours: twice its stride, so that every pixel is reached alike.
    """

    def __init__(self, in_channels: int, channels: int, *, stride: int = 1, up: bool = False) -> None:
        super().__init__()
        inner = max(channels // 4, 1)
        middle: nn.Module = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, bias=False)
        if up:
            middle = nn.ConvTranspose2d(inner, inner, 4, stride=2, padding=1, bias=False)
        self.narrow = convolve(in_channels, inner, 1)
        self.middle = nn.Sequential(middle, nn.BatchNorm2d(inner), nn.ReLU(inplace=True))
        self.widen = nn.Sequential(nn.Conv2d(inner, channels, 1, bias=False), nn.BatchNorm2d(channels))
        self.shortcut: nn.Sequential | None = None
        if up or stride > 1 or in_channels != channels:
            fitting = (StridedPointwise(in_channels, channels, 1, stride=stride, bias=False), nn.BatchNorm2d(channels))
            self.shortcut = nn.Sequential(*((nn.Upsample(scale_factor=2, mode="bilinear"),) if up else ()), *fitting)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        inside = self.widen(self.middle(self.narrow(x_BCHW)))
        return functional.relu(inside + (x_BCHW if self.shortcut is None else self.shortcut(x_BCHW)), inplace=True)


class Level(nn.Module):
    """A level of the decoder: the map from below and the skip become features, the coarser prediction a finer one.

    hidden: channels of the edge and refinement layers. `up`: the level is twice as large as the one below.
    """

    def __init__(
        self, below: int, channels: int, hidden: int, classes: int, *, up: bool, uncertainty: bool, edge: bool, reverse: bool
    ) -> None:  # fmt: skip
        super().__init__()
        self.up, self.uncertainty, self.reverse = up, uncertainty, reverse
        self.rise = Bottleneck(below, channels, up=up)
        self.blocks = nn.Sequential(Bottleneck(2 * channels, channels), Bottleneck(channels, channels))
        self.edges = nn.Sequential(convolve(channels, hidden, 3), nn.Conv2d(hidden, 1, 1)) if edge else None
        views = edge + reverse
        self.refine: nn.Module = nn.Conv2d(channels, classes, 1)
        if views:
            self.refine = nn.Sequential(
                convolve(views * channels, hidden, 3), convolve(hidden, hidden, 3), nn.Conv2d(hidden, classes, 1)
            )

    def forward(
        self, x_BCHW: Tensor, skip_BCHW: Tensor, coarse_BKHW: Tensor, read: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """(features, prediction, edges or None), the last two as raw outputs. read: outputs -> probabilities."""
        if self.up:
            coarse_BKHW = functional.interpolate(coarse_BKHW, scale_factor=2, mode="bilinear")
        p_BKHW = read(coarse_BKHW.float())  # bfloat16 has no number between 0.996 and 1
        if self.uncertainty:
            skip_BCHW = skip_BCHW * (1 + measure_uncertainty(p_BKHW)).to(skip_BCHW.dtype)
        x = self.blocks(torch.cat((self.rise(x_BCHW), skip_BCHW), dim=1))
        views, edges = [], None
        if self.reverse:  # what no class claims yet
            views.append(x * (1 - p_BKHW.amax(dim=1, keepdim=True)).to(x.dtype))
        if self.edges is not None:
            edges = self.edges(x)
            views.append(x * edges.sigmoid())
        return x, coarse_BKHW + self.refine(torch.cat(views, dim=1) if views else x), edges


class Critic(nn.Module):
    """How far apart predicted and true masks look to layers that want them apart (SegAN, Xue et al. 2018: L1 between features
    of image times mask, at several scales).

    Its weights get the reversed gradient, so one optimizer trains both sides. Ours: filters of unit length, where SegAN clamps
    its weights after each step; and the image has a fourth plane of ones, so that a mask on black does not vanish.
    """

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        channels = (4 * classes, width, 2 * width, 4 * width)
        self.convs = nn.ModuleList(
            nn.Conv2d(channels[k], channels[k + 1], 4, stride=2, padding=1, bias=False) for k in range(3)
        )

    def forward(self, x_B3HW: Tensor, predicted_BKHW: Tensor, true_BKHW: Tensor) -> Tensor:
        """One number, 0 for equal masks. Both masks: 0 to 1."""
        scaled = x_B3HW / x_B3HW.square().mean().sqrt().clamp(min=1e-6)  # inputs may be 0..255 or normalised
        image = torch.cat((scaled, torch.ones_like(scaled[:, :1])), dim=1)
        a, b = (
            pad_to_multiple((image[:, None] * masks[:, :, None]).flatten(1, 2), CRITIC_PADDING)
            for masks in (predicted_BKHW, true_BKHW)
        )
        apart = (a - b).abs().mean()
        for conv in self.convs:
            weight: Tensor = conv.weight  # type: ignore[assignment]
            unit = weight / weight.flatten(1).norm(dim=1).clamp(min=1e-8)[:, None, None, None]
            against = 2 * unit.detach() - unit  # the same numbers, the opposite gradient
            a, b = (
                functional.leaky_relu(functional.conv2d(side, against, stride=2, padding=1), 0.2) for side in (a, b)
            )
            apart = apart + (a - b).abs().mean()
        return apart / (1 + len(self.convs))


class Gen5(Taught):
    """float (B, 3, H, W), any H and W -> float (B, K, H, W), no final activation: the finest prediction map.

    From the lecture: a U whose arms are bottleneck residual blocks; ASPP with rates 2, 4, 6 and global context at its bottom,
    concatenated into a 3 x 3 convolution; a 1 x 1 convolution of that as the coarsest prediction map; an uncertainty attention
    on the skips. From the abstract: edge attention and reverse attention that refine the predicted map; adversarial training.
    OURS, in no source: the number of levels, blocks and channels; every formula below; deep supervision; all loss weights.

    Uncertainty: a skip is multiplied by 1 + the binary entropy (in bits) of the class that the coarser prediction knows least.
    Reverse attention (as PraNet's, Fan et al. 2020): features times 1 - the largest probability. Edge attention: features times
    the probability of an edge, which is trained on dilated minus eroded masks. Refinement: a correction, from the features so
    weighted, is added to the coarser prediction enlarged; with both attentions off it is a 1 x 1 convolution of the features.
    Probabilities are read as the target reads them (`Taught`). The critic is SegAN's, from which the paper's may well differ.
    """

    def __init__(
        self,
        classes: int,
        *,
        width: int = 32,
        bottom_stride: int = 8,
        uncertainty: bool = True,
        edge: bool = True,
        reverse: bool = True,
        deep_supervision: bool = True,
        adversarial: float = 0.0,
    ) -> None:
        super().__init__(classes)
        self.bottom_stride, self.deep_supervision, self.adversarial = bottom_stride, deep_supervision, adversarial
        halves = (False, True, True, bottom_stride == 8)  # whether a stage of the encoder halves the size
        channels = [width << k for k in range(5)]
        self.stem = convolve(3, width, 3)
        self.encoder = nn.ModuleList(
            nn.Sequential(
                Bottleneck(channels[k], channels[k + 1], stride=1 + halves[k]),
                Bottleneck(channels[k + 1], channels[k + 1]),
            )
            for k in range(4)
        )
        self.bottom = ASPP(channels[4], RATES, channels[3], fusion_kernel=3)
        self.coarsest = nn.Conv2d(channels[3], classes, 1)
        self.decoder = nn.ModuleList(
            Level(
                channels[min(k + 2, 3)], channels[k + 1], 2 * width, classes,
                up=halves[k + 1], uncertainty=uncertainty, edge=edge, reverse=reverse,
            )
            for k in (2, 1, 0)
        )  # fmt: skip
        self.critic = Critic(classes, width) if adversarial else None

    def forward(self, x_B3HW: Tensor) -> Tensor:
        height, width = x_B3HW.shape[-2:]
        return self.predict_maps(x_B3HW)[0][-1][..., :height, :width]

    def predict_maps(self, x_B3HW: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """(prediction maps, edge maps) as raw outputs, the coarsest first, of the image padded to a multiple of the bottom's stride."""
        x = self.stem(pad_to_multiple(x_B3HW, self.bottom_stride))
        skips = []
        for stage in self.encoder:
            x = stage(x)
            skips.append(x)
        x = self.bottom(x)
        maps: list[Tensor] = [self.coarsest(x)]
        edges: list[Tensor] = []
        for level, skip in zip(self.decoder, skips[2::-1], strict=True):
            x, finer, edge = level(x, skip, maps[-1], self.read)
            maps.append(finer)
            if edge is not None:
                edges.append(edge)
        return maps, edges

    def measure(self, x_B3HW: Tensor, truth: Tensor, known: Tensor | None, loss: Loss) -> tuple[Tensor, Tensor]:
        """(loss, raw outputs (B, K, H, W)) of one batch; see `protocols.OwnLoss`.

        The mean of `loss` over the prediction maps at full size (of the finest alone without deep supervision), so that it
        compares with other networks' losses, + half the mean cross-entropy of the edge maps + the critic's share.
        """
        self.note(truth)
        height, width = x_B3HW.shape[-2:]
        maps, edges = self.predict_maps(x_B3HW)
        size = maps[-1].shape[-2:]

        def enlarge(map_BCHW: Tensor) -> Tensor:
            return functional.interpolate(map_BCHW.float(), size, mode="bilinear")[..., :height, :width]

        outputs = maps[-1].float()[..., :height, :width]
        judged = [outputs, *map(enlarge, maps[:-1])] if self.deep_supervision else [outputs]
        total = torch.stack([loss(each, truth, known) for each in judged]).mean()
        if edges:
            true_B1HW, sure = find_edges(truth, known)
            found = [_measure_edges(enlarge(each), true_B1HW, sure) for each in edges]
            total = total + EDGE_SHARE * torch.stack(found).mean()
        if self.critic is not None:
            counted = _find_known(truth, known)
            weight = 1.0 if counted is None else counted.float()
            inside = self.find_inside(truth).float()
            total = total + self.adversarial * self.critic(x_B3HW, self.read(outputs) * weight, inside * weight)
        return total, outputs


def measure_uncertainty(p_BKHW: Tensor) -> Tensor:
    """Binary entropy in bits of the class known least, (B, 1, H, W): 1 where a probability is a half, 0 where all are 0 or 1."""
    p = p_BKHW.clamp(1e-6, 1 - 1e-6)  # the entropy's slope has no bound at 0 and 1
    return (-(p * p.log() + (1 - p) * (1 - p).log()) / math.log(2)).amax(dim=1, keepdim=True)


def find_edges(truth: Tensor, known: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Dilated minus eroded masks, of any class: bool (B, 1, H, W), two pixels wide; and where all of the 3 x 3 pixels are known."""
    planes = (truth[:, None] if truth.ndim == 3 else truth > 0).float()
    edges = _dilate(planes) > -_dilate(-planes)  # of labels: whether more than one stands there
    counted = _find_known(truth, known)
    return edges.any(dim=1, keepdim=True), None if counted is None else -_dilate(-counted.float()) > 0


def _dilate(x_BCHW: Tensor) -> Tensor:
    return functional.max_pool2d(x_BCHW, 3, stride=1, padding=1)


def _find_known(truth: Tensor, known: Tensor | None) -> Tensor | None:
    """Bool (B, 1, H, W), or None where every pixel is known."""
    if truth.ndim == 3:
        return truth[:, None] != IGNORE
    return None if known is None else known[:, None]


def _measure_edges(outputs_B1HW: Tensor, edges_B1HW: Tensor, sure_B1HW: Tensor | None) -> Tensor:
    """Binary cross-entropy over the pixels whose neighbourhood is known."""
    weight = None if sure_B1HW is None else sure_B1HW.float()
    total = functional.binary_cross_entropy_with_logits(outputs_B1HW, edges_B1HW.float(), weight, reduction="sum")
    return total / (edges_B1HW.numel() if weight is None else weight.sum().clamp(min=1))


def build_gen5(config: Gen5Config, classes: int) -> Gen5:
    """A fresh network with torch's default initialisation."""
    return Gen5(
        classes,
        width=config.width,
        bottom_stride=config.bottom_stride,
        uncertainty=config.uncertainty,
        edge=config.edge,
        reverse=config.reverse,
        deep_supervision=config.deep_supervision,
        adversarial=config.adversarial,
    )
