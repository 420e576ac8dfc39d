"""Format "npz": a numpy archive a sample with everything: masks, and the scores where a network made them."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from segbench.export.masks import Encoded, Exporter, MaskedSample, flatten
from segbench.export.options import ExportOptions
from segbench.export.pictures import make_palette, show_indices


def _encode(masked: MaskedSample, options: ExportOptions) -> list[Encoded]:
    """Arrays: `masks` bool (K, H, W); `labels` uint8 (H, W) for exclusive classes, 255 unknown; `scores` float16 (K, H, W) and
    `scale` ("probability" or "value") of a prediction; `classes` the K names. np.load reads it with allow_pickle=False."""
    arrays: dict[str, NDArray[np.generic]] = {"masks": masked.planes, "classes": np.array(masked.classes.names)}
    if masked.classes.exclusive:
        arrays["labels"] = flatten(masked, "table")[0]
    if masked.scores is not None:
        arrays |= {"scores": masked.scores, "scale": np.array(masked.scale)}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return [Encoded(None, buffer.getvalue(), (0,) * len(masked.planes))]


def _show(masked: MaskedSample, options: ExportOptions) -> list[NDArray[np.uint8]]:
    labels = flatten(masked, "table")[0]
    return [show_indices(labels if masked.classes.exclusive else labels + np.uint8(1), make_palette(masked.classes))]


EXPORTER = Exporter(
    title="NumPy archive with scores",
    about="One .npz a sample: masks as planes, and the network's scores (float16). Overlapping objects stay whole.",
    ending=".npz",
    pattern="{stem}",
    show=_show,
    encode=_encode,
)
