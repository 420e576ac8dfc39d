"""Format "palette": one PNG a sample that holds class indices and looks like colour. One class a pixel: overlaps are flattened and counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segbench.errors import SegbenchError
from segbench.export.masks import Encoded, Exporter, MaskedSample, flatten
from segbench.export.options import ExportOptions
from segbench.export.pictures import encode_indices, make_palette, show_indices
from segbench.records import IGNORE


def index_pixels(masked: MaskedSample, options: ExportOptions) -> tuple[NDArray[np.uint8], tuple[int, ...]]:
    """uint8 (H, W) indices as the file holds them, and the hidden pixels a class.

    Exclusive tables: the index is the class's own, 255 where no class was read. Overlapping ones: 0 is background, class k is
    k + 1.
    """
    labels, hidden = flatten(masked, options.flattening)
    if masked.classes.exclusive:
        return labels, hidden
    if len(masked.classes) >= IGNORE:
        raise SegbenchError(
            f"{len(masked.classes)} classes and a background do not fit into an 8-bit index.",
            "Export one file a class (format planes) instead.",
        )
    return labels + np.uint8(1), hidden  # IGNORE + 1 wraps to 0, the background


def _encode(masked: MaskedSample, options: ExportOptions) -> list[Encoded]:
    indices, hidden = index_pixels(masked, options)
    return [Encoded(None, encode_indices(indices, make_palette(masked.classes)), hidden)]


def _show(masked: MaskedSample, options: ExportOptions) -> list[NDArray[np.uint8]]:
    return [show_indices(index_pixels(masked, options)[0], make_palette(masked.classes))]


EXPORTER = Exporter(
    title="Index PNG with colours",
    about="One PNG a sample: class indices with a palette, so that it looks coloured. One class a pixel.",
    ending=".png",
    pattern="{stem}",
    show=_show,
    encode=_encode,
    flattens=True,
)
