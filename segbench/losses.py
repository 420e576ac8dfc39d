"""What a network is punished for: each loss takes raw outputs (B, K, H, W) and an encoded target, and gives one number."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

from segbench.records import IGNORE

Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]


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
    probability = outputs.sigmoid()
    if known is not None:
        weight = known[:, None].to(probability.dtype)
        probability, truth = probability * weight, truth * weight
    overlap = (probability * truth).sum(dim=(0, 2, 3))
    there = truth.sum(dim=(0, 2, 3))
    total = probability.sum(dim=(0, 2, 3)) + there
    present = (there > 0).to(overlap.dtype)
    dice = 2 * overlap / total.clamp(min=1e-6)
    return ((1 - dice) * present).sum() / present.sum().clamp(min=1)


def bce_dice(outputs: Tensor, truth: Tensor, known: Tensor | None = None) -> Tensor:
    """bce + soft_dice."""
    return bce(outputs, truth, known) + soft_dice(outputs, truth, known)


def cross_entropy(outputs: Tensor, truth: Tensor, known: Tensor | None = None) -> Tensor:
    """Cross-entropy of softmax(outputs) against int64 labels (B, H, W); pixels labelled IGNORE do not count."""
    counted = (truth != IGNORE).sum().clamp(min=1)
    return functional.cross_entropy(outputs, truth, ignore_index=IGNORE, reduction="sum") / counted


LOSSES: dict[tuple[str, str], Loss] = {
    ("values", "mse"): mse,
    ("planes", "mse"): mse_on_planes,
    ("planes", "bce"): bce,
    ("planes", "dice"): soft_dice,
    ("planes", "bce_dice"): bce_dice,
    ("labels", "cross_entropy"): cross_entropy,
}


def _mean_over_known(each: Tensor, known: Tensor | None) -> Tensor:
    if known is None:
        return each
    weight = known[:, None].to(each.dtype)
    return (each * weight).sum() / (weight.sum() * each.shape[1]).clamp(min=1)
