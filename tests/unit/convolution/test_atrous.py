"""Atrous convolution: slides 11-13 and 44-45 in both readings, live taps, gridding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from segbench.convolution.atrous import (
    convolve_as_printed,
    convolve_dilated,
    count_live_taps,
    embed,
    measure_edge,
    touch,
)
from segbench.convolution.lecture import draw_edge
from segbench.convolution.operation import dilate
from tests.unit.convolution.printed import INPUT_11, KERNEL_11, KERNEL_13, OUTPUT_12, OUTPUT_13, read

EDGE = draw_edge()
INPUT, KERNEL = EDGE.x_IHW[0], EDGE.weight_IOHW[0, 0]


def test_that_slide_11s_input_is_16_by_16_with_eight_columns_of_4() -> None:
    """The transcript has 15 lines of 15, seven 4s in each. That cannot be: 14 columns of output, with the edge in the seventh and
    eighth (slide 12), come from 16 columns of which eight are 4."""
    assert INPUT.shape == (16, 16)
    printed = read(INPUT_11)
    assert printed.shape == (15, 15)
    assert (printed == np.repeat([4.0, 1.0], [7, 8])).all()
    assert (np.repeat([4.0, 1.0], 8) == INPUT).all()
    assert np.array_equal(KERNEL, read(KERNEL_11))


def test_that_slide_12_prints_a_mathematical_convolution() -> None:
    """+9: the kernel turned by 180 degrees. The transcript has 15 lines of the 14."""
    printed = read(OUTPUT_12)
    assert printed.shape == (15, 14)
    assert np.array_equal(convolve_as_printed(INPUT, KERNEL, 1), printed[:14])


def test_that_torch_does_not_turn_the_kernel_and_gives_minus_9() -> None:
    y = convolve_dilated(INPUT, KERNEL, 1)
    assert np.array_equal(y, -read(OUTPUT_12)[:14])
    assert y.min() == -9
    torch_s = F.conv2d(torch.tensor(INPUT)[None, None], torch.tensor(KERNEL)[None, None])[0, 0].numpy()
    assert np.array_equal(y, torch_s)


def test_that_slide_13_embeds_the_kernel_in_6_by_6_and_gets_11_by_11() -> None:
    assert np.array_equal(embed(KERNEL, 2), read(KERNEL_13))
    y = convolve_as_printed(INPUT, KERNEL, 2)
    assert y.shape == (11, 11)
    assert np.array_equal(y, read(OUTPUT_13))


def test_that_torch_spans_5_and_gets_12_by_12_with_the_edge_as_wide() -> None:
    y = convolve_dilated(INPUT, KERNEL, 2)
    assert y.shape == (12, 12)
    assert (y == -9.0 * np.isin(np.arange(12), [4, 5, 6, 7])).all()
    torch_s = F.conv2d(torch.tensor(INPUT)[None, None], torch.tensor(KERNEL)[None, None], dilation=2)[0, 0].numpy()
    assert np.array_equal(y, torch_s)


@pytest.mark.parametrize("rate", [1, 2, 3, 4, 5])
def test_that_the_edge_is_twice_the_rate_wide_in_both_readings(rate: int) -> None:
    """Two pixels on slide 12, four on slide 13."""
    y, printed = convolve_dilated(INPUT, KERNEL, rate), convolve_as_printed(INPUT, KERNEL, rate)
    assert measure_edge(y) == min(2 * rate, y.shape[1])  # at rate 5 six columns are left, all of them edge
    assert measure_edge(printed) == min(2 * rate, printed.shape[1])
    assert y.shape[0] - printed.shape[0] == rate - 1


def test_that_the_operator_of_slides_44_and_45_is_2k_by_2k_and_torchs_is_not() -> None:
    """ "you are actually convolving the image with a 2k x 2k operator": the last row and column of it are zeros."""
    assert embed(KERNEL, 2).shape == (6, 6)
    assert dilate(KERNEL, 2, 2).shape == (5, 5)
    assert np.array_equal(embed(KERNEL, 2)[:5, :5], dilate(KERNEL, 2, 2))
    assert not embed(KERNEL, 2)[5].any()
    assert not embed(KERNEL, 2)[:, 5].any()
    ones = np.ones((3, 3))
    for rate in range(
        1, 6
    ):  # "for all values of the dilation parameter, the number of learnable parameters remains the same"
        assert np.count_nonzero(dilate(ones, rate, rate)) == np.count_nonzero(embed(ones, rate)) == 9


# Taps of a 3 x 3 kernel that fall inside an H x H map, averaged (notes on networks, section 8, counted there another way)
RATES = (1, 2, 3, 4, 6, 9, 12, 18, 24)
LIVE = {
    4: (6.25, 4.0, 2.25, 1, 1, 1, 1, 1, 1),
    8: (7.56, 6.25, 5.06, 4.0, 2.25, 1, 1, 1, 1),
    16: (8.27, 7.56, 6.89, 6.25, 5.06, 3.52, 2.25, 1, 1),
    32: (8.63, 8.27, 7.91, 7.56, 6.89, 5.94, 5.06, 3.52, 2.25),
    33: (8.64, 8.29, 7.94, 7.6, 6.95, 6.02, 5.17, 3.64, 2.39),
    65: (8.82, 8.63, 8.45, 8.28, 7.93, 7.42, 6.92, 5.98, 5.11),
}


@pytest.mark.parametrize("size", LIVE)
def test_that_live_taps_are_those_of_the_table(size: int) -> None:
    for rate, live in zip(RATES, LIVE[size], strict=True):
        assert count_live_taps(size, 3, rate) == pytest.approx(live, abs=0.0051)


def test_that_live_taps_are_what_torch_sums_of_ones() -> None:
    for size, kernel, rate in (((5, 7), 3, 2), ((6, 6), 5, 3), ((4, 9), 3, 1)):
        ones = torch.ones(1, 1, *size)
        y = F.conv2d(ones, torch.ones(1, 1, kernel, kernel), padding=rate * (kernel - 1) // 2, dilation=rate)
        assert y.shape[2:] == size
        assert count_live_taps(size, kernel, rate) == pytest.approx(float(y.mean()), abs=1e-6)


@pytest.mark.parametrize(
    ("rates", "side", "share"), [((2, 2, 2), 13, 0.29), ((1, 2, 3), 13, 1.0), ((1, 2, 5), 17, 1.0)]
)
def test_that_rates_with_a_common_divisor_leave_a_grid(rates: tuple[int, ...], side: int, share: float) -> None:
    """Three times rate 2: 49 of 169 pixels (Wang et al. 2018, figure 1); rates 1, 2, 3: all of them."""
    reached = touch(rates)
    assert reached.shape == (side, side)
    assert reached.mean() == pytest.approx(share, abs=0.005)
    x = torch.zeros(1, 1, side, side, requires_grad=True)
    y = x
    for rate in rates:
        y = F.conv2d(y, torch.ones(1, 1, 3, 3), dilation=rate)
    assert y.shape[2:] == (1, 1)
    y.sum().backward()
    assert np.array_equal(reached, x.grad[0, 0].numpy() != 0)
