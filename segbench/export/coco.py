"""Format "coco": one JSON file with run-length encoded masks (column-major, compressed strings), as COCO's API reads them."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from segbench import __version__
from segbench.export.masks import Exporter, MaskedSample, find_boxes
from segbench.export.options import ExportOptions
from segbench.export.pictures import paint_outlines
from segbench.files import write_atomically
from segbench.records import Box, ClassTable


def count_runs(part: NDArray[np.bool_], size: tuple[int, int], left: int = 0, top: int = 0) -> list[int]:
    """Lengths of the runs of a picture read column by column, beginning with a run of zeros (which may be 0 long).

    part: bool (h, w), what is set, standing at (left, top) in a picture of `size` (H, W) that is empty elsewhere; the work
    grows with the part, not with the picture.
    """
    x, y = np.nonzero(part.T)
    places = (x + left) * size[0] + y + top
    if not len(places):
        return [size[0] * size[1]]
    breaks = np.flatnonzero(np.diff(places) != 1) + 1
    starts, ends = places[np.concatenate(([0], breaks))], places[np.concatenate((breaks - 1, [-1]))] + 1
    bounds = np.column_stack((starts, ends)).ravel()
    runs: list[int] = np.diff(bounds, prepend=0).tolist()
    rest = size[0] * size[1] - int(bounds[-1])
    return [*runs, rest] if rest else runs


def pack_runs(runs: list[int]) -> str:
    """COCO's compressed string: from the fourth run on the difference to the run two before, five bits a character plus a
    continuation bit, shifted by 48 into printable ASCII."""
    text = bytearray()
    for place, run in enumerate(runs):
        left = run - runs[place - 2] if place > 2 else run
        while True:
            bits = left & 0x1F
            left >>= 5
            more = left != (-1 if bits & 0x10 else 0)
            text.append((bits | 0x20 if more else bits) + 48)
            if not more:
                break
    return text.decode("ascii")


def _find_objects(masked: MaskedSample, options: ExportOptions) -> Iterator[tuple[int, Box, NDArray[np.bool_]]]:
    """(class index, box, bool plane inside the box) an annotation; a background class has none."""
    for k, plane in enumerate(masked.planes):
        if k == masked.classes.background or not plane.any():
            continue
        if options.instances == "component":
            for box, part in find_boxes(plane):
                yield k, box, part
            continue
        rows, columns = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
        left, top, right, bottom = int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])
        yield k, (left, top, right, bottom), plane[top : bottom + 1, left : right + 1]


def _annotate(masked: MaskedSample, options: ExportOptions, first: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for k, (left, top, right, bottom), part in _find_objects(masked, options):
        annotation: dict[str, Any] = {
            "id": first + len(found),
            "image_id": masked.index,
            "category_id": k + 1,
            "bbox": [left, top, right - left + 1, bottom - top + 1],
            "area": int(np.count_nonzero(part)),
            "segmentation": {"size": [*masked.size], "counts": pack_runs(count_runs(part, masked.size, left, top))},
            "iscrowd": 0,
        }
        if masked.scores is not None and masked.scale == "probability":
            inside = masked.scores[k, top : bottom + 1, left : right + 1][part]
            annotation["score"] = round(float(inside.mean(dtype=np.float64)), 4)
        found.append(annotation)
    return found


def _collect(
    samples: Iterable[MaskedSample], path: Path, classes: ClassTable, total: int, options: ExportOptions
) -> Generator[MaskedSample, None, None]:
    images: list[dict[str, Any]] = []
    nameless: list[tuple[dict[str, Any], str]] = []  # images that are no files of their own, with their splits
    annotations: list[dict[str, Any]] = []
    last = None
    for masked in samples:
        if last is not None:
            yield last
        height, width = masked.size
        file_name = masked.file or masked.name
        images.append({"id": masked.index, "file_name": file_name, "height": height, "width": width})
        if not masked.file:
            nameless.append((images[-1], masked.split))
        annotations += _annotate(masked, options, len(annotations) + 1)
        last = masked
    _tell_apart(nameless)
    categories = [
        {"id": k + 1, "name": c.name, "supercategory": "", "color": list(c.color)}
        for k, c in enumerate(classes.classes)
        if k != classes.background
    ]
    info = {"description": f"{total} images, exported by segbench {__version__}", "version": "1.0"}
    document = {"info": info, "images": images, "annotations": annotations, "categories": categories}
    write_atomically(path, msgspec.json.encode(document))
    if last is not None:  # the last sample is reported when the file stands
        yield last


def _tell_apart(images: list[tuple[dict[str, Any], str]]) -> None:
    """Puts the split before names that several splits have."""
    splits: dict[str, set[str]] = {}
    for image, split in images:
        splits.setdefault(image["file_name"], set()).add(split)
    for image, split in images:
        if len(splits[image["file_name"]]) > 1:
            image["file_name"] = f"{split}/{image['file_name']}"


def _show(masked: MaskedSample, options: ExportOptions) -> list[NDArray[np.uint8]]:
    image = masked.image if masked.image is not None else np.zeros((*masked.size, 3), np.uint8)
    picture = paint_outlines(image, masked.planes, masked.classes.colors)
    for k, (left, top, right, bottom), _ in _find_objects(masked, options):
        color = masked.classes.colors[k]
        picture[[top, bottom], left : right + 1] = color
        picture[top : bottom + 1, [left, right]] = color
    return [picture]


EXPORTER = Exporter(
    title="COCO JSON",
    about="One JSON file for all samples: an annotation for each connected object (or each class) as run lengths.",
    ending=".json",
    pattern="annotations",
    show=_show,
    collect=_collect,
)
