"""A row whose less important parts vanish while there is no room for them, instead of forcing the window wide."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget


class YieldingRow(QWidget):
    """Widgets side by side. Those of the highest rank go first when it is narrow; rank 0 always stays."""

    def __init__(self, spacing: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(spacing)
        self._parts: list[tuple[QWidget, int]] = []
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def add(self, widget: QWidget, rank: int = 0) -> None:
        self._parts.append((widget, rank))
        self._row.addWidget(widget)

    def add_stretch(self) -> None:
        self._row.addStretch(1)

    def minimumSizeHint(self) -> QSize:
        return QSize(self._measure(0), super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:
        return QSize(self._measure(99), super().sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.arrange()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self.arrange()
        return super().event(event)

    def arrange(self) -> None:
        """Shows what there is room for."""
        ranks = sorted({rank for _, rank in self._parts}, reverse=True)
        kept = next((rank for rank in ranks if self._measure(rank) <= self.width()), 0)
        for widget, rank in self._parts:
            if widget.isHidden() != (rank > kept):
                widget.setVisible(rank <= kept)

    def _measure(self, rank: int) -> int:
        """The width of the parts up to this rank."""
        widths = [widget.sizeHint().width() for widget, own in self._parts if own <= rank]
        return sum(widths) + max(len(widths) - 1, 0) * self._row.spacing()
