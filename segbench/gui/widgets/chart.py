"""One plot of a CurvePlot: lines over training steps, drawn from decimated series, linear or logarithmic. Knows no runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF, QSizeF, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QPen
from PySide6.QtWidgets import QWidget

from segbench.gui.theme import current_theme
from segbench.gui.widgets.series import Series, join_extremes

SLOW_PIXELS = 4  # a slow line is drawn again when it has grown by this much
TICK_LIMIT = 0.6  # the y range shrinks only when the lines fill less than this share of it


@dataclass(eq=False)
class Line:
    """How one series is drawn. `marks`: a dot a point (for the few points of epochs)."""

    series: Series
    color: QColor
    width: int = 1
    style: Qt.PenStyle = Qt.PenStyle.SolidLine
    marks: bool = False
    order: int = 0  # greater is in front
    slow: bool = False  # changes so little that it need not be drawn at each step
    single_steps: bool = False  # noisy: the y range may leave it out

    def pen(self) -> QPen:
        pen = QPen(self.color, self.width, self.style)
        pen.setCosmetic(True)
        return pen


@dataclass(eq=False)
class Level:
    """A horizontal line with a label at the right, from x0 to x1 (the whole width when both are None)."""

    y: float
    label: str
    color: QColor
    style: Qt.PenStyle = Qt.PenStyle.DashLine
    above: bool = True


class _View(pg.ViewBox):
    """The wheel zooms along x at the pointer (y keeps fitting what is seen); over the y axis it zooms along y."""

    def wheelEvent(self, event: object, axis: int | None = None) -> None:
        super().wheelEvent(event, axis=0 if axis is None else axis)


class _ValueAxis(pg.AxisItem):
    """A y axis whose numbers do not run into each other in a low chart."""

    def tickSpacing(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, float]]:
        levels: list[tuple[float, float]] = super().tickSpacing(minVal, maxVal, size)
        room = QFontMetricsF(self.font()).height() * 1.2
        span, spacing = maxVal - minVal, levels[0][0]
        if span <= 0 or spacing / span * size >= room:
            return levels
        while spacing < span and spacing / span * size < room:
            spacing *= 2
        return [(spacing, 0.0)]


class _StepAxis(pg.AxisItem):
    """An x axis whose numbers do not run into each other in a narrow chart: 1, 2 or 5 times a power of ten apart."""

    def tickSpacing(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, float]]:
        levels: list[tuple[float, float]] = super().tickSpacing(minVal, maxVal, size)
        room = QFontMetricsF(self.font()).horizontalAdvance(f"{maxVal:.0f}") * 1.8
        span, spacing = maxVal - minVal, levels[-1][0]
        while 0 < spacing < span and spacing / span * size < room:
            spacing *= 2.5 if f"{spacing:e}".startswith("2") else 2
        return [(spacing, 0.0)]


class Chart(pg.PlotWidget):
    """Lines, levels, spans, a marker for the best, a crosshair. Call `draw` when something changed; nothing redraws by itself."""

    x_changed = Signal(float, float)  # the user zoomed or panned: the x range now
    moved = Signal()  # the user moved the view, along x or y
    pointed = Signal(float)  # the pointer is over this step; NaN when it left

    def __init__(self, title: str, name: str, parent: QWidget | None = None, *, share: bool = False) -> None:
        """share: values are 0..1, so that the y range starts at 0."""
        axes = {"left": _ValueAxis("left"), "bottom": _StepAxis("bottom")}
        super().__init__(parent, enableMenu=False, viewBox=_View(enableMenu=False), axisItems=axes)
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.title = title
        self._share = share
        self._log = False
        self._lines: dict[object, Line] = {}
        self._curves: dict[object, pg.PlotCurveItem] = {}
        self._dots: dict[object, pg.ScatterPlotItem] = {}
        self._levels: list[tuple[Level, pg.PlotCurveItem, pg.TextItem]] = []
        self._spans: list[pg.PlotCurveItem] = []
        self._span_values: tuple[float, ...] = ()
        self._pieces: list[tuple[float, float, float]] = []  # of all spans
        self._y_range: tuple[float, float] | None = None
        self._moving = False
        self.y_moved = False  # by the user's hand
        self._drawn: tuple[object, ...] | None = None  # what the last drawing showed
        plot = self.getPlotItem()
        plot.hideButtons()
        plot.setContentsMargins(0, 4, 8, 0)
        self.view = plot.getViewBox()
        self.view.disableAutoRange()
        self.view.setDefaultPadding(0)
        self.view.setLimits(xMin=-1e12, xMax=1e12, minXRange=2)
        self.view.sigXRangeChanged.connect(self._tell_range)
        self.view.sigRangeChangedManually.connect(self._take_hand)
        for side in ("left", "bottom"):
            self.getAxis(side).enableAutoSIPrefix(False)
            self.getAxis(side).setStyle(tickLength=-4, hideOverlappingLabels=True)
        self.getAxis("left").setWidth(52)
        self.getAxis("bottom").setHeight(22)
        self._best = pg.ScatterPlotItem(symbol="star", size=15)
        self._best.setZValue(50)
        self._best.hide()
        self._cross = pg.InfiniteLine(angle=90, movable=False)
        self._cross.setZValue(40)
        self._cross.hide()
        for item in (self._best, self._cross):
            plot.addItem(item, ignoreBounds=True)
        plot.setTitle(None)
        self.scene().sigMouseMoved.connect(self._point)
        self.restyle()

    # What is drawn ----------------------------------------------------------------------------------------------------

    def set_lines(self, lines: dict[object, Line]) -> None:
        """Replaces the lines; curves of the same key are kept."""
        self._drawn = None
        for key in set(self._lines) - set(lines):
            self.removeItem(self._curves.pop(key))
            if key in self._dots:
                self.removeItem(self._dots.pop(key))
        self._lines = dict(lines)
        for key, line in lines.items():
            if key not in self._curves:
                self._curves[key] = pg.PlotCurveItem(antialias=False, connect="finite", skipFiniteCheck=False)
                self.addItem(self._curves[key], ignoreBounds=True)
            if line.marks and key not in self._dots:
                self._dots[key] = pg.ScatterPlotItem(size=6, pen=None, antialias=False)
                self.addItem(self._dots[key], ignoreBounds=True)
            self._curves[key].setPen(line.pen())
            self._curves[key].setZValue(line.order)
            if key in self._dots:
                self._dots[key].setBrush(line.color)
                self._dots[key].setZValue(line.order)

    @property
    def lines(self) -> dict[object, Line]:
        """What is drawn now, by key."""
        return dict(self._lines)

    @property
    def levels(self) -> list[Level]:
        return [level for level, _, _ in self._levels]

    def count_points(self, key: object) -> int:
        """How many points a line was last drawn with."""
        x, _ = self._curves[key].getData()
        return 0 if x is None else len(x)

    def set_levels(self, levels: Sequence[Level]) -> None:
        """Replaces the horizontal lines."""
        self._drawn = None
        for _, line, text in self._levels:
            self.removeItem(line)
            self.removeItem(text)
        self._levels = []
        for level in levels:
            pen = QPen(level.color, 1, level.style)
            pen.setCosmetic(True)
            line = pg.PlotCurveItem(pen=pen, antialias=False)
            veil = QColor(current_theme().surface)
            veil.setAlpha(200)  # the label stays readable over the curves
            text = pg.TextItem(level.label, level.color, anchor=(1.0, 1.0 if level.above else 0.0), fill=veil)
            for item in (line, text):
                item.setZValue(30)
                self.addItem(item, ignoreBounds=True)
            self._levels.append((level, line, text))

    def set_spans(self, groups: Sequence[tuple[Sequence[tuple[float, float, float]], QColor, Qt.PenStyle]]) -> None:
        """Replaces the stepped reference lines: for each group (x0, x1, y) pieces, their colour and pen style."""
        self._drawn = None
        for item in self._spans:
            self.removeItem(item)
        self._spans, values = [], []
        self._pieces = [piece for pieces, _, _ in groups for piece in pieces]
        for pieces, color, style in groups:
            x = np.array([(a, b) for a, b, _ in pieces], np.float64).ravel()
            y = np.array([(c, c) for _, _, c in pieces], np.float64).ravel()
            pen = QPen(color, 3, style)
            pen.setCosmetic(True)
            item = pg.PlotCurveItem(x, self._scale(y), connect="pairs", pen=pen, antialias=False)
            item.setZValue(35)
            self.addItem(item, ignoreBounds=True)
            self._spans.append(item)
            values += y.tolist()
        self._span_values = tuple(values)

    def set_best(self, x: float | None, y: float | None, color: QColor) -> None:
        """Moves the star, or hides it."""
        if x is None or y is None or (self._log and y <= 0):
            self._best.hide()
            return
        self._best.show()
        self._best.setData(
            [x], [math.log10(y) if self._log else y], brush=color, pen=pg.mkPen(current_theme().surface, width=1)
        )

    def set_log(self, log: bool) -> None:
        """Switches the y axis; spans and the best marker have to be set again."""
        if log == self._log:
            return
        self._log = log
        # The axis may be painted before the next drawing: the range seen now must not be read as powers of ten
        low, high = (math.log10(max(y, 1e-9)) if log else 10.0**y for y in self.view.viewRange()[1])
        self.view.setYRange(low, high, padding=0)
        self.getAxis("left").setLogMode(log)
        self._y_range = None

    def set_crosshair(self, x: float | None) -> None:
        self._cross.setVisible(x is not None)
        if x is not None:
            self._cross.setPos(x)

    # Drawing ----------------------------------------------------------------------------------------------------------

    def draw(self, x0: float, x1: float, *, ignore_outliers: bool) -> None:
        """Draws the part from step x0 to x1. The y range fits what is seen (of the smoothed lines only, if outliers are to be
        ignored) unless the user has moved it."""
        pixels = max(int(self.view.width() * 1.5), 100)
        y_range = tuple(self.view.viewRange()[1]) if self.y_moved else ()
        state = (x0, x1, y_range, pixels, self._log, ignore_outliers, *(self._count(key) for key in self._lines))
        if state == self._drawn:
            return  # nothing that shows has changed: IoU changes once an epoch, loss every step
        self._drawn = state
        self._moving = True
        self.view.setXRange(x0, x1, padding=0)
        self._moving = False
        fitted: list[np.ndarray] = []
        for key, line in self._lines.items():
            x, low, high = line.series.window(x0, x1, pixels)
            same = low is high
            low = self._scale(low)
            high = low if same else self._scale(high)
            # A noisy line keeps its peaks; a smooth one needs one point a group
            px, py = join_extremes(x, low, high) if line.single_steps or same else (x, (low + high) / 2)
            finite = np.isfinite(py)
            whole = bool(finite.all())
            self._curves[key].setData(px, py, connect="all" if whole else "finite")
            if key in self._dots:
                few = len(x) <= 60
                self._dots[key].setData(px[finite] if few else [], py[finite] if few else [])
            if not (ignore_outliers and line.single_steps):
                fitted += [low] if same else [low, high]
        if not self.y_moved:
            self._fit(fitted)
        self._place_levels()

    def _count(self, key: object) -> tuple[int, int]:
        """Which series a line shows and how many points that has, for smooth lines in what makes a pixel."""
        line = self._lines[key]
        count = len(line.series)
        if line.slow and count > 2:
            x0, x1 = self.view.viewRange()[0]
            count = int((line.series.x[-1] - x0) / max(x1 - x0, 1e-9) * self.view.width() / SLOW_PIXELS)
        return id(line.series), count

    def _scale(self, y: np.ndarray) -> np.ndarray:
        if not self._log:
            return y
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(y > 0, np.log10(np.where(y > 0, y, 1.0)), np.nan)

    def _fit(self, values: list[np.ndarray]) -> None:
        joined = np.concatenate(values) if values else np.empty(0)
        joined = joined[np.isfinite(joined)]
        if not len(joined):
            return
        low, high = float(joined.min()), float(joined.max())
        if self._share:
            low = 0.0
        elif not self._log:
            low = 0.0 if 0 <= low < 0.15 * high else low  # near zero: show the zero
        extra = [
            float(v) for v in self._scale(np.array([level.y for level, _, _ in self._levels] + [*self._span_values]))
        ]
        span = max(high - low, 1e-9)
        for value in extra:  # reference lines count unless they would squeeze the curves to less than half
            if np.isfinite(value) and max(high, value) - min(low, value) <= 2 * span:
                low, high = min(low, value), max(high, value)
        self._set_y(low, high)

    def _set_y(self, low: float, high: float) -> None:
        span = high - low
        if span <= 0:
            span = abs(high) * 0.1 or (0.1 if self._share else 1.0)
        bottom = low if low == 0.0 and not self._log else low - 0.06 * span
        top = high + 0.08 * span
        if self._share:
            top = min(max(top, 0.1), 1.02)
        if self._y_range is not None:
            now_low, now_high = self._y_range
            inside = now_low <= low and high <= now_high
            if inside and span >= TICK_LIMIT * (now_high - now_low):
                return
        self._y_range = (bottom, top)
        self._moving = True
        self.view.setYRange(bottom, top, padding=0)
        self._moving = False

    def forget_range(self) -> None:
        """The next drawing chooses the y range afresh, also where the user had moved it."""
        self._y_range = self._drawn = None
        self.y_moved = False

    def _place_levels(self) -> None:
        (x0, x1), (y0, y1) = self.view.viewRange()
        taken: list[QRectF] = []
        for level, line, text in self._levels:
            y = float(self._scale(np.array([level.y]))[0])
            shown = math.isfinite(y) and y0 <= y <= y1
            line.setVisible(shown)
            if shown:
                line.setData([x0, x1], [y, y])
            corner = self._choose_corner(level, text.boundingRect().size(), y, taken) if shown else None
            text.setVisible(corner is not None)  # without a place for it, the legend tells the value
            if corner is not None:
                right, below = corner
                text.setAnchor((float(right), 0.0 if below else 1.0))
                text.setPos(x1 if right else x0, y)

    def _choose_corner(self, level: Level, size: QSizeF, y: float, taken: list[QRectF]) -> tuple[bool, bool] | None:
        """(at the right, below the line): the first place where a label covers no span, no other label and no edge, None if
        there is none. Adds it to those that are taken."""
        (x0, x1), (y0, y1) = self.view.viewRange()
        across, down = self.view.width() / max(x1 - x0, 1e-12), self.view.height() / max(y1 - y0, 1e-12)
        scaled = self._scale(np.array([height for _, _, height in self._pieces], np.float64))
        spans = [
            QRectF((a - x0) * across, (y1 - float(height)) * down - 2, (b - a) * across, 4)
            for (a, b, _), height in zip(self._pieces, scaled, strict=True)
            if math.isfinite(height)
        ]
        middle = (y1 - y) * down
        places = [(right, below) for right in (True, False) for below in (not level.above, level.above)]
        for right, below in places:
            left = self.view.width() - size.width() if right else 0.0
            rect = QRectF(left, middle if below else middle - size.height(), size.width(), size.height())
            inside = rect.top() >= 0 and rect.bottom() <= self.view.height()
            if inside and not any(rect.intersects(other) for other in (*spans, *taken)):
                taken.append(rect)
                return right, below
        return None

    def restyle(self) -> None:
        """Takes over the theme's colours."""
        theme = current_theme()
        self.setBackground(theme.surface)
        for side in ("left", "bottom"):
            axis = self.getAxis(side)
            axis.setPen(theme.border)
            axis.setTextPen(theme.muted)
        self._cross.setPen(QPen(theme.muted, 0, Qt.PenStyle.DotLine))

    # The user's hand ---------------------------------------------------------------------------------------------------

    def _tell_range(self, _view: object, x_range: tuple[float, float]) -> None:
        if not self._moving:
            self.x_changed.emit(*x_range)

    def _take_hand(self, axes: Sequence[bool]) -> None:
        self.y_moved = self.y_moved or bool(axes[1])
        self.moved.emit()

    def _point(self, place: object) -> None:
        if self.view.sceneBoundingRect().contains(place):
            self.pointed.emit(float(self.view.mapSceneToView(place).x()))
        else:
            self.pointed.emit(math.nan)

    def leaveEvent(self, event: object) -> None:
        self.pointed.emit(math.nan)
        super().leaveEvent(event)
