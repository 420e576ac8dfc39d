"""Frozen values that cross layers. Knows neither files nor torch nor Qt, and imports no numpy until an array is touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

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


# msgspec learns how to read a Struct at the first use, and two threads that do so at once crash the process: so it learns
# here, while the module is imported. test_structs holds every Struct that is read to this.
for _kind in (DatasetInfo, Scores, Reading, Baselines, CheckpointInfo, RunInfo):
    msgspec.json.Decoder(_kind)
