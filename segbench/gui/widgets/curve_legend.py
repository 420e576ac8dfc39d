"""The table beside the curves: a row a line with its colour, name and value under the crosshair. Click toggles, double-click solos."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QKeyEvent, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from segbench.gui.theme import current_theme
from segbench.gui.widgets.parts import build_tip

_KEY = Qt.ItemDataRole.UserRole
_SWATCH = QSize(18, 12)


class LegendRow(NamedTuple):
    """One row. `section` True: a run's name, whose rows follow; toggling it toggles them all."""

    key: Hashable
    text: str
    color: QColor
    style: Qt.PenStyle = Qt.PenStyle.SolidLine
    tip: str = ""
    section: bool = False


class CurveLegend(QTreeWidget):
    """Which lines are shown, and their values."""

    changed = Signal()  # something was shown or hidden

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("curve_legend")
        self.setAccessibleName("Curves and their values")
        self.setToolTip("Click shows or hides a curve, double-click shows it alone. Keys: Space, Enter.")
        self.setColumnCount(2)
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setIndentation(0)
        self.setIconSize(_SWATCH)
        self.setUniformRowHeights(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.header().setStretchLastSection(False)
        self.header().setMinimumSectionSize(24)
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self._rows: list[LegendRow] = []
        self._items: dict[Hashable, QTreeWidgetItem] = {}
        self._hidden: set[Hashable] = set()
        self._before: set[Hashable] = set()  # what was hidden before the click that may become a double-click
        self.itemClicked.connect(self._click)
        self.itemDoubleClicked.connect(self._double_click)

    def set_rows(self, rows: Sequence[LegendRow], hidden: Sequence[Hashable] = ()) -> None:
        """Replaces the rows. `hidden` are hidden when they are new; rows known before stay as the user left them."""
        known = {row.key for row in self._rows}
        self._hidden |= {key for key in hidden if key not in known}
        if [row[:2] for row in rows] == [row[:2] for row in self._rows]:
            self._rows = list(rows)
        else:
            self._rows = list(rows)
            self.clear()
            self._items = {row.key: QTreeWidgetItem(self, [row.text, ""]) for row in rows}
            for row in rows:
                item = self._items[row.key]
                item.setData(0, _KEY, row.key)
                item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                item.setToolTip(0, build_tip(row.tip or row.text))
                if row.section:
                    font = item.font(0)
                    font.setBold(True)
                    item.setFont(0, font)
                    item.setFirstColumnSpanned(True)
        self._paint()

    def keys(self) -> set[Hashable]:
        """The keys of the rows there are."""
        return set(self._items)

    def is_shown(self, key: Hashable) -> bool:
        return key not in self._hidden

    def set_values(self, values: dict[Hashable, str]) -> None:
        """Texts of the value column; rows that are not named are emptied."""
        for key, item in self._items.items():
            text = values.get(key, "")
            if item.text(1) != text:
                item.setText(1, text)

    def value(self, key: Hashable) -> str:
        """The text of a row's value column."""
        return self._items[key].text(1)

    def toggle(self, key: Hashable) -> None:
        """Shows or hides a row; a section takes its rows along."""
        rows = self._rows_of(key)
        hide = key not in self._hidden
        self._hidden = self._hidden | rows if hide else self._hidden - rows
        self._finish()

    def solo(self, key: Hashable) -> None:
        """Shows this row alone; a second time shows all."""
        rows = self._rows_of(key)
        section = self._section_of(key)
        lines = {row.key for row in self._rows}
        shown = {row.key for row in self._rows if not row.section} - self._hidden
        keep = rows | ({section} if section is not None else set())
        alone = shown == {k for k in rows if k != section and k in lines}
        self._hidden = set() if alone else lines - keep
        self._finish()

    def restyle(self) -> None:
        """Draws the swatches anew after the rows' colours or the theme changed."""
        self._paint()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        item = self.currentItem()
        if item is not None and event.key() == Qt.Key.Key_Space:
            self.toggle(item.data(0, _KEY))
        elif item is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.solo(item.data(0, _KEY))
        else:
            super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        return QSize(208, 200)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 60)

    def _rows_of(self, key: Hashable) -> set[Hashable]:
        rows, inside = {key}, False
        for row in self._rows:
            if row.section:
                inside = row.key == key
            elif inside:
                rows.add(row.key)
        return rows

    def _section_of(self, key: Hashable) -> Hashable | None:
        section = None
        for row in self._rows:
            section = row.key if row.section else section
            if row.key == key:
                return section
        return None

    def _click(self, item: QTreeWidgetItem) -> None:
        self._before = set(self._hidden)
        self.toggle(item.data(0, _KEY))

    def _double_click(self, item: QTreeWidgetItem) -> None:
        self._hidden = set(self._before)
        self.solo(item.data(0, _KEY))

    def _finish(self) -> None:
        self._paint()
        self.changed.emit()

    def _paint(self) -> None:
        theme = current_theme()
        for row in self._rows:
            item, shown = self._items[row.key], self.is_shown(row.key)
            item.setIcon(0, _draw_swatch(row.color if shown else theme.border, row.style, shown))
            item.setForeground(0, theme.text if shown else theme.muted)
            item.setForeground(1, theme.text if shown else theme.muted)


def _draw_swatch(color: QColor, style: Qt.PenStyle, shown: bool) -> QIcon:
    picture = QPixmap(_SWATCH * 2)
    picture.setDevicePixelRatio(2.0)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    width = 1 if not shown else 3 if style == Qt.PenStyle.SolidLine else 2  # dashes are as long as the pen is wide
    painter.setPen(QPen(color, width, style, Qt.PenCapStyle.FlatCap))
    middle = _SWATCH.height() // 2
    painter.drawLine(1, middle, _SWATCH.width() - 1, middle)
    painter.end()
    return QIcon(picture)
