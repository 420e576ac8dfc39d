"""The pictures of the prediction panel: linked viewers, arranged by mode. Shows; decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QStackedLayout, QVBoxLayout, QWidget

from segbench.gui.panels.prediction.legend import DifferenceLegend, ScoreLegend
from segbench.gui.theme import mark
from segbench.gui.widgets.image_canvas import ImageCanvas, link_cameras
from segbench.gui.widgets.picture import Style
from segbench.records import ClassTable, Color

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from segbench.gui.panels.prediction.reading import LiveReading
    from segbench.records import Sample

LAYOUTS = {  # which viewers a mode shows, left to right
    "side": ("image", "truth", "prediction"),
    "overlay": ("prediction",),
    "difference": ("truth", "prediction", "difference"),
    "scores": ("prediction", "scores"),
    "lecture": ("lecture",),
}
WITHOUT_PICTURE = {  # what stands in a viewer while there is nothing to show
    "image": "No image",
    "truth": "No truth",
    "prediction": "No prediction yet",
    "difference": "No prediction yet",
    "scores": "No prediction yet",
    "lecture": "Predicting…",
}
MASKS = ("truth", "prediction")  # pure class colours on black, but where a mode lays them on the image
MIXED = {"overlay"}


class Stage(QWidget):
    """Owns the viewers. `hovered` gives the pixel under the cursor of any of them (not of the lecture's display)."""

    hovered = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.mode = "side"
        self._classes: ClassTable | None = None
        self._truth_classes: ClassTable | None = None
        self._colors: tuple[Color, ...] = ()
        self._sample: Sample | None = None
        self._live: LiveReading | None = None
        self._hidden: set[int] = set()
        self._score_class = 0
        self._problem = ""  # why the present sample cannot be shown
        self._flipped = False
        self._comparable = False
        self._shown_in: dict[str, object] = {"difference": None, "scores": None}  # what their pictures were made from
        self._opacity, self._overlay = 0.55, True
        self._raw: set[str] = set()  # viewers over which Shift is held
        self._grounds: dict[str, object] = {}  # the image that lies beneath the masks of a viewer
        self.canvases = {
            name: ImageCanvas(self) for name in ("image", "truth", "prediction", "difference", "scores", "lecture")
        }
        for name, canvas in self.canvases.items():
            canvas.setObjectName(f"canvas_{name}")
            canvas.hovered.connect(self._hover)
        for name in MASKS:
            self.canvases[name].raw_changed.connect(partial(self._show_raw, name))
        self.link = link_cameras([c for name, c in self.canvases.items() if name != "lecture"])
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(8)
        self._arranged: tuple[object, ...] = ()
        self._legends = QWidget(self)
        self.difference_legend, self.score_legend = DifferenceLegend(self._legends), ScoreLegend(self._legends)
        self.readout = QLabel(self, objectName="readout", textFormat=Qt.TextFormat.PlainText)
        self.readout.setMinimumWidth(10)
        self.busy = QLabel("Predicting…", self, objectName="busy")
        mark(self.busy, "muted")
        self.busy.hide()
        self._legend_stack = QStackedLayout(self._legends)
        self._legend_stack.addWidget(self.difference_legend)
        self._legend_stack.addWidget(self.score_legend)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(self._grid, 1)
        column.addWidget(self._legends)
        line = QHBoxLayout()
        line.addWidget(self.readout, 1)
        line.addWidget(self.busy)
        column.addLayout(line)
        self.set_mode("side")

    # What is shown ----------------------------------------------------------------------------------------------------------

    def set_mode(self, mode: str) -> None:
        self.mode = mode
        for name, canvas in self.canvases.items():
            canvas.setVisible(name in LAYOUTS[mode] and (name != "truth" or self._has_truth))
            canvas.set_empty_text(self._problem or WITHOUT_PICTURE[name])
        if not (self._problem or self._compares):
            self.canvases["difference"].set_empty_text(
                "The classes are others than the network’s" if self._has_truth else "There are no masks to compare with"
            )
        self._arrange()
        self._legends.setVisible(mode == "scores" or (mode == "difference" and self._compares))
        if mode in ("difference", "scores"):
            self._legend_stack.setCurrentIndex(0 if mode == "difference" else 1)
        if mode == "lecture":
            self.readout.clear()
        self._show_prediction()
        self._show_opacity()
        self._paint_mode()

    @property
    def _has_truth(self) -> bool:
        """The present sample has masks; before one has come, those of its dataset have."""
        return self._truth_classes is not None if self._sample is None else self._sample.masks is not None

    @property
    def _compares(self) -> bool:
        """Truth and prediction can be compared, once there is one."""
        return self._has_truth and (self._comparable or self._sample is None)

    @property
    def mixes(self) -> bool:
        """Masks lie on the image in the present mode, so that their opacity matters."""
        return self.mode in MIXED

    def _arrange(self) -> None:
        """As many columns as show the pictures largest: a row for upright or square ones, two rows for wide ones."""
        shown = [c for name, c in self.canvases.items() if not c.isHidden()]
        height, width = self._sample.size if self._sample is not None else (1, 1)

        def scale(columns: int) -> float:
            rows = -(-len(shown) // columns)
            return min(self.width() / columns / width, (self.height() - 80) / rows / height)

        # A row is what people expect; two rows have to be clearly better
        columns = len(shown)
        if self.mode != "lecture" and len(shown) > 1 and max(map(scale, range(1, columns))) > 1.2 * scale(columns):
            columns = max(range(1, columns), key=scale)
        if (columns, *shown) == self._arranged:
            return
        self._arranged = (columns, *shown)
        for canvas in self.canvases.values():
            self._grid.removeWidget(canvas)
        for place, canvas in enumerate(shown):
            self._grid.addWidget(canvas, place // columns, place % columns)
        for line in range(3):
            self._grid.setColumnStretch(line, int(line < columns))
            self._grid.setRowStretch(line, int(line < -(-len(shown) // columns)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    @property
    def hidden(self) -> frozenset[int]:
        """The classes that are not shown."""
        return frozenset(self._hidden)

    @property
    def score_class(self) -> int:
        """The class whose scores are shown."""
        return self._score_class

    def set_classes(self, classes: ClassTable) -> None:
        """Classes of the same names stay as they are looked at, whatever the units of their scores."""
        if self._classes is None or classes.names != self._classes.names:
            self._hidden.clear()
            for name in ("truth", "prediction"):
                for k in range(max(len(classes), len(self._colors))):
                    self.canvases[name].set_class_visible(k, True)
            self._score_class = 0
        self._classes = classes

    def set_truth_classes(self, classes: ClassTable | None) -> None:
        if classes != self._truth_classes:
            self._truth_classes = classes
            self.set_mode(self.mode)  # before the sample has come, they tell whether there will be truth

    def set_colors(self, colors: tuple[Color, ...]) -> None:
        self._colors = colors
        self._show_truth()
        if self._live is not None:
            self.canvases["prediction"].set_colors(colors)

    def set_sample(self, sample: Sample | None, comparable: bool) -> None:
        self._put_sample(sample, comparable, "")

    def set_problem(self, text: str) -> None:
        """Says in the pictures why the present sample cannot be shown."""
        self._put_sample(None, False, text)

    def _put_sample(self, sample: Sample | None, comparable: bool, problem: str) -> None:
        self._sample, self._comparable, self._problem = sample, comparable, problem
        image = sample.image if sample is not None else None
        self.canvases["image"].set_image(image, f"Image {sample.name}" if sample is not None else "Image")
        self.canvases["truth"].set_title("Truth")
        for name in MASKS:  # before their ground, which may have another size
            self.canvases[name].set_planes(None)
            self._put_ground(name)
        self._clear("difference", "Difference")
        self._clear("scores", "Scores")
        if sample is None:
            self.canvases["lecture"].set_image(None, self.canvases["lecture"].title)
        self._live = None
        self._show_truth()
        self.set_mode(self.mode)

    def set_live(self, live: LiveReading | None) -> None:
        self._live = live
        self._show_prediction()
        self._paint_mode()

    def set_class_visible(self, k: int, shown: bool) -> None:
        (self._hidden.discard if shown else self._hidden.add)(k)
        self.canvases["prediction"].set_class_visible(k, shown)
        if self._comparable:
            self.canvases["truth"].set_class_visible(k, shown)
        if self.mode == "difference":
            self._paint_mode()

    def set_opacity(self, opacity: float) -> None:
        self._opacity = opacity
        self._show_opacity()

    def _show_opacity(self) -> None:
        for name in MASKS:
            self._put_ground(name)
            opacity = self._opacity if self.mixes else 1.0
            self.canvases[name].set_opacity(opacity if self._overlay else 0.0)
        # Its ground is grey already, so its colours need not let the image through
        self.canvases["difference"].set_opacity(0.75 if self._overlay else 0.0)

    def set_style(self, style: Style) -> None:
        for name in ("truth", "prediction"):
            self.canvases[name].set_style(style)

    def set_score_class(self, k: int) -> None:
        self._score_class = k
        self._paint_mode()

    def set_overlay(self, shown: bool) -> None:
        """All overlays off or on again."""
        self._overlay = shown
        self._show_opacity()

    def _show_raw(self, name: str, raw: bool) -> None:
        (self._raw.add if raw else self._raw.discard)(name)
        self._put_ground(name)

    def _put_ground(self, name: str) -> None:
        """What a viewer's masks lie on: the image, or black where their colours are to be read."""
        canvas = self.canvases[name]
        beneath = self._sample is not None and (self.mixes or not self._overlay or name in self._raw)
        image = self._sample.image if beneath and self._sample is not None else None
        if self._grounds.get(name) is not image:
            self._grounds[name] = image
            canvas.set_image(image, canvas.title)

    def flip(self) -> None:
        """Truth in the prediction's place and back: the eye sees what jumps."""
        self._flipped = not self._flipped and self._sample is not None and self._sample.masks is not None
        self._show_prediction()

    def show_lecture(self, picture: NDArray[np.uint8] | None) -> None:
        """Slides 84-86's display, a column a sample."""
        self.canvases["lecture"].set_image(picture, "The lecture’s display")

    def set_linked(self, linked: bool) -> None:
        self.link.set_linked(linked)

    # Paint ------------------------------------------------------------------------------------------------------------------

    def _show_truth(self) -> None:
        self._put_truth(self.canvases["truth"])

    def _put_truth(self, canvas: ImageCanvas) -> None:
        sample, own = self._sample, self._truth_classes
        if sample is None or sample.masks is None:
            canvas.set_planes(None)
            return
        colors = self._colors if self._comparable and self._colors else own.colors if own is not None else ()
        show: Any = canvas.set_planes if sample.masks.ndim == 3 else canvas.set_labels
        show(sample.masks, colors)

    def _show_prediction(self) -> None:
        canvas, live = self.canvases["prediction"], self._live
        name = f" {self._sample.name}" if self._sample is not None and self.mode == "overlay" else ""
        title = f"Truth{name} (T: prediction)" if self._flipped else f"Prediction{name}"
        canvas.set_title(title)
        if self._flipped:
            self._put_truth(canvas)
            return
        if live is None:
            canvas.set_planes(None)
        elif live.reading.rule == "argmax" and len(live.classes) < 255:
            labels, _ = live.painted_labels()
            canvas.set_labels(labels, (*self._colors, None))
        else:
            canvas.set_planes(live.planes, self._colors)

    def _paint_mode(self) -> None:
        """The pictures that only one mode shows are made in that mode alone."""
        live = self._live
        if self.mode == "difference":
            self._paint_difference(live)
        elif self.mode == "scores":
            self._paint_scores(live)

    def _clear(self, name: str, title: str) -> None:
        self._shown_in[name] = None
        self.canvases[name].set_planes(None)
        self.canvases[name].set_image(None, title)

    def _paint_difference(self, live: LiveReading | None) -> None:
        from segbench.gui.panels.prediction import pictures

        canvas = self.canvases["difference"]
        self.difference_legend.set_entries(pictures.DIFFERENCE_WORDS, pictures.DIFFERENCE_COLORS)
        if live is None or not live.comparable:
            self._clear("difference", "Difference")
            return
        shown = [k for k in range(len(live.classes)) if k not in self._hidden]
        if self._shown_in["difference"] is not live.sample:
            self._shown_in["difference"] = live.sample
            canvas.set_image(pictures.fade(live.sample.image), "Difference")
        canvas.set_labels(pictures.paint_difference(live, shown), pictures.DIFFERENCE_COLORS)

    def _paint_scores(self, live: LiveReading | None) -> None:
        from segbench.gui.panels.prediction.pictures import score_top
        from segbench.inference.colors import map_scores, score_table

        canvas, k = self.canvases["scores"], self._score_class
        if live is None or k >= len(live.classes):
            self._clear("scores", "Scores")
            return
        scale = live.prediction.scale
        top = score_top(live.classes, k, scale)
        if self._shown_in["scores"] != (live, k):  # thresholds move the outline, not the picture
            self._shown_in["scores"] = (live, k)
            canvas.set_image(map_scores(live.score_map(k), scale, top), f"Scores of {live.classes.names[k]}")
            canvas.set_style("contour")
            canvas.set_opacity(1.0)
        canvas.set_planes(live.planes[k : k + 1], ((255, 255, 255),))
        self.score_legend.set_colors([QColor(*map(int, rgb)) for rgb in score_table()[::15]])
        self.score_legend.set_scale((0.0, top), live.reading.windows[k])

    def render_pictures(self) -> QImage | None:
        """The pictures of the present mode side by side; the lecture's display and small images enlarged."""
        sizes = {c: c.image_size for c in self.canvases.values() if c.isVisibleTo(self)}
        shown = [c for c, size in sizes.items() if size is not None]
        if not shown:
            return None
        height = max(size[0] for size in sizes.values() if size is not None)
        scale = max(1, min(8, 512 // height)) if self.mode != "lecture" else max(1, min(4, 1800 // height))
        parts = [c.render_picture(scale) for c in shown]
        gap = 8
        size = QSize(sum(p.width() for p in parts) + gap * (len(parts) - 1), max(p.height() for p in parts))
        whole = QImage(size, QImage.Format.Format_RGB32)
        whole.fill(Qt.GlobalColor.white)
        painter, x = QPainter(whole), 0
        for part in parts:
            painter.drawImage(x, 0, part)
            x += part.width() + gap
        painter.end()
        return whole

    # The pixel under the cursor ---------------------------------------------------------------------------------------------

    def _hover(self, x: int, y: int) -> None:
        if self.sender() is self.canvases["lecture"]:
            return
        self.readout.setText(self._describe(x, y))
        at = self._live.score_map(self._score_class) if self._live is not None and self.mode == "scores" else None
        inside = at is not None and 0 <= y < at.shape[0] and 0 <= x < at.shape[1]
        self.score_legend.set_value(float(at[y, x]) if at is not None and inside else None)
        self.hovered.emit(x, y)

    def _describe(self, x: int, y: int) -> str:
        from segbench.gui.panels.prediction.reading import describe_truth

        sample, live = self._sample, self._live
        if sample is None or x < 0 or y < 0 or y >= sample.size[0] or x >= sample.size[1]:
            return ""
        red, green, blue = (int(v) for v in sample.image[y, x])
        parts = [f"x {x}, y {y}", f"RGB {red} {green} {blue}"]
        if sample.masks is not None and self._truth_classes is not None:
            parts.append("truth " + _join(self._truth_classes, describe_truth(sample, x, y)))
        if live is not None:
            predicted, scores = live.describe(x, y)
            digits = 2 if live.prediction.scale == "probability" else 0
            parts.append("predicted " + _join(live.classes, predicted))
            asked = predicted if self.mode != "scores" else [self._score_class]
            if not asked:
                asked = [max(range(len(scores)), key=lambda k: scores[k])]
            parts.append("score " + ", ".join(f"{live.classes.names[k]} {scores[k]:.{digits}f}" for k in asked))
        return "   ·   ".join(parts)


def _join(classes: ClassTable, found: Sequence[int]) -> str:
    return ", ".join(classes.names[k] for k in found if k < len(classes)) or "none"
