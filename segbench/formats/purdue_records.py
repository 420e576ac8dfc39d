"""What the records of the lecture's format mean: every image is checked, named with the reason if it is wrong, and written to
the cache's arrays."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from segbench.errors import SegbenchError
from segbench.events import Progressed
from segbench.formats.cache import CacheEntry, CacheWriter
from segbench.formats.classes import is_readable_name
from segbench.formats.pickles import PickledArray, PickledList
from segbench.records import Box, ClassInfo, ClassTable

PURDUE_CLASSES = ClassTable(
    (
        ClassInfo("rectangle", (0, 114, 178), 50),
        ClassInfo("triangle", (230, 159, 0), 100),
        ClassInfo("disk", (0, 158, 115), 150),
        ClassInfo("oval", (204, 121, 167), 200),
        ClassInfo("star", (240, 228, 66), 250),
    ),
    exclusive=False,
)
# Okabe and Ito's colours, for classes of other names
_COLORS = (
    (0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (240, 228, 66), (86, 180, 233), (213, 94, 0),
)  # fmt: skip
LARGEST_SIDE = 4096
MOST_BOXES = 1000  # in one image
MOST_CLASSES = 250
_BATCH, _BATCH_BYTES = 128, 32 << 20  # images converted at once, and their bytes
HINT = "The file does not follow the format of PurdueShapes5MultiObject (slide 80)."


class Conversion:
    """Checks every record and writes the arrays. May run twice."""

    def __init__(self, path: Path, records: dict[int, Any], label_map: dict[str, Any] | None, unpacked: int) -> None:
        self.path = path
        self.records = records
        _, _, _, first_masks, _ = self._split(0)
        if not isinstance(first_masks, PickledArray) or first_masks.value is None or first_masks.value.ndim != 3:
            raise self.error(0, "its masks are not an array of (classes, height, width)")
        count, self.height, self.width = first_masks.value.shape
        if not 1 <= count <= MOST_CLASSES:
            raise self.error(0, f"its masks have {count} planes")
        if not 1 <= max(self.height, self.width) <= LARGEST_SIDE:
            raise self.error(0, f"{self.width} x {self.height} pixels are out of range (up to {LARGEST_SIDE} a side)")
        self.classes = read_label_map(path.name, label_map, count)
        self.values = np.array(self.classes.values, np.uint8)
        # A file that tells one image and refers to it a million times is small, what it would convert to is not
        self.bytes = (3 + count) * self.height * self.width  # of one image
        if len(records) * self.bytes > 2 * unpacked + (64 << 20):
            raise SegbenchError(f"{path.name} holds more images than its size has room for.", HINT)

    def error(self, index: int, reason: str) -> SegbenchError:
        return SegbenchError(f"Image {index} of {self.path.name} can't be read: {reason}.", HINT)

    def run(self, writer: CacheWriter) -> Generator[Progressed, None, CacheEntry]:
        total, classes = len(self.records), len(self.classes)
        size = self.height, self.width
        packed = -(-classes * self.height * self.width // 8)
        objects: list[NDArray[np.int32]] = []
        pixels: list[NDArray[np.int64]] = []
        boxes: list[tuple[int, int, int, int, int]] = []
        starts = [0]
        try:
            writer.start("images", np.uint8, (total, *size, 3))
            writer.start("masks", np.uint8, (total, packed))
            batch = max(1, min(_BATCH, _BATCH_BYTES // self.bytes))
            for begin in range(0, total, batch):
                indices = range(begin, min(begin + batch, total))
                channels = np.empty((len(indices), 3, self.height * self.width), np.uint8)
                masks = np.empty((len(indices), classes, *size), np.uint8)
                counts = np.zeros((len(indices), classes), np.int32)
                for row, index in enumerate(indices):
                    found = self._read_record(index, channels[row], masks[row])
                    for box in found:
                        counts[row, box[0]] += 1
                    boxes += found
                    starts.append(len(boxes))
                planes = self._read_planes(begin, masks)
                objects.append(counts)
                pixels.append(np.count_nonzero(planes.reshape(len(indices), classes, -1), axis=2).astype(np.int64))
                writer.write("images", channels.transpose(0, 2, 1).reshape(len(indices), *size, 3))
                writer.write("masks", np.packbits(planes.reshape(len(indices), -1), axis=1))
                yield Progressed("converting", indices[-1] + 1, total)
            small: dict[str, NDArray[Any]] = {
                "objects": np.concatenate(objects),
                "pixels": np.concatenate(pixels),
                "boxes": np.array(boxes, np.int32).reshape(-1, 5),
                "starts": np.array(starts, np.int64),
            }
            for name, array in small.items():
                writer.start(name, array.dtype, array.shape)
                writer.write(name, array)
            facts = {"classes": msgspec.to_builtins(self.classes), "height": self.height, "width": self.width}
            return writer.finish(facts)
        finally:
            writer.discard()

    def _split(self, index: int) -> tuple[Any, ...]:
        record = self.records[index]
        parts = tuple(record.values()) if isinstance(record, PickledList) and len(record) <= 10 else record
        if not isinstance(parts, tuple) or len(parts) != 5:
            raise self.error(index, "it is not a list of five: R, G, B, masks and boxes")
        return parts

    def _read_record(
        self, index: int, channels: NDArray[np.uint8], masks: NDArray[np.uint8]
    ) -> list[tuple[int, int, int, int, int]]:
        """Fills in channels (3, H * W) and masks (K, H, W) and returns the boxes with their class in front."""
        *colors, planes, boxes = self._split(index)
        for row, (letter, color) in enumerate(zip("RGB", colors, strict=True)):
            channels[row] = self._read_channel(index, letter, color)
        array = planes.value if isinstance(planes, PickledArray) else None
        if array is None or array.shape != masks.shape:
            found = "no array" if array is None else " x ".join(map(str, array.shape))
            raise self.error(index, f"its masks are {found}, not {' x '.join(map(str, masks.shape))}")
        if array.dtype != np.uint8:
            if array.dtype.kind not in "iu" or array.min() < 0 or array.max() > 255:
                raise self.error(index, "its masks are not whole numbers in 0..255")
            array = array.astype(np.uint8)
        masks[:] = array
        return self._read_boxes(index, boxes)

    def _read_channel(self, index: int, letter: str, color: Any) -> NDArray[np.uint8]:
        expected = self.height * self.width
        if isinstance(color, PickledArray) and color.value is not None:
            array: NDArray[Any] = color.value
            if array.dtype.kind not in "iu" or not array.size or array.min() < 0 or array.max() > 255:
                raise self.error(index, f"a value of {letter} is not a whole number in 0..255")
            array = array.astype(np.uint8).ravel()
        elif isinstance(color, PickledList):
            if len(color) != expected:
                raise self.error(index, f"{letter} has {len(color)} values, not {self.width} x {self.height}")
            try:
                array = color.pixels()
            except ValueError:
                raise self.error(index, f"a value of {letter} is not a whole number in 0..255") from None
        else:
            raise self.error(index, f"{letter} is not a list of numbers")
        if array.size != expected:
            raise self.error(index, f"{letter} has {array.size} values, not {self.width} x {self.height}")
        return array

    def _read_boxes(self, index: int, boxes: Any) -> list[tuple[int, int, int, int, int]]:
        if not isinstance(boxes, dict):
            raise self.error(index, "its boxes are not a table by class")
        count = len(self.classes)
        # DLStudio's code reads planes 0..4, its text prints the mask values 50..250; files of both kinds exist
        if all(type(key) is int and 0 <= key < count for key in boxes):
            places = {key: key for key in boxes}
        else:
            places = {value: plane for plane, value in enumerate(self.classes.values)}
        found: list[tuple[int, int, int, int, int]] = []
        for key, rows in boxes.items():
            if key not in places:
                raise self.error(index, f"it has boxes of a class {str(key)[:20]!a} that is not in the label map")
            if not isinstance(rows, PickledList) or len(rows) > MOST_BOXES:
                raise self.error(index, f"the boxes of class {places[key]} are not a list, or a very long one")
            found += [(places[key], *self._read_box(index, row)) for row in rows.values()]
        return sorted(found, key=lambda box: box[0])

    def _read_box(self, index: int, row: Any) -> Box:
        if isinstance(row, PickledArray) and row.value is not None and row.value.dtype.kind in "iu":
            numbers: Any = row.value.ravel()[:5].tolist()
        else:
            numbers = row.values() if isinstance(row, PickledList) and len(row) <= 10 else row
        if (
            not isinstance(numbers, list | tuple)
            or len(numbers) != 4
            or not all(type(number) is int for number in numbers)
        ):
            raise self.error(index, "a box is not four whole numbers")
        left, top, right, bottom = numbers
        inside = -self.width <= left <= right < 2 * self.width and -self.height <= top <= bottom < 2 * self.height
        if not inside or right < 0 or bottom < 0 or left >= self.width or top >= self.height:
            box = ", ".join(str(number)[:20] for number in numbers)
            raise self.error(index, f"the box ({box}) is not inside the image of {self.width} x {self.height}")
        return max(left, 0), max(top, 0), min(right, self.width - 1), min(bottom, self.height - 1)

    def _read_planes(self, first: int, masks: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """bool (B, K, H, W) of a batch that begins with image `first`; each plane may hold its class's value and 0 only."""
        planes: NDArray[np.bool_] = masks != 0
        right = masks == planes * self.values[:, None, None]
        if not right.all():
            row, plane, y, x = (int(axis[0]) for axis in np.nonzero(~right))
            raise self.error(
                first + row,
                f"its mask of {self.classes.names[plane]} holds the value {masks[row, plane, y, x]}, not {self.values[plane]}",
            )
        return planes


