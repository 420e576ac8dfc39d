"""A pixel-exact picture viewer: a Picture under a camera that the wheel, the mouse and the keyboard move. Knows no dataset.

Above 1:1 every image pixel is a whole number of screen pixels; below, pictures are reduced smoothly. Masks are packed once
(see mask_layers), so that an eye, a colour or the opacity costs a colour table and a repaint. numpy is imported by the first
picture, not by this module.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
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
from segbench.gui.widgets.picture import Frame, Picture, Size, Style, cosmetic_pen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from segbench.gui.widgets.mask_layers import Paint
    from segbench.records import Box

__all__ = ["Camera", "CameraLink", "ImageCanvas", "link_cameras"]

WHEEL_STEP = 120  # eighths of a degree: one notch
GRID_FROM = 16  # device pixels an image pixel from which the pixel grid is drawn
PAN_STEP = 40  # pixels that Ctrl and an arrow move
NOWHERE = (-1, -1)


class ImageCanvas(QWidget):
    """Shows one image with what lies on it. All coordinates are image pixels, (0, 0) at the top left."""

    hovered = Signal(int, int)  # the pixel under the cursor; -1, -1 when there is none
    clicked = Signal(int, int)
    camera_changed = Signal(object)  # Camera, after the user or fit() moved it; not after set_camera()
    raw_changed = Signal(bool)  # Shift is held: the image without anything on it

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture = Picture()
        self._title = ""
        self._empty = "No image"
        self._camera = Camera(0.0, 0.0, 1.0)
        self._fitted = True
        self._settled: Size | None = None  # the size that the camera was last fitted to
        self._raw = False
        self._marker = self._hover = NOWHERE
        self._pressed_at: QPointF | None = None
        self._dragged = False
        self._wheel = 0
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
        self._picture.set_image(rgb)
        self.set_title(title)
        self._settle()

    def set_title(self, title: str) -> None:
        """The caption above the picture."""
        if title != self._title:
            self._title = title
            self.setAccessibleName(f"Image viewer: {title}" if title else "Image viewer")
            self._settle()

    def set_planes(self, planes: NDArray[np.bool_] | None, colors: Sequence[Paint] = ()) -> None:
        """planes: bool (K, H, W), may overlap (shown as stripes of both colours). Replaces labels. A colour None is not
        painted. Raises ValueError if the size is not the image's."""
        self._picture.set_planes(planes, colors)
        self._settle()

    def set_labels(self, labels: NDArray[np.uint8] | None, colors: Sequence[Paint] = ()) -> None:
        """labels: uint8 (H, W), one class a pixel, IGNORE hatched grey. Replaces planes. A colour None is not painted.
        Raises ValueError if the size is not the image's."""
        self._picture.set_labels(labels, colors)
        self._settle()

    def set_colors(self, colors: Sequence[Paint]) -> None:
        """Other colours for the masks that are shown."""
        self._picture.colors = tuple(colors)
        self.update()

    def set_paint(self, rgba: NDArray[np.uint8] | None) -> None:
        """rgba: premultiplied uint8 (H, W, 4), an already composed picture over image and masks; None takes it away.
        Raises ValueError if the size is not the image's."""
        self._picture.set_paint(rgba)
        self._settle()

    def set_boxes(
        self, boxes: Sequence[tuple[int, Box]], colors: Sequence[Paint] = (), names: Sequence[str] = ()
    ) -> None:
        """(class, (min x, min y, max x, max y)) with both ends inside the object. `names`: written beside the boxes."""
        picture = self._picture
        picture.boxes, picture.box_colors, picture.box_names = tuple(boxes), tuple(colors), tuple(names)
        self.update()

    def set_opacity(self, opacity: float) -> None:
        """0: masks and paint invisible, 1: they cover the image."""
        self._picture.opacity = min(max(opacity, 0.0), 1.0)
        self.update()

    def set_class_visible(self, k: int, visible: bool) -> None:
        """Shows or hides a class's mask and boxes; stays so for the next samples."""
        hidden = self._picture.hidden
        self._picture.hidden = hidden - {k} if visible else hidden | {k}
        self.update()

    def set_style(self, style: Style) -> None:
        """fill: areas; contour: lines of constant width on screen."""
        self._picture.style = style
        self.update()

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
    def image_size(self) -> Size | None:
        """Height and width of what is shown; None if nothing is."""
        return self._picture.size

    @property
    def title(self) -> str:
        return self._title

    @property
    def picture(self) -> Picture:
        """What is shown, to look at; change it through the canvas."""
        return self._picture

    def render_picture(self, scale: int = 1) -> QImage:
        """What is shown (image, masks, paint, boxes), whole, at `scale` pixels an image pixel; a null QImage if nothing is."""
        return self._picture.render(scale)

    def _settle(self) -> None:
        """After a change of what is shown: fits anew if the size changed, or if the user had not moved the camera."""
        size = self.image_size
        if size is None:
            self._marker = NOWHERE
            self._set_hover(NOWHERE)
        elif size != self._settled or self._fitted:
            self._settled = size
            self.fit()
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
        middle = self._view().center()
        at = middle if at is None else at
        x, y = self._map_to_image(at)
        scale = step_scale(self._camera.scale, factor, self.devicePixelRatioF())
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
        offset, camera = point - self._view().center(), self._camera
        return camera.x + offset.x() / camera.scale, camera.y + offset.y() / camera.scale

    def _find_pixel(self, point: QPointF) -> tuple[int, int]:
        size = self.image_size
        if size is None or not self._view().contains(point):
            return NOWHERE
        x, y = (math.floor(v) for v in self._map_to_image(point))
        return (x, y) if 0 <= x < size[1] and 0 <= y < size[0] else NOWHERE

    # Painting -------------------------------------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent) -> None:
        # `with`: an error that left the painter open would end the process
        with QPainter(self) as painter:
            self._paint(painter)

    def _paint(self, painter: QPainter) -> None:
        theme = current_theme()
        painter.fillRect(self.rect(), theme.background.darker(112 if theme.is_dark else 104))
        if self.image_size is None:
            painter.setPen(theme.muted)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self._view().adjusted(16, 8, -16, -8), int(flags), self._empty)
        else:
            frame = self._find_frame(painter)
            painter.save()
            painter.setClipRect(self._view())
            self._picture.draw(painter, frame, self._raw)
            self._draw_grid(painter, frame)
            self._draw_marker(painter, frame)
            painter.restore()
        if self._title:
            painter.setPen(theme.muted if self.image_size is None else theme.text)
            line = QRectF(8, 2, self.width() - 16, self.fontMetrics().height() + 4)
            text = self.fontMetrics().elidedText(self._title, Qt.TextElideMode.ElideMiddle, int(line.width()))
            painter.drawText(line, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), text)
        painter.setPen(QPen(theme.accent if self.hasFocus() else theme.border, 1))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _find_frame(self, painter: QPainter) -> Frame:
        """The picture's place, moved to whole device pixels (the widget itself may stand between two at 125 % or 150 %)."""
        ratio, camera, view = self.devicePixelRatioF(), self._camera, self._view()
        place = painter.deviceTransform()

        def align(value: float, offset: float) -> float:
            return (round(value * ratio + offset) - offset) / ratio

        x = align(view.center().x() - camera.x * camera.scale, place.dx())
        y = align(view.center().y() - camera.y * camera.scale, place.dy())
        return Frame(x, y, camera.scale, ratio, view)

    def _draw_grid(self, painter: QPainter, frame: Frame) -> None:
        if frame.device < GRID_FROM:
            return
        part = frame.find_visible(self.image_size or (1, 1))
        painter.setPen(cosmetic_pen(QColor(128, 128, 128, 80), 1))
        rect, scale = frame.map_rect(part), frame.scale
        for column in range(part.width() + 1):
            x = rect.left() + column * scale
            painter.drawLine(QPointF(x, rect.top()), QPointF(x, rect.bottom()))
        for row in range(part.height() + 1):
            y = rect.top() + row * scale
            painter.drawLine(QPointF(rect.left(), y), QPointF(rect.right(), y))

    def _draw_marker(self, painter: QPainter, frame: Frame) -> None:
        x, y = self._marker
        if x < 0:
            return
        side = max(frame.scale, 7.0)  # a pixel smaller than that is framed from outside
        middle = QPointF(frame.x + (x + 0.5) * frame.scale, frame.y + (y + 0.5) * frame.scale)
        rect = QRectF(middle.x() - side / 2, middle.y() - side / 2, side, side)
        for pen in (cosmetic_pen(QColor(0, 0, 0, 200), 3), cosmetic_pen(QColor(255, 255, 255), 1)):
            painter.setPen(pen)
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
            pixel = self._find_pixel(event.position())
            if pixel != NOWHERE:
                self.clicked.emit(*pixel)

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self.set_marker(*NOWHERE)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._set_hover(NOWHERE)
        if not self.hasFocus():
            self.set_raw(False)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, control = event.key(), bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        arrows = {Qt.Key.Key_Left: (1, 0), Qt.Key.Key_Right: (-1, 0), Qt.Key.Key_Up: (0, 1), Qt.Key.Key_Down: (0, -1)}
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
            dx, dy = arrows[Qt.Key(key)]
            self.pan_by(PAN_STEP * dx, PAN_STEP * dy)
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
