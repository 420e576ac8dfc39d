"""The conditions above the gallery: name, split, classes, objects, order. Shows a Filter and says when the user changes it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from segbench.gui.panels.dataset.chips import Chips
from segbench.gui.panels.dataset.filters import SORTS, Filter, Sort
from segbench.gui.panels.dataset.presenter import ScanState
from segbench.gui.widgets.parts import build_label, build_tool
from segbench.records import Color, DatasetInfo

TYPING_REST = 200  # ms after the last letter until the list follows
MOST_OBJECTS = 9_999
CHIP_LINES = 3
SORT_TITLES: dict[Sort, str] = {
    "index": "In order", "name": "By name", "most objects": "Most objects first", "fewest objects": "Fewest objects first",
    "most covered": "Most covered first", "least covered": "Least covered first",
}  # fmt: skip


class FilterBar(QWidget):
    """`changed` carries the new Filter."""

    changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("filter_bar")
        self.setAccessibleName("Filter")
        self._count = self._scan = ""  # two parts of the note
        self._class_of_chip: list[int] = []
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(TYPING_REST)
        self._rest.timeout.connect(self._tell)
        self.search = QLineEdit()
        self.search.setObjectName("search")
        self.search.setPlaceholderText("Search by name")
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Search by name")
        self.search.setToolTip("Show samples whose name contains this (Ctrl+F)")
        self.search.textChanged.connect(lambda _text: self._rest.start())
        self.search.returnPressed.connect(self._tell)
        self.split = QComboBox()
        self.split.setObjectName("split")
        self.split.setAccessibleName("Split")
        self.split.setToolTip("Show one split only")
        self.sort = QComboBox()
        self.sort.setObjectName("sort")
        self.sort.setAccessibleName("Order")
        self.sort.setToolTip("The order of the gallery. Covered: the share of pixels that belong to a class.")
        for box in (self.split, self.sort):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(8)
        self._offer_sorts(SORTS)
        self.fewest, self.most = QSpinBox(), QSpinBox()
        self.fewest.setObjectName("fewest")
        self.fewest.setMaximum(MOST_OBJECTS)
        self.most.setObjectName("most")
        self.most.setRange(-1, MOST_OBJECTS)
        self.most.setSpecialValueText("any")  # shown for -1
        self.most.setValue(-1)
        for spin, name in ((self.fewest, "Fewest"), (self.most, "Most")):
            spin.setAccessibleName(f"{name} objects in a sample")
            spin.setToolTip(f"{name} objects in a sample, of all classes together")
            spin.setKeyboardTracking(False)
            spin.setFixedWidth(spin.fontMetrics().horizontalAdvance("000") + 34)
            spin.valueChanged.connect(self._tell)
        self.pinned = build_tool("Pinned", "pinned_only", "Show only the samples pinned for training", checkable=True)
        self.pinned.toggled.connect(self._tell)
        self.reset = build_tool("Clear", "reset_filter", "Show all samples again")
        self.reset.clicked.connect(self._clear)
        self.split.currentIndexChanged.connect(self._tell)
        self.sort.currentIndexChanged.connect(self._tell)
        self.chips = Chips()
        self.chips.changed.connect(self._tell)
        self.note = build_label("", "filter_note", "muted", wrap=True)
        self.progress = QProgressBar()
        self.progress.setObjectName("scan_progress")
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(4)
        self.progress.hide()
        self._lay_out()

    def _lay_out(self) -> None:
        self._chip_area = QScrollArea()
        self._chip_area.setFrameShape(QFrame.Shape.NoFrame)
        self._chip_area.setWidgetResizable(True)
        self._chip_area.setWidget(self.chips)
        self._chip_area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        grid = self._grid = QGridLayout()
        grid.setSpacing(6)
        grid.setColumnStretch(0, 3)
        grid.setColumnStretch(1, 2)
        grid.addWidget(self.search, 0, 0)
        grid.addWidget(self.split, 0, 1)
        self._objects = QWidget()
        objects = QHBoxLayout(self._objects)
        objects.setContentsMargins(0, 0, 0, 0)
        objects.setSpacing(6)
        for part in (QLabel("Objects"), self.fewest, QLabel("to"), self.most):
            objects.addWidget(part)
        objects.addStretch(1)
        grid.addWidget(self._objects, 1, 0)
        grid.addWidget(self.sort, 1, 1)
        foot = QHBoxLayout()
        foot.setSpacing(6)
        foot.addWidget(self.note, 1)
        foot.addWidget(self.pinned)
        foot.addWidget(self.reset)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(grid)
        column.addWidget(self._chip_area)
        column.addLayout(foot)
        column.addWidget(self.progress)

    # What is shown ------------------------------------------------------------------------------------------------------

    def set_dataset(self, info: DatasetInfo) -> None:
        """Offers a dataset's splits and classes."""
        with QSignalBlocker(self.split):
            self.split.clear()
            self.split.addItem(f"All splits ({info.count:,})", "")
            for split, count in info.splits.items():
                self.split.addItem(f"{split} ({count:,})", split)
        several = len(info.splits) > 1
        self.split.setVisible(several)
        self._grid.addWidget(self.sort, 1 if several or info.classes else 0, 1)
        self._offer_sorts(SORTS if info.classes else ("index", "name"))
        classes = info.classes
        shown = [c for k, c in enumerate(classes.classes) if k != classes.background] if classes else []
        self._class_of_chip = [k for k in range(len(classes)) if k != classes.background] if classes else []
        self.chips.set_classes([c.name for c in shown], [c.color for c in shown])
        self.chips.follow(self.sort)
        self._chip_area.setVisible(bool(shown))
        self._objects.setVisible(classes is not None)
        self._fit_chips()

    def set_colors(self, colors: Sequence[Color]) -> None:
        """The classes' colours, one a class."""
        self.chips.set_colors([colors[k] for k in self._class_of_chip])

    def _offer_sorts(self, sorts: Sequence[Sort]) -> None:
        with QSignalBlocker(self.sort):
            self.sort.clear()
            for sort in sorts:
                self.sort.addItem(SORT_TITLES[sort], sort)

    def set_filter(self, wanted: Filter) -> None:
        """Shows a filter without telling of it."""
        blocked = [QSignalBlocker(w) for w in (self.split, self.sort, self.fewest, self.most, self.pinned)]
        if self.search.text().strip() != wanted.text:
            self.search.setText(wanted.text)  # not blocked: its own clear button goes by the signal
            self._rest.stop()
        self.split.setCurrentIndex(max(0, self.split.findData(wanted.split)))
        self.sort.setCurrentIndex(self.sort.findData(wanted.sort))
        self.fewest.setValue(wanted.fewest)
        self.most.setValue(-1 if wanted.most is None else wanted.most)
        self.pinned.setChecked(wanted.pinned)
        self.chips.set_checked(frozenset(n for n, k in enumerate(self._class_of_chip) if k in wanted.classes))
        self.reset.setEnabled(wanted.narrows)
        del blocked

    def set_count(self, shown: int, total: int) -> None:
        """How many samples pass."""
        self._count = f"{total:,} samples" if shown == total else f"{shown:,} of {total:,} samples"
        self._say()

    def set_scan(self, state: ScanState) -> None:
        """Tells that the filter waits for the scan."""
        self._scan = f"scanned {state.done:,} of {state.total:,}" if state.needed else ""
        if state.needed and not state.running:
            self._scan += " (stopped)"
        self.progress.setVisible(state.running)
        self.progress.setRange(0, max(state.total, 1))
        self.progress.setValue(state.done)
        self.progress.setToolTip(f"Scanned {state.done:,} of {state.total:,}")
        self._say()

    def _say(self) -> None:
        fewest, most = self.fewest.value(), self.most.value()
        why = f"no number is at least {fewest} and at most {most}" if 0 <= most < fewest else ""
        self.note.setText(", ".join(part for part in (self._count, why, self._scan) if part))

    # What the user does -------------------------------------------------------------------------------------------------

    def read(self) -> Filter:
        """The filter as it stands in the fields."""
        return Filter(
            classes=frozenset(self._class_of_chip[n] for n in self.chips.classes()),
            fewest=self.fewest.value(),
            most=None if self.most.value() < 0 else self.most.value(),
            split=self.split.currentData() or "",
            text=self.search.text().strip(),
            pinned=self.pinned.isChecked(),
            sort=self.sort.currentData(),
        )

    def _tell(self, *_: object) -> None:
        self._rest.stop()
        self.changed.emit(self.read())

    def _clear(self) -> None:
        self.changed.emit(Filter(sort=self.sort.currentData()))
        self.search.setFocus()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_chips()

    def _fit_chips(self) -> None:
        """As high as the chips need, three lines at most; the rest scrolls."""
        line = self.fontMetrics().height() + 10
        self._chip_area.setFixedHeight(min(self.chips.height() or line, CHIP_LINES * line))
