"""What happens to a sample on its way into a network: crops, mirrors, quarter turns, scaling. numpy, seeded, no torch."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np

from segbench.config import DataConfig
from segbench.events import Progressed
from segbench.records import IGNORE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from segbench.data.dataset import Dataset

MEASURED_IMAGES = 500  # images that the normalised scaling is measured on


def measure_scaling(
    config: DataConfig, dataset: Dataset, indices: NDArray[np.int64]
) -> Generator[Progressed, None, tuple[tuple[float, float, float], tuple[float, float, float]]]:
    """Returns (mean, deviation) a channel in 0..255 such that a network's input is (rgb - mean) / deviation.

    raw: (0, 1). unit: (0, 255). normalised: measured on up to 500 evenly spread training images.
    """
    if config.scaling == "raw":
        return (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    if config.scaling == "unit":
        return (0.0, 0.0, 0.0), (255.0, 255.0, 255.0)
    chosen = indices[np.unique(np.linspace(0, len(indices) - 1, min(MEASURED_IMAGES, len(indices))).astype(int))]
    count, total, squares = 0, np.zeros(3), np.zeros(3)
    for done, index in enumerate(chosen):
        yield Progressed("measuring", done, len(chosen))
        pixels = dataset.read(int(index)).image.reshape(-1, 3).astype(np.float64)
        count += len(pixels)
        total += pixels.sum(axis=0)
        squares += (pixels**2).sum(axis=0)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 1.0))
    return tuple(map(float, mean)), tuple(map(float, deviation))  # type: ignore[return-value]


def augment(
    image: NDArray[np.uint8], masks: NDArray[np.generic], config: DataConfig, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.generic], NDArray[np.bool_] | None]:
    """One random view of a sample: (image (H, W, 3), masks (..., H, W), known bool (H, W) or None if all pixels are).

    A crop larger than the image fills the rest with the last row and column; those pixels are unknown.
    """
    known = None
    if config.crop:
        image, masks, known = _crop(image, masks, config.crop, rng)
    if config.flip and rng.random() < 0.5:
        image, masks = image[:, ::-1], masks[..., ::-1]
        known = None if known is None else known[:, ::-1]
    if config.turn:
        square = image.shape[0] == image.shape[1]
        turns = int(rng.integers(4)) if square else 2 * int(rng.integers(2))
        image, masks = np.rot90(image, turns), np.rot90(masks, turns, axes=(-2, -1))
        known = None if known is None else np.rot90(known, turns)
    return image, masks, known


def _crop(
    image: NDArray[np.uint8], masks: NDArray[np.generic], side: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.generic], NDArray[np.bool_] | None]:
    height, width = image.shape[:2]
    top, left = int(rng.integers(max(height - side, 0) + 1)), int(rng.integers(max(width - side, 0) + 1))
    image, masks = image[top : top + side, left : left + side], masks[..., top : top + side, left : left + side]
    return pad_to(image, masks, (side, side))


def pad_to(
    image: NDArray[np.uint8], masks: NDArray[np.generic], size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.generic], NDArray[np.bool_] | None]:
    """Fills up to `size` on the right and below; the pixels added are unknown (and IGNORE in labels)."""
    height, width = image.shape[:2]
    below, right = size[0] - height, size[1] - width
    if not below and not right:
        return image, masks, None
    known = np.zeros(size, bool)
    known[:height, :width] = True
    image = np.pad(image, ((0, below), (0, right), (0, 0)), mode="edge")
    fill = False if masks.dtype == bool else IGNORE
    masks = np.pad(masks, ((0, 0),) * (masks.ndim - 2) + ((0, below), (0, right)), constant_values=fill)
    return image, masks, known
