"""The prediction panel's two rows of controls: which checkpoint, and which picture of which sample. They only hold widgets."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from segbench.gui.theme import mark
from segbench.gui.widgets.class_marks import ElidedLabel, SegmentButton
from segbench.gui.widgets.number_box import NumberBox
from segbench.gui.widgets.yielding_row import YieldingRow

MODES = (
    ("side", "Side by side", "Image, truth and prediction beside each other"),
    ("overlay", "Overlay", "The prediction on the image, as large as it goes"),
    ("difference", "Difference", "What was found, what was too much, what was missed"),
    ("scores", "Scores", "The network's output for the present class, before any threshold"),
    ("lecture", "Lecture display", "Seven rows as on slides 84 to 86: this sample and the next three"),
)
SHORT = {"side": "Side", "overlay": "Over", "difference": "Diff", "scores": "Scores", "lecture": "Lecture"}


class CheckpointBar(QWidget):
    """Checkpoint, what it is, how it is read, what can be written."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.checkpoint = QComboBox(self, objectName="checkpoint")
        self.checkpoint.setAccessibleName("Checkpoint")
        self.checkpoint.setToolTip("The trained network that predicts: the best or the last checkpoint of a run")
        self.checkpoint.setMinimumWidth(220)
        self.checkpoint.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.checkpoint.setPlaceholderText("Choose a checkpoint")
        self.browse = QPushButton("Browse…", self, objectName="browse_checkpoint")
        self.browse.setToolTip("Choose a checkpoint file: segbench's .safetensors, or DLStudio's .pt (Ctrl+B)")
        self.facts = ElidedLabel("", self)
        self.facts.setObjectName("checkpoint_facts")
        mark(self.facts, "muted")
        self.statistics = QCheckBox("Batch statistics", self, objectName="batch_statistics")
        self.statistics.setToolTip(
            "Read like the reference: its test loop never calls eval(), so batch norms use mean and deviation of the four images "
            "that happen to come together, and a prediction depends on its neighbours. Off: the running statistics from training."
        )
        self.export = QPushButton("Export masks…", self, objectName="export_masks")
        self.export.setToolTip("Write masks to files (Ctrl+E)")
        self.save_picture = QPushButton("Save picture…", self, objectName="save_picture")
        self.save_picture.setToolTip("Save what is shown here as a PNG (Ctrl+Shift+S)")
        top = QHBoxLayout(self)
        top.setContentsMargins(0, 0, 0, 0)
        top.setSpacing(8)
        top.addWidget(self.checkpoint, 3)
        top.addWidget(self.browse)
        top.addWidget(self.facts, 2)
        top.addWidget(self.statistics)
        top.addWidget(self.save_picture)
        top.addWidget(self.export)


class ModeButtons(QWidget):
    """The ways of looking, one beside the other. They wear short names where the full ones would be cut in their middle."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.group = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 4, 0)
        row.setSpacing(0)
        for number, (mode, text, tip) in enumerate(MODES):
            button = SegmentButton(text, self)
            button.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
            button.setChecked(number == 0)
            button.setToolTip(f"{tip} (Alt+{number + 1})")
            button.setObjectName(f"mode_{mode}")
            button.setProperty("mode_name", mode)
            button.setAccessibleName(text)
            self.group.addButton(button, number)
            row.addWidget(button)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        return QSize(self._measure(SHORT.values()), super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:
        return QSize(self._measure([text for _mode, text, _tip in MODES]), super().sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        fits = self.sizeHint().width() <= self.width()
        for button, (mode, text, _tip) in zip(self.group.buttons(), MODES, strict=True):
            button.setText(text if fits else SHORT[mode])

    def _measure(self, names: Iterable[str]) -> int:
        """The width of the buttons under these names."""
        around = self.layout().contentsMargins().right()
        for button, name in zip(self.group.buttons(), names, strict=True):
            metrics = button.fontMetrics()
            around += button.sizeHint().width() - metrics.horizontalAdvance(button.text())
            around += metrics.horizontalAdvance(name)
        return around


class SampleBar(YieldingRow):
    """The way of looking, and the sample looked at."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(4, parent)
        ways = ModeButtons(self)
        self.modes = ways.group
        self.linked = QCheckBox("Linked", self, objectName="linked")
        self.linked.setChecked(True)
        self.linked.setToolTip("Zoom and move all pictures together (L)")
        self.split = QComboBox(self, objectName="split")
        self.split.setAccessibleName("Split")
        self.split.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.split.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.split.setToolTip("Which part of the dataset to click through")
        self.back = QToolButton(
            self, arrowType=Qt.ArrowType.LeftArrow, toolTip="Previous (A or Left)", objectName="back"
        )
        self.forth = QToolButton(
            self, arrowType=Qt.ArrowType.RightArrow, toolTip="Next (D or Right)", objectName="forth"
        )
        self.number = NumberBox(self, objectName="sample_number", keyboardTracking=False, minimum=1)
        self.number.setButtonSymbols(NumberBox.ButtonSymbols.NoButtons)
        self.number.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.number.setAccessibleName("Number of the image in its split")
        self.number.setToolTip("Go to an image of this split (G)")
        self.of = QLabel("of 0", self, objectName="sample_count")
        self.add(ways)
        self.add(self.linked, rank=1)  # the key L does the same
        self.add_stretch()
        for widget in (self.split, self.back, self.number, self.of, self.forth):
            self.add(widget)

    def show_position(self, place: int, count: int) -> None:
        """The place-th of `count` samples."""
        self.number.blockSignals(True)
        self.number.setMaximum(max(count, 1))
        self.number.setValue(place)
        self.number.setFixedWidth(self.number.fontMetrics().horizontalAdvance(f"{count}0") + 16)
        self.number.blockSignals(False)
        self.of.setText(f"of {count:,}")
        self.back.setEnabled(place > 1)
        self.forth.setEnabled(place < count)
