"""IoU, precision and recall of a class under any threshold, counted on the evaluated images: a curve, a line to drag, presets."""

from __future__ import annotations

import math
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPen
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from segbench.gui.panels.evaluation.number_table import Cell, NumberTable
from segbench.gui.panels.evaluation.plot import Curve, Plot
from segbench.gui.panels.evaluation.state import Evaluated, Page
from segbench.gui.panels.evaluation.words import write_ratio
from segbench.gui.theme import GRID, current_theme, theme_signals
from segbench.gui.widgets.parts import build_label, build_push
from segbench.gui.widgets.run_colors import run_color
from segbench.gui.widgets.window_slider import WindowSlider
from segbench.records import Reading
from segbench.targets import lecture_reading

Window = tuple[float, float]
LINES = (("IoU", Qt.PenStyle.SolidLine, 2), ("precision", Qt.PenStyle.DashLine, 1), ("recall", Qt.PenStyle.DotLine, 1))


class ThresholdsTab(QWidget):
    """class_chosen: its curve is looked at. reading_wanted: these thresholds on the Prediction page."""

    class_chosen = Signal(int)
    reading_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("thresholds_tab")
        self._page: Page | None = None
        self._one: Evaluated | None = None
        self._windows: list[Window] = []
        self._drawn: tuple[object, ...] = ()
        self.table = NumberTable("threshold_classes", "Thresholds by class", rows=True)
        self.table.pointed.connect(self._point)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addWidget(self.table, 1)
        column.addLayout(self._build_presets())
        self.mean = build_label("", "threshold_mean", wrap=True)
        column.addWidget(self.mean)
        self.use = build_push(
            "Use on the Prediction page", "use_thresholds", "Read the scores so there, too (U)", "primary"
        )
        self.use.clicked.connect(self.use_there)
        column.addWidget(self.use, 0, Qt.AlignmentFlag.AlignLeft)
        self.body = QSplitter(objectName="thresholds_body")
        self.body.addWidget(left)
        self.body.addWidget(self._build_plot())
        self.body.setChildrenCollapsible(False)
        self.body.setStretchFactor(1, 1)
        self.body.setSizes([510, 660])
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.body)
        theme_signals().changed.connect(self._redraw)

    def _build_presets(self) -> QHBoxLayout:
        self.own = build_push("As evaluated", "preset_own", "The thresholds that the scores on the other pages are of")
        self.best = build_push(
            "Best IoU",
            "preset_best",
            "The lower threshold with the highest IoU of each class, on these very images (a little too good)",
        )
        self.lecture = build_push("Lecture’s windows", "preset_lecture", "25–85, 65–135, 115–185, 165–230, over 210")
        self.own.clicked.connect(lambda: self._take(self._one.evaluation.reading if self._one else None))
        self.best.clicked.connect(lambda: self._take(self._one.best if self._one else None))
        self.lecture.clicked.connect(
            lambda: self._take(lecture_reading(self._one.evaluation.classes) if self._one else None)
        )
        row = QHBoxLayout()
        row.setSpacing(4)
        for button in (self.own, self.best, self.lecture):
            row.addWidget(button)
        row.addStretch(1)
        return row

    def _build_plot(self) -> QWidget:
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        self.live = build_label("", "threshold_live", "heading", wrap=True)
        self.plot = Plot("threshold_plot", "Scores against the threshold", "lower threshold", "score")
        self.low_line, self.high_line = (pg.InfiniteLine(angle=90, movable=True) for _ in range(2))
        for line in (self.low_line, self.high_line):
            line.setZValue(40)
            self.plot.addItem(line, ignoreBounds=True)
            line.sigPositionChanged.connect(self._drag)
        self.slider = WindowSlider()
        self.slider.setObjectName("threshold_slider")
        self.slider.setAccessibleName("Threshold")
        self.slider.setToolTip(
            "Left and Right move the lower threshold, with Shift the upper one; drag the line in the plot, too"
        )
        self.slider.changed.connect(self._move)
        self.legend = build_label("", "threshold_legend", "muted", wrap=True)
        column.addWidget(self.live)
        column.addWidget(self.plot, 1)
        column.addWidget(self.slider)
        column.addWidget(self.legend)
        return right

    # What is shown --------------------------------------------------------------------------------------------------------

    @property
    def k(self) -> int:
        """The class whose curve is shown."""
        chosen = self._page.look.k if self._page is not None else 0
        return min(max(chosen, 0), max(0, len(self._windows) - 1))

    @property
    def reading(self) -> Reading | None:
        """The thresholds as they stand now."""
        return Reading(self._one.evaluation.reading.rule, tuple(self._windows)) if self._one is not None else None

    def show_page(self, page: Page) -> None:
        self._page = page
        one = page.present
        if one is None:
            return
        if one is not self._one:
            self._one, self._windows = one, list(one.evaluation.reading.windows)
            ends = one.evaluation.curves.ends
            self.slider.set_limits(*ends, 0.01 if ends[1] <= 1 else 1.0)
            self.slider.set_two_ended(one.evaluation.scale == "value")
            self.lecture.setVisible(one.follows_lecture)
        self._draw()
        self._show_numbers()

    def _redraw(self) -> None:
        self._drawn = ()
        if self._page is not None and self._one is not None:
            self._draw()

    def _draw(self) -> None:
        page, one, k = self._page, self._one, self.k
        assert page is not None, "a page is shown"
        assert one is not None, "a page is shown"
        end = self._windows[k][1]
        drawn = (id(one), k, end, page.look.present, *(id(other) for _, other in page.there))
        if drawn == self._drawn:
            return
        self._drawn = drawn
        theme, curves = current_theme(), []
        alone = len(page.there) == 1
        for place, other in page.there:
            if other.evaluation.scale != one.evaluation.scale:
                continue
            trace = other.evaluation.curves.trace(k, high=end)
            color = run_color(place, theme)
            if place == page.look.present:
                lines = zip(LINES, (trace.iou, trace.precision, trace.recall), strict=True)
                for number, ((_, style, width), y) in enumerate(lines):
                    curves.append(
                        Curve(
                            trace.thresholds,
                            y,
                            (theme.accent, theme.good, theme.warning)[number] if alone else color,
                            width,
                            style,
                        )
                    )
            else:
                curves.append(Curve(trace.thresholds, trace.iou, color, 1))
        self.plot.draw([], curves)
        low, high = one.evaluation.curves.ends
        self.plot.set_ranges((low - 0.01 * high, 1.012 * high), (0.0, 1.02))
        what = "probability" if one.evaluation.scale == "probability" else "output"
        self.plot.set_title("bottom", f"lower threshold of the {what} of {one.evaluation.classes.names[k]}")
        words = "Solid: IoU, dashed: precision, dotted: recall, counted over all evaluated images."
        self.legend.setText(words if alone else f"{words} Thin: the IoU of the other networks, in their colours.")
        pen = QPen(theme.text, 1)
        pen.setCosmetic(True)
        for line in (self.low_line, self.high_line):
            line.setPen(pen)
            line.setHoverPen(QPen(theme.accent, 3))

    def _show_numbers(self) -> None:
        one, page, k = self._one, self._page, self.k
        if one is None or page is None:
            return
        curves, classes = one.evaluation.curves, page.classes or one.evaluation.classes
        rows = []
        for number, (window, best) in enumerate(zip(self._windows, one.best.windows, strict=True)):
            score, highest = curves.count(number, *window), curves.count(number, *best)
            rows.append((
                Cell(classes.names[number], swatch=classes.colors[number], left=True),
                Cell(_write_window(window)), Cell(write_ratio(score.iou)), Cell(write_ratio(score.precision)),
                Cell(write_ratio(score.recall)), Cell(f"{_write_number(best[0])}: {write_ratio(highest.iou)}"),
            ))  # fmt: skip
        heads = ("Class", "Window", "IoU", "Precision", "Recall", "Best IoU")
        tips = (
            "",
            "Where the class is said to be",
            "",
            "",
            "",
            "The lower threshold with the highest IoU, and that IoU",
        )
        self.table.set_rows(heads, tips, rows)
        if self.table.columnWidth(1) == 100:  # never fitted
            self.table.fit_columns(88)
        self.table.selectionModel().blockSignals(True)
        self.table.set_current(k, 0)
        self.table.selectionModel().blockSignals(False)
        low, high = self._windows[k]
        score = curves.count(k, low, high)
        self.live.setText(
            f"{classes.names[k]} at {_write_window((low, high))}: IoU {write_ratio(score.iou)}, precision "
            f"{write_ratio(score.precision)}, recall {write_ratio(score.recall)}"
        )
        reading = self.reading
        assert reading is not None, "a page is shown"
        now, before = curves.score(reading).mean_iou, curves.score(one.evaluation.reading).mean_iou
        self.mean.setText(f"Mean IoU with these thresholds {write_ratio(now)}, as evaluated {write_ratio(before)}.")
        for widget in (self.slider, self.low_line, self.high_line):
            widget.blockSignals(True)
        self.slider.set_window(low, high)
        self.slider.set_color(run_color(page.look.present, current_theme()))
        self.low_line.setPos(low if math.isfinite(low) else curves.ends[0])
        self.high_line.setVisible(math.isfinite(high))
        if math.isfinite(high):
            self.high_line.setPos(high)
        for widget in (self.slider, self.low_line, self.high_line):
            widget.blockSignals(False)

    # What the user does -----------------------------------------------------------------------------------------------------

    def _point(self, row: int, _column: int) -> None:
        if row < len(self._windows):
            self.class_chosen.emit(row)

    def _take(self, reading: Reading | None) -> None:
        if reading is not None:
            self._windows = list(reading.windows)
            self._draw()
            self._show_numbers()

    def _move(self, low: float, high: float) -> None:
        if self._one is not None and (low, high) != self._windows[self.k]:
            self._windows[self.k] = low, high
            self._draw()
            self._show_numbers()

    def _drag(self, line: Any) -> None:
        if self._one is None:
            return
        (least, most), (low, high) = self._one.evaluation.curves.ends, self._windows[self.k]
        step = 0.005 if most <= 1 else 1.0
        if line is self.low_line:
            low = round(min(max(self.low_line.value(), least), min(high - step, most)) / step) * step
        else:
            high = round(min(max(self.high_line.value(), low + step), most) / step) * step
        self._move(round(low, 6), round(high, 6) if math.isfinite(high) else high)

    def use_there(self) -> None:
        if (reading := self.reading) is not None:
            self.reading_wanted.emit(reading)


def _write_number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 10 else f"{value:.0f}"


def _write_window(window: Window) -> str:
    low, high = window
    if math.isinf(high):
        return "any" if math.isinf(low) else f"over {_write_number(low)}"
    return f"{_write_number(low)} – {_write_number(high)}"
