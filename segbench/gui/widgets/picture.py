"""What a viewer shows and how it is painted: image, mask layers, composed paint, boxes. Knows painters, no widget and no camera.

numpy is imported by the first picture, not by this module.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from PySide6.QtCore import QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from segbench.gui.widgets.mask_layers import MaskLayer, Paint
    from segbench.records import Box

Style = Literal["fill", "contour"]
Size = tuple[int, int]  # height, width
# Pixels up to which a whole mask layer is composed at once; of larger ones only the part in view
WHOLE_LAYER = 600_000


class Frame(NamedTuple):
    """Where a picture stands on what is painted: its top left corner, logical pixels an image pixel, device pixels a logical
    pixel, and the part that is in view."""

    x: float
    y: float
    scale: float
    ratio: float
    view: QRectF

    @property
    def device(self) -> float:
        """Device pixels an image pixel."""
        return self.scale * self.ratio

    def find_visible(self, size: Size, unit: tuple[float, float] = (1, 1), margin: int = 1) -> QRect:
        """The pixels in view of a picture of `size` pixels, each covering `unit` (x, y) image pixels; rounded out to `margin`."""
        sx, sy = unit[0] * self.scale, unit[1] * self.scale
        left = math.floor((self.view.left() - self.x) / sx / margin) * margin
        top = math.floor((self.view.top() - self.y) / sy / margin) * margin
        right = math.ceil((self.view.right() - self.x) / sx / margin) * margin
        bottom = math.ceil((self.view.bottom() - self.y) / sy / margin) * margin
        return QRect(left, top, right - left, bottom - top) & QRect(0, 0, size[1], size[0])

    def map_rect(self, rect: QRect, unit: tuple[float, float] = (1, 1)) -> QRectF:
        """Where these pixels stand on what is painted."""
        sx, sy = unit[0] * self.scale, unit[1] * self.scale
        return QRectF(self.x + rect.x() * sx, self.y + rect.y() * sy, rect.width() * sx, rect.height() * sy)


class Pyramid:
    """An image and its smooth reductions by 2, 4, 8 ..., made when first asked for."""

    def __init__(self, image: QImage) -> None:
        self._levels = [image]

    @property
    def size(self) -> Size:
        return self._levels[0].height(), self._levels[0].width()

    def at(self, level: int) -> QImage:
        smooth = Qt.TransformationMode.SmoothTransformation
        while len(self._levels) <= level:
            last = self._levels[-1]
            width, height = max(1, (last.width() + 1) // 2), max(1, (last.height() + 1) // 2)
            self._levels.append(last.scaled(width, height, Qt.AspectRatioMode.IgnoreAspectRatio, smooth))
        return self._levels[level]


class Picture:
    """An image and what lies on it. Hidden classes, opacity and style stay when the image changes."""

    def __init__(self) -> None:
        self.image: Pyramid | None = None
        self.paint: Pyramid | None = None
        self.layers: list[MaskLayer] = []
        self.layer_size: Size | None = None
        self.colors: tuple[Paint, ...] = ()
        self.hidden: frozenset[int] = frozenset()
        self.opacity = 0.55
        self.style: Style = "fill"
        self.boxes: tuple[tuple[int, Box], ...] = ()
        self.box_colors: tuple[Paint, ...] = ()
        self.box_names: tuple[str, ...] = ()

    @property
    def size(self) -> Size | None:
        """Height and width; None while there is nothing to show."""
        if self.image is not None:
            return self.image.size
        return self.layer_size or (self.paint.size if self.paint is not None else None)

    def set_image(self, rgb: NDArray[np.uint8] | None) -> None:
        """uint8 (H, W, 3) or None. What lies on it and has another size is taken away."""
        if rgb is None:
            self.image = None
            return
        from segbench.gui.widgets.mask_layers import make_image

        before, self.image = self.size, Pyramid(make_image(rgb))
        size = self.image.size
        if self.layer_size not in (None, size):
            self.layers, self.layer_size = [], None
        if self.paint is not None and self.paint.size != size:
            self.paint = None
        if before != size:
            self.boxes = ()

    def set_planes(self, planes: NDArray[np.bool_] | None, colors: Sequence[Paint]) -> None:
        """bool (K, H, W) or None."""
        self.layers, self.layer_size, self.colors = [], None, tuple(colors)
        if planes is not None and len(planes):
            from segbench.gui.widgets.mask_layers import pack_planes

            self._check((planes.shape[1], planes.shape[2]))
            self.layers, self.layer_size = pack_planes(planes), (planes.shape[1], planes.shape[2])

    def set_labels(self, labels: NDArray[np.uint8] | None, colors: Sequence[Paint]) -> None:
        """uint8 (H, W) or None."""
        self.layers, self.layer_size, self.colors = [], None, tuple(colors)
        if labels is not None:
            from segbench.gui.widgets.mask_layers import pack_labels

            self._check((labels.shape[0], labels.shape[1]))
            self.layers = [pack_labels(labels, len(colors))]
            self.layer_size = labels.shape[0], labels.shape[1]

    def set_paint(self, rgba: NDArray[np.uint8] | None) -> None:
        """Premultiplied uint8 (H, W, 4) or None."""
        self.paint = None
        if rgba is not None:
            from segbench.gui.widgets.mask_layers import make_paint

            self._check((rgba.shape[0], rgba.shape[1]))
            self.paint = Pyramid(make_paint(rgba))

    def _check(self, size: Size) -> None:
        if self.image is not None and self.image.size != size:
            raise ValueError(f"a picture of {size} does not lie on an image of {self.image.size}")

    # Painting -------------------------------------------------------------------------------------------------------------

    def draw(self, painter: QPainter, frame: Frame, raw: bool = False) -> None:
        """Paints what is in view. raw: the image alone."""
        if (size := self.size) is None:
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, frame.device < 1)
        if frame.device > 1:
            self._draw_enlarged(painter, frame, size, raw)
        else:
            self._draw_reduced(painter, frame, size, raw)
        if raw:
            return
        if self.style == "contour" and self.layers and self.opacity > 0:
            painter.setOpacity(min(1.0, self.opacity + 0.4))  # lines need more than areas to be seen
            self._draw_contours(painter, frame, size)
            painter.setOpacity(1)
        self._draw_boxes(painter, frame)

    def render(self, scale: int = 1) -> QImage:
        """The whole picture at `scale` pixels an image pixel; a null QImage if there is none."""
        if (size := self.size) is None:
            return QImage()
        canvas = QImage(size[1] * scale, size[0] * scale, QImage.Format.Format_RGB32)
        with QPainter(canvas) as painter:
            self.draw(painter, Frame(0, 0, scale, 1, QRectF(canvas.rect())))
        return canvas

    def _draw_enlarged(self, painter: QPainter, frame: Frame, size: Size, raw: bool) -> None:
        """Flattens the part in view at its own size, where it is small, and enlarges that once."""
        part = frame.find_visible(size)
        if part.isEmpty():
            return
        if self.image is not None:
            flat = self.image.at(0).copy(part)
        else:
            flat = QImage(part.size(), QImage.Format.Format_RGB32)
            flat.fill(Qt.GlobalColor.black)
        if not raw:
            view = QRectF(part.translated(-part.topLeft()))
            with QPainter(flat) as flattening:
                self._draw_masks(flattening, Frame(-part.x(), -part.y(), 1, 1, view), 0, size)
        painter.drawImage(frame.map_rect(part), flat)

    def _draw_reduced(self, painter: QPainter, frame: Frame, size: Size, raw: bool) -> None:
        level = min(max(0, math.floor(-math.log2(frame.device) + 1e-9)), max(size).bit_length() - 1)
        if self.image is not None:
            _draw_level(painter, frame, self.image.at(level), size)
        else:
            painter.fillRect(frame.map_rect(QRect(0, 0, size[1], size[0])) & frame.view, QColor(0, 0, 0))
        if not raw:
            self._draw_masks(painter, frame, level, size)

    def _draw_masks(self, painter: QPainter, frame: Frame, level: int, size: Size) -> None:
        """Filled layers and paint, at the picture's opacity."""
        if self.opacity == 0:
            return
        painter.setOpacity(self.opacity)
        if self.style == "fill":
            step, shown = 2**level, self._find_shown()
            height, width = math.ceil(size[0] / step), math.ceil(size[1] / step)
            region = None
            if height * width > WHOLE_LAYER:
                region = frame.find_visible((height, width), (step, step), margin=256)
            for layer in self.layers:
                image = layer.compose(level, region, self.colors, shown)
                at = region.topLeft() if region is not None else QPoint(0, 0)
                _draw_pixels(painter, frame, image, at, (step, step))
        if self.paint is not None:
            _draw_level(painter, frame, self.paint.at(level), size)
        painter.setOpacity(1)

    def _find_shown(self) -> frozenset[int]:
        return frozenset(k for k in range(len(self.colors)) if k not in self.hidden)

    def _draw_contours(self, painter: QPainter, frame: Frame, size: Size) -> None:
        """Samples the masks at the screen's own pixels, so that lines are equally wide at any zoom."""
        import numpy as np

        spans = []
        for start, low, high, count in (
            (frame.x, frame.view.left(), frame.view.right(), size[1]),
            (frame.y, frame.view.top(), frame.view.bottom(), size[0]),
        ):
            first = math.floor(max(start, low) * frame.ratio + 1e-6)
            last = math.ceil(min(start + count * frame.scale, high) * frame.ratio - 1e-6)
            pixels = np.arange(first, max(first, last))
            at = np.floor((pixels + 0.5 - start * frame.ratio) / frame.device)
            spans.append((first, np.clip(at, 0, count - 1).astype(np.intp)))
        (left, columns), (top, rows) = spans
        if not len(columns) or not len(rows):
            return
        for layer in self.layers:
            width = max(1, round(frame.ratio * (2 if layer.kind == "planes" else 1)))
            image = layer.compose_contour(rows, columns, width, self.colors, self._find_shown())
            target = (left, top, image.width(), image.height())
            painter.drawImage(QRectF(*(value / frame.ratio for value in target)), image)

    def _draw_boxes(self, painter: QPainter, frame: Frame) -> None:
        shown = []
        for k, (left, top, right, bottom) in self.boxes:
            color = self.box_colors[k] if k < len(self.box_colors) else None
            if color is None or k in self.hidden:
                continue
            rect = frame.map_rect(QRect(left, top, right + 1 - left, bottom + 1 - top))
            shown.append((k, rect, QColor(*color)))
            # A dark rim keeps the line visible on a picture of its own colour
            for pen in (cosmetic_pen(QColor(0, 0, 0, 150), 4), cosmetic_pen(QColor(*color), 2)):
                painter.setPen(pen)
                painter.drawRect(rect)
        for k, rect, ground in shown:  # over all boxes: none may run through a neighbour's name
            if k < len(self.box_names) and rect.width() >= 24:
                _draw_tag(painter, rect, self.box_names[k], ground, frame.view.top())


