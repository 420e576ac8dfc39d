"""Which networks are compared with the first: a list to tick, at most as many as one can tell apart."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from segbench.gui.panels.evaluation.state import MOST, Candidate
from segbench.gui.panels.evaluation.words import write_candidate
from segbench.gui.widgets.parts import build_label, build_push, build_tip, dress_dialog

ROLE = Qt.ItemDataRole.UserRole


class ChooseDialog(QDialog):
    """`chosen` carries candidates in the order they are listed."""

    chosen = Signal(list)

    def __init__(
        self,
        first: Candidate,
        candidates: Sequence[Candidate],
        others: Sequence[Candidate],
        ticked: Sequence[Candidate],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("compare_dialog")
        self.setWindowTitle("Compare with")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumSize(520, 420)
        self._ticked = [one for one in ticked if one != first]
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(10)
        column.addWidget(
            build_label(
                f"Compared with {first.name}, on the same images and by the same rule for thresholds.", wrap=True
            )
        )
        line = QHBoxLayout()
        self.search = QLineEdit()
        self.search.setObjectName("compare_filter")
        self.search.setAccessibleName("Filter checkpoints")
        self.search.setPlaceholderText("Filter")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.take = build_push(
            "Those ticked in Runs",
            "take_ticked",
            "The best checkpoints of the runs that are ticked in the list of runs",
        )
        self.take.setAutoDefault(False)
        self.take.setEnabled(bool(self._ticked))
        self.take.clicked.connect(self._take_ticked)
        line.addWidget(self.search, 1)
        line.addWidget(self.take)
        column.addLayout(line)
        self.list = QListWidget()
        self.list.setObjectName("compare_list")
        self.list.setAccessibleName("Checkpoints")
        for one in candidates:
            if one == first:
                continue
            item = QListWidgetItem(write_candidate(one))
            item.setData(ROLE, one)
            item.setToolTip(build_tip(one.path))
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if one in others else Qt.CheckState.Unchecked)
            self.list.addItem(item)
        self.list.itemChanged.connect(lambda _item: self._count())
        self.list.itemActivated.connect(self._toggle)
        column.addWidget(self.list, 1)
        self.count = build_label("", "compare_count", "muted")
        column.addWidget(self.count)
        buttons = QDialogButtonBox()
        self.accept_button = buttons.addButton("Compare", QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton("Cancel", QDialogButtonBox.ButtonRole.RejectRole)
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)
        dress_dialog(self)
        self._count()
        if self.list.count():
            self.list.setCurrentRow(0)
        self.list.setFocus()

    def _items(self) -> list[QListWidgetItem]:
        return [self.list.item(row) for row in range(self.list.count())]

    def _checked(self) -> list[Candidate]:
        return [item.data(ROLE) for item in self._items() if item.checkState() == Qt.CheckState.Checked]

    def _toggle(self, item: QListWidgetItem) -> None:
        done = item.checkState() == Qt.CheckState.Checked
        item.setCheckState(Qt.CheckState.Unchecked if done else Qt.CheckState.Checked)

    def _take_ticked(self) -> None:
        for item in self._items():
            item.setCheckState(Qt.CheckState.Checked if item.data(ROLE) in self._ticked else Qt.CheckState.Unchecked)

    def _filter(self, text: str) -> None:
        words = text.casefold().split()
        for item in self._items():
            item.setHidden(not all(word in item.text().casefold() for word in words))

    def _count(self) -> None:
        count = len(self._checked())
        self.count.setText(
            f"{count} chosen" if count < MOST else f"{count} chosen: at most {MOST - 1} beside the first"
        )
        self.accept_button.setEnabled(count < MOST)

    def _accept(self) -> None:
        found = self._checked()
        self.accept()
        self.chosen.emit(found)
