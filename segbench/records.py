"""Frozen values that cross layers. Knows neither files nor torch nor Qt, and imports no numpy until an array is touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from segbench.convolution.coverage import Coverage
from segbench.convolution.geometry import Geometry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

IGNORE = 255  # the label of a pixel that is neither trained on nor scored

Color = tuple[int, int, int]  # red, green, blue, 0..255
Box = tuple[int, int, int, int]  # min_x, min_y, max_x, max_y in pixels, both ends inside the object


class ClassInfo(msgspec.Struct, frozen=True):
    """One class: its name, its display colour and the lecture's grey value for its mask (50, 100 ... 250; 0 if it has none)."""

    name: str
    color: Color
    value: int = 0


class ClassTable(msgspec.Struct, frozen=True):
    """The classes of a dataset in index order.

    `exclusive` False: a Sample's masks are boolean planes that may overlap, background is where no plane is set.
    `exclusive` True: a Sample's masks are one label map, each pixel has one class (or IGNORE); `background` is the index of
    the class that stands for "nothing", or -1 if every class means something.
    """

    classes: tuple[ClassInfo, ...]
    exclusive: bool
    background: int = -1

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.classes)

    @property
    def colors(self) -> tuple[Color, ...]:
        return tuple(c.color for c in self.classes)

    def means_same(self, other: ClassTable) -> bool:
        """The same classes in the same order, in whatever colours, so that masks of one can be compared with the other's."""
        same = [name.casefold() for name in self.names] == [name.casefold() for name in other.names]
        return same and self.exclusive == other.exclusive

    def recolor(self, colors: Sequence[Color]) -> ClassTable:
        """The same classes in these colours, one a class."""
        pairs = zip(self.classes, colors, strict=True)
        shown = tuple(ClassInfo(c.name, color, c.value) for c, color in pairs)
        return ClassTable(shown, self.exclusive, self.background)

    @property
    def values(self) -> tuple[int, ...]:
        """The lecture's grey value a class; evenly spread over 1..250 when the classes have none."""
        own = tuple(c.value for c in self.classes)
        if all(own) and len(set(own)) == len(own):
            return own
        return tuple(max(1, round(250 * (k + 1) / len(self.classes))) for k in range(len(self.classes)))


class DatasetInfo(msgspec.Struct, frozen=True):
    """What a dataset is, without its pixels. `splits` maps a split's name to its number of samples, in index order."""

    name: str
    format: str  # "purdue", "folders", "planes", "camvid", "voc", "images"
    path: str
    classes: ClassTable | None  # None: images only
    splits: dict[str, int]
    size: tuple[int, int] | None  # height, width if all samples share it and that is known; None otherwise

    @property
    def count(self) -> int:
        return sum(self.splits.values())


@dataclass(frozen=True, eq=False, slots=True)
class Sample:
    """One image and what is known about it. Arrays are read-only.

    image: uint8 (H, W, 3) RGB. masks: None (images only); bool (K, H, W) planes for an overlapping ClassTable; uint8 (H, W)
    labels 0..K-1 or IGNORE for an exclusive one. boxes: (class index, Box) an object, empty if the dataset has none.
    index counts over all splits of its dataset in order. white: the value that became 255 in a picture of more than 8 bits; 0 if
    it had 8.
    """

    index: int
    name: str
    split: str
    image: NDArray[np.uint8]
    masks: NDArray[np.bool_] | NDArray[np.uint8] | None
    boxes: tuple[tuple[int, Box], ...] = ()
    white: float = 0.0

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image.shape[0], self.image.shape[1]

    def planes(self, classes: int) -> NDArray[np.bool_] | None:
        """Masks as bool (classes, H, W), whichever way they are stored."""
        import numpy as np

        if self.masks is None or self.masks.ndim == 3:
            return self.masks  # type: ignore[return-value]
        planes: NDArray[np.bool_] = self.masks[None] == np.arange(classes, dtype=np.uint8)[:, None, None]
        return planes

    def known(self) -> NDArray[np.bool_] | None:
        """bool (H, W): True where the truth is known, so that the pixel counts; None if there are no masks."""
        import numpy as np

        if self.masks is None:
            return None
        return np.ones(self.size, bool) if self.masks.ndim == 3 else self.masks != IGNORE


