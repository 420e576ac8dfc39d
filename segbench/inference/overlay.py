"""Masks painted over pictures: overlays, outlines, right and wrong, boxes, the multi-valued mask. Numpy only, no Qt, no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segbench.inference.colors import CONFUSED, FALSE_NEGATIVE, FALSE_POSITIVE, TRUE_POSITIVE
from segbench.records import Box

Color = tuple[int, int, int]


def compose_overlay(
    image: NDArray[np.uint8],
    planes: NDArray[np.bool_],
    colors: Sequence[Color],
    opacity: float = 0.55,
    style: Literal["fill", "contour"] = "fill",
    order: Sequence[int] | None = None,
) -> NDArray[np.uint8]:
    """A picture uint8 (H, W, 3) with planes bool (K, H, W) in their colours over it.

    order: class indices from the bottom to the top, those left out are not painted; None paints all as they come. With
    "fill" a class below shines through one above it by 1 - opacity; with "contour" only the planes' outlines are painted.
    """
    picture = image.astype(np.float32)
    shown = find_contours(planes) if style == "contour" else planes
    for k in range(len(planes)) if order is None else order:
        where = shown[k]
        picture[where] += np.float32(opacity) * (np.array(colors[k], np.float32) - picture[where])
    return np.rint(picture).astype(np.uint8)


def find_contours(planes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The outlines of planes bool (..., H, W): set pixels with an unset neighbour above, below, left or right. The picture's
    border is no neighbour, so an object that is cut by it stays open there."""
    inner = planes.copy()
    inner[..., 1:, :] &= planes[..., :-1, :]
    inner[..., :-1, :] &= planes[..., 1:, :]
    inner[..., :, 1:] &= planes[..., :, :-1]
    inner[..., :, :-1] &= planes[..., :, 1:]
    return planes & ~inner


def confusion_paint(
    predicted: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    known: NDArray[np.bool_] | None = None,
    opacity: float = 0.7,
) -> NDArray[np.uint8]:
    """Right and wrong as premultiplied RGBA uint8 (H, W, 4), to be laid over the image; transparent where there is nothing to tell.

    predicted, truth: bool (H, W) of one class, or (K, H, W) of several. known: bool (H, W), unknown pixels stay transparent.
    TRUE_POSITIVE where some class was found and nothing is wrong, FALSE_POSITIVE where one too many was predicted,
    FALSE_NEGATIVE where one was missed, CONFUSED where both happened.
    """
    right, extra, missed = predicted & truth, predicted & ~truth, truth & ~predicted
    if predicted.ndim == 3:
        right, extra, missed = (np.logical_or.reduce(part) for part in (right, extra, missed))
    paint = np.zeros((*right.shape, 4), np.uint8)
    for where, color in (
        (right, TRUE_POSITIVE),
        (extra, FALSE_POSITIVE),
        (missed, FALSE_NEGATIVE),
        (extra & missed, CONFUSED),
    ):
        paint[where] = [round(part * opacity) for part in (*color, 255)]
    if known is not None:
        paint[~known] = 0
    return paint


def multi_valued_mask(planes: NDArray[np.bool_], values: Sequence[int]) -> NDArray[np.uint8]:
    """The lecture's grey picture of all classes, uint8 (H, W): the largest value where planes overlap, 0 where there is none."""
    grey = np.array(values, np.uint8)[:, None, None]
    picture: NDArray[np.uint8] = np.where(planes, grey, np.uint8(0)).max(axis=0, initial=0)
    return picture


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
