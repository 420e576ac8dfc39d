"""Where objects cover each other: pixels that planes share, and pixels that the picture hides. Needs planes; knows no network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segbench.metrics.objects import find_objects
from segbench.records import Box, Sample


def find_shared(planes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """bool (K, H, W): True for a class where another class's plane is set, whether or not its own is."""
    depth = np.count_nonzero(planes, axis=0)
    others: NDArray[np.bool_] = depth > planes
    return others


def find_hidden(sample: Sample, classes: int) -> NDArray[np.bool_] | None:
    """bool (classes, H, W): pixels of each class's plane at which the picture shows an object of another class.

    None where that can't be told: the sample has no planes, or its picture isn't flat-coloured (see `find_seen`).
    """
    if sample.masks is None or sample.masks.ndim != 3:
        return None
    planes = sample.planes(classes)
    assert planes is not None
    seen = find_seen(sample.image, planes, sample.boxes)
    return None if seen is None else planes & (seen != np.arange(classes)[:, None, None])


def find_seen(
    image: NDArray[np.uint8], planes: NDArray[np.bool_], boxes: Sequence[tuple[int, Box]] = ()
) -> NDArray[np.int16] | None:
    """int16 (H, W): the class whose object the picture shows, -1 where no plane is set.

    A pixel with one plane is of that class. Where planes share pixels, the colour tells: an object is painted in one colour, so
    all pixels of a colour lie in its plane, which as a rule no other plane can say of itself. (A small object that lies on a larger one
    is the exception: it is of the class whose box, or else plane, fits it best.) None if the picture isn't painted like that: it has
    more colours than objects, or a colour that no plane holds.
    """
    depth = np.count_nonzero(planes, axis=0)
    covered = depth > 0
    seen = np.where(covered, planes.argmax(axis=0), -1).astype(np.int16)
    if depth.max(initial=0) < 2:
        return seen
    packed = image[covered].astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colors, which = np.unique(packed, return_inverse=True)
    objects = len(boxes) or sum(find_objects(plane)[1] for plane in planes if plane.any())
    if len(colors) > objects:
        return None
    inside = planes[:, covered]
    sizes = np.bincount(which)
    held = np.stack([np.bincount(which[plane], minlength=len(sizes)) for plane in inside]) == sizes
    choices = np.count_nonzero(held, axis=0)
    if not choices.all():
        return None
    owners = held.argmax(axis=0)
    if (choices > 1).any():
        rows, columns = np.nonzero(covered)
        for color in np.flatnonzero(choices > 1).tolist():
            own = which == color
            x, y = columns[own], rows[own]
            region = int(x.min()), int(y.min()), int(x.max()), int(y.max())
            candidates = np.flatnonzero(held[:, color]).tolist()
            owners[color] = min(candidates, key=lambda k: _find_room(region, k, inside[k], boxes))
    seen[covered] = owners[which]
    return seen


def count_covered(
    predicted: NDArray[np.bool_], truth: NDArray[np.bool_], covered: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """int64 (K, 3): true positives, false positives and false negatives a class, on the pixels `covered` (K, H, W) alone."""
    said, there = predicted & covered, truth & covered
    both = np.count_nonzero(said & there, axis=(1, 2))
    said_there = np.count_nonzero(said, axis=(1, 2)), np.count_nonzero(there, axis=(1, 2))
    return np.stack([both, said_there[0] - both, said_there[1] - both], axis=1).astype(np.int64)


def _find_room(region: Box, k: int, plane: NDArray[np.bool_], boxes: Sequence[tuple[int, Box]]) -> float:
    """How many pixels the smallest box of class k has around a region; those of its plane if there are no boxes."""
    if not boxes:
        return int(np.count_nonzero(plane))
    rooms = [
        (x1 - x0 + 1) * (y1 - y0 + 1)
        for owner, (x0, y0, x1, y1) in boxes
        if owner == k and x0 <= region[0] and y0 <= region[1] and region[2] <= x1 and region[3] <= y1
    ]
    return min(rooms, default=float("inf"))
