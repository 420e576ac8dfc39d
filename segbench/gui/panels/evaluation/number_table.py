"""A table of numbers that each stand by two conventions: one plainly, the other small beside it. Knows Qt, knows no evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from segbench.gui.theme import current_theme, theme_signals

Index = QModelIndex | QPersistentModelIndex
VALUE_ROLE = int(Qt.ItemDataRole.UserRole) + 1  # what a column sorts by
CELL_ROLE = int(Qt.ItemDataRole.UserRole) + 2
ROW_HEIGHT = 30


@dataclass(frozen=True, slots=True)
class Cell:
    """text: as it is read. beside: the other convention's, small. value: what sorts; None last. swatch: a colour before it."""

    text: str
    beside: str = ""
    value: Any = None
    tip: str = ""
    swatch: tuple[int, int, int] | None = None
    left: bool = False
    bold: bool = False


class NumberModel(QAbstractTableModel):
    """Rows of cells under headers; `order` tells which row as given stands where."""

    def __init__(self) -> None:
        super().__init__()
        self._heads: tuple[str, ...] = ()
        self._tips: tuple[str, ...] = ()
        self._rows: list[tuple[Cell, ...]] = []
        self.order: list[int] = []
        self._sorted: tuple[int, bool] | None = None

    def set_rows(self, heads: Sequence[str], tips: Sequence[str], rows: Sequence[tuple[Cell, ...]]) -> None:
        self.beginResetModel()
        self._heads, self._tips, self._rows = tuple(heads), tuple(tips), list(rows)
        self._arrange()
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self.layoutAboutToBeChanged.emit()
        self._sorted = (column, order == Qt.SortOrder.DescendingOrder) if column >= 0 else None
        self._arrange()
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        self.order = list(range(len(self._rows)))
        if self._sorted is None or self._sorted[0] >= len(self._heads):
            return
        column, descending = self._sorted
        known = [row for row in self.order if self._rows[row][column].value is not None]
        known.sort(key=lambda row: self._rows[row][column].value, reverse=descending)
        self.order = known + [row for row in self.order if self._rows[row][column].value is None]

    def cell(self, row: int, column: int) -> Cell:
        return self._rows[self.order[row]][column]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._heads)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal or section >= len(self._heads):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._heads[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tips[section]
        if role == Qt.ItemDataRole.TextAlignmentRole and section:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        cell = self.cell(index.row(), index.column())
        if role == Qt.ItemDataRole.DisplayRole:
            return cell.text
        if role == Qt.ItemDataRole.ToolTipRole:
            return cell.tip or None
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self._heads[index.column()]} {cell.text} {cell.beside}".strip()
        if role == CELL_ROLE:
            return cell
        return cell.value if role == VALUE_ROLE else None


class NumberDelegate(QStyledItemDelegate):
    """Paints a Cell: swatch and name at the left, or the number at the right with the other convention's small behind it."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        cell, theme = index.data(CELL_ROLE), current_theme()
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        rect = option.rect
        painter.save()
        if chosen:
            painter.fillRect(rect, theme.accent)
        text, faint = (theme.on_accent, theme.on_accent) if chosen else (theme.text, theme.muted)
        font = QFont(option.font)
        font.setBold(cell.bold)
        inner = rect.adjusted(8, 0, -8, 0)
        if cell.swatch is not None:
            painter.fillRect(QRect(inner.left(), inner.center().y() - 5, 11, 11), QColor(*cell.swatch))
            inner.setLeft(inner.left() + 18)
        if cell.left:
            painter.setFont(font)
            painter.setPen(text)
            name = painter.fontMetrics().elidedText(cell.text, Qt.TextElideMode.ElideMiddle, inner.width())
            painter.drawText(inner, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), name)
        else:
            right = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)
            if cell.beside:
                small = self._small(font)
                painter.setFont(small)
                painter.setPen(faint)
                painter.drawText(inner, right, cell.beside)
                inner.setRight(inner.right() - painter.fontMetrics().horizontalAdvance("0.000") - 8)
            painter.setFont(font)
            painter.setPen(text)
            painter.drawText(inner, right, cell.text)
        painter.restore()

    @staticmethod
    def _small(font: QFont) -> QFont:
        small = QFont(font)
        small.setBold(False)
        small.setPointSizeF(font.pointSizeF() * 0.86)
        return small

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        cell = index.data(CELL_ROLE)
        width = option.fontMetrics.horizontalAdvance(cell.text) + 18 + (18 if cell.swatch else 0)
        if cell.beside:
            width += option.fontMetrics.horizontalAdvance("0.000") + 8
        return QSize(width, ROW_HEIGHT)


class NumberTable(QTableView):
    """`pointed` as the current cell moves (row as given, column), `opened` with Enter or a double click on it."""

    pointed = Signal(int, int)
    opened = Signal(int, int)

    def __init__(self, name: str, title: str, parent: QWidget | None = None, *, rows: bool = False) -> None:
        """rows: whole rows are chosen, not cells."""
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.numbers = NumberModel()
        self.setModel(self.numbers)
        self.setItemDelegate(NumberDelegate(self))
        behavior = QAbstractItemView.SelectionBehavior
        self.setSelectionBehavior(behavior.SelectRows if rows else behavior.SelectItems)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.doubleClicked.connect(lambda index: self._tell(self.opened, index))
        self.selectionModel().currentChanged.connect(lambda index, _before: self._tell(self.pointed, index))
        theme_signals().changed.connect(self.viewport().update)

    def set_rows(self, heads: Sequence[str], tips: Sequence[str], rows: Sequence[tuple[Cell, ...]]) -> None:
        """Other numbers; the current cell keeps its place, silently."""
        kept = self.currentIndex()
        at = (kept.row(), kept.column())
        self.selectionModel().blockSignals(True)
        self.numbers.set_rows(heads, tips, rows)
        if 0 <= at[0] < self.numbers.rowCount() and at[1] < self.numbers.columnCount():
            self.setCurrentIndex(self.numbers.index(*at))
        self.selectionModel().blockSignals(False)
        self.viewport().update()

    def fit_columns(self, first: int = 0) -> None:
        """Each column as wide as what is in it; the first `first` pixels at least."""
        for column in range(self.numbers.columnCount()):
            header = self.horizontalHeader().sectionSizeHint(column) + 8
            self.setColumnWidth(column, max(self.sizeHintForColumn(column) + 10, header, first if column == 0 else 0))

    def set_current(self, row: int, column: int) -> None:
        """row: as given."""
        if row in self.numbers.order:
            self.setCurrentIndex(self.numbers.index(self.numbers.order.index(row), column))

    def _tell(self, signal: Any, index: Index) -> None:
        if index.isValid():
            signal.emit(self.numbers.order[index.row()], index.column())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers():
            self._tell(self.opened, self.currentIndex())
            return
        super().keyPressEvent(event)
