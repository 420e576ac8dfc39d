"""What a scan found, a row a class: images, objects, pixels, overlap, and the areas of objects as bars. Decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QProgressBar,
    QStackedWidget,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from segbench.gui.panels.dataset.presenter import ScanState
from segbench.gui.theme import current_theme
from segbench.gui.widgets.parts import build_label, build_push, build_tip

if TYPE_CHECKING:
    from segbench.data.stats import ClassStats, DatasetStats
    from segbench.records import ClassTable, Color

BARS = Qt.ItemDataRole.UserRole + 1  # ClassStats' areas and the class's colour
COLUMNS = (
    ("Class", "Double-click or Enter shows the samples that contain the class"),
    ("Images", "Images that contain the class"),
    ("Objects", "Boxes of the class; without boxes, connected regions of its mask"),
    ("Pixels", "Pixels of the class in all masks"),
    ("Share", "Of all pixels whose class is known"),
    ("Overlap", "Share of the class's pixels that belong to another class, too"),
    ("Median", "Median area of an object in pixels (of its box, where there are boxes)"),
    ("Areas", "How many objects have which area; each bar is twice as wide a range as the one before"),
)


def _build_swatch(color: Color) -> QIcon:
    swatch = QPixmap(12, 12)
    swatch.fill(QColor(*color))
    return QIcon(swatch)


class _Number(QTableWidgetItem):
    """A number that sorts as one."""

    def __init__(self, value: float, text: str) -> None:
        super().__init__(text)
        self.value = value
        self.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def __lt__(self, other: QTableWidgetItem) -> bool:
        return self.value < other.value if isinstance(other, _Number) else super().__lt__(other)


class _Bars(QStyledItemDelegate):
    """A histogram in a cell."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().paint(painter, option, index)
        held: Any = index.data(BARS)
        if not held or not any(held[0]):
            return
        counts, color = held
        rect = QRectF(option.rect).adjusted(6, 3, -6, -3)
        wide, most = rect.width() / len(counts), max(counts)
        theme = current_theme()
        painter.fillRect(QRectF(rect.left(), rect.bottom(), rect.width(), 1), theme.border)
        for at, count in enumerate(counts):
            if count:
                high = max(1.5, rect.height() * count / most)
                bar = QRectF(rect.left() + at * wide + 0.5, rect.bottom() - high, max(1.0, wide - 1), high)
                painter.fillRect(bar, QColor(*color))

    def sizeHint(self, _option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(180, 24)


class StatisticsView(QWidget):
    """Before a scan: what it would tell, and a button. During: how far it is. After: the table."""

    scan_requested = Signal()
    stop_requested = Signal()
    class_requested = Signal(int)  # show the samples of this class

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("statistics")
        self.sentence = build_label("", "statistics_sentence", "muted", wrap=True)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.progress = QProgressBar()
        self.progress.setObjectName("statistics_progress")
        self.progress.setMaximumWidth(320)
        self.button = build_push("Scan the dataset", "scan_button", "Count all samples in the background")
        self.button.clicked.connect(self._press)
        waiting = QWidget()
        column = QVBoxLayout(waiting)
        column.addStretch(1)
        column.addWidget(self.sentence)
        for widget in (self.progress, self.button):
            line = QHBoxLayout()
            line.addStretch(1)
            line.addWidget(widget)
            line.addStretch(1)
            column.addLayout(line)
        column.addStretch(1)
        self.summary = build_label("", "statistics_summary", "muted")
        self.table = self._build_table()
        done = QWidget()
        rows = QVBoxLayout(done)
        rows.setContentsMargins(4, 4, 4, 4)
        rows.setSpacing(4)
        rows.addWidget(self.summary)
        rows.addWidget(self.table, 1)
        self._pages = QStackedWidget()
        self._pages.addWidget(waiting)
        self._pages.addWidget(done)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._pages)
        self._running = False
        self._masks = False

    def _build_table(self) -> QTableWidget:
        table = QTableWidget(0, len(COLUMNS))
        table.setObjectName("statistics_table")
        table.setAccessibleName("Statistics a class")
        for column, (title, tip) in enumerate(COLUMNS):
            item = QTableWidgetItem(title)
            item.setToolTip(tip)
            number = 0 < column < len(COLUMNS) - 1
            side = Qt.AlignmentFlag.AlignRight if number else Qt.AlignmentFlag.AlignLeft
            item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
            table.setHorizontalHeaderItem(column, item)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(26)
        table.setShowGrid(False)
        table.setAlternatingRowColors(True)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setItemDelegateForColumn(len(COLUMNS) - 1, _Bars(table))
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(len(COLUMNS) - 1, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        table.activated.connect(self._ask_for_class)
        return table

    # What is shown ------------------------------------------------------------------------------------------------------

    def set_stats(self, stats: DatasetStats | None, classes: ClassTable | None) -> None:
        """A scan's result; None before there is one."""
        self._masks = classes is not None
        self._pages.setCurrentIndex(0 if stats is None or classes is None else 1)
        if stats is None or classes is None:
            self.table.setRowCount(0)
            return
        self._summarise(stats)
        self.table.setSortingEnabled(False)
        shown = [k for k in range(len(classes)) if k != classes.background or stats.classes[k].pixels]
        self.table.setRowCount(len(shown))
        edges = stats.area_edges.tolist()
        used = [i for i in range(len(edges) - 1) if any(one.areas[i] for one in stats.classes)]
        first = used[0] if used else 0
        for row, k in enumerate(shown):
            self._fill_row(row, k, stats.classes[k], classes, edges, first)
        header = self.table.horizontalHeaderItem(len(COLUMNS) - 1)
        if header is not None and used:
            header.setToolTip(f"{COLUMNS[-1][1]}, from {edges[first]:,} to {edges[-1] - 1:,} pixels")
        self.table.setColumnHidden(5, classes.exclusive)
        self.table.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)  # the dataset's own order
        self.table.setSortingEnabled(True)

    def set_colors(self, colors: Sequence[Color]) -> None:
        """The classes' colours, one a class; rows stay in the order they are in."""
        for row in range(self.table.rowCount()):
            name, bars = self.table.item(row, 0), self.table.item(row, len(COLUMNS) - 1)
            color = colors[name.data(Qt.ItemDataRole.UserRole)]
            name.setIcon(_build_swatch(color))
            bars.setData(BARS, (bars.data(BARS)[0], color))

    def set_scan(self, state: ScanState) -> None:
        self._running = state.running
        self.button.setVisible(self._masks and state.total > 0)
        self.progress.setVisible(state.running)
        self.progress.setRange(0, max(1, state.total))
        self.progress.setValue(state.done)
        self.button.setText("Stop" if state.running else "Scan the dataset")
        if not self._masks:
            self.sentence.setText("This dataset has no masks, so there is nothing to count.")
        elif state.running:
            self.sentence.setText(f"Scanned {state.done:,} of {state.total:,}")
        else:
            self.sentence.setText("A scan counts the pixels, objects, sizes and overlaps of every class.")

    def _summarise(self, stats: DatasetStats) -> None:
        parts = [f"{stats.images:,} images"]
        if stats.labelled != stats.images:
            parts.append(f"{stats.labelled:,} with masks")
        if (sizes := stats.size_range) is not None:
            (h0, w0), (h1, w1) = sizes
            parts.append(f"{w0} × {h0}" + (f" to {w1} × {h1}" if (h0, w0) != (h1, w1) else "") + " pixels")
        parts.append(f"{sum(c.objects for c in stats.classes):,} objects")
        if stats.broken:
            parts.append(f"{len(stats.broken):,} could not be read")
        self.summary.setText(", ".join(parts))
        self.summary.setToolTip(build_tip("\n".join(reason for _, reason in stats.broken[:10])))

    def _fill_row(self, row: int, k: int, one: ClassStats, classes: ClassTable, edges: list[int], first: int) -> None:
        """first: the bin that the bars begin with, the same for all classes."""
        name = QTableWidgetItem(_build_swatch(classes.colors[k]), one.name)
        name.setData(Qt.ItemDataRole.UserRole, k)
        background = k == classes.background
        objects = "–" if background else f"{one.objects:,}"
        median = "–" if background or not one.objects else f"{one.median:,}"
        share = 100 * one.share
        cells = (
            name,
            _Number(one.images, f"{one.images:,}"),
            _Number(one.objects, objects),
            _Number(one.pixels, f"{one.pixels:,}"),
            _Number(one.share, f"{share:.2f} %" if share < 10 else f"{share:.1f} %"),
            _Number(one.overlap, f"{100 * one.overlap:.1f} %"),
            _Number(one.median, median),
        )
        for column, cell in enumerate(cells):
            self.table.setItem(row, column, cell)
        counts = one.areas.tolist()
        bars = _Number(one.objects, "")
        bars.setData(BARS, (counts[first:], classes.colors[k]))
        if one.objects:
            lines = [f"{edges[i]:,} to {edges[i + 1] - 1:,} pixels: {n:,}" for i, n in enumerate(counts) if n]
            span = f"{one.smallest:,} to {one.largest:,} pixels, median {one.median:,}"
            bars.setToolTip(build_tip("\n".join((f"{one.name}: {span}", *lines))))
        self.table.setItem(row, len(COLUMNS) - 1, bars)

    # What the user does -------------------------------------------------------------------------------------------------

    def _press(self) -> None:
        (self.stop_requested if self._running else self.scan_requested).emit()

    def _ask_for_class(self, index: QModelIndex) -> None:
        item = self.table.item(index.row(), 0)
        if item is not None:
            self.class_requested.emit(item.data(Qt.ItemDataRole.UserRole))
