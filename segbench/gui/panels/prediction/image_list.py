"""The images of a split by their IoU, the worst first: button, progress, numbers and a table. Shows; decides nothing."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from segbench.gui.panels.prediction.scored import ScoredImage, ScoredSplit
from segbench.gui.theme import mark

Index = QModelIndex
RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


class ScoredModel(QAbstractTableModel):
    """Rows of ScoredImage in the order of a column."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[ScoredImage] = []
        self._column, self._descending = 1, False

    def set_images(self, images: list[ScoredImage]) -> None:
        self.beginResetModel()
        self._rows = list(images)
        self._order()
        self.endResetModel()

    def _order(self) -> None:
        if self._column == 0:
            self._rows.sort(key=lambda image: image.index, reverse=self._descending)
        else:
            # Images without an IoU stand at the end whichever way it is sorted
            have = sorted(
                (i for i in self._rows if i.iou is not None), key=lambda i: i.iou or 0.0, reverse=self._descending
            )
            self._rows = have + [i for i in self._rows if i.iou is None]

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self.layoutAboutToBeChanged.emit()
        self._column, self._descending = column, order == Qt.SortOrder.DescendingOrder
        self._order()
        self.layoutChanged.emit()

    def image(self, row: int) -> ScoredImage:
        return self._rows[row]

    def find_row(self, index: int) -> int:
        return next((row for row, image in enumerate(self._rows) if image.index == index), -1)

    def rowCount(self, parent: Any = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: Any = None) -> int:
        return 2

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return ("Image", "IoU")[section]
        return None

    def data(self, index: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        image = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            if index.column() == 0:
                return image.name
            return "–" if image.iou is None else f"{image.iou:.3f}"
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() == 1:
            return RIGHT
        return None


class ImageList(QWidget):
    """`opened` when the user goes to an image; `score_requested` and `cancel_requested` from its button."""

    opened = Signal(int)
    score_requested = Signal()
    cancel_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("image_list")
        self.button = QPushButton("Predict whole split", self, objectName="score_split")
        self.button.clicked.connect(self._press)
        self.progress = QProgressBar(self, objectName="score_progress", textVisible=False)
        self.progress.setFixedHeight(6)
        self.progress.hide()
        self.summary = QLabel(self, wordWrap=True, objectName="score_summary", textFormat=Qt.TextFormat.PlainText)
        mark(self.summary, "muted")
        self.model = ScoredModel()
        self.table = QTableView(self, objectName="score_table")
        self.table.setAccessibleName("Images by IoU")
        self.table.setModel(self.model)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(24)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(1, 72)
        header.setHighlightSections(False)
        self.table.clicked.connect(self._open)
        self.table.activated.connect(self._open)
        self.table.hide()
        self._running = False
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self.button)
        line.addWidget(self.summary, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(line)
        column.addWidget(self.progress)
        column.addWidget(self.table, 1)

    def minimumSizeHint(self) -> QSize:
        """A splitter does not ask how high words become where they wrap."""
        hint, wrapped = super().minimumSizeHint(), self.layout().minimumHeightForWidth(self.width())
        return QSize(hint.width(), max(hint.height(), wrapped))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self.updateGeometry()

    def set_enabled(self, possible: bool, split: str, why: str) -> None:
        """Whether a split can be scored; `why` not."""
        self.button.setEnabled(possible or self._running)
        self.button.setToolTip(f"Predict every image of {split} and list the images by their IoU" if possible else why)
        if self.table.isHidden() and not self._running:
            mark(self.summary, "muted")
            self.summary.setText("Lists the images by IoU, worst first." if possible else why)

    def show_progress(self, done: int, total: int) -> None:
        """total 0: nothing runs."""
        self._running = total > 0
        self.progress.setVisible(self._running)
        self.progress.setRange(0, max(total, 1))
        self.progress.setValue(done)
        self.button.setText("Cancel" if self._running else "Predict whole split")

    def show_scored(self, scored: ScoredSplit | None, stale: bool) -> None:
        if scored is None:
            self.model.set_images([])
            self.table.hide()
            return
        kept = self.selected()
        self.model.set_images(scored.images)
        self.table.setVisible(bool(scored.images))
        if kept:
            self.select(kept[0])
        mean = scored.pooled.mean_iou if scored.pooled is not None else None
        if scored.pooled is None:
            text = f"{scored.split}: {len(scored.images):,} of {scored.total:,} images"
        else:
            value = "–" if mean is None else f"{mean:.3f}"
            text = f"{scored.split}: mean IoU {value} over {_count_images(scored.pooled.images, scored.total)}"
        if stale:
            text += ". The thresholds or the checkpoint have changed since."
        mark(self.summary, "warning" if stale else "")
        self.summary.setText(text)
        classes = scored.pooled.classes if scored.pooled is not None else ()
        each = "".join(f"\n{c.name}: {'–' if c.iou is None else f'{c.iou:.3f}'}" for c in classes)
        self.summary.setToolTip(
            "Mean IoU: pixels of all images pooled, IoU of each class = TP ÷ (TP + FP + FN), then the mean over the classes "
            f"that occur in truth or prediction.{each}\nThe list's IoU is the same mean inside one image."
        )

    def select(self, index: int) -> None:
        """Marks an image's row as the present one without telling of it."""
        row = self.model.find_row(index)
        if row >= 0 and row != self.table.currentIndex().row():
            self.table.selectRow(row)
            self.table.scrollTo(self.model.index(row, 0))

    def selected(self) -> list[int]:
        """The samples whose rows are marked."""
        return [self.model.image(row.row()).index for row in self.table.selectionModel().selectedRows()]

    def _press(self) -> None:
        (self.cancel_requested if self._running else self.score_requested).emit()

    def _open(self, at: Any) -> None:
        # With Ctrl or Shift rows are marked for export, not opened
        if len(self.table.selectionModel().selectedRows()) <= 1:
            self.opened.emit(self.model.image(at.row()).index)


def _count_images(scored: int, total: int) -> str:
    """ "6 images", or "5 of 6 images, 1 without masks"."""
    images = "image" if total == 1 else "images"
    if scored == total:
        return f"{total:,} {images}"
    return f"{scored:,} of {total:,} {images}, {total - scored:,} without masks"
