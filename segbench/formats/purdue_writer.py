"""Writes the lecture's data set format: pickle operations put together from whole arrays, no pickler. Python's pickle.loads,
numpy 1 and 2, and DLStudio read the result."""

from __future__ import annotations

import gzip
import os
import struct
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path

import numpy as np

from segbench.errors import SegbenchError
from segbench.events import Progressed
from segbench.records import ClassTable, Sample

LEVEL = 1  # of gzip: level 9 takes ten times as long for two thirds of the size
_EVENTS = 50  # images between two events
_BATCH = 1000  # items a SETITEMS, as Python's own pickler has it

# numpy's names as every numpy from 1.16 on finds them (numpy 2 keeps numpy.core.multiarray for old files)
_RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\nq\x00"
_NDARRAY = b"cnumpy\nndarray\nq\x01"
_EMPTY = b"K\x00\x85C\x01b\x87R"  # ((0,), b"b") called
_UINT8 = (
    b"cnumpy\ndtype\nX\x02\x00\x00\x00u1K\x00K\x01\x87R(K\x03X\x01\x00\x00\x00|NNN"
    b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbq\x02"
)


def write_purdue(
    path: Path, samples: Iterable[Sample], classes: ClassTable, total: int
) -> Generator[Progressed, None, Path]:
    """Writes samples as one .gz and returns its path; it stands there whole or not at all.

    Same samples, same bytes (with the same zlib). All samples must be of one size and have masks; they are numbered in the
    order they come. total: how many, for the events. Masks keep overlaps; labels become a plane a class, ignored pixels are
    in none. Raises SegbenchError for samples that don't fit together, OSError if the file can't be written.
    """
    values = find_values(classes)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as raw:
            with gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=raw, mtime=0) as file:
                file.write(b"\x80\x03}")
                record, count = None, 0
                for count, sample in enumerate(samples, start=1):
                    record = record or _Record(sample.size, values)
                    file.write((b"(" if count % _BATCH == 1 else b"") + record.encode(sample, count - 1))
                    if count % _BATCH == 0:
                        file.write(b"u")
                    if count % _EVENTS == 0:
                        yield Progressed("writing", count, max(total, count))
                if not count:
                    raise SegbenchError("There is no sample to write.", "A data set needs at least one image.")
                names = b"".join(_encode_text(n) + _encode_int(v) for n, v in zip(classes.names, values, strict=True))
                file.write((b"u" if count % _BATCH else b"") + b"}(" + names + b"u\x86.")
            raw.flush()
            os.fsync(raw.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    yield Progressed("writing", count, max(total, count))
    return path


def find_values(classes: ClassTable) -> tuple[int, ...]:
    """The mask value of each class: its own if they rise from class to class, as the format's readers expect, else spread
    over 1..250. Raises SegbenchError beyond 250 classes."""
    if not 1 <= len(classes) <= 250:
        raise SegbenchError(f"The lecture's format can't hold {len(classes)} classes.", "It has room for 1 to 250.")
    if len(set(classes.names)) != len(classes):
        raise SegbenchError("Two classes have the same name.", "The lecture's format tells them apart by name only.")
    values = classes.values
    if list(values) == sorted(set(values)) and values[0] > 0 and values[-1] <= 255:
        return values
    return tuple(250 * (k + 1) // len(classes) for k in range(len(classes)))


class _Record:
    """Encodes samples of one size: the fixed operations stand in a buffer, an image's bytes are put between them."""

    def __init__(self, size: tuple[int, int], values: Sequence[int]) -> None:
        self.size = size
        self.shape = len(values), *size
        self._values = np.array(values, np.uint8)[:, None, None]
        self._pixels = np.full((3, size[0] * size[1], 2), ord("K"), np.uint8)
        self._planes = np.empty(self.shape, np.uint8)
        shape = b"(" + b"".join(map(_encode_int, self.shape)) + b"t"
        count = struct.pack("<I", self._planes.size)
        self._first = _RECONSTRUCT + _NDARRAY + _EMPTY + b"(K\x01" + shape + _UINT8 + b"\x89B" + count
        self._later = b"h\x00h\x01" + _EMPTY + b"(K\x01" + shape + b"h\x02\x89B" + count

    def encode(self, sample: Sample, index: int) -> bytes:
        """The operations of the key `index` and its record."""
        if sample.size != self.size:
            raise SegbenchError(
                f"Sample {sample.name} has {sample.size[1]} x {sample.size[0]} pixels, the first one {self.size[1]} x {self.size[0]}.",
                "The lecture's format holds images of one size only; choose another format.",
            )
        planes = sample.planes(self.shape[0])
        if planes is None or planes.shape != self.shape:
            raise SegbenchError(
                f"Sample {sample.name} has no masks for the {self.shape[0]} classes.",
                "The lecture's format holds images with masks only.",
            )
        self._pixels[:, :, 1] = sample.image.reshape(-1, 3).T
        np.multiply(planes, self._values, out=self._planes, casting="unsafe")
        red, green, blue = (channel.tobytes() for channel in self._pixels)
        return b"".join(
            (
                _encode_int(index), b"](](", red, b"e](", green, b"e](", blue, b"e",
                self._later if index else self._first, self._planes.tobytes(), b"tb",
                self._encode_boxes(sample), b"e",
            )
        )  # fmt: skip

    def _encode_boxes(self, sample: Sample) -> bytes:
        lists: list[list[bytes]] = [[] for _ in range(self.shape[0])]
        for plane, box in sample.boxes:
            lists[plane].append(b"](" + b"".join(map(_encode_int, box)) + b"e")
        items = (_encode_int(k) + b"](" + b"".join(boxes) + b"e" for k, boxes in enumerate(lists))
        return b"}(" + b"".join(items) + b"u"


def _encode_int(value: int) -> bytes:
    if 0 <= value < 256:
        return b"K" + bytes((value,))
    if 0 <= value < 65_536:
        return b"M" + struct.pack("<H", value)
    return b"J" + struct.pack("<i", value)


def _encode_text(text: str) -> bytes:
    data = text.encode()
    return b"X" + struct.pack("<I", len(data)) + data
