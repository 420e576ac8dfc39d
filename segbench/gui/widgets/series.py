"""Long number series that draw fast: append-only, with a min/max pyramid, and their debiased running mean. numpy only, no Qt.

A pyramid's level k holds the least and the greatest value of each run of 4^k consecutive points, so a window of a million
points is read as about one pair a pixel, and peaks never vanish.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

FACTOR = 4  # points of one level that make one of the next
SMOOTHING_POINTS = 1000  # a smoothing weight means what it would mean for a run of this many steps
_BLOCK = 128  # points of a running mean computed by one matrix product
_START = 1024


class _Column:
    """float64 values in an array that doubles when it is full."""

    def __init__(self) -> None:
        self._values: Floats = np.empty(_START)
        self.count = 0

    @property
    def values(self) -> Floats:
        return self._values[: self.count]

    def extend(self, more: Floats) -> None:
        need = self.count + len(more)
        if need > len(self._values):
            grown = np.empty(max(need, 2 * len(self._values)))
            grown[: self.count] = self._values[: self.count]
            self._values = grown
        self._values[self.count : need] = more
        self.count = need


class Series:
    """Points (x ascending, y any; what is not finite counts as missing). `extend` costs O(1) a point, amortised."""

    def __init__(self) -> None:
        self._x, self._y = _Column(), _Column()
        self._low: list[_Column] = []  # [0] is level 1
        self._high: list[_Column] = []

    def __len__(self) -> int:
        return self._x.count

    @property
    def x(self) -> Floats:
        """float64 (n,), a view: valid until the next `extend`."""
        return self._x.values

    @property
    def y(self) -> Floats:
        """float64 (n,) with NaN where the value was not finite; a view, too."""
        return self._y.values

    def extend(self, x: ArrayLike, y: ArrayLike) -> None:
        """Appends points; x goes on where it stopped (not below the last one)."""
        xs, ys = np.atleast_1d(np.asarray(x, np.float64)), np.atleast_1d(np.asarray(y, np.float64))
        if not len(xs):
            return
        self._x.extend(xs)
        self._y.extend(np.where(np.isfinite(ys), ys, np.nan))
        low = high = self._y
        level = 0
        while (groups := low.count // FACTOR) > 0:
            if level == len(self._low):
                self._low.append(_Column())
                self._high.append(_Column())
            done = self._low[level].count
            if groups == done:
                break
            part = slice(done * FACTOR, groups * FACTOR)
            self._low[level].extend(_reduce(np.fmin, low.values[part]))
            self._high[level].extend(_reduce(np.fmax, high.values[part]))
            low, high = self._low[level], self._high[level]
            level += 1

    def truncate(self, x: float) -> None:
        """Drops the points beyond x: a run that continues from a checkpoint older than its log's end."""
        kept = int(np.searchsorted(self.x, x, "right"))
        if kept == len(self):
            return
        self._x.count = self._y.count = kept
        for low, high in zip(self._low, self._high, strict=True):
            kept //= FACTOR
            low.count = high.count = kept

    def window(self, x0: float, x1: float, pixels: int) -> tuple[Floats, Floats, Floats]:
        """The part from x0 to x1 and one group beyond each end, as (x, low, high) with at most about `pixels` entries."""
        x, count = self.x, len(self)
        first = max(int(np.searchsorted(x, x0, "left")) - 1, 0)
        last = min(int(np.searchsorted(x, x1, "right")) + 1, count)
        level, size = 0, 1
        while level < len(self._low) and (last - first) > max(pixels, 1) * size:
            level, size = level + 1, size * FACTOR
        if level == 0:
            y = self.y[first:last]
            return x[first:last], y, y
        first //= size
        last = -(-last // size)
        complete = self._low[level - 1].count
        low = self._low[level - 1].values[first : min(last, complete)]
        high = self._high[level - 1].values[first : min(last, complete)]
        if last > complete:  # the newest points, not yet a whole group
            tail = self.y[complete * size :]
            low, high = np.append(low, np.fmin.reduce(tail)), np.append(high, np.fmax.reduce(tail))
        return x[first * size : last * size : size][: len(low)], low, high

    def value_near(self, x: float) -> float | None:
        """The value of the point nearest to x; None if there is none or it is missing."""
        if not len(self):
            return None
        at = int(np.searchsorted(self.x, x))
        if at == len(self) or (at > 0 and x - self.x[at - 1] <= self.x[at] - x):
            at -= 1
        value = float(self.y[at])
        return value if np.isfinite(value) else None

    @property
    def last(self) -> float | None:
        """The newest value; None if there is none or it is missing."""
        return self.value_near(np.inf)


def _reduce(choose: np.ufunc, values: Floats) -> Floats:
    """Four by four; column by column, which is ten times as fast as a reduction over a short axis."""
    first: Floats = choose(values[0::4], values[1::4])
    second: Floats = choose(values[2::4], values[3::4])
    choose(first, second, out=first)
    return first


class RunningMean:
    """Exponential moving average without the start's bias: mean_t = (w mean_{t-1} + (1 - w) y_t) / (1 - w^t), in batches.

    A missing value counts as the one before it.
    """

    def __init__(self, weight: float) -> None:
        self.weight = float(weight)
        self._carry = 0.0
        self._count = 0
        self._latest = np.nan
        steps = np.arange(_BLOCK)
        distance = steps[:, None] - steps[None, :]
        self._kernel: Floats = np.where(distance >= 0, (1 - self.weight) * self.weight ** np.maximum(distance, 0), 0.0)
        self._fade: Floats = np.power(self.weight, steps + 1.0)

    def extend(self, y: Floats) -> Floats:
        """Takes float64 (n,) more values, gives their running means (n,)."""
        values = self._fill(y)
        start = int(np.argmax(np.isfinite(values))) if len(values) and np.isfinite(values).any() else len(values)
        out = np.full(len(values), np.nan)
        body = values[start:]
        whole = len(body) // _BLOCK * _BLOCK
        means = np.empty(len(body))
        if whole:
            local = body[:whole].reshape(-1, _BLOCK) @ self._kernel.T
            carries = np.empty(len(local))
            carry, fade = self._carry, float(self._fade[-1])
            for block, end in enumerate(local[:, -1].tolist()):
                carries[block] = carry
                carry = end + fade * carry
            means[:whole] = (local + self._fade * carries[:, None]).ravel()
            self._carry = carry
        if rest := len(body) - whole:
            means[whole:] = self._kernel[:rest, :rest] @ body[whole:] + self._fade[:rest] * self._carry
            self._carry = float(means[-1])
        biased = 0  # points so early that the start still shows in float64
        if self.weight:
            biased = min(max(int(-40 / np.log(self.weight)) + 1 - self._count, 0), len(body))
        if biased:
            means[:biased] /= 1 - self.weight ** np.arange(self._count + 1, self._count + biased + 1, dtype=np.float64)
        self._count += len(body)
        out[start:] = means
        return out

    def _fill(self, y: Floats) -> Floats:
        missing = ~np.isfinite(y)
        if missing.any():
            place = np.maximum.accumulate(np.where(missing, -1, np.arange(len(y))))
            y = np.asarray(np.where(place >= 0, y[np.maximum(place, 0)], self._latest), np.float64)
        if len(y):
            self._latest = float(y[-1])
        return y


class SmoothedSeries:
    """A series and its running mean over every point (not over what happens to be drawn: zooming never changes a value).

    `smoothing` 0..0.99 counts in thousandths of the run: with 0.9 the mean reaches over about a hundredth of `total` steps,
    whether these are 1,000 or 1,000,000; over a few steps in shorter runs, so that the mean does not lag behind.
    """

    def __init__(self, smoothing: float = 0.9, total: int = 0) -> None:
        self.raw = Series()
        self.smooth = Series()
        self._smoothing, self._total = smoothing, total
        self._mean = self._build_mean()

    @property
    def smoothing(self) -> float:
        return self._smoothing

    @property
    def weight(self) -> float:
        """The weight of the past in each step of the running mean."""
        if not self._smoothing:
            return 0.0
        stretch = SMOOTHING_POINTS / (self._total or SMOOTHING_POINTS)
        # A hundredth of a short run would be less than a step: there the reach shrinks with the square root only
        return float(self._smoothing ** (stretch if stretch < 1 else stretch**0.5))

    def extend(self, x: ArrayLike, y: ArrayLike) -> None:
        before = len(self.raw)
        self.raw.extend(x, y)
        self.smooth.extend(self.raw.x[before:], self._mean.extend(self.raw.y[before:]))

    def set_smoothing(self, smoothing: float, total: int | None = None) -> None:
        """Another weight, or another length of the run: the mean is computed anew (about 20 ms a million points)."""
        total = self._total if total is None else total
        if (smoothing, total) != (self._smoothing, self._total):
            self._smoothing, self._total = smoothing, total
            self._compute()

    def truncate(self, x: float) -> None:
        """Drops the points beyond x."""
        before = len(self.raw)
        self.raw.truncate(x)
        if len(self.raw) != before:
            self._compute()

    def _build_mean(self) -> RunningMean:
        return RunningMean(self.weight)

    def _compute(self) -> None:
        self._mean, self.smooth = self._build_mean(), Series()
        if len(self.raw):
            self.smooth.extend(self.raw.x, self._mean.extend(self.raw.y))


def join_extremes(x: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """(x, low, high) as one polyline's x and y: up and down once a group, or the points themselves where low is high."""
    if low is high:
        return x, low
    y = np.empty(2 * len(low))
    y[0::2], y[1::2] = low, high
    return np.repeat(x, 2), y