class Reading(msgspec.Struct, frozen=True):
    """How scores become masks. windows: class k is where low < score < high. argmax: the class of the highest score.

    With argmax, `windows` still holds one (low, high) a class; a pixel whose best score is not inside its class's window is
    no class at all (all planes False), so a threshold can be raised there, too.
    """

    rule: Literal["windows", "argmax"]
    windows: tuple[tuple[float, float], ...]


@dataclass(frozen=True, eq=False, slots=True)
class Prediction:
    """What a network says about one sample. scores: float16 (K, H, W) at the sample's own size; `scale` tells their units:
    "probability" 0..1, "value" the lecture's grey values (about 0..300)."""

    index: int
    name: str
    scores: NDArray[np.float16]
    scale: Literal["probability", "value"]
    reading: Reading  # the default one


class ClassScore(msgspec.Struct, frozen=True):
    """Counts of pixels pooled over a set of images, and what follows from them. A score of a class that is absent from
    truth and prediction alike is None, never 0 or 1."""

    name: str
    true_positives: int
    false_positives: int
    false_negatives: int

    @property
    def iou(self) -> float | None:
        """TP / (TP + FP + FN)."""
        union = self.true_positives + self.false_positives + self.false_negatives
        return self.true_positives / union if union else None

    @property
    def dice(self) -> float | None:
        """2 TP / (2 TP + FP + FN)."""
        total = 2 * self.true_positives + self.false_positives + self.false_negatives
        return 2 * self.true_positives / total if total else None

    @property
    def precision(self) -> float | None:
        """TP / (TP + FP); None if nothing was predicted."""
        said = self.true_positives + self.false_positives
        return self.true_positives / said if said else None

    @property
    def recall(self) -> float | None:
        """TP / (TP + FN); None if the class is nowhere in the truth."""
        there = self.true_positives + self.false_negatives
        return self.true_positives / there if there else None


class Scores(msgspec.Struct, frozen=True):
    """Scores of a set of images: pixels pooled over the set, at each image's own size, ignored pixels left out."""

    classes: tuple[ClassScore, ...]
    images: int
    pixel_accuracy: float | None = None  # exclusive data only

    @property
    def mean_iou(self) -> float | None:
        """Mean of the classes' IoU over the classes that occur in truth or prediction."""
        present = [c.iou for c in self.classes if c.iou is not None]
        return sum(present) / len(present) if present else None

    @property
    def mean_dice(self) -> float | None:
        present = [c.dice for c in self.classes if c.dice is not None]
        return sum(present) / len(present) if present else None


class Baselines(msgspec.Struct, frozen=True):
    """Losses any network must beat: that of predicting nothing anywhere, and of the best constant a class. None: not defined."""

    nothing: float | None = None
    best_constant: float | None = None


class CheckpointInfo(msgspec.Struct, frozen=True):
    """What stands in a checkpoint's header, without its weights."""

    path: str
    network: str  # "munet"
    classes: ClassTable
    target: Literal["values", "planes", "labels"]
    step: int
    epoch: int
    parameters: int
    scores: Scores | None = None
    sha256: str = ""


LayerKind = Literal["conv", "conv_transpose", "norm", "pool", "linear", "other"]


class LayerInfo(msgspec.Struct, frozen=True):
    """One layer of a network: a module without modules of its own, or with parameters of its own. Pairs are (rows, columns).

    Sizes, receptive field and `unread` are those of its first call; a layer that never runs has none. macs: multiply-accumulates
    of one image over all calls, of convolutions and linear layers only, without their bias; a transpose convolution counts
    every stamp, those that padding cuts off included. unreached_parameters: never receive a gradient. receptive_field: input
    pixels from the first to the last that can reach an output pixel, at the pixel that has most; None: the whole image, or not
    known. unread: share of its input that no output pixel reads (a 1x1 convolution of stride 2 reads one in four: 0.75).
    """

    name: str  # dotted, as in a state dict
    type: str  # the module's class, "ConvTranspose2d"
    kind: LayerKind
    calls: int  # of one forward pass; 0: never runs
    parameters: int
    unreached_parameters: int
    macs: int = 0
    channels_in: int | None = None
    channels_out: int | None = None
    groups: int = 1
    kernel: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    padding: tuple[int, int] | None = None  # None for a convolution: not the same on both sides
    dilation: tuple[int, int] | None = None
    output_padding: tuple[int, int] | None = None  # transpose convolutions only
    input_size: tuple[int, int] | None = None  # height, width
    output_size: tuple[int, int] | None = None
    receptive_field: tuple[int, int] | None = None
    coverage: Coverage | None = None  # convolutions that run only
    unread: float = 0.0


