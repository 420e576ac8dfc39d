"""A convolution as a matrix: y = C x and C^T x are torch's, and C is what slides 32, 33, 38, 41 and 42 show."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segbench.convolution.geometry import Geometry, build_geometry
from segbench.convolution.matrix import NOTHING, draw_strided, fill, multiply, place_taps, unroll
from segbench.convolution.operation import turn
from tests.unit.convolution.drawn import ask_torch, draw_geometry, fill_randomly
from tests.unit.convolution.printed import MATRIX_41, read

SEEDS = st.integers(0, 2**31)
LETTERS = {"0": NOTHING, "a": 0, "b": 1, "c": 2, "d": 3}


def _read_letters(text: str) -> np.ndarray:
    return np.array([[LETTERS[word] for word in line.split()] for line in text.strip().splitlines()])


@settings(max_examples=60, deadline=None)
@given(draw_geometry(most=5), SEEDS)
def test_that_c_and_its_transpose_are_the_two_directions(geometry: Geometry, seed: int) -> None:
    """A transpose convolution is C^T x with the C of the convolution, whose y = C x torch gives with the same knobs."""
    operation = fill_randomly(geometry, seed)
    x_HW, kernel = operation.x_IHW[0], operation.weight_IOHW[0, 0]
    matrix = fill(place_taps(geometry), kernel)
    x, y = (geometry.size, geometry.output)
    assert matrix.shape == ((x[0] * x[1], y[0] * y[1]) if geometry.transposed else (y[0] * y[1], x[0] * x[1]))
    right = ask_torch(geometry, operation.x_IHW, operation.weight_IOHW)[0]
    way = matrix.T if geometry.transposed else matrix
    np.testing.assert_allclose(way @ x_HW.ravel(), right.ravel(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(multiply(geometry, x_HW, kernel), right, rtol=0, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(draw_geometry(most=5), SEEDS)
def test_that_the_vectorised_kernel_times_the_unrolled_input_is_the_output(geometry: Geometry, seed: int) -> None:
    operation = fill_randomly(geometry, seed)
    kernel = operation.weight_IOHW[0, 0]
    unrolled = unroll(geometry, operation.x_IHW[0])
    assert unrolled.shape == (kernel.size, geometry.output[0] * geometry.output[1])
    swept = turn(kernel) if geometry.transposed else kernel
    right = ask_torch(geometry, operation.x_IHW, operation.weight_IOHW)[0]
    np.testing.assert_allclose(swept.ravel() @ unrolled, right.ravel(), rtol=0, atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(draw_geometry(most=5))
def test_that_the_rows_kept_of_a_drawn_stride_are_c(geometry: Geometry) -> None:
    drawn, kept = draw_strided(geometry)
    assert np.array_equal(drawn[kept], place_taps(geometry))
    assert (drawn[~kept] == NOTHING).all()


# The lecture ------------------------------------------------------------------------------------------------------------


def test_that_slide_32s_columns_hold_what_the_kernel_meets() -> None:
    x_HW = np.arange(1.0, 10).reshape(3, 3)
    assert np.array_equal(unroll(build_geometry(3, 2), x_HW), read("1 2 4 5\n2 3 5 6\n4 5 7 8\n5 6 8 9"))


def test_that_slide_33s_matrix_holds_a_row_an_output_pixel() -> None:
    printed = "a b 0 c d 0 0 0 0\n0 a b 0 c d 0 0 0\n0 0 0 a b 0 c d 0\n0 0 0 0 a b 0 c d"
    assert np.array_equal(place_taps(build_geometry(3, 2)), _read_letters(printed))


def test_that_slide_34s_product_gives_slide_31s_sums() -> None:
    x_HW, kernel = np.arange(1.0, 10).reshape(3, 3), np.array([[2.0, 3.0], [5.0, 7.0]])
    sums = [
        1 * 2 + 2 * 3 + 4 * 5 + 5 * 7,
        2 * 2 + 3 * 3 + 5 * 5 + 6 * 7,
        4 * 2 + 5 * 3 + 7 * 5 + 8 * 7,
        5 * 2 + 6 * 3 + 8 * 5 + 9 * 7,
    ]
    assert np.array_equal(multiply(build_geometry(3, 2), x_HW, kernel).ravel(), sums)


def test_that_slide_38s_rows_shift_by_one_and_by_two_where_the_kernel_starts_a_new_line() -> None:
    """The transcript has no picture of it; slide 39 says: 9 x 16, each row a shifted version of the row above."""
    taps = place_taps(build_geometry(4, 2))
    assert taps.shape == (9, 16)
    assert np.array_equal(taps[0], _read_letters("a b 0 0 c d 0 0 0 0 0 0 0 0 0 0")[0])
    for row in range(1, 9):
        assert np.array_equal(taps[row], np.roll(taps[row - 1], 2 if row in (3, 6) else 1))


def test_that_slide_41_zeroes_the_rows_the_stride_leaves_out() -> None:
    """Rows 2, 8 and 4 to 6, counted from one (slide 40).

    The transcript's rows 7 and 9 begin one column early: the kernel's first column would stand on pixels 8 and 10 of the input,
    which is the end of a line for the first, and not what y = C x sums at that place. Its table has a column and seven lines of
    zeros too many.
    """
    printed = _read_letters("\n".join(line.rsplit(" ", 1)[0] for line in MATRIX_41.strip().splitlines()))
    assert printed.shape == (16, 17)
    assert [line.split()[-1] for line in MATRIX_41.strip().splitlines()] == [str(n) for n in range(1, 17)]
    assert (printed[9:] == NOTHING).all()
    assert (printed[:, 16] == NOTHING).all()
    printed = printed[:9, :16]
    for row in (6, 8):
        printed[row] = np.roll(printed[row], 1)
    drawn, kept = draw_strided(build_geometry(4, 2, 2))
    assert np.array_equal(drawn, printed)
    assert [row + 1 for row in np.flatnonzero(~kept)] == [2, 4, 5, 6, 8]


def test_that_slide_42_drops_the_zeroed_rows() -> None:
    """Nine elements become four, and C^T leads from a layer of some size to one twice as large a side."""
    geometry = build_geometry(4, 2, 2)
    taps = place_taps(geometry)
    assert taps.shape == (4, 16)
    right = (
        "a b 0 0 c d 0 0 0 0 0 0 0 0 0 0\n0 0 a b 0 0 c d 0 0 0 0 0 0 0 0\n"
        "0 0 0 0 0 0 0 0 a b 0 0 c d 0 0\n0 0 0 0 0 0 0 0 0 0 a b 0 0 c d"
    )
    assert np.array_equal(taps, _read_letters(right))
    up = build_geometry(2, 2, 2, transposed=True)
    assert np.array_equal(place_taps(up), taps)
    assert up.output == (4, 4)


@pytest.mark.parametrize("transposed", [False, True])
def test_that_a_large_kernel_keeps_its_taps_apart(transposed: bool) -> None:
    geometry = build_geometry(1 if transposed else 200, 200, transposed=transposed)
    assert np.array_equal(place_taps(geometry).ravel(), np.arange(40_000))
