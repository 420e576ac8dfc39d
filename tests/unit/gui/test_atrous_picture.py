"""What the Atrous tab shows: the lecture's numbers in both readings, live taps, gridding, and words that agree with the numbers."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from segbench.convolution.atrous import touch
from segbench.gui.panels.convolution.atrous_picture import FAMILIES, Atrous, Branch, resolve_atrous
from segbench.gui.panels.convolution.atrous_readings import EdgePicture
from segbench.gui.widgets.cells import INSERTED


def edge(rate: int, **more: object) -> EdgePicture:
    return resolve_atrous(Atrous(rate=rate, **more)).edge  # type: ignore[arg-type]


def branches(size: int, *rates: int, **more: object) -> tuple[Branch, ...]:
    return resolve_atrous(Atrous(map_size=size, rates=rates, **more)).aspp.branches  # type: ignore[arg-type]


# The edge -----------------------------------------------------------------------------------------------------------------


def test_that_rate_1_gives_slide_12s_output_with_both_signs() -> None:
    picture = edge(1)
    row = [0.0] * 6 + [9.0, 9.0] + [0.0] * 6
    assert picture.printed.output.values.tolist() == [row] * 14
    assert picture.torch.output.values.tolist() == [[-value for value in row]] * 14
    assert (picture.printed.width, picture.torch.width) == (2, 2)
    assert (picture.printed.peak, picture.torch.peak) == (9, -9)


def test_that_rate_2_gives_slide_13s_kernel_and_output_beside_pytorchs() -> None:
    printed, torch = edge(2).printed, edge(2).torch
    taps, zeros = [-1.0, 0, 0, 0, 1, 0], [0.0] * 6
    assert printed.kernel.values.tolist() == [taps, zeros] * 3
    assert torch.kernel.values.tolist() == [taps[:5], zeros[:5], taps[:5], zeros[:5], taps[:5]]
    assert printed.output.values.tolist() == [[0.0] * 3 + [9.0] * 4 + [0.0] * 4] * 11
    assert torch.output.values.tolist() == [[0.0] * 4 + [-9.0] * 4 + [0.0] * 4] * 12
    assert (printed.kernel_side, torch.kernel_side) == (6, 5)
    assert (printed.output_side, torch.output_side) == (11, 12)
    assert printed.edge == "4 columns of +9"
    assert torch.edge == "4 columns of −9"


def test_that_pytorchs_reading_is_what_pytorch_computes() -> None:
    torch = pytest.importorskip("torch")
    for rate in range(1, 7):
        picture = edge(rate)
        x, kernel = (torch.tensor(cells.values)[None, None] for cells in (picture.input, picture.kernel))
        expected = torch.nn.functional.conv2d(x, kernel, dilation=rate)[0, 0].numpy()
        assert np.array_equal(picture.torch.output.values, expected)


@pytest.mark.parametrize("rate", range(1, 7))
def test_that_nine_numbers_are_learned_at_every_rate(rate: int) -> None:
    picture = edge(rate)
    assert picture.parameters == 9
    for reading in (picture.printed, picture.torch):
        assert np.count_nonzero(reading.kernel.kinds != INSERTED) == 9
    if rate > 1:
        zeros = int(np.count_nonzero(picture.torch.kernel.kinds == INSERTED))
        assert f"other {zeros} of the dilated kernel’s {zeros + 9} numbers" in picture.parameters_note


@pytest.mark.parametrize("rate", range(1, 6))
def test_that_the_readings_differ_by_what_the_sentence_says(rate: int) -> None:
    picture = edge(rate)
    difference = picture.torch.output_side - picture.printed.output_side
    assert difference == rate - 1 == picture.printed.kernel_side - picture.torch.kernel_side
    if rate > 1:
        assert f"its output is {difference} smaller" in picture.why_size
        assert f"{picture.printed.kernel_side} a side" in picture.why_size
        assert f"{picture.torch.kernel_side} a side" in picture.why_size
    for reading in (picture.printed, picture.torch):
        assert reading.sizes[0].endswith(f"= {reading.kernel_side}")
        assert reading.sizes[1].endswith(f"= {reading.output_side}")
        assert reading.width == min(2 * rate, reading.output_side)
        assert ("the whole output" in reading.edge) == (reading.width == reading.output_side)


def test_that_a_kernel_wider_than_the_input_gives_no_output() -> None:
    printed = edge(6, traced=(0, 0), printed=True).printed
    assert printed.output is None
    assert printed.misfit == "A kernel of 18 × 18 does not fit into an input of 16 × 16."
    assert edge(6).torch.output_side == 4


def test_that_the_sign_is_explained_by_the_turned_kernel() -> None:
    why = edge(2).why_sign
    assert "+9" in why
    assert "−9" in why
    assert "convolve2d" in why
    assert "nn.Conv2d" in why


def test_that_the_sum_is_that_of_the_marked_pixels_in_both_readings() -> None:
    for rate, printed in itertools.product(range(1, 6), (False, True)):
        side = (edge(rate).printed if printed else edge(rate).torch).output_side
        for row, column in itertools.product(range(0, side, 3), range(side)):
            picture = edge(rate, traced=(row, column), printed=printed)
            reading, other = (picture.printed, picture.torch) if printed else (picture.torch, picture.printed)
            assert reading.output_marks.cursor == (row, column)
            assert other.output_marks.cursor is None
            kernel = picture.kernel.values[:, ::-1] if printed else picture.kernel.values
            seen = picture.input.values[picture.marks.hits].reshape(3, 3)
            assert (seen * kernel).sum() == reading.output.values[row, column]
            assert picture.marks.window == (row, column, reading.kernel_side, reading.kernel_side)
            minus, plus, total = re.findall(r"−(\d+)\s\+\s(\d+)\s=\s([+−]?\d+)\.", picture.sum)[0]
            assert int(plus) - int(minus) == int(total.replace("−", "-")) == reading.output.values[row, column]


def test_that_a_traced_pixel_outside_the_output_is_its_last() -> None:
    assert edge(2, traced=(13, 13)).torch.output_marks.cursor == (11, 11)
    assert edge(2, traced=(13, 13), printed=True).printed.output_marks.cursor == (10, 10)


# ASPP ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "rate", "live"), [(8, 6, 2.25), (4, 6, 1.0), (4, 3, 2.25), (8, 2, 6.25), (16, 9, 3.52), (33, 18, 3.64)]
)
def test_that_live_taps_are_averaged_over_the_map(size: int, rate: int, live: float) -> None:
    branch = branches(size, rate)[1]
    assert branch.live == pytest.approx(live, abs=0.005)
    assert branch.live == branch.counts.mean()
    assert branch.live_words == f"{live:g} of 9 live"
    assert branch.share == branch.live / 9


def test_that_a_kernel_whose_middle_alone_meets_the_map_is_a_disguised_1x1() -> None:
    for size, rate in itertools.product((1, 4, 8, 16), (1, 3, 4, 6, 8, 12, 24)):
        branch = branches(size, rate)[1]
        assert ("A disguised 1 × 1" in branch.verdict) == (rate >= size) == (branch.live == 1)
    assert branches(32, 1)[1].verdict == ""


def test_that_the_pointed_pixels_taps_lie_a_rate_apart_and_live_only_on_the_map() -> None:
    middle = branches(8, 6, pointed=(1, 7))[1]
    assert {(tap.row, tap.column) for tap in middle.taps} == set(itertools.product((-5, 1, 7), (1, 7, 13)))
    assert sum(tap.live for tap in middle.taps) == middle.counts[1, 7] == 4
    assert middle.here == "4 of 9 here"


def test_that_a_pointed_pixel_outside_the_map_is_its_last() -> None:
    assert resolve_atrous(Atrous(map_size=4, pointed=(7, 2))).aspp.pointed == (3, 2)


def test_that_aspp_has_a_1x1_beside_its_atrous_branches_and_global_pooling() -> None:
    found = branches(8, 2, 4, 6)
    assert [branch.name for branch in found] == [
        "1 × 1", "3 × 3, rate 2", "3 × 3, rate 4", "3 × 3, rate 6", "Global pooling",
    ]  # fmt: skip
    assert [branch.parameters for branch in found] == ["N + 1", "9 N + 1", "9 N + 1", "9 N + 1", "N + 1"]
    assert found[-1].live == 64


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_that_m_branches_and_the_1x1_make_m_plus_1_channels(count: int) -> None:
    aspp = resolve_atrous(Atrous(rates=(2, 4, 6, 8)[:count])).aspp
    assert aspp.concat.startswith(f"M + 1 = {count + 1} channels")
    assert aspp.fusion == f"{count + 1} weights + 1 bias = {count + 2} parameters"


def test_that_published_rates_are_known_by_name_and_others_are_ones_own() -> None:
    for number, known in enumerate(FAMILIES):
        aspp = resolve_atrous(Atrous(rates=known.rates)).aspp
        assert (aspp.family, aspp.note) == (number, known.note)
    aspp = resolve_atrous(Atrous(rates=(1, 5))).aspp
    assert (aspp.family, aspp.note) == (-1, "")


# Gridding -----------------------------------------------------------------------------------------------------------------


def test_that_rates_2_2_2_touch_29_percent_and_1_2_3_all() -> None:
    picture = resolve_atrous(Atrous(stack=(2, 2, 2)))
    assert (picture.chosen.touched, picture.chosen.of) == (49, 169)
    assert round(picture.chosen.share, 2) == 0.29
    assert picture.gapless.rates == (1, 2, 3)
    assert picture.gapless.share == 1
    assert "divided by 2" in picture.chosen.reason
    assert "every second row and column" in picture.chosen.reason


def test_that_layers_grow_to_the_window_and_show_what_is_touched() -> None:
    for rates in ((2, 2, 2), (1, 6), (2, 3), (5,), (6, 6, 6, 6)):
        stack = resolve_atrous(Atrous(stack=rates)).chosen
        for count, layer in enumerate(stack.layers, 1):
            assert np.array_equal(layer.values > 0, touch(rates[:count]))
            assert layer.values.sum() == 9**count  # every way is counted once
            assert len(layer.values) == 1 + 2 * sum(rates[:count])


def test_that_the_reason_agrees_with_what_is_touched_for_every_stack() -> None:
    for count in (1, 2, 3, 4):
        for rates in itertools.combinations_with_replacement(range(1, 7), count):
            stack = resolve_atrous(Atrous(stack=rates)).chosen
            assert ("no pixel is left out" in stack.reason) == (stack.share == 1), rates
            assert stack.size.startswith("all ") == (stack.share == 1)


# The whole ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "choices",
    [
        Atrous(rate=0, map_size=0, rates=(), stack=()),
        Atrous(rate=99, map_size=999, rates=(99, 0, 1, 2, 3), stack=(9, 0, 1, 1, 1), traced=(-4, 99), pointed=(-1, 99)),
    ],
)
def test_that_choices_out_of_range_are_those_at_its_end(choices: Atrous) -> None:
    picture = resolve_atrous(choices)
    assert 1 <= picture.aspp.map_size <= 65
    assert 3 <= len(picture.aspp.branches) <= 6
    assert all(1 <= rate <= 6 for rate in picture.chosen.rates)


def test_that_only_what_was_chosen_is_different() -> None:
    before = Atrous()
    for part, changed in (
        ("edge", replace(before, rate=3)),
        ("edge", replace(before, traced=(0, 0))),
        ("edge", replace(before, traced=(0, 0), printed=True)),
        ("aspp", replace(before, map_size=9)),
        ("aspp", replace(before, rates=(2, 4))),
        ("aspp", replace(before, pointed=(0, 0))),
        ("chosen", replace(before, stack=(1, 2))),
    ):
        old, new = resolve_atrous(before), resolve_atrous(changed)
        for other in ("edge", "aspp", "chosen"):
            assert (repr(getattr(old, other)) != repr(getattr(new, other))) == (other == part)


def test_that_a_picture_needs_neither_qt_nor_torch() -> None:
    code = (
        "import sys; import segbench.gui.panels.convolution.atrous_picture as a; a.resolve_atrous(a.Atrous());"
        "sys.exit(any(name.split('.')[0] in ('PySide6', 'torch') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