def cosmetic_pen(color: QColor, width: int) -> QPen:
    """A mitred pen of constant width on screen."""
    pen = QPen(color, width)
    pen.setCosmetic(True)
    pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
    return pen


def _draw_level(painter: QPainter, frame: Frame, image: QImage, size: Size) -> None:
    """Draws the part in view of a reduction that covers the whole picture of `size` pixels."""
    _draw_pixels(painter, frame, image, QPoint(0, 0), (size[1] / image.width(), size[0] / image.height()))


def _draw_pixels(painter: QPainter, frame: Frame, image: QImage, at: QPoint, unit: tuple[float, float]) -> None:
    """Draws the part in view of an image whose pixels cover `unit` (x, y) picture pixels each, the first at `at`."""
    there = image.rect().translated(at)
    part = frame.find_visible((there.bottom() + 1, there.right() + 1), unit) & there
    if not part.isEmpty():
        painter.drawImage(frame.map_rect(part, unit), image, QRectF(part.translated(-at)))


def _draw_tag(painter: QPainter, rect: QRectF, name: str, color: QColor, ceiling: float) -> None:
    """A class's name on its colour above a box, or inside it where there is no room above."""
    font, small = painter.font(), painter.font()
    small.setPointSizeF(max(6.5, font.pointSizeF() * 0.8))
    painter.setFont(small)
    width, height = painter.fontMetrics().horizontalAdvance(name) + 6, painter.fontMetrics().height()
    tag = QRectF(rect.left() - 1, rect.top() - height, width, height)
    if tag.top() < ceiling:
        tag.moveTop(rect.top())
    painter.fillRect(tag, color)
    luminance = 0.299 * color.red() + 0.587 * color.green() + 0.114 * color.blue()
    painter.setPen(QColor(0, 0, 0) if luminance > 110 else QColor(255, 255, 255))
    painter.drawText(tag, int(Qt.AlignmentFlag.AlignCenter), name)
    painter.setFont(font)
