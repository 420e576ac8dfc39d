"""Every number of a network, by class and in the mean, with its definition beside it; how many images have which score; and for data
with one class a pixel the confusion matrix."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from segbench.gui.panels.evaluation.confusion_grid import ConfusionGrid
from segbench.gui.panels.evaluation.definition_card import DefinitionCard
from segbench.gui.panels.evaluation.histogram import BARS, Histogram
from segbench.gui.panels.evaluation.number_table import Cell, NumberTable
from segbench.gui.panels.evaluation.state import FOREGROUND, MEAN, Evaluated, Page
from segbench.gui.panels.evaluation.words import (
    SHORT,
    find_title,
    write_class,
    write_images,
    write_loss,
    write_pair,
    write_ratio,
)
from segbench.gui.theme import GRID
from segbench.gui.widgets.parts import build_label
from segbench.metrics.definitions import Key
from segbench.metrics.evaluation import MAIN, Metric
from segbench.records import ClassTable

ACCURACY: Key = "pixel_accuracy"
LOSS: Key = "loss"
COUNTS = ("true positives", "false positives", "false negatives")


class ScoresTab(QWidget):
    """worst_wanted: metric and class of a number whose images are to open. scope_wanted: words and sample indices.
    number_chosen: metric and class of the number that is looked at."""

    worst_wanted = Signal(str, int)
    scope_wanted = Signal(str, list)
    number_chosen = Signal(str, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("scores_tab")
        self._one: Evaluated | None = None
        self._page: Page | None = None
        self.table = NumberTable("score_numbers", "Scores by class")
        self.table.pointed.connect(self._point)
        self.table.opened.connect(self._open)
        self.note = build_label(
            "Large: pixels pooled over all images. Small: the mean of the images’ own numbers. Enter on a number opens its images, the worst first.",
            "scores_note", "muted", wrap=True,
        )  # fmt: skip
        self.card = DefinitionCard()
        self.card.setMinimumWidth(280)
        self.histogram = Histogram()
        self.histogram.opened.connect(self._open_bar)
        self.confusion = ConfusionGrid()
        self.confusion.opened.connect(self._open_cell)
        self.confusion.pointed.connect(self._point_cell)
        below = QHBoxLayout()
        below.setSpacing(3 * GRID)
        below.addWidget(self.confusion, 3)
        below.addWidget(self.histogram, 2)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addWidget(self.table, 3)
        column.addWidget(self.note)
        column.addLayout(below, 2)
        self.body = QSplitter(objectName="scores_body")
        self.body.addWidget(left)
        self.body.addWidget(self.card)
        self.body.setChildrenCollapsible(False)
        self.body.setStretchFactor(0, 1)
        self.body.setSizes([820, 360])
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.body)

    def show_page(self, page: Page) -> None:
        one, before = page.present, self._page
        self._page = page
        if one is None:
            return
        if one is not self._one or before is None or before.classes != page.classes:
            self._one = one
            self._fill(one, page)
        self._show_number(page.look.metric, page.look.k)

    def _list_rows(self, one: Evaluated) -> list[tuple[Key | None, int]]:
        """What the rows are of, the numbers of all classes first: (None, class, MEAN or FOREGROUND), or (a number by itself, MEAN)."""
        rows: list[tuple[Key | None, int]] = [(None, MEAN)]
        if ("iou", FOREGROUND) in one.measured:
            rows.append((None, FOREGROUND))
        if one.evaluation.classes.exclusive:
            rows.append((ACCURACY, MEAN))
        return [*rows, (LOSS, MEAN), *((None, k) for k in range(len(one.evaluation.classes)))]

    def _fill(self, one: Evaluated, page: Page) -> None:
        classes = page.classes or one.evaluation.classes
        pixels = one.evaluation.count_pixels("all")
        assert pixels is not None, "every evaluation has them"
        rows = [
            self._build_row(one, classes, k, int(pixels[k]) if k >= 0 else None)
            if key is None
            else self._build_other(one, key)
            for key, k in self._list_rows(one)
        ]
        heads = ("Class", *(SHORT[metric] for metric in MAIN), "True pixels")
        tips = (
            "",
            *(f"{find_title(metric)}: what it means stands at the right" for metric in MAIN),
            "Pixels of the class in the truth",
        )
        self.table.set_rows(heads, tips, rows)
        self.table.fit_columns(170)
        most = 14 if one.evaluation.confusion is None else 9
        height = min(len(rows), most) * self.table.verticalHeader().defaultSectionSize()
        self.table.setMaximumHeight(height + self.table.horizontalHeader().sizeHint().height() + 20)
        matrix = one.evaluation.confusion
        self.confusion.setVisible(matrix is not None)
        if matrix is not None:
            self.confusion.set_matrix(matrix, classes.names)

    @staticmethod
    def _build_row(one: Evaluated, classes: ClassTable, k: int, pixels: int | None) -> tuple[Cell, ...]:
        swatch = classes.colors[k] if k >= 0 else None
        cells = [Cell(write_class(classes, k), swatch=swatch, left=True, bold=k < 0)]
        for metric in MAIN:
            found = one.measured[metric, k]
            value, beside = write_ratio(found.pooled), write_ratio(found.per_image)
            cells.append(Cell(value, beside, found.pooled, write_pair(found), bold=k < 0))
        return (*cells, Cell("" if pixels is None else f"{pixels:,}"))

    @staticmethod
    def _build_other(one: Evaluated, key: Key) -> tuple[Cell, ...]:
        empty = [Cell("")] * len(MAIN)
        if key == LOSS:
            return (
                Cell("Loss", left=True, bold=True),
                Cell(write_loss(one.evaluation.measure_loss()), bold=True),
                *empty,
            )
        found = one.evaluation.measure_accuracy()
        assert found is not None, "listed for data with one class a pixel alone"
        number = Cell(
            write_ratio(found.pooled), write_ratio(found.per_image), found.pooled, write_pair(found), bold=True
        )
        return Cell("Pixel accuracy", left=True, bold=True), number, *empty

    def _find_number(self, row: int, column: int) -> tuple[Key, int] | None:
        """What stands in a cell."""
        rows = self._list_rows(self._one) if self._one is not None else []
        if row >= len(rows):
            return None
        key, k = rows[row]
        return (MAIN[min(max(column - 1, 0), len(MAIN) - 1)] if key is None else key), k

    def _point(self, row: int, column: int) -> None:
        found = self._find_number(row, column)
        if found is None or self._one is None:
            return
        key, k = found
        if key in MAIN:
            self.number_chosen.emit(key, k)
        else:
            self._show_other(key)

    def _show_other(self, key: Key) -> None:
        assert self._one is not None, "a number was pointed at"
        evaluation = self._one.evaluation
        if key == ACCURACY:
            self.card.show_definition(key, "", write_pair(evaluation.measure_accuracy()), evaluation)
        else:
            self.card.show_definition(key, "", write_loss(evaluation.measure_loss()), evaluation)

    def _show_number(self, metric: Metric, k: int) -> None:
        one, page = self._one, self._page
        if one is None or page is None or (metric, k) not in one.measured:
            return
        classes = page.classes or one.evaluation.classes
        head = (
            classes.names[k]
            if k >= 0
            else "all classes"
            if k == MEAN
            else f"all but {classes.names[classes.background]}"
        )
        value = write_pair(one.measured[metric, k])
        value = value[:1].upper() + value[1:]
        if k >= 0 and metric != "boundary_iou" and metric in MAIN:
            counts = one.evaluation.counts[:, k].sum(axis=0).tolist()
            value += "\n" + ", ".join(f"{count:,} {word}" for count, word in zip(counts, COUNTS, strict=True))
        self.card.show_definition(metric, head, value, one.evaluation)
        if metric in MAIN:
            self.table.selectionModel().blockSignals(True)
            self.table.set_current(self._list_rows(one).index((None, k)), 1 + MAIN.index(metric))
            self.table.selectionModel().blockSignals(False)
            self.table.viewport().update()
        column = k if k >= 0 else len(one.evaluation.classes)
        values = one.values[metric][:, column]
        there = int(np.count_nonzero(~np.isnan(values)))
        self.histogram.set_values(values, f"{find_title(metric)} of {head}, {write_images(there)} by score")

    def _open(self, row: int, column: int) -> None:
        found = self._find_number(row, column)
        if found is not None:
            self.worst_wanted.emit(found[0] if found[0] in MAIN else "iou", found[1])

    def _open_bar(self, bar: int) -> None:
        one, page = self._one, self._page
        if one is None or page is None:
            return
        metric, k = page.look.metric, page.look.k
        values = one.values[metric][:, k if k >= 0 else -1]
        with np.errstate(invalid="ignore"):
            inside = np.flatnonzero(np.clip(np.nan_to_num(values, nan=-1.0) * BARS // 1, -1, BARS - 1) == bar)
        inside = inside[np.argsort(values[inside], kind="stable")]
        words = f"{find_title(metric)} from {bar / BARS:.2f} to {(bar + 1) / BARS:.2f}"
        if k >= 0:
            words = f"{words} of {one.evaluation.classes.names[k]}"
        self.scope_wanted.emit(words, one.evaluation.indices[inside].tolist())

    def _open_cell(self, there: int, said: int) -> None:
        if self._one is not None:
            rows = self._one.evaluation.find_confused(there, said)
            words = self.confusion.describe(there, said).partition(":")[0]
            self.scope_wanted.emit(words, self._one.evaluation.indices[rows].tolist())

    def _point_cell(self, there: int, said: int) -> None:
        if self._one is not None:
            self.card.show_definition("confusion", "", self.confusion.describe(there, said), self._one.evaluation)
