"""Small pictures of samples for galleries. A broken file gives a crossed box, so that one bad file never empties a gallery."""

from __future__ import annotations

from collections.abc import Generator, Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segbench.data.dataset import Dataset
from segbench.errors import SegbenchError
from segbench.events import ThumbnailsMade

FIRST_BATCH, BATCH = 4, 12  # the first ones show at once


def make_thumbnails(dataset: Dataset, indices: Iterable[int], side: int) -> Generator[ThumbnailsMade, None, None]:
    """Yields thumbnails in the order asked for, a few at a time: uint8 (h, w, 3) with `side` pixels on the longest side.

    A sample that cannot be read gives `draw_placeholder`.
    """
    batch: list[tuple[int, NDArray[np.uint8]]] = []
    size = FIRST_BATCH
    for index in indices:
        batch.append((index, make_thumbnail(dataset, index, side)))
        if len(batch) >= size:
            yield ThumbnailsMade(tuple(batch))
            batch, size = [], BATCH
    if batch:
        yield ThumbnailsMade(tuple(batch))


def make_thumbnail(dataset: Dataset, index: int, side: int) -> NDArray[np.uint8]:
    """One thumbnail, read-only; a crossed box if the sample cannot be read."""
    try:
        thumbnail = fit(dataset.read_preview(index, side), side)
    except SegbenchError:
        return draw_placeholder(side)
    thumbnail.flags.writeable = False
    return thumbnail


def fit(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A picture (H, W, 3) scaled to `side` pixels on its longest side: smoothly when it shrinks, pixel by pixel when it grows."""
    height, width = image.shape[:2]
    longest = max(height, width)
    if longest == side:
        return image.copy()
    if side % longest == 0:
        return image.repeat(side // longest, axis=0).repeat(side // longest, axis=1)
    size = max(1, round(width * side / longest)), max(1, round(height * side / longest))
    picture = Image.fromarray(image)
    if longest < side:
        return np.array(picture.resize(size, Image.Resampling.NEAREST))
    return np.array(picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))


def draw_placeholder(side: int) -> NDArray[np.uint8]:
    """A grey square with a frame and a cross, uint8 (side, side, 3), read-only: "this file cannot be shown"."""
    box = np.full((side, side, 3), 128, np.uint8)
    edge = max(1, side // 48)
    y, x = np.mgrid[:side, :side]
    lines = (np.abs(x - y) < edge) | (np.abs(x + y - side + 1) < edge)
    lines |= (np.minimum(x, y) < edge) | (np.maximum(x, y) >= side - edge)
    box[lines] = 200
    box.flags.writeable = False
    return box
