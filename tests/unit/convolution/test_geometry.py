"""Sizes and places of convolutions: torch's, and those printed on slides 12, 13, 41-45 and 51-62."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segbench.convolution.geometry import Axis, Geometry, build_geometry
from segbench.errors import SegbenchError
from tests.unit.convolution.drawn import ask_torch, draw_any_geometry, draw_geometry, fits


@settings(max_examples=300, deadline=None)
@given(draw_any_geometry())
def test_that_what_torch_refuses_or_leaves_empty_is_refused_and_nothing_else(geometry: Geometry) -> None:
    try:
        y = ask_torch(geometry, np.ones((1, *geometry.size)), np.ones((1, 1, *geometry.kernel)))
    except RuntimeError:
        assert not fits(geometry)
    else:
        assert fits(geometry) == (y.size > 0)
        if y.size:
            assert y.shape[1:] == geometry.output


@settings(max_examples=100, deadline=None)
@given(draw_geometry())
def test_that_sources_and_targets_are_each_others_inverse(geometry: Geometry) -> None:
    for axis in (geometry.rows, geometry.columns):
        one = {(place, tap, output) for output in range(axis.output) for place, tap in axis.find_sources(output)}
        other = {(place, tap, output) for place in range(axis.size) for output, tap in axis.find_targets(place)}
        assert one == other
        for output in range(axis.output):
            taps = [tap for _, tap in axis.find_sources(output)]
            assert taps == sorted(taps)


@settings(max_examples=100, deadline=None)
@given(draw_geometry())
def test_that_counts_are_what_ones_give(geometry: Geometry) -> None:
    ones = ask_torch(geometry, np.ones((1, *geometry.size)), np.ones((1, 1, *geometry.kernel)))[0]
    counts = geometry.count_inputs()
    assert counts.dtype == np.int64
    assert np.array_equal(counts, ones)


@settings(max_examples=60, deadline=None)
@given(draw_geometry(transposed=False))
def test_that_a_transpose_convolution_leads_back_to_the_size_the_convolution_came_from(geometry: Geometry) -> None:
    """What the stride leaves unread is the output padding of the way back."""
    for axis in (geometry.rows, geometry.columns):
        back = replace(axis, size=axis.output, output_padding=axis.unread, transposed=True)
        back.check()
        assert back.output == axis.size
        assert axis.unread < axis.stride


@pytest.mark.parametrize(
    ("knob", "least"),
    [("size", 1), ("kernel", 1), ("stride", 1), ("dilation", 1), ("padding", 0), ("output_padding", 0)],
)
@pytest.mark.parametrize("transposed", [False, True])
def test_that_a_knob_below_its_least_is_told_by_name_with_the_least(knob: str, least: int, transposed: bool) -> None:
    with pytest.raises(SegbenchError) as told:
        replace(Axis(4, 3, transposed=transposed), **{knob: least - 1}).check()
    assert str(least - 1) in told.value.message
    assert knob.replace("_", " ") in told.value.message
    assert told.value.hint == f"Choose {least} or more."


@settings(max_examples=200, deadline=None)
@given(draw_any_geometry(), st.booleans())
def test_that_the_padding_a_refusal_asks_for_is_the_nearest_that_fits(geometry: Geometry, columns: bool) -> None:
    axis = geometry.columns if columns else geometry.rows
    axis = replace(axis, output_padding=min(axis.output_padding, max(axis.stride, axis.dilation) - 1))
    try:
        axis.check()
    except SegbenchError as error:
        words = error.hint.split()
        assert words[:3] == ["Set", "padding", "to"]
        named = replace(axis, padding=int(words[3]))
        named.check()
        with pytest.raises(SegbenchError):
            replace(named, padding=named.padding + (1 if axis.transposed else -1)).check()


def test_that_an_output_padding_must_be_smaller_than_stride_or_dilation() -> None:
    Axis(4, 3, 1, 1, 3, 2, True).check()
    with pytest.raises(SegbenchError, match="Set output padding to 1 or less"):
        Axis(4, 3, 2, 1, 1, 2, True).check()
    with pytest.raises(SegbenchError, match="A convolution has no output padding"):
        Axis(4, 3, 2, 1, 1, 1).check()


def test_that_a_refusal_names_the_axis_where_the_two_differ() -> None:
    with pytest.raises(SegbenchError, match="along the width"):
        build_geometry((4, 2), 3).check()
    with pytest.raises(SegbenchError) as told:
        build_geometry(2, 3).check()
    assert "along" not in told.value.message


def test_that_numbers_hold_for_both_axes_and_pairs_for_one_each() -> None:
    geometry = build_geometry((4, 5), (2, 3), 2, (0, 1), output_padding=(0, 1), transposed=True)
    assert geometry == Geometry(Axis(4, 2, 2, 0, 1, 0, True), Axis(5, 3, 2, 1, 1, 1, True))
    assert not geometry.is_square
    assert build_geometry((4, 5), 3, 2).is_square
    assert geometry.resize(7, 8).size == (7, 8)
    assert geometry.resize(7, 8).kernel == (2, 3)


# The lecture ------------------------------------------------------------------------------------------------------------


def test_that_slide_12_has_14_by_14_pixels() -> None:
    assert build_geometry(16, 3).output == (14, 14)


def test_that_slide_13_is_12_by_12_in_torch_and_11_by_11_with_the_kernel_as_printed() -> None:
    """The slide writes the kernel 6 x 6, with a row and a column of zeros behind the last taps; torch's spans 5."""
    assert build_geometry(16, 3, dilation=2).rows.span == 5
    assert build_geometry(16, 3, dilation=2).output == (12, 12)
    assert build_geometry(16, 6).output == (11, 11)


