"""The program that makes PurdueShapes5MultiObject (slide 72), redone: flat coloured shapes on black, overlapping, cut by the
border, each with its full mask and box. Same seed, same bytes; image i does not depend on how many are made."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segbench.errors import SegbenchError
from segbench.events import Progressed
from segbench.formats.purdue import PURDUE_CLASSES, write_purdue
from segbench.records import Box, Sample


class ShapeSizes(NamedTuple):
    """Ranges (smallest, largest) in pixels of a 64 x 64 image, drawn evenly; other image sizes scale them.

    The lecture's images show triangles up to about 28, rectangles up to about 22, disks of 8 to 20, thin ovals, small stars.
    These values give every class 1.6 to 2.2 % of the pixels, so that predicting nothing has a mean squared error of about 500 on the
    mask values: the level from which the losses of slide 82 come down.
    """

    rectangle: tuple[float, float] = (5.0, 20.0)  # each side
    triangle: tuple[float, float] = (8.0, 27.5)  # base and height, each
    disk: tuple[float, float] = (8.0, 20.0)  # diameter
    oval_length: tuple[float, float] = (14.0, 32.0)
    oval_width: tuple[float, float] = (5.0, 12.0)
    star: tuple[float, float] = (12.0, 28.5)  # diameter through the tips


SIZES = ShapeSizes()
MARGIN = 0.0  # centres lie at least this share of the image's side inside the border
DARKEST = 32  # the strongest of a colour's three channels is at least this, so no object is black on black
LARGEST_SIDE = 4096
TRAIN_COUNT, TEST_COUNT = 10_000, 1_000  # the lecture's

_WORDS_AN_OBJECT = 12  # random numbers kept for each object, used or not, so that no object moves another's
_BATCH = 256  # images whose random numbers are drawn at once
_NAME = re.compile(r"PurdueShapes5MultiObject-\d+-(train|test)\.gz")
_GRID = 1 << 16  # sines and cosines are rounded to 1 / _GRID: no machine's last digit can turn a pixel


def generate(
    count: int,
    seed: int,
    size: int = 64,
    objects: tuple[int, int] = (1, 5),
    split: str = "train",
    first: int = 0,
    sizes: ShapeSizes = SIZES,
    scale: float = 1.0,
) -> Iterator[Sample]:
    """Makes `count` samples of one split, the first of them image 0 of that split's endless row.

    size: side in pixels, 8 to 4096. objects: fewest and most objects an image. first: the samples' first index in their
    dataset. scale: multiplies every size in `sizes`. Image uint8 (size, size, 3), masks bool (5, size, size) in the order of
    PURDUE_CLASSES, a box an object; later objects are painted over earlier ones, masks and boxes keep what is hidden.
    Each split has random numbers of its own. Raises SegbenchError for a value out of range.
    """
    _check_request(count, seed, size, objects)
    most = objects[1]
    words = 4 * -(-(1 + most * _WORDS_AN_OBJECT) // 4)  # Philox counts in blocks of four
    for begin in range(0, count, _BATCH):
        draws = _draw(seed, split, begin * words, (min(_BATCH, count - begin), words))
        for row in range(len(draws)):
            index = begin + row
            yield _paint(draws[row], size, objects, sizes, scale, first + index, split, f"{index:05d}")


def _check_request(count: int, seed: int, size: int, objects: tuple[int, int] = (1, 5)) -> None:
    """Raises SegbenchError for a value out of range."""
    fewest, most = objects
    if not 8 <= size <= LARGEST_SIDE:
        raise SegbenchError(
            f"Images of {size} x {size} pixels cannot be made.", f"Choose a side from 8 to {LARGEST_SIDE}."
        )
    if count < 0 or not 0 <= fewest <= most <= 100:
        raise SegbenchError(
            f"{count} images of {fewest} to {most} objects cannot be made.",
            "Choose 0 to 100 objects, and no negative count.",
        )
    if not 0 <= seed < 2**63:
        raise SegbenchError(f"The seed {seed} is out of range.", "Choose a whole number from 0 to 2^63 - 1.")


def _draw(seed: int, split: str, start: int, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Even random numbers in [0, 1) from word `start` on of the row that belongs to (seed, split). Raw words only: numpy
    promises them to stay the same in every version, which its distributions do not."""
    generator = np.random.Philox(key=[seed, zlib.crc32(split.encode())], counter=[start // 4, 0, 0, 0])
    words = generator.random_raw(shape[0] * shape[1]).reshape(shape)
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _paint(
    draws: NDArray[np.float64],
    size: int,
    objects: tuple[int, int],
    sizes: ShapeSizes,
    scale: float,
    index: int,
    split: str,
    name: str,
) -> Sample:
    image = np.zeros((size, size, 3), np.uint8)
    masks = np.zeros((len(PURDUE_CLASSES), size, size), np.bool_)
    boxes: list[tuple[int, Box]] = []
    numbers: list[float] = draws.tolist()
    fewest, most = objects
    for number in range(fewest + int(numbers[0] * (most - fewest + 1))):
        own = numbers[1 + number * _WORDS_AN_OBJECT :][:_WORDS_AN_OBJECT]
        shape = int(own[0] * len(PURDUE_CLASSES))
        color = [int(value * 256) for value in own[1:4]]
        if max(color) < DARKEST:
            color[color.index(max(color))] = DARKEST
        left, top, inside = _rasterise(shape, own[4:], size, sizes, scale * size / 64)
        height, width = inside.shape
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        window = slice(top, top + height), slice(left, left + width)
        image[window][inside] = color
        masks[shape][window] |= inside
        box = left + int(columns[0]), top + int(rows[0]), left + int(columns[-1]), top + int(rows[-1])
        boxes.append((shape, box))
    image.flags.writeable = masks.flags.writeable = False
    return Sample(index, name, split, image, masks, tuple(boxes))


def _rasterise(
    shape: int, numbers: list[float], size: int, sizes: ShapeSizes, scale: float
) -> tuple[int, int, NDArray[np.bool_]]:
    """The pixels of one shape whose centre lies in it: left, top and bool (h, w), cut by the image's border, never empty."""
    where_x, where_y, turn, first, second = numbers[:5]
    room = size * (1 - 2 * MARGIN)
    center_x, center_y = (size * MARGIN + _round(place * room) for place in (where_x, where_y))
    cos, sin = _round(float(np.cos(2 * np.pi * turn))), _round(float(np.sin(2 * np.pi * turn)))
    name = PURDUE_CLASSES.names[shape]

    def between(limits: tuple[float, float], number: float) -> float:
        return _round(scale * (limits[0] + (limits[1] - limits[0]) * number))

    # Half the extents in the shape's own frame, and the corners in it
    if name == "rectangle":
        a, b = between(sizes.rectangle, first) / 2, between(sizes.rectangle, second) / 2
        reach = a + b
    elif name == "triangle":
        base, height = between(sizes.triangle, first), between(sizes.triangle, second)
        corners = [(-base / 2, -height / 3), (base / 2, -height / 3), (0.0, 2 * height / 3)]
        reach = base + height
    elif name == "star":
        a = between(sizes.star, first) / 2
        corners = [(_round(a * _round(float(np.cos(t)))), _round(a * _round(float(np.sin(t))))) for t in _TIPS]
        reach = a
    else:
        a = between(sizes.disk if name == "disk" else sizes.oval_length, first) / 2
        b = a if name == "disk" else min(a, between(sizes.oval_width, second) / 2)
        reach = a
    left, right = (min(max(int(edge), 0), size) for edge in (center_x - reach, center_x + reach + 1))
    top, bottom = (min(max(int(edge), 0), size) for edge in (center_y - reach, center_y + reach + 1))
    x = np.arange(left, right) + (0.5 - center_x)
    y = (np.arange(top, bottom) + (0.5 - center_y))[:, None]
    u, v = x * cos + y * sin, y * cos - x * sin
    inside: NDArray[np.bool_]
    if name == "rectangle":
        inside = (np.abs(u) <= a) & (np.abs(v) <= b)
    elif name == "triangle":
        inside = _count_sides(corners, u, v) == 3
    elif name == "star":
        # A pentagram's lines: a point of the star lies inside four of the five at least
        inside = _count_sides(corners, u, v) >= 4
    else:
        inside = (u * b) ** 2 + (v * a) ** 2 <= (a * b) ** 2
    if not inside.any():
        # Too thin to hold a pixel's centre: the pixel it lies in stands for it
        left, top = min(int(center_x), size - 1), min(int(center_y), size - 1)
        inside = np.ones((1, 1), np.bool_)
    return left, top, inside


_TIPS = tuple(
    2 * np.pi * (2 * k % 5) / 5 for k in range(5)
)  # every other tip, so that the sides are the pentagram's lines


def _count_sides(
    corners: list[tuple[float, float]], u: NDArray[np.float64], v: NDArray[np.float64]
) -> NDArray[np.int8]:
    """How many of the lines from corner to corner (counter-clockwise) have each point on their inner side: int8 (h, w)."""
    count = np.zeros(u.shape, np.int8)
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        count += (x1 - x0) * (v - y0) >= (y1 - y0) * (u - x0)
    return count


def _round(value: float) -> float:
    return round(value * _GRID) / _GRID


# Files ------------------------------------------------------------------------------------------------------------------


def write_shapes(
    out: Path,
    count: int = TRAIN_COUNT,
    test_count: int = TEST_COUNT,
    seed: int = 0,
    size: int = 64,
    overwrite: bool = False,
) -> Generator[Progressed, None, Path]:
    """Writes a data set in the lecture's format and returns its path.

    out: a name that ends in .gz becomes one file of `count` training images; any other a folder with
    PurdueShapes5MultiObject-{count}-train.gz and, for a test_count above 0, PurdueShapes5MultiObject-{test_count}-test.gz.
    `overwrite` replaces the data set that stands there, files of other counts included. Raises SegbenchError if something
    stands there already and `overwrite` is False, or a number is out of range; OSError if the place can't be written.
    Closing it leaves what stood there before, and no half file.
    """
    if count < 1 or test_count < 0:
        raise SegbenchError("A data set needs at least one image.", "Choose a count of 1 or more.")
    _check_request(count, seed, size)
    single = out.suffix.lower() == ".gz"
    test_count = 0 if single else test_count
    _refuse_to_overwrite(out, single, overwrite)
    folder = out.parent if single else out
    files = [(out if single else out / find_name(count, "train"), count, "train")]
    if test_count:
        files.append((out / find_name(test_count, "test"), test_count, "test"))
    made = next((place for place in (*reversed(folder.parents), folder) if not place.exists()), None)
    aside = folder / f".{secrets.token_hex(4)}"  # both files are complete before either takes its place
    done, total, complete = 0, count + test_count, False
    try:
        aside.mkdir(parents=True)
        for path, images, split in files:
            samples = generate(images, seed, size, split=split, first=done)
            for event in write_purdue(aside / path.name, samples, PURDUE_CLASSES, images):
                yield Progressed("writing", done + event.done, total)
            done += images
        for old in list(folder.iterdir()):
            if _NAME.fullmatch(old.name) and not single:
                old.unlink()
        for path, _, _ in files:
            os.replace(aside / path.name, path)
        complete = True
    finally:
        shutil.rmtree(aside if complete or made is None else made, ignore_errors=True)
    return out


def find_name(count: int, split: str) -> str:
    """The lecture's name of a file of that many images (slide 79)."""
    return f"PurdueShapes5MultiObject-{count}-{split}.gz"


def _refuse_to_overwrite(out: Path, single: bool, overwrite: bool) -> None:
    if single and out.is_dir():
        raise SegbenchError(f"{out} is a folder, and the data set is to be one file.", "Choose another name.")
    if not single and out.exists() and not out.is_dir():
        raise SegbenchError(
            f"{out} is a file, and the data set is to be a folder.", "Choose another name, or one ending in .gz."
        )
    if overwrite:
        return
    if single and out.exists():
        raise SegbenchError(f"{out} exists already.", "Choose another name, or allow overwriting.")
    if not single and out.is_dir() and any(out.iterdir()):
        raise SegbenchError(f"The folder {out} is not empty.", "Choose an empty or new folder, or allow overwriting.")
