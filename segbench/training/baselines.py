"""Losses that any network must beat, measured with the run's own loss on its own masks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from segbench.data.loaders import load_batches
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
) -> Baselines:
    """The loss of predicting nothing, and of the best constant a class, on evenly spread training images (20 million pixels at most).

    Values: the constants 0 and the mean value. Planes: the probabilities 0.01 and the class's share of the pixels. Labels: the
    background class at 0.99 (None without one), and the classes' shares.
    """
    height, width = dataset.read(int(indices[0])).size
    images = min(max(MEASURED_PIXELS // (height * width), 1), len(indices))
    chosen = indices[np.linspace(0, len(indices) - 1, images).astype(int)]

    def encode() -> Iterator[Encoded]:
        for b in load_batches(dataset, chosen, batch_size):
            yield target.encode(torch.from_numpy(b.masks), None if b.known is None else torch.from_numpy(b.known))

    count = len(target.classes)
    if target.kind == "labels":
        pixels = sum((_count_labels(t.truth, count) for t in encode()), torch.zeros(count))
        share = (pixels / pixels.sum().clamp(min=1)).clamp(min=1e-6)
        nothing = None
        if target.classes.background >= 0:
            nothing = torch.full((count,), CONFIDENT_NO / max(count - 1, 1)).log()
            nothing[target.classes.background] = float(np.log(1 - CONFIDENT_NO))
        return Baselines(_measure(nothing, encode(), loss, count), _measure(share.log(), encode(), loss, count))
    mean = torch.stack([t.truth.mean(dim=(0, 2, 3)) for t in encode()]).mean(dim=0)
    if target.kind == "values":
        return Baselines(_measure(torch.zeros(count), encode(), loss, count), _measure(mean, encode(), loss, count))
    no = torch.full((count,), CONFIDENT_NO).logit()
    return Baselines(
        _measure(no, encode(), loss, count), _measure(mean.clamp(1e-6, 1 - 1e-6).logit(), encode(), loss, count)
    )


def _count_labels(labels: Tensor, count: int) -> Tensor:
    return torch.bincount(labels[labels != IGNORE], minlength=count).float()


def _measure(constant_K: Tensor | None, truths: Iterator[Encoded], loss: Loss, count: int) -> float | None:
    if constant_K is None:
        return None
    total, images = 0.0, 0
    for truth, known in truths:
        outputs = constant_K[None, :, None, None].expand(truth.shape[0], count, *truth.shape[-2:])
        total += loss(outputs, truth, known).item() * truth.shape[0]
        images += truth.shape[0]
    return total / images
