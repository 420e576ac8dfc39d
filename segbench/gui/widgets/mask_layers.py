"""Masks as cached QImages: planes and labels are packed once into index bytes, so that a class's eye or colour changes a
256-entry colour table and nothing else. Imports numpy: load it only when there is a picture to show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from PySide6.QtCore import QRect
from PySide6.QtGui import QImage, qRgba

from segbench.records import IGNORE, Color

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

Paint = Color | None  # None: this class is never painted
PLANES_A_LAYER = 7  # bits 0..6 of a byte tell the planes, bit 7 the stripe a pixel lies on
STRIPE = 0x80
IGNORE_STRIPE = 254  # index of the other tone of ignored pixels
IGNORE_COLORS = (qRgba(128, 128, 128, 200), qRgba(84, 84, 84, 200))


class MaskLayer:
    """Up to seven planes, or a whole label map, as one byte a pixel and a colour table.

    kind "planes": bit b of a byte is plane first + b; where visible planes overlap, diagonal stripes show the lowest and the
    highest of them. kind "labels": the byte is the class; IGNORE is striped grey.
    """

    def __init__(self, kind: Literal["planes", "labels"], indices: Bytes, first: int = 0) -> None:
        self.kind = kind
        self.indices = indices  # uint8 (H, W)
        self.first = first
        self._cached: QImage | None = None
        self._cached_at: tuple[object, ...] = ()
        self._edges: Bytes | None = None  # the outlines at the camera last asked for
        self._edges_at: tuple[object, ...] = ()
        self._level = indices, 0  # the index bytes at the last level asked for

    def compose(self, level: int, region: QRect | None, colors: Sequence[Paint], visible: frozenset[int]) -> QImage:
        """The layer as a premultiplied image; every 2**level-th pixel of it, cut to `region` (in pixels of that level)."""
        cut = (region.x(), region.y(), region.width(), region.height()) if region is not None else None
        at = (level, cut, tuple(colors), visible)
        if self._cached is None or at != self._cached_at:
            indices = self._at_level(level)
            if cut is not None:
                x, y, width, height = cut
                indices = indices[y : y + height, x : x + width]
            self._cached = color_indices(indices, self.color_table(colors, visible))
            self._cached_at = at
        return self._cached

    def compose_contour(
        self,
        rows: NDArray[np.intp],
        columns: NDArray[np.intp],
        width: int,
        colors: Sequence[Paint],
        visible: frozenset[int],
    ) -> QImage:
        """Outlines `width` pixels wide, inside the objects, sampled at these image rows and columns (one a screen pixel)."""
        at = (rows.tobytes(), columns.tobytes(), width)
        if self._edges is None or at != self._edges_at:
            sampled = np.take(np.take(self.indices, rows, axis=0), columns, axis=1)
            self._edges = _outline_planes(sampled, width) if self.kind == "planes" else _outline_labels(sampled, width)
            self._edges_at = at
        return color_indices(self._edges, self.color_table(colors, visible, outline=True))

    def color_table(self, colors: Sequence[Paint], visible: frozenset[int], outline: bool = False) -> list[int]:
        """256 colours as Qt's unsigned ARGB; 0 is transparent."""
        painted = {k: qRgba(*color, 255) for k, color in enumerate(colors) if color is not None and k in visible}
        if self.kind == "labels":
            table = [painted.get(value, 0) for value in range(256)]
            if not outline:
                table[IGNORE] = IGNORE_COLORS[0]
                if len(colors) <= IGNORE_STRIPE:
                    table[IGNORE_STRIPE] = IGNORE_COLORS[1]
            elif len(colors) <= IGNORE:
                table[IGNORE] = 0
            return table
        table = []
        for byte in range(256):
            there = [
                painted[self.first + b] for b in range(PLANES_A_LAYER) if byte >> b & 1 and self.first + b in painted
            ]
            table.append((there[0] if byte & STRIPE else there[-1]) if there else 0)
        return table

    def _at_level(self, level: int) -> Bytes:
        if self._level[1] != level:
            step = 2**level
            self._level = np.ascontiguousarray(self.indices[::step, ::step]), level
        return self._level[0]


