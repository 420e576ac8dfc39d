"""The lecture's mUnet (slides 64-71), forward pass as DLStudio 2.5.8 runs it, for any number of classes and any image size."""

from __future__ import annotations

# Shape suffixes: B batch, C channels, H height, W width, K classes
import torch
from torch import Tensor, nn
from torch.nn import functional

from segbench.architectures import MUnetConfig
from segbench.networks.blocks import pad_to_multiple, splice

STRIDE = 8  # at the bottom of the U one pixel stands for 8 x 8


class SkipBlockDown(nn.Module):
    """Block of the descending arm (slide 65): two 3x3 convolutions and a skip; `downsample` halves height and width.

    conv2 and bn2 exist, but are used only where the channels stay the same, as in the reference.
    """

    def __init__(self, in_channels: int, out_channels: int, *, downsample: bool = False, skip: bool = True) -> None:
        super().__init__()
        self.skip = skip
        self.keeps_channels = in_channels == out_channels
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.conv2 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsampler = nn.Conv2d(in_channels, out_channels, 1, stride=2) if downsample else None

    def forward(self, x_BCHW: Tensor) -> Tensor:
        identity = x_BCHW
        out = functional.relu(self.bn1(self.conv1(x_BCHW)), inplace=True)
        if self.keeps_channels:
            out = functional.relu(self.bn2(self.conv2(out)), inplace=True)
        if self.downsampler is not None:  # one convolution serves both paths
            out, identity = self.downsampler(out), self.downsampler(identity)
        if not self.skip:
            return out
        return out + (identity if self.keeps_channels else torch.cat((identity, identity), dim=1))


