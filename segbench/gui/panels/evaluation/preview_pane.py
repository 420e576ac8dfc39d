"""The pictures of one image: image, truth, and what each network found in it, side by side under one camera."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from segbench.gui.panels.evaluation.previews import COLORS, fade, paint_difference
from segbench.gui.panels.evaluation.state import MEAN, MOST, Preview, Seen
from segbench.gui.theme import current_theme, mark, theme_signals
from segbench.gui.widgets.class_marks import ElidedLabel
from segbench.gui.widgets.image_canvas import ImageCanvas, link_cameras
from segbench.inference.colors import CONFUSION_LEGEND
from segbench.records import Color

OPACITY = 0.8  # of a difference on its grey ground


class PreviewPane(QWidget):
    """With one network: image, truth, prediction, difference. With several: image, truth, and of each its difference, or its
    prediction."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("preview_pane")
        self._preview: Preview | None = None
        self._names: tuple[str, ...] = ()
        self._colors: tuple[Color, ...] = ()
        self._k = MEAN
        self._contour = False
        self._predictions = False  # with several networks: what they predict, not what differs
        self._arranged: tuple[object, ...] = ()
        self.image, self.truth = self._build_canvas("image"), self._build_canvas("truth")
        self.predictions = [self._build_canvas(f"prediction_{place}") for place in range(MOST)]
        self.differences = [self._build_canvas(f"difference_{place}") for place in range(MOST)]
        for canvas in self.differences:
            canvas.set_opacity(OPACITY)
        for canvas in (self.truth, *self.predictions):
            canvas.set_opacity(1.0)
        self._all = [self.image, self.truth, *self.predictions, *self.differences]
        self.link = link_cameras(self._all)
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(6)
        self.caption = ElidedLabel("", self)
        self.caption.setObjectName("preview_caption")
        mark(self.caption, "muted")
        self.caption.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.legend = _Legend(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.caption)
        column.addLayout(self._grid, 1)
        column.addWidget(self.legend)
        self._arrange()

    def _build_canvas(self, name: str) -> ImageCanvas:
        canvas = ImageCanvas(self)
        canvas.setObjectName(f"evaluation_{name}")
        canvas.set_empty_text("Choose an image on the left")
        canvas.hide()
        return canvas

    # What is shown --------------------------------------------------------------------------------------------------------

    def show_preview(
        self, preview: Preview | None, names: Sequence[str], colors: tuple[Color, ...], problem: str
    ) -> None:
        """names: of the chosen networks, by place."""
        same = preview is self._preview and tuple(names) == self._names and colors == self._colors
        self._preview, self._names, self._colors = preview, tuple(names), colors
        text = problem or ("Predicting…" if preview is None else "")
        for canvas in self._all:
            canvas.set_empty_text(text)
        if not same or problem:
            self._paint()

    def set_caption(self, text: str) -> None:
        self.caption.setText(text)
        self.caption.setToolTip(text)

    def set_class(self, k: int) -> None:
        """One class's masks and difference alone; below 0: all."""
        if k != self._k:
            self._k = k
            self._paint()

    def set_contour(self, contour: bool) -> None:
        """Outlines, through which the image is seen, or areas."""
        self._contour = contour
        self._paint()

    def set_predictions(self, predictions: bool) -> None:
        self._predictions = predictions
        self._paint()

    def _paint(self) -> None:
        preview = self._preview
        self._arrange()
        if preview is None:
            for canvas in self._all:
                canvas.set_planes(None)
                canvas.set_image(None, canvas.title)
            return
        sample = preview.sample
        self.image.set_image(sample.image, "Image")
        ground = sample.image if self._contour else None
        self._put_masks(self.truth, "Truth", None, ground)
        several = len(preview.seen) > 1
        for seen in preview.seen:
            name = self._names[seen.place] if several and seen.place < len(self._names) else ""
            self._put_masks(self.predictions[seen.place], name or "Prediction", seen, ground)
            self._put_difference(seen, name or "Difference")
        for canvas in self._all:
            canvas.set_style("contour" if self._contour else "fill")

    def _put_masks(self, canvas: ImageCanvas, title: str, seen: Seen | None, ground: object) -> None:
        preview = self._preview
        assert preview is not None, "there is something to paint"
        exclusive, sample = preview.classes.exclusive, preview.sample
        canvas.set_planes(None)
        canvas.set_image(ground, title)  # type: ignore[arg-type]
        colors = [color if self._k < 0 or k == self._k else None for k, color in enumerate(self._colors)]
        if exclusive and (seen is None or seen.labels is not None):
            labels = sample.masks if seen is None else seen.labels
            canvas.set_labels(labels, (*colors, None))  # type: ignore[arg-type]
        else:
            canvas.set_planes(preview.truth if seen is None else seen.planes, colors)

    def _put_difference(self, seen: Seen, title: str) -> None:
        preview, k = self._preview, self._k
        assert preview is not None, "there is something to paint"
        painted = seen.difference
        if k >= 0:
            painted = paint_difference(seen.planes[k : k + 1], preview.truth[k : k + 1], preview.known)
        canvas = self.differences[seen.place]
        canvas.set_planes(None)
        canvas.set_image(fade(preview.sample.image), title)
        canvas.set_labels(painted, COLORS)

    # Places -----------------------------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        """As many columns as show the pictures largest."""
        preview = self._preview
        places = [seen.place for seen in preview.seen] if preview is not None else []
        if len(places) == 1:
            shown = [self.image, self.truth, self.predictions[places[0]], self.differences[places[0]]]
        elif places:
            each = self.predictions if self._predictions else self.differences
            shown = [self.image, self.truth, *(each[place] for place in places)]
        else:
            shown = [self.image]
        height, width = preview.sample.size if preview is not None else (1, 1)

        def scale(columns: int) -> float:
            rows = -(-len(shown) // columns)
            return min(self.width() / columns / width, (self.height() - 60 - 24 * rows) / rows / height)

        columns = max(range(1, len(shown) + 1), key=lambda n: (round(scale(n), 3), -(-len(shown) // -n)))
        if (columns, *shown) == self._arranged:
            return
        self._arranged = (columns, *shown)
        for canvas in self._all:
            self._grid.removeWidget(canvas)
            canvas.setVisible(canvas in shown)
        for place, canvas in enumerate(shown):
            self._grid.addWidget(canvas, place // columns, place % columns)
        for line in range(MOST + 2):
            self._grid.setColumnStretch(line, int(line < columns))
            self._grid.setRowStretch(line, int(line < -(-len(shown) // columns)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()


class _Legend(QWidget):
    """What the colours of a difference mean."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("difference_legend")
        self.setAccessibleName("Colours of the difference: " + ", ".join(word for word, _ in CONFUSION_LEGEND))
        self.setToolTip(
            "True positives, false positives, false negatives; one class missed and another said in its place"
        )
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme_signals().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(320, 22)

    def paintEvent(self, _event: QEvent) -> None:
        with QPainter(self) as painter:
            x = 0.0
            for word, color in CONFUSION_LEGEND:
                painter.fillRect(QRectF(x, 5, 12, 12), QColor(*color))
                painter.setPen(current_theme().text)
                wide = self.fontMetrics().horizontalAdvance(word)
                painter.drawText(QRectF(x + 18, 0, wide + 4, 22), Qt.AlignmentFlag.AlignVCenter, word)
                x += wide + 36
