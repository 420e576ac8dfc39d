"""IoU against the size of an object: dots to click, the mean of each size, and in words whether size matters."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from segbench.gui.panels.evaluation.number_table import Cell, NumberTable
from segbench.gui.panels.evaluation.plot import Curve, Plot, Points
from segbench.gui.panels.evaluation.state import MEAN, Evaluated, Page
from segbench.gui.panels.evaluation.words import describe_slope, write_ratio, write_signed
from segbench.gui.theme import GRID, current_theme, theme_signals
from segbench.gui.widgets.parts import build_check, build_label, build_tip
from segbench.gui.widgets.run_colors import keep_apart, run_color
from segbench.metrics.definitions import DEFINITIONS


class ScaleTab(QWidget):
    """scope_wanted: words and sample indices. class_chosen: whose dots are shown; MEAN: all."""

    scope_wanted = Signal(str, list)
    class_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("scale_tab")
        self._page: Page | None = None
        self._one: Evaluated | None = None
        self._shown: tuple[object, ...] = ()
        self.plot = Plot("scale_plot", "IoU of objects against their area", "area in pixels", "IoU of the object")
        self.plot.describe = self._describe
        self.plot.clicked.connect(self._open)
        self.networks: QCheckBox = build_check(
            "All networks", "scale_networks", "A line a network, over all classes or the chosen one"
        )
        self.networks.toggled.connect(lambda _on: self._redraw())
        self.words = build_label("", "scale_words", "heading", wrap=True)
        head = QHBoxLayout()
        head.addWidget(self.words, 1)
        head.addWidget(self.networks)
        self.note = build_label(
            "Dots: objects, click one to open its image. Line: the mean of each size; sizes double from one to the next. "
            + DEFINITIONS["object_iou"].note, "scale_note", "muted", wrap=True,
        )  # fmt: skip
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(head)
        column.addWidget(self.plot, 1)
        column.addWidget(self.note)
        self.table = NumberTable("scale_classes", "Objects by class", rows=True)
        self.table.pointed.connect(lambda row, _column: self._choose(row))
        self.body = QSplitter(objectName="scale_body")
        self.body.addWidget(left)
        self.body.addWidget(self.table)
        self.body.setChildrenCollapsible(False)
        self.body.setStretchFactor(0, 1)
        self.body.setSizes([660, 510])
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.body)
        theme_signals().changed.connect(self._redraw)

    def sizeHint(self) -> QSize:
        return QSize(900, 480)

    def show_page(self, page: Page) -> None:
        self._page, self._one = page, page.present
        if self._one is None:
            return
        several = len(page.there) > 1
        self.networks.setVisible(several)
        self._draw()

    def _redraw(self) -> None:
        self._shown = ()
        if self._page is not None and self._one is not None:
            self._draw()

    def _rows(self) -> list[int]:
        """The classes that have objects, all of them together at the end."""
        assert self._one is not None, "an evaluation is shown"
        counts = self._one.scale.counts.sum(axis=1)
        return [*(k for k in range(len(counts) - 1) if counts[k]), MEAN]

    def _draw(self) -> None:
        page, one = self._page, self._one
        assert page is not None, "a page is shown"
        assert one is not None, "a page is shown"
        rows = self._rows()
        k = page.look.k if page.look.k in rows else MEAN
        shown = (
            id(one),
            k,
            page.look.present,
            self.networks.isChecked(),
            page.classes,
            *(id(o) for _, o in page.there),
        )
        if shown == self._shown:
            return
        self._shown = shown
        self._fill(page, one, rows, k)
        theme, objects = current_theme(), one.evaluation.objects
        classes = page.classes or one.evaluation.classes
        colors = keep_apart([QColor(*color) for color in classes.colors], theme)
        points, curves = [], []
        if self.networks.isChecked() and len(page.there) > 1:
            for place, other in page.there:
                curves.append(_build_line(other, k, run_color(place, theme)))
        else:
            for c in rows[:-1]:
                if k in (MEAN, c):
                    mine = np.flatnonzero(objects.classes == c)
                    points.append(_build_dots(one, mine, colors[c]))
                    curves.append(_build_line(one, c, colors[c]))
            if k == MEAN:
                curves.append(_build_line(one, MEAN, theme.text, 3))
        self.plot.draw(points, curves)
        top = max(4.0, math.log2(max(2, int(objects.areas.max(initial=2)))))
        low = math.log2(int(objects.areas.min())) if len(objects) else 0.0
        ticks = [(float(n), f"{2**n:,}") for n in range(0, int(top) + 2)]
        self.plot.getAxis("bottom").setTicks([ticks, []])
        self.plot.set_ranges((math.floor(low) - 0.1, math.ceil(top) + 0.1), (-0.02, 1.04))
        name = "All objects" if k == MEAN else classes.names[k]
        row = -1 if k == MEAN else k
        self.words.setText(describe_slope(name, float(one.scale.slopes[row]), float(one.scale.errors[row])) + ".")

    def _fill(self, page: Page, one: Evaluated, rows: list[int], k: int) -> None:
        classes, scale = page.classes or one.evaluation.classes, one.scale
        cells = []
        for c in rows:
            slope, error = float(scale.slopes[c]), float(scale.errors[c])
            count, extra = int(scale.counts[c].sum()), one.evaluation.objects.extras
            found = np.nansum(scale.found[c] * scale.counts[c]) / max(count, 1)
            mean = np.nansum(scale.ious[c] * scale.counts[c]) / count if count else math.nan
            words = "–" if math.isnan(slope) else f"{write_signed(slope)} ± {error:.3f}"
            cells.append((
                Cell("All" if c == MEAN else classes.names[c], swatch=None if c == MEAN else classes.colors[c], left=True, bold=c == MEAN),
                Cell(f"{count:,}"), Cell(write_ratio(float(mean))), Cell(f"{found:.0%}"), Cell(words, tip=build_tip(DEFINITIONS["slope"].note)),
                Cell(f"{int(extra.sum() if c == MEAN else extra[c]):,}"),
            ))  # fmt: skip
        tips = ("", "True objects", "Mean IoU of the objects, each alike", "Share of the objects with an IoU of 0.5 at least",
                "What the IoU gains each time the area doubles; 0 is scale invariance", "Predicted regions that touch no object of the class")  # fmt: skip
        self.table.set_rows(("Class", "Objects", "IoU", "Found", "Per doubling", "Extra"), tips, cells)
        self.table.fit_columns(88)
        self.table.selectionModel().blockSignals(True)
        self.table.set_current(rows.index(k), 0)
        self.table.selectionModel().blockSignals(False)
        self.table.viewport().update()

    def _choose(self, row: int) -> None:
        if self._one is not None:
            rows = self._rows()
            if row < len(rows):
                self.class_chosen.emit(rows[row])

    def _describe(self, number: int) -> str:
        one = self._one
        if one is None:
            return ""
        objects = one.evaluation.objects
        name = one.evaluation.names[int(objects.images[number])]
        cls = one.evaluation.classes.names[int(objects.classes[number])]
        iou = float(objects.ious[number])
        return build_tip(f"{cls} of {int(objects.areas[number]):,} pixels in {name}: IoU {iou:.3f}. Click: open it.")

    def _open(self, number: int) -> None:
        """The image of the object, and behind it those of the objects of its class and size, the worst first."""
        one = self._one
        if one is None:
            return
        objects = one.evaluation.objects
        k, area = int(objects.classes[number]), int(objects.areas[number])
        low = 1 << (area.bit_length() - 1)
        near = np.flatnonzero((objects.classes == k) & (objects.areas >= low) & (objects.areas < 2 * low))
        near = near[np.argsort(objects.ious[near], kind="stable")]
        rows = dict.fromkeys([int(objects.images[number]), *objects.images[near].tolist()])
        words = f"{one.evaluation.classes.names[k]} of {low:,} to {2 * low - 1:,} pixels"
        self.scope_wanted.emit(words, one.evaluation.indices[list(rows)].tolist())


def _build_dots(one: Evaluated, mine: np.ndarray, color: QColor) -> Points:
    objects = one.evaluation.objects
    return Points(np.log2(objects.areas[mine]), objects.ious[mine].astype(np.float64), color, mine.astype(np.int64))


def _build_line(one: Evaluated, k: int, color: QColor, width: int = 2) -> Curve:
    edges = np.log2(one.scale.edges.astype(np.float64))
    return Curve((edges[:-1] + edges[1:]) / 2, one.scale.ious[k], color, width, dots=True)
