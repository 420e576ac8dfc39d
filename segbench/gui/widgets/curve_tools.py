"""The row of switches above the curves: which plots, follow, logarithm, outliers, smoothing, CSV."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QLabel, QSlider, QToolButton, QWidget

from segbench.gui.theme import current_theme
from segbench.gui.widgets.parts import build_check, build_tool
from segbench.gui.widgets.yielding_row import YieldingRow

PARTS = {"all": "All", "loss": "Loss", "iou": "IoU", "rate": "Rate"}
_CHECKED = """QToolButton:checked {{ background: {accent}; color: {text}; border: 1px solid {accent};
    border-radius: 3px; padding: 3px 5px; }}"""


class CurveTools(YieldingRow):
    """Signals say what the user switched; it decides nothing."""

    part_chosen = Signal(str)
    follow_requested = Signal()
    log_toggled = Signal(bool)
    outliers_toggled = Signal(bool)
    smoothing_changed = Signal(float)
    csv_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(6, parent)
        self.setObjectName("curve_tools")
        self._parts_shown: dict[str, QToolButton] = {}
        group = QButtonGroup(self)
        for part, text in PARTS.items():
            tip = "Show all three plots" if part == "all" else f"Show the {text} plot alone"
            button = build_tool(text, f"part_{part}", tip, checkable=True, checked=part == "all")
            button.clicked.connect(lambda _checked=False, part=part: self.part_chosen.emit(part))
            group.addButton(button)
            self._parts_shown[part] = button
            self.add(button, rank=2)
        tip = "Show the whole run and grow with it. Zooming or panning lets go of it."
        self.follow = build_tool("Follow", "follow", tip, checkable=True, checked=True)
        self.follow.clicked.connect(self.follow_requested)
        self.add(self.follow)
        self.add_stretch()
        log = build_check("Log", "log_scale", "Logarithmic loss and learning rate")
        log.toggled.connect(self.log_toggled)
        self.add(log)
        tip = "Fit the y axis to the smoothed curves, not to single steps"
        self.outliers = build_check("Ignore outliers", "ignore_outliers", tip)
        self.outliers.toggled.connect(self.outliers_toggled)
        self.add(self.outliers)
        self._add_smoothing()
        csv = build_tool("CSV…", "save_csv", "Save every value of these curves as a CSV file")
        csv.clicked.connect(self.csv_requested)
        self.add(csv, rank=1)
        self.restyle()

    def restyle(self) -> None:
        """Takes over the theme's colours. Only the buttons get a sheet, and in plain colours: a sheet on the row, or one that
        names the palette, would keep the colours of the theme in which it was set."""
        theme = current_theme()
        sheet = _CHECKED.format(accent=theme.accent.name(), text=theme.on_accent.name())
        for button in (*self._parts_shown.values(), self.follow):
            button.setStyleSheet("")
            button.setStyleSheet(sheet)

    def check_part(self, part: str) -> None:
        self._parts_shown[part].setChecked(True)

    def set_smoothing(self, smoothing: float) -> None:
        """0..0.99."""
        self._slider.setValue(round(smoothing * 100))

    def _add_smoothing(self) -> None:
        label = QLabel("Smoothing")
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setObjectName("smoothing")
        self._slider.setAccessibleName("Smoothing")
        self._slider.setRange(0, 99)
        self._slider.setValue(90)
        self._slider.setFixedWidth(80)
        self._slider.setToolTip(
            "How far the running mean of the loss reaches: 0 not at all, 0.9 about 1 % of the run, 0.99 about 10 %."
        )
        label.setBuddy(self._slider)
        self._value = QLabel("0.90")
        self._value.setMinimumWidth(self._value.fontMetrics().horizontalAdvance("0.00 "))
        self._slider.valueChanged.connect(self._take_smoothing)
        self.add(label, rank=3)
        self.add(self._slider)
        self.add(self._value, rank=3)

    def _take_smoothing(self, hundredths: int) -> None:
        self._value.setText(f"{hundredths / 100:.2f}")
        self.smoothing_changed.emit(hundredths / 100)
