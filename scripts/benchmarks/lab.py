"""What the convolution lab costs: a knob turned, a pixel pointed at, and everything that follows painted."""

from __future__ import annotations

import asyncio
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import Row, median, percentile
from benchmarks.screens import SIZE
from benchmarks.window import be_ready, drive

if TYPE_CHECKING:
    from segbench.gui.desk import Desk

FRAME = 16.0  # ms
PAGES = ("operation", "matrix", "coverage")


def measure_lab(options: Namespace, folder: Path) -> list[Row]:
    """16 x 16 input, kernel 5: padding turned, a value edited, a pixel pointed at, in the real window."""
    turns = 40 if options.short else 200
    times = drive(lambda desk: _turn_knobs(desk, turns))
    rows = []
    for page in PAGES:
        cases = {case: taken for case, taken in times.items() if case.startswith(page)}
        worst = max(cases, key=lambda case: median(cases[case]))
        middle, high = median(cases[worst]), percentile(cases[worst], 0.99)
        rows.append(
            Row(
                f"convolution lab, {page} page: a change at 16 x 16, kernel 5, until all of it is painted",
                f"<= {FRAME:g} ms",
                f"{middle:.1f} ms (p99 {high:.1f}; the slowest of {len(cases)} cases: {worst.partition(', ')[2]})",
                middle <= FRAME,
                {case: median(taken) for case, taken in cases.items()},
            )
        )
    return rows


async def _turn_knobs(desk: Desk, turns: int) -> dict[str, list[float]]:
    from segbench.convolution.geometry import build_geometry
    from segbench.convolution.lecture import count_up
    from segbench.gui.panels.convolution.lab import Lab

    await be_ready(desk, *SIZE)
    desk.window.show_page("convolution")
    presenter, window, qt = desk.presenters["convolution"], desk.window, desk.qt
    times: dict[str, list[float]] = {}

    async def measure(case: str, change: Callable[[int], object]) -> None:
        taken = []
        for turn in range(turns + 5):
            began = time.perf_counter()
            change(turn)
            window.repaint()
            qt.processEvents()
            taken.append(1000 * (time.perf_counter() - began))
            await asyncio.sleep(0)
        times[case] = taken[5:]

    for page in PAGES:
        for transposed in (False, True):
            kind = "transpose convolution" if transposed else "convolution"
            presenter.use(Lab(count_up(build_geometry(16, 5, 1, 2, transposed=transposed)), topic=page, pointed=(3, 3)))
            await asyncio.sleep(0.2)
            await measure(f"{page}, {kind}, padding", lambda turn: presenter.set_knob("padding", 2 - turn % 2))
            await measure(f"{page}, {kind}, value", lambda turn: presenter.edit("input", 2, 3, float(turn % 2)))
            await measure(f"{page}, {kind}, pointing", lambda turn: presenter.point(turn % 9, turn % 7, False))
    return times
