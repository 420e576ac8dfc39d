"""A grid of numbers that one can point at, walk through by keys and, where allowed, edit. Knows Qt, knows no tensor and no layer."""

from __future__ import annotations

import math
import re
from dataclasses import replace

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QFont,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QLineEdit, QSizePolicy, QToolTip, QWidget

from segbench.gui.theme import current_theme, fill_sheet, mark, theme_signals
from segbench.gui.widgets.cells import INSERTED, PADDING, VALUE, VOID, Cells, Marks
from segbench.gui.widgets.grid_paint import MARGIN, GridFrame, Place, is_same, keep_copy, paint_cells, plan_cells
from segbench.gui.widgets.parts import build_tip

LIKED_SIDE = 30  # px a cell that the grid asks for
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,2})?", re.IGNORECASE)
ALLOWED = "A number is wanted here, such as 2, −0.5 or 1e−3"
SHEET = """
QLineEdit { border: 2px solid %(rim)s; border-radius: 4px; background: %(surface)s; padding: 0 1px; }"""
_WRAPPED = int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop) | int(Qt.TextFlag.TextWordWrap)
_ZEROS = {PADDING: "padding zero", INSERTED: "inserted zero"}
_MOVES = {
    Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0),
}  # fmt: skip
_JUMPS = (Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)
_OPENS = (Qt.Key.Key_F2, Qt.Key.Key_Return, Qt.Key.Key_Enter)
_CLEARS = (Qt.Key.Key_Delete, Qt.Key.Key_Backspace)


def read_number(text: str) -> float | None:
    """The number that a text means, a comma taken for a point; None where it means none."""
    text = text.strip().replace("−", "-").replace(",", ".")
    return float(text) if NUMBER.fullmatch(text) else None


def spell_value(value: float) -> str:
    """A number as exactly as float32 has it, with a true minus."""
    return f"{value + 0.0:.7g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e").replace("-", "−")


