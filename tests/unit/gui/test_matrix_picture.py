"""The convolution lab's matrix page: the slides' matrices, what the pointed pixel lights up, and the words for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segbench.convolution.geometry import build_geometry
from segbench.convolution.lecture import PRESETS, count_up
from segbench.convolution.operation import Operation, apply, list_terms
from segbench.gui.panels.convolution.lab import Lab, begin, open_preset
from segbench.gui.panels.convolution.matrix_picture import MOST_CELLS, resolve_matrix
from segbench.gui.panels.convolution.matrix_scene import name_taps
from segbench.gui.widgets.cells import INSERTED, PADDING, VALUE

GEOMETRIES = [
    build_geometry(4, 2),
    build_geometry((5, 4), (3, 2), 2, (1, 0)),
    build_geometry(6, 3, 2, 1),  # a padded row that is never read
    build_geometry(7, 3, dilation=2, padding=2),
    build_geometry(3, 3, 2, 1, 1, 1, transposed=True),
    build_geometry((3, 4), (4, 2), (2, 3), (1, 0), transposed=True),
    build_geometry(3, 2, 3, transposed=True),  # the stamps do not touch
    build_geometry(4, 3, 2, 1, 3, 2, transposed=True),  # output padding of the stride: one place more than input pixels
    build_geometry(4, 2, padding=3),
    build_geometry(6, 3, 1, 3, transposed=True),  # padding cuts the input
]
WAYS = [(layout, drawn, back) for layout in ("input", "kernel") for drawn in (False, True) for back in (False, True)]


def build_lab(geometry, **changes) -> Lab:
    drawn = np.random.default_rng(3).integers(1, 9, (2, 16, 16)).astype(float)
    height, width = geometry.size
    rows, columns = geometry.kernel
    operation = Operation(geometry, drawn[:1, :height, :width], drawn[1][None, None, :rows, :columns], np.zeros(1))
    return replace(Lab(operation, pointed=(1, 0)), **changes)


def open_slide(number: int, **changes) -> Lab:
    return replace(open_preset(next(p for p in PRESETS if p.name.startswith(f"Slide {number}:"))), **changes)


def write(cells) -> list[str]:
    """Rows of letters, as a slide prints them."""
    return ["".join(row) for row in cells.letters.tolist()]


# The slides ---------------------------------------------------------------------------------------------------------------


def test_that_slide_33_is_drawn_as_it_is_printed() -> None:
    picture = resolve_matrix(open_slide(33))
    assert picture.formula == "y = C x"
    assert (picture.matrix.title, picture.matrix.note) == ("C", "4 × 9")
    assert write(picture.matrix.cells) == ["ab0cd0000", "0ab0cd000", "000ab0cd0", "0000ab0cd"]
    assert picture.factor.cells.values.ravel().tolist() == list(range(1, 10))
    assert picture.factor.cells.values.shape == (9, 1)
    assert picture.product.cells.values.shape == (4, 1)
    assert picture.product.cells.letters is None


def test_that_slide_32_is_the_kernel_times_its_patches() -> None:
    picture = resolve_matrix(open_slide(32))
    assert picture.formula == "y = k · patches of x"
    assert picture.matrix.cells.values.tolist() == [[1, 2, 4, 5], [2, 3, 5, 6], [4, 5, 7, 8], [5, 6, 8, 9]]
    assert write(picture.factor.cells) == ["abcd"]
    assert picture.matrix.cells.letters is None
    assert picture.product.cells.values.tolist() == [[37, 47, 67, 77]]


def test_that_slide_38_is_nine_by_sixteen() -> None:
    picture = resolve_matrix(open_slide(38))
    assert picture.matrix.note == "9 × 16"
    assert write(picture.matrix.cells)[:4] == [
        "ab00cd0000000000", "0ab00cd000000000", "00ab00cd00000000", "0000ab00cd000000",
    ]  # fmt: skip
    assert "36 of 144 cells" in picture.note


def test_that_slide_41_keeps_the_rows_that_the_stride_leaves_out_as_zeros() -> None:
    picture = resolve_matrix(open_slide(41))
    cells = picture.matrix.cells
    assert write(cells) == [
        "ab00cd0000000000",
        "0" * 16,
        "00ab00cd00000000",
        *["0" * 16] * 3,
        "00000000ab00cd00",
        "0" * 16,
        "0000000000ab00cd",
    ]
    left_out = [1, 3, 4, 5, 7]
    assert np.flatnonzero((cells.kinds == INSERTED).all(1)).tolist() == left_out
    assert (np.delete(cells.kinds, left_out, 0) == VALUE).all()
    assert np.flatnonzero(picture.product.cells.kinds.ravel() == INSERTED).tolist() == left_out
    assert picture.output.cells.values.tolist() == [[44, 0, 64], [0, 0, 0], [124, 0, 144]]
    assert "5 of the 9 places" in picture.note


def test_that_slide_42_drops_those_rows() -> None:
    drawn, dropped = resolve_matrix(open_slide(41)), resolve_matrix(open_slide(42))
    assert dropped.matrix.note == "4 × 16"
    assert dropped.matrix.cells.values.tolist() == drawn.matrix.cells.values[[0, 2, 6, 8]].tolist()
    assert dropped.matrix.cells.kinds is None


def test_that_letters_give_way_to_numbers() -> None:
    picture = resolve_matrix(open_slide(33, letters=False))
    assert picture.matrix.cells.letters is None
    assert picture.kernel.cells.letters is None
    assert picture.matrix.cells.values[0].tolist() == [1, 2, 0, 3, 4, 0, 0, 0, 0]


def test_that_letters_go_on_after_z() -> None:
    names = name_taps((7, 7))
    assert names[[0, 25, 26, 48, -1]].tolist() == ["a", "z", "a1", "w1", "0"]
    assert len(set(names.tolist())) == 50


def test_that_a_transpose_convolution_is_the_transposed_matrix() -> None:
    up = resolve_matrix(Lab(count_up(build_geometry(2, 3, transposed=True)), letters=True))
    down = resolve_matrix(Lab(count_up(build_geometry(4, 3)), letters=True))
    assert (up.formula, up.matrix.title, up.matrix.note) == ("y = Cᵀ x", "Cᵀ", "16 × 4")
    assert up.matrix.cells.letters.T.tolist() == down.matrix.cells.letters.tolist()


def test_that_the_loss_goes_back_through_the_transposed_matrix() -> None:
    for lab, formula in ((open_slide(38), "∂L/∂x = Cᵀ ∂L/∂y"), (begin(), "∂L/∂x = C ∂L/∂y")):
        there, back = resolve_matrix(lab), resolve_matrix(replace(lab, back=True))
        assert back.formula == formula
        assert back.matrix.cells.values.tolist() == there.matrix.cells.values.T.tolist()
        assert back.factor.cells.values.tolist() == there.product.cells.values.tolist()
        assert (back.input.title, back.output.title) == ("∂L/∂x", "∂L/∂y")


# Whatever the geometry ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=range(len(GEOMETRIES)))
@pytest.mark.parametrize(("layout", "drawn", "back"), WAYS)
def test_that_factor_and_matrix_give_the_product(geometry, layout, drawn, back) -> None:
    lab = build_lab(geometry, layout=layout, drawn=drawn, back=back)
    picture = resolve_matrix(lab)
    matrix, factor, product = (plate.cells.values for plate in (picture.matrix, picture.factor, picture.product))
    np.testing.assert_allclose(matrix @ factor if layout == "input" else factor @ matrix, product)
    y_HW = apply(geometry, lab.x_HW, lab.kernel)
    upstream = (picture.output if back or not picture.product_side.of_input else picture.input).cells
    own = upstream.values if upstream.kinds is None else upstream.values[upstream.kinds == VALUE].reshape(y_HW.shape)
    np.testing.assert_allclose(own, y_HW)


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=range(len(GEOMETRIES)))
@pytest.mark.parametrize(("layout", "drawn", "back"), WAYS)
def test_that_an_output_pixel_lights_up_exactly_its_patch(geometry, layout, drawn, back) -> None:
    lab = build_lab(geometry, layout=layout, drawn=drawn, back=back)
    picture = resolve_matrix(lab)
    terms = list_terms(geometry, lab.x_HW, lab.kernel, (1, 0))
    side = picture.product_side if picture.product_side.of_input else picture.source_side
    assert {*map(tuple, np.argwhere(picture.input.marks.hits).tolist())} == {side.find_cell(t.place) for t in terms}
    assert {*map(tuple, np.argwhere(picture.kernel.marks.hits).tolist())} == {t.tap for t in terms}
    if layout == "input" and not back:
        row = picture.product_side.find_number((1, 0))
        assert picture.matrix.marks.window == (row, 0, 1, picture.matrix.cells.values.shape[1])
        used = np.zeros_like(picture.matrix.marks.hits)
        used[row] = picture.matrix.cells.values[row] != 0
        assert picture.matrix.marks.hits.tolist() == used.tolist()
        assert picture.factor.marks.hits.ravel().tolist() == used[row].tolist()
        assert picture.product.marks.cursor == (row, 0)


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=range(len(GEOMETRIES)))
@pytest.mark.parametrize(("layout", "drawn", "back"), WAYS)
def test_that_an_input_pixel_lights_up_exactly_its_footprint(geometry, layout, drawn, back) -> None:
    lab = build_lab(geometry, layout=layout, drawn=drawn, back=back, of_input=True)
    picture = resolve_matrix(lab)
    single = np.zeros(geometry.size)
    single[1, 0] = 1
    reached = np.argwhere(apply(geometry, single, np.ones(geometry.kernel)))
    side = picture.source_side if picture.product_side.of_input else picture.product_side
    footprint = {side.find_cell((y, x)) for y, x in reached.tolist()}
    assert {*map(tuple, np.argwhere(picture.output.marks.hits).tolist())} == footprint
    if layout == "input" and not back:
        column = picture.source_side.find_number((1, 0))
        assert picture.matrix.marks.window == (0, column, picture.matrix.cells.values.shape[0], 1)
        assert picture.product.marks.hits.tolist() == picture.matrix.marks.hits[:, [column]].tolist()
    if layout == "kernel" and not back:
        stands = picture.matrix.marks.hits
        assert stands.sum() == len(footprint)
        assert (picture.matrix.cells.values[stands] == lab.x_HW[1, 0]).all()


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=range(len(GEOMETRIES)))
def test_that_every_cell_of_the_matrix_leads_to_the_pixels_it_joins(geometry) -> None:
    for layout, drawn, back in WAYS:
        picture = resolve_matrix(build_lab(geometry, layout=layout, drawn=drawn, back=back))
        for row, column in np.ndindex(picture.matrix.cells.values.shape):
            made, used = picture.find_in_matrix(row, column, True), picture.find_in_matrix(row, column, False)
            if layout == "input":
                assert made == picture.find_in_product(row, 0)
                assert used == picture.find_in_factor(column)
                dropped = picture.matrix.cells.kinds is not None and picture.matrix.cells.kinds[row, column] == INSERTED
                assert (made is None or used is None) == dropped
            else:
                assert made == picture.find_in_product(0, column)
                assert (used is None) == (picture.matrix.cells.kinds[row, column] != VALUE)
                assert picture.find_in_factor(0) is None
            for place in filter(None, (made, used)):
                size = geometry.size if place[2] else geometry.output
                assert place[0] < size[0]
                assert place[1] < size[1]


def test_that_patches_tell_padding_from_zeros_between() -> None:
    kinds = resolve_matrix(replace(begin(), layout="kernel")).matrix.cells.kinds
    assert {*np.unique(kinds).tolist()} == {VALUE, PADDING, INSERTED}
    padded = resolve_matrix(build_lab(build_geometry(4, 3, padding=1), layout="kernel")).matrix.cells.kinds
    assert {*np.unique(padded).tolist()} == {VALUE, PADDING}


# Words --------------------------------------------------------------------------------------------------------------------


def test_that_a_row_is_told_in_words_and_as_a_sum() -> None:
    picture = resolve_matrix(open_slide(33, pointed=(0, 1)))
    assert (
        picture.sentence
        == "Row 1: output pixel (0, 1) is the kernel times the 2 × 2 patch of the input at row 0, column 1."
    )
    assert picture.sum == "2·a + 3·b + 5·c + 6·d = 47"


def test_that_a_column_is_told_in_words() -> None:
    picture = resolve_matrix(open_slide(38, pointed=(1, 1), of_input=True))
    assert picture.sentence == (
        "Column 5: input pixel (1, 1) goes into output pixels (0, 0), (0, 1), (1, 0) and (1, 1), with the weights d, c, b and a."
    )
    assert picture.sum == ""


def test_that_taps_on_padding_are_told() -> None:
    picture = resolve_matrix(build_lab(build_geometry(4, 3, padding=1), pointed=(0, 0)))
    assert "patch of the input at row −1, column −1. 5 of the 9 taps fall on padding." in picture.sentence


def test_that_a_pixel_that_goes_nowhere_is_told() -> None:
    picture = resolve_matrix(build_lab(build_geometry(4, 1, 2), pointed=(1, 1), of_input=True))
    assert picture.sentence == "Column 5: input pixel (1, 1) goes nowhere: no place of the kernel covers it."
    assert not picture.output.marks.hits.any()


def test_that_a_hole_is_told() -> None:
    picture = resolve_matrix(build_lab(build_geometry(3, 1, 2, transposed=True), pointed=(1, 1)))
    assert picture.sentence == "Row 6: output pixel (1, 1) gathers nothing: it is 0."


def test_that_the_loss_is_told_by_its_own_names() -> None:
    lab = open_slide(38, back=True)
    row = resolve_matrix(replace(lab, pointed=(0, 1), of_input=True))
    assert row.sentence == "Row 1: ∂L/∂x at (0, 1) gathers ∂L/∂y at (0, 0) and (0, 1), with the weights b and a."
    column = resolve_matrix(replace(lab, pointed=(0, 1)))
    assert column.sentence == (
        "Column 1: ∂L/∂y at (0, 1) times the kernel is added to the 2 × 2 patch of ∂L/∂x at row 0, column 1."
    )


def test_that_many_partners_are_told_by_their_ends() -> None:
    picture = resolve_matrix(Lab(count_up(build_geometry(7, 3)), pointed=(3, 3), of_input=True))
    assert "goes into 9 output pixels from (1, 1) to (3, 3)." in picture.sentence


def test_that_a_long_sum_is_cut_in_the_middle() -> None:
    lab = build_lab(build_geometry(5, 3))
    lab = replace(lab, operation=replace(lab.operation, x_IHW=lab.operation.x_IHW / 7 - 1))
    assert resolve_matrix(lab).sum.count("·") == 3
    assert "…" in resolve_matrix(lab).sum


def test_that_the_channels_looked_at_are_told() -> None:
    lab = open_preset(next(p for p in PRESETS if "1 × 1 becomes 4 × 4" in p.name))
    picture = resolve_matrix(replace(lab, pair=(2, 1)))
    assert picture.note.endswith("Channel 2 to channel 1, without bias.")
    np.testing.assert_allclose(picture.product.cells.values.ravel(), lab.operation.compute_pair(2, 1).ravel())


def test_that_a_pointed_pixel_outside_is_brought_inside() -> None:
    assert resolve_matrix(open_slide(33, pointed=(9, 9))).sentence.startswith("Row 3: output pixel (1, 1)")


# Where there is no matrix -------------------------------------------------------------------------------------------------


def test_that_a_geometry_that_fits_nothing_is_a_sentence() -> None:
    picture = resolve_matrix(Lab(count_up(build_geometry(2, 4)), pointed=(0, 0)))
    what, hint = picture.problem
    assert what.startswith("A kernel of 4 does not fit")
    assert picture.matrix.cells is None
    assert what in picture.matrix.empty
    assert hint in picture.matrix.empty
    assert not picture.provable
    assert picture.input.cells.values.shape == (2, 2)


def test_that_a_matrix_too_large_to_be_seen_is_a_sentence_and_no_matrix() -> None:
    picture = resolve_matrix(Lab(count_up(build_geometry(64, 3, padding=1)), pointed=(1, 1)))
    assert picture.problem[0] == "C would have 4,096 × 4,096 cells, far more than a picture can show."
    assert picture.matrix.cells is None
    assert picture.provable
    assert picture.input.marks.hits.sum() == 9
    assert picture.find_in_grid(3, 4, False) == (3, 4, False)


def test_that_every_convolution_of_a_16_by_16_input_can_be_drawn() -> None:
    for kernel in range(1, 8):
        for layout, drawn, back in WAYS:
            geometry = build_geometry(16, kernel, 2, kernel - 1)
            picture = resolve_matrix(Lab(count_up(geometry), layout=layout, drawn=drawn, back=back))
            assert picture.problem is None
            assert picture.matrix.cells.values.size <= MOST_CELLS
