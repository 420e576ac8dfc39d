"""The convolution lab's state: what an example sets, what turning a knob does to the numbers, and what stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segbench.convolution.geometry import build_geometry
from segbench.convolution.lecture import PRESETS, count_up, draw_random, draw_stream, number
from segbench.convolution.operation import Operation
from segbench.gui.panels.convolution.atrous_picture import Atrous
from segbench.gui.panels.convolution.lab import (
    Lab,
    begin,
    change_geometry,
    edit,
    open_preset,
    refill,
    set_kind,
    set_knob,
)


def find_preset(start: str):
    return next(preset for preset in PRESETS if preset.name.startswith(start))


def draw(size=(3, 4), kernel=(2, 2), channels=(2, 3)) -> Lab:
    """Three channels out of two, all numbers different from what any source makes."""
    drawn = np.random.default_rng(5)
    x_IHW = drawn.normal(size=(channels[0], *size))
    weight_IOHW = drawn.normal(size=(*channels, *kernel))
    return Lab(Operation(build_geometry(size, kernel), x_IHW, weight_IOHW, drawn.normal(size=channels[1])), "a layer")


# Examples -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_that_an_example_sets_all_that_it_speaks_of(preset) -> None:
    lab = open_preset(preset)
    wanted = preset.build()
    assert lab.geometry == wanted.geometry
    for part in ("x_IHW", "weight_IOHW", "bias_O"):
        np.testing.assert_array_equal(getattr(lab.operation, part), getattr(wanted, part))
    assert (lab.name, lab.note, lab.topic) == (preset.name, preset.note, preset.topic)
    assert (lab.layout, lab.letters, lab.drawn) == (preset.layout, preset.letters, preset.drawn)
    assert lab.atrous.rate == preset.rate
    assert lab.source == "own"
    assert lab.summed == (wanted.channels[0] > 1)
    assert (lab.pair, lab.pointed, lab.of_input, lab.back) == ((0, 0), (0, 0), False, False)


def test_that_an_example_leaves_alone_what_it_does_not_speak_of() -> None:
    before = replace(
        begin(),
        seed=7,
        pair=(0, 0),
        back=True,
        atrous=Atrous(part="aspp", rate=5, traced=(1, 1), printed=True, rates=(3,)),
    )
    lab = open_preset(find_preset("Slide 13"), before)
    assert lab.seed == 7
    assert lab.atrous == replace(before.atrous, rate=2, part="edge", traced=None, printed=False)
    assert not lab.back


def test_that_the_first_lab_doubles_numbers_that_count_up() -> None:
    lab = begin()
    assert lab.geometry == build_geometry(4, 3, 2, 1, transposed=True)
    assert lab.x_HW.tolist() == number((4, 4)).tolist()
    assert lab.kernel.tolist() == number((3, 3)).tolist()
    assert lab.source == "count"


def test_that_the_channels_looked_at_are_those_of_the_pair() -> None:
    lab = replace(draw(), pair=(1, 2))
    assert lab.x_HW.tolist() == lab.operation.x_IHW[1].tolist()
    assert lab.kernel.tolist() == lab.operation.weight_IOHW[1, 2].tolist()


# Knobs --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("knob", ["kernel", "stride", "padding", "dilation", "output_padding"])
def test_that_a_knob_turns_both_axes_and_nothing_else(knob: str) -> None:
    before = build_geometry((5, 6), (3, 2), (2, 3), (1, 2), (1, 2), (1, 0), transposed=True)
    after = set_knob(before, knob, 4)
    for axis, old in ((after.rows, before.rows), (after.columns, before.columns)):
        assert getattr(axis, knob) == 4
        assert replace(axis, **{knob: getattr(old, knob)}) == old


def test_that_height_and_width_are_turned_alone() -> None:
    before = build_geometry((5, 6), 3, 2, 1)
    assert set_knob(before, "height", 9).size == (9, 6)
    assert set_knob(before, "width", 9).size == (5, 9)
    assert set_knob(set_knob(before, "height", 9), "height", 5) == before


def test_that_the_other_operation_has_the_same_knobs_but_for_output_padding() -> None:
    up = build_geometry(5, 3, 2, 1, 1, 1, transposed=True)
    down = set_kind(up, False)
    assert down == build_geometry(5, 3, 2, 1)
    assert set_kind(down, True) == build_geometry(5, 3, 2, 1, transposed=True)
    assert set_kind(up, True) == up


# What a knob does to the numbers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "make"),
    [
        ("count", lambda shape, _seed: number(shape)),
        ("ones", lambda shape, _seed: np.ones(shape)),
        ("random", draw_random),
    ],
)
def test_that_a_new_size_is_filled_as_the_source_says(source, make) -> None:
    lab = refill(begin(), source, 3)
    larger = change_geometry(lab, set_knob(set_knob(lab.geometry, "height", 6), "kernel", 5))
    assert larger.x_HW.tolist() == make((6, 4), 3).tolist()
    assert larger.kernel.tolist() == make((5, 5), 4).tolist()
    assert (larger.source, larger.seed) == (source, 3)


def test_that_only_what_changed_its_size_is_made_anew() -> None:
    lab = edit(edit(begin(), "input", 0, 0, 50.0), "kernel", 0, 0, 60.0)
    lab = replace(lab, source="count")
    kernel_turned = change_geometry(lab, set_knob(lab.geometry, "kernel", 2))
    assert (kernel_turned.x_HW[0, 0], kernel_turned.kernel[0, 0]) == (50, 1)
    height_turned = change_geometry(lab, set_knob(lab.geometry, "height", 5))
    assert (height_turned.x_HW[0, 0], height_turned.kernel[0, 0]) == (1, 60)
    stride_turned = change_geometry(lab, set_knob(lab.geometry, "stride", 3))
    assert stride_turned.operation.x_IHW is lab.operation.x_IHW
    assert stride_turned.operation.weight_IOHW is lab.operation.weight_IOHW


def test_that_own_values_are_cut_off_where_there_is_less_room_and_repeat_where_there_is_more() -> None:
    lab = replace(draw(size=(3, 4), kernel=(2, 2)), source="own")
    smaller = change_geometry(lab, lab.geometry.resize(2, 3))
    np.testing.assert_array_equal(smaller.operation.x_IHW, lab.operation.x_IHW[:, :2, :3])
    larger = change_geometry(lab, lab.geometry.resize(7, 9))
    assert larger.operation.x_IHW.shape == (2, 7, 9)
    for row, column in np.ndindex(7, 9):
        np.testing.assert_array_equal(
            larger.operation.x_IHW[:, row, column], lab.operation.x_IHW[:, row % 3, column % 4]
        )
    wide = change_geometry(lab, set_knob(lab.geometry, "kernel", 3))
    np.testing.assert_array_equal(wide.operation.weight_IOHW[..., 2, :2], lab.operation.weight_IOHW[..., 0, :])


def test_that_the_way_to_a_size_does_not_matter() -> None:
    lab = replace(draw(size=(3, 4), kernel=(2, 2)), source="own")
    there = lab
    for height, kernel in ((1, 3), (2, 1), (9, 4), (3, 2)):
        there = change_geometry(there, set_knob(set_knob(there.geometry, "height", height), "kernel", kernel))
    np.testing.assert_array_equal(there.operation.x_IHW, lab.operation.x_IHW)
    np.testing.assert_array_equal(there.operation.weight_IOHW, lab.operation.weight_IOHW)
    edited = edit(change_geometry(lab, lab.geometry.resize(1, 4)), "input", 0, 0, 50.0)
    assert change_geometry(edited, lab.geometry).x_HW[:, 0].tolist() == [
        50,
        50,
        50,
    ]  # what was edited counts, not what was


@pytest.mark.parametrize("source", ["own", "count", "random"])
def test_that_channels_and_bias_outlive_a_knob(source) -> None:
    lab = replace(draw(), source=source, pair=(1, 2), summed=True)
    turned = change_geometry(lab, set_knob(set_knob(lab.geometry, "height", 6), "kernel", 3))
    assert turned.operation.channels == (2, 3)
    assert turned.operation.x_IHW.shape == (2, 6, 4)
    assert turned.operation.weight_IOHW.shape == (2, 3, 3, 3)
    assert turned.operation.bias_O is lab.operation.bias_O
    assert (turned.pair, turned.summed) == ((1, 2), True)


def test_that_a_changed_example_has_no_name_no_note_and_no_pixel_looked_at() -> None:
    lab = open_preset(find_preset("Slides 56"))
    turned = change_geometry(lab, set_knob(lab.geometry, "stride", 3))
    assert (turned.name, turned.note, turned.pointed) == ("", "", None)
    assert turned.topic == lab.topic
    np.testing.assert_array_equal(turned.operation.x_IHW, draw_stream(58).x_IHW)


def test_that_values_drawn_anew_are_one_channel_without_a_bias() -> None:
    lab = refill(replace(draw(), pair=(1, 2), summed=True), "random", 11)
    assert lab.operation.channels == (1, 1)
    assert lab.operation.bias_O.tolist() == [0]
    assert (lab.pair, lab.summed, lab.name) == ((0, 0), False, "")
    assert lab.x_HW.tolist() == draw_random((3, 4), 11).tolist()
    assert lab.kernel.tolist() == draw_random((2, 2), 12).tolist()
    assert refill(lab, "random", 12).x_HW.tolist() != lab.x_HW.tolist()
    assert set(refill(lab, "ones", 0).x_HW.ravel()) == {1.0}


# Editing ------------------------------------------------------------------------------------------------------------------


def test_that_an_edit_changes_one_number_of_the_channel_looked_at() -> None:
    lab = replace(draw(), pair=(1, 2))
    x_IHW, weight_IOHW = lab.operation.x_IHW.copy(), lab.operation.weight_IOHW.copy()
    after = edit(edit(lab, "input", 2, 3, 5.5), "kernel", 1, 0, -4.0)
    np.testing.assert_array_equal(lab.operation.x_IHW, x_IHW)  # undo needs them as they were
    np.testing.assert_array_equal(lab.operation.weight_IOHW, weight_IOHW)
    x_IHW[1, 2, 3], weight_IOHW[1, 2, 1, 0] = 5.5, -4.0
    np.testing.assert_array_equal(after.operation.x_IHW, x_IHW)
    np.testing.assert_array_equal(after.operation.weight_IOHW, weight_IOHW)
    assert (after.source, after.name, after.pair) == ("own", "", (1, 2))


def test_that_edited_numbers_stay_when_a_knob_is_turned() -> None:
    lab = edit(Lab(count_up(build_geometry(3, 2))), "input", 1, 1, 77.0)
    assert change_geometry(lab, lab.geometry.resize(4, 4)).x_HW[1, 1] == 77
