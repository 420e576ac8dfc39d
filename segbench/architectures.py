"""The knobs of every network as frozen Structs, and NetworkConfig, the union of them. Which layers they make stands in networks/."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from segbench.knobs import Config, knob

_CLASSES_A_WIDTH = "Channels of every layer, against the paper's: 1 is as published, 0.25 a quarter of them."


class MUnetConfig(Config, frozen=True, tag="munet", tag_field="name"):
    """The lecture's mUnet (slides 68-71) as DLStudio 2.5.8 runs it."""

    depth: Annotated[
        Literal[4, 8, 16],
        knob("Depth", "Blocks a level: half of this number stand in each arm at each width. 16 is the lecture's."),
    ] = 16
    head: Annotated[
        Literal["lecture", "repaired"],
        knob(
            "Output layer",
            "lecture: its dilated, strided layer reaches only even rows and columns. repaired: every pixel.",
        ),
    ] = "repaired"
    body: Annotated[
        Literal["lecture", "repaired"],
        knob(
            "Body",
            "lecture: three pixels in four of an upsampled map are a constant, and some blocks run twice while others never do. "
            "repaired: every pixel is reached, every block runs once.",
        ),
    ] = "repaired"
    skip_connections: Annotated[
        bool,
        knob("Skip connections", "Carry encoder channels over to the decoder and add inputs to outputs inside blocks."),
    ] = True


class GaussianConfig(Config, frozen=True, tag="gaussian", tag_field="name"):
    """Slide 3's classifier: a normal distribution of colours a class and one for what is not that class, in closed form."""

    neighbourhood: Annotated[
        Literal[1, 3, 5, 7],
        knob(
            "Neighbourhood",
            "Colours are averaged over so many pixels a side before they are looked at; 1 takes each alone.",
        ),
    ] = 1
    ridge: Annotated[
        float,
        knob("Ridge", "Added to every variance, in squared input units: flat colours have none.", ge=1e-6, le=1e6),
    ] = 1e-2
    priors: Annotated[
        bool,
        knob(
            "Priors",
            "Weigh classes by how often they occur (maximum a posteriori). Slide 3 has none: maximum likelihood.",
        ),
    ] = False


class FCNConfig(Config, frozen=True, tag="fcn", tag_field="name"):
    """Generation 1: a VGG-16 trunk made fully convolutional (Long, Shelhamer and Darrell 2015)."""

    variant: Annotated[
        Literal["32s", "16s", "8s"],
        knob(
            "Variant",
            "Stride of the finest scores with five pools: 32s scores the last map alone, 16s adds scores of the pool before the "
            "last, 8s of the one before that too.",
        ),
    ] = "8s"
    width: Annotated[float, knob("Width", _CLASSES_A_WIDTH, ge=0.03125, le=2)] = 1.0
    pools: Annotated[
        Literal[3, 4, 5],
        knob(
            "Pools",
            "How often the trunk halves the image: 5 is VGG's. Fewer leave out the last ones and suit small images; all strides "
            "shrink with them, 8s to 4 or 2.",
        ),
    ] = 5
    head_kernel: Annotated[
        Literal[1, 3, 7], knob("Head kernel", "Side of the first head layer (fc6): 7 in the paper.")
    ] = 7
    learn_upsampling: Annotated[
        bool,
        knob(
            "Learn upsampling",
            "Train the bilinear kernels on, across classes too; fixed ones did as well in the released networks.",
        ),
    ] = False
    batch_norm: Annotated[
        bool, knob("Batch norm", "After each trunk convolution. The paper has none, and starts from trained weights.")
    ] = False
    dropout: Annotated[float, knob("Dropout", "In the head, after each of its two layers.", ge=0, lt=1)] = 0.5


