"""What a network is punished for: each loss takes raw outputs (B, K, H, W) and an encoded target, and gives one number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from segbench.config import LossConfig
from segbench.records import IGNORE, ClassTable

Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]

REACH = 5.0  # border weights are followed so many sigmas far; beyond they are below w0 / 250,000
_TOUCHING = np.ones((3, 3), bool)  # pixels that meet at a corner belong together


def mse(outputs: Tensor, truth: Tensor, known: Tensor | None = None) -> Tensor:
    """Mean squared difference over all known pixels and planes, the lecture's loss (slide 82)."""
    return _mean_over_known(
        functional.mse_loss(outputs, truth, reduction="none" if known is not None else "mean"), known
    )


def mse_on_planes(outputs: Tensor, truth: Tensor, known: Tensor | None = None) -> Tensor:
    """Mean squared difference between sigmoid(outputs) and the yes/no planes (the Brier score)."""
    return mse(outputs.sigmoid(), truth, known)


def bce(outputs: Tensor, truth: Tensor, known: Tensor | None = None) -> Tensor:
    """Binary cross-entropy of sigmoid(outputs), averaged over known pixels and planes."""
    each = functional.binary_cross_entropy_with_logits(
        outputs, truth, reduction="none" if known is not None else "mean"
    )
    return _mean_over_known(each, known)


def soft_dice(outputs: Tensor, truth: Tensor, known: Tensor | None = None) -> Tensor:
    """1 - Dice of sigmoid(outputs), pooled over the batch class by class, averaged over the classes present in the batch.

    An absent class is left out: its Dice would reward predicting nothing at all. 0 if no class is present.
    """
    missing, present = _miss_dice(outputs, truth, known)
    return missing.sum() / present


def bce_dice(outputs: Tensor, truth: Tensor, known: Tensor | None = None) -> Tensor:
    """bce + soft_dice."""
    return bce(outputs, truth, known) + soft_dice(outputs, truth, known)


def mse_dice(outputs: Tensor, truth: Tensor, known: Tensor | None = None) -> Tensor:
    """mse_on_planes + soft_dice."""
    return mse_on_planes(outputs, truth, known) + soft_dice(outputs, truth, known)


def cross_entropy(outputs: Tensor, truth: Tensor, known: Tensor | None = None) -> Tensor:
    """Cross-entropy of softmax(outputs) against int64 labels (B, H, W); pixels labelled IGNORE do not count."""
    counted = (truth != IGNORE).sum().clamp(min=1)
    return functional.cross_entropy(outputs, truth, ignore_index=IGNORE, reduction="sum") / counted


_PLAIN: dict[tuple[str, str], Loss] = {
    ("values", "mse"): mse,
    ("planes", "mse"): mse_on_planes,
    ("planes", "bce"): bce,
    ("planes", "dice"): soft_dice,
    ("planes", "bce_dice"): bce_dice,
    ("planes", "mse_dice"): mse_dice,
    ("labels", "cross_entropy"): cross_entropy,
}


