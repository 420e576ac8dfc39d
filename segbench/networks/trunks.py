"""Trunks: VGG-16 and residual networks that end in a map of features, with atrous convolutions where a stride was taken out."""

from __future__ import annotations

# Shape suffixes: B batch, C channels, H height, W width
from typing import Literal, NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from segbench.networks.blocks import VGG16, StridedPointwise, build_convolution, scale_channels

MULTI_GRID = (1, 2, 4)  # by what the blocks of the last stage multiply its rate (DeepLab v3)
Stem = Literal["imagenet", "small"]


class Stage(NamedTuple):
    """How a stage of a trunk begins and goes on: its stride, and the rate of its 3 x 3 convolutions."""

    stride: int
    rate: int


def plan_stages(stem_stride: int, output_stride: int) -> list[Stage]:
    """The four stages of a residual network. They keep their strides until one pixel stands for `output_stride` image pixels;
    behind that each lost stride doubles the rate instead, so that filters see what they would have seen (DeepLab v2).

    The first has none, but where the others' do not suffice: without a pool in the stem, at output stride 16.
    """
    planned, reached, rate = [], stem_stride, 1
    for stride in (2 if output_stride > 8 * stem_stride else 1, 2, 2, 2):
        if reached * stride > output_stride:
            rate, stride = rate * stride, 1
        reached *= stride
        planned.append(Stage(stride, rate))
    return planned


class VGG(nn.Module):
    """The convolutions of VGG-16 as DeepLab v2 runs them: float (B, 3, H, W) -> float (B, channels, about H / output_stride).

    Every pool has kernel 3 and padding 1, so that one whose stride is taken out keeps the size; at output stride 8 these are
    the last two of five.
    """

    def __init__(self, width: float = 1.0, output_stride: int = 8, *, batch_norm: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs, rate = 3, 1
        for number, (channels, count) in enumerate(VGG16):
            outputs = scale_channels(channels, width)
            for _ in range(count):
                layers += build_convolution(inputs, outputs, padding=rate, dilation=rate, batch_norm=batch_norm)
                inputs = outputs
            stride = 2 if 2**number < output_stride else 1
            layers.append(nn.MaxPool2d(3, stride=stride, padding=1))
            rate *= 2 // stride
        self.features = nn.Sequential(*layers)
        self.channels = inputs

    def forward(self, x_B3HW: Tensor) -> Tensor:
        features: Tensor = self.features(x_B3HW)
        return features


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut, of ResNet-18. torchvision's refuses a rate; here both convolutions have it."""

    EXPANSION = 1

    def __init__(self, in_channels: int, planes: int, stride: int, rate: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, planes, 3, stride=stride, padding=rate, dilation=rate, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=rate, dilation=rate, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = _build_shortcut(in_channels, planes, stride)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        out = functional.relu(self.bn1(self.conv1(x_BCHW)), inplace=True)
        out = self.bn2(self.conv2(out))
        return functional.relu(out + (x_BCHW if self.downsample is None else self.downsample(x_BCHW)), inplace=True)


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3, 1 x 1 and a shortcut, of ResNet-50 and -101. The stride is the 3 x 3 convolution's, as in torchvision; in the
    networks of the papers it is the first one's."""

    EXPANSION = 4

    def __init__(self, in_channels: int, planes: int, stride: int, rate: int) -> None:
        super().__init__()
        channels = planes * self.EXPANSION
        self.conv1 = nn.Conv2d(in_channels, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride=stride, padding=rate, dilation=rate, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.downsample = _build_shortcut(in_channels, channels, stride)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        out = functional.relu(self.bn1(self.conv1(x_BCHW)), inplace=True)
        out = functional.relu(self.bn2(self.conv2(out)), inplace=True)
        out = self.bn3(self.conv3(out))
        return functional.relu(out + (x_BCHW if self.downsample is None else self.downsample(x_BCHW)), inplace=True)


class ResNetKind(NamedTuple):
    """Which blocks a residual network has, and how many a stage (He et al. 2015, table 1)."""

    block: type[BasicBlock] | type[Bottleneck]
    counts: tuple[int, int, int, int]


RESNETS = {
    "resnet18": ResNetKind(BasicBlock, (2, 2, 2, 2)),
    "resnet50": ResNetKind(Bottleneck, (3, 4, 6, 3)),
    "resnet101": ResNetKind(Bottleneck, (3, 4, 23, 3)),
}


class ResNet(nn.Module):
    """A residual network without its classifier: float (B, 3, H, W) -> float (B, channels, H, W) of a stride.

    Weights are named as in torchvision. stem "imagenet" halves the image twice before the first stage; "small" not at all, and
    its first stage halves only where output stride 16 asks for it.
    """

    def __init__(
        self,
        kind: str = "resnet50",
        width: float = 1.0,
        output_stride: int = 8,
        *,
        stem: Stem = "imagenet",
        multi_grid: bool = False,
    ) -> None:
        super().__init__()
        block, counts = RESNETS[kind]
        first = scale_channels(64, width)
        if stem == "imagenet":
            self.conv1 = nn.Conv2d(3, first, 7, stride=2, padding=3, bias=False)
            self.maxpool: nn.Module = nn.MaxPool2d(3, stride=2, padding=1)
        else:
            self.conv1 = nn.Conv2d(3, first, 3, padding=1, bias=False)
            self.maxpool = nn.Identity()
        self.bn1 = nn.BatchNorm2d(first)
        before = 4 if stem == "imagenet" else 1
        planned = plan_stages(before, output_stride)
        stages, inputs = [], first
        for number, (count, stage) in enumerate(zip(counts, planned, strict=True)):
            grid = MULTI_GRID if multi_grid and number == 3 else (1,)
            planes = scale_channels(64 * 2**number, width)
            blocks = []
            for place in range(count):
                blocks.append(
                    block(inputs, planes, stage.stride if place == 0 else 1, stage.rate * grid[place % len(grid)])
                )
                inputs = planes * block.EXPANSION
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.channels = inputs
        self.low_channels = first * block.EXPANSION
        _initialise(self)

    def forward(self, x_B3HW: Tensor) -> Tensor:
        return self.encode(x_B3HW)[0]

    def encode(self, x_B3HW: Tensor) -> tuple[Tensor, Tensor]:
        """The maps of the last stage and of the first."""
        x = self.maxpool(functional.relu(self.bn1(self.conv1(x_B3HW)), inplace=True))
        low: Tensor = self.layer1(x)
        return self.layer4(self.layer3(self.layer2(low))), low


def _build_shortcut(in_channels: int, channels: int, stride: int) -> nn.Sequential | None:
    """What brings the input to the output's size; None where they are alike."""
    if stride == 1 and in_channels == channels:
        return None
    return nn.Sequential(
        StridedPointwise(in_channels, channels, 1, stride=stride, bias=False), nn.BatchNorm2d(channels)
    )


def _initialise(trunk: nn.Module) -> None:
    """As torchvision does it: normal weights that keep the size of gradients through ReLUs (He et al. 2015)."""
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