class UNetConfig(Config, frozen=True, tag="unet", tag_field="name"):
    """Generation 2: U-Net (Ronneberger, Fischer and Brox 2015)."""

    width: Annotated[
        int, knob("Width", "Channels at full size; each level below has twice as many. 64 in the paper.", ge=4, le=256)
    ] = 64
    levels: Annotated[int, knob("Levels", "How often the image is halved; 4 in the paper.", ge=1, le=6)] = 4
    convolutions: Annotated[
        Literal["same", "valid"],
        knob(
            "Convolutions",
            "same: padded, maps keep their size. valid: the paper's, on an image mirrored at its borders; slow on small images, "
            "which grow by about 190 pixels with 4 levels.",
        ),
    ] = "same"
    batch_norm: Annotated[bool, knob("Batch norm", "After each convolution; the paper has none.")] = True
    upsampling: Annotated[
        Literal["transpose", "bilinear"],
        knob(
            "Upsampling",
            "transpose: a learned 2 x 2 transpose convolution. bilinear: enlarged without a layer, and half the channels below.",
        ),
    ] = "transpose"
    dropout: Annotated[float, knob("Dropout", "At the bottom of the U; the paper gives no share.", ge=0, lt=1)] = 0.0


_RESIDUAL = ("resnet18", "resnet50", "resnet101")
_STEM = "imagenet: 7 x 7 with stride 2, then a pool. small: 3 x 3 with stride 1 and no pool, for small images."
_RATES = "Of the atrous branches: 6, 12, 18 at output stride 16, twice that at 8; the others for small images."
_MULTI_GRID = "Multiply the rates inside the last stage by 1, 2, 4, block by block."


class DeepLabV2Config(Config, frozen=True, tag="deeplab_v2", tag_field="name"):
    """Generation 3: atrous spatial pyramid pooling on a trunk (Chen et al. 2016; slides 20-22)."""

    trunk: Annotated[
        Literal["vgg16", "resnet18", "resnet50", "resnet101"], knob("Trunk", "vgg16 and resnet101 are the paper's.")
    ] = "vgg16"
    width: Annotated[float, knob("Width", _CLASSES_A_WIDTH, ge=0.03125, le=2)] = 1.0
    stem: Annotated[Literal["imagenet", "small"], knob("Stem", _STEM, when=("network.trunk", _RESIDUAL))] = "imagenet"
    batch_norm: Annotated[
        bool,
        knob(
            "Batch norm",
            "After each convolution of the VGG trunk. The paper has none, and starts from trained weights.",
            when=("network.trunk", ("vgg16",)),
        ),
    ] = False
    output_stride: Annotated[
        Literal[4, 8, 16],
        knob("Output stride", "Image pixels a pixel of the scores: 8 in the paper, 4 for small images."),
    ] = 8
    rates: Annotated[
        Literal["6, 12, 18, 24", "2, 4, 8, 12", "2, 4, 6, 8", "1, 2, 3, 4", "12"],
        knob("Rates", "Of the atrous branches: ASPP-L, ASPP-S, two for small images, and LargeFOV's single one."),
    ] = "6, 12, 18, 24"
    fusion: Annotated[
        Literal["sum", "concat"],
        knob(
            "Fusion",
            "sum: the branches' scores are added (paper). concat: put side by side with a 1 x 1 branch, then a 1 x 1 convolution (slide 22).",
        ),
    ] = "sum"
    crf: Annotated[
        bool,
        knob(
            "Dense CRF",
            "Sharpen predictions and evaluations with the paper's fully connected CRF (section 3.5); training and its "
            "validation do without. Exact up to 64 x 64 pixels, on larger images each pixel hears a sample of the others.",
        ),
    ] = False
    dropout: Annotated[
        float,
        knob("Dropout", "In the branches on a VGG trunk.", ge=0, lt=1, when=("network.trunk", ("vgg16",))),
    ] = 0.5


class DeepLabV3Config(Config, frozen=True, tag="deeplab_v3", tag_field="name"):
    """Generation 4, the paper that slide 23 cites: ASPP with image pooling, no decoder (Chen et al. 2017)."""

    trunk: Annotated[Literal["resnet18", "resnet50", "resnet101"], knob("Trunk", "A residual network.")] = "resnet50"
    width: Annotated[float, knob("Width", _CLASSES_A_WIDTH, ge=0.03125, le=2)] = 1.0
    stem: Annotated[Literal["imagenet", "small"], knob("Stem", _STEM)] = "imagenet"
    output_stride: Annotated[Literal[4, 8, 16], knob("Output stride", "Image pixels a pixel of the scores.")] = 8
    rates: Annotated[Literal["12, 24, 36", "6, 12, 18", "3, 6, 9", "2, 4, 6", "1, 2, 4"], knob("Rates", _RATES)] = (
        "12, 24, 36"
    )
    multi_grid: Annotated[bool, knob("Multi-grid", _MULTI_GRID)] = False
    image_pooling: Annotated[bool, knob("Image pooling", "The branch that averages the whole image.")] = True
    extra_conv: Annotated[
        bool,
        knob(
            "Extra convolution", "A 3 x 3 convolution before the classifier, as torchvision has and the paper has not."
        ),
    ] = True
    dropout: Annotated[float, knob("Dropout", "Behind the projection of the pyramid.", ge=0, lt=1)] = 0.1


