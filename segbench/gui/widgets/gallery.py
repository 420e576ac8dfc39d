"""A grid of thumbnails over any list of sample indices: a list view, a model by row, cells that read a cache. Knows no dataset.

The grid is arithmetic: QListView's own layout of 100,000 items takes 120 ms at every change of width. Only what is in view (and a little around it) is asked for, by `visible_changed`; whoever answers calls `set_thumbnail`.
numpy is imported by the first thumbnail, not by this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QCursor,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QRegion,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from segbench.gui.theme import current_theme, theme_signals
from segbench.gui.widgets.gallery_cells import (
    PAD,
    STRIP,
    AnyIndex,
    GalleryModel,
    ThumbnailCache,
    fit_side,
    paint_cell,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from segbench.records import Color

MARGIN_ROWS = 3  # rows above and below the view that are asked for, too
ASK_AFTER = 40  # ms between two requests while scrolling
SMALLEST, LARGEST = 48, 256  # side of a thumbnail in logical pixels


class Gallery(QListView):
    """Thumbnails of samples; one is current. Arrows, Home, End and the Page keys move, Enter opens."""

    visible_changed = Signal(
        list
    )  # samples in view (then those around) whose thumbnails are wanted, of `wanted_side` pixels
    current_changed = Signal(int)  # the user went to this sample
    opened = Signal(int)  # Enter or a double click

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.cache = ThumbnailCache()
        self._brushes: tuple[QColor, ...] = ()
        self.classes_of: Callable[[int], Sequence[int]] = lambda _index: ()
        self.pinned: frozenset[int] = frozenset()
        self.side = 96
        self._empty = "No samples"
        self._samples = GalleryModel(self)
        self._asked: list[int] = []
        self._telling = True
        self.setObjectName("gallery")
        self.setAccessibleName("Gallery of samples")
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setMouseTracking(True)
        self.setModel(self._samples)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(ASK_AFTER)
        self._timer.timeout.connect(self._ask)
        self.verticalScrollBar().valueChanged.connect(self._ask_soon)
        self.selectionModel().currentChanged.connect(self._tell)
        self.activated.connect(lambda index: self.opened.emit(self._samples.index_at(index.row())))
        theme_signals().changed.connect(self.viewport().update)
        self.set_side(self.side)

    def model(self) -> GalleryModel:
        return self._samples

    # What is shown --------------------------------------------------------------------------------------------------------

    def set_source(
        self,
        name_of: Callable[[int], str],
        classes_of: Callable[[int], Sequence[int]],
        colors: Sequence[Color],
        describe: Callable[[int], str] | None = None,
    ) -> None:
        """Another dataset: forgets all thumbnails. classes_of: the classes known to be in a sample, () while unknown."""
        self.cache.clear()
        self._samples.name_of, self._samples.describe = name_of, describe or name_of
        self.classes_of = classes_of
        self.set_colors(colors)
        self._asked = []

    def set_indices(self, indices: Sequence[int], keep_place: bool = False) -> None:
        """Shows these samples in this order, the current one still current if it is among them. keep_place: without scrolling."""
        current, top = self.current(), self.verticalScrollBar().value()
        self._telling = False
        self._samples.set_indices(indices)
        self._telling = True
        self.updateGeometries()
        if current is not None:
            self.set_current(current)
        if keep_place:
            self.verticalScrollBar().setValue(top)
        self._asked = []
        self._ask_soon()

    def set_thumbnail(self, index: int, array: NDArray[np.uint8]) -> None:
        """array: uint8 (h, w, 3)."""
        from segbench.gui.widgets.mask_layers import make_image

        image = make_image(array)
        side = self.wanted_side
        width, height = fit_side(image.width(), image.height(), side)
        whole = width % image.width() == 0 and height % image.height() == 0
        mode = Qt.TransformationMode.FastTransformation if whole else Qt.TransformationMode.SmoothTransformation
        if (width, height) != (image.width(), image.height()):
            image = image.scaled(width, height, Qt.AspectRatioMode.IgnoreAspectRatio, mode)
        self.cache.put(index, QPixmap.fromImage(image), side)
        if (row := self._samples.row_of(index)) >= 0:
            self.viewport().update(self.visualRect(self._samples.index(row)))

    def set_colors(self, colors: Sequence[Color]) -> None:
        """The classes' colours."""
        self._brushes = tuple(QColor(*color) for color in colors)
        self.viewport().update()

    def brush_of(self, k: int) -> QColor:
        """A class's colour; grey for one that has none."""
        return self._brushes[k] if k < len(self._brushes) else QColor(128, 128, 128)

    def set_pinned(self, indices: Iterable[int]) -> None:
        """These samples carry a pin."""
        self.pinned = frozenset(indices)
        self.viewport().update()

    def set_side(self, side: int) -> None:
        """Side of a thumbnail in logical pixels; what is in view stays in view."""
        self.side = min(max(side, SMALLEST), LARGEST)
        self.setGridSize(QSize(self.side + 2 * PAD, self.side + 2 * PAD + STRIP + self.fontMetrics().height()))
        self.updateGeometries()
        if self.currentIndex().isValid():
            self.scrollTo(self.currentIndex())
        self._asked = []
        self._ask_soon()

    def set_empty_text(self, text: str) -> None:
        """What stands here while there are no samples."""
        self._empty = text
        self.viewport().update()

    @property
    def wanted_side(self) -> int:
        """Device pixels that a thumbnail's longer side should have."""
        return round(self.side * self.devicePixelRatioF())

    # The current sample ---------------------------------------------------------------------------------------------------

    def current(self) -> int | None:
        """The current sample; None if there is none."""
        index = self.currentIndex()
        return self._samples.index_at(index.row()) if index.isValid() else None

    def set_current(self, index: int) -> None:
        """Goes to a sample without telling of it; a sample that is not in the list leaves nothing selected."""
        row = self._samples.row_of(index)
        self._telling = False
        if row < 0:
            self.setCurrentIndex(QModelIndex())
        elif row != self.currentIndex().row():
            self.setCurrentIndex(self._samples.index(row))
            self.scrollTo(self._samples.index(row))
        self._telling = True

    def _tell(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if self._telling and current.isValid():
            self.current_changed.emit(self._samples.index_at(current.row()))

    # What is wanted -------------------------------------------------------------------------------------------------------

    def columns(self) -> int:
        """Thumbnails a row."""
        return max(1, self.viewport().width() // self.gridSize().width())

    def cell_size(self) -> QSize:
        """A grid cell: the width is shared out evenly."""
        return QSize(self.viewport().width() // self.columns(), self.gridSize().height())

    def visible_rows(self, margin: int = 0) -> range:
        """Model rows in view, and `margin` lines of them before and after."""
        height, columns = self.gridSize().height(), self.columns()
        top = self.verticalScrollBar().value()
        first = max(0, top // height - margin) * columns
        last = ((top + self.viewport().height()) // height + 1 + margin) * columns
        return range(first, min(last, self._samples.rowCount()))

    def ask_again(self) -> None:
        """Asks for what is in view and not there, even if it has been asked for."""
        self._asked = []
        self._ask_soon()

    def _ask_soon(self, _value: int = 0) -> None:
        """At most every ASK_AFTER ms, also while scrolling goes on."""
        if not self._timer.isActive():
            self._timer.start()

    def _ask(self) -> None:
        if not self.isVisible():
            return
        seen = self.visible_rows()
        around = [row for row in self.visible_rows(MARGIN_ROWS) if row not in seen]
        side = self.wanted_side
        wanted = [
            sample
            for sample in map(self._samples.index_at, (*seen, *around))
            if not self.cache.holds(sample, side)
        ]  # fmt: skip
        if wanted and wanted != self._asked:
            self._asked = wanted
            self.visible_changed.emit(wanted)

    # The grid -------------------------------------------------------------------------------------------------------------

    def visualRect(self, index: AnyIndex) -> QRect:
        if not index.isValid():
            return QRect()
        line, column = divmod(index.row(), self.columns())
        size = self.cell_size()
        return QRect(QPoint(column * size.width(), line * size.height() - self.verticalOffset()), size)

    def indexAt(self, point: QPoint) -> QModelIndex:
        size, columns = self.cell_size(), self.columns()
        column, line = point.x() // size.width(), (point.y() + self.verticalOffset()) // size.height()
        row = line * columns + column
        if not 0 <= column < columns or not 0 <= row < self._samples.rowCount():
            return QModelIndex()
        return self._samples.index(row)

    def scrollTo(self, index: AnyIndex, hint: QListView.ScrollHint = QListView.ScrollHint.EnsureVisible) -> None:
        rect, bar, height = self.visualRect(index), self.verticalScrollBar(), self.viewport().height()
        if not index.isValid():
            return
        if hint == QListView.ScrollHint.PositionAtCenter:
            bar.setValue(bar.value() + rect.center().y() - height // 2)
        elif rect.top() < 0 or hint == QListView.ScrollHint.PositionAtTop:
            bar.setValue(bar.value() + rect.top())
        elif rect.bottom() > height:
            bar.setValue(bar.value() + min(rect.top(), rect.bottom() - height + 1))

    def horizontalOffset(self) -> int:
        return 0

    def verticalOffset(self) -> int:
        return self.verticalScrollBar().value()

    def isIndexHidden(self, _index: AnyIndex) -> bool:
        return False

    def moveCursor(self, action: QListView.CursorAction, _modifiers: Qt.KeyboardModifier) -> QModelIndex:
        count, columns, row = self._samples.rowCount(), self.columns(), self.currentIndex().row()
        if not count:
            return QModelIndex()
        page = columns * max(1, self.viewport().height() // self.gridSize().height())
        move = QListView.CursorAction
        steps = {
            move.MoveLeft: -1, move.MovePrevious: -1, move.MoveRight: 1, move.MoveNext: 1, move.MoveUp: -columns,
            move.MoveDown: columns, move.MovePageUp: -page, move.MovePageDown: page, move.MoveHome: -count,
            move.MoveEnd: count,
        }  # fmt: skip
        return self._samples.index(min(max(max(row, 0) + steps[action], 0), count - 1) if row >= 0 else 0)

    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        """One sample at a time: the one at the rectangle's last corner."""
        self.selectionModel().select(self.indexAt(rect.bottomRight()), command)

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        region = QRegion()
        for index in selection.indexes():
            region += self.visualRect(index)
        return region

    def updateGeometries(self) -> None:
        height = self.gridSize().height()
        lines = -(-self._samples.rowCount() // self.columns())
        bar = self.verticalScrollBar()
        bar.setRange(0, max(0, lines * height - self.viewport().height()))
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(max(1, height // 3))  # three of them are a notch of the wheel

    def doItemsLayout(self) -> None:
        QAbstractItemView.doItemsLayout(self)  # not QListView's, see above

    # Qt -------------------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        rows = self.visible_rows()
        QAbstractItemView.resizeEvent(self, event)
        self.updateGeometries()
        current = self.currentIndex()
        if current.isValid() and current.row() in rows:
            self.scrollTo(current)
        self._ask_soon()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._ask_soon()

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self.viewport()) as painter:
            if self._samples.rowCount():
                self._paint_cells(painter, event.rect())
            else:
                painter.setPen(current_theme().muted)
                flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
                painter.drawText(self.viewport().rect().adjusted(16, 16, -16, -16), int(flags), self._empty)

    def _paint_cells(self, painter: QPainter, exposed: QRect) -> None:
        """Paints the rows that were exposed; scrolling exposes one or two."""
        size, columns, offset = self.cell_size(), self.columns(), self.verticalOffset()
        width, height = size.width(), size.height()
        first = max(0, (exposed.top() + offset) // height) * columns
        last = min(((exposed.bottom() + offset) // height + 1) * columns, self._samples.rowCount())
        current = self.currentIndex().row()
        hovered = self.indexAt(self.viewport().mapFromGlobal(QCursor.pos())).row() if self.underMouse() else -1
        for row in range(first, last):
            line, column = divmod(row, columns)
            cell = QRect(column * width, line * height - offset, width, height)
            paint_cell(self, painter, cell, self._samples.index_at(row), row == current, row == hovered)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and (sample := self.current()) is not None:
            self.opened.emit(sample)
            return
        super().keyPressEvent(event)

    def keyboardSearch(self, _search: str) -> None:
        """Letters are the panel's shortcuts, not a search by name."""
