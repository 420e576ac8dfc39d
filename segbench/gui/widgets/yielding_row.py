"""A row whose less important parts vanish while there is no room for them, instead of forcing the window wide."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget


class YieldingRow(QWidget):
    """Widgets side by side. When it is narrow, those that can shrink do; then those of the highest rank go, and rank 0 stays."""

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
        width = self._add_up([widget.sizeHint().width() for widget, _ in self._parts])
        return QSize(width, super().sizeHint().height())

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
        """The width that the parts up to this rank need."""
        return self._add_up([_find_least_width(widget) for widget, own in self._parts if own <= rank])

    def _add_up(self, widths: list[int]) -> int:
        return sum(widths) + max(len(widths) - 1, 0) * self._row.spacing()


def _find_least_width(widget: QWidget) -> int:
    """As a layout sees it that gives a shown widget room."""
    may_shrink = widget.sizePolicy().horizontalPolicy().value & QSizePolicy.PolicyFlag.ShrinkFlag.value
    hint = widget.minimumSizeHint() if may_shrink else widget.sizeHint()
    return min(max(hint.width(), widget.minimumWidth()), widget.maximumWidth())
