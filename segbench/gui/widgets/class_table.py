"""The list of classes beside a picture: eye, colour, name, threshold and numbers, a row a class. Knows no service and no file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QEvent, QObject, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QButtonGroup,
    QColorDialog,
    QDoubleSpinBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from segbench.gui.theme import current_theme, mark, theme_signals
from segbench.gui.widgets.class_marks import ElidedLabel, EyeButton, OwnArrowsSlider, SegmentButton, Swatch
from segbench.gui.widgets.parts import build_tip
from segbench.gui.widgets.window_slider import WindowSlider
from segbench.records import ClassTable

COLUMNS = ("", "", "Class", "Threshold", "", "", "IoU", "Pixels")


@dataclass
class _Row:
    eye: EyeButton
    swatch: Swatch
    name: ElidedLabel
    slider: WindowSlider
    low: QDoubleSpinBox
    high: QDoubleSpinBox
    iou: QLabel
    pixels: QLabel


class _Rows(QWidget):
    """The grid of rows; paints the present class's background."""

    def __init__(self, table: ClassTableWidget) -> None:
        super().__init__()
        self._table = table

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            self._table.find_width()
        return done

    def paintEvent(self, event: QEvent) -> None:
        if (band := self._table.band()) is not None:
            theme, painter = current_theme(), QPainter(self)
            painter.fillRect(band, theme.raised)
            painter.fillRect(QRectF(band.left(), band.top(), 3, band.height()), theme.accent)
            painter.end()


