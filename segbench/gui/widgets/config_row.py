"""One row of a ConfigForm: the editor for a knob, its marker and reset button, and the line that says what is wrong with it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QLineEdit, QSpinBox, QWidget

from segbench.gui.widgets.choice_words import ZEROS, describe_choice, describe_raw, describe_setting
from segbench.gui.widgets.parts import build_label, build_tool
from segbench.knobs import Knob


def describe_range(knob: Knob) -> str:
    """In words: "from 1 to 4096", "above 0, at most 10", "at least 0" or ""."""
    if knob.kind not in ("int", "float"):
        return ""
    low = None if knob.low is None else f"{'above' if knob.low_open else 'at least'} {knob.low:g}"
    high = None if knob.high is None else f"{'below' if knob.high_open else 'at most'} {knob.high:,.10g}"
    if low and high and not knob.low_open and not knob.high_open:
        return f"from {knob.low:g} to {knob.high:,.10g}"
    return ", ".join(part for part in (low, high) if part)


def check_text(knob: Knob, text: str) -> tuple[float | None, str]:
    """(number, "") if the text is a number in the knob's range, else (None or the number, what is wrong)."""
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None, f"{knob.title} must be a number such as 0.001 or 1e-3."
    below = knob.low is not None and (value <= knob.low if knob.low_open else value < knob.low)
    above = knob.high is not None and (value >= knob.high if knob.high_open else value > knob.high)
    if below or above or value != value or value in (float("inf"), float("-inf")):
        return value, f"{knob.title} must be {describe_range(knob) or 'a finite number'}."
    return value, ""


class WheelGuard(QObject):
    """Lets the wheel scroll the form instead of changing a field that it happens to be over."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False


class KnobRow(QObject):
    """One knob: label, editor, reset button, and a line for what is wrong with it."""

    edited = Signal()

    def __init__(self, knob: Knob, guard: QObject, parent: QObject) -> None:
        super().__init__(parent)
        self.knob = knob
        self.label = QLabel(knob.title)
        self.editor = self._build_editor()
        self.editor.setObjectName(f"knob_{knob.path}")
        self.editor.setAccessibleName(knob.title)
        self.editor.setMinimumWidth(88)
        self.editor.installEventFilter(guard)
        self.editor.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.label.setBuddy(self.editor)
        self.reset = build_tool("↺", f"reset_{knob.path}", "")
        self.reset.setAutoRaise(True)
        self.reset.setAccessibleName(f"Reset {knob.title}")
        self.error = build_label("", f"error_{knob.path}", "bad", wrap=True)
        self.preset: Any = knob.default
        self.shown = True
        self.reset.clicked.connect(self._reset)
        # `explain` is the form's to call, when the row stands in it: shown before, the button would be a window of its own
        self.reset.hide()

    def _build_editor(self) -> QWidget:
        knob = self.knob
        if knob.kind == "choice":
            combo = QComboBox()
            for choice in knob.choices:
                combo.addItem(describe_choice(knob.path, choice), choice)
                combo.setItemData(combo.count() - 1, f"--set {knob.path}={choice}", Qt.ItemDataRole.ToolTipRole)
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            combo.setMinimumContentsLength(8)
            combo.view().setMinimumWidth(combo.view().sizeHintForColumn(0) + 32)  # the list is as wide as its words
            combo.currentIndexChanged.connect(self.edited)
            return combo
        if knob.kind == "bool":
            box = QCheckBox()
            box.toggled.connect(self.edited)
            return box
        if knob.kind == "int":
            spin = QSpinBox()
            spin.setRange(
                int(knob.low if knob.low is not None else -(2**31)), int(min(knob.high or 2**31 - 1, 2**31 - 1))
            )
            spin.setGroupSeparatorShown(True)
            if knob.low == 0:
                spin.setSpecialValueText(ZEROS.get(knob.path, ""))
            spin.setKeyboardTracking(True)
            spin.valueChanged.connect(self.edited)
            return spin
        line = QLineEdit()
        line.setPlaceholderText("a number, e.g. 1e-3")
        line.textChanged.connect(self.edited)
        return line

    @property
    def value(self) -> Any:
        """What the editor holds; text where that is not a number."""
        editor = self.editor
        if isinstance(editor, QComboBox):
            return editor.currentData()
        if isinstance(editor, QCheckBox):
            return editor.isChecked()
        if isinstance(editor, QSpinBox):
            return editor.value()
        assert isinstance(editor, QLineEdit)
        number, _ = check_text(self.knob, editor.text())
        return editor.text() if number is None else number

    def put(self, value: Any) -> None:
        editor = self.editor
        if isinstance(editor, QComboBox):
            editor.setCurrentIndex(max(editor.findData(value), 0))
        elif isinstance(editor, QCheckBox):
            editor.setChecked(bool(value))
        elif isinstance(editor, QSpinBox):
            editor.setValue(int(value))
        elif isinstance(editor, QLineEdit) and (self.value != value or not editor.text()):
            editor.setText(value if isinstance(value, str) else describe_raw(float(value)))

    def problem(self) -> str:
        return check_text(self.knob, self.editor.text())[1] if isinstance(self.editor, QLineEdit) else ""

    @property
    def changed(self) -> bool:
        return bool(self.value != self.preset)

    def explain(self) -> None:
        """Tooltip, marker and reset button for the present value."""
        knob = self.knob
        limits = describe_range(knob)
        parts = [knob.help, f"Range: {limits}." if limits else "", f"Preset: {describe_setting(knob, self.preset)}."]
        tip = " ".join(part for part in parts if part) + f"\n--set {knob.path}={describe_raw(self.value)}"
        self.editor.setToolTip(tip)
        self.label.setToolTip(tip)
        font = self.label.font()
        font.setBold(self.changed)
        self.label.setFont(font)
        self.reset.setVisible(self.shown and self.changed)
        self.reset.setToolTip(f"Back to {describe_setting(knob, self.preset)}")

    def show_error(self, text: str) -> None:
        self.error.setText(text)
        self.error.setVisible(bool(text) and self.shown)

    def set_shown(self, shown: bool) -> None:
        self.shown = shown
        for widget in (self.label, self.editor):
            widget.setVisible(shown)
        self.reset.setVisible(shown and self.changed)
        self.error.setVisible(shown and bool(self.error.text()))

    def _reset(self) -> None:
        self.put(self.preset)
        self.editor.setFocus()
