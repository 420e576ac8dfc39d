"""Bytes of PNG files, and the palette that goes with class indices. Writes nothing."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segbench.records import IGNORE, ClassTable

BACKGROUND_COLOR = (0, 0, 0)
UNREAD_COLOR = (224, 224, 224)  # index 255: no class, unknown


def list_index_names(classes: ClassTable) -> list[str]:
    """The name of each index of an index PNG from 0 on: the class table itself where a pixel has one class, so that files match
    the dataset's own masks; "background" and then the classes where planes may overlap."""
    return [*classes.names] if classes.exclusive else ["background", *classes.names]


def make_palette(classes: ClassTable) -> NDArray[np.uint8]:
    """uint8 (256, 3): the colours of the indices; black where there is none, UNREAD_COLOR at 255."""
    palette = np.zeros((256, 3), np.uint8)
    colors = [*classes.colors] if classes.exclusive else [BACKGROUND_COLOR, *classes.colors]
    palette[: len(colors)] = colors
    palette[IGNORE] = UNREAD_COLOR
    return palette


def encode_grey(plane: NDArray[np.uint8]) -> bytes:
    """uint8 (H, W) as an 8-bit grey PNG."""
    return _encode(Image.fromarray(plane))


def encode_indices(indices: NDArray[np.uint8], palette: NDArray[np.uint8]) -> bytes:
    """uint8 (H, W) as an 8-bit PNG of indices with a palette uint8 (256, 3)."""
    image = Image.fromarray(indices)
    image.putpalette(palette.tobytes())
    return _encode(image)


def show_indices(indices: NDArray[np.uint8], palette: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (H, W, 3): what an index PNG looks like."""
    picture: NDArray[np.uint8] = palette[indices]
    return picture


def paint_outlines(
    image: NDArray[np.uint8], planes: NDArray[np.bool_], colors: Sequence[tuple[int, int, int]]
) -> NDArray[np.uint8]:
    """The image uint8 (H, W, 3) with each plane's outline, one pixel wide and inside it, in its class's colour."""
    picture = image.copy()
    for plane, color in zip(planes, colors, strict=True):
        inner = plane.copy()
        inner[1:] &= plane[:-1]
        inner[:-1] &= plane[1:]
        inner[:, 1:] &= plane[:, :-1]
        inner[:, :-1] &= plane[:, 1:]
        picture[plane & ~inner] = color
    return picture


def _encode(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()
