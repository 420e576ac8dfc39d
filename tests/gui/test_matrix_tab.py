"""The convolution lab's matrix page with real widgets: what pointing, walking and clicking say, and what the proof shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget

from segbench.convolution.geometry import build_geometry
from segbench.convolution.lecture import PRESETS, count_up
from segbench.gui.panels.convolution.lab import Lab, begin, open_preset
from segbench.gui.panels.convolution.matrix_picture import resolve_matrix
from segbench.gui.panels.convolution.matrix_tab import MatrixTab
from segbench.records import Agreement, Proof, RouteDifference


class Page:
    """The tab over a state that changes as the presenter would change it."""

    def __init__(self, tab: MatrixTab, lab: Lab) -> None:
        self.tab, self.lab, self.proofs = tab, lab, 0
        tab.changed.connect(lambda field, value: self.use(replace(self.lab, **{field: value})))
        tab.pointed.connect(lambda r, c, of_input: self.use(replace(self.lab, pointed=(r, c), of_input=of_input)))
        tab.prove_requested.connect(self.count)
        self.use(lab)

    def count(self) -> None:
        self.proofs += 1

    def use(self, lab: Lab) -> None:
        self.lab = lab
        self.picture = resolve_matrix(lab)
        self.tab.show_picture(self.picture)

    def hover(self, qtbot, grid, row: int, column: int) -> None:
        """Moves the mouse to a cell, as a user does."""
        center = grid.find_frame().block(row, column).center().toPoint()
        qtbot.mouseMove(grid, center + QPoint(1, 0))
        qtbot.mouseMove(grid, center)


def open_slide(number: int, **changes) -> Lab:
    return replace(open_preset(next(p for p in PRESETS if p.name.startswith(f"Slide {number}:"))), **changes)


@pytest.fixture
def build(qtbot):
    def make(lab: Lab) -> Page:
        tab = MatrixTab()
        qtbot.addWidget(tab)
        tab.resize(1040, 560)
        tab.show()
        qtbot.waitExposed(tab)
        return Page(tab, lab)

    return make


def find_lit(grid) -> list[list[int]]:
    return np.argwhere(grid.marks.hits).tolist()


def test_that_pointing_at_a_row_lights_up_its_patch(build, qtbot) -> None:
    page = build(open_slide(38))
    page.hover(qtbot, page.tab.equation.matrix, 4, 9)
    assert (page.lab.pointed, page.lab.of_input) == ((1, 1), False)
    assert find_lit(page.tab.input) == [[1, 1], [1, 2], [2, 1], [2, 2]]
    assert page.tab.output.marks.cursor == (1, 1)
    assert page.tab.sentence.text().startswith("Row 4: output pixel (1, 1) is the kernel times the 2 × 2 patch")
    assert "6·a + 7·b + 10·c + 11·d = 94" in page.tab.sentence.text()


def test_that_pointing_at_a_column_lights_up_its_footprint(build, qtbot) -> None:
    page = build(open_slide(38))
    qtbot.mouseClick(page.tab.follows.button(1), Qt.MouseButton.LeftButton)
    page.hover(qtbot, page.tab.equation.matrix, 4, 9)
    assert (page.lab.pointed, page.lab.of_input) == ((2, 1), True)
    assert find_lit(page.tab.output) == [[1, 0], [1, 1], [2, 0], [2, 1]]
    assert page.tab.input.marks.cursor == (2, 1)
    assert page.tab.sentence.text().startswith("Column 9: input pixel (2, 1) goes into output pixels")


def test_that_vectors_and_grids_can_be_pointed_at(build, qtbot) -> None:
    page = build(open_slide(38))
    for grid, cell, place in (
        (page.tab.equation.product, (5, 0), ((1, 2), False)),
        (page.tab.equation.factor, (7, 0), ((1, 3), True)),
        (page.tab.input, (3, 2), ((3, 2), True)),
        (page.tab.output, (2, 0), ((2, 0), False)),
    ):
        page.hover(qtbot, grid, *cell)
        assert (page.lab.pointed, page.lab.of_input) == place


def test_that_a_fine_vector_drawn_as_a_bar_still_counts_along_it(build, qtbot) -> None:
    page = build(Lab(count_up(build_geometry(16, 3, padding=1)), pointed=(0, 0)))
    factor = page.tab.equation.factor
    assert factor.cells.values.shape[1] > 1
    page.hover(qtbot, factor, 130, factor.cells.values.shape[1] - 1)
    assert page.lab.of_input
    assert abs(page.lab.pointed[0] * 16 + page.lab.pointed[1] - 130) <= 1  # a pixel is a cell or two


def test_that_keys_walk_along_the_rows(build, qtbot) -> None:
    page = build(open_slide(33))
    matrix = page.tab.equation.matrix
    matrix.setFocus()
    qtbot.keyClick(matrix, Qt.Key.Key_Home)
    qtbot.keyClick(matrix, Qt.Key.Key_Down)
    qtbot.keyClick(matrix, Qt.Key.Key_Down)
    assert page.lab.pointed == (1, 0)
    qtbot.keyClick(page.tab.follows.button(1), Qt.Key.Key_Space)
    assert (page.lab.pointed, page.lab.of_input) == ((0, 0), True)


def test_that_what_was_pointed_at_stays_when_the_mouse_leaves(build, qtbot) -> None:
    page = build(open_slide(33))
    page.hover(qtbot, page.tab.equation.matrix, 2, 3)
    qtbot.mouseMove(page.tab.equation, QPoint(2, 2))
    assert page.lab.pointed == (1, 0)


def test_that_a_row_zeroed_by_the_stride_is_no_pixel(build, qtbot) -> None:
    page = build(open_slide(41, pointed=(1, 1)))
    page.hover(qtbot, page.tab.equation.matrix, 1, 4)
    assert page.lab.pointed == (1, 1)
    page.hover(qtbot, page.tab.equation.matrix, 2, 4)
    assert page.lab.pointed == (0, 1)


def test_that_the_kernels_row_points_at_nothing_and_a_patch_cell_at_its_pixel(build, qtbot) -> None:
    page = build(open_slide(32, pointed=(0, 0)))
    page.hover(qtbot, page.tab.equation.factor, 0, 2)
    assert page.lab.pointed == (0, 0)
    assert [button.text() for button in page.tab.follows.buttons()] == ["Columns", "Cells"]
    qtbot.mouseClick(page.tab.follows.button(1), Qt.MouseButton.LeftButton)
    page.hover(qtbot, page.tab.equation.matrix, 3, 0)
    assert (page.lab.pointed, page.lab.of_input) == ((1, 1), True)
    assert find_lit(page.tab.equation.matrix) == [[0, 3], [1, 2], [2, 1], [3, 0]]


def test_that_each_switch_says_which_field_it_is(build, qtbot) -> None:
    page = build(open_slide(41))
    told = []
    page.tab.changed.connect(lambda field, value: told.append((field, value)))
    for button in (
        page.tab.letters, page.tab.drawn, page.tab.ways.button(1), page.tab.ways.button(0), page.tab.layouts.button(1),
    ):  # fmt: skip
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton, pos=QPoint(8, button.height() // 2))
    assert told == [("letters", False), ("drawn", False), ("back", True), ("back", False), ("layout", "kernel")]
    assert not page.tab.drawn.isEnabled()


def test_that_showing_a_picture_says_nothing(build) -> None:
    page = build(open_slide(41))
    told = []
    page.tab.changed.connect(lambda *what: told.append(what))
    page.tab.pointed.connect(lambda *what: told.append(what))
    for lab in (open_slide(32), replace(begin(), back=True, letters=True), open_slide(41)):
        page.use(lab)
    assert told == []


@pytest.mark.parametrize("lab", [open_slide(33), open_slide(38, back=True), open_slide(41), begin()])
def test_that_cells_of_matrix_and_vectors_are_of_one_size_and_rows_are_in_line(build, lab) -> None:
    equation = build(lab).tab.equation
    frames = [grid.find_frame() for grid in (equation.product, equation.matrix, equation.factor)]
    assert len({frame.side for frame in frames}) == 1
    product, matrix = (
        grid.y() + frame.y for grid, frame in zip((equation.product, equation.matrix), frames, strict=False)
    )
    assert abs(product - matrix) < 1
    assert equation.product.geometry().right() < equation.matrix.geometry().left()
    assert equation.matrix.geometry().right() < equation.factor.geometry().left()
    for grid in (equation.product, equation.matrix, equation.factor):
        assert equation.rect().contains(grid.geometry())


def test_that_the_product_stands_under_the_columns_that_it_is_made_of(build) -> None:
    equation = build(open_slide(32)).tab.equation
    product, matrix = (grid.x() + grid.find_frame().x for grid in (equation.product, equation.matrix))
    assert abs(product - matrix) < 1
    assert equation.product.geometry().top() > equation.matrix.geometry().bottom()
    for grid in (equation.product, equation.matrix, equation.factor):
        assert equation.rect().contains(grid.geometry())


def test_that_numbers_stand_in_a_matrix_of_a_4_by_4_input(build) -> None:
    assert build(open_slide(38)).tab.equation.matrix.find_frame().side >= 18


def test_that_a_misfit_shows_its_sentence_in_place_of_the_matrix(build, qtbot) -> None:
    page = build(Lab(count_up(build_geometry(2, 4))))
    equation = page.tab.equation
    assert equation.matrix.cells is None
    assert "does not fit" in equation.matrix.accessibleDescription()
    assert not equation.product.isVisible()
    assert not equation.factor.isVisible()
    assert not page.tab.proof.button.isEnabled()
    page.hover(qtbot, page.tab.input, 1, 1)
    assert page.lab.pointed is None
    page.use(open_slide(33))
    assert equation.factor.isVisible()


def test_that_too_large_a_matrix_is_refused_but_can_be_proved(build, qtbot) -> None:
    page = build(Lab(count_up(build_geometry(64, 3, padding=1))))
    assert "far more than a picture can show" in page.tab.equation.matrix.accessibleDescription()
    qtbot.mouseClick(page.tab.proof.button, Qt.MouseButton.LeftButton)
    assert page.proofs == 1
    page.hover(qtbot, page.tab.output, 0, 0)
    assert page.lab.pointed == (0, 0)


# The proof ----------------------------------------------------------------------------------------------------------------


def build_proof(largest: float) -> Proof:
    forward = ("sweep", "matrix", "unrolled", "conv2d", "conv_transpose2d_gradient")
    back = ("scatter", "inserted", "matrix_transposed", "conv_transpose2d", "conv2d_gradient")
    return Proof(
        Agreement(
            forward, (RouteDifference("matrix", "conv2d", largest), RouteDifference("sweep", "matrix", 0.0)), 1.8
        ),
        Agreement(back, (), 0.5),
    )


def list_words(tab: MatrixTab) -> list[str]:
    return [label.text() for label in tab.proof.table.findChildren(QLabel)]


def test_that_a_proof_is_told_in_words_with_every_way(build, qtbot) -> None:
    tab = build(open_slide(38)).tab
    assert not tab.proof.table.isVisible()
    tab.show_proof(None, True)
    assert not tab.proof.button.isEnabled()
    tab.show_proof(build_proof(2.4e-7), False)
    assert tab.proof.button.isEnabled()
    assert tab.proof.verdict.text() == (
        "All ways agree, five forward and five back: the largest difference is 2.4e−07, of values up to 1.8."
    )
    words = list_words(tab)
    assert [words.count(word) for word in ("C x, by the matrix", "Cᵀ ∂L/∂y, by the matrix")] == [1, 1]
    assert tab.proof.table.findChild(QLabel, "difference_conv2d").text() == "2.4e−07"
    assert tab.proof.table.findChild(QLabel, "difference_sweep").text() == "0"


def test_that_a_proof_that_fails_says_so(build) -> None:
    tab = build(open_slide(38)).tab
    tab.show_proof(build_proof(0.5), False)
    assert tab.proof.verdict.text().startswith("The ways do not agree")
    assert tab.proof.verdict.property("mark") == "bad"


def test_that_an_old_proof_goes(build, qtbot) -> None:
    tab = build(open_slide(38)).tab
    tab.show_proof(build_proof(0.0), False)
    assert tab.proof.verdict.text() == "All ways agree, five forward and five back: they give the very same numbers."
    tab.show_proof(build_proof(0.0), False)
    tab.show_proof(None, False)
    assert not tab.proof.table.isVisible()
    assert tab.proof.verdict.property("mark") == "muted"
    qtbot.waitUntil(lambda: not list_words(tab))


def test_that_the_judges_own_proof_is_shown(build) -> None:
    judge = pytest.importorskip("segbench.networks.judge")
    page = build(begin())
    page.tab.show_proof(judge.prove(page.lab.operation, 0, 0), False)
    assert page.tab.proof.verdict.property("mark") == "good"
    assert "Cᵀ x, by the matrix" in list_words(page.tab)


# For everybody ------------------------------------------------------------------------------------------------------------


def test_that_everything_fits_a_small_window(build, any_theme) -> None:
    page = build(open_slide(41))
    page.tab.show_proof(build_proof(2.4e-7), False)
    page.tab.resize(1040, 560)
    assert page.tab.minimumSizeHint().width() <= 1040
    assert page.tab.minimumSizeHint().height() <= 560
    for label in page.tab.findChildren(QLabel):
        if label.isVisible() and label.text():
            assert label.width() >= label.minimumSizeHint().width(), label.text()
            assert label.height() >= (label.heightForWidth(label.width()) if label.wordWrap() else 0), label.text()
            assert page.tab.rect().contains(label.geometry().translated(label.parentWidget().mapTo(page.tab, QPoint())))


def test_that_the_tab_key_goes_through_everything_from_the_top(build) -> None:
    tab = build(open_slide(41)).tab
    order, widget = [], tab.nextInFocusChain()
    while widget is not tab:
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            order.append(widget.objectName())
        widget = widget.nextInFocusChain()
    assert order[:2] == ["matrix_layout_0", "matrix_layout_1"]
    assert order[-1] == "prove"
    assert [name for name in order if name in ("matrix_letters", "matrix", "matrix_input")] == [
        "matrix_letters", "matrix", "matrix_input",
    ]  # fmt: skip


def test_that_everything_has_a_name_and_every_control_a_tooltip(build) -> None:
    tab = build(open_slide(41)).tab
    for button in tab.findChildren(QAbstractButton):
        assert button.toolTip(), button.objectName()
        assert button.accessibleName() or button.text()
    equation = tab.equation
    names = [
        grid.accessibleName()
        for grid in (equation.matrix, equation.product, equation.factor, tab.input, tab.kernel, tab.output)
    ]
    assert len({*names}) == 6
    assert all(
        widget.objectName() for widget in tab.findChildren(QWidget) if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
    )