class LossFunction:
    """The loss of a run. Called, it gives one number: the mean over known pixels (and planes) of a pixel's loss times its weight,
    and Dice on top of that. `split` tells what each class adds to it.

    Without class weights it is the plain function above of that name. Focal (Lin et al. 2017): cross-entropy, of each plane or of
    the labels, times (1 - probability of the truth) ** focus. Border (Ronneberger et al. 2015): cross-entropy times the class's
    weight plus that of `weigh_borders`. Class weights never touch Dice, which counts every class alike anyway.
    """

    def __init__(self, config: LossConfig, classes: ClassTable, weights: Tensor | None = None) -> None:
        """weights: as `weigh_classes` gives them, on any device."""
        self.config = config
        self.classes = classes
        self.weights = weights
        plain = weights is None or config.name == "dice"
        self._plain = _PLAIN.get((config.target, config.name)) if plain else None
        self._borders: tuple[Tensor, Tensor] | None = None  # the last labels, and their border weights

    def __call__(self, outputs: Tensor, truth: Tensor, known: Tensor | None = None) -> Tensor:
        if self._plain is not None:
            return self._plain(outputs, truth, known)
        loss = self._spread(outputs, truth, known).sum()
        return loss + soft_dice(outputs, truth, known) if self.config.name.endswith("_dice") else loss

    def split(self, outputs: Tensor, truth: Tensor, known: Tensor | None = None) -> Tensor:
        """What each class adds to the loss, float64 (K,) on the CPU, no gradients: they sum to the loss. A class owns its plane,
        its Dice, or the pixels that are truly of it."""
        count = outputs.shape[1]
        with torch.no_grad():
            parts = torch.zeros(count, dtype=torch.float64)
            if self.config.name.endswith("dice"):
                missing, present = _miss_dice(outputs, truth, known)
                parts += (missing / present).cpu()
            if self.config.name == "dice":
                return parts
            each = self._spread(outputs, truth, known)
            if self.config.target != "labels":
                return parts + each.sum(dim=(0, 2, 3)).cpu()
            owner = truth.masked_fill(truth == IGNORE, 0).flatten().cpu()
            return torch.bincount(owner, each.flatten().cpu().double(), count)

    def _spread(self, outputs: Tensor, truth: Tensor, known: Tensor | None) -> Tensor:
        """What each pixel (B, H, W), of each plane (B, K, H, W), adds to the loss, Dice left out."""
        config = self.config
        weights = None if self.weights is None else self.weights.to(outputs.device)
        if config.target == "labels":
            each = functional.cross_entropy(outputs, truth, ignore_index=IGNORE, reduction="none")
            if config.name == "focal":  # not down to 0, where a power below 1 has no slope
                each = each * (-torch.expm1(-each)).clamp(min=1e-8) ** config.focus
            weight = None if weights is None else weights[truth.masked_fill(truth == IGNORE, 0)]
            if config.name == "border":
                weight = self._weigh_borders(truth) + (1.0 if weight is None else weight)
            counted = (truth != IGNORE).sum().clamp(min=1)
            return (each if weight is None else each * weight) / counted
        if config.name == "focal":
            agreement = outputs * (2 * truth - 1)
            miss = functional.logsigmoid(-agreement)  # log(1 - probability of the truth)
            each = (config.focus * miss).exp() * -functional.logsigmoid(agreement)
        elif config.name.startswith("bce"):
            each = functional.binary_cross_entropy_with_logits(outputs, truth, reduction="none")
        else:
            each = (outputs if config.target == "values" else outputs.sigmoid()) - truth
            each = each * each
        if weights is not None:
            yes, no = weights[:, :, None, None]
            each = each * torch.where(truth > 0, yes, no)
        if known is None:
            return each / each.numel()
        return each * known[:, None] / (known.sum() * each.shape[1]).clamp(min=1)

    def _weigh_borders(self, labels: Tensor) -> Tensor:
        """Kept for the last labels: a network with several outputs asks for the same ones several times a step."""
        if self._borders is None or self._borders[0] is not labels:
            config, background = self.config, self.classes.background
            found = weigh_borders(labels.cpu().numpy(), background, config.border_weight, config.border_width)
            self._borders = labels, torch.from_numpy(found).to(labels.device)
        return self._borders[1]


def build_loss(config: LossConfig, classes: ClassTable, weights: Tensor | None = None) -> LossFunction:
    """The loss that these settings ask for; `config.check` has found that target and loss go together."""
    return LossFunction(config, classes, weights)


