"""DeepLab v2, v3 and v3+: a trunk with atrous convolutions, a pyramid of them on its map, and in v3+ a decoder (slides 20-24)."""

from __future__ import annotations

# Shape suffixes: B batch, C channels, H height, W width, K classes
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from segbench.architectures import DeepLabV2Config, DeepLabV3Config, DeepLabV3PlusConfig
from segbench.networks.blocks import pad_to_multiple, scale_channels
from segbench.networks.pyramid import ASPP, CHANNELS, convolve
from segbench.networks.trunks import VGG, ResNet

HEAD_CHANNELS = 1024  # of fc6 and fc7 in a branch on VGG-16


class DeepLabV2(nn.Module):
    """float (B, 3, H, W), any H and W -> float (B, K, H, W): scores at 1 / output_stride of the size, enlarged bilinearly.

    Branches as published: on VGG-16 fc6 (3 x 3, atrous), fc7 and fc8 (1 x 1) each (figure 7 of Chen et al. 2016), on a residual
    network one 3 x 3 convolution to the K scores each. fusion "sum": their scores are added, as published. fusion "concat": what
    slide 22 draws, with a 1 x 1 branch beside them and a 1 x 1 convolution over the scores of all.
    `crf`: whoever predicts shall sharpen the scores (inference/crf.py); no pass of this network does, so training is as fast.
    At K = 21, VGG-16 has 37,877,652 parameters with four rates, 20,505,429 with one (LargeFOV); ResNet-101 44,048,532.
    """

    def __init__(self, classes: int, config: DeepLabV2Config) -> None:
        super().__init__()
        self.output_stride = config.output_stride
        self.crf = config.crf
        rates = read_rates(config.rates)
        self.backbone: VGG | ResNet
        if config.trunk == "vgg16":
            self.backbone = VGG(config.width, config.output_stride, batch_norm=config.batch_norm)
            inputs, hidden = self.backbone.channels, scale_channels(HEAD_CHANNELS, config.width)
            branches = [_build_vgg_branch(inputs, hidden, classes, rate, config.dropout) for rate in rates]
        else:
            self.backbone = ResNet(config.trunk, config.width, config.output_stride, stem=config.stem)
            inputs = self.backbone.channels
            branches = [_build_scores(inputs, classes, 3, rate) for rate in rates]
        self.fusion: nn.Conv2d | None = None
        if config.fusion == "concat":
            branches.append(_build_scores(inputs, classes, 1))
            self.fusion = nn.Conv2d(len(branches) * classes, classes, 1)
        self.branches = nn.ModuleList(branches)

    def forward(self, x_B3HW: Tensor) -> Tensor:
        padded = pad_to_multiple(x_B3HW, self.output_stride)
        features = self.backbone(padded)
        scores = [branch(features) for branch in self.branches]
        fused = sum(scores[1:], scores[0]) if self.fusion is None else self.fusion(torch.cat(scores, dim=1))
        return enlarge(fused, padded)[..., : x_B3HW.shape[-2], : x_B3HW.shape[-1]]


class DeepLabV3(nn.Module):
    """float (B, 3, H, W), any H and W -> float (B, K, H, W): scores at 1 / output_stride of the size, enlarged bilinearly.

    No decoder: the paper that slide 23 cites has none (Chen et al. 2017). Weights are named as in torchvision's, and with
    `extra_conv` they fit: at K = 21, ResNet-50 has 39,638,869 parameters and ResNet-101 58,630,997, without it 58,040,661.
    """

    def __init__(self, classes: int, config: DeepLabV3Config) -> None:
        super().__init__()
        self.output_stride = config.output_stride
        self.backbone = _build_resnet(config)
        channels = scale_channels(CHANNELS, config.width)
        self.classifier = nn.Sequential(
            ASPP(
                self.backbone.channels,
                read_rates(config.rates),
                channels,
                image_pooling=config.image_pooling,
                dropout=config.dropout,
            ),
            *(convolve(channels, channels, 3) if config.extra_conv else ()),
            nn.Conv2d(channels, classes, 1),
        )

    def forward(self, x_B3HW: Tensor) -> Tensor:
        padded = pad_to_multiple(x_B3HW, self.output_stride)
        scores = self.classifier(self.backbone(padded))
        return enlarge(scores, padded)[..., : x_B3HW.shape[-2], : x_B3HW.shape[-1]]


