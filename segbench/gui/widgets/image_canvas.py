"""A pixel-exact picture viewer: image, masks, boxes and composed paint under one camera. Knows arrays and colours, no dataset.

Above 1:1 every image pixel is a whole number of screen pixels; below, pictures are reduced smoothly. Masks are packed once
(see mask_layers), so that an eye, a colour or the opacity costs a colour table and a repaint. numpy is imported by the first
picture, not by this module.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QEnterEvent,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QSizePolicy, QWidget

from segbench.gui.theme import current_theme, theme_signals
from segbench.gui.widgets.camera import Camera, CameraLink, fit_scale, link_cameras, snap_scale, step_scale

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from segbench.gui.widgets.mask_layers import Color, MaskLayer
    from segbench.records import Box

__all__ = ["Camera", "CameraLink", "ImageCanvas", "link_cameras"]

Style = Literal["fill", "contour"]
WHEEL_STEP = 120  # eighths of a degree: one notch
GRID_FROM = 16  # device pixels an image pixel from which the pixel grid is drawn
WHOLE_LAYER = (
    4_200_000  # pixels up to which a whole mask layer is composed at once; of larger ones only the part in view
)


class _Frame(NamedTuple):
    """Where the picture stands on what is painted: its top left corner, logical pixels an image pixel, the part in view."""

    x: float
    y: float
    scale: float
    ratio: float
    view: QRectF


class _Pyramid:
    """A picture and its smooth reductions by 2, 4, 8 ..., made when first asked for."""

    def __init__(self, image: QImage) -> None:
        self._levels = [image]

    @property
    def size(self) -> tuple[int, int]:
        return self._levels[0].height(), self._levels[0].width()

    def at(self, level: int) -> QImage:
        while len(self._levels) <= level:
            last = self._levels[-1]
            width, height = max(1, (last.width() + 1) // 2), max(1, (last.height() + 1) // 2)
            self._levels.append(
                last.scaled(
                    width, height, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
                )
            )
        return self._levels[level]


class ImageCanvas(QWidget):
    """Shows one image with what lies on it. All coordinates are image pixels, (0, 0) at the top left."""

    hovered = Signal(int, int)  # the pixel under the cursor; -1, -1 when there is none
    clicked = Signal(int, int)
    camera_changed = Signal(object)  # Camera, after the user or fit() moved it; not after set_camera()
    raw_changed = Signal(bool)  # Shift is held: the image without anything on it

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image: _Pyramid | None = None
        self._paint: _Pyramid | None = None
        self._layers: list[MaskLayer] = []
        self._layer_size: tuple[int, int] | None = None
        self._colors: tuple[Color, ...] = ()
        self._hidden: frozenset[int] = frozenset()
        self._opacity = 0.55
        self._style: Style = "fill"
        self._boxes: tuple[tuple[int, Box], ...] = ()
        self._box_colors: tuple[Color, ...] = ()
        self._box_names: tuple[str, ...] = ()
        self._title = ""
        self._empty = "No image"
        self._camera = Camera(0.0, 0.0, 1.0)
        self._fitted = True
        self._raw = False
        self._marker = (-1, -1)
        self._hover = (-1, -1)
        self._pressed_at: QPointF | None = None
        self._dragged = False
        self._wheel = 0
        self._settled_size: tuple[int, int] | None = None  # what the camera was last fitted to
        self.setObjectName("image_canvas")
        self.setAccessibleName("Image viewer")
        self.setAccessibleDescription(
            "F fits the image, Ctrl+0 shows it 1:1, plus and minus zoom, Ctrl and arrows move."
        )
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(96, 96)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme_signals().changed.connect(self.update)

    # What is shown --------------------------------------------------------------------------------------------------------

    def set_image(self, rgb: NDArray[np.uint8] | None, title: str = "") -> None:
        """rgb: uint8 (H, W, 3), or None for none. Masks, paint and boxes of another size are taken away."""
        if rgb is None:
            self._image = None
        else:
            from segbench.gui.widgets.mask_layers import make_image

            before, self._image = self.image_size, _Pyramid(make_image(rgb))
            size = self._image.size
            if self._layer_size not in (None, size):
                self._layers, self._layer_size = [], None
            if self._paint is not None and self._paint.size != size:
                self._paint = None
            if before != size:
                self._boxes = ()
        self.set_title(title)
        self._settle()

    def set_planes(self, planes: NDArray[np.bool_] | None, colors: Sequence[Color] = ()) -> None:
        """planes: bool (K, H, W), may overlap (shown as stripes of both colours). Replaces labels. A colour None is not painted."""
        if planes is None or not len(planes):
            self._set_layers([], None, colors)
            return
        from segbench.gui.widgets.mask_layers import pack_planes

        self._set_layers(pack_planes(planes), (planes.shape[1], planes.shape[2]), colors)

    def set_labels(self, labels: NDArray[np.uint8] | None, colors: Sequence[Color] = ()) -> None:
        """labels: uint8 (H, W), one class a pixel, IGNORE hatched grey. Replaces planes. A colour None is not painted."""
        if labels is None:
            self._set_layers([], None, colors)
            return
        from segbench.gui.widgets.mask_layers import pack_labels

        self._set_layers([pack_labels(labels, len(colors))], (labels.shape[0], labels.shape[1]), colors)

    def set_colors(self, colors: Sequence[Color]) -> None:
        """Other colours for the masks that are shown."""
        self._colors = tuple(colors)
        self.update()

    def set_paint(self, rgba: NDArray[np.uint8] | None) -> None:
        """rgba: premultiplied uint8 (H, W, 4), an already composed picture over image and masks; None takes it away."""
        if rgba is None:
            self._paint = None
        else:
            from segbench.gui.widgets.mask_layers import make_paint

            self._check_size((rgba.shape[0], rgba.shape[1]))
            self._paint = _Pyramid(make_paint(rgba))
        self._settle()

    def set_boxes(
        self, boxes: Sequence[tuple[int, Box]], colors: Sequence[Color] = (), names: Sequence[str] = ()
    ) -> None:
        """(class, (min x, min y, max x, max y)) with both ends inside the object. `names`: written beside the boxes."""
        self._boxes, self._box_colors, self._box_names = tuple(boxes), tuple(colors), tuple(names)
        self.update()

    def set_opacity(self, opacity: float) -> None:
        """0: masks and paint invisible, 1: they cover the image."""
        self._opacity = min(max(opacity, 0.0), 1.0)
        self.update()

    def set_class_visible(self, k: int, visible: bool) -> None:
        """Shows or hides a class's mask and boxes; stays so for the next samples."""
        self._hidden = self._hidden - {k} if visible else self._hidden | {k}
        self.update()

    def set_style(self, style: Style) -> None:
        """fill: areas; contour: lines of constant width on screen."""
        self._style = style
        self.update()

    def set_title(self, title: str) -> None:
        """The caption above the picture."""
        if title != self._title:
            self._title = title
            self.setAccessibleName(f"Image viewer: {title}" if title else "Image viewer")
            self._settle()

    def set_empty_text(self, text: str) -> None:
        """What stands here while there is no picture."""
        self._empty = text
        self.update()

    def set_marker(self, x: int, y: int) -> None:
        """Frames one pixel (the one under the cursor in a linked viewer); -1, -1 for none."""
        if (x, y) != self._marker:
            self._marker = (x, y)
            self.update()

    def set_raw(self, raw: bool) -> None:
        """Shows the bare image while True."""
        if raw != self._raw:
            self._raw = raw
            self.update()
            self.raw_changed.emit(raw)

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Height and width of what is shown; None if nothing is."""
        for size in (self._image and self._image.size, self._layer_size, self._paint and self._paint.size):
            if size:
                return size
        return None

    @property
    def title(self) -> str:
        return self._title

    @property
    def opacity(self) -> float:
        return self._opacity

    @property
    def hidden_classes(self) -> frozenset[int]:
        return self._hidden

    def render_picture(self, scale: int = 1) -> QImage:
        """What is shown (image, masks, paint, boxes), whole, at `scale` pixels an image pixel; a null QImage if nothing is."""
        if (size := self.image_size) is None:
            return QImage()
        picture = QImage(size[1] * scale, size[0] * scale, QImage.Format.Format_RGB32)
        picture.fill(Qt.GlobalColor.black)
        painter = QPainter(picture)
        self._paint_picture(painter, _Frame(0, 0, scale, 1, QRectF(picture.rect())))
        painter.end()
        return picture

    def _set_layers(self, layers: list[MaskLayer], size: tuple[int, int] | None, colors: Sequence[Color]) -> None:
        if size is not None:
            self._check_size(size)
        self._layers, self._layer_size, self._colors = layers, size, tuple(colors)
        self._settle()

    def _check_size(self, size: tuple[int, int]) -> None:
        if self._image is not None and self._image.size != size:
            raise ValueError(f"a picture of {size} does not lie on an image of {self._image.size}")

    def _settle(self) -> None:
        """After a change of what is shown: fits anew if the size changed, or if the user had not moved the camera."""
        size = self.image_size
        if size is None:
            self._hover = self._marker = (-1, -1)
        elif size != self._settled_size or self._fitted:
            self.fit()
        self._settled_size = size
        self.update()

    # Camera ---------------------------------------------------------------------------------------------------------------

    @property
    def camera(self) -> Camera:
        return self._camera

    @property
    def fitted(self) -> bool:
        """The whole image is in view and stays so when the widget's size changes."""
        return self._fitted

    def fit(self) -> None:
        """Shows the whole image as large as it goes."""
        if (size := self.image_size) is not None:
            self._move(Camera(size[1] / 2, size[0] / 2, self.find_fit_scale()), fitted=True)

    def actual_size(self) -> None:
        """One screen pixel an image pixel."""
        self._move(Camera(self._camera.x, self._camera.y, 1 / self.devicePixelRatioF()))

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """One step in or out, around a point of the widget (the middle by default), which keeps its place."""
        if self.image_size is None:
            return
        at = self._view().center() if at is None else at
        x, y = self._map_to_image(at)
        scale = step_scale(self._camera.scale, factor, self.devicePixelRatioF())
        middle = self._view().center()
        self._move(Camera(x - (at.x() - middle.x()) / scale, y - (at.y() - middle.y()) / scale, scale))

    def pan_by(self, dx: float, dy: float) -> None:
        """Moves the picture by screen pixels."""
        camera = self._camera
        self._move(Camera(camera.x - dx / camera.scale, camera.y - dy / camera.scale, camera.scale))

    def set_camera(self, camera: Camera, fitted: bool = False) -> None:
        """Looks there without telling of it."""
        self._camera = Camera(camera.x, camera.y, snap_scale(camera.scale, self.devicePixelRatioF()))
        self._fitted = fitted
        self.update()

    def find_fit_scale(self) -> float:
        """The scale `fit` would take, in logical pixels an image pixel."""
        size, view = self.image_size or (1, 1), self._view()
        return fit_scale((view.width() - 8, view.height() - 8), (size[1], size[0]), self.devicePixelRatioF())

    def _move(self, camera: Camera, fitted: bool = False) -> None:
        size = self.image_size or (1, 1)
        x, y = min(max(camera.x, 0.0), size[1]), min(max(camera.y, 0.0), size[0])
        self.set_camera(Camera(x, y, camera.scale), fitted)
        self.camera_changed.emit(self._camera)

    def _view(self) -> QRectF:
        """The part of the widget below the caption."""
        top = self.fontMetrics().height() + 8 if self._title else 1
        return QRectF(1, top, self.width() - 2, max(1, self.height() - top - 1))

    def _map_to_image(self, point: QPointF) -> tuple[float, float]:
        middle, camera = self._view().center(), self._camera
        return (
            camera.x + (point.x() - middle.x()) / camera.scale,
            camera.y + (point.y() - middle.y()) / camera.scale,
        )

    def _find_pixel(self, point: QPointF) -> tuple[int, int]:
        size = self.image_size
        if size is None or not self._view().contains(point):
            return -1, -1
        x, y = (math.floor(v) for v in self._map_to_image(point))
        return (x, y) if 0 <= x < size[1] and 0 <= y < size[0] else (-1, -1)

    # Painting -------------------------------------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, painter = current_theme(), QPainter(self)
        painter.fillRect(self.rect(), theme.background.darker(112) if theme.is_dark else theme.background.darker(104))
        size = self.image_size
        if size is None:
            painter.setPen(theme.muted)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self._view().adjusted(16, 8, -16, -8), int(flags), self._empty)
        else:
            frame = self._find_frame(painter)
            painter.save()
            painter.setClipRect(self._view())
            self._paint_picture(painter, frame)
            self._paint_grid(painter, frame)
            self._paint_marker(painter, frame)
            painter.restore()
        if self._title:
            painter.setPen(theme.muted if self.image_size is None else theme.text)
            line = QRectF(8, 2, self.width() - 16, self.fontMetrics().height() + 4)
            text = self.fontMetrics().elidedText(self._title, Qt.TextElideMode.ElideMiddle, int(line.width()))
            painter.drawText(line, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), text)
        painter.setPen(QPen(theme.accent if self.hasFocus() else theme.border, 1))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _find_frame(self, painter: QPainter) -> _Frame:
        """The picture's place, moved to whole device pixels (the widget itself may stand between two at 125 % or 150 %)."""
        ratio, camera, view = self.devicePixelRatioF(), self._camera, self._view()
        place = painter.deviceTransform()

        def align(value: float, offset: float) -> float:
            return (round(value * ratio + offset) - offset) / ratio

        x = align(view.center().x() - camera.x * camera.scale, place.dx())
        y = align(view.center().y() - camera.y * camera.scale, place.dy())
        return _Frame(x, y, camera.scale, ratio, view)

    def _paint_picture(self, painter: QPainter, frame: _Frame) -> None:
        device = frame.scale * frame.ratio
        size = self.image_size or (1, 1)
        level = min(max(0, math.floor(-math.log2(device) + 1e-9)), max(size).bit_length() - 1)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, device < 1)
        whole = QRectF(frame.x, frame.y, size[1] * frame.scale, size[0] * frame.scale)
        if self._image is not None:
            self._draw(painter, frame, self._image.at(level), size)
        else:
            painter.fillRect(whole & frame.view, QColor(0, 0, 0))
        if not self._raw:
            self._paint_layers(painter, frame, level, size)
            if self._paint is not None and self._opacity > 0:
                painter.setOpacity(self._opacity)
                self._draw(painter, frame, self._paint.at(level), size)
                painter.setOpacity(1)
            self._paint_boxes(painter, frame)

    def _paint_layers(self, painter: QPainter, frame: _Frame, level: int, size: tuple[int, int]) -> None:
        visible = frozenset(k for k in range(len(self._colors)) if k not in self._hidden)
        if not self._layers or self._opacity == 0:
            return
        if self._style == "contour":
            painter.setOpacity(min(1.0, self._opacity + 0.4))
            self._paint_contours(painter, frame, size, visible)
        else:
            painter.setOpacity(self._opacity)
            step = 2**level
            levelled = math.ceil(size[0] / step), math.ceil(size[1] / step)
            region = None
            if levelled[0] * levelled[1] > WHOLE_LAYER:
                region = self._find_visible(frame, levelled, step, step, margin=256)
            for layer in self._layers:
                image = layer.compose(level, region, self._colors, visible)
                at = region.topLeft() if region is not None else QPoint()
                self._draw(painter, frame, image, (levelled[0] * step, levelled[1] * step), at, (step, step))
        painter.setOpacity(1)

    def _paint_contours(self, painter: QPainter, frame: _Frame, size: tuple[int, int], visible: frozenset[int]) -> None:
        import numpy as np

        device, ratio = frame.scale * frame.ratio, frame.ratio
        spans = []
        for start, low, high, count in (
            (frame.x, frame.view.left(), frame.view.right(), size[1]),
            (frame.y, frame.view.top(), frame.view.bottom(), size[0]),
        ):
            first = math.floor(max(start, low) * ratio)
            last = math.ceil(min(start + count * frame.scale, high) * ratio)
            pixels = np.arange(first, max(first, last))
            spans.append(
                (first, np.clip(np.floor((pixels + 0.5 - start * ratio) / device), 0, count - 1).astype(np.intp))
            )
        (left, columns), (top, rows) = spans
        if not len(columns) or not len(rows):
            return
        for layer in self._layers:
            width = max(1, round(ratio * (2 if layer.kind == "planes" else 1)))
            image = layer.compose_contour(rows, columns, width, self._colors, visible)
            painter.drawImage(QRectF(left / ratio, top / ratio, image.width() / ratio, image.height() / ratio), image)

    def _draw(
        self, painter: QPainter, frame: _Frame, image: QImage, size: tuple[int, int], at: QPoint | None = None,
        unit: tuple[float, float] | None = None,
    ) -> None:  # fmt: skip
        """Draws the visible part of a picture that covers `size` image pixels, or whose pixels cover `unit` of them from `at` on."""
        ux, uy = unit or (size[1] / image.width(), size[0] / image.height())
        ox, oy = (at.x(), at.y()) if at is not None else (0, 0)
        there = QRect(ox, oy, image.width(), image.height())
        part = self._find_visible(frame, (oy + image.height(), ox + image.width()), ux, uy, margin=1) & there
        if part.isEmpty():
            return
        sx, sy = ux * frame.scale, uy * frame.scale
        target = QRectF(frame.x + part.x() * sx, frame.y + part.y() * sy, part.width() * sx, part.height() * sy)
        painter.drawImage(target, image, QRectF(part.translated(-ox, -oy)))

    def _find_visible(self, frame: _Frame, size: tuple[int, int], ux: float, uy: float, margin: int) -> QRect:
        """The pixels in view, of a picture of `size` pixels that each cover (ux, uy) image pixels; a little more, in steps of margin."""
        sx, sy, view = ux * frame.scale, uy * frame.scale, frame.view
        left = math.floor((view.left() - frame.x) / sx / margin) * margin
        top = math.floor((view.top() - frame.y) / sy / margin) * margin
        right = math.ceil((view.right() - frame.x) / sx / margin) * margin
        bottom = math.ceil((view.bottom() - frame.y) / sy / margin) * margin
        return QRect(left, top, right - left, bottom - top) & QRect(0, 0, size[1], size[0])

    def _paint_boxes(self, painter: QPainter, frame: _Frame) -> None:
        for k, (left, top, right, bottom) in self._boxes:
            color = self._box_colors[k] if k < len(self._box_colors) else None
            if color is None or k in self._hidden:
                continue
            rect = QRectF(
                frame.x + left * frame.scale, frame.y + top * frame.scale,
                (right + 1 - left) * frame.scale, (bottom + 1 - top) * frame.scale,
            )  # fmt: skip
            # A dark rim keeps the line visible on a picture of its own colour
            painter.setPen(_cosmetic(QColor(0, 0, 0, 150), 4))
            painter.drawRect(rect)
            painter.setPen(_cosmetic(QColor(*color), 2))
            painter.drawRect(rect)
            if k < len(self._box_names) and rect.width() >= 24:
                self._paint_tag(painter, rect, self._box_names[k], QColor(*color))

    def _paint_tag(self, painter: QPainter, rect: QRectF, name: str, color: QColor) -> None:
        font = painter.font()
        small = painter.font()
        small.setPointSizeF(max(6.5, font.pointSizeF() * 0.8))
        painter.setFont(small)
        width, height = painter.fontMetrics().horizontalAdvance(name) + 6, painter.fontMetrics().height()
        tag = QRectF(rect.left() - 1, rect.top() - height, width, height)
        if tag.top() < self._view().top():
            tag.moveTop(rect.top())
        painter.fillRect(tag, color)
        painter.setPen(QColor(0, 0, 0) if color.lightnessF() > 0.4 else QColor(255, 255, 255))
        painter.drawText(tag, int(Qt.AlignmentFlag.AlignCenter), name)
        painter.setFont(font)

    def _paint_grid(self, painter: QPainter, frame: _Frame) -> None:
        if frame.scale * frame.ratio < GRID_FROM:
            return
        part = self._find_visible(frame, self.image_size or (1, 1), 1, 1, margin=1)
        painter.setPen(_cosmetic(QColor(128, 128, 128, 80), 1))
        left, top = frame.x + part.left() * frame.scale, frame.y + part.top() * frame.scale
        right, bottom = left + part.width() * frame.scale, top + part.height() * frame.scale
        for column in range(part.width() + 1):
            x = left + column * frame.scale
            painter.drawLine(QPointF(x, top), QPointF(x, bottom))
        for row in range(part.height() + 1):
            y = top + row * frame.scale
            painter.drawLine(QPointF(left, y), QPointF(right, y))

    def _paint_marker(self, painter: QPainter, frame: _Frame) -> None:
        x, y = self._marker
        if x < 0:
            return
        side = max(frame.scale, 7.0)
        middle = QPointF(frame.x + (x + 0.5) * frame.scale, frame.y + (y + 0.5) * frame.scale)
        rect = QRectF(middle.x() - side / 2, middle.y() - side / 2, side, side)
        painter.setPen(_cosmetic(QColor(0, 0, 0, 200), 3))
        painter.drawRect(rect)
        painter.setPen(_cosmetic(QColor(255, 255, 255), 1))
        painter.drawRect(rect)

    # Hands ----------------------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(320, 320)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._fitted:
            self.fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._wheel += event.angleDelta().y()
        while abs(self._wheel) >= WHEEL_STEP:
            step = 1 if self._wheel > 0 else -1
            self._wheel -= step * WHEEL_STEP
            self.zoom_by(1.25**step, event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._pressed_at, self._dragged = event.position(), False
            event.accept()
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.set_raw(bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        if self._pressed_at is not None:
            moved = event.position() - self._pressed_at
            if self._dragged or moved.manhattanLength() >= QApplication.startDragDistance():
                self._dragged = True
                self.setCursor(Qt.CursorShape.ClosedHandCursor)
                self.pan_by(moved.x(), moved.y())
                self._pressed_at = event.position()
        self._set_hover(self._find_pixel(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        pressed_at, self._pressed_at = self._pressed_at, None
        self.unsetCursor()
        if pressed_at is not None and not self._dragged and event.button() == Qt.MouseButton.LeftButton:
            x, y = self._find_pixel(event.position())
            if x >= 0:
                self.clicked.emit(x, y)

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self.set_marker(-1, -1)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._set_hover((-1, -1))
        if not self.hasFocus():
            self.set_raw(False)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, control = event.key(), bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        arrows = {
            Qt.Key.Key_Left: (40, 0),
            Qt.Key.Key_Right: (-40, 0),
            Qt.Key.Key_Up: (0, 40),
            Qt.Key.Key_Down: (0, -40),
        }
        if key == Qt.Key.Key_Shift:
            self.set_raw(True)
        elif key == Qt.Key.Key_F and not control:
            self.fit()
        elif key == Qt.Key.Key_0 and control:
            self.actual_size()
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom_by(1.25)
        elif key in (Qt.Key.Key_Minus, Qt.Key.Key_Underscore):
            self.zoom_by(0.8)
        elif key in arrows and control:
            self.pan_by(*arrows[Qt.Key(key)])
        elif key == Qt.Key.Key_Space:
            self.setCursor(Qt.CursorShape.OpenHandCursor)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Shift:
            self.set_raw(False)
        elif event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self.unsetCursor()
        else:
            super().keyReleaseEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.set_raw(False)
        self.update()

    def _set_hover(self, pixel: tuple[int, int]) -> None:
        if pixel != self._hover:
            self._hover = pixel
            self.hovered.emit(*pixel)


def _cosmetic(color: QColor, width: int) -> QPen:
    """A mitred pen of constant width on screen."""
    pen = QPen(color, width)
    pen.setCosmetic(True)
    pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
    return pen