def pack_planes(planes: NDArray[np.bool_]) -> list[MaskLayer]:
    """bool (K, H, W) as layers of seven planes each, the first at the bottom."""
    stripes = _find_stripes(planes.shape[1], planes.shape[2])
    layers = []
    for first in range(0, len(planes), PLANES_A_LAYER):
        indices = np.where(stripes, np.uint8(STRIPE), np.uint8(0))
        for bit, plane in enumerate(planes[first : first + PLANES_A_LAYER]):
            indices |= plane.view(np.uint8) << np.uint8(bit)
        layers.append(MaskLayer("planes", indices, first))
    return layers


def pack_labels(labels: Bytes, classes: int) -> MaskLayer:
    """uint8 (H, W) as one layer; ignored pixels get two tones in stripes as long as there is an index to spare."""
    ignored = labels == IGNORE
    if classes > IGNORE_STRIPE or not ignored.any():
        return MaskLayer("labels", np.ascontiguousarray(labels))
    indices = labels.copy()
    indices[ignored & _find_stripes(*labels.shape)] = IGNORE_STRIPE
    return MaskLayer("labels", indices)


def color_indices(indices: Bytes, table: list[int]) -> QImage:
    """Index bytes (H, W) through a colour table into a premultiplied image of its own memory."""
    indices = np.ascontiguousarray(indices)  # Qt takes the buffer of nothing else
    height, width = indices.shape
    image = QImage(indices.data, width, height, indices.strides[0], QImage.Format.Format_Indexed8)
    image.setColorTable(table)
    return image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)


def make_image(rgb: Bytes) -> QImage:
    """uint8 (H, W, 3) as an opaque image of its own memory."""
    rgb = np.ascontiguousarray(rgb)
    height, width = rgb.shape[:2]
    return QImage(rgb.data, width, height, rgb.strides[0], QImage.Format.Format_RGB888).convertToFormat(
        QImage.Format.Format_RGB32
    )


def make_paint(rgba: Bytes) -> QImage:
    """Premultiplied uint8 (H, W, 4) as an image of its own memory."""
    rgba = np.ascontiguousarray(rgba)
    height, width = rgba.shape[:2]
    image = QImage(rgba.data, width, height, rgba.strides[0], QImage.Format.Format_RGBA8888_Premultiplied)
    return image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)


def _find_stripes(height: int, width: int) -> NDArray[np.bool_]:
    """bool (H, W): diagonal stripes, two pixels wide on small images, wider on large ones so that they can be seen."""
    wide = max(2, min(height, width) // 96)
    line = (np.arange(height + width) // wide % 2).astype(bool)
    # Each row is the row above moved by one: a view of one line, no memory of its own
    striped: NDArray[np.bool_] = np.lib.stride_tricks.sliding_window_view(line, width)[:height]
    return striped


def _outline_planes(bits: Bytes, width: int) -> Bytes:
    """Each bit kept only where it is unset `width` pixels away in one of the four directions."""
    inner = bits.copy()
    inner[width:] &= bits[:-width]
    inner[:-width] &= bits[width:]
    inner[:, width:] &= bits[:, :-width]
    inner[:, :-width] &= bits[:, width:]
    return bits & ~inner & np.uint8(~STRIPE & 0xFF)


def _outline_labels(labels: Bytes, width: int) -> Bytes:
    """Each label kept only where another one stands `width` pixels away; IGNORE elsewhere."""
    labels = np.where(labels == IGNORE_STRIPE, np.uint8(IGNORE), labels)
    edge = np.zeros(labels.shape, bool)
    down, right = labels[width:] != labels[:-width], labels[:, width:] != labels[:, :-width]
    edge[width:] |= down
    edge[:-width] |= down
    edge[:, width:] |= right
    edge[:, :-width] |= right
    return np.where(edge, labels, np.uint8(IGNORE))
