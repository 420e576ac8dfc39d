"""What a gallery's grid is made of: rows over samples, a cache of pixmaps by bytes, how a cell is painted. Knows no dataset."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QPoint, QRect, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QWidget

from segbench.gui.theme import current_theme
from segbench.gui.widgets.parts import build_tip

if TYPE_CHECKING:
    from segbench.gui.widgets.gallery import Gallery

CACHE_BYTES = 96 * 2**20
PAD = 8
STRIP = 6  # height of the class colours below a picture, their gap included
PIECE = 14  # widest piece of it
CAPTION = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)

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
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self.describe(self.index_at(index.row()))
        if role == Qt.ItemDataRole.ToolTipRole:
            return build_tip(self.describe(self.index_at(index.row())))
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


def paint_cell(gallery: Gallery, painter: QPainter, rect: QRect, sample: int, current: bool, hovered: bool) -> None:
    """One cell: thumbnail, a strip of the classes in it, name, pin. Twenty of these are a scroll step, so no delegate between."""
    theme, side = current_theme(), gallery.side
    left, top, width, height = rect.x() + 3, rect.y() + 3, rect.width() - 6, rect.height() - 6
    if current or hovered:
        painter.fillRect(left, top, width, height, theme.raised)
    x, y = left + (width - side) // 2, top + PAD - 3
    if (pixmap := gallery.cache.get(sample)) is None:
        painter.fillRect(x, y, side, side, theme.background)
    elif pixmap.width() <= side >= pixmap.height() and side in (pixmap.width(), pixmap.height()):
        painter.drawPixmap(x + (side - pixmap.width()) // 2, y + (side - pixmap.height()) // 2, pixmap)
    else:
        fitted = fit_side(pixmap.width(), pixmap.height(), side)
        painter.drawPixmap(x + (side - fitted[0]) // 2, y + (side - fitted[1]) // 2, *fitted, pixmap)
    if classes := gallery.classes_of(sample):
        _paint_strip(painter, x, y + side + 2, side, [gallery.brush_of(k) for k in classes])
    caption = y + side + STRIP + 2
    painter.setPen(theme.text if current else theme.muted)
    name = painter.fontMetrics().elidedText(gallery.model().name_of(sample), Qt.TextElideMode.ElideLeft, side)
    painter.drawText(x, caption, side, top + height - caption, CAPTION, name)
    if sample in gallery.pinned:
        _paint_pin(painter, QPoint(x + side - 15, y + 4))
    if current:
        painter.setPen(QPen(theme.accent, 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(left + 1, top + 1, width - 2, height - 2)


def _paint_strip(painter: QPainter, x: int, y: int, width: int, colors: Sequence[QColor]) -> None:
    """A piece a class; narrower pieces where there are many."""
    pitch = min(PIECE, width / len(colors))
    for at, color in enumerate(colors):
        left, right = round(at * pitch), round((at + 1) * pitch) - 1
        painter.fillRect(x + left, y, max(1, right - left), STRIP - 1, color)


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