class SkipBlockUp(nn.Module):
    """Block of the ascending arm (slide 66): as SkipBlockDown with transpose convolutions; `upsample` doubles the size.

    upsample "lecture": kernel 1, stride 2, so three output pixels in four are the bias. "repaired": kernel 2, no holes.
    """

    def __init__(self, in_channels: int, out_channels: int, *, upsample: str = "", skip: bool = True) -> None:
        super().__init__()
        self.skip = skip
        self.keeps_channels = in_channels == out_channels
        self.out_channels = out_channels
        self.convT1 = nn.ConvTranspose2d(in_channels, out_channels, 3, padding=1)
        self.convT2 = nn.ConvTranspose2d(in_channels, out_channels, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.upsampler: nn.Module | None = None
        if upsample == "lecture":
            self.upsampler = nn.ConvTranspose2d(in_channels, out_channels, 1, stride=2, dilation=2, output_padding=1)
        elif upsample == "repaired":
            self.upsampler = nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        identity = x_BCHW
        out = functional.relu(self.bn1(self.convT1(x_BCHW)), inplace=True)
        if self.keeps_channels:
            out = functional.relu(self.bn2(self.convT2(out)), inplace=True)
        if self.upsampler is not None:
            out, identity = self.upsampler(out), self.upsampler(identity)
        if not self.skip:
            return out
        return out + (identity if self.keeps_channels else identity[:, self.out_channels :])


class MUnet(nn.Module):
    """float (B, 3, H, W), any H and W -> float (B, K, H, W), no final activation.

    head "lecture": the output layer has stride 2 and dilation 2 and writes only even rows and columns; every other output
    pixel is its bias. head "repaired": stride 2 without dilation, every pixel is reached.
    body "lecture": both upsamplers as in SkipBlockUp, and of skip128UP_arr the first depth // 8 blocks run twice a pass, before
    and behind the splice, the rest never (slide 71); so their batch norms keep one running mean for two distributions, which a
    network in evaluation mode then uses for both. body "repaired": no holes, and every block runs once.
    The lecture's has 6,999,109 parameters at depth 16 with 5 classes, of which 1,922,112 never receive a gradient.
    The skips across the arms replace half of the decoder's channels (slide 70, lines D-F); nothing is concatenated.
    """

    def __init__(
        self,
        classes: int,
        *,
        depth: int = 16,
        head: str = "repaired",
        body: str = "repaired",
        skip_connections: bool = True,
    ) -> None:
        super().__init__()
        blocks, skip = depth // 2, skip_connections
        self.few = blocks // 4  # blocks before the saved features; the rest stand behind them
        self.runs_twice = body == "lecture"

        def down(count: int, channels: int) -> nn.ModuleList:
            return nn.ModuleList(SkipBlockDown(channels, channels, skip=skip) for _ in range(count))

        def up(count: int, channels: int) -> nn.ModuleList:
            return nn.ModuleList(SkipBlockUp(channels, channels, skip=skip) for _ in range(count))

        self.conv_in = nn.Conv2d(3, 64, 3, padding=1)
        self.bn1DN, self.bn2DN = nn.BatchNorm2d(64), nn.BatchNorm2d(128)
        self.skip64DN_arr = down(blocks, 64)
        self.skip64dsDN = SkipBlockDown(64, 64, downsample=True, skip=skip)
        self.skip64to128DN = SkipBlockDown(64, 128, skip=skip)
        self.skip128DN_arr = down(blocks, 128)
        self.skip128dsDN = SkipBlockDown(128, 128, downsample=True, skip=skip)
        self.bn1UP, self.bn2UP = nn.BatchNorm2d(128), nn.BatchNorm2d(64)
        self.skip64UP_arr = up(blocks, 64)
        self.skip64usUP = SkipBlockUp(64, 64, upsample=body, skip=skip)
        self.skip128to64UP = SkipBlockUp(128, 64, skip=skip)
        self.skip128UP_arr = up(blocks, 128)
        self.skip128usUP = SkipBlockUp(128, 128, upsample=body, skip=skip)
        if head == "lecture":
            self.conv_out = nn.ConvTranspose2d(64, classes, 3, stride=2, dilation=2, output_padding=1, padding=2)
        else:
            self.conv_out = nn.ConvTranspose2d(64, classes, 3, stride=2, output_padding=1, padding=1)

    def forward(self, x_B3HW: Tensor) -> Tensor:
        height, width = x_B3HW.shape[-2:]
        few = self.few
        # Down: 64 channels at 1/2 and 1/4, 128 at 1/4 and 1/8
        x = functional.max_pool2d(functional.relu(self.conv_in(pad_to_multiple(x_B3HW, STRIDE))), 2)
        x = _run(self.skip64DN_arr[:few], x)
        saved_half = x[:, :32]
        x = _run(self.skip64DN_arr[few:], self.skip64dsDN(x))
        x = self.bn1DN(x)
        saved_quarter = x[:, :32]
        x = _run(self.skip128DN_arr[:few], self.skip64to128DN(x))
        x = self.bn2DN(x)
        saved_wide = x[:, :64]
        x = self.skip128dsDN(_run(self.skip128DN_arr[few:], x))
        # Up again
        x = _run(self.skip128UP_arr[:few], self.skip128usUP(x))
        x = self.bn1UP(splice(saved_wide, x))
        x = _run(self.skip128UP_arr[:few] if self.runs_twice else self.skip128UP_arr[few:], x)
        x = self.skip128to64UP(x)
        x = _run(self.skip64UP_arr[few:], x)
        x = self.bn2UP(splice(saved_quarter, x))
        x = _run(self.skip64UP_arr[:few], self.skip64usUP(x))
        scores_BKHW: Tensor = self.conv_out(splice(saved_half, x))
        return scores_BKHW[..., :height, :width]


def _run(blocks: nn.ModuleList, x: Tensor) -> Tensor:
    for block in blocks:
        x = block(x)
    return x


def build_munet(config: MUnetConfig, classes: int) -> MUnet:
    """A fresh mUnet with torch's default initialisation."""
    return MUnet(
        classes,
        depth=config.depth,
        head=config.head,
        body=config.body,
        skip_connections=config.skip_connections,
    )
