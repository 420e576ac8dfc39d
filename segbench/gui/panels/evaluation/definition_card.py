"""The card beside a number: what it counts, over which pixels and images, and the other convention's value."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from segbench.gui.theme import GRID, mark
from segbench.gui.widgets.parts import build_label
from segbench.metrics.definitions import DEFINITIONS, Key, explain
from segbench.metrics.evaluation import Evaluation

ABOUT = {
    "formula": "Formula",
    "pixels": "Pixels",
    "threshold": "Threshold",
    "images": "Over images",
    "absent class": "Absent class",
    "note": "Note",
}


class DefinitionCard(QFrame):
    """Title, the number by both conventions, and a line a part of its definition."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.setAccessibleName("Definition")
        mark(self, "card")
        self.title = build_label("", "definition_title", "heading", wrap=True)
        self.value = build_label("", "definition_value", wrap=True)
        self._inside = QWidget(objectName="definition_parts")
        self._grid = QGridLayout(self._inside)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(GRID)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(1, 1)
        self._lines: dict[str, tuple[QLabel, QLabel]] = {}
        for row, (about, text) in enumerate(ABOUT.items()):
            head, said = build_label(text, "", "muted"), build_label("", f"definition_{about}", wrap=True)
            said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._grid.addWidget(head, row, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(said, row, 1, Qt.AlignmentFlag.AlignTop)
            self._lines[about] = head, said
        self._grid.setRowStretch(len(ABOUT), 1)
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self._inside)
        scroll.viewport().setAutoFillBackground(False)
        self._inside.setAutoFillBackground(False)
        scroll.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        scroll.setAccessibleName("The parts of the definition")
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GRID, GRID + 4, GRID, GRID)
        column.setSpacing(6)
        column.addWidget(self.title)
        column.addWidget(self.value)
        column.addWidget(scroll, 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def show_definition(self, key: Key, head: str, value: str, evaluation: Evaluation | None) -> None:
        """head: whose number it is. value: the number in words."""
        title = DEFINITIONS[key].title
        self.title.setText(f"{title[:1].upper()}{title[1:]}{f' of {head}' if head else ''}")
        self.value.setText(value)
        self.value.setVisible(bool(value))
        said = dict(explain(key, evaluation))
        for about, (left, right) in self._lines.items():
            text = said.get(about, "")
            right.setText(f"{text[:1].upper()}{text[1:]}" if about != "formula" else text)
            left.setVisible(bool(text))
            right.setVisible(bool(text))
        self.setAccessibleDescription(f"{self.title.text()}. {value}. " + ". ".join(said.values()))
