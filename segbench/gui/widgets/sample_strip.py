"""A row of cards, a pinned sample each: image, truth, prediction, IoU and the step it is from. Knows Qt; knows no service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QWidget

from segbench.gui.theme import current_theme, theme_signals
from segbench.gui.widgets.parts import build_tip

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PAD = 6
GAP = 4
SMALLEST_TILE = 48
_TITLES = ("Image", "Truth", "Prediction")


class StripCard(NamedTuple):
    """What one card shows. Pictures are uint8 (h, w, 3) or None while there is none."""

    sample: int  # its index in the dataset
    name: str
    pictures: tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None, NDArray[np.uint8] | None]
    caption: str  # "IoU 0.83"
    note: str  # "step 1,200"
    tip: str


class SampleStrip(QScrollArea):
    """Cards side by side; the height decides how large their pictures are."""

    chosen = Signal(int)  # the index of the sample whose card was clicked or entered

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sample_strip")
        self.setAccessibleName("Pinned samples")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumHeight(2 * PAD + SMALLEST_TILE + 44)
        self.cards: list[_Card] = []
        self._body = QWidget()
        self._row = QHBoxLayout(self._body)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(8)
        self._row.addStretch(1)
        self.setWidget(self._body)
        theme_signals().changed.connect(self._repaint)

    def set_cards(self, cards: Sequence[StripCard]) -> None:
        """Replaces the cards; those of a sample already shown are repainted in place."""
        while len(self.cards) > len(cards):
            card = self.cards.pop()
            self._row.removeWidget(card)
            card.deleteLater()
        while len(self.cards) < len(cards):
            card = _Card()
            card.chosen.connect(self.chosen)
            self._row.insertWidget(len(self.cards), card)
            self.cards.append(card)
        for card, content in zip(self.cards, cards, strict=True):
            card.show_content(content)
        self._size_cards()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._size_cards()

    def _size_cards(self) -> None:
        """As high as there is room above the scroll bar, whether it is there or not: a bar that came with wide cards and went
        with the narrow ones beside it would come and go for ever."""
        height = self.height() - self.horizontalScrollBar().sizeHint().height()
        for card in self.cards:
            card.take_height(height)

    def contents(self) -> list[StripCard]:
        """What the cards show now."""
        return [card.content for card in self.cards if card.content is not None]

    def sizeHint(self) -> QSize:
        return QSize(600, 140)

    def _repaint(self) -> None:
        for card in self.cards:
            card.update()


class _Card(QWidget):
    """Painted by hand: three tiles under their titles, a caption below."""

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("sample_card")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.content: StripCard | None = None
        self._images: list[QImage | None] = []

    def show_content(self, content: StripCard) -> None:
        self.content = content
        self._images = [_to_image(picture) for picture in content.pictures]
        self.setToolTip(build_tip(content.tip))
        self.setAccessibleName(f"{content.name}, {content.caption or 'no prediction yet'}")
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.content is not None and event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(self.content.sample)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self.content is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.chosen.emit(self.content.sample)
        else:
            super().keyPressEvent(event)

    def _line(self) -> int:
        return QFontMetrics(self.font()).height()

    def take_height(self, height: int) -> None:
        """Tiles as high as there is room, and as wide as their pictures' shape wants."""
        height = max(height - 2 * PAD - 2 * self._line() - 2 * GAP, SMALLEST_TILE)
        image = next((image for image in self._images if image is not None), None)
        shape = image.width() / image.height() if image is not None and image.height() else 1.0
        width = max(int(height * min(max(shape, 0.4), 2.0)), SMALLEST_TILE)
        self.setFixedSize(3 * width + 2 * GAP + 2 * PAD, height + 2 * PAD + 2 * self._line() + 2 * GAP)

    def paintEvent(self, event: QPaintEvent) -> None:
        content = self.content
        if content is None:
            return
        theme, line = current_theme(), self._line()
        painter = QPainter(self)
        frame = self.rect().adjusted(0, 0, -1, -1)
        painter.setPen(QPen(theme.accent if self.hasFocus() else theme.border))
        painter.setBrush(theme.surface)
        painter.drawRoundedRect(frame, 6, 6)
        width = (self.width() - 2 * PAD - 2 * GAP) // 3
        top = PAD + line + GAP
        height = self.height() - top - line - GAP - PAD
        for column, (title, image) in enumerate(zip(_TITLES, self._images, strict=True)):
            left = PAD + column * (width + GAP)
            self._write(painter, QRect(left, PAD, width, line), title, theme.muted)
            self._draw(painter, QRect(left, top, width, height), image, theme.raised, theme.muted)
        below = QRect(PAD, self.height() - PAD - line, self.width() - 2 * PAD, line)
        right = content.caption + (f" · {content.note}" if content.note else "")
        room = QFontMetrics(self.font()).horizontalAdvance(right) + 8
        self._write(painter, below.adjusted(0, 0, -room, 0), content.name, theme.muted)
        self._write(painter, below, right, theme.text, Qt.AlignmentFlag.AlignRight)

    def _write(
        self,
        painter: QPainter,
        where: QRect,
        text: str,
        color: QColor,
        side: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
    ) -> None:
        painter.setPen(color)
        elided = QFontMetrics(self.font()).elidedText(text, Qt.TextElideMode.ElideMiddle, where.width())
        painter.drawText(where, int(side | Qt.AlignmentFlag.AlignVCenter), elided)

    def _draw(self, painter: QPainter, where: QRect, image: QImage | None, empty: QColor, muted: QColor) -> None:
        if image is None:
            painter.fillRect(where, empty)
            painter.setPen(muted)
            painter.drawText(where, int(Qt.AlignmentFlag.AlignCenter), "–")
            return
        size = image.size().scaled(where.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRect(where.topLeft(), size)
        place.moveCenter(where.center())
        # Small pictures show their pixels; large ones are shrunk softly
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, size.width() < image.width())
        painter.drawImage(place, image)


def _to_image(picture: NDArray[np.uint8] | None) -> QImage | None:
    if picture is None:
        return None
    height, width = picture.shape[:2]
    data = picture.tobytes()
    return QImage(data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