class NetworkSummary(msgspec.Struct, frozen=True):
    """A network's layers in the order of their first call for an image of `size` (height, width), those that never run at the end.

    Totals are the network's: a parameter that two layers share counts once. receptive_field: of its output, as a layer's.
    """

    name: str
    size: tuple[int, int]
    layers: tuple[LayerInfo, ...]
    parameters: int
    unreached_parameters: int
    macs: int
    receptive_field: tuple[int, int] | None = None

    @property
    def with_holes(self) -> tuple[LayerInfo, ...]:
        return tuple(layer for layer in self.layers if layer.coverage == "holes")


@dataclass(frozen=True, eq=False, slots=True)
class OpenedLayer:
    """A trained convolution or transpose convolution, and what it really was given and gave. Arrays are read-only float32.

    weight_IOHW: (input channels, output channels, kernel height, kernel width) for both kinds; 0 where groups keep a pair apart.
    bias_O: zeros if it has none. input_IHW, output_OHW: of one image, at call number `call` (from 0) of a forward pass.
    """

    name: str
    geometry: Geometry
    weight_IOHW: NDArray[np.float32]
    bias_O: NDArray[np.float32]
    input_IHW: NDArray[np.float32]
    output_OHW: NDArray[np.float32]
    groups: int = 1
    call: int = 0


RunState = Literal["new", "running", "completed", "stopped", "interrupted", "failed"]


class RunInfo(msgspec.Struct, frozen=True):
    """What a list of runs shows. `state` is as the run's folder tells it; a run that was killed reads "interrupted"."""

    path: str
    name: str
    state: RunState
    network: str
    dataset: str
    started: float  # seconds since 1970, UTC
    step: int
    total_steps: int
    best_iou: float | None = None
    last_loss: float | None = None
    torn: int = 0  # lines of its log that a crash tore, and that are left out
    checkpoints: tuple[Literal["best", "last"], ...] = ("best", "last")  # that stand in its folder


# The ways to the numbers of a convolution; those of `prove`, in the order they are listed
Route = Literal[
    "scatter", "inserted", "matrix_transposed", "conv_transpose2d", "conv2d_gradient",
    "sweep", "matrix", "unrolled", "conv2d", "conv_transpose2d_gradient",
]  # fmt: skip


class RouteDifference(msgspec.Struct, frozen=True):
    """The largest absolute difference of a pixel between two ways; infinite where their sizes differ or one gives no number."""

    one: Route
    other: Route
    largest: float


class Agreement(msgspec.Struct, frozen=True):
    """Several ways to the same numbers, each compared with each. largest_value: absolute, to set differences in relation."""

    routes: tuple[Route, ...]
    differences: tuple[RouteDifference, ...]
    largest_value: float

    @property
    def largest(self) -> float:
        """The largest of the differences."""
        return max((difference.largest for difference in self.differences), default=0.0)

    @property
    def agrees(self) -> bool:
        """All ways give the same but for the rounding of float32."""
        return self.largest < float("inf") and self.largest <= 1e-5 * max(1.0, self.largest_value)


class Proof(msgspec.Struct, frozen=True):
    """One input channel to one output channel, computed in every way: forward, and backward as the loss goes."""

    forward: Agreement
    backward: Agreement

    @property
    def agrees(self) -> bool:
        return self.forward.agrees and self.backward.agrees


# msgspec learns how to read a Struct at the first use, and two threads that do so at once crash the process: so it learns
# here, while the module is imported. test_structs holds every Struct that is read to this.
for _kind in (DatasetInfo, Scores, Reading, Baselines, CheckpointInfo, RunInfo):
    msgspec.json.Decoder(_kind)
