"""How masks become what a network is trained to output, and how its output is read back as masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from segbench.errors import SegbenchError
from segbench.records import IGNORE, ClassTable, Reading

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

TargetKind = Literal["values", "planes", "labels"]
LECTURE_WINDOWS = ((25, 85), (65, 135), (115, 185), (165, 230), (210, float("inf")))  # DLStudio's test routine; strict


class Encoded(NamedTuple):
    """A batch as the loss wants it. truth: float (B, K, H, W), or int64 (B, H, W) for labels. known: bool (B, H, W) or
    None where every pixel counts (labels carry IGNORE instead)."""

    truth: Tensor
    known: Tensor | None


class Target:
    """One way of putting masks into numbers, for one ClassTable.

    "values": the lecture's grey value on a class's pixels, 0 elsewhere (slide 80). "planes": 1 and 0, read through a sigmoid.
    "labels": one class index a pixel, read through a softmax; needs an exclusive ClassTable.
    """

    def __init__(self, kind: TargetKind, classes: ClassTable) -> None:
        self.kind = kind
        self.classes = classes
        self.scale: Literal["probability", "value"] = "value" if kind == "values" else "probability"

    @property
    def reading(self) -> Reading:
        """The default way back to masks: half the value, probability 0.5, or the largest probability."""
        if self.kind == "values":
            return half_reading(self.classes)
        if self.kind == "planes":
            return Reading("windows", ((0.5, float("inf")),) * len(self.classes))
        return Reading("argmax", ((0.0, float("inf")),) * len(self.classes))

    def encode(self, masks: Tensor, known: Tensor | None = None) -> Encoded:
        """masks: bool (B, K, H, W) planes or uint8 (B, H, W) labels, on the device where the truth is wanted."""
        import torch

        if self.kind == "labels":
            return Encoded(masks.long(), None)
        if masks.ndim == 3:
            inside = masks != IGNORE
            known = inside if known is None else known & inside
            masks = masks[:, None] == torch.arange(len(self.classes), device=masks.device)[:, None, None]
        truth = masks.float()
        if self.kind == "values":
            truth = truth * torch.tensor(self.classes.values, dtype=torch.float32, device=masks.device)[:, None, None]
        return Encoded(truth, known)

    def scores(self, outputs_BKHW: Tensor) -> Tensor:
        """A network's raw outputs in the units of `scale`, float32 (B, K, H, W)."""
        outputs_BKHW = outputs_BKHW.float()
        if self.kind == "values":
            return outputs_BKHW
        return outputs_BKHW.sigmoid() if self.kind == "planes" else outputs_BKHW.softmax(dim=1)


def build_target(kind: TargetKind, classes: ClassTable) -> Target:
    """Raises SegbenchError if objects may overlap in the data but the target allows one class a pixel only."""
    if kind == "labels" and not classes.exclusive:
        raise SegbenchError(
            "The target labels wants exactly one class a pixel, but the objects of this dataset may overlap.",
            "Use the target planes (loss bce_dice) instead.",
        )
    return Target(kind, classes)


def half_reading(classes: ClassTable) -> Reading:
    """A class is where its output exceeds half of its grey value."""
    return Reading("windows", tuple((value / 2, float("inf")) for value in classes.values))


def lecture_reading(classes: ClassTable) -> Reading:
    """The reference's windows around 50, 100 .. 250 (an output that overshoots its window counts as background).

    Raises SegbenchError for any classes but the lecture's five values.
    """
    if classes.values != (50, 100, 150, 200, 250):
        raise SegbenchError(
            "The lecture's windows are for its five classes with values 50 to 250.", "Read by half the value instead."
        )
    return Reading("windows", LECTURE_WINDOWS)


def read_masks(scores_KHW: NDArray[np.floating], reading: Reading) -> NDArray[np.bool_]:
    """float (K, H, W) scores -> bool (K, H, W) masks. NaN is never inside."""
    low, high = np.array(reading.windows, dtype=np.float32).T[..., None, None]
    masks: NDArray[np.bool_] = (scores_KHW > low) & (scores_KHW < high)
    if reading.rule == "argmax":
        masks &= np.arange(len(scores_KHW))[:, None, None] == scores_KHW.argmax(axis=0)
    return masks