def read_label_map(name: str, label_map: dict[str, Any] | None, planes: int) -> ClassTable:
    """The classes in the order of the mask's planes, which is that of their values."""
    if label_map is None:
        if planes != len(PURDUE_CLASSES):
            raise SegbenchError(f"{name} has no label map, and {planes} planes a mask instead of 5.", HINT)
        return PURDUE_CLASSES
    for label, value in label_map.items():
        if type(label) is not str or not is_readable_name(label):
            raise SegbenchError(f"The label map of {name} has a class without a readable name.", HINT)
        if type(value) is not int or not 1 <= value <= 255:
            raise SegbenchError(f"The label map of {name} gives {label} a value that is not in 1..255.", HINT)
    if len(set(label_map.values())) != len(label_map):
        raise SegbenchError(f"The label map of {name} gives two classes the same value.", HINT)
    if len(label_map) != planes:
        raise SegbenchError(f"{name} has {len(label_map)} classes, but {planes} planes a mask.", HINT)
    known = {entry.name: entry.color for entry in PURDUE_CLASSES.classes}
    ordered = sorted(label_map.items(), key=lambda item: int(item[1]))
    own = set(label_map) == set(known)
    return ClassTable(
        tuple(
            ClassInfo(label, known[label] if own else _COLORS[plane % len(_COLORS)], value)
            for plane, (label, value) in enumerate(ordered)
        ),
        exclusive=False,
    )
