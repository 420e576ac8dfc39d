"""Live curves of one run or several: loss, IoU and learning rate over steps. Redrawn at most 25 times a second. Knows no services."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QColor, QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from segbench.events import LoggedEvent
from segbench.gui.theme import current_theme, theme_signals
from segbench.gui.widgets.chart import Chart, Level, Line
from segbench.gui.widgets.curve_legend import CurveLegend, LegendRow
from segbench.gui.widgets.curve_model import LECTURE_LOSSES, RunCurves, list_lecture_spans
from segbench.gui.widgets.parts import build_check, build_label, build_tool
from segbench.gui.widgets.run_colors import mix, readable, run_color
from segbench.gui.widgets.series import Series

REDRAW_MS = 40
VALIDATION_COLOR = "#d55e00"
_STEPS = (1.0, 1.25, 1.6, 2.0, 2.5, 3.2, 4.0, 5.0, 6.3, 8.0, 10.0)
_CHECKED = """QToolButton:checked { background: palette(highlight); color: palette(highlighted-text);
    border: 1px solid palette(highlight); border-radius: 3px; padding: 3px 5px; }"""
_PARTS = ("all", "loss", "iou", "rate")


class CurvePlot(QWidget):
    """`add` events of runs by key, say which are shown with `show_runs`; everything else is the user's."""

    smoothing_changed = Signal(float)
    csv_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("curve_plot")
        self.setAccessibleName("Training curves")
        self._runs: dict[str, RunCurves] = {}
        self._shown: tuple[str, ...] = ()
        self._class_colors: dict[str, QColor] = {}
        self._lecture = False
        self._reference: tuple[float, ...] = ()
        self._smoothing = 0.9
        self._follow = True
        self._x_range = (0.0, 100.0)
        self._pointer = math.nan
        self._dirty = False  # a redraw is due
        self._stale = True  # lines or rows have changed, not only their points
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self.redraw)
        self.loss_chart = Chart("Loss", "loss_chart")
        self.iou_chart = Chart("IoU", "iou_chart", share=True)
        self.rate_chart = Chart("Learning rate", "rate_chart", share=False)
        self.legend = CurveLegend()
        self._build()
        for chart in self.charts:
            chart.x_changed.connect(self._take_x)
            chart.moved.connect(self._stop_following)
            chart.pointed.connect(self._take_pointer)
        self.legend.changed.connect(self._refit)
        theme_signals().changed.connect(self._restyle)

    @property
    def charts(self) -> tuple[Chart, Chart, Chart]:
        return self.loss_chart, self.iou_chart, self.rate_chart

    # What is shown ----------------------------------------------------------------------------------------------------

    def add(self, key: str, facts: Sequence[LoggedEvent], name: str = "") -> None:
        """Appends events of the run `key`; cheap, drawn later."""
        run = self._runs.get(key)
        if run is None:
            run = self._runs[key] = RunCurves(name or key, self._smoothing)
        elif name:
            run.name = name
        before = (len(run.classes), run.started, run.best, bool(len(run.validation)), bool(len(run.mean_iou)))
        run.add(facts)
        after = (len(run.classes), run.started, run.best, bool(len(run.validation)), bool(len(run.mean_iou)))
        if key in self._shown:
            self._stale = self._stale or before != after
            self._schedule()

    def forget(self, key: str) -> None:
        """Drops a run's curves."""
        self._runs.pop(key, None)
        self.show_runs(tuple(k for k in self._shown if k != key))

    def show_runs(self, keys: Sequence[str]) -> None:
        """Draws these runs, the first in front; more than one are compared, each in its colour."""
        keys = tuple(keys)
        if keys != self._shown:
            self._shown = keys
            self.follow()

    def set_class_colors(self, colors: dict[str, tuple[int, int, int]]) -> None:
        """The dataset's colours for the classes' lines."""
        self._class_colors = {name: QColor(*color) for name, color in colors.items()}
        self._restyle()

    def set_lecture(self, shown: bool, reference: Sequence[float] = ()) -> None:
        """Whether the lecture's twelve losses are drawn, and segbench's own beside them."""
        if (shown, tuple(reference)) != (self._lecture, self._reference):
            self._lecture, self._reference = shown, tuple(reference)
            self._restyle()

    def set_smoothing(self, smoothing: float) -> None:
        """0..0.99."""
        self._slider.setValue(round(smoothing * 100))

    @property
    def smoothing(self) -> float:
        return self._smoothing

    @property
    def following(self) -> bool:
        return self._follow

    @property
    def shown(self) -> tuple[str, ...]:
        return self._shown

    def run(self, key: str) -> RunCurves | None:
        return self._runs.get(key)

    def follow(self) -> None:
        """Shows the whole run from now on and grows with it."""
        self._follow = True
        self._follow_button.setChecked(True)
        self._x_range = (0.0, 0.0)
        self._refit()

    # Drawing ----------------------------------------------------------------------------------------------------------

    def redraw(self) -> None:
        """Draws what is due now. The timer calls it; a test or a benchmark may, too."""
        self._timer.stop()
        if not self.isVisible():
            return
        self._dirty = False
        if self._stale:
            self._stale = False
            self._compose()
        if self._follow:
            last = max((run.last_step for run in self._list_shown()), default=0.0)
            if last > self._x_range[1] or self._x_range[1] <= 0:
                self._x_range = (0.0, self._choose_end(last))
        for chart in self.charts:
            if chart.isVisible():
                chart.draw(*self._x_range, ignore_outliers=self._outliers.isChecked())
        self._write_values()

    def _choose_end(self, last: float) -> float:
        """The right end of the x axis: grows in steps of a quarter, so that the axis is not drawn anew all the time."""
        total = max((run.total_steps for run in self._list_shown()), default=0)
        least = max(last * 1.02, 50.0)
        power = 10.0 ** math.floor(math.log10(least))
        end = next(power * step for step in _STEPS if power * step >= least)
        return total * 1.01 if total and last <= total and end > 0.8 * total else end

    def _list_shown(self) -> list[RunCurves]:
        return [self._runs[key] for key in self._shown if key in self._runs]

    def _schedule(self) -> None:
        if not self._dirty:
            self._dirty = True
            if self.isVisible():
                self._timer.start()

    def _refit(self) -> None:
        for chart in self.charts:
            chart.forget_range()
        self._restyle()

    def _restyle(self) -> None:
        self._stale = True
        for chart in self.charts:
            chart.restyle()
        self._schedule()

    def _compose(self) -> None:
        """Lines, rows and reference lines from the runs shown."""
        theme = current_theme()
        compared = len(self._list_shown()) > 1
        lines: dict[str, dict[Hashable, Line]] = {"loss": {}, "iou": {}, "rate": {}}
        rows: list[LegendRow] = []
        hidden: list[Hashable] = []
        self._readers: dict[Hashable, Series] = {}
        solid, dash, dot = Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine

        def add(
            chart: str, key: tuple[str, str], text: str, line: Line, tip: str = "", faint: Line | None = None
        ) -> None:
            rows.append(LegendRow(key, text, line.color, line.style, tip))
            self._readers[key] = line.series
            if self.legend.is_shown(key) and not (key in hidden and key not in known):
                lines[chart][key] = line
                if faint is not None:
                    lines[chart][(*key, "raw")] = faint

        known = self.legend.keys()
        for number, key in enumerate(self._shown):
            run = self._runs.get(key)
            if run is None:
                continue
            color = run_color(number, theme) if compared else theme.accent
            if compared:
                rows.append(LegendRow((key, "run"), run.name, color, section=True))
            raw = Line(run.loss.raw, mix(color, theme.surface, 0.32), order=-number, single_steps=True)
            add("loss", (key, "loss"), "Loss", Line(run.loss.smooth, color, 2, order=10 - number), "Training loss, smoothed; every step faint behind it.", raw)  # fmt: skip
            if len(run.validation):
                shade = color if compared else readable(QColor(VALIDATION_COLOR), theme)
                add("loss", (key, "validation"), "Validation loss", Line(run.validation, shade, 2, dash if compared else solid, marks=True, order=20), "Loss on the validation images, once an epoch.")  # fmt: skip
            if len(run.mean_iou):
                shade = color if compared else theme.text
                add("iou", (key, "mean"), "Mean IoU", Line(run.mean_iou, shade, 2, marks=True, order=20), "Mean over the classes that occur, pixels pooled over the validation images.")  # fmt: skip
            if len(run.grid_iou):
                shade = color if compared else theme.muted
                add("iou", (key, "grid"), "…even pixels", Line(run.grid_iou, shade, 2, dot, marks=True, order=19), "Mean IoU on even rows and columns: the lecture's output layer reaches no others.")  # fmt: skip
            for name, series in run.classes.items():
                shade = readable(self._class_colors.get(name, theme.muted), theme)
                if compared:
                    hidden.append((key, name))
                add("iou", (key, name), name, Line(series, shade, 1, (solid, dash, dot)[number % 3] if compared else solid, marks=True, order=10), f"IoU of {name} on the validation images.")  # fmt: skip
            add("rate", (key, "rate"), "Learning rate", Line(run.rate, color if compared else theme.muted, 1), "The optimizer's step size.")  # fmt: skip
        self._add_references(rows)
        self.legend.set_rows(rows, hidden)
        self.loss_chart.set_lines(lines["loss"])
        self.iou_chart.set_lines(lines["iou"])
        self.rate_chart.set_lines(lines["rate"])
        self._mark_best()
        has_iou = any(len(run.mean_iou) for run in self._list_shown())
        self._iou_note.setVisible(not has_iou)
        self._iou_note.setText(self._explain_iou())

    def _add_references(self, rows: list[LegendRow]) -> None:
        theme = current_theme()
        shown = self._list_shown()
        baselines = shown[0].baselines if shown else None
        levels = []
        dash = Qt.PenStyle.DashLine
        for field, label, color, above in (
            ("nothing", "predicts nothing", theme.muted, True),
            ("best_constant", "best constant", theme.good, False),
        ):
            value = getattr(baselines, field, None)
            if value is None:
                continue
            tip = {
                "nothing": "The loss of a network that says nothing is anywhere. Below it, something has been learnt.",
                "best_constant": "The loss of the best answer that is the same at every pixel of every image.",
            }[field]
            rows.append(LegendRow(field, label.capitalize(), color, dash, tip))
            if self.legend.is_shown(field):
                levels.append(Level(value, f"{label}  {_short(value)}", color, dash, above))
        self.loss_chart.set_levels(levels)
        spans = []
        if self._lecture:
            color = readable(QColor("#cc79a7"), theme)
            tip = "What the lecture prints (slide 82): means over steps 1 to 1000 and 1001 to 2000 of each epoch."
            rows.append(LegendRow("lecture", "Lecture, slide 82", color, tip=tip))
            if self.legend.is_shown("lecture"):
                spans.append((list_lecture_spans(LECTURE_LOSSES), color, Qt.PenStyle.SolidLine))
            if self._reference:
                own = readable(QColor("#e69f00"), theme)
                rows.append(LegendRow("reference", "segbench's own run", own, tip="The same means of segbench's reference run of this preset on 10,000 generated images."))  # fmt: skip
                if self.legend.is_shown("reference"):
                    spans.append((list_lecture_spans(self._reference), own, Qt.PenStyle.SolidLine))
        self.loss_chart.set_spans(spans)

    def _mark_best(self) -> None:
        shown = self._list_shown()
        best = shown[0].best if shown else None
        first = self._shown[0] if shown else ""
        color = current_theme().warning
        iou = best.iou if best and self.legend.is_shown((first, "mean")) else None
        loss = best.validation_loss if best and self.legend.is_shown((first, "validation")) else None
        self.iou_chart.set_best(best.step if best else None, iou, color)
        self.loss_chart.set_best(best.step if best else None, loss, color)

    def _explain_iou(self) -> str:
        shown = self._list_shown()
        if shown and shown[0].started and not shown[0].validated:
            return "No validation: this run has no images that it is not trained on."
        return "IoU appears here after the first epoch."

    def _write_values(self) -> None:
        at = self._pointer if math.isfinite(self._pointer) else math.inf
        self.legend.set_values({key: _short(series.value_near(at)) for key, series in self._readers.items()}
            | {field: _short(getattr(run.baselines, field)) for run in self._list_shown()[:1] for field in ("nothing", "best_constant")}
            | self._read_spans(at))  # fmt: skip
        shown = self._list_shown()
        if not shown:
            self._place.setText("")
            return
        step = shown[0].last_step if not math.isfinite(at) else min(max(round(at), 0), shown[0].last_step)
        self._place.setText(f"Step {step:,.0f}" if math.isfinite(at) else f"Step {step:,.0f}, newest")

    def _read_spans(self, at: float) -> dict[Hashable, str]:
        values: dict[Hashable, str] = {}
        for key, losses in (("lecture", LECTURE_LOSSES), ("reference", self._reference)):
            values[key] = next((_short(y) for x0, x1, y in list_lecture_spans(losses) if x0 <= at <= x1), "")
        return values

    # The user's hand ---------------------------------------------------------------------------------------------------

    def _take_x(self, x0: float, x1: float) -> None:
        self._x_range = (x0, x1)
        self._stop_following()
        self._schedule()

    def _stop_following(self) -> None:
        self._follow = False
        self._follow_button.setChecked(False)

    def _take_pointer(self, x: float) -> None:
        self._pointer = x
        for chart in self.charts:
            chart.set_crosshair(x if math.isfinite(x) else None)
        if self._shown and hasattr(self, "_readers"):
            self._write_values()

    def _set_log(self, log: bool) -> None:
        for chart in (self.loss_chart, self.rate_chart):
            chart.set_log(log)
        self._refit()

    def _take_smoothing(self, hundredths: int) -> None:
        self._smoothing = hundredths / 100
        self._smoothing_label.setText(f"{self._smoothing:.2f}")
        for run in self._runs.values():
            run.loss.set_smoothing(self._smoothing)
        self._stale = True
        self._schedule()
        self.smoothing_changed.emit(self._smoothing)

    def show_part(self, part: str) -> None:
        """Shows "all" three plots, or "loss", "iou", "rate" alone."""
        self._part_buttons[part].setChecked(True)
        self.loss_chart.setVisible(part in ("all", "loss"))
        self._iou_box.setVisible(part in ("all", "iou"))
        self._rate_box.setVisible(part in ("all", "rate"))
        self._side.setVisible(part != "loss")
        self._loss_box.setVisible(part in ("all", "loss"))
        self._refit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._dirty = True
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()
        super().hideEvent(event)

    # Parts --------------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self._loss_box = _titled(self.loss_chart, "Loss")
        self._iou_note = build_label("", "iou_note", "muted", wrap=True)
        self._iou_box = _titled(self.iou_chart, "IoU on validation images", self._iou_note)
        self._rate_box = _titled(self.rate_chart, "Learning rate")
        self._side = QSplitter(Qt.Orientation.Vertical)
        self._side.setObjectName("curve_side")
        self._side.addWidget(self._iou_box)
        self._side.addWidget(self._rate_box)
        self._side.setSizes([220, 130])
        right = QWidget()
        legend_box = QVBoxLayout(right)
        legend_box.setContentsMargins(0, 0, 0, 0)
        legend_box.setSpacing(4)
        self._place = build_label("", "curve_place", "muted")
        legend_box.addWidget(self._place)
        legend_box.addWidget(self.legend)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setObjectName("curve_splitter")
        for widget, stretch in ((self._loss_box, 5), (self._side, 3), (right, 0)):
            self.splitter.addWidget(widget)
            self.splitter.setStretchFactor(self.splitter.count() - 1, stretch)
        self.splitter.setSizes([450, 280, 208])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(self._build_tools())
        self.setStyleSheet(_CHECKED)
        column.addWidget(self.splitter, 1)

    def _build_tools(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(6)
        self._part_buttons: dict[str, QToolButton] = {}
        group = QButtonGroup(self)
        for part, text in zip(_PARTS, ("All", "Loss", "IoU", "Rate"), strict=True):
            tip = "Show all three plots" if part == "all" else f"Show the {text} plot alone"
            button = build_tool(text, f"part_{part}", tip, checkable=True, checked=part == "all")
            button.clicked.connect(lambda _checked=False, part=part: self.show_part(part))
            group.addButton(button)
            self._part_buttons[part] = button
            row.addWidget(button)
        tip = "Show the whole run and grow with it. Zooming or panning lets go of it."
        self._follow_button = build_tool("Follow", "follow", tip, checkable=True, checked=True)
        self._follow_button.clicked.connect(self.follow)
        row.addSpacing(8)
        row.addWidget(self._follow_button)
        row.addStretch(1)
        self._log_box = build_check("Log", "log_scale", "Logarithmic loss and learning rate")
        self._log_box.toggled.connect(self._set_log)
        tip = "Fit the y axis to the smoothed curves, not to single steps"
        self._outliers = build_check("Ignore outliers", "ignore_outliers", tip)
        self._outliers.toggled.connect(self._refit)
        row.addWidget(self._log_box)
        row.addWidget(self._outliers)
        label = QLabel("Smoothing")
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setObjectName("smoothing")
        self._slider.setRange(0, 99)
        self._slider.setValue(90)
        self._slider.setAccessibleName("Smoothing")
        self._slider.setFixedWidth(88)
        self._slider.setToolTip(
            "How far the running mean of the loss reaches: 0 not at all, 0.9 about 1 % of the run, 0.99 about 10 %."
        )
        self._slider.valueChanged.connect(self._take_smoothing)
        label.setBuddy(self._slider)
        self._smoothing_label = QLabel("0.90")
        self._smoothing_label.setMinimumWidth(self._smoothing_label.fontMetrics().horizontalAdvance("0.00 "))
        csv = build_tool("CSV…", "save_csv", "Save every value of these curves as a CSV file")
        csv.clicked.connect(self.csv_requested)
        for widget in (label, self._slider, self._smoothing_label, csv):
            row.addWidget(widget)
        return row


def _titled(chart: Chart, title: str, note: QLabel | None = None) -> QWidget:
    """A chart under its title; small enough to be squeezed in a low window."""
    box = QWidget()
    column = QVBoxLayout(box)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(2)
    head = build_label(title, role="muted")
    column.addWidget(head)
    if note is not None:
        column.addWidget(note)
    chart.setMinimumSize(120, 60)
    chart.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
    column.addWidget(chart, 1)
    return box


def _short(value: float | None) -> str:
    """Four digits, "–" for nothing."""
    return "–" if value is None else f"{value:.4g}"
