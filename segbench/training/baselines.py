"""Losses that any network must beat, measured with the run's own loss on its own masks."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from segbench.data.loaders import load_batches
from segbench.events import Progressed
from segbench.losses import Loss
from segbench.records import IGNORE, Baselines
from segbench.targets import Encoded, Target

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from segbench.data.dataset import Dataset

MEASURED_PIXELS = 20_000_000  # 5,000 images of 64 x 64, a hundred of 480 x 360
CONFIDENT_NO = 0.01  # the probability that stands for "predicts nothing"; 0 itself has no finite cross-entropy


def measure_baselines(
    target: Target, loss: Loss, dataset: Dataset, indices: NDArray[np.int64], batch_size: int
) -> Generator[Progressed, None, Baselines]:
    """The loss of predicting nothing, and of the best constant a class, on evenly spread training images (20 million pixels at most).

    Values: the constants 0 and the mean value. Planes: the probabilities 0.01 and the class's share of the pixels. Labels: the
    background class at 0.99 (None without one), and the classes' shares. Pixels whose truth is not known count nowhere.
    """
    height, width = dataset.read(int(indices[0])).size
    images = min(max(MEASURED_PIXELS // (height * width), 1), len(indices))
    chosen = indices[np.linspace(0, len(indices) - 1, images).astype(int)]
    done, count = 0, len(target.classes)

    def encode() -> Iterator[Encoded]:
        for b in load_batches(dataset, chosen, batch_size):
            yield target.encode(torch.from_numpy(b.masks), None if b.known is None else torch.from_numpy(b.known))

    sums_K, pixels = torch.zeros(count, dtype=torch.float64), 0.0
    for encoded in encode():
        sums, known = _count(encoded, count)
        sums_K, pixels, done = sums_K + sums, pixels + known, done + len(encoded.truth)
        yield Progressed("measuring", done, 2 * images)
    constants = _choose_constants(target, (sums_K / max(pixels, 1.0)).float())
    losses = [0.0 for _ in constants]
    for truth, mask in encode():
        for k, constant_K in enumerate(constants):
            if constant_K is not None:
                outputs = constant_K[None, :, None, None].expand(truth.shape[0], count, *truth.shape[-2:])
                losses[k] += loss(outputs, truth, mask).item() * truth.shape[0] / images
        done += len(truth)
        yield Progressed("measuring", done, 2 * images)
    nothing, best = (None if c is None else found for c, found in zip(constants, losses, strict=True))
    return Baselines(nothing, best)


def _count(encoded: Encoded, count: int) -> tuple[Tensor, float]:
    """(sum of the truth a class, float64 (K,), over known pixels; their number)."""
    truth, known = encoded
    if truth.ndim == 3:
        inside = truth[truth != IGNORE]
        return torch.bincount(inside, minlength=count).double(), float(inside.numel())
    if known is None:
        return truth.sum(dim=(0, 2, 3), dtype=torch.float64), float(truth.numel() // count)
    return (truth * known[:, None]).sum(dim=(0, 2, 3), dtype=torch.float64), float(known.sum())


def _choose_constants(target: Target, mean_K: Tensor) -> tuple[Tensor | None, Tensor]:
    """Raw outputs (K,) that predict nothing (None where that has no meaning), and those of the best constant."""
    count = len(mean_K)
    if target.kind == "values":
        return torch.zeros(count), mean_K
    if target.kind == "planes":
        return torch.full((count,), CONFIDENT_NO).logit(), mean_K.clamp(1e-6, 1 - 1e-6).logit()
    nothing = None
    if target.classes.background >= 0:
        nothing = torch.full((count,), CONFIDENT_NO / max(count - 1, 1)).log()
        nothing[target.classes.background] = float(np.log(1 - CONFIDENT_NO))
    return nothing, mean_K.clamp(min=1e-6).log()
