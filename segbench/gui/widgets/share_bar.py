"""A bar that is divided among classes by their shares, each piece in its colour and named where there is room. Knows no run."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from segbench.gui.theme import contrast, current_theme, theme_signals
from segbench.gui.widgets.parts import build_tip
from segbench.gui.widgets.run_colors import keep_apart
from segbench.records import Color

INKS = (QColor("#000000"), QColor("#ffffff"))
MARGIN = 4.0  # beside a piece's name
LISTED = 16  # names in the tooltip, the greatest shares first


class ShareBar(QWidget):
    """`about` says in the tooltip what is divided; the shares follow there, and in the accessible description."""

    def __init__(self, title: str, about: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._about = about
        self._shares: tuple[tuple[str, float], ...] = ()
        self._known: dict[str, Color] = {}
        self._colors: list[QColor] = []
        self.setAccessibleName(title)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme_signals().changed.connect(self._restyle)

    def set_shares(self, shares: Sequence[tuple[str, float]]) -> None:
        """(class, share) in the order in which the pieces stand; the shares sum to 1."""
        shares = tuple(shares)
        if shares == self._shares:
            return
        same = [name for name, _ in shares] == [name for name, _ in self._shares]
        self._shares = shares
        words = describe_shares(shares)
        self.setAccessibleDescription(", ".join(words))
        listed = describe_shares(sorted(shares, key=lambda pair: -pair[1])[:LISTED])
        left = [f"and {len(words) - LISTED} more"] if len(words) > LISTED else []
        self.setToolTip(build_tip("\n".join((self._about, *listed, *left))))
        if same:
            self.update()
        else:
            self._restyle()

    def set_colors(self, colors: dict[str, Color]) -> None:
        """By class; one that is not named is grey."""
        self._known = dict(colors)
        self._restyle()

    @property
    def shares(self) -> tuple[tuple[str, float], ...]:
        return self._shares

    def pieces(self) -> list[tuple[QRectF, QColor, str]]:
        """Place, colour and text of each piece, as it is painted."""
        found, left = [], 0.0
        for (name, share), color in zip(self._shares, self._colors, strict=True):
            width = share * self.width()
            rect = QRectF(left, 0.0, width, float(self.height()))
            room = width - 2 * MARGIN
            texts = (*describe_shares([(name, share)]), name, "")
            text = next(t for t in texts if not t or self.fontMetrics().horizontalAdvance(t) <= room)
            found.append((rect, color, text))
            left += width
        return found

    def sizeHint(self) -> QSize:
        return QSize(320, self.fontMetrics().height() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, self.fontMetrics().height() + 2)

    def paintEvent(self, event: QEvent) -> None:
        theme, painter = current_theme(), QPainter(self)
        for rect, color, text in self.pieces():
            painter.fillRect(rect, color)
            if rect.left() > 0:  # a seam between two pieces
                painter.fillRect(QRectF(rect.left(), 0.0, 1.0, rect.height()), theme.surface)
            if text:
                painter.setPen(QPen(max(INKS, key=lambda ink, on=color: contrast(ink, on))))  # type: ignore[misc]
                painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)
        painter.end()

    def _restyle(self) -> None:
        theme = current_theme()
        colors = [QColor(*self._known[name]) if name in self._known else theme.muted for name, _ in self._shares]
        self._colors = keep_apart(colors, theme)
        self.update()


def describe_shares(shares: Sequence[tuple[str, float]]) -> list[str]:
    """ "star 41 %" a class; what is above 0 is never 0 %."""
    return [f"{name} {'<1' if 0 < share < 0.005 else f'{100 * share:.0f}'} %" for name, share in shares]
