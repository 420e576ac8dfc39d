"""The list of runs as a Qt model: a row a run, a tick for comparing, sorting by what a column means rather than by its text."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QFont

from segbench.gui.theme import current_theme
from segbench.gui.widgets.parts import build_tip

if TYPE_CHECKING:
    from segbench.records import RunInfo

COLUMNS = ("Name", "State", "Best IoU", "Loss", "Steps", "Date", "Dataset", "Network")
TIPS = (
    "Tick to draw its curves together with the shown run's",
    "How the run ended, or that it is running",
    "Best mean IoU on its validation images",
    "Loss of its last step",
    "Optimizer steps done, of all planned",
    "When it was started",
    "What it was trained on",
    "What was trained",
)
SORT_ROLE = Qt.ItemDataRole.UserRole + 1
PATH_ROLE = Qt.ItemDataRole.UserRole + 2
_STATE_ROLES = {"running": "good", "completed": "text", "interrupted": "warning", "failed": "bad"}

Index = QModelIndex | QPersistentModelIndex


class RunTable(QAbstractTableModel):
    """Runs by row, in the order they were given."""

    ticked_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.runs: tuple[RunInfo, ...] = ()
        self._ticked: dict[str, None] = {}  # in the order of ticking
        self._current = ""
        self._paused = ""

    @property
    def ticked(self) -> tuple[str, ...]:
        """Paths of the ticked runs, in the order they were ticked."""
        return tuple(self._ticked)

    def set_runs(self, runs: Sequence[RunInfo]) -> None:
        """Replaces the rows; ticks of runs that are gone go with them."""
        before = self.ticked
        self.beginResetModel()
        self.runs = tuple(runs)
        there = {run.path for run in runs}
        self._ticked = {path: None for path in self._ticked if path in there}
        self.endResetModel()
        if self.ticked != before:
            self.ticked_changed.emit()

    def set_current(self, path: str) -> None:
        """The run that is shown on the training page stands in bold."""
        self._current = path
        if self.runs:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.runs) - 1, len(COLUMNS) - 1))

    def set_paused(self, path: str) -> None:
        """This run reads "Paused", "" for none."""
        self._paused = path
        if self.runs:
            self.dataChanged.emit(self.index(0, 1), self.index(len(self.runs) - 1, 1))

    def clear_ticks(self) -> None:
        if self._ticked:
            self._ticked = {}
            self.set_current(self._current)
            self.ticked_changed.emit()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.runs)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.ToolTipRole:
            return TIPS[section]
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsUserCheckable if index.column() == 0 else flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        run, column = self.runs[index.row()], index.column()
        match role:
            case Qt.ItemDataRole.DisplayRole if column == 1 and self._is_paused(run):
                return "Paused"
            case Qt.ItemDataRole.DisplayRole:
                return describe_run(run)[column]
            case Qt.ItemDataRole.CheckStateRole if column == 0:
                return Qt.CheckState.Checked if run.path in self._ticked else Qt.CheckState.Unchecked
            case Qt.ItemDataRole.TextAlignmentRole if column in (2, 3, 4):
                return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            case Qt.ItemDataRole.ForegroundRole if column == 1:
                return (
                    current_theme().warning
                    if self._is_paused(run)
                    else getattr(current_theme(), _STATE_ROLES.get(run.state, "muted"))
                )
            case Qt.ItemDataRole.FontRole if run.path == self._current:
                font = QFont()
                font.setBold(True)
                return font
            case Qt.ItemDataRole.ToolTipRole:
                return build_tip(f"{run.name}: {run.network} on {run.dataset}\n{run.path}")
            case _ if role == SORT_ROLE:
                return _sort_key(run, column)
            case _ if role == PATH_ROLE:
                return run.path
        return None

    def _is_paused(self, run: RunInfo) -> bool:
        return run.state == "running" and run.path == self._paused

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.CheckStateRole or index.column() != 0:
            return False
        path = self.runs[index.row()].path
        if Qt.CheckState(value) == Qt.CheckState.Checked:
            self._ticked[path] = None
        else:
            self._ticked.pop(path, None)
        self.dataChanged.emit(index, index, [Qt.ItemDataRole.CheckStateRole])
        self.ticked_changed.emit()
        return True


class RunFilter(QSortFilterProxyModel):
    """Rows in which every word of the filter occurs somewhere; empty values sort last, whichever way."""

    def __init__(self, table: RunTable) -> None:
        super().__init__()
        self.setSourceModel(table)
        self.setSortRole(SORT_ROLE)
        self._table = table
        self._words: list[str] = []

    def set_text(self, text: str) -> None:
        self.beginFilterChange()
        self._words = text.casefold().split()
        self.endFilterChange()

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:
        run = self._table.runs[row]
        text = " ".join((*describe_run(run), run.path)).casefold()
        return all(word in text for word in self._words)

    def lessThan(self, left: Index, right: Index) -> bool:
        one, other = left.data(SORT_ROLE), right.data(SORT_ROLE)
        descending = self.sortOrder() == Qt.SortOrder.DescendingOrder
        if one is None or other is None:
            return (one is None) == descending and one is not other
        return bool(one < other)


def describe_run(run: RunInfo) -> tuple[str, ...]:
    """A run's cells in words, in the order of COLUMNS."""
    return (
        run.name,
        run.state.capitalize(),
        "–" if run.best_iou is None else f"{run.best_iou:.3f}",
        "–" if run.last_loss is None else f"{run.last_loss:.4g}",
        f"{run.step:,} / {run.total_steps:,}" if run.total_steps else f"{run.step:,}",
        time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started)),
        run.dataset,
        run.network,
    )


def _sort_key(run: RunInfo, column: int) -> Any:
    keys = (
        run.name.casefold(),
        run.state,
        run.best_iou,
        run.last_loss,
        run.step,
        run.started,
        run.dataset,
        run.network,
    )
    return keys[column]