class ClassTableWidget(QWidget):
    """One row a class. It shows what the user did at once and says so; what an owner sets is shown without a signal.

    Keys while the focus is inside: S shows the present class alone (again: all as before). Owners give 1-9, V, [ and ] to
    `toggle`, `toggle_overlay` and `change_opacity` so that they work in the whole panel.
    """

    visibility_changed = Signal(int, bool)
    threshold_changed = Signal(int, float, float)  # class, low, high (may be infinite), in the scores' units
    soloed = Signal(int)  # -1: no class alone any more
    color_changed = Signal(int, object)  # class, (red, green, blue) 0..255
    class_selected = Signal(int)
    opacity_changed = Signal(float)  # 0..1
    style_changed = Signal(str)  # "fill" or "contour"
    overlay_toggled = Signal(bool)

    def __init__(self, parent: QWidget | None = None, thresholds: bool = True) -> None:
        super().__init__(parent)
        self.setObjectName("class_table")
        self.setAccessibleName("Classes")
        self._thresholds = thresholds
        self._rows: list[_Row] = []
        self._current = -1
        self._solo = -1
        self._before_solo: list[bool] = []
        self._two_ended = False
        self.scale = "probability"
        self.gesture = 0  # grows with each drag or focus: changes with the same number belong together for undo
        self._build_header()
        self._grid_holder = _Rows(self)
        self._grid = QGridLayout(self._grid_holder)
        self._grid.setContentsMargins(4, 0, 4, 0)
        self._grid.setHorizontalSpacing(6)
        self._grid.setVerticalSpacing(0)
        self._grid.setColumnStretch(2, 3)
        self._grid.setColumnStretch(3, 2)
        self._scroll = QScrollArea(self)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(self._grid_holder)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._header)
        layout.addWidget(self._scroll, 1)
        theme_signals().changed.connect(self._grid_holder.update)

    def _build_header(self) -> None:
        self._header = QWidget(self)
        line = QHBoxLayout(self._header)
        line.setContentsMargins(4, 0, 4, 0)
        line.setSpacing(4)
        self._overlay = EyeButton(self._header)
        self._overlay.setToolTip("Show or hide the whole overlay (V). Hold Shift over a picture for the raw image.")
        self._overlay.setAccessibleName("Show overlay")
        self._overlay.toggled.connect(self.overlay_toggled)
        line.addWidget(self._overlay)
        self._styles = QButtonGroup(self)
        for style, text, tip in (
            ("fill", "Fill", "Paint the classes' areas"),
            ("contour", "Contour", "Draw the classes' borders only"),
        ):
            button = SegmentButton(text, self._header)
            button.setChecked(style == "fill")
            button.setToolTip(tip)
            button.setProperty("style_name", style)
            button.setObjectName(f"style_{style}")
            self._styles.addButton(button)
            line.addWidget(button)
        self._styles.buttonClicked.connect(lambda button: self.style_changed.emit(button.property("style_name")))
        self._opacity = OwnArrowsSlider(Qt.Orientation.Horizontal, self._header, minimum=0, maximum=100, value=55)
        self._opacity.setObjectName("opacity")
        self._opacity.setAccessibleName("Opacity of the overlay in percent")
        self._opacity.setToolTip("Opacity of the overlay ([ and ])")
        self._opacity_text = QLabel("55 %", self._header, objectName="opacity_text")
        self._opacity_text.setMinimumWidth(self._opacity_text.fontMetrics().horizontalAdvance("100 %"))
        self._opacity.valueChanged.connect(self._say_opacity)
        line.addWidget(self._opacity, 1)
        line.addWidget(self._opacity_text)
        for text, shown, tip in (("All", True, "Show every class"), ("None", False, "Hide every class")):
            every = QToolButton(self._header, text=text, toolTip=tip, objectName=f"show_{text.lower()}")
            every.clicked.connect(partial(self.set_all, shown))
            line.addWidget(every)

    # What an owner sets ---------------------------------------------------------------------------------------------------

    def set_classes(self, classes: ClassTable | None, scale: str = "probability") -> None:
        """A row a class, all shown. scale "probability": thresholds 0..1; "value": the lecture's grey values, 0..300."""
        while self._grid.count():
            item = self._grid.takeAt(0)
            if widget := item.widget():
                widget.hide()
                widget.setParent(None)
                widget.deleteLater()
        for line in range(1, len(self._rows) + 2):
            self._grid.setRowMinimumHeight(line, 0)
            self._grid.setRowStretch(line, 0)
        self._rows, self._current, self._solo, self._two_ended = [], -1, -1, False
        self.scale = scale
        for column, text in enumerate(COLUMNS):
            title = QLabel(text, self._grid_holder, alignment=_side(column))
            mark(title, "muted")
            self._grid.addWidget(title, 0, column)  # before it is shown: without a parent it would be a window
            title.setVisible(bool(text) and (self._thresholds or column != 3))
        for k, one in enumerate(classes.classes if classes else ()):
            self._rows.append(self._build_row(k, one.name, QColor(*one.color), scale))
        self._grid.setRowStretch(len(self._rows) + 1, 1)
        self._grid_holder.update()

    def set_windows(self, windows: Sequence[tuple[float, float]]) -> None:
        """One (low, high) a class; the upper ends show where any is finite."""
        self._two_ended = any(math.isfinite(high) for _, high in windows)
        for row, (low, high) in zip(self._rows, windows, strict=True):
            row.slider.set_two_ended(self._two_ended)
            row.high.setVisible(self._two_ended and self._thresholds)
            self._show_window(row, low, high)

    def find_width(self) -> None:
        """Columns are never cut: the scroll area is as wide as its rows need, and a scroll bar."""
        bar = self._scroll.verticalScrollBar().sizeHint().width()
        self._scroll.setMinimumWidth(self._grid.minimumSize().width() + bar)

    def set_values(self, values: Sequence[tuple[float | None, int | None]]) -> None:
        """IoU (None: not defined) and pixels (None: not known) a class."""
        for row, (iou, pixels) in zip(self._rows, values, strict=True):
            row.iou.setText("–" if iou is None else f"{iou:.2f}")
            row.pixels.setText("–" if pixels is None else f"{pixels:,}")

    def set_truth_known(self, known: bool) -> None:
        """Without truth there is no IoU column."""
        for row in (0, *range(1, len(self._rows) + 1)):
            if item := self._grid.itemAtPosition(row, 6):
                item.widget().setVisible(known)

    def set_color(self, k: int, color: tuple[int, int, int]) -> None:
        self._rows[k].swatch.set_color(QColor(*color))
        self._rows[k].slider.set_color(QColor(*color))

    def set_class_visible(self, k: int, shown: bool) -> None:
        eye = self._rows[k].eye
        eye.blockSignals(True)
        eye.setChecked(shown)
        eye.blockSignals(False)
        self._show_name(k)

    def set_opacity(self, opacity: float) -> None:
        self._opacity.blockSignals(True)
        self._opacity.setValue(round(opacity * 100))
        self._opacity.blockSignals(False)
        self._opacity_text.setText(f"{self._opacity.value()} %")

    def set_style(self, style: str) -> None:
        for button in self._styles.buttons():
            button.setChecked(button.property("style_name") == style)

    def set_overlay(self, shown: bool) -> None:
        self._overlay.blockSignals(True)
        self._overlay.setChecked(shown)
        self._overlay.blockSignals(False)

    def select_class(self, k: int) -> None:
        """Marks a row as the present one without saying so."""
        self._current = k if k < len(self._rows) else -1
        self._grid_holder.update()

    # What it tells --------------------------------------------------------------------------------------------------------

    @property
    def current_class(self) -> int:
        """The present row's class, -1 without."""
        return self._current

    def class_visible(self, k: int) -> bool:
        return self._rows[k].eye.isChecked()

    def windows(self) -> list[tuple[float, float]]:
        return [row.slider.span for row in self._rows]

    @property
    def opacity(self) -> float:
        """Of the overlay, 0..1."""
        return float(self._opacity.value()) / 100

    def __len__(self) -> int:
        return len(self._rows)

    # What keys do ---------------------------------------------------------------------------------------------------------

    def toggle(self, k: int) -> None:
        """Shows or hides class k; nothing happens beyond the last one."""
        if 0 <= k < len(self._rows):
            self._rows[k].eye.toggle()

    def toggle_overlay(self) -> None:
        self._overlay.toggle()

    def toggle_style(self) -> None:
        other = next(button for button in self._styles.buttons() if not button.isChecked())
        other.click()

    def change_opacity(self, by: float) -> None:
        self._opacity.setValue(self._opacity.value() + round(by * 100))

    def set_all(self, shown: bool) -> None:
        """Shows or hides every class, and says so for each that changes."""
        self._solo = -1
        for row in self._rows:
            row.eye.setChecked(shown)

    def solo(self, k: int) -> None:
        """Shows class k alone; a second time puts back what was shown before."""
        if not 0 <= k < len(self._rows):
            return
        if self._solo == k:
            self._solo, wanted = -1, self._before_solo
        else:
            if self._solo < 0:
                self._before_solo = [row.eye.isChecked() for row in self._rows]
            self._solo, wanted = k, [j == k for j in range(len(self._rows))]
        solo = self._solo
        for row, shown in zip(self._rows, wanted, strict=True):
            row.eye.setChecked(shown)
        self._solo = solo
        self.soloed.emit(solo)

    # Rows -----------------------------------------------------------------------------------------------------------------

    def _build_row(self, k: int, name: str, color: QColor, scale: str) -> _Row:
        most, step, decimals = (300.0, 1.0, 0) if scale == "value" else (1.0, 0.01, 2)
        home = self._grid_holder
        row = _Row(
            EyeButton(home), Swatch(home), ElidedLabel(name, home), WindowSlider(home), QDoubleSpinBox(home),
            QDoubleSpinBox(home), QLabel("–", home), QLabel("–", home),
        )  # fmt: skip
        key = f" ({k + 1})" if k < 9 else ""
        row.eye.setToolTip(build_tip(f"Show or hide {name}{key}"))
        row.eye.setAccessibleName(f"Show {name}")
        row.eye.setObjectName(f"eye_{k}")
        row.eye.toggled.connect(partial(self._say_visible, k))
        row.swatch.set_color(color)
        row.swatch.setText(str(k + 1) if k < 9 else "")
        row.swatch.setToolTip(build_tip(f"Choose the colour of {name}…"))
        row.swatch.setAccessibleName(f"Colour of {name}")
        row.swatch.setObjectName(f"swatch_{k}")
        row.swatch.clicked.connect(partial(self._choose_color, k))
        row.name.setToolTip(build_tip(f"{name}: double-click or S shows it alone"))
        row.name.setObjectName(f"name_{k}")
        row.name.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        row.slider.set_limits(0.0, most, step)
        row.slider.set_color(color)
        row.slider.setAccessibleName(f"Threshold of {name}")
        row.slider.setToolTip(
            build_tip(
                f"A pixel is {name} where its score is inside this window. "
                "Arrows move the lower end, Shift and arrows the upper."
            )
        )
        row.slider.pressed.connect(self._begin_gesture)
        row.slider.changed.connect(partial(self._say_threshold, k))
        for end, spin in (("Lower", row.low), ("Upper", row.high)):
            spin.setRange(0.0, most)
            spin.setSingleStep(step)
            spin.setDecimals(decimals)
            spin.setKeyboardTracking(False)
            spin.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
            spin.setAlignment(Qt.AlignmentFlag.AlignRight)
            spin.setFixedWidth(spin.fontMetrics().horizontalAdvance("0.000") + 12)
            spin.setAccessibleName(f"{end} threshold of {name}")
            spin.valueChanged.connect(partial(self._read_spins, k))
        row.low.setObjectName(f"low_{k}")
        row.high.setObjectName(f"high_{k}")
        row.high.setSpecialValueText("")
        row.high.hide()
        row.iou.setToolTip(
            build_tip(
                f"IoU of {name} in this image: pixels found ÷ pixels that are {name}, were called so, or both. "
                "– where it is neither there nor predicted: such a class does not enter the mean."
            )
        )
        row.pixels.setToolTip(build_tip(f"Pixels predicted as {name} in this image"))
        for column, widget in enumerate(vars(row).values()):
            widget.setProperty("class_index", k)
            widget.installEventFilter(self)
            if isinstance(widget, QLabel):
                widget.setAlignment(_side(column))
            if column in (3, 4) and not self._thresholds:
                widget.hide()
            self._grid.addWidget(widget, k + 1, column)
        for number, sample in ((row.iou, "0.00"), (row.pixels, "000,000")):
            number.setMinimumWidth(number.fontMetrics().horizontalAdvance(sample))
        self._grid.setRowMinimumHeight(k + 1, 28)
        return row

    def _show_window(self, row: _Row, low: float, high: float) -> None:
        row.slider.set_window(low, high)
        for spin, value in ((row.low, low), (row.high, high if math.isfinite(high) else row.high.maximum())):
            spin.blockSignals(True)
            spin.setValue(value)
            spin.blockSignals(False)

    def _show_name(self, k: int) -> None:
        row = self._rows[k]
        mark(row.name, "" if row.eye.isChecked() else "muted")

    def band(self) -> QRectF | None:
        """Where the present row stands in the grid."""
        if not 0 <= self._current < len(self._rows):
            return None
        cell = self._grid.cellRect(self._current + 1, 0)
        return QRectF(0, cell.top(), self._grid_holder.width(), cell.height())

    # What the user does in a row ---------------------------------------------------------------------------------------------

    def _begin_gesture(self) -> None:
        self.gesture += 1

    def _say_visible(self, k: int, shown: bool) -> None:
        self._solo = -1
        self._show_name(k)
        self.visibility_changed.emit(k, shown)

    def _say_threshold(self, k: int, low: float, high: float) -> None:
        self._show_window(self._rows[k], low, high)
        self.threshold_changed.emit(k, low, high)

    def _read_spins(self, k: int, _value: float) -> None:
        row = self._rows[k]
        high = row.high.value() if self._two_ended and row.high.value() < row.high.maximum() else math.inf
        low = min(row.low.value(), high)
        row.slider.set_window(low, high)
        self.threshold_changed.emit(k, low, high)

    def _say_opacity(self, percent: int) -> None:
        self._opacity_text.setText(f"{percent} %")
        self.opacity_changed.emit(percent / 100)

    def _choose_color(self, k: int) -> None:
        row = self._rows[k]
        dialog = QColorDialog(row.swatch.color, self)
        dialog.setObjectName("color_dialog")
        dialog.setWindowTitle(f"Colour of {row.name.text()}")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.colorSelected.connect(partial(self._take_color, k))
        dialog.open()

    def _take_color(self, k: int, color: QColor) -> None:
        if k < len(self._rows):
            rgb = (color.red(), color.green(), color.blue())
            self.set_color(k, rgb)
            self.color_changed.emit(k, rgb)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A click or focus anywhere in a row makes its class the present one; a double click on its name shows it alone."""
        kind = event.type()
        if kind in (QEvent.Type.FocusIn, QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick):
            k = watched.property("class_index")
            if k is not None:
                if kind != QEvent.Type.MouseButtonPress:
                    self._begin_gesture()
                if k != self._current:
                    self.select_class(k)
                    self.class_selected.emit(k)
                if kind == QEvent.Type.MouseButtonDblClick and isinstance(watched, QLabel):
                    self.solo(k)
                    return True
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_S and not event.modifiers():
            self.solo(self._current)
            return
        super().keyPressEvent(event)


def _side(column: int) -> Qt.AlignmentFlag:
    right = Qt.AlignmentFlag.AlignRight if column >= 4 else Qt.AlignmentFlag.AlignLeft
    return right | Qt.AlignmentFlag.AlignVCenter
