"""A plot in the theme's colours whose points can be clicked: the ground of the page's scatters and curves. Knows Qt and pyqtgraph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor, QPen
from PySide6.QtWidgets import QToolTip, QWidget

from segbench.gui.theme import current_theme, theme_signals

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEAR = 10.0  # pixels from a point at which the pointer is on it
MOST_POINTS = 3000  # drawn; more say no more, and cost time


@dataclass(frozen=True, eq=False, slots=True)
class Points:
    """Dots of one colour. marks: what each stands for."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    color: QColor
    marks: NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class Curve:
    """A line; NaN breaks it. spread: drawn as bars up and down."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    color: QColor
    width: int = 2
    style: Qt.PenStyle = Qt.PenStyle.SolidLine
    dots: bool = False


class Plot(pg.PlotWidget):
    """`clicked` carries the mark of the point under the pointer. The page redraws it whole: there are few lines."""

    clicked = Signal(int)

    def __init__(self, name: str, title: str, x_title: str, y_title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent, enableMenu=False)
        self.setObjectName(name)
        self.setAccessibleName(title)
        self._titles = {"bottom": x_title, "left": y_title}
        self._items: list[Any] = []
        self._points: list[Points] = []
        self.describe: Any = None  # what a mark stands for, in words
        plot = self.getPlotItem()
        plot.hideButtons()
        plot.setContentsMargins(0, 6, 10, 0)
        self.view = plot.getViewBox()
        self.view.setDefaultPadding(0)
        self.view.disableAutoRange()
        self.view.setMouseEnabled(False, False)  # a page of numbers scrolls away under nobody's wheel
        for side in ("left", "bottom"):
            self.getAxis(side).enableAutoSIPrefix(False)
            self.getAxis(side).setStyle(tickLength=-4, hideOverlappingLabels=True)
        self.scene().sigMouseMoved.connect(self._hover)
        self.scene().sigMouseClicked.connect(self._click)
        self.restyle()
        theme_signals().changed.connect(self.restyle)

    def restyle(self) -> None:
        theme = current_theme()
        self.setBackground(theme.surface)
        for side, title in self._titles.items():
            axis = self.getAxis(side)
            axis.setPen(pg.mkPen(theme.border))
            axis.setTextPen(pg.mkPen(theme.muted))
            axis.setLabel(title, color=theme.muted.name())
        self.getPlotItem().showGrid(x=True, y=True, alpha=0.12)

    def set_title(self, side: str, title: str) -> None:
        self._titles[side] = title
        self.getAxis(side).setLabel(title, color=current_theme().muted.name())

    def set_ranges(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self.view.setXRange(*x, padding=0)
        self.view.setYRange(*y, padding=0)

    def draw(self, points: Sequence[Points], curves: Sequence[Curve]) -> None:
        """Replaces everything that was drawn."""
        for item in self._items:
            self.removeItem(item)
        self._items, self._points = [], []
        for group in points:
            kept = _thin(group, MOST_POINTS // len(points))
            faint = QColor(group.color)
            faint.setAlpha(150)
            item = pg.ScatterPlotItem(kept.x, kept.y, size=7, brush=faint, pen=None, antialias=False)
            self._add(item, 5)
            self._points.append(kept)
        for curve in curves:
            pen = QPen(curve.color, curve.width, curve.style)
            pen.setCosmetic(True)
            self._add(pg.PlotCurveItem(curve.x, curve.y, pen=pen, antialias=False, connect="finite"), 10)
            if curve.dots:
                there = ~np.isnan(curve.y)
                edge = pg.mkPen(current_theme().surface)
                self._add(pg.ScatterPlotItem(curve.x[there], curve.y[there], size=9, brush=curve.color, pen=edge), 12)

    def _add(self, item: Any, order: int) -> None:
        item.setZValue(order)
        self.addItem(item, ignoreBounds=True)
        self._items.append(item)

    def find_mark(self, place: QPointF) -> int | None:
        """The mark of the point nearest to a place of the widget."""
        best, found = NEAR, None
        pixel_x, pixel_y = self.view.viewPixelSize()
        at = self.view.mapSceneToView(self.mapToScene(place.toPoint()))
        for group in self._points:
            if not len(group.x):
                continue
            away = np.hypot((group.x - at.x()) / pixel_x, (group.y - at.y()) / pixel_y)
            nearest = int(np.nanargmin(away)) if not np.isnan(away).all() else 0
            if away[nearest] < best:
                best, found = float(away[nearest]), int(group.marks[nearest])
        return found

    def _hover(self, place: QPointF) -> None:
        mark = self.find_mark(QPointF(self.mapFromScene(place)))
        self.setCursor(Qt.CursorShape.ArrowCursor if mark is None else Qt.CursorShape.PointingHandCursor)
        if mark is not None and self.describe is not None:
            QToolTip.showText(self.mapToGlobal(self.mapFromScene(place)), self.describe(mark), self)

    def _click(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            mark = self.find_mark(QPointF(self.mapFromScene(event.scenePos())))
            if mark is not None:
                self.clicked.emit(mark)


def _thin(points: Points, most: int) -> Points:
    """Every so many-th of too many points, those that are no numbers left out."""
    there = np.flatnonzero(~(np.isnan(points.x) | np.isnan(points.y)))
    if len(there) > most:
        there = there[:: -(-len(there) // most)]
    return Points(points.x[there], points.y[there], points.color, points.marks[there])
