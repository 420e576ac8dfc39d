"""Format "lecture": the multi-valued grey mask of the lecture, one PNG a sample; where objects overlap the highest value wins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segbench.export.masks import Encoded, Exporter, MaskedSample
from segbench.export.options import ExportOptions
from segbench.export.pictures import encode_grey


def merge_values(masked: MaskedSample) -> tuple[NDArray[np.uint8], tuple[int, ...]]:
    """uint8 (H, W) grey values (0 where there is nothing, and for a background class), and the hidden pixels a class."""
    values = list(masked.classes.values)
    if masked.classes.background >= 0:
        values[masked.classes.background] = 0
    picture = np.zeros(masked.size, np.uint8)
    for plane, value in zip(masked.planes, values, strict=True):
        np.maximum(picture, np.where(plane, np.uint8(value), np.uint8(0)), out=picture)
    hidden = tuple(
        int(np.count_nonzero(plane & (picture != value))) for plane, value in zip(masked.planes, values, strict=True)
    )
    return picture, hidden


def _encode(masked: MaskedSample, options: ExportOptions) -> list[Encoded]:
    picture, hidden = merge_values(masked)
    return [Encoded(None, encode_grey(picture), hidden)]


def _show(masked: MaskedSample, options: ExportOptions) -> list[NDArray[np.uint8]]:
    return [merge_values(masked)[0]]


EXPORTER = Exporter(
    title="The lecture's grey mask",
    about="One grey PNG a sample: 50, 100 .. 250 for the lecture's classes. Where objects overlap the highest value wins.",
    ending=".png",
    pattern="{stem}",
    show=_show,
    encode=_encode,
)
