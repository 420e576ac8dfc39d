"""The lecture's data set format (slide 80): a .gz of a pickle of ({index: [R, G, B, masks, boxes]}, label map). Read without
unpickling, converted once into the cache, written so that DLStudio reads it."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Generator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from segbench.errors import SegbenchError
from segbench.events import Progressed
from segbench.files import open_regular
from segbench.formats.cache import CacheEntry, CacheWriter, find_key, load_entry
from segbench.formats.pickles import PickledList, read_pickle
from segbench.formats.purdue_records import HINT, PURDUE_CLASSES, Conversion
from segbench.formats.purdue_writer import write_purdue
from segbench.formats.streams import Gunzip
from segbench.records import Box, ClassTable, Sample

__all__ = ["PURDUE_CLASSES", "PurdueFile", "read_purdue", "write_purdue"]

_LABEL_MAP = "torch_saved_PurdueShapes5MultiObject_label_map.pt"  # what DLStudio writes beside its cache of a data set


class PurdueFile:
    """An opened data set: arrays mapped into memory, nothing read until it is asked for.

    images: uint8 (N, H, W, 3). object_counts: int32 (N, K) boxes a class. pixel_counts: int64 (N, K) mask pixels a class.
    """

    def __init__(self, path: Path, entry: CacheEntry) -> None:
        self.path = path
        self.classes = msgspec.convert(entry.facts["classes"], ClassTable)
        self.size: tuple[int, int] = (entry.facts["height"], entry.facts["width"])
        self.images: NDArray[np.uint8] = entry.arrays["images"]
        self.object_counts: NDArray[np.int32] = entry.arrays["objects"]
        self.pixel_counts: NDArray[np.int64] = entry.arrays["pixels"]
        self._packed: NDArray[np.uint8] = entry.arrays["masks"]  # (N, bytes), a bit a pixel, plane by plane
        self._boxes: NDArray[np.int32] = entry.arrays["boxes"]  # (all boxes, 5): class, min_x, min_y, max_x, max_y
        self._starts: NDArray[np.int64] = entry.arrays["starts"]  # (N + 1,): where an image's boxes begin

    def __len__(self) -> int:
        return len(self.images)

    def name(self, index: int) -> str:
        return f"{index:05d}"

    def objects(self, index: int) -> NDArray[np.int32]:
        """int32 (K,): the number of boxes of each class."""
        counts: NDArray[np.int32] = self.object_counts[index]
        return counts

    def pixels(self, index: int) -> NDArray[np.int64]:
        """int64 (K,): the number of mask pixels of each class."""
        counts: NDArray[np.int64] = self.pixel_counts[index]
        return counts

    def boxes(self, index: int) -> tuple[tuple[int, Box], ...]:
        """(class index, Box) of each object, class by class."""
        rows = self._boxes[self._starts[index] : self._starts[index + 1]].tolist()
        return tuple((row[0], (row[1], row[2], row[3], row[4])) for row in rows)

    def masks(self, index: int) -> NDArray[np.bool_]:
        """bool (K, H, W), read-only."""
        shape = len(self.classes), *self.size
        planes: NDArray[np.bool_] = (
            np.unpackbits(self._packed[index], count=math.prod(shape)).view(np.bool_).reshape(shape)
        )
        planes.flags.writeable = False
        return planes

    def read(self, index: int, sample_index: int, split: str) -> Sample:
        """Image `index` of this file as sample `sample_index` of its data set."""
        return Sample(sample_index, self.name(index), split, self.images[index], self.masks(index), self.boxes(index))


def read_purdue(path: Path) -> Generator[Progressed, None, PurdueFile]:
    """Opens a data set: its .gz, the bare pickle, or the torch_saved_*_dataset.pt that DLStudio keeps of it.

    The first time it is read and converted (Progressed "reading" in bytes of the file, "converting" in images); from then on
    its entry in the cache is mapped. Masks may overlap; a box may reach over the border by less than the image's size and is
    cut there. Raises SegbenchError naming the image and the reason if the file is not such a data set, OSError if it can't
    be read.
    """
    open_regular(path).close()
    key = find_key(path, "purdue")
    entry = load_entry(key)
    if entry is None:
        images, label_map, unpacked = yield from _read_records(path)
        conversion = Conversion(path, images, label_map, unpacked)
        try:
            entry = yield from conversion.run(CacheWriter(key, path))
        except OSError:
            # No room or no right to write there: this session keeps the data set in memory
            entry = yield from conversion.run(CacheWriter(key, path, in_memory=True))
    return PurdueFile(path, entry)


# The file -----------------------------------------------------------------------------------------------------------------


class _Plain:
    """An unpacked file as a source of bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.unpacked = 0

    def read(self, size: int, /) -> bytes:
        part = self._file.read(size)
        self.unpacked += len(part)
        return part


def _read_records(path: Path) -> Generator[Progressed, None, tuple[dict[int, Any], dict[str, Any] | None, int]]:
    """The images' records, the label map (None if the file has none) and the number of bytes they were read from."""
    value, unpacked = yield from _read_any_pickle(path)
    label_map: Any = None
    if isinstance(value, PickledList) and len(value) == 2:
        value = tuple(value.values())
    if isinstance(value, tuple) and len(value) == 2:
        value, label_map = value
        if not isinstance(label_map, dict):
            raise SegbenchError(f"{path.name} has no label map.", HINT)
    elif isinstance(value, dict) and (path.parent / _LABEL_MAP).is_file():
        label_map, _ = yield from _read_any_pickle(path.parent / _LABEL_MAP)
        if not isinstance(label_map, dict):
            raise SegbenchError(f"{_LABEL_MAP} beside {path.name} holds no label map.", HINT)
    if not isinstance(value, dict):
        raise SegbenchError(f"{path.name} holds no table of images.", HINT)
    if not value:
        raise SegbenchError(f"{path.name} holds no images.", HINT)
    for index in range(len(value)):
        if index not in value:
            raise SegbenchError(f"{path.name} holds {len(value)} images, but none of index {index}.", HINT)
    return value, label_map, unpacked


def _read_any_pickle(path: Path) -> Generator[Progressed, None, tuple[Any, int]]:
    total = path.stat().st_size
    with open_regular(path) as file:
        head = file.read(2)
        file.seek(0)
        source: Gunzip | _Plain
        try:
            if head == b"\x1f\x8b":
                source = Gunzip(file, path.name)
            elif head == b"PK":
                source = _Plain(_open_torch_archive(file, path.name))
            elif head[:1] in (b"\x80", b"("):
                source = _Plain(file)
            else:
                raise SegbenchError(
                    f"{path.name} is no data set in the lecture's format.",
                    "It should be a .gz file as DLStudio offers it.",
                )
            machine = read_pickle(source, path.name)
            while True:
                try:
                    next(machine)
                except StopIteration as end:
                    return end.value, source.unpacked
                yield Progressed("reading", min(file.tell(), total), total)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise SegbenchError(f"{path.name} is a damaged archive.", "Get the file again.") from error


def _open_torch_archive(file: BinaryIO, name: str) -> BinaryIO:
    archive = zipfile.ZipFile(file)
    records = [record for record in archive.infolist() if record.filename.endswith("/data.pkl")]
    if len(records) != 1:
        raise SegbenchError(f"{name} is a zip archive, but no data set that torch saved.", "")
    # torch never packs its records; a packed one could unpack to anything
    if records[0].compress_type != zipfile.ZIP_STORED or records[0].flag_bits & 1:
        raise SegbenchError(f"{name} holds a packed record, which torch never writes.", "")
    return archive.open(records[0])  # type: ignore[return-value]
