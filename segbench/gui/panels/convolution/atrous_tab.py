"""The Atrous tab: rates, ASPP and gridding behind a switch. Shows; decides nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from segbench.gui.panels.convolution.atrous_aspp import AsppPart
from segbench.gui.panels.convolution.atrous_edge import EdgePart
from segbench.gui.panels.convolution.atrous_gridding import GriddingPart
from segbench.gui.panels.convolution.atrous_parts import build_aside
from segbench.gui.panels.convolution.atrous_picture import Atrous, AtrousPicture
from segbench.gui.theme import GRID
from segbench.gui.widgets.class_marks import SegmentButton

PARTS = (
    ("edge", "Rates", "One kernel of nine numbers, spread over more and more pixels (slides 11–13)"),
    ("aspp", "ASPP", "Atrous spatial pyramid pooling: one feature map, seen at several rates at once (slides 15–16, 20–28)"),
    ("gridding", "Gridding", "Atrous convolutions one behind the other: which pixels does one output pixel hear of?"),
)  # fmt: skip


class AtrousTab(QWidget):
    """`changed` when the user chose something, with a new Atrous. Pixels that are pointed at are told in the same way."""

    changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("atrous_tab")
        self._choices = Atrous()
        self.parts = QButtonGroup(self)
        self.about = build_aside("atrous_about")
        self.edge, self.aspp, self.gridding = EdgePart(), AsppPart(), GriddingPart()
        self.pages = QStackedWidget()
        switch = QHBoxLayout()
        switch.setSpacing(0)
        for number, (part, text, about) in enumerate(PARTS):
            button = SegmentButton(text)
            button.setObjectName(f"atrous_{part}")
            button.setAccessibleName(text)
            button.setToolTip(about)
            button.setMinimumWidth(88)
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            self.parts.addButton(button, number)
            switch.addWidget(button)
        switch.addSpacing(2 * GRID)
        switch.addWidget(self.about, 1)
        self.parts.idClicked.connect(lambda number: self._change({"part": PARTS[number][0]}))
        for page in (self.edge, self.aspp, self.gridding):
            page.chosen.connect(self._change)
            self.pages.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(switch)
        column.addWidget(self.pages, 1)

    def show_picture(self, picture: AtrousPicture) -> None:
        self._choices = picture.choices
        number = next(n for n, part in enumerate(PARTS) if part[0] == picture.choices.part)
        self.parts.button(number).setChecked(True)
        self.about.setText(PARTS[number][2])
        self.pages.setCurrentIndex(number)
        (self.edge, self.aspp, self.gridding)[number].show_picture(picture)

    def _change(self, fields: dict[str, Any]) -> None:
        changed = replace(self._choices, **fields)
        if changed != self._choices:
            self._choices = changed
            self.changed.emit(changed)
