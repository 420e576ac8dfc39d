"""What a gallery's grid is made of: rows over samples, a cache of pixmaps by bytes, the painting of a cell. Knows no dataset."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from segbench.gui.theme import current_theme

if TYPE_CHECKING:
    from segbench.gui.widgets.gallery import Gallery

CACHE_BYTES = 96 * 2**20
PAD = 8
STRIP = 6  # height of the class colours below a picture, their gap included
PIECE = 14  # widest piece of it

AnyIndex = QModelIndex | QPersistentModelIndex


class GalleryModel(QAbstractListModel):
    """Rows over sample indices. The delegate does not go through data(); that is for screen readers and tooltips."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._indices: Sequence[int] = ()
        self._rows: dict[int, int] | None = None
        self.name_of: Callable[[int], str] = str
        self.describe: Callable[[int], str] = str

    def set_indices(self, indices: Sequence[int]) -> None:
        """Shows these samples, in this order."""
        self.beginResetModel()
        self._indices, self._rows = indices, None
        self.endResetModel()

    def index_at(self, row: int) -> int:
        """The sample in a row."""
        return int(self._indices[row])

    def row_of(self, index: int) -> int:
        """The row of a sample; -1 if it is not in the list."""
        if isinstance(self._indices, range):
            return self._indices.index(index) if index in self._indices else -1
        if self._rows is None:
            self._rows = {int(sample): row for row, sample in enumerate(self._indices)}
        return self._rows.get(index, -1)

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._indices)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.name_of(self.index_at(index.row()))
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return self.describe(self.index_at(index.row()))
        return None


class ThumbnailCache:
    """Pixmaps by sample, the least recently painted dropped first when they take more than `limit` bytes."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._limit = limit
        self._held: OrderedDict[int, tuple[QPixmap, int]] = OrderedDict()  # sample: pixmap and the side it was made for
        self.bytes = 0

    def get(self, index: int) -> QPixmap | None:
        if (held := self._held.get(index)) is None:
            return None
        self._held.move_to_end(index)
        return held[0]

    def holds(self, index: int, side: int) -> bool:
        """There is a pixmap of this sample, made for this side."""
        held = self._held.get(index)
        return held is not None and held[1] == side

    def put(self, index: int, pixmap: QPixmap, side: int) -> None:
        if (old := self._held.pop(index, None)) is not None:
            self.bytes -= _weigh(old[0])
        self._held[index] = pixmap, side
        self.bytes += _weigh(pixmap)
        while self.bytes > self._limit and len(self._held) > 1:
            _index, (dropped, _side) = self._held.popitem(last=False)
            self.bytes -= _weigh(dropped)

    def clear(self) -> None:
        self._held.clear()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._held)


class CellDelegate(QStyledItemDelegate):
    """Paints a cell: thumbnail, name, a dot a class, a pin."""

    def __init__(self, gallery: Gallery) -> None:
        super().__init__(gallery)
        self._gallery = gallery

    def sizeHint(self, _option: QStyleOptionViewItem, _index: AnyIndex) -> QSize:
        return self._gallery.gridSize()

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        gallery, theme = self._gallery, current_theme()
        sample = gallery.model().index_at(index.row())
        cell: QRect = option.rect.adjusted(3, 3, -3, -3)
        state = option.state
        selected = bool(state & QStyle.StateFlag.State_Selected)
        if selected or state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(cell, theme.raised)
        picture = QRect(0, cell.y() + PAD - 3, gallery.side, gallery.side)
        picture.moveLeft(cell.x() + (cell.width() - gallery.side) // 2)
        if (pixmap := gallery.cache.get(sample)) is not None:
            width, height = fit_side(pixmap.width(), pixmap.height(), gallery.side)
            target = QRect(0, 0, width, height)
            target.moveCenter(picture.center())
            painter.drawPixmap(target, pixmap)
        else:
            painter.fillRect(picture, theme.background)
        self._paint_strip(painter, picture, gallery.classes_of(sample))
        top = picture.bottom() + STRIP + 3
        caption = QRect(picture.x(), top, picture.width(), cell.bottom() - top)
        painter.setPen(theme.text if selected else theme.muted)
        name = option.fontMetrics.elidedText(
            gallery.model().name_of(sample), Qt.TextElideMode.ElideLeft, caption.width()
        )
        painter.drawText(caption, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), name)
        if sample in gallery.pinned:
            _paint_pin(painter, picture.topRight() - QPoint(15, -3))
        if selected:
            painter.setPen(QPen(theme.accent, 2))
            painter.drawRect(cell.adjusted(1, 1, -1, -1))

    def _paint_strip(self, painter: QPainter, picture: QRect, classes: Sequence[int]) -> None:
        """A piece a class that is there, below the picture; narrower pieces where there are many."""
        colors = self._gallery.colors
        pitch = min(PIECE, picture.width() / max(1, len(classes)))
        for at, k in enumerate(classes):
            color = colors[k] if k < len(colors) else (128, 128, 128)
            left, right = round(at * pitch), round((at + 1) * pitch) - 1
            painter.fillRect(
                QRect(picture.x() + left, picture.bottom() + 3, max(1, right - left), STRIP - 1), QColor(*color)
            )


def _weigh(pixmap: QPixmap) -> int:
    return pixmap.width() * pixmap.height() * 4


def fit_side(width: int, height: int, side: int) -> tuple[int, int]:
    """A size of the same shape whose longer side is `side`; enlarged by whole factors while that leaves no wide rim."""
    longer = max(width, height, 1)
    factor = side / longer
    if factor > 1 and int(factor) * longer >= 0.75 * side:
        factor = float(int(factor))
    return max(1, round(width * factor)), max(1, round(height * factor))


def _paint_pin(painter: QPainter, at: QPoint) -> None:
    theme = current_theme()
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(theme.on_accent, 1.5))
    painter.setBrush(theme.accent)
    painter.drawEllipse(QRect(at.x(), at.y(), 11, 11))
    painter.restore()
