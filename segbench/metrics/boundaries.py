"""Boundary IoU (Cheng et al., CVPR 2021): the IoU of the bands along the inside of two masks' edges."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

WIDTH = 0.02  # of a band, as a share of the image's diagonal: the paper's


def find_width(size: tuple[int, int], share: float = WIDTH) -> int:
    """How wide the band is in an image of this height and width: at least 1 pixel, 2 for 64 x 64."""
    return max(1, round(share * math.hypot(*size)))


def find_bands(masks: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """bool (..., H, W): the pixels of each mask that a square of 2 * width + 1 around them shows to be near its edge.

    What lies beyond the image counts as outside the mask, so that a mask that the border cuts has an edge there.
    """
    return masks & ~_erode(_erode(masks, width, -2), width, -1)


def count_bands(
    predicted: NDArray[np.bool_], truth: NDArray[np.bool_], known: NDArray[np.bool_] | None, width: int
) -> NDArray[np.int64]:
    """int64 (K, 3): true positives, false positives and false negatives of the bands, a row a class.

    predicted, truth: bool (K, H, W). known: bool (H, W), as for `count_pixels`; pixels that aren't known are outside of both.
    """
    if known is not None and not known.all():
        predicted, truth = predicted & known, truth & known
    counts = np.zeros((len(truth), 3), np.int64)
    said, there = predicted.any(axis=(1, 2)), truth.any(axis=(1, 2))
    bands = find_bands(np.concatenate([predicted[said], truth[there]]), width)
    of_said = dict(zip(np.flatnonzero(said).tolist(), bands[: int(said.sum())], strict=True))
    of_there = dict(zip(np.flatnonzero(there).tolist(), bands[int(said.sum()) :], strict=True))
    for k in of_said.keys() | of_there.keys():
        one, other = of_said.get(k), of_there.get(k)
        both = 0 if one is None or other is None else int(np.count_nonzero(one & other))
        counts[k, 0] = both
        counts[k, 1] = 0 if one is None else int(np.count_nonzero(one)) - both
        counts[k, 2] = 0 if other is None else int(np.count_nonzero(other)) - both
    return counts


def _erode(masks: NDArray[np.bool_], width: int, axis: int) -> NDArray[np.bool_]:
    """True where all of 2 * width + 1 pixels along an axis are. A window grows by doubling: six steps make one of 93."""
    eroded = np.zeros_like(masks)
    length, window = masks.shape[axis], 2 * width + 1
    if length < window:
        return eroded
    grown = np.moveaxis(masks, axis, -1)
    size = 1
    while 2 * size <= window:
        grown = grown[..., :-size] & grown[..., size:]
        size *= 2
    places = length - window + 1
    grown = grown[..., :places] & grown[..., window - size : window - size + places]
    np.moveaxis(eroded, axis, -1)[..., width : width + places] = grown
    return eroded
