"""The coverage law against counting, and repairs that are what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from segbench.convolution.coverage import ORDER, find_repairs, fit_padding, judge, judge_axis
from segbench.convolution.geometry import Axis, Geometry, build_geometry
from tests.unit.convolution.drawn import draw_geometry, fits

LAST_LAYER = build_geometry(32, 3, 2, 2, 2, 1, transposed=True)  # mUnet's


def _count_inside(axis: Axis) -> set[int]:
    """How many taps output pixels hear that lie a whole kernel and more away from the borders."""
    inside = range(axis.span, axis.output - axis.span)
    assert len(inside) >= axis.stride
    return {len(axis.find_sources(output)) for output in inside}


@pytest.mark.parametrize("stride", range(1, 7))
@pytest.mark.parametrize("dilation", range(1, 7))
def test_that_the_law_is_what_counting_finds_away_from_the_borders(stride: int, dilation: int) -> None:
    for kernel in range(1, 8):
        for padding in {0, kernel // 2}:
            size = 2 * (dilation * (kernel - 1) + 1) // stride + 2 * padding + 6
            axis = Axis(size, kernel, stride, padding, dilation, transposed=True)
            counts = _count_inside(axis)
            found = "holes" if 0 in counts else "uneven" if len(counts) > 1 else "full"
            assert judge_axis(axis) == found, axis


def test_that_a_convolution_is_full() -> None:
    assert judge(build_geometry(9, 3, 2, 0, 2)) == "full"
    assert find_repairs(build_geometry(9, 3, 2, 0, 2)) == ()


def test_that_the_worse_axis_is_the_verdict() -> None:
    assert judge(build_geometry(4, (4, 3), 2, transposed=True)) == "uneven"
    assert judge(build_geometry(4, (3, 1), 2, transposed=True)) == "holes"


@settings(max_examples=300, deadline=None)
@given(draw_geometry(transposed=True))
def test_that_a_repair_keeps_the_size_and_is_better_than_what_it_repairs(geometry: Geometry) -> None:
    before = judge(geometry)
    repairs = find_repairs(geometry)
    assert (repairs == ()) == (before == "full")
    for repair in repairs:
        assert fits(repair.geometry)
        assert repair.geometry.output == geometry.output
        assert ORDER.index(judge(repair.geometry)) < ORDER.index(before)
        if repair.resized:
            assert repair.geometry.size == repair.geometry.output
        else:
            assert repair.geometry.size == geometry.size
            if before == "holes":
                for axis in (repair.geometry.rows, repair.geometry.columns):
                    assert axis.output_padding <= axis.padding or axis in (geometry.rows, geometry.columns)
    assert len({repair.geometry for repair in repairs}) == len(repairs)
    if repairs:
        assert repairs[-1].resized


@settings(max_examples=200, deadline=None)
@given(draw_geometry(transposed=True))
def test_that_a_fitted_axis_has_no_silent_pixel_where_its_kernel_is_a_stride_or_more(geometry: Geometry) -> None:
    axis = fit_padding(geometry.rows, 2 * geometry.rows.stride)
    if axis is not None:
        axis.check()
        assert axis.output == geometry.rows.output
        assert all(axis.find_sources(output) for output in range(axis.output))


def test_that_three_quarters_of_munets_last_layer_are_holes() -> None:
    counts = LAST_LAYER.count_inputs()
    assert counts.shape == (64, 64)
    assert np.count_nonzero(counts == 0) == 3072
    assert counts.size == 4096
    assert not counts[1::2].any()
    assert not counts[:, 1::2].any()
    assert counts[::2, ::2].all()
    assert judge(LAST_LAYER) == "holes"


def test_that_munets_last_layer_has_three_repairs() -> None:
    undilated, even, resized = find_repairs(LAST_LAYER)
    assert undilated.geometry == build_geometry(32, 3, 2, 1, 1, 1, transposed=True)
    assert judge(undilated.geometry) == "uneven"
    assert even.geometry == build_geometry(32, 4, 2, 1, transposed=True)
    assert judge(even.geometry) == "full"
    assert (resized.resized, resized.geometry) == (True, build_geometry(64, 3, padding=1))
    for repair in (undilated, even, resized):
        assert repair.geometry.count_inputs().all()


def test_that_no_repair_is_offered_that_repairs_nothing() -> None:
    """An uneven operation without dilation: taking the dilation away changes nothing."""
    for geometry in (
        build_geometry(4, 3, 2, 1, transposed=True),
        build_geometry(4, 4, 3, 1, 1, 2, transposed=True),  # its padding and output padding could be smaller, too
    ):
        names = [repair.name for repair in find_repairs(geometry)]
        assert names == ["kernel twice the stride", "resize, then convolve"]


def test_that_an_axis_without_holes_stays_as_it_is() -> None:
    geometry = build_geometry(4, 3, (1, 2), 2, 2, transposed=True)
    for repair in find_repairs(geometry)[:-1]:
        assert repair.geometry.rows == geometry.rows
