"""How much is found of what the picture shows of an object, and of what lies under others: bars by class and network."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QBrush, QColor, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from segbench.gui.panels.evaluation.definition_card import DefinitionCard
from segbench.gui.panels.evaluation.state import MEAN, Page
from segbench.gui.panels.evaluation.words import write_class, write_images, write_pair, write_ratio
from segbench.gui.theme import GRID, current_theme, theme_signals
from segbench.gui.widgets.empty_state import EmptyState
from segbench.gui.widgets.parts import build_label
from segbench.gui.widgets.run_colors import run_color

BAR, GAP = 13, 14
NAME = 130
NEVER = "In this dataset every pixel has one class, so that nothing lies hidden under another object."


@dataclass(frozen=True, slots=True)
class Group:
    """A class: (network's name, its place, recall seen, recall hidden) of each network."""

    k: int
    name: str
    bars: tuple[tuple[str, int, float | None, float | None], ...]


class OverlapBars(QWidget):
    """`clicked` when another class is told of, `opened` when its images are asked for."""

    clicked = Signal(int)
    opened = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("overlap_bars")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._groups: tuple[Group, ...] = ()
        self.k = MEAN  # the class that is told of
        self._tops: list[tuple[float, float, int]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme_signals().changed.connect(self.update)

    def set_groups(self, groups: tuple[Group, ...]) -> None:
        self._groups = groups
        self._tops, top = [], 9.0
        for group in groups:
            high = len(group.bars) * (2 * BAR + 6)
            self._tops.append((top, high, group.k))
            top += high + GAP
        self.setFixedHeight(int(top) + 8)
        self.setAccessibleName("Recall of seen and of hidden pixels")
        said = [
            f"{group.name}{f' by {name}' if len(group.bars) > 1 else ''}: seen {write_ratio(seen)}, hidden {write_ratio(hidden)}"
            for group in groups
            for name, _, seen, hidden in group.bars
        ]
        self.setAccessibleDescription(". ".join(said))
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        y = event.position().y()
        for top, high, k in self._tops:
            if top - GAP / 2 <= y < top + high + GAP / 2:
                self._choose(k)

    def _choose(self, k: int) -> None:
        self.k = k
        self.update()
        self.clicked.emit(k)

    def event(self, event: QEvent) -> bool:
        arrows = (Qt.Key.Key_Up, Qt.Key.Key_Down)
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() in arrows:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        classes = [k for _, _, k in self._tops]
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down) and classes:
            by = 1 if event.key() == Qt.Key.Key_Down else -1
            self._choose(classes[(classes.index(self.k) + by) % len(classes) if self.k in classes else 0])
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit(self.k)
        else:
            super().keyPressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.opened.emit(self.k)

    def sizeHint(self) -> QSize:
        return QSize(520, self.height())

    def paintEvent(self, _event: QEvent) -> None:
        with QPainter(self) as painter:
            for group, (top, high, k) in zip(self._groups, self._tops, strict=True):
                self._paint_group(painter, group, top, high)
                if k == self.k:
                    painter.setPen(QPen(current_theme().accent if self.hasFocus() else current_theme().border, 1))
                    painter.drawRect(QRectF(0.5, top - GAP / 2 + 1.5, self.width() - 1, high + GAP - 3))

    def _paint_group(self, painter: QPainter, group: Group, top: float, high: float) -> None:
        theme = current_theme()
        font = painter.font()
        font.setBold(group.k < 0)
        painter.setFont(font)
        painter.setPen(theme.text)
        name = painter.fontMetrics().elidedText(group.name, Qt.TextElideMode.ElideRight, NAME - 16)
        painter.drawText(QRectF(8, top, NAME - 16, high), int(Qt.AlignmentFlag.AlignVCenter), name)
        font.setBold(False)
        painter.setFont(font)
        wide = max(80.0, self.width() - NAME - 150)
        for number, (_, place, seen, hidden) in enumerate(group.bars):
            color = run_color(place, theme)
            for line, (value, word) in enumerate(((seen, "seen"), (hidden, "hidden"))):
                y = top + number * (2 * BAR + 6) + line * (BAR + 1)
                painter.fillRect(QRectF(NAME, y, wide, BAR), theme.raised)
                if value is not None:
                    rect = QRectF(NAME, y, max(1.0, value * wide), BAR)
                    self._fill(painter, rect, color, line == 1)
                painter.setPen(theme.text)
                place_of_text = QRectF(NAME + wide + 8, y - 4, 142, BAR + 8)
                painter.drawText(place_of_text, int(Qt.AlignmentFlag.AlignVCenter), f"{write_ratio(value)}  {word}")

    @staticmethod
    def _fill(painter: QPainter, rect: QRectF, color: QColor, hatched: bool) -> None:
        if not hatched:
            painter.fillRect(rect, color)
            return
        faint = QColor(color)
        faint.setAlpha(70)
        painter.fillRect(rect, faint)
        painter.fillRect(rect, QBrush(color, Qt.BrushStyle.BDiagPattern))
        painter.setPen(QPen(color, 1))
        painter.drawRect(rect.adjusted(0.5, 0.5, -0.5, -0.5))


class OverlapTab(QWidget):
    """worst_wanted: images in which little is found of what is hidden."""

    worst_wanted = Signal(str, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("overlap_tab")
        self._shown: tuple[object, ...] = ()
        self._page: Page | None = None
        self.words = build_label("", "overlap_words", "heading", wrap=True)
        self.bars = OverlapBars()
        self.bars.clicked.connect(lambda _k: self._show_card())
        self.bars.opened.connect(lambda k: self.worst_wanted.emit("hidden_recall", k))
        self.note = build_label("", "overlap_note", "muted", wrap=True)
        scroll = QScrollArea()
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self.bars)
        scroll.setAccessibleName("Bars by class")
        self.card = DefinitionCard()
        self.card.setFixedWidth(340)
        left = QVBoxLayout()
        left.setSpacing(GRID)
        left.addWidget(self.words)
        left.addWidget(scroll, 1)
        left.addWidget(self.note)
        body = QWidget()
        row = QHBoxLayout(body)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * GRID)
        row.addLayout(left, 1)
        row.addWidget(self.card)
        self.never = EmptyState(NEVER)
        self.pages = QStackedWidget()
        self.pages.addWidget(body)
        self.pages.addWidget(self.never)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.pages)

    def show_page(self, page: Page) -> None:
        self._page, one = page, page.present
        if one is None:
            return
        there = one.evaluation.hidden is not None
        self.pages.setCurrentIndex(0 if there else 1)
        if not there:
            return
        classes = page.classes or one.evaluation.classes
        shown = (page.look.present, page.names, classes, *(id(other) for _, other in page.there))
        if shown != self._shown:
            self._shown = shown
            groups = [self._build_group(page, k, write_class(classes, k)) for k in (MEAN, *range(len(classes)))]
            self.bars.set_groups(tuple(groups))
        seen, hidden = one.measured["seen_recall", MEAN].pooled, one.measured["hidden_recall", MEAN].pooled
        if seen is None or hidden is None:
            self.words.setText("On these images no object hides another.")
        else:
            self.words.setText(
                f"Of what the picture shows, {seen:.0%} is found; of what lies under other objects, {hidden:.0%}."
            )
        told, pixels = one.evaluation.told, one.evaluation.count_pixels("hidden")
        count = 0 if told is None else int(told.sum())
        total = 0 if pixels is None else int(pixels.sum())
        hint = (
            "The pictures of all images tell"
            if count == one.evaluation.images
            else f"The pictures of {count:,} of {write_images(one.evaluation.images)} tell"
        )
        self.note.setText(
            f"{hint} what lies under what; {total:,} pixels are hidden. Solid: seen, hatched: hidden. Click a class for its numbers, double-click for its images."
        )
        self._show_card()

    @staticmethod
    def _build_group(page: Page, k: int, name: str) -> Group:
        bars = [
            (page.names[place], place, one.measured["seen_recall", k].pooled, one.measured["hidden_recall", k].pooled)
            for place, one in page.there
            if ("seen_recall", k) in one.measured
        ]
        return Group(k, name, tuple(bars))

    def _show_card(self) -> None:
        one = self._page.present if self._page is not None else None
        if one is None or self._page is None or ("hidden_recall", self.bars.k) not in one.measured:
            return
        lines = []
        for metric, word in (("seen_recall", "Seen"), ("hidden_recall", "Hidden"), ("hidden_iou", "IoU hidden"), ("shared_iou", "IoU where planes share")):  # fmt: skip
            lines.append(f"{word}: {write_pair(one.measured[metric, self.bars.k])}")  # type: ignore[index]
        classes = self._page.classes or one.evaluation.classes
        head = "all classes" if self.bars.k == MEAN else classes.names[self.bars.k]
        self.card.show_definition("hidden_recall", head, "\n".join(lines), one.evaluation)