class DeepLabV3PlusConfig(Config, frozen=True, tag="deeplab_v3plus", tag_field="name"):
    """Generation 4, what slide 24 draws: DeepLab v3 with a decoder (Chen et al. 2018)."""

    trunk: Annotated[Literal["resnet18", "resnet50", "resnet101"], knob("Trunk", "A residual network.")] = "resnet50"
    width: Annotated[float, knob("Width", _CLASSES_A_WIDTH, ge=0.03125, le=2)] = 1.0
    stem: Annotated[Literal["imagenet", "small"], knob("Stem", _STEM)] = "imagenet"
    output_stride: Annotated[Literal[4, 8, 16], knob("Output stride", "Image pixels a pixel of the pyramid.")] = 16
    rates: Annotated[Literal["12, 24, 36", "6, 12, 18", "3, 6, 9", "2, 4, 6", "1, 2, 4"], knob("Rates", _RATES)] = (
        "6, 12, 18"
    )
    low_level: Annotated[
        int,
        knob(
            "Low-level channels",
            "Channels of the early features that the decoder gets, whatever the width; 48 in the paper.",
            ge=4,
            le=256,
        ),
    ] = 48
    separable: Annotated[
        bool, knob("Separable convolutions", "Depthwise and pointwise in pyramid and decoder: fewer parameters.")
    ] = False
    multi_grid: Annotated[bool, knob("Multi-grid", _MULTI_GRID)] = False
    dropout: Annotated[float, knob("Dropout", "Behind the projection of the pyramid.", ge=0, lt=1)] = 0.1


class Gen5Config(Config, frozen=True, tag="gen5", tag_field="name"):
    """Generation 5, a reading of slides 25-28 and the abstract of Chattopadhyay and Kak 2022; unspecified parts are ours."""

    width: Annotated[
        int, knob("Width", "Channels of the stem; the levels have 2, 4, 8 and 16 times as many.", ge=4, le=128)
    ] = 32
    bottom_stride: Annotated[
        Literal[4, 8],
        knob(
            "Bottom stride",
            "Image pixels a pixel of the lowest map: 8, or 4 so that small images leave the rates 2, 4, 6 room.",
        ),
    ] = 8
    uncertainty: Annotated[
        bool, knob("Uncertainty attention", "Weigh the skips by how unsure the coarser prediction is.")
    ] = True
    edge: Annotated[bool, knob("Edge attention", "Predict the objects' edges too, and refine where they are.")] = True
    reverse: Annotated[bool, knob("Reverse attention", "Refine where the coarser prediction found nothing.")] = True
    deep_supervision: Annotated[
        bool, knob("Deep supervision", "Punish every prediction map, not the finest alone.")
    ] = True
    adversarial: Annotated[
        float,
        knob(
            "Adversarial weight",
            "Of a critic that tells predicted from true masks while training; 0 has none.",
            ge=0,
            le=10,
        ),
    ] = 0.0


NetworkConfig = (
    MUnetConfig
    | GaussianConfig
    | FCNConfig
    | UNetConfig
    | DeepLabV2Config
    | DeepLabV3Config
    | DeepLabV3PlusConfig
    | Gen5Config
)
ARCHITECTURES: dict[str, type[Config]] = {kind.__struct_config__.tag: kind for kind in get_args(NetworkConfig)}


def name_network(config: NetworkConfig) -> str:
    """The name a network is chosen by: "munet"."""
    return str(type(config).__struct_config__.tag)
