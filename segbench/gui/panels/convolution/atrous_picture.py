"""What the Atrous tab shows, made from what the user chose there: slide 11's edge at a rate, ASPP's branches, gridding. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import gcd
from typing import Literal, NamedTuple

import numpy as np

from segbench.convolution.atrous import count_live_taps, touch
from segbench.convolution.operation import Floats, dilate
from segbench.gui.panels.convolution.atrous_readings import EdgePicture, Place, resolve_edge
from segbench.gui.widgets.cells import Cells

Part = Literal["edge", "aspp", "gridding"]
MOST_RATE, MOST_MAP, MOST_BRANCH_RATE, MOST_BRANCHES = 6, 65, 24, 4
GAPLESS = (1, 2, 3)  # what a stack is compared with
TAPS = 9  # of a 3 x 3 kernel


@dataclass(frozen=True, slots=True)
class Atrous:
    """What the user chose. part: which of the three is in front. rate: of the convolution of slide 11's edge; traced: a pixel of its
    output, of the slide's reading (printed) or of PyTorch's. map_size: height and width of the map under ASPP; rates: of its branches;
    pointed: a pixel of the map. stack: rates of convolutions one behind the other. A pixel that is None is one near the middle."""

    rate: int = 1
    map_size: int = 8
    rates: tuple[int, ...] = (2, 4, 6)
    stack: tuple[int, ...] = (2, 2, 2)
    pointed: Place | None = None
    traced: Place | None = None
    printed: bool = False
    part: Part = "edge"


class Family(NamedTuple):
    """ASPP's rates as somebody published them. note: how the network puts its branches together."""

    name: str
    rates: tuple[int, ...]
    note: str


FAMILIES = (
    Family(
        "Generation 5",
        (2, 4, 6),
        "Slide 28: all five branches are concatenated and go through another 3 × 3.",
    ),
    Family(
        "DeepLab v2",
        (6, 12, 18, 24),
        "The paper adds up four atrous branches and has neither the 1 × 1 beside them nor pooling; slides 20–22 draw the 1 × 1.",
    ),
    Family(
        "DeepLab v3",
        (6, 12, 18),
        "The paper gives each of the five branches 256 channels, and trains on maps of 33 × 33; on small ones its rates reach into "
        "nothing.",
    ),
    Family(
        "Small maps",
        (3, 6, 9),
        "A proposal for maps of 16 × 16: DeepLab v3's rates in the same proportion to the map.",
    ),
)  # fmt: skip


class Tap(NamedTuple):
    """Where a tap falls; rows and columns outside the map are those of the zeros around it."""

    row: int
    column: int
    live: bool


@dataclass(frozen=True, eq=False, slots=True)
class Branch:
    """One of ASPP's branches on one map. rate: 0 for the 1 x 1, -1 for global pooling. taps: of the pointed pixel.
    counts: live taps a pixel, float64 (map_size, map_size). live: their average. verdict: a warning, or ""."""

    name: str
    rate: int
    taps: tuple[Tap, ...]
    counts: Floats
    live: float
    most: int
    live_words: str
    here: str
    parameters: str
    verdict: str

    @property
    def share(self) -> float:
        return self.live / self.most


@dataclass(frozen=True, eq=False, slots=True)
class AsppPicture:
    """margin: zeros drawn around every map; taps farther out lie outside the picture. family: -1 for rates of one's own."""

    map_size: int
    pointed: Place
    margin: int
    branches: tuple[Branch, ...]
    family: int
    concat: str
    fusion: str
    note: str


@dataclass(frozen=True, eq=False, slots=True)
class Stack:
    """What one output pixel of a stack hears of. layers: of the first layer alone, of the first two ..., of all: on how many ways a
    pixel gets to it. touched, of: pixels of the window that do, and all."""

    rates: tuple[int, ...]
    layers: tuple[Cells, ...]
    touched: int
    of: int
    size: str
    reason: str

    @property
    def cells(self) -> Cells:
        return self.layers[-1]

    @property
    def share(self) -> float:
        return self.touched / self.of


@dataclass(frozen=True, eq=False, slots=True)
class AtrousPicture:
    choices: Atrous
    edge: EdgePicture
    aspp: AsppPicture
    chosen: Stack
    gapless: Stack


def resolve_atrous(choices: Atrous) -> AtrousPicture:
    """Everything there is to draw. Numbers outside their ranges are those at the end of it."""
    return AtrousPicture(
        choices,
        resolve_edge(_clip(choices.rate, MOST_RATE), choices.traced, choices.printed),
        _resolve_aspp(
            _clip(choices.map_size, MOST_MAP),
            _clip_all(choices.rates, MOST_BRANCH_RATE),
            choices.pointed,
        ),
        _resolve_stack(_clip_all(choices.stack, MOST_RATE)),
        _resolve_stack(GAPLESS),
    )


