"""The images of an evaluation as a Qt model: a row an image, its loss, its score by class, and the other networks' scores beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor

from segbench.gui.panels.evaluation.words import write_loss, write_ratio
from segbench.gui.theme import current_theme
from segbench.gui.widgets.run_colors import readable, run_color

if TYPE_CHECKING:
    from numpy.typing import NDArray

Index = QModelIndex | QPersistentModelIndex
RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
NAME, LOSS, SCORE = 0, 1, 2


@dataclass(frozen=True, eq=False, slots=True)
class Column:
    """values: a number an image, NaN where there is none. network: whose, by place; -1: of the one that is looked at."""

    head: str
    tip: str
    values: NDArray[np.float64]
    network: int = -1
    digits: bool = True  # a score; else a loss


class ImageModel(QAbstractTableModel):
    """Rows in the order of a column (-1: of the scope); numbers that are not defined stand at the end whichever way it is sorted."""

    def __init__(self) -> None:
        super().__init__()
        self._indices: NDArray[np.int64] = np.zeros(0, np.int64)
        self._names: tuple[str, ...] = ()
        self._columns: tuple[Column, ...] = ()
        self._words: list[str] = []
        self._scope: tuple[int, ...] | None = None
        self._order: NDArray[np.int64] = np.zeros(0, np.int64)
        self._sorted = (SCORE, False)

    def set_images(self, indices: NDArray[np.int64], names: tuple[str, ...], columns: Sequence[Column]) -> None:
        self.beginResetModel()
        self._indices, self._names, self._columns = indices, names, tuple(columns)
        self._arrange()
        self.endResetModel()

    def set_filter(self, text: str, scope: Sequence[int] | None) -> None:
        """Only images in whose name every word of the text occurs; of `scope` alone where there is one."""
        words, found = text.casefold().split(), None if scope is None else tuple(scope)
        if (words, found) != (self._words, self._scope):
            self.beginResetModel()
            self._words, self._scope = words, found
            self._arrange()
            self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self.layoutAboutToBeChanged.emit()
        self._sorted = column, order == Qt.SortOrder.DescendingOrder
        self._arrange()
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        column, descending = self._sorted
        rows = np.arange(len(self._indices))
        if self._scope is not None:
            rows = rows[np.isin(self._indices, self._scope)]
            if column < 0:
                places = {index: place for place, index in enumerate(self._scope)}
                rows = np.array(sorted(rows, key=lambda row: places[int(self._indices[row])]), np.int64)
        if self._words:
            rows = np.array([r for r in rows if all(w in self._names[r].casefold() for w in self._words)], np.int64)
        if column <= NAME or column > len(self._columns):
            self._order = rows[::-1] if descending else rows
            return
        values = self._columns[column - 1].values[rows]
        order = np.lexsort((rows, -values if descending else values))  # NaN sorts last, both ways
        self._order = rows[order]

    def find_index(self, row: int) -> int:
        """The sample's index in that row."""
        return int(self._indices[self._order[row]])

    def find_row(self, index: int) -> int:
        """Where a sample stands; -1: nowhere."""
        found = np.flatnonzero(self._indices[self._order] == index)
        return int(found[0]) if len(found) else -1

    @property
    def count(self) -> int:
        """All images, those that are filtered out among them."""
        return len(self._indices)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else 1 + len(self._columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return "Image" if section == NAME else self._columns[section - 1].head
        if role == Qt.ItemDataRole.ToolTipRole:
            return "The image’s name" if section == NAME else self._columns[section - 1].tip
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return LEFT if section == NAME else RIGHT
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = int(self._order[index.row()])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return LEFT if index.column() == NAME else RIGHT
        if index.column() == NAME:
            return self._names[row] if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole) else None
        column = self._columns[index.column() - 1]
        if role == Qt.ItemDataRole.DisplayRole:
            value = float(column.values[row])
            return write_ratio(value) if column.digits else write_loss(value)
        if role == Qt.ItemDataRole.ForegroundRole and column.network >= 0:
            return readable(QColor(run_color(column.network, current_theme())), current_theme())
        return None