def test_that_slides_38_to_42_lead_from_16_pixels_to_9_and_with_stride_2_to_4() -> None:
    assert build_geometry(4, 2).output == (3, 3)
    assert build_geometry(4, 2, 2).output == (2, 2)
    back = build_geometry(2, 2, 2, transposed=True)  # "a layer that is twice as large"
    assert back.output == (4, 4)


@pytest.mark.parametrize(("padding", "n"), [(0, 3), (1, 2), (2, 1)])
def test_that_slide_51s_table_of_zeros_on_both_sides_holds(padding: int, n: int) -> None:
    assert Axis(1, 4, 1, padding, transposed=True).border == n


@pytest.mark.parametrize(("padding", "padded", "output"), [(0, (7, 7), (4, 4)), (1, (5, 5), (2, 2))])
def test_that_slide_52s_sizes_hold(padding: int, padded: tuple[int, int], output: tuple[int, int]) -> None:
    geometry = build_geometry(1, 4, 1, padding, transposed=True)
    geometry.check()
    assert geometry.stuffed == padded
    assert geometry.output == output


def test_that_slide_52s_third_size_is_an_error() -> None:
    """The lecture prints ERROR; torch 2.13 on the CPU returns an empty tensor."""
    geometry = build_geometry(1, 4, 1, 2, transposed=True)
    assert geometry.stuffed == (3, 3)
    with pytest.raises(SegbenchError, match="kernel of 4 does not fit into the padded input of 3") as told:
        geometry.check()
    assert "Set padding to 1 or less" in told.value.hint
    assert "empty tensor" in told.value.hint
    with pytest.raises(SegbenchError) as told:
        build_geometry(1, 4, 1, 3, transposed=True).check()  # here torch refuses, too
    assert "empty tensor" not in told.value.hint


@pytest.mark.parametrize("size", range(1, 7))
@pytest.mark.parametrize("kernel", range(1, 6))
@pytest.mark.parametrize("stride", range(1, 4))
def test_that_the_formulas_of_slides_56_and_60_hold(size: int, kernel: int, stride: int) -> None:
    assert Axis(size, kernel, stride, transposed=True).output == (size - 1) * stride + kernel
    for padding in range(3):
        expected = (size - 1) * stride + kernel - 2 * padding
        assert Axis(size, kernel, stride, padding, transposed=True).output == expected


def test_that_slides_58_and_62_have_9_by_9_and_7_by_7_pixels() -> None:
    assert build_geometry(4, 3, 2, 0, transposed=True).output == (9, 9)
    assert build_geometry(4, 3, 2, 1, transposed=True).output == (7, 7)
