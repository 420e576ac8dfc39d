"""Format "planes": one black and white PNG a class and sample. Overlaps stay whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segbench.export.masks import Encoded, Exporter, MaskedSample
from segbench.export.options import ExportOptions
from segbench.export.pictures import encode_grey


def _encode(masked: MaskedSample, options: ExportOptions) -> list[Encoded]:
    nothing = (0,) * len(masked.planes)
    return [Encoded(k, encode_grey(picture), nothing) for k, picture in enumerate(_show(masked, options))]


def _show(masked: MaskedSample, options: ExportOptions) -> list[NDArray[np.uint8]]:
    return [plane.astype(np.uint8) * np.uint8(255) for plane in masked.planes]


EXPORTER = Exporter(
    title="One PNG a class",
    about="One 8-bit PNG for each class: 255 where it is, 0 elsewhere. Overlapping objects stay whole.",
    ending=".png",
    pattern="{stem}_{class}",
    show=_show,
    encode=_encode,
    per_class=True,
)
