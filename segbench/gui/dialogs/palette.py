"""The command palette: type a few letters, run any action of the menus."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QHeaderView, QLineEdit, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from segbench.gui.actions import Entry, score
from segbench.gui.theme import current_theme

SHOWN = 60


class CommandPalette(QDialog):
    """Lists the actions that can run now, the best fit first; Enter runs the chosen one."""

    def __init__(self, entries: Sequence[Entry], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("command_palette")
        self.setWindowTitle("Command palette")
        self.resize(640, 440)
        self._entries = [entry for entry in entries if entry.action.isEnabled()]
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(8)
        self.search = QLineEdit()
        self.search.setObjectName("palette_search")
        self.search.setPlaceholderText("What do you want to do?")
        self.search.setAccessibleName("Search actions")
        self.search.textChanged.connect(self._fill)
        self.search.installEventFilter(self)
        column.addWidget(self.search)
        self.list = QTreeWidget()
        self.list.setObjectName("palette_list")
        self.list.setAccessibleName("Actions")
        self.list.setColumnCount(3)
        self.list.setHeaderHidden(True)
        self.list.setRootIsDecorated(False)
        self.list.setUniformRowHeights(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setStyleSheet("QTreeWidget::item { padding: 4px 6px; }")
        header = self.list.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)
        self.list.itemActivated.connect(lambda _item: self.run())
        self.list.itemClicked.connect(lambda _item: self.run())
        column.addWidget(self.list)
        self._fill()

    def _fill(self) -> None:
        query = self.search.text()
        found = []
        for place, entry in enumerate(self._entries):
            fits = score(query, entry.title)
            if fits is None and (whole := score(query, f"{' '.join(entry.path)} {entry.title}")) is not None:
                fits = whole - 30
            if fits is not None:
                found.append((-fits, place, entry))
        self.list.clear()
        muted = current_theme().muted
        for _, _, entry in sorted(found, key=lambda f: f[:2])[:SHOWN]:
            item = QTreeWidgetItem([entry.title, " › ".join(entry.path), entry.shortcuts])
            item.setData(0, Qt.ItemDataRole.UserRole, entry)
            item.setToolTip(0, entry.action.statusTip())
            if entry.action.isCheckable() and entry.action.isChecked():
                item.setText(0, f"✓ {entry.title}")
            item.setForeground(1, muted)
            item.setForeground(2, muted)
            item.setTextAlignment(2, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.list.addTopLevelItem(item)
        if first := self.list.topLevelItem(0):
            self.list.setCurrentItem(first)

    def run(self) -> None:
        """Runs the chosen action once this dialog is gone."""
        item = self.list.currentItem()
        if item is None:
            return
        entry: Entry = item.data(0, Qt.ItemDataRole.UserRole)
        self.accept()
        entry.action.trigger()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.search and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 10, Qt.Key.Key_PageUp: -10}
            if event.key() in steps and (present := self.list.currentItem()):
                row = self.list.indexOfTopLevelItem(present) + steps[Qt.Key(event.key())]
                row = min(max(row, 0), self.list.topLevelItemCount() - 1)
                if item := self.list.topLevelItem(row):
                    self.list.setCurrentItem(item)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.run()
                return True
        return super().eventFilter(watched, event)