class DeepLabV3Plus(nn.Module):
    """float (B, 3, H, W), any H and W -> float (B, K, H, W): what slide 24 draws, v3 with a decoder (Chen et al. 2018).

    The pyramid's map is enlarged to the size of the trunk's first stage (1/4 of the image's, with stem "small" that itself),
    joined with that stage's features reduced to `low_level` channels, and refined by two 3 x 3 convolutions, the paper's best.
    At K = 21, ResNet-101 has 59,344,309 parameters. With `separable`, pyramid and decoder are: ResNet-50 has 26,696,133, which
    is segmentation_models_pytorch's 26,682,725 and 13,408 of the norms between the halves, which that leaves out.
    """

    def __init__(self, classes: int, config: DeepLabV3PlusConfig) -> None:
        super().__init__()
        self.output_stride = config.output_stride
        self.backbone = _build_resnet(config)
        channels, separable = scale_channels(CHANNELS, config.width), config.separable
        rates = read_rates(config.rates)
        self.aspp = ASPP(self.backbone.channels, rates, channels, separable=separable, dropout=config.dropout)
        self.low_level = convolve(self.backbone.low_channels, config.low_level, 1)
        self.decoder = nn.Sequential(
            convolve(channels + config.low_level, channels, 3, separable=separable),
            convolve(channels, channels, 3, separable=separable),
            nn.Conv2d(channels, classes, 1),
        )

    def forward(self, x_B3HW: Tensor) -> Tensor:
        padded = pad_to_multiple(x_B3HW, self.output_stride)
        features, low = self.backbone.encode(padded)
        joined = torch.cat((enlarge(self.aspp(features), low), self.low_level(low)), dim=1)
        return enlarge(self.decoder(joined), padded)[..., : x_B3HW.shape[-2], : x_B3HW.shape[-1]]


def enlarge(x_BCHW: Tensor, like: Tensor) -> Tensor:
    """Bilinearly, to the height and width of `like`."""
    return functional.interpolate(x_BCHW, size=like.shape[-2:], mode="bilinear", align_corners=False)


def read_rates(text: str) -> tuple[int, ...]:
    """ "6, 12, 18" -> (6, 12, 18)."""
    return tuple(int(rate) for rate in text.split(","))


def _build_resnet(config: DeepLabV3Config | DeepLabV3PlusConfig) -> ResNet:
    return ResNet(config.trunk, config.width, config.output_stride, stem=config.stem, multi_grid=config.multi_grid)


def _build_vgg_branch(inputs: int, hidden: int, classes: int, rate: int, dropout: float) -> nn.Module:
    """The former dense layers of VGG-16, the first with a rate. Layers are named as in the released network."""
    fc6 = nn.Conv2d(inputs, hidden, 3, padding=rate, dilation=rate)
    fc7 = nn.Conv2d(hidden, hidden, 1)
    for layer in (fc6, fc7):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return nn.Sequential(
        OrderedDict(
            fc6=fc6,
            relu6=nn.ReLU(inplace=True),
            drop6=nn.Dropout(dropout),
            fc7=fc7,
            relu7=nn.ReLU(inplace=True),
            drop7=nn.Dropout(dropout),
            fc8=_build_scores(hidden, classes, 1),
        )
    )


def _build_scores(inputs: int, classes: int, kernel: int, rate: int = 1) -> nn.Module:
    """Features to scores, starting from normal weights of deviation 0.01 as released."""
    layer = nn.Conv2d(inputs, classes, kernel, padding=rate * (kernel // 2), dilation=rate)
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def build_deeplab_v2(config: DeepLabV2Config, classes: int) -> DeepLabV2:
    """A fresh DeepLab v2."""
    return DeepLabV2(classes, config)


def build_deeplab_v3(config: DeepLabV3Config, classes: int) -> DeepLabV3:
    """A fresh DeepLab v3."""
    return DeepLabV3(classes, config)


def build_deeplab_v3plus(config: DeepLabV3PlusConfig, classes: int) -> DeepLabV3Plus:
    """A fresh DeepLab v3+."""
    return DeepLabV3Plus(classes, config)
