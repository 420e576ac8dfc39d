"""The lab's knobs: which operation, its sizes, its values, the channels looked at. Shows a Lab, asks for changes, decides nothing."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from segbench.gui.panels.convolution.lab import Lab
from segbench.gui.theme import GRID
from segbench.gui.widgets.class_marks import OwnArrowsSlider, SegmentButton
from segbench.gui.widgets.number_box import NumberBox
from segbench.gui.widgets.parts import build_check, build_label

LARGEST_INPUT = 16  # more only where a layer or an example brings it
KNOBS = (  # name, label, least, most, tooltip
    ("height", "Input height", 1, LARGEST_INPUT, "Rows of the input"),
    ("width", "Input width", 1, LARGEST_INPUT, "Columns of the input"),
    ("kernel", "Kernel k", 1, 7, "Taps a side: k × k learnable numbers"),
    ("stride", "Stride s", 1, 4, "How far the kernel moves; for a transpose convolution, how far its stamps lie apart"),
    ("padding", "Padding p", 0, 4, "Zeros around the input; for a transpose convolution, pixels cut off the output"),
    ("dilation", "Dilation d", 1, 4, "Distance between taps: 1 is none"),
    (
        "output_padding",
        "Output padding",
        0,
        3,
        "One of the sizes that a stride leaves open (transpose convolution only)",
    ),
)
SOURCES = (
    ("count", "1, 2, 3 …", "Input and kernel numbered row by row, as the lecture does"),
    ("ones", "Ones", "All ones: the output counts the pixels that reach it"),
    ("random", "Random", "Whole numbers from −9 to 9, drawn from the seed"),
    ("own", "As they are", "The example's, the layer's or your own values; they repeat where there is more room"),
)


class Knobs(QWidget):
    """Everything one can turn. Signals carry what is wanted; `show_lab` shows what is."""

    kind_chosen = Signal(bool)  # transposed
    knob_turned = Signal(str, int)
    values_chosen = Signal(str, int)  # source, seed
    pair_chosen = Signal(int, int)  # input and output channel
    summed_chosen = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("knobs")
        self.setAccessibleName("Knobs of the operation")
        self.gesture = 0  # what belongs to one drag of a slider has the same number
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(self._build_kind())
        column.addLayout(self._build_knobs())
        column.addSpacing(GRID)
        column.addLayout(self._build_values())
        self.channels = self._build_channels()
        column.addWidget(self.channels)
        column.addStretch(1)
        self.setFixedWidth(232)

    def _build_kind(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(0)
        self.kinds = QButtonGroup(self)
        for transposed, text, name, tip in (
            (False, "Convolution", "kind_conv", "nn.Conv2d"),
            (True, "Transpose", "kind_transpose", "nn.ConvTranspose2d: the way back, from a small map to a large one"),
        ):
            button = SegmentButton(text)
            button.setObjectName(name)
            button.setAccessibleName(f"{text} convolution" if transposed else text)
            button.setToolTip(tip)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            self.kinds.addButton(button, int(transposed))
            row.addWidget(button)
        self.kinds.idClicked.connect(lambda number: self.kind_chosen.emit(bool(number)))
        return row

    def _build_knobs(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(GRID)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        self.boxes: dict[str, NumberBox] = {}
        self.sliders: dict[str, OwnArrowsSlider] = {}
        self.labels: dict[str, QLabel] = {}
        for row, (name, text, least, most, tip) in enumerate(KNOBS):
            label = build_label(text, f"label_{name}", tip=tip)
            slider = OwnArrowsSlider(Qt.Orientation.Horizontal)
            box = NumberBox()
            for widget in (slider, box):
                widget.setRange(least, most)
                widget.setAccessibleName(text)
                widget.setToolTip(f"{tip} ({least} to {most})")
                widget.valueChanged.connect(partial(self._turn, name))
            slider.setObjectName(f"slider_{name}")
            slider.setPageStep(1)
            slider.sliderPressed.connect(self._begin_gesture)
            slider.setMinimumWidth(48)
            box.setObjectName(f"box_{name}")
            box.setKeyboardTracking(False)  # of 12, the 1 would throw rows away
            box.setFixedWidth(52)
            label.setBuddy(box)
            grid.addWidget(label, row, 0)
            grid.addWidget(slider, row, 1)
            grid.addWidget(box, row, 2)
            self.boxes[name], self.sliders[name], self.labels[name] = box, slider, label
        return grid

    def _build_values(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(GRID)
        self.source = QComboBox()
        self.source.setObjectName("values_source")
        self.source.setAccessibleName("Values")
        self.source.setToolTip("What the input and the kernel hold. Double-click a cell to type your own.")
        for name, text, tip in SOURCES:
            self.source.addItem(text, name)
            self.source.setItemData(self.source.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.seed = NumberBox()
        self.seed.setObjectName("values_seed")
        self.seed.setAccessibleName("Seed of the random values")
        self.seed.setToolTip("Seed: the same number draws the same values")
        self.seed.setRange(0, 9999)
        self.seed.setKeyboardTracking(False)
        self.seed.setFixedWidth(64)
        self.source.activated.connect(lambda _index: self._choose_values())
        self.seed.valueChanged.connect(lambda _value: self._choose_values())
        row.addWidget(build_label("Values"))
        row.addWidget(self.source, 1)
        row.addWidget(self.seed)
        return row

    def _build_channels(self) -> QWidget:
        room = QWidget()
        room.setObjectName("channels")
        grid = QGridLayout(room)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(GRID)
        grid.setVerticalSpacing(6)
        self.channel_in, self.channel_out = NumberBox(), NumberBox()
        self.of_in, self.of_out = build_label(role="muted"), build_label(role="muted")
        for row, (box, of, text, name) in enumerate(
            (
                (self.channel_in, self.of_in, "Input channel", "channel_in"),
                (self.channel_out, self.of_out, "Output channel", "channel_out"),
            )
        ):
            box.setObjectName(name)
            box.setAccessibleName(text)
            box.setFixedWidth(56)
            box.valueChanged.connect(
                lambda _value: self.pair_chosen.emit(self.channel_in.value(), self.channel_out.value())
            )
            grid.addWidget(build_label(text), row, 0)
            grid.addWidget(box, row, 1)
            grid.addWidget(of, row, 2)
        grid.setColumnMinimumWidth(0, self.fontMetrics().horizontalAdvance("Output channel"))
        grid.setColumnStretch(2, 1)
        self.summed: QCheckBox = build_check(
            "All input channels, and bias",
            "summed",
            "On: what the layer really gives. Off: what the chosen input channel alone adds to it.",
        )
        self.summed.clicked.connect(self.summed_chosen)
        grid.addWidget(self.summed, 2, 0, 1, 3)
        return room

    def _begin_gesture(self) -> None:
        self.gesture += 1

    def _turn(self, name: str, value: int) -> None:
        if not self.sliders[name].isSliderDown():
            self.gesture += 1
        self.knob_turned.emit(name, value)

    def _choose_values(self) -> None:
        self.values_chosen.emit(self.source.currentData(), self.seed.value())

    def show_lab(self, lab: Lab) -> None:
        """Every knob as the lab has it, without a signal."""
        rows, columns = lab.geometry.rows, lab.geometry.columns
        values = {
            "height": rows.size, "width": columns.size, "kernel": rows.kernel, "stride": rows.stride, "padding": rows.padding,
            "dilation": rows.dilation, "output_padding": rows.output_padding,
        }  # fmt: skip
        most = {name: most for name, _text, _least, most, _tip in KNOBS}
        for name, value in values.items():
            for widget in (self.boxes[name], self.sliders[name]):
                widget.blockSignals(True)
                widget.setMaximum(max(most[name], value))
                widget.setValue(value)
                widget.blockSignals(False)
        for parts in (self.labels, self.boxes, self.sliders):
            parts["output_padding"].setEnabled(lab.geometry.transposed)
        self.kinds.button(int(lab.geometry.transposed)).setChecked(True)
        self.source.setCurrentIndex(self.source.findData(lab.source))
        self.seed.blockSignals(True)
        self.seed.setValue(lab.seed)
        self.seed.blockSignals(False)
        self.seed.setVisible(lab.source == "random")
        self._show_channels(lab)

    def _show_channels(self, lab: Lab) -> None:
        channels = lab.operation.channels
        self.channels.setVisible(channels != (1, 1))
        for box, of, count, value in (
            (self.channel_in, self.of_in, channels[0], lab.pair[0]),
            (self.channel_out, self.of_out, channels[1], lab.pair[1]),
        ):
            box.blockSignals(True)
            box.setMaximum(count - 1)
            box.setValue(value)
            box.blockSignals(False)
            of.setText(f"of {count}")
            box.setToolTip(f"0 to {count - 1}")
        self.summed.setChecked(lab.summed)
        self.summed.setVisible(lab.topic == "operation")  # the matrix and the counts are those of one pair
