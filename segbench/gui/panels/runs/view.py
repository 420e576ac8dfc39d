"""The list of runs: filter, table, context menu. Shows, decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QSize, Qt, QUrl
from PySide6.QtGui import QAction, QDesktopServices, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QInputDialog,
    QLineEdit,
    QMenu,
    QMessageBox,
    QStackedWidget,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from segbench.gui.actions import build_action
from segbench.gui.panels.runs.presenter import RunsPresenter
from segbench.gui.panels.runs.table import PATH_ROLE, RunFilter, RunTable
from segbench.gui.theme import theme_signals
from segbench.gui.widgets.empty_state import EmptyState
from segbench.gui.widgets.parts import build_tool, dress_dialog

if TYPE_CHECKING:
    from segbench.records import RunInfo


class _NameDelegate(QStyledItemDelegate):
    """Names are cut at the left: they begin with the same date, and end differently."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        super().initStyleOption(option, index)
        option.textElideMode = Qt.TextElideMode.ElideLeft


class RunsView(QWidget):
    """See RunsPresenter for what its actions lead to."""

    def __init__(self, presenter: RunsPresenter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("runs_view")
        self.setAccessibleName("Runs")
        self._presenter = presenter
        self._asked = False
        self._current = ""
        self.model = RunTable()
        self.filter = RunFilter(self.model)
        self._build()
        self._build_actions()
        self.model.ticked_changed.connect(self._take_ticks)
        theme_signals().changed.connect(self.table.viewport().update)

    # What the presenter shows (RunsView protocol) --------------------------------------------------------------------------

    def show_runs(self, runs: Sequence[RunInfo], folder: str) -> None:
        chosen = self._selected()
        self.model.set_runs(runs)
        for row in range(self.filter.rowCount()):
            if self.filter.index(row, 0).data(PATH_ROLE) in chosen:
                self.table.selectRow(row)
        self._empty.say(f"Runs that you train appear here. They are kept in\n{folder}")
        self._pages.setCurrentWidget(self.table if runs else self._empty)
        self._update_actions()

    def show_current(self, path: str) -> None:
        self._current = path
        self.model.set_current(path)

    def show_paused(self, path: str) -> None:
        """The run that waits in this window, "" for none: its folder cannot tell that from running."""
        self.model.set_paused(path)

    def forget_ticks(self) -> None:
        self.model.clear_ticks()

    # What the window asks for ----------------------------------------------------------------------------------------------

    def actions_list(self) -> list[QAction]:
        return [*self.table.actions(), self._refresh]

    def save_layout(self) -> dict[str, str]:
        return {"runs_columns": bytes(self.table.horizontalHeader().saveState().toBase64().data()).decode()}

    def restore_layout(self, states: dict[str, str]) -> None:
        from PySide6.QtCore import QByteArray

        if states.get("runs_columns"):
            self.table.horizontalHeader().restoreState(QByteArray.fromBase64(states["runs_columns"].encode()))

    def sizeHint(self) -> QSize:
        return QSize(380, 300)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._asked:
            self._asked = True
            self._presenter.refresh()

    # Inside ----------------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(4)
        row = QHBoxLayout()
        row.setSpacing(4)
        self.search = QLineEdit()
        self.search.setObjectName("runs_filter")
        self.search.setAccessibleName("Filter runs")
        self.search.setPlaceholderText("Filter runs")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self.filter.set_text)
        refresh = build_tool("↻", "runs_refresh", "Look through the runs folder again (F5)")
        refresh.setAccessibleName("Refresh")
        refresh.clicked.connect(self._presenter.refresh)
        row.addWidget(self.search, 1)
        row.addWidget(refresh)
        column.addLayout(row)
        self.table = QTableView()
        self.table.setObjectName("runs_table")
        self.table.setAccessibleName("Runs")
        self.table.setModel(self.filter)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(5, Qt.SortOrder.DescendingOrder)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.setItemDelegateForColumn(0, _NameDelegate(self.table))
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 10)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setHighlightSections(False)
        for place, width in enumerate((128, 86, 66, 66, 112, 122, 130, 74)):  # the first three fit in the dock
            self.table.setColumnWidth(place, width)
        self.table.doubleClicked.connect(lambda index: self._presenter.open(index.data(PATH_ROLE)))
        self.table.customContextMenuRequested.connect(self._show_menu)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._update_actions())
        self._empty = EmptyState("Runs that you train appear here.", "Look again")
        self._empty.requested.connect(self._presenter.refresh)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._empty)
        self._pages.addWidget(self.table)
        column.addWidget(self._pages, 1)

    def _build_actions(self) -> None:
        def one(run: Callable[[str], object]) -> Callable[[], object]:
            return lambda: [run(path) for path in self._selected()[:1]]

        def add(
            name: str, text: str, run: Callable[[], object], keys: str, tip: str, place: QWidget = self.table
        ) -> QAction:
            """place: where its keys work; beside the table, in the filter, most of them are typed."""
            action = build_action(self, f"runs_{name}", text, run, keys.split(), tip)
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            place.addAction(action)
            return action

        ask = self._presenter
        self._open = add("open", "&Open run", one(ask.open), "Return Enter", "Show its curves")
        self._continue = add(
            "continue", "&Continue selected run…", one(ask.continue_run), "Shift+Return", "Train it for more epochs"
        )
        self._predict = add(
            "predict", "&Predict with selected run", one(ask.predict), "Ctrl+Shift+Return", "Open its best checkpoint"
        )
        self._tick = add(
            "tick", "Co&mpare selected runs", self._toggle_ticks, "Space", "Draw their curves, too, or no longer"
        )
        self._untick = add(
            "untick", "&Stop comparing", self.model.clear_ticks, "Shift+Space", "Draw the shown run's curves alone"
        )
        self._rename = add("rename", "Re&name run…", self._ask_name, "F2", "Give it another name")
        self._reveal = add("reveal", "Show run's &folder", self._reveal_folder, "Alt+Return", "In the file manager")
        self._delete = add("delete", "&Delete runs…", self._ask_delete, "Del", "Delete their folders")
        self._refresh = add("refresh", "&Look for runs again", ask.refresh, "F5", "Look through their folder", self)
        self._update_actions()

    def _update_actions(self) -> None:
        chosen = self._selected()
        single = len(chosen) == 1
        for action in (self._open, self._continue, self._predict, self._rename, self._reveal):
            action.setEnabled(single)
        if single and self._presenter.is_training(chosen[0]):
            self._continue.setEnabled(False)
        self._tick.setEnabled(bool(chosen))
        self._delete.setEnabled(any(not self._presenter.is_training(path) for path in chosen))
        self._untick.setEnabled(bool(self.model.ticked))

    def _selected(self) -> list[str]:
        """Paths of the selected runs, from the top."""
        rows = sorted(self.table.selectionModel().selectedRows(), key=lambda index: index.row())
        return [index.data(PATH_ROLE) for index in rows]

    def _take_ticks(self) -> None:
        self._update_actions()
        self._presenter.compare(self.model.ticked)

    def _show_menu(self, place: QPoint) -> None:
        if not self.table.indexAt(place).isValid():
            return
        menu = QMenu(self)
        menu.setObjectName("runs_menu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addActions([self._open, self._continue, self._predict])
        menu.addSeparator()
        menu.addActions([self._tick, self._untick, self._rename, self._reveal])
        menu.addSeparator()
        menu.addAction(self._delete)
        menu.popup(self.table.viewport().mapToGlobal(place))

    def _toggle_ticks(self) -> None:
        for row in self.table.selectionModel().selectedRows():
            source = self.filter.mapToSource(row)
            ticked = self.model.data(source, Qt.ItemDataRole.CheckStateRole) == Qt.CheckState.Checked
            state = Qt.CheckState.Unchecked if ticked else Qt.CheckState.Checked
            self.model.setData(source, state, Qt.ItemDataRole.CheckStateRole)

    def _ask_name(self) -> None:
        chosen = self._selected()[:1]
        run = next((run for run in self.model.runs if run.path in chosen), None)
        if run is None:
            return
        dialog = QInputDialog(self)
        dialog.setObjectName("rename_dialog")
        dialog.setWindowTitle("Rename run")
        dialog.setLabelText("Name (the folder keeps its own)")
        dialog.setTextValue(run.name)
        dialog.setOkButtonText("Rename")
        dress_dialog(dialog)
        dialog.textValueSelected.connect(lambda name: self._presenter.rename(run.path, name))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _reveal_folder(self) -> None:
        for path in self._selected()[:1]:
            QDesktopServices.openUrl(QUrl.fromLocalFile(path))

    def _ask_delete(self) -> None:
        chosen = [path for path in self._selected() if not self._presenter.is_training(path)]
        if not chosen:
            return
        names = [run.name for run in self.model.runs if run.path in chosen]
        box = QMessageBox(self)
        box.setObjectName("delete_dialog")
        box.setIcon(QMessageBox.Icon.Warning)
        one = len(names) == 1
        box.setWindowTitle("Delete run" if one else "Delete runs")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(f"Delete {names[0]}?" if one else f"Delete {len(names)} runs?")
        box.setInformativeText(
            "Its folder with curves and checkpoints is removed from the disk for good."
            if one
            else "Their folders with curves and checkpoints are removed from the disk for good."
        )
        delete = box.addButton("Delete", QMessageBox.ButtonRole.DestructiveRole)
        keep = box.addButton("Keep", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(keep)
        box.setEscapeButton(keep)
        delete.clicked.connect(lambda: self._presenter.delete(chosen))
        box.finished.connect(box.deleteLater)
        box.open()
