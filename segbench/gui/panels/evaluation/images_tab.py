"""Every image, the worst first: a table that sorts and filters, and beside it the pictures of the one that is looked at."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QSizePolicy,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from segbench.gui.panels.evaluation.image_table import LOSS, NAME, SCORE, Column, ImageModel
from segbench.gui.panels.evaluation.preview_pane import PreviewPane
from segbench.gui.panels.evaluation.state import MEAN, Page, Preview, Scope
from segbench.gui.panels.evaluation.words import SHORT, find_title, write_class, write_images, write_loss, write_ratio
from segbench.gui.theme import GRID, theme_signals
from segbench.gui.widgets.class_marks import SegmentButton
from segbench.gui.widgets.parts import build_label, build_push, build_tool
from segbench.gui.widgets.yielding_row import YieldingRow
from segbench.metrics.evaluation import MAIN, OVERLAP


class ImagesTab(QWidget):
    """image_chosen and image_opened carry a sample's index, the former that of the next row, too (-1: none); csv_requested: the table
    is to be saved."""

    image_chosen = Signal(int, int)
    image_opened = Signal(int)
    metric_chosen = Signal(str)
    class_chosen = Signal(int)
    scope_left = Signal()
    csv_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("images_tab")
        self._page: Page | None = None
        self._shown: tuple[object, ...] = ()
        self._scoped: Scope | None = None
        self.model = ImageModel()
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(self._build_filter())
        column.addWidget(self._build_scope())
        column.addWidget(self._build_table(), 1)
        column.addLayout(self._build_foot())
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        self.pane = PreviewPane()
        column.addWidget(self._build_looks())
        column.addWidget(self.pane, 1)
        self.body = QSplitter(objectName="images_body")
        self.body.addWidget(left)
        self.body.addWidget(right)
        self.body.setChildrenCollapsible(False)
        self.body.setStretchFactor(1, 1)
        self.body.setSizes([560, 640])
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.body)
        theme_signals().changed.connect(self.table.viewport().update)

    # Build ------------------------------------------------------------------------------------------------------------------

    def _build_filter(self) -> QHBoxLayout:
        self.search = QLineEdit()
        self.search.setObjectName("image_filter")
        self.search.setAccessibleName("Filter images")
        self.search.setPlaceholderText("Filter by name")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.score = QComboBox()
        self.score.setObjectName("image_metric")
        self.score.setAccessibleName("Score")
        self.score.setToolTip("Which score the columns show")
        self.score.activated.connect(lambda place: self.metric_chosen.emit(self.score.itemData(place)))
        row = QHBoxLayout()
        row.setSpacing(GRID)
        row.addWidget(self.search, 1)
        row.addWidget(self.score)
        return row

    def _build_scope(self) -> QWidget:
        self.scope = build_push("", "scope", "Show all images again (Esc)")
        self.scope.clicked.connect(self.scope_left)
        self.scope.hide()
        return self.scope

    def _build_table(self) -> QTableView:
        self.table = QTableView(objectName="image_table")
        self.table.setAccessibleName("Images by score")
        self.table.setModel(self.model)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(24)
        header = self.table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(SCORE, Qt.SortOrder.AscendingOrder)
        self.table.selectionModel().currentRowChanged.connect(lambda now, _before: self._tell(now.row()))
        self.table.doubleClicked.connect(lambda _index: self.open_image())
        return self.table

    def _build_foot(self) -> QHBoxLayout:
        self.count = build_label("", "image_count", "muted")
        csv = build_tool("CSV…", "save_images", "Save every image’s scores as a CSV file (Ctrl+Shift+S)")
        csv.clicked.connect(self.csv_requested)
        row = QHBoxLayout()
        row.addWidget(self.count, 1)
        row.addWidget(csv)
        return row

    def _build_looks(self) -> QWidget:
        self.classes = QComboBox()
        self.classes.setObjectName("image_class")
        self.classes.setAccessibleName("Class")
        self.classes.setToolTip("Whose masks and difference are painted (0: all, 1 to 9: one)")
        self.classes.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.classes.activated.connect(lambda place: self.class_chosen.emit(self.classes.itemData(place)))
        self.contour = SegmentButton("Contour")
        self.contour.setObjectName("image_contour")
        self.contour.setToolTip("Outlines on the image instead of areas (C)")
        self.contour.toggled.connect(self.pane.set_contour)
        self.predicted = SegmentButton("Predictions")
        self.predicted.setObjectName("image_predictions")
        self.predicted.setToolTip("What each network predicts instead of what differs (V)")
        self.predicted.toggled.connect(self.pane.set_predictions)
        self.linked = SegmentButton("Linked")
        self.linked.setObjectName("image_linked")
        self.linked.setChecked(True)
        self.linked.setToolTip("Zoom and move all pictures together (L)")
        self.linked.toggled.connect(self.pane.link.set_linked)
        self.next = build_push("Next worst", "next_worst", "The next row of the table (N)")
        self.next.clicked.connect(lambda: self.step(1))
        self.open = build_push("Open", "open_image", "On the Prediction page, with every tool it has (Enter)")
        self.open.clicked.connect(self.open_image)
        row = YieldingRow(4)
        self.classes.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        for widget in (self.classes, self.contour, self.predicted):
            row.add(widget)
        row.add(self.linked, rank=1)  # the key L does the same
        row.add_stretch()
        row.add(self.next)
        row.add(self.open)
        return row

    # What is shown --------------------------------------------------------------------------------------------------------

    def show_page(self, page: Page) -> None:
        self._page = page
        one, look = page.present, page.look
        if one is None:
            return
        shown = (id(one), look.metric, *(id(other) for _, other in page.there), page.names)
        if shown != self._shown:
            kept = self._current()
            self._shown = shown
            self._fill(page)
            self._select(kept)
        metrics = [metric for metric in (*MAIN, *OVERLAP) if metric in one.values]
        if [self.score.itemData(i) for i in range(self.score.count())] != metrics:
            self.score.clear()
            for metric in metrics:
                self.score.addItem(SHORT[metric], metric)
        self.score.setCurrentIndex(self.score.findData(look.metric))
        self._fill_classes(page)
        self.scope.setVisible(look.scope is not None)
        if look.scope is not None:
            text = self.scope.fontMetrics().elidedText(look.scope.words, Qt.TextElideMode.ElideMiddle, 400)
            self.scope.setText(f"{text}  ✕")
            self.scope.setAccessibleName(f"Only: {look.scope.words}. Press to show all images")
        self._filter()
        self.predicted.setEnabled(len(page.there) > 1)
        self.pane.set_class(max(look.k, MEAN))
        if look.image >= 0:
            self._select(look.image)
        elif self.model.rowCount():
            others = len(page.there) - 1
            self._begin(SCORE if look.k < 0 else SCORE + 1 + others + look.k)
        if self._current() < 0 and self.model.rowCount():
            self.table.selectRow(0)

    def _begin(self, column: int) -> None:
        """At the worst image in a column."""
        self.table.sortByColumn(column, Qt.SortOrder.AscendingOrder)
        now = self.table.currentIndex().row()
        self.table.selectRow(0)
        if now == 0:
            self._tell(0)

    def _fill(self, page: Page) -> None:
        one, metric = page.present, page.look.metric
        assert one is not None, "there is an evaluation"
        title, values = find_title(metric), one.values[metric]
        several = len(page.there) > 1
        columns = [
            Column("Loss", "The image’s loss, as all such networks are measured", one.evaluation.losses, digits=False),
            Column(
                SHORT[metric],
                f"{title}: the mean of its classes, in this image",
                values[:, -1],
                page.look.present if several else -1,
            ),
        ]
        for place, other in page.there:
            if place != page.look.present and metric in other.values:
                name = page.names[place]
                columns.append(Column(_shorten(name), f"{title} of {name}", other.values[metric][:, -1], place))
        columns += [
            Column(name, f"{title} of {name} in this image", values[:, k])
            for k, name in enumerate(one.evaluation.classes.names)
        ]
        self.model.set_images(one.evaluation.indices, one.evaluation.names, columns)
        longest = max(one.evaluation.names, key=len, default="")
        self.table.setColumnWidth(NAME, min(170, max(70, self.fontMetrics().horizontalAdvance(longest) + 20)))
        for column in range(1, len(columns) + 1):
            wide = self.table.horizontalHeader().sectionSizeHint(column) + 6
            self.table.setColumnWidth(column, max(60 if column > LOSS else 74, min(wide, 120)))
        self.count.setText(self._count())

    def _fill_classes(self, page: Page) -> None:
        classes = page.classes
        if classes is None:
            return
        items = [("All classes", MEAN), *((name, k) for k, name in enumerate(classes.names))]
        if [(self.classes.itemText(i), self.classes.itemData(i)) for i in range(self.classes.count())] != items:
            self.classes.clear()
            for text, k in items:
                self.classes.addItem(text, k)
        self.classes.setCurrentIndex(self.classes.findData(max(page.look.k, MEAN)))

    def _filter(self) -> None:
        page = self._page
        kept = self._current()
        scope = page.look.scope if page is not None else None
        if scope != self._scoped:
            self._scoped = scope
            # What was clicked brings its own order: the likeliest reason for the click first
            self.table.sortByColumn(SCORE if scope is None else -1, Qt.SortOrder.AscendingOrder)
        self.model.set_filter(self.search.text(), None if scope is None else scope.indices)
        self._select(kept)
        self.count.setText(self._count())

    def _count(self) -> str:
        shown, total = self.model.rowCount(), self.model.count
        return write_images(total) if shown == total else f"{shown:,} of {write_images(total)}"

    def show_preview(self, preview: Preview | None, problem: str) -> None:
        page = self._page
        if page is None or page.classes is None:
            return
        if preview is None and not problem and self.pane.image.image_size is not None and self._current() >= 0:
            return  # the picture before stays until the next one is there
        self.pane.show_preview(preview, page.names, page.classes.colors, problem)
        self.pane.set_caption("" if preview is None else self._describe(preview, page))

    def _describe(self, preview: Preview, page: Page) -> str:
        one = page.present
        if one is None:
            return preview.sample.name
        found = (one.evaluation.indices == preview.sample.index).nonzero()[0]
        if not len(found):
            return preview.sample.name
        row, values = int(found[0]), one.values[page.look.metric][int(found[0])]
        parts = [preview.sample.name, f"{find_title(page.look.metric)} {write_ratio(float(values[-1]))}"]
        parts.append(f"loss {write_loss(float(one.evaluation.losses[row]))}")
        parts += [
            f"{write_class(one.evaluation.classes, k)} {write_ratio(float(value))}"
            for k, value in enumerate(values[:-1])
            if not math.isnan(value)
        ]
        return "   ·   ".join(parts)

    # What the user does ---------------------------------------------------------------------------------------------------

    def step(self, by: int) -> None:
        """The next row of the table as it is sorted and filtered; stops at its ends."""
        rows = self.model.rowCount()
        if rows:
            now = self.table.currentIndex().row()
            self.table.selectRow(min(max(now + by, 0), rows - 1))

    def open_image(self) -> None:
        if (index := self._current()) >= 0:
            self.image_opened.emit(index)

    def _current(self) -> int:
        row = self.table.currentIndex().row()
        return self.model.find_index(row) if 0 <= row < self.model.rowCount() else -1

    def _select(self, index: int) -> None:
        """Marks an image's row without telling of it; the first where it is not among the rows."""
        row = self.model.find_row(index) if index >= 0 else -1
        if row < 0 or row == self.table.currentIndex().row():
            return
        self.table.selectionModel().blockSignals(True)
        self.table.selectRow(row)
        self.table.selectionModel().blockSignals(False)
        self.table.viewport().update()
        self.table.scrollTo(self.model.index(row, 0))

    def _tell(self, row: int) -> None:
        if 0 <= row < self.model.rowCount():
            last = row + 1 >= self.model.rowCount()
            self.image_chosen.emit(self.model.find_index(row), -1 if last else self.model.find_index(row + 1))


def _shorten(name: str) -> str:
    return name if len(name) <= 14 else f"{name[:6]}…{name[-7:]}"
