"""What the training masks hold, and losses that any network must beat, measured with the run's own loss on them."""

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


def measure_shares(
    target: Target, dataset: Dataset, indices: NDArray[np.int64], batch_size: int
) -> Generator[Progressed, None, Tensor]:
    """Which share of the known pixels each class has, float64 (K,), on evenly spread training images (20 million pixels at most).

    This is the first half of the measuring, `measure_baselines` the second.
    """
    chosen, count = _choose_images(dataset, indices), len(target.classes)
    sums_K, pixels, done = torch.zeros(count, dtype=torch.float64), 0.0, 0
    for encoded in _encode(target, dataset, chosen, batch_size):
        sums, known = _count(encoded, count)
        sums_K, pixels, done = sums_K + sums, pixels + known, done + len(encoded.truth)
        yield Progressed("measuring", done, 2 * len(chosen))
    shares_K = sums_K / max(pixels, 1.0)
    return shares_K / _list_values(target) if target.kind == "values" else shares_K


def measure_baselines(
    target: Target,
    loss: Loss,
    dataset: Dataset,
    indices: NDArray[np.int64],
    batch_size: int,
    shares_K: Tensor,
    weights: Tensor | None = None,
) -> Generator[Progressed, None, Baselines]:
    """The loss of predicting nothing, and of the best constant a class. shares_K: `measure_shares` of the same images; weights: the
    loss's class weights.

    Values: the constants 0 and the mean value. Planes: the probabilities 0.01 and the class's share of the pixels. Labels: the
    background class at 0.99 (None without one), and the classes' shares. Shares are weighed where classes are. No constant is
    better for MSE and cross-entropy; for the other losses it is a good one. Pixels whose truth is not known count nowhere.
    """
    chosen = _choose_images(dataset, indices)
    images, count = len(chosen), len(target.classes)
    constants = _choose_constants(target, shares_K if weights is None else _weigh(target, shares_K, weights))
    losses, done = [0.0 for _ in constants], images
    for truth, mask in _encode(target, dataset, chosen, batch_size):
        for k, constant_K in enumerate(constants):
            if constant_K is not None:
                outputs = constant_K[None, :, None, None].expand(truth.shape[0], count, *truth.shape[-2:])
                losses[k] += loss(outputs, truth, mask).item() * truth.shape[0] / images
        done += len(truth)
        yield Progressed("measuring", done, 2 * images)
    nothing, best = (None if c is None else found for c, found in zip(constants, losses, strict=True))
    return Baselines(nothing, best)


def _choose_images(dataset: Dataset, indices: NDArray[np.int64]) -> NDArray[np.int64]:
    height, width = dataset.read(int(indices[0])).size
    images = min(max(MEASURED_PIXELS // (height * width), 1), len(indices))
    chosen: NDArray[np.int64] = indices[np.linspace(0, len(indices) - 1, images).astype(int)]
    return chosen


def _encode(target: Target, dataset: Dataset, chosen: NDArray[np.int64], batch_size: int) -> Iterator[Encoded]:
    for b in load_batches(dataset, chosen, batch_size):
        yield target.encode(torch.from_numpy(b.masks), None if b.known is None else torch.from_numpy(b.known))


def _count(encoded: Encoded, count: int) -> tuple[Tensor, float]:
    """(sum of the truth a class, float64 (K,), over known pixels; their number)."""
    truth, known = encoded
    if truth.ndim == 3:
        inside = truth[truth != IGNORE]
        return torch.bincount(inside, minlength=count).double(), float(inside.numel())
    if known is None:
        return truth.sum(dim=(0, 2, 3), dtype=torch.float64), float(truth.numel() // count)
    return (truth * known[:, None]).sum(dim=(0, 2, 3), dtype=torch.float64), float(known.sum())


def _weigh(target: Target, shares_K: Tensor, weights: Tensor) -> Tensor:
    """The shares as they are when a pixel counts as much as its class weighs."""
    if target.kind == "labels":
        weighed: Tensor = shares_K * weights
        return weighed / weighed.sum().clamp(min=1e-12)
    yes, no = weights.double()
    inside_K, outside_K = shares_K * yes, (1 - shares_K) * no
    weighed = inside_K / (inside_K + outside_K)
    return weighed


def _list_values(target: Target) -> Tensor:
    return torch.tensor(target.classes.values, dtype=torch.float64)


def _choose_constants(target: Target, shares_K: Tensor) -> tuple[Tensor | None, Tensor]:
    """Raw outputs (K,) that predict nothing (None where that has no meaning), and those of the best constant."""
    count = len(shares_K)
    if target.kind == "values":
        return torch.zeros(count), (shares_K * _list_values(target)).float()
    shares_K = shares_K.float()
    if target.kind == "planes":
        return torch.full((count,), CONFIDENT_NO).logit(), shares_K.clamp(1e-6, 1 - 1e-6).logit()
    nothing = None
    if target.classes.background >= 0:
        nothing = torch.full((count,), CONFIDENT_NO / max(count - 1, 1)).log()
        nothing[target.classes.background] = float(np.log(1 - CONFIDENT_NO))
    return nothing, shares_K.clamp(min=1e-6).log()
