"""Series, pyramid and running mean against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segbench.gui.widgets.series import RunningMean, Series, SmoothedSeries, join_extremes


def _plain_mean(y: np.ndarray, weight: float) -> np.ndarray:
    mean, out = 0.0, []
    for count, value in enumerate(y, 1):
        mean = weight * mean + (1 - weight) * value
        out.append(mean / (1 - weight**count))
    return np.array(out)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 700), min_size=1, max_size=12), st.integers(1, 300), st.integers(0, 2**31))
def test_that_a_window_keeps_every_peak_however_the_points_arrived(parts: list[int], pixels: int, seed: int) -> None:
    y = np.random.default_rng(seed).normal(size=sum(parts))
    series = Series()
    start = 0
    for part in parts:
        series.extend(np.arange(start, start + part), y[start : start + part])
        start += part
    x, low, high = series.window(-1, start + 1, pixels)
    assert len(x) == len(low) == len(high) <= pixels + 4
    if len(y):
        assert np.nanmin(low) == y.min()
        assert np.nanmax(high) == y.max()
        assert (np.diff(x) > 0).all()


@given(st.integers(10, 5000), st.integers(10, 100), st.data())
@settings(max_examples=40, deadline=None)
def test_that_a_narrow_window_holds_what_lies_inside_it(count: int, pixels: int, data: st.DataObject) -> None:
    x0 = data.draw(st.integers(0, count - 2))
    x1 = data.draw(st.integers(x0 + 1, count - 1))
    y = np.sin(np.arange(count) * 0.7)
    series = Series()
    series.extend(np.arange(count), y)
    _, low, high = series.window(x0, x1, pixels)
    assert low.min() <= y[x0 : x1 + 1].min()
    assert high.max() >= y[x0 : x1 + 1].max()


def test_that_a_small_window_of_a_long_series_shows_single_points() -> None:
    series = Series()
    series.extend(np.arange(100_000), np.arange(100_000))
    x, low, high = series.window(500, 510, 100)
    assert x.tolist() == list(range(499, 512))
    assert low is high


@pytest.mark.parametrize("weight", [0.0, 0.5, 0.9, 0.9994])
def test_that_the_running_mean_in_batches_is_the_plain_debiased_one(weight: float) -> None:
    y = np.random.default_rng(0).normal(5, 1, 3000)
    mean = RunningMean(weight)
    got = np.concatenate([mean.extend(part) for part in np.split(y, [1, 2, 100, 1700])])
    np.testing.assert_allclose(got, _plain_mean(y, weight), rtol=1e-9)


def test_that_a_constant_stays_a_constant_from_its_first_step() -> None:
    mean = RunningMean(0.99)
    np.testing.assert_allclose(mean.extend(np.full(500, 7.0)), 7.0)


def test_that_missing_values_neither_spread_nor_stop_the_mean() -> None:
    series = SmoothedSeries(0.5)
    series.extend(np.arange(6), [np.nan, 1.0, np.inf, 1.0, np.nan, 1.0])
    assert np.isnan(series.smooth.y[0])
    np.testing.assert_allclose(series.smooth.y[1:], 1.0)
    assert np.isnan(series.raw.y[2])


def test_that_smoothing_reaches_over_the_same_share_of_short_and_long_runs() -> None:
    assert SmoothedSeries(0.9, 0).weight == SmoothedSeries(0.9, 1000).weight == 0.9  # 0: not known yet
    assert 2 < 1 / (1 - SmoothedSeries(0.9, 60).weight) < 4  # a hundredth would be less than a step
    long = SmoothedSeries(0.9, 100_000)
    assert 1 / (1 - long.weight) == pytest.approx(950, rel=0.01)  # about a hundredth


def test_that_truncating_leaves_what_had_never_been_longer() -> None:
    y = np.random.default_rng(1).normal(size=5000)
    long, short = SmoothedSeries(0.9), SmoothedSeries(0.9)
    long.extend(np.arange(5000), y)
    long.truncate(1234)
    long.extend(np.arange(1235, 3000), y[1235:3000])
    short.extend(np.arange(3000), y[:3000])
    for pixels in (10, 100, 5000):
        for one, other in zip(long.raw.window(0, 3000, pixels), short.raw.window(0, 3000, pixels), strict=True):
            np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(long.smooth.y, short.smooth.y)


def test_that_another_smoothing_gives_what_it_would_have_given_from_the_start() -> None:
    y = np.random.default_rng(2).normal(size=2000)
    changed, fresh = SmoothedSeries(0.2), SmoothedSeries(0.95)
    changed.extend(np.arange(2000), y)
    changed.set_smoothing(0.95)
    fresh.extend(np.arange(2000), y)
    np.testing.assert_allclose(changed.smooth.y, fresh.smooth.y)


def test_that_the_value_near_a_place_is_the_nearest_points() -> None:
    series = Series()
    assert series.value_near(3) is None
    series.extend([0, 10, 20], [1.0, 2.0, np.nan])
    assert series.value_near(-5) == 1.0
    assert series.value_near(5.1) == 2.0
    assert series.value_near(4.9) == 1.0
    assert series.last is None


def test_that_extremes_become_one_polyline() -> None:
    x, y = join_extremes(np.array([0.0, 4.0]), np.array([1.0, 2.0]), np.array([3.0, 5.0]))
    assert x.tolist() == [0, 0, 4, 4]
    assert y.tolist() == [1, 3, 2, 5]
