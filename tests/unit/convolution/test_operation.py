"""An operation gives the same however it is computed, and what slides 30-31 and 52 print."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segbench.convolution.geometry import Geometry, build_geometry
from segbench.convolution.lecture import count_up
from segbench.convolution.matrix import multiply
from segbench.convolution.operation import (
    Operation,
    apply,
    classify_stuffed,
    dilate,
    list_terms,
    scatter,
    stuff,
    sweep,
    turn,
)
from tests.unit.convolution.drawn import ask_torch, draw_geometry, fill_randomly
from tests.unit.convolution.printed import read

SEEDS = st.integers(0, 2**31)


@settings(max_examples=200, deadline=None)
@given(draw_geometry(), SEEDS)
def test_that_every_way_to_compute_gives_torchs_numbers(geometry: Geometry, seed: int) -> None:
    operation = fill_randomly(geometry, seed)
    x_HW, kernel = operation.x_IHW[0], operation.weight_IOHW[0, 0]
    right = ask_torch(geometry, operation.x_IHW, operation.weight_IOHW)[0]
    ways = [sweep, multiply, apply, *([scatter] if geometry.transposed else [])]
    for way in ways:
        y_HW = way(geometry, x_HW, kernel)
        assert y_HW.shape == geometry.output
        np.testing.assert_allclose(y_HW, right, rtol=0, atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(draw_geometry(), SEEDS)
def test_that_channels_and_bias_add_up_as_in_torch(geometry: Geometry, seed: int) -> None:
    operation = fill_randomly(geometry, seed, (3, 2))
    assert operation.channels == (3, 2)
    right = ask_torch(geometry, operation.x_IHW, operation.weight_IOHW, operation.bias_O)
    for o in range(2):
        np.testing.assert_allclose(operation.compute_channel(o), right[o], rtol=0, atol=1e-12)
        for way in (sweep, scatter) if geometry.transposed else (sweep,):
            summed = way(geometry, operation.x_IHW, operation.weight_IOHW[:, o]) + operation.bias_O[o]
            np.testing.assert_allclose(summed, right[o], rtol=0, atol=1e-12)
        pairs = sum(operation.compute_pair(i, o) for i in range(3)) + operation.bias_O[o]
        np.testing.assert_allclose(pairs, right[o], rtol=0, atol=1e-12)


@settings(max_examples=80, deadline=None)
@given(draw_geometry(most=4), SEEDS)
def test_that_the_terms_of_a_pixel_sum_up_to_it(geometry: Geometry, seed: int) -> None:
    operation = fill_randomly(geometry, seed)
    x_HW, kernel = operation.x_IHW[0], operation.weight_IOHW[0, 0]
    y_HW, counts = apply(geometry, x_HW, kernel), geometry.count_inputs()
    for output, value in np.ndenumerate(y_HW):
        terms = list_terms(geometry, x_HW, kernel, output)
        assert len(terms) == counts[output]
        assert [term.tap for term in terms] == sorted(term.tap for term in terms)
        for term in terms:
            assert (term.value, term.weight) == (x_HW[term.place], kernel[term.tap])
        assert sum(term.product for term in terms) == pytest.approx(value, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(draw_geometry(), SEEDS)
def test_that_the_stuffed_input_holds_the_input_and_zeros_of_two_kinds(geometry: Geometry, seed: int) -> None:
    x_HW = fill_randomly(geometry, seed).x_IHW[0]
    stuffed, kinds = stuff(geometry, x_HW), classify_stuffed(geometry)
    assert stuffed.shape == kinds.shape == geometry.stuffed
    assert not stuffed[kinds != 0].any()
    if min(geometry.rows.border, geometry.columns.border) >= 0:
        assert np.array_equal(stuffed[kinds == 0], x_HW.ravel())
        between = (geometry.rows.spread * geometry.columns.spread) - x_HW.size
        assert np.count_nonzero(kinds == 2) == between
    assert np.array_equal(stuffed, _stuff_slowly(geometry, x_HW))


def _stuff_slowly(geometry: Geometry, x_HW: np.ndarray) -> np.ndarray:
    """Pixel by pixel."""
    rows, columns = geometry.rows, geometry.columns
    stuffed = np.zeros(geometry.stuffed)
    for (row, column), value in np.ndenumerate(x_HW):
        y = rows.border + row * (rows.stride if rows.transposed else 1)
        x = columns.border + column * (columns.stride if columns.transposed else 1)
        if 0 <= y < rows.stuffed and 0 <= x < columns.stuffed:
            stuffed[y, x] = value
    return stuffed


def test_that_a_dilated_kernel_has_zeros_between_its_taps_only() -> None:
    assert np.array_equal(dilate(np.array([[1.0, 2.0], [3.0, 4.0]]), 2, 3), [[1, 0, 0, 2], [0, 0, 0, 0], [3, 0, 0, 4]])
    assert dilate(np.ones((3, 3)), 2, 2).shape == (5, 5)  # k + (k - 1)(r - 1)


def test_that_turning_is_by_half_a_turn() -> None:
    assert np.array_equal(turn(np.array([[1.0, 2.0], [3.0, 4.0]])), [[4, 3], [2, 1]])


# The lecture ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", [(1.0, 2.0, 3.0, 4.0), (0.5, -1.0, 7.0, 0.25)])
def test_that_slide_31s_four_sums_are_the_output(kernel: tuple[float, ...]) -> None:
    a, b, c, d = kernel
    x_HW = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
    y_HW = sweep(build_geometry(3, 2), x_HW, np.array([[a, b], [c, d]]))
    assert np.array_equal(
        y_HW,
        [
            [1 * a + 2 * b + 4 * c + 5 * d, 2 * a + 3 * b + 5 * c + 6 * d],
            [4 * a + 5 * b + 7 * c + 8 * d, 5 * a + 6 * b + 8 * c + 9 * d],
        ],
    )


def test_that_slide_31s_first_sum_is_written_in_the_slides_order() -> None:
    operation = count_up(build_geometry(3, 2))
    terms = list_terms(operation.geometry, operation.x_IHW[0], operation.weight_IOHW[0, 0], (0, 0))
    assert [(term.value, term.weight) for term in terms] == [(1, 1), (2, 2), (4, 3), (5, 4)]


PADDED_52 = {
    0: "0 0 0 0 0 0 0\n0 0 0 0 0 0 0\n0 0 0 0 0 0 0\n0 0 0 1 0 0 0\n0 0 0 0 0 0 0\n0 0 0 0 0 0 0\n0 0 0 0 0 0 0",
    1: "0 0 0 0 0\n0 0 0 0 0\n0 0 1 0 0\n0 0 0 0 0\n0 0 0 0 0",
    2: "0 0 0\n0 1 0\n0 0 0",
}


@pytest.mark.parametrize("padding", [0, 1, 2])
def test_that_slide_52s_padded_pictures_are_what_the_kernel_sweeps_over(padding: int) -> None:
    geometry = build_geometry(1, 4, 1, padding, transposed=True)
    assert np.array_equal(stuff(geometry, np.ones((1, 1))), read(PADDED_52[padding]))
    assert np.array_equal(classify_stuffed(geometry) == 0, read(PADDED_52[padding]) == 1)


def test_that_a_negative_n_cuts_pixels_off() -> None:
    geometry = build_geometry(3, 1, 1, 1, transposed=True)
    assert np.array_equal(stuff(geometry, np.arange(9.0).reshape(3, 3)), [[4]])
    assert Operation(geometry, np.ones((1, 3, 3)), np.ones((1, 1, 1, 1)), np.zeros(1)).compute_pair(0, 0).shape == (
        1,
        1,
    )