def _clip(value: int, most: int, least: int = 1) -> int:
    return min(max(value, least), most)


def _clip_all(rates: tuple[int, ...], most: int) -> tuple[int, ...]:
    return tuple(_clip(rate, most) for rate in rates[:MOST_BRANCHES] or (1,))


# ASPP ---------------------------------------------------------------------------------------------------------------------


def _resolve_aspp(size: int, rates: tuple[int, ...], pointed: Place | None) -> AsppPicture:
    row, column = (size // 2 if pointed is None else _clip(pointed[axis], size - 1, 0) for axis in (0, 1))
    family = next((place for place, known in enumerate(FAMILIES) if known.rates == rates), -1)
    channels = len(rates) + 1
    return AsppPicture(
        size,
        (row, column),
        min(max(rates), size),
        (
            _build_point(size, (row, column)),
            *(_build_branch(size, rate, (row, column)) for rate in rates),
            _build_pooling(size, (row, column)),
        ),
        family,
        f"M + 1 = {channels} channels; {channels + 1} with pooling",
        f"{channels} weights + 1 bias = {channels + 1} parameters",
        FAMILIES[family].note if family >= 0 else "",
    )


def _build_branch(size: int, rate: int, pointed: Place) -> Branch:
    rows, columns = ([place - rate, place, place + rate] for place in pointed)
    taps = tuple(Tap(y, x, 0 <= y < size and 0 <= x < size) for y in rows for x in columns)
    line = _count_line(size, rate)
    live = count_live_taps(size, 3, rate)
    verdict = ""
    if live == 1:
        verdict = "A disguised 1 × 1: eight taps meet nothing but zeros"
    elif live < 4:
        verdict = f"On average {_round(TAPS - live)} taps meet nothing but zeros"
    return Branch(
        f"3 × 3, rate {rate}",
        rate,
        taps,
        np.multiply.outer(line, line),
        live,
        TAPS,
        f"{_round(live)} of 9 live",
        f"{sum(tap.live for tap in taps)} of 9 here",
        "9 N + 1",
        verdict,
    )


def _build_point(size: int, pointed: Place) -> Branch:
    ones = np.ones((size, size))
    return Branch("1 × 1", 0, (Tap(*pointed, True),), ones, 1.0, 1, "1 of 1 live", "", "N + 1", "")


def _build_pooling(size: int, pointed: Place) -> Branch:
    """All pixels are averaged, so that every pixel hears the whole map; then a 1 x 1, and back to the map's size."""
    pixels = size * size
    counts = np.full((size, size), float(pixels))
    return Branch(
        "Global pooling", -1, (), counts, float(pixels), pixels, f"{pixels:,} of {pixels:,} live", "", "N + 1", ""
    )


@cache
def _count_line(size: int, rate: int) -> Floats:
    """Live taps of three, a pixel of a row."""
    places = np.arange(size)[:, None] + rate * np.array([-1, 0, 1])
    live: Floats = np.sum((places >= 0) & (places < size), axis=1, dtype=np.float64)
    return live


def _round(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


# Gridding -----------------------------------------------------------------------------------------------------------------


@cache
def _resolve_stack(rates: tuple[int, ...]) -> Stack:
    ways, layers = np.ones(1), []
    for rate in rates:
        ways = np.convolve(ways, dilate(np.ones((1, 3)), 1, rate)[0])
        layers.append(Cells(np.multiply.outer(ways, ways), palette="binary"))
    last = touch(rates)
    touched, side = int(last.sum()), len(last)
    all_or_some = f"all {touched:,}" if touched == last.size else f"{touched:,} of the {last.size:,}"
    return Stack(
        rates,
        tuple(layers),
        touched,
        last.size,
        f"{all_or_some} pixels of its {side} × {side} window",
        _explain_gaps(rates),
    )


def _explain_gaps(rates: Sequence[int]) -> str:
    """Why pixels are left out. Sorted by rate, each layer adds copies of what is filled so far, a rate apart: they join up iff the
    rate is not larger than what is filled."""
    divisor = gcd(*rates)
    if divisor > 1:
        which = {2: "second", 3: "third"}.get(divisor, f"{divisor}th")
        whose = f"{rates[0]} is the only rate" if len(rates) == 1 else f"All rates can be divided by {divisor}"
        return f"{whose}: whatever the layers add, they land on every {which} row and column. What lies between is never heard."
    filled = 1
    for rate in sorted(rates):
        if rate > filled:
            if filled == 1:
                return f"No layer has rate 1, and the smallest rate, {rate}, leaves a gap between its taps that no other closes."
            return f"The smaller rates fill {filled} pixels side by side; rate {rate} puts their copies {rate} apart, with gaps between."
        filled += 2 * rate
    return "No rate is larger than what the smaller ones have filled: their copies join up, and no pixel is left out."
