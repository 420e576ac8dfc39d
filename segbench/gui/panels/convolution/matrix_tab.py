"""The lab's matrix page: C with its vectors, the grids beside it, what is pointed at in words, and the proof. Shows; decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QVBoxLayout, QWidget

from segbench.gui.panels.convolution.matrix_equation import Equation, show_plate
from segbench.gui.panels.convolution.matrix_proof import ProofView
from segbench.gui.widgets.class_marks import SegmentButton
from segbench.gui.widgets.parts import build_check, build_label
from segbench.gui.widgets.tensor_grid import TensorGrid

if TYPE_CHECKING:
    from segbench.gui.panels.convolution.matrix_picture import MatrixPicture, Place
    from segbench.records import Proof

SIDE_WIDTH = 336  # px of the column at the right

LAYOUTS = (
    ("input", "Input as vector", "Slide 33: y = C x, a row of C for each output pixel"),
    ("kernel", "Kernel as vector", "Slide 32: the kernel, a row, times the patches that it meets (im2col)"),
)
WAYS = (
    (False, "Forward", "What the operation computes"),
    (True, "Loss, backward", "The way of the loss through the transposed matrix, with the output's numbers as ∂L/∂y"),
)
FOLLOWS = {
    "input": (
        ("Rows", "Pointing at the matrix follows its row: what a pixel of the product is made of"),
        ("Columns", "Pointing at the matrix follows its column: where a pixel goes"),
    ),
    "kernel": (
        ("Columns", "Pointing at the patches follows the column: what a pixel of the product is made of"),
        ("Cells", "Pointing at the patches follows the pixel in the cell: where else it stands, and where it goes"),
    ),
}


class MatrixTab(QWidget):
    """Shows a MatrixPicture, and says what the user points at or wants to see.

    changed: the name of a field of the Lab, and its new value. pointed: row and column of a pixel, and whether of the input.
    """

    changed = Signal(str, object)
    pointed = Signal(int, int, bool)
    prove_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("matrix_tab")
        self._picture: MatrixPicture | None = None
        self.letters = build_check(
            "Letters", "matrix_letters", "a, b, c … in place of the kernel's numbers, as on slides 31 to 41"
        )
        self.drawn = build_check(
            "Zero rows",
            "matrix_drawn",
            "Slide 41: what the stride leaves out stays as rows of zeros. Off: left out, as on slide 42 and as it is computed",
        )
        self.letters.clicked.connect(lambda on: self.changed.emit("letters", on))
        self.drawn.clicked.connect(lambda on: self.changed.emit("drawn", on))
        self.layouts = self._build_segments("layout", LAYOUTS)
        self.ways = self._build_segments("back", WAYS)
        self.follows = self._build_segments(
            "", tuple((number == 0, *words) for number, words in enumerate(FOLLOWS["input"]))
        )
        self.follows.buttonClicked.connect(lambda _button: self._point_again())
        self.equation = Equation()
        self.formula = build_label("", "matrix_formula", "heading")
        self.note = build_label("", "matrix_note", "muted", wrap=True)
        self.sentence = build_label("", "matrix_sentence", wrap=True)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.input = TensorGrid("matrix_input", "x")
        self.kernel = TensorGrid("matrix_kernel", "Kernel")
        self.output = TensorGrid("matrix_output", "y")
        self.proof = ProofView()
        self.proof.requested.connect(self.prove_requested)
        self._lay_out()
        self._listen()

    # Building -------------------------------------------------------------------------------------------------------------

    def _build_segments(self, field: str, choices: Sequence[tuple[object, str, str]]) -> QButtonGroup:
        """Choices of which one holds; with a field's name, those of the Lab."""
        group = QButtonGroup(self)
        for number, (value, text, tip) in enumerate(choices):
            button = SegmentButton(text)
            button.setToolTip(tip)
            button.setAccessibleName(text)
            button.setObjectName(f"matrix_{field or 'follow'}_{number}")
            button.setProperty("value", value)
            button.setChecked(number == 0)
            group.addButton(button, number)
            if field:
                button.clicked.connect(lambda _on, value=value: self.changed.emit(field, value))
        return group

    def _lay_out(self) -> None:
        """Parts get their parent here, from the top left to the bottom right: so goes the Tab key."""
        bar = QHBoxLayout()
        bar.setSpacing(16)
        for part in (_join(self.layouts), _join(self.ways), self.letters, self.drawn):
            bar.addWidget(part)
        follow = QHBoxLayout()
        follow.setSpacing(8)
        follow.addWidget(build_label("Follow", "", "muted"))
        follow.addWidget(_join(self.follows))
        bar.addLayout(follow)
        bar.addStretch(1)
        head = QHBoxLayout()
        head.setSpacing(16)
        head.addWidget(self.formula)
        head.addWidget(self.note, 1)
        left = QVBoxLayout()
        left.setSpacing(8)
        left.addLayout(head)
        left.addWidget(self.equation, 1)
        left.addWidget(self.sentence)
        self.sentence.setFixedHeight(3 * self.fontMetrics().lineSpacing() + 2)
        self.note.setFixedHeight(2 * self.fontMetrics().lineSpacing() + 2)
        grids = QHBoxLayout()
        grids.setSpacing(8)
        for grid, share in ((self.input, 3), (self.kernel, 2), (self.output, 3)):
            grid.setMinimumSize(72, 120)
            grids.addWidget(grid, share)
        side = QWidget()
        side.setMinimumWidth(SIDE_WIDTH)
        right = QVBoxLayout(side)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(16)
        right.addLayout(grids, 2)
        right.addWidget(self.proof, 3)
        columns = QHBoxLayout()
        columns.setSpacing(24)
        columns.addLayout(left, 2)
        columns.addWidget(side, 1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(16)
        whole.addLayout(bar)
        whole.addLayout(columns, 1)

    def _listen(self) -> None:
        equation = self.equation
        for grid, find in (
            (equation.matrix, self._find_in_matrix),
            (equation.product, lambda row, column: self._picture.find_in_product(row, column)),
            (equation.factor, lambda row, _column: self._picture.find_in_factor(row)),
            (self.input, lambda row, column: self._picture.find_in_grid(row, column, True)),
            (self.output, lambda row, column: self._picture.find_in_grid(row, column, False)),
        ):
            grid.cell_hovered.connect(lambda row, column, find=find: self._point(row, column, find))
            grid.cell_selected.connect(lambda row, column, find=find: self._point(row, column, find))

    # What the user does ---------------------------------------------------------------------------------------------------

    def _find_in_matrix(self, row: int, column: int) -> Place | None:
        return self._picture.find_in_matrix(row, column, self.follows.checkedId() == 0)

    def _point(self, row: int, column: int, find: Callable[[int, int], Place | None]) -> None:
        """Says which pixel it is, if any. When the mouse leaves, what it pointed at last stays."""
        if row >= 0 and self._picture is not None and self._picture.provable and (place := find(row, column)):
            self.pointed.emit(*place)

    def _point_again(self) -> None:
        """The same cell of the matrix, but its column instead of its row."""
        if (cell := self.equation.matrix.current) is not None:
            self._point(*cell, self._find_in_matrix)

    # What is shown --------------------------------------------------------------------------------------------------------

    def show_picture(self, picture: MatrixPicture) -> None:
        self._picture = picture
        self.layouts.button(int(picture.layout == "kernel")).setChecked(True)
        self.ways.button(int(picture.back)).setChecked(True)
        self.letters.setChecked(picture.letters)
        self.drawn.setChecked(picture.drawn and picture.strided)
        self.drawn.setEnabled(picture.strided)
        for button, (text, tip) in zip(self.follows.buttons(), FOLLOWS[picture.layout], strict=True):
            button.setText(text)
            button.setToolTip(tip)
            button.setAccessibleName(text)
        self.formula.setText(picture.formula)
        self.note.setText(picture.note)
        self.sentence.setText("\n".join(filter(None, (picture.sentence, picture.sum))))
        self.equation.show_picture(picture)
        for grid, plate in ((self.input, picture.input), (self.kernel, picture.kernel), (self.output, picture.output)):
            show_plate(grid, plate)
        self.proof.setEnabled(picture.provable)

    def show_proof(self, proof: Proof | None, busy: bool) -> None:
        """None: not proved, or no longer."""
        self.proof.show_proof(proof, busy)


def _join(group: QButtonGroup) -> QWidget:
    """The buttons of a group side by side."""
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(0)
    for button in group.buttons():
        row.addWidget(button)
    return holder
