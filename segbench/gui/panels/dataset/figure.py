"""The pictures of one sample: image, mask and boxes side by side (the lecture's figure, slides 75-78) or in one. Decides nothing."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from segbench.gui.widgets.image_canvas import ImageCanvas, link_cameras
from segbench.gui.widgets.parts import build_label
from segbench.records import IGNORE, ClassTable, Color

if TYPE_CHECKING:
    from segbench.records import Sample

Mode = Literal["side", "overlay"]


class Figure(QWidget):
    """Three linked viewers and the line that reads a pixel. The third shows boxes, and masks over the image where wanted."""

    clicked = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("figure")
        self._sample: Sample | None = None
        self._classes: ClassTable | None = None
        self._colors: tuple[Color, ...] = ()
        self.mode: Mode = "side"
        self.boxes_shown = True
        self._note = ""
        self.grey = False
        self._overlay = {"side": False, "overlay": True}  # whether masks lie over the image, by mode
        self.image_canvas, self.mask_canvas, self.over_canvas = ImageCanvas(), ImageCanvas(), ImageCanvas()
        self.canvases = (self.image_canvas, self.mask_canvas, self.over_canvas)
        for canvas, name in zip(self.canvases, ("image", "mask", "boxes"), strict=True):
            canvas.setObjectName(f"canvas_{name}")
            canvas.hovered.connect(self._read_pixel)
            canvas.clicked.connect(self.clicked)
        self.mask_canvas.set_opacity(1.0)
        self.mask_canvas.set_empty_text("This sample has no mask")
        self.link = link_cameras(self.canvases)
        self.readout = build_label("", "readout", "muted")
        self.readout.setTextFormat(Qt.TextFormat.RichText)
        self.readout.setAccessibleName("Pixel under the cursor")
        self.readout.setMinimumWidth(10)
        row = QHBoxLayout()
        row.setSpacing(8)
        for canvas in self.canvases:
            row.addWidget(canvas, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(row, 1)
        column.addWidget(self.readout)
        self._arrange()

    # What is shown ------------------------------------------------------------------------------------------------------

    def set_classes(self, classes: ClassTable | None, boxes: bool) -> None:
        """Another dataset. boxes: it may have some."""
        self._classes, self._sample = classes, None
        self._colors = classes.colors if classes else ()
        self._overlay = {"side": not boxes, "overlay": True}
        for canvas in self.canvases:
            canvas.set_planes(None)
            canvas.set_boxes(())
            canvas.set_image(None)
            for k in tuple(canvas.picture.hidden):
                canvas.set_class_visible(k, True)
        self.set_note("")
        self._arrange()

    def set_sample(self, sample: Sample) -> None:
        """Shows a sample; the camera stays where it is if the size is the same."""
        self._sample = sample
        self._show()
        self._read_pixel(-1, -1)

    def set_problem(self, title: str, text: str) -> None:
        """Says why a sample cannot be shown."""
        self._sample = None
        for canvas in self.canvases:
            canvas.set_planes(None)
            canvas.set_image(None, title)
            canvas.set_empty_text(text)
        self.set_note("")

    def set_mode(self, mode: Mode) -> None:
        self.mode = mode
        self._arrange()
        self._show()

    def set_boxes_shown(self, shown: bool) -> None:
        self.boxes_shown = shown
        self._show()

    def set_grey(self, grey: bool) -> None:
        """The mask in the lecture's grey values instead of colours."""
        self.grey = grey
        self.mask_canvas.set_colors(self._find_mask_colors())
        self._caption()

    def set_overlay(self, shown: bool) -> None:
        """Masks over the image of the third viewer, in the present mode."""
        self._overlay[self.mode] = shown
        self._show()

    @property
    def overlay(self) -> bool:
        """Masks lie over the image."""
        return self._overlay[self.mode]

    def set_colors(self, colors: tuple[Color, ...]) -> None:
        """The classes' colours, one a class."""
        self._colors = colors
        self._show()

    def set_class_visible(self, k: int, visible: bool) -> None:
        for canvas in self.canvases:
            canvas.set_class_visible(k, visible)

    def set_opacity(self, opacity: float) -> None:
        self.over_canvas.set_opacity(opacity)

    def set_style(self, style: Literal["fill", "contour"]) -> None:
        """Of masks, over the image and in the picture of their own."""
        for canvas in (self.mask_canvas, self.over_canvas):
            canvas.set_style(style)

    def set_raw(self, raw: bool) -> None:
        """The bare image while True."""
        for canvas in self.canvases:
            canvas.set_raw(raw)

    def set_note(self, text: str) -> None:
        """What the line below says while no pixel is under the cursor, as plain text."""
        self._note = escape(text)
        self.readout.setText(self._note)

    def active(self) -> ImageCanvas:
        """The viewer with the focus, else the first in view."""
        shown = [c for c in self.canvases if not c.isHidden()]
        return next((c for c in shown if c.hasFocus()), shown[0])

    def render_picture(self) -> QImage:
        """The active viewer's picture at the image's own size."""
        return self.active().render_picture()

    # Inside -------------------------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        masks = self._classes is not None
        self.image_canvas.setVisible(self.mode == "side" or not masks)
        self.mask_canvas.setVisible(self.mode == "side" and masks)
        self.over_canvas.setVisible(masks)

    def _show(self) -> None:
        sample = self._sample
        if sample is None:
            return
        name = sample.name
        self.image_canvas.set_image(sample.image, f"Image: {name}")
        if self._classes is None:
            return
        if not self.mask_canvas.isHidden():
            self.mask_canvas.set_empty_text("This sample has no mask")
            self._lay_masks(self.mask_canvas, self._find_mask_colors())
        self.over_canvas.set_image(sample.image)
        if self.overlay:
            self._lay_masks(self.over_canvas, self._find_overlay_colors())
        else:
            self.over_canvas.set_planes(None)
        self.over_canvas.set_boxes(sample.boxes if self.boxes_shown else (), self._colors, self._classes.names)
        self._caption()

    def _lay_masks(self, canvas: ImageCanvas, colors: tuple[Color | None, ...]) -> None:
        masks = self._sample.masks if self._sample is not None else None
        if masks is None:
            canvas.set_planes(None)
        elif masks.ndim == 3:
            canvas.set_planes(masks, colors)  # type: ignore[arg-type]
        else:
            canvas.set_labels(masks, colors)  # type: ignore[arg-type]

    def _caption(self) -> None:
        boxes = self.boxes_shown and self._sample is not None and bool(self._sample.boxes)
        self.mask_canvas.set_title("Mask, grey values" if self.grey else "Mask")
        third = ["Image"] if not (boxes or self.overlay) else []
        third += (["Boxes"] if boxes else []) + (["masks" if boxes else "Overlay"] if self.overlay else [])
        name = f": {self._sample.name}" if self._sample is not None and self.mode == "overlay" else ""
        self.over_canvas.set_title(" and ".join(third) + name)

    def _find_mask_colors(self) -> tuple[Color | None, ...]:
        if self.grey and self._classes is not None:
            values = self._classes.values
            return tuple((0, 0, 0) if k == self._classes.background else (v, v, v) for k, v in enumerate(values))
        return self._colors

    def _find_overlay_colors(self) -> tuple[Color | None, ...]:
        """Background is not painted over the image."""
        background = self._classes.background if self._classes else -1
        return tuple(None if k == background else color for k, color in enumerate(self._colors))

    def _read_pixel(self, x: int, y: int) -> None:
        sample = self._sample
        if x < 0 or sample is None:
            self.readout.setText(self._note)
            return
        red, green, blue = (int(v) for v in sample.image[y, x])
        parts = [f"x {x}, y {y}", f"{_square((red, green, blue))} RGB {red}, {green}, {blue}"]
        if sample.masks is not None and self._classes is not None:
            parts.append(", ".join(self._find_classes(x, y)) or "no class")
        self.readout.setText("&nbsp;&nbsp;&nbsp;&nbsp;".join(parts))

    def _find_classes(self, x: int, y: int) -> list[str]:
        """The classes at a pixel, as rich text."""
        assert self._sample is not None
        assert self._classes is not None
        masks, names = self._sample.masks, self._classes.names
        if masks is None:
            return []
        if masks.ndim == 2:
            if (label := int(masks[y, x])) == IGNORE:
                return ["not labelled (ignored)"]
            found = [label] if label < len(names) else []
        else:
            found = [k for k in range(len(names)) if masks[k, y, x]]
        return [f"{_square(self._colors[k])} {escape(names[k])}" for k in found]


def _square(color: Color) -> str:
    """A coloured square as rich text."""
    return f'<span style="color: rgb({color[0]}, {color[1]}, {color[2]})">■</span>'
