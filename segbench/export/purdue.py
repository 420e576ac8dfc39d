"""Format "purdue": one .gz in the lecture's layout (slide 80), which DLStudio and segbench open as a dataset."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segbench.errors import SegbenchError
from segbench.export.lecture import merge_values
from segbench.export.masks import Exporter, MaskedSample, find_boxes
from segbench.export.options import ExportOptions
from segbench.formats.purdue import write_purdue
from segbench.records import Box, ClassTable, Sample

MOST_BOXES = 5  # DLStudio's reader has room for five boxes a class


def _to_sample(masked: MaskedSample) -> Sample:
    """The image with planes and boxes: the dataset's own boxes where it has them, else those of the connected components, the
    largest MOST_BOXES of each class (the masks keep all)."""
    if masked.image is None:
        raise SegbenchError(f"The image of {masked.name} is missing.", "Export from the dataset it belongs to.")
    boxes = masked.boxes or tuple(_find_boxes(masked))
    return Sample(masked.index, masked.name, masked.split, masked.image, masked.planes, boxes)


def _find_boxes(masked: MaskedSample) -> Iterator[tuple[int, Box]]:
    for k, plane in enumerate(masked.planes):
        if k != masked.classes.background:
            for box, _ in find_boxes(plane)[:MOST_BOXES]:
                yield k, box


def _collect(
    samples: Iterable[MaskedSample], path: Path, classes: ClassTable, total: int, options: ExportOptions
) -> Generator[MaskedSample, None, None]:
    taken: list[MaskedSample] = []

    def convert() -> Iterator[Sample]:
        for masked in samples:
            taken.append(masked)
            yield _to_sample(masked)

    writing = write_purdue(path, convert(), classes, total)
    try:
        for _ in writing:
            # The last one is reported when the file stands
            while len(taken) > 1:
                yield taken.pop(0)
        yield from taken
    finally:
        writing.close()


def _show(masked: MaskedSample, options: ExportOptions) -> list[NDArray[np.uint8]]:
    return [merge_values(masked)[0]]


EXPORTER = Exporter(
    title="Purdue .gz",
    about="One .gz for all samples in the lecture's layout: image, planes, boxes. Opens as a dataset here and in DLStudio.",
    ending=".gz",
    pattern="masks",
    show=_show,
    collect=_collect,
    needs_image=True,
)
