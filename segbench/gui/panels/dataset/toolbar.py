"""The line above the pictures: where one stands, how pictures are arranged, pin and predict. Decides nothing."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QAction, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolBar, QWidget

from segbench.gui.panels.dataset.presenter import Place
from segbench.gui.widgets.number_box import NumberBox
from segbench.gui.widgets.parts import build_label, build_tip


class Toolbar(QToolBar):
    """Buttons are the panel's own actions; what does not fit goes behind an arrow at the end. `index_entered` carries the
    sample the user typed, from 0; people read and type numbers from 1."""

    index_entered = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Viewer", parent)
        self.setObjectName("viewer_toolbar")
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self.setMovable(False)
        # No style sheet: the parts of a bar that has one keep the colours of the theme in which it was set
        self.layout().setContentsMargins(0, 0, 0, 0)
        self.layout().setSpacing(3)
        self.number = NumberBox()
        self.number.setObjectName("sample_number")
        self.number.setAccessibleName("Number of the sample")
        self.number.setToolTip("Go to the sample with this number (G)")
        self.number.setKeyboardTracking(False)
        self.number.setButtonSymbols(NumberBox.ButtonSymbols.NoButtons)
        self.number.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.number.setFixedWidth(self.number.fontMetrics().horizontalAdvance("000000") + 20)
        self.number.valueChanged.connect(lambda number: self.index_entered.emit(number - 1))
        self.place = build_label("", "place", "muted")

    def add_button(self, action: QAction, text: str) -> QAction:
        """A button for an action, with a shorter text; its tooltip ends with the shortcut. The result shows and hides it."""
        action.setIconText(text)
        keys = " or ".join(keys.toString(keys.SequenceFormat.NativeText) for keys in action.shortcuts())
        action.setToolTip(action.statusTip() + (f" ({keys})" if keys else ""))
        self.addAction(action)
        button = self.widgetForAction(action)
        button.setObjectName(f"{action.objectName()}_button")
        button.setAccessibleName(action.text())
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return action

    def add_place(self) -> None:
        """The number of the sample and how many there are."""
        self.addWidget(self.number)
        self.addWidget(self.place)

    def add_gap(self) -> None:
        gap = QWidget()
        gap.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.addWidget(gap)

    def set_place(self, place: Place) -> None:
        """Shows where one stands, without telling of it."""
        with QSignalBlocker(self.number):
            self.number.setRange(1, max(1, place.total))
            self.number.setValue(place.index + 1)
        text = f" of {place.total:,}" + (f", {place.split} {place.place + 1:,}" if place.split else "")
        if place.row < 0:
            text += ", not listed"
        elif place.shown < place.total:
            text += f" ({place.row + 1:,} of {place.shown:,} listed)"
        self.place.setText(text)
        tip = f"Numbers run from 1 to {max(1, place.total):,} over all splits."
        if place.split:
            tip += f" This is number {place.place + 1:,} of {place.split}."
        if place.row < 0:
            tip += " The filter leaves this sample out; Next goes on in the list."
        self.place.setToolTip(build_tip(tip))

    def paintEvent(self, event: QPaintEvent) -> None:
        """No background and no border of its own."""

    def ask_number(self) -> None:
        """Puts the cursor into the number."""
        self.number.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.number.selectAll()