def weigh_classes(config: LossConfig, classes: ClassTable, shares_K: Tensor) -> Tensor | None:
    """How much a pixel counts, float32; None: all alike. Labels: (K,), by its class. Planes and values: (2, K), whether it is of
    the plane's class (row 0) or not (row 1).

    shares_K: of the known pixels of the training images. The size of a class is its share; for grey values times the value
    squared, since that is how its errors grow. What is not of the class in its plane counts like a class of its own. A weight is
    1 / size (equal) or 1 / sqrt(size) (frequency), all scaled alike so that the whole training set weighs what it does without
    them; for grey values so that predicting nothing costs what it does without them, as learning rates for squared grey values
    are tuned to that. A class that was not seen counts like the rarest one.
    """
    if config.class_weights == "none":
        return None
    size = shares_K.double()
    if config.target != "labels":
        size = torch.stack([size, 1 - size])
    seen = size > 0
    size = size.clamp(min=size[seen].min().item() if seen.any() else 1.0)
    if config.target == "values":
        size = size * torch.tensor(classes.values, dtype=torch.float64) ** 2
    weights = 1 / (size if config.class_weights == "equal" else size.sqrt())
    kept = slice(1) if config.target == "values" else slice(None)  # whose sum stays the same
    return (weights * size[kept].sum() / (weights * size)[kept].sum()).float()


def weigh_borders(labels_BHW: NDArray[np.integer], background: int, weight: float, width: float) -> NDArray[np.float32]:
    """What U-Net's weight map adds to the class's weight: weight * exp(-(d1 + d2)^2 / (2 width^2)), float32 (B, H, W).

    d1 and d2 are a pixel's distances to the nearest and the second nearest object, 0 inside one. An object is a connected region
    (8 neighbours) of a class other than `background` (-1: none is); pixels labelled IGNORE belong to none.
    """
    margin = int(np.ceil(REACH * width))
    near = np.full(labels_BHW.shape, np.inf, np.float32)
    second = near.copy()
    for labels, d1, d2 in zip(labels_BHW, near, second, strict=True):
        height, wide = labels.shape
        classes = labels.astype(np.int32) + 1
        classes[(labels == IGNORE) | (labels == background)] = 0
        for k, place in enumerate(ndimage.find_objects(classes), start=1):
            if place is None:
                continue
            regions, _ = ndimage.label(classes[place] == k, structure=_TOUCHING)
            for number, box in enumerate(ndimage.find_objects(regions), start=1):
                rows, columns = (slice(at.start + b.start, at.start + b.stop) for at, b in zip(place, box, strict=True))
                around = (
                    slice(max(rows.start - margin, 0), min(rows.stop + margin, height)),
                    slice(max(columns.start - margin, 0), min(columns.stop + margin, wide)),
                )
                outside = np.ones((around[0].stop - around[0].start, around[1].stop - around[1].start), bool)
                top, left = rows.start - around[0].start, columns.start - around[1].start
                outside[top : top + rows.stop - rows.start, left : left + columns.stop - columns.start] = (
                    regions[box] != number
                )
                distance = ndimage.distance_transform_edt(outside).astype(np.float32)
                d2[around] = np.minimum(d2[around], np.maximum(d1[around], distance))
                d1[around] = np.minimum(d1[around], distance)
    weights: NDArray[np.float32] = weight * np.exp(-((near + second) ** 2) / np.float32(2 * width**2))
    return weights


def _miss_dice(outputs: Tensor, truth: Tensor, known: Tensor | None) -> tuple[Tensor, Tensor]:
    """(1 - Dice a class, 0 for those that are absent; how many are present, at least 1)."""
    probability = outputs.sigmoid()
    if known is not None:
        weight = known[:, None].to(probability.dtype)
        probability, truth = probability * weight, truth * weight
    overlap = (probability * truth).sum(dim=(0, 2, 3))
    there = truth.sum(dim=(0, 2, 3))
    total = probability.sum(dim=(0, 2, 3)) + there
    present = (there > 0).to(overlap.dtype)
    dice = 2 * overlap / total.clamp(min=1e-6)
    return (1 - dice) * present, present.sum().clamp(min=1)


def _mean_over_known(each: Tensor, known: Tensor | None) -> Tensor:
    if known is None:
        return each
    weight = known[:, None].to(each.dtype)
    return (each * weight).sum() / (weight.sum() * each.shape[1]).clamp(min=1)
