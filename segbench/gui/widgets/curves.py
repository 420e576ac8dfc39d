"""Live curves of one run or several: loss, IoU and learning rate over steps. Redrawn at most 25 times a second. Knows no services."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QColor, QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QSplitter, QVBoxLayout, QWidget

from segbench.events import LoggedEvent
from segbench.gui.theme import current_theme, theme_signals
from segbench.gui.widgets.chart import Chart, Line
from segbench.gui.widgets.curve_legend import CurveLegend
from segbench.gui.widgets.curve_lines import Composition, compose
from segbench.gui.widgets.curve_model import RunCurves
from segbench.gui.widgets.curve_tools import CurveTools
from segbench.gui.widgets.parts import build_label, build_push
from segbench.records import Color

REDRAW_MS = 40
_STEPS = (1.0, 1.25, 1.6, 2.0, 2.5, 3.2, 4.0, 5.0, 6.3, 8.0, 10.0)


class CurvePlot(QWidget):
    """`add` events of runs by key, say which are shown with `show_runs`; everything else is the user's."""

    smoothing_changed = Signal(float)
    csv_requested = Signal()
    stop_comparing_requested = Signal()

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
        self._made = Composition()
        self._dirty = False  # a redraw is due
        self._stale = True  # lines or rows have changed, not only their points
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self.redraw)
        self.tools = CurveTools()
        self.loss_chart = Chart("Loss", "loss_chart")
        self.iou_chart = Chart("IoU", "iou_chart", share=True)
        self.rate_chart = Chart("Learning rate", "rate_chart")
        self.charts = (self.loss_chart, self.iou_chart, self.rate_chart)
        self.legend = CurveLegend()
        self._build()
        for chart in self.charts:
            chart.x_changed.connect(self._take_x)
            chart.moved.connect(self._stop_following)
            chart.pointed.connect(self._take_pointer)
        self.legend.changed.connect(self._refit)
        self.tools.part_chosen.connect(self.show_part)
        self.tools.follow_requested.connect(self.follow)
        self.tools.log_toggled.connect(self._set_log)
        self.tools.outliers_toggled.connect(self._refit)
        self.tools.smoothing_changed.connect(self._take_smoothing)
        self.tools.csv_requested.connect(self.csv_requested)
        theme_signals().changed.connect(self._restyle)
        theme_signals().changed.connect(self.tools.restyle)

    # What is shown ----------------------------------------------------------------------------------------------------

    def add(self, key: str, facts: Sequence[LoggedEvent], name: str = "") -> None:
        """Appends events of the run `key`; cheap, drawn later."""
        run = self._runs.get(key)
        if run is None:
            run = self._runs[key] = RunCurves(name or key, self._smoothing)
            self._stale = True
        elif name and name != run.name:
            run.name, self._stale = name, True
        before = run.shape
        run.add(facts)
        if key in self._shown:
            self._stale = self._stale or before != run.shape
            self._schedule()

    def clear_run(self, key: str) -> None:
        """Drops a run's points; it stays among the shown, as it may be filled again."""
        if self._runs.pop(key, None) is not None and key in self._shown:
            self._stale = True
            self._schedule()

    def show_runs(self, keys: Sequence[str]) -> None:
        """Draws these runs, the first in front; more than one are compared, each in its colour."""
        keys = tuple(keys)
        if keys != self._shown:
            self._shown = keys
            self.follow()

    def show_comparison(self, sentence: str) -> None:
        """Says above the charts that runs are compared, beside a button that ends it; "" hides both."""
        self._comparison.setText(sentence)
        self._comparison_row.setVisible(bool(sentence))

    def set_class_colors(self, colors: dict[str, Color]) -> None:
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
        self.tools.set_smoothing(smoothing)

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
        self.tools.follow.setChecked(True)
        self._x_range = (0.0, 0.0)
        self._refit()

    def show_part(self, part: str) -> None:
        """Shows "all" three plots, or "loss", "iou", "rate" alone."""
        self.tools.check_part(part)
        self._loss_box.setVisible(part in ("all", "loss"))
        self._iou_box.setVisible(part in ("all", "iou"))
        self._rate_box.setVisible(part in ("all", "rate"))
        self.side.setVisible(part != "loss")
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
            last = max((run.last_step for run in self._list_shown().values()), default=0.0)
            if last > self._x_range[1] or self._x_range[1] <= 0:
                self._x_range = (0.0, self._choose_end(last))
        for chart in self.charts:
            if chart.isVisible():
                chart.draw(*self._x_range, ignore_outliers=self.tools.outliers.isChecked())
        self._write_values()

    def _choose_end(self, last: float) -> float:
        """The right end of the x axis: grows in steps of a quarter, so that the axis is not drawn anew all the time."""
        total = max((run.total_steps for run in self._list_shown().values()), default=0)
        least = max(last * 1.02, 50.0)
        power = 10.0 ** math.floor(math.log10(least))
        end = next(power * step for step in _STEPS if power * step >= least)
        return total * 1.01 if total and last <= total and end > 0.8 * total else end

    def _list_shown(self) -> dict[str, RunCurves]:
        return {key: self._runs[key] for key in self._shown if key in self._runs}

    def _schedule(self) -> None:
        if not self._dirty:
            self._dirty = True
            if self.isVisible():
                self._timer.start()

    def _refit(self) -> None:
        for chart in self.charts:
            chart.forget_range()
        self._stale = True
        self._schedule()

    def _restyle(self) -> None:
        for chart in self.charts:
            chart.restyle()
        self._stale = True
        self._schedule()

    def _compose(self) -> None:
        """Hands lines, rows and reference lines to the charts and the legend, as far as the user wants to see them."""
        self._made = made = compose(self._list_shown(), self._class_colors, self._lecture, self._reference)
        self.legend.set_rows(made.rows, made.hidden)
        lines: dict[str, dict[object, Line]] = {"loss": {}, "iou": {}, "rate": {}}
        for key, (chart, line, faint) in made.lines.items():
            if self.legend.is_shown(key):
                lines[chart][key] = line
                if faint is not None:
                    lines[chart][(key, "raw")] = faint
        self.loss_chart.set_lines(lines["loss"])
        self.iou_chart.set_lines(lines["iou"])
        self.rate_chart.set_lines(lines["rate"])
        self.loss_chart.set_levels([level for key, level in made.levels.items() if self.legend.is_shown(key)])
        self.loss_chart.set_spans([span for key, span in made.spans.items() if self.legend.is_shown(key)])
        self._mark_best()
        self._explain_iou()

    def _mark_best(self) -> None:
        first = next(iter(self._list_shown()), "")
        best = self._runs[first].best if first else None
        color = current_theme().warning
        iou = best.iou if best and self.legend.is_shown((first, "mean")) else None
        loss = best.validation_loss if best and self.legend.is_shown((first, "validation")) else None
        self.iou_chart.set_best(best.step if best else None, iou, color)
        self.loss_chart.set_best(best.step if best else None, loss, color)

    def _explain_iou(self) -> None:
        runs = list(self._list_shown().values())
        self._iou_note.setVisible(not any(len(run.mean_iou) for run in runs))
        without = bool(runs) and runs[0].started and not runs[0].validated
        self._iou_note.setText(
            "No validation: this run has no images that it is not trained on."
            if without
            else "IoU appears here after the first epoch."
        )

    def _write_values(self) -> None:
        """Fills the legend's value column: under the pointer, or the newest."""
        at = self._pointer if math.isfinite(self._pointer) else math.inf
        values: dict[Hashable, str] = {}
        for key, (chart, line, _) in self._made.lines.items():
            value = line.series.value_near(at)
            values[key] = "–" if value is None else f"{value:.3f}" if chart == "iou" else f"{value:.4g}"
        values |= {key: f"{level.y:.4g}" for key, level in self._made.levels.items()}
        last = next((run.last_step for run in self._list_shown().values()), None)
        reached = at if math.isfinite(at) else last or 0.0
        for key, (pieces, _, _) in self._made.spans.items():
            values[key] = next((f"{y:.4g}" for x0, _, y in reversed(pieces) if x0 <= reached), "")
        self.legend.set_values(values)
        if last is None:
            self._place.setText("")
        else:
            newest = not math.isfinite(at)
            self._place.setText(f"Step {last:,.0f}, newest" if newest else f"Step {min(max(round(at), 0), last):,.0f}")

    # The user's hand ---------------------------------------------------------------------------------------------------

    def _take_x(self, x0: float, x1: float) -> None:
        self._x_range = (x0, x1)
        self._stop_following()
        self._schedule()

    def _stop_following(self) -> None:
        self._follow = False
        self.tools.follow.setChecked(False)
        self._schedule()

    def _take_pointer(self, x: float) -> None:
        self._pointer = x
        for chart in self.charts:
            chart.set_crosshair(x if math.isfinite(x) else None)
        self._write_values()

    def _set_log(self, log: bool) -> None:
        for chart in (self.loss_chart, self.rate_chart):
            chart.set_log(log)
        self._refit()

    def _take_smoothing(self, smoothing: float) -> None:
        self._smoothing = smoothing
        for run in self._runs.values():
            run.loss.set_smoothing(smoothing)
        self._stale = True
        self._schedule()
        self.smoothing_changed.emit(smoothing)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._dirty = True
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()
        super().hideEvent(event)

    def _build(self) -> None:
        self._loss_box = _titled(self.loss_chart, "Loss")
        self._iou_note = build_label("", "iou_note", "muted", wrap=True)
        self._iou_box = _titled(self.iou_chart, "IoU on validation images", self._iou_note)
        self._rate_box = _titled(self.rate_chart, "Learning rate")
        self.side = QSplitter(Qt.Orientation.Vertical)
        self.side.setObjectName("curve_side")
        self.side.addWidget(self._iou_box)
        self.side.addWidget(self._rate_box)
        self.side.setSizes([220, 130])
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self._place = build_label("", "curve_place", "muted")
        column.addWidget(self._place)
        column.addWidget(self.legend)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setObjectName("curve_splitter")
        for widget, stretch in ((self._loss_box, 5), (self.side, 3), (right, 0)):
            self.splitter.addWidget(widget)
            self.splitter.setStretchFactor(self.splitter.count() - 1, stretch)
        self.splitter.setSizes([450, 280, 208])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.tools)
        column.addWidget(self._build_comparison())
        column.addWidget(self.splitter, 1)

    def _build_comparison(self) -> QWidget:
        self._comparison_row = QWidget()
        self._comparison_row.setObjectName("comparison")
        row = QHBoxLayout(self._comparison_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self._comparison = build_label("", "comparison_sentence", wrap=True)
        stop = build_push(
            "Stop comparing", "stop_comparing", "Draw the shown run alone and take back the ticks of Runs"
        )
        stop.clicked.connect(self.stop_comparing_requested)
        row.addWidget(self._comparison, 1)
        row.addWidget(stop)
        self._comparison_row.hide()
        return self._comparison_row


def _titled(chart: Chart, title: str, note: QLabel | None = None) -> QWidget:
    """A chart under its title; small enough to be squeezed in a low window."""
    box = QWidget()
    column = QVBoxLayout(box)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(2)
    column.addWidget(build_label(title, role="muted"))
    if note is not None:
        column.addWidget(note)
    chart.setMinimumSize(100, 60)
    chart.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
    column.addWidget(chart, 1)
    return box