class TensorGrid(QWidget):
    """Arrows, Home, End, Page Up and Page Down move the cursor. An editable grid shows the owner's values until it gets new ones."""

    cell_hovered = Signal(int, int)  # −1, −1: none
    cell_selected = Signal(int, int)
    cell_edited = Signal(int, int, float)

    def __init__(self, name: str, title: str = "", editable: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._title, self._note, self._empty = "", "", ""
        self._cells: Cells | None = None
        self._marks = Marks()
        self._cursor: Place | None = None
        self._editable = editable
        self._editor: CellEditor | None = None
        self._hovered: Place | None = None
        self._wheel = 0
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.set_title(title)
        theme_signals().changed.connect(self._restyle)

    # What is shown --------------------------------------------------------------------------------------------------------

    @property
    def cells(self) -> Cells | None:
        return self._cells

    @property
    def marks(self) -> Marks:
        return self._marks

    @property
    def current(self) -> Place | None:
        """The cell that keys mean: where the user went last, or the owner's cursor if that came later. Outlined with the focus."""
        cursor, cells = self._cursor, self._cells
        if cells is None or cursor is None:
            return None
        rows, columns = cells.values.shape
        inside = 0 <= cursor[0] < rows and 0 <= cursor[1] < columns
        return cursor if inside else None

    def set_title(self, title: str, note: str = "") -> None:
        """The line above the grid; the note, a size for instance, is muted."""
        if title:
            self.setAccessibleName(title)
        if (title, note) != (self._title, self._note):
            self._title, self._note = title, note
            self._describe()
            self.update()

    def set_cells(self, cells: Cells | None, empty_text: str = "") -> None:
        """None: there is nothing to show, and `empty_text` says why."""
        if is_same(cells, self._cells) and (cells is not None or empty_text == self._empty):
            return
        before, self._cells, self._empty = self._cells, keep_copy(cells) if cells is not None else None, empty_text
        if cells is None or before is None or cells.values.shape != before.values.shape:
            self._drop_editor()
            self._hovered = None  # under the mouse is another cell, even if it has the same place
            self.updateGeometry()
        self._describe()
        self.update()

    def set_marks(self, marks: Marks) -> None:
        """A cursor of the owner's takes the user's along; None leaves that where it is."""
        if is_same(marks, self._marks):
            return
        self._marks = keep_copy(marks)
        self._cursor = marks.cursor or self._cursor
        self._describe()
        self.update()

    def set_editable(self, editable: bool) -> None:
        self._editable = editable
        if not editable:
            self._drop_editor()

    def tell_cell(self, row: int, column: int) -> str:
        """The cell in words: its place, its exact value, and which kind of zero it is."""
        place, what = self._spell(row, column)
        return f"{place}: {what}"

    def _spell(self, row: int, column: int) -> tuple[str, str]:
        place, cells = f"row {row}, column {column}", self._cells
        if cells is None or (kind := _kind(cells, (row, column))) == VOID:
            return place, "nothing"
        letter = str(cells.letters[row, column]) if cells.letters is not None else ""
        zero = _ZEROS.get(kind, "")
        value = letter if cells.letters is not None else spell_value(float(cells.values[row, column]))
        return place, ", ".join(filter(None, (value, zero)))

    def _describe(self) -> None:
        """What a screen reader says after the title."""
        text = self._empty if self._cells is None else self._note
        if (cursor := self.current) is not None:
            place, what = self._spell(*cursor)
            text = f"{place}, {what if what in _ZEROS.values() else f'value {what}'}"
        if text != self.accessibleDescription():
            self.setAccessibleDescription(text)

    # Geometry -------------------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        rows, columns = self._cells.values.shape if self._cells is not None else (6, 6)
        width, height = (min(420, LIKED_SIDE * count + 2 * MARGIN) for count in (columns, rows))
        return QSize(max(96, width), max(96, height + self._head()))

    def minimumSizeHint(self) -> QSize:
        return QSize(96, 96)

    def _head(self) -> int:
        """Pixels that the title takes."""
        return self.fontMetrics().height() + 4 if self._title or self._note else 0

    def _area(self) -> QRectF:
        """Right below the title, as tall as the cells need: titles of grids side by side stand in one line."""
        area = QRectF(self.rect()).adjusted(0, self._head(), 0, 0)
        if self._cells is not None:
            frame = plan_cells(area, self._cells.values.shape, ratio=self.devicePixelRatioF())
            area.setHeight(frame.side * frame.rows + 2 * MARGIN)
        return area

    def find_frame(self) -> GridFrame | None:
        """Where the cells stand in the widget."""
        if self._cells is None:
            return None
        return plan_cells(self._area(), self._cells.values.shape, ratio=self.devicePixelRatioF())

    def _find_cell(self, at: QPointF) -> Place | None:
        frame, cells = self.find_frame(), self._cells
        place = frame.find(at.x(), at.y()) if frame else None
        return place if cells is not None and place is not None and _kind(cells, place) != VOID else None

    def _can_edit(self, place: Place | None) -> bool:
        cells = self._cells
        if not self._editable or not self.isEnabled() or cells is None or place is None:
            return False
        return cells.letters is None and _kind(cells, place) == VALUE

    # What the user does ---------------------------------------------------------------------------------------------------

    def _select(self, place: Place) -> None:
        if place != self._cursor:
            self._cursor = place
            self._describe()
            self.update()
        self.cell_selected.emit(*place)

    def _hover(self, place: Place | None) -> None:
        if place != self._hovered:
            self._hovered = place
            self.cell_hovered.emit(*(place or (-1, -1)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = self._find_cell(event.position())
        if event.button() == Qt.MouseButton.LeftButton and place is not None:
            self._select(place)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        place = self._find_cell(event.position())
        if event.button() == Qt.MouseButton.LeftButton and place is not None:
            self._open_editor(place)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self._find_cell(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(None)
        super().leaveEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        place = self._find_cell(event.position())
        if not event.modifiers() & Qt.KeyboardModifier.ControlModifier or not self._can_edit(place):
            event.ignore()  # the page scrolls
            return
        self._wheel += event.angleDelta().y()
        steps = int(self._wheel / 120)
        self._wheel -= 120 * steps
        if steps and place is not None:
            self.cell_edited.emit(*place, float(self._cells.values[place]) + steps)
        event.accept()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            return self._show_tip(event)
        # Keys belong to the grid while it has the focus, not to the window's shortcuts
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._wants(event):
            event.accept()
            return True
        return super().event(event)

    def _wants(self, event: QKeyEvent) -> bool:
        modifiers = event.modifiers()
        if self._cells is None or modifiers & (Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier):
            return False
        if modifiers & Qt.KeyboardModifier.ControlModifier:
            return event.key() in (Qt.Key.Key_Home, Qt.Key.Key_End)
        if event.key() in _MOVES or event.key() in _JUMPS:
            return True
        return self._editable and (event.key() in _OPENS or event.key() in _CLEARS or _starts_number(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._cells is None or not self._wants(event):
            super().keyPressEvent(event)
            return
        key, cursor = event.key(), self.current
        if key in _MOVES or key in _JUMPS:
            self._move(self._cells, key, bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))
        elif cursor is None or not self._can_edit(cursor):
            event.ignore()
        elif key in _CLEARS:
            self._commit(cursor, 0.0)
        else:
            self._open_editor(cursor, event.text() if _starts_number(event) else None)

    def _move(self, cells: Cells, key: int, whole: bool) -> None:
        """Moves the cursor by a key, over what is void; `whole`: Home and End go to the corners of the grid."""
        rows, columns = cells.values.shape
        cursor = self.current
        row, column = cursor or (0, 0)
        if key in _MOVES:
            down, right = _MOVES[Qt.Key(key)]
            # The first arrow brings the cursor out where it is
            way = [(row + n * down, column + n * right) for n in range(0 if cursor is None else 1, max(rows, columns))]
        else:
            line, post = range(columns), range(rows)
            way = {
                Qt.Key.Key_Home: [(r, c) for r in (post if whole else (row,)) for c in line],
                Qt.Key.Key_End: [(r, c) for r in (reversed(post) if whole else (row,)) for c in reversed(line)],
                Qt.Key.Key_PageUp: [(r, column) for r in post],
                Qt.Key.Key_PageDown: [(r, column) for r in reversed(post)],
            }[Qt.Key(key)]
        for place in way:
            if 0 <= place[0] < rows and 0 <= place[1] < columns and _kind(cells, place) != VOID:
                if place != cursor:
                    self._select(place)
                return

    def _show_tip(self, event: QHelpEvent) -> bool:
        place, text, rect = self._find_cell(QPointF(event.pos())), "", QRect()
        if place is not None:
            text, rect = self.tell_cell(*place), self.find_frame().block(*place).toAlignedRect()
        elif event.pos().y() < self._find_top() and self._plan_head()[:2] != (self._title, self._note):
            text, rect = f"{self._title}   {self._note}".strip(), QRect(0, 0, self.width(), self._find_top())
        if text:
            QToolTip.showText(event.globalPos(), build_tip(text), self, rect)
        else:
            QToolTip.hideText()
            event.ignore()
        return True

    # Editing --------------------------------------------------------------------------------------------------------------

    def _open_editor(self, place: Place, text: str | None = None) -> None:
        """Opens the field over a cell, with its value selected or with what was typed."""
        if not self._can_edit(place):
            return
        self._drop_editor()
        value = spell_value(float(self._cells.values[place]))
        editor = self._editor = CellEditor(self, value if text is None else text, value)
        editor.setAccessibleName(f"{self._title}, {self._spell(*place)[0]}".strip(", "))
        editor.finished.connect(lambda value, move: self._finish(place, value, move))
        editor.dropped.connect(self._drop_editor)
        self._place_editor(place)
        editor.show()
        editor.setFocus(Qt.FocusReason.OtherFocusReason)
        if place != self.current:
            self._select(place)

    def _place_editor(self, place: Place) -> None:
        """Over the cell, wider where the cell is too small for a number."""
        cell = self.find_frame().block(*place).toAlignedRect()
        metrics = self._editor.fontMetrics()
        size = cell.size().expandedTo(QSize(metrics.horizontalAdvance("−0.0000") + 8, metrics.height() + 6))
        rect = QRect(QPoint(0, 0), size)
        rect.moveCenter(cell.center())
        rect.moveLeft(max(0, min(rect.left(), self.width() - rect.width())))
        rect.moveTop(max(0, min(rect.top(), self.height() - rect.height())))
        self._editor.setGeometry(rect)
        self._editor.place = place

    def _finish(self, place: Place, value: float | None, move: int) -> None:
        self._drop_editor()
        if value is not None:
            self._commit(place, value)
        if move and self._cells is not None:
            rows, columns = self._cells.values.shape
            at = place[0] * columns + place[1] + move
            while 0 <= at < rows * columns and not self._can_edit(divmod(at, columns)):
                at += move
            if 0 <= at < rows * columns:
                self._select(divmod(at, columns))

    def _commit(self, place: Place, value: float) -> None:
        if self._can_edit(place) and value != self._cells.values[place]:
            self.cell_edited.emit(*place, value)

    def _drop_editor(self) -> None:
        if self._editor is not None:
            editor, self._editor = self._editor, None
            had_focus = editor.hasFocus()
            editor.close_quietly()
            if had_focus:
                self.setFocus(Qt.FocusReason.OtherFocusReason)

    # Paint ----------------------------------------------------------------------------------------------------------------

    def _restyle(self) -> None:
        if self._editor is not None:
            self._editor.restyle()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._editor is not None:
            self._place_editor(self._editor.place)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            self._paint_head(painter)
            if self._cells is None:
                self._paint_empty(painter)
                return
            marks = replace(self._marks, cursor=self.current) if self.hasFocus() else self._marks
            frame = paint_cells(painter, self._area(), self._cells, marks)
            if self.hasFocus():
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setPen(QPen(current_theme().accent, 1, Qt.PenStyle.DotLine))
                painter.drawRoundedRect(frame.rect.adjusted(-3.5, -3.5, 3.5, 3.5), 6, 6)

    def _find_top(self) -> int:
        """Where the cells begin, or what stands in their place."""
        frame = self.find_frame()
        return math.floor(frame.y) - MARGIN if frame else max(self._head(), round(self._plan_empty().top()) - MARGIN)

    def _plan_head(self) -> tuple[str, str, float, float]:
        """What there is room for of title and note, the note giving way first, and how wide each is."""
        bold, plain, room = QFontMetricsF(_embolden(self.font())), QFontMetricsF(self.font()), self.width()
        wide, more = (
            bold.horizontalAdvance(self._title),
            plain.horizontalAdvance(f"   {self._note}" if self._note else ""),
        )
        if wide + more <= room:
            return self._title, self._note, wide, more
        title = bold.elidedText(self._title, Qt.TextElideMode.ElideRight, room)
        return title, "", bold.horizontalAdvance(title), 0.0

    def _paint_head(self, painter: QPainter) -> None:
        """Title and note in one line, in the middle over the grid."""
        title, note, wide, more = self._plan_head()
        if not title and not note:
            return
        theme, y = current_theme(), self._find_top() - self._head() + 4 + self.fontMetrics().ascent()
        x = (self.width() - wide - more) / 2
        painter.setFont(_embolden(self.font()))
        painter.setPen(theme.text)
        painter.drawText(QPointF(round(x), y), title)
        painter.setFont(self.font())
        painter.setPen(theme.muted)
        painter.drawText(QPointF(round(x + wide), y), f"   {note}" if note else "")

    def _plan_empty(self) -> QRectF:
        """Where the words stand that say why there is nothing."""
        room = self._area().adjusted(8, 4, -8, -4)
        return QFontMetricsF(self.font()).boundingRect(room, _WRAPPED, self._empty)

    def _paint_empty(self, painter: QPainter) -> None:
        painter.setFont(self.font())
        painter.setPen(current_theme().text)
        painter.drawText(self._area().adjusted(8, 4, -8, -4), _WRAPPED, self._empty)


def _kind(cells: Cells, place: Place) -> int:
    return VALUE if cells.kinds is None else int(cells.kinds[place])


def _embolden(font: QFont) -> QFont:
    bold = QFont(font)
    bold.setWeight(QFont.Weight.DemiBold)
    return bold


def _starts_number(event: QKeyEvent) -> bool:
    return len(event.text()) == 1 and event.text() in "0123456789-−+"


class CellEditor(QLineEdit):
    """The field over a cell: Enter, Tab and leaving it hand over a number, Escape drops it, and what is none stays and says so."""

    finished = Signal(object, int)  # the number, None if it stays as it was; cells to move on
    dropped = Signal()

    def __init__(self, grid: QWidget, text: str, value: str) -> None:
        super().__init__(text.replace("-", "−"), grid)
        self.place: Place = (0, 0)
        self._value, self._open = value, True
        self.setObjectName("cell_editor")
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.setMaxLength(24)
        if text == value:
            self.selectAll()
        self.textEdited.connect(lambda _text: self._judge(False))
        self.restyle()

    def restyle(self) -> None:
        theme, is_bad = current_theme(), self.property("mark") == "bad"
        self.setStyleSheet(fill_sheet(SHEET.replace("%(rim)s", (theme.bad if is_bad else theme.accent).name())))

    def close_quietly(self) -> None:
        """Takes the field away; leaving it means nothing any more."""
        self._open = False
        QToolTip.hideText()
        self.hide()
        self.deleteLater()

    def _judge(self, is_bad: bool) -> None:
        if is_bad != (self.property("mark") == "bad"):
            mark(self, "bad" if is_bad else "")
            self.setToolTip(ALLOWED if is_bad else "")
            self.restyle()
        if is_bad:
            QToolTip.showText(self.mapToGlobal(QPoint(0, self.height())), ALLOWED, self)

    def _hand_over(self, move: int) -> None:
        value = None if self.text() == self._value else read_number(self.text())
        if value is None and self.text() != self._value:
            self._judge(True)
        else:
            self.finished.emit(value, move)

    def event(self, event: QEvent) -> bool:
        command = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            event.setAccepted(not event.modifiers() & command)  # a letter that is a shortcut elsewhere is a letter here
            return event.isAccepted() or super().event(event)
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            moves = {Qt.Key.Key_Tab: 1, Qt.Key.Key_Backtab: -1, Qt.Key.Key_Return: 0, Qt.Key.Key_Enter: 0}
            if event.key() in moves:
                self._hand_over(moves[Qt.Key(event.key())])
                return True
            if event.key() == Qt.Key.Key_Escape:
                self.dropped.emit()
                return True
        return super().event(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        event.accept()  # not a click on the grid

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        reasons = Qt.FocusReason.PopupFocusReason, Qt.FocusReason.ActiveWindowFocusReason
        if self._open and event.reason() not in reasons:
            self.finished.emit(None if self.text() == self._value else read_number(self.text()), 0)
