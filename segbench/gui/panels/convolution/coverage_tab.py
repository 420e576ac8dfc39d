"""The lab's coverage page: the map of counts, the law with its numbers, and the repairs with theirs."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from segbench.convolution.coverage import Coverage
from segbench.gui.panels.convolution.coverage_picture import CoveragePicture, RepairPicture
from segbench.gui.panels.convolution.operation_tab import show_plate
from segbench.gui.theme import GRID, Mark, mark, mono_font
from segbench.gui.widgets.parts import build_label, build_push
from segbench.gui.widgets.tensor_grid import TensorGrid

LAW = (
    "The law, along one axis and away from the borders: there are no holes if and only if gcd(d, s) = 1 and k ≥ s; "
    "and the coverage is even if and only if s also divides k."
)
LEGEND = "Darker: more. Striped: none at all."
ROLES: dict[Coverage | None, Mark] = {"full": "good", "uneven": "warning", "holes": "bad", None: "bad"}
MOST_REPAIRS = 3


class RepairCard(QFrame):
    """One way out: its map, its code, what it is worth, and a button that takes it."""

    chosen = Signal(object)  # Repair

    def __init__(self, number: int) -> None:
        super().__init__()
        self.setObjectName("card")
        self._picture: RepairPicture | None = None
        self.grid = TensorGrid(f"grid_repair_{number}", "Repair")
        self.title = build_label("", f"repair_title_{number}", "heading")
        self.code = build_label("", f"repair_code_{number}", "muted", wrap=True)
        self.code.setFont(mono_font())
        self.code.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.verdict = build_label("", f"repair_verdict_{number}", wrap=True)
        self.use = build_push("Use it", f"repair_use_{number}", "Turn the knobs to this")
        self.use.clicked.connect(self._choose)
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addWidget(self.title)
        words.addWidget(self.verdict)
        words.addWidget(self.code)
        words.addStretch(1)
        words.addWidget(self.use, 0, Qt.AlignmentFlag.AlignLeft)
        row = QHBoxLayout(self)
        row.setContentsMargins(GRID, GRID, GRID, GRID)
        row.setSpacing(2 * GRID)
        row.addWidget(self.grid)
        row.addLayout(words, 1)
        self.grid.setFixedWidth(150)

    def _choose(self) -> None:
        if self._picture is not None:
            self.chosen.emit(self._picture.repair)

    def show_picture(self, picture: RepairPicture) -> None:
        self._picture = picture
        self.title.setText(picture.title)
        self.code.setText(picture.code)
        self.verdict.setText(picture.verdict)
        mark(self.verdict, ROLES[picture.coverage])
        show_plate(self.grid, picture.counts)
        self.grid.set_title("", picture.counts.note)


class CoverageTab(QWidget):
    """pointed carries (row, column, False); repair_chosen a Repair."""

    pointed = Signal(int, int, bool)
    repair_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("coverage_tab")
        self.counts = TensorGrid("grid_counts", "Coverage")
        self.verdict = build_label("", "coverage_verdict", "heading", wrap=True)
        self.law = build_label("", "coverage_law", wrap=True)
        self.code = build_label("", "coverage_code", "muted", wrap=True)
        self.code.setFont(mono_font())
        self.rule = build_label(LAW, "coverage_rule", "muted", wrap=True)
        self.offer: QLabel = build_label("Ways to the same output size", "coverage_offer", "heading")
        self.cards = [RepairCard(number) for number in range(MOST_REPAIRS)]
        left = QVBoxLayout()
        left.setSpacing(GRID)
        left.addWidget(self.counts, 1)
        for label in (build_label(LEGEND, "coverage_legend", "muted", wrap=True), self.rule, self.code):
            left.addWidget(label)
        right = QVBoxLayout()
        right.setSpacing(GRID)
        right.addWidget(self.verdict)
        right.addWidget(self.law)
        right.addWidget(self.offer)
        for card in self.cards:
            card.chosen.connect(self.repair_chosen)
            right.addWidget(card, 1)
        right.addStretch(0)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(3 * GRID)
        row.addLayout(left, 1)
        row.addLayout(right, 1)
        self._of_input = False
        for signal in (self.counts.cell_hovered, self.counts.cell_selected):
            signal.connect(lambda row, column: row >= 0 and self.pointed.emit(row, column, self._of_input))

    def show_picture(self, picture: CoveragePicture) -> None:
        self._of_input = picture.of_input
        show_plate(self.counts, picture.counts)
        self.verdict.setText(picture.verdict)
        mark(self.verdict, "heading")
        self.law.setText(picture.law)
        mark(self.law, ROLES[picture.coverage])
        self.code.setText(picture.code)
        self.offer.setVisible(bool(picture.repairs))
        for number, card in enumerate(self.cards):
            card.setVisible(number < len(picture.repairs))
            if number < len(picture.repairs):
                card.show_picture(picture.repairs[number])
