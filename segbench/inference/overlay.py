"""Masks and boxes painted over pictures. Numpy only, no Qt, no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from segbench.records import Box, Color


def compose_overlay(
    image: NDArray[np.uint8],
    planes: NDArray[np.bool_],
    colors: Sequence[Color],
    opacity: float = 0.55,
    order: Sequence[int] | None = None,
) -> NDArray[np.uint8]:
    """A picture uint8 (H, W, 3) with planes bool (K, H, W) in their colours over it.

    order: class indices from the bottom to the top, those left out are not painted; None paints all as they come. A class
    below shines through one above it by 1 - opacity.
    """
    picture = image.astype(np.float32)
    for k in range(len(planes)) if order is None else order:
        where = planes[k]
        picture[where] += np.float32(opacity) * (np.array(colors[k], np.float32) - picture[where])
    return np.rint(picture).astype(np.uint8)


def draw_boxes(
    picture: NDArray[np.uint8], boxes: Iterable[tuple[int, Box]], colors: Sequence[Color] | Color
) -> NDArray[np.uint8]:
    """A copy of uint8 (H, W, 3) with one-pixel boxes; both ends of a Box lie on its object. `colors`: a colour a class, or one for
    all. What lies outside the picture is cut off."""
    drawn = picture.copy()
    height, width = picture.shape[:2]
    for k, (left, top, right, bottom) in boxes:
        color = colors[k] if colors and not isinstance(colors[0], int) else colors
        columns, rows = slice(max(left, 0), max(right + 1, 0)), slice(max(top, 0), max(bottom + 1, 0))
        for row in (top, bottom):
            if 0 <= row < height:
                drawn[row, columns] = color
        for column in (left, right):
            if 0 <= column < width:
                drawn[rows, column] = color
    return drawn
