"""What single views cost: a redraw of the curves, a change of an overlay, a step of the wheel in the gallery."""

from __future__ import annotations

import asyncio
import time
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import Row, median, percentile
from benchmarks.window import Paints, be_ready, drive, until

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from segbench.gui.desk import Desk
    from segbench.gui.widgets.image_canvas import ImageCanvas

COLORS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (213, 94, 0))
LONG, SHORT, APPENDED = 1_000_000, 1_000, 8  # steps; a window hears of about 8 new ones between two redraws


def measure_curves(options: Namespace, folder: Path) -> list[Row]:
    """One redraw of the training curves, events appended and the picture painted, at 1,000,000 steps and at 1,000, in turn."""
    qt = _open_qt()
    from segbench.events import StepDone, TrainingStarted
    from segbench.gui.widgets.curves import CurvePlot
    from segbench.records import Baselines

    def build(steps: int) -> Callable[[], None]:
        plot, last = CurvePlot(), 0
        plot.resize(1000, 600)
        plot.add(
            "run", [TrainingStarted("run", 0, 2 * LONG, LONG, 2, "cpu", 1, 1, 0, "", Baselines(500.0, 490.0), 0.0)]
        )
        plot.show_runs(["run"])
        plot.show()

        def extend(count: int) -> None:
            nonlocal last
            facts = [StepDone(n, 400 + 100 / (1 + n / 1000) + n * 7919 % 101, 1e-3, n / 10, 4) for n in range(last + 1, last + count + 1)]  # fmt: skip
            last += count
            plot.add("run", facts)

        for _ in range(0, steps, 1000):
            extend(1000)

        def redraw() -> None:
            extend(APPENDED)
            plot.redraw()
            for chart in plot.charts:
                if chart.isVisible():
                    chart.repaint()
            qt.processEvents()

        return redraw

    sides = build(SHORT), build(LONG)
    spent: tuple[list[float], list[float]] = [], []
    for turn in range(60 if options.short else 200):
        for side, times in zip(sides, spent, strict=True):
            taken = _time(side)
            if turn >= 10:
                times.append(taken)
    few, many = median(spent[0]), median(spent[1])
    return [
        Row(
            "curve redraw at 1,000,000 steps against 1,000, append included",
            "<= 1.5x",
            f"{many / few:.2f}x ({many:.1f} ms against {few:.1f} ms)",
            many / few <= 1.5,
            {"few_ms": few, "many_ms": many},
        )
    ]


def measure_overlay(options: Namespace, folder: Path) -> list[Row]:
    """A change of opacity or of a class's eye in the viewer, painted, for planes that overlap and for labels."""
    qt = _open_qt()
    import numpy as np

    from segbench.gui.widgets.image_canvas import ImageCanvas

    rng = np.random.default_rng(0)
    rows = []
    for side, bar in ((512, 2.0), (2048, 12.0)):
        planes = np.zeros((len(COLORS), side, side), bool)
        for k in range(len(COLORS)):
            for x, y, wide in rng.integers(0, side, (8, 3)):
                planes[k, y : y + wide // 4, x : x + wide // 4] = True
        worst: dict[str, float] = {}
        for kind in ("planes", "labels"):
            canvas = ImageCanvas()
            canvas.resize(1060, 700)
            canvas.set_image(rng.integers(0, 256, (side, side, 3), np.uint8))
            if kind == "planes":
                canvas.set_planes(planes, COLORS)
            else:
                canvas.set_labels(planes.argmax(0).astype(np.uint8), COLORS)
            canvas.show()
            qt.processEvents()
            for zoom, look in (("fit", canvas.fit), ("1:1", canvas.actual_size)):
                look()
                canvas.repaint()
                for what, times in _change_overlay(canvas, 30 if options.short else 100).items():
                    worst[f"{kind}, {zoom}, {what}"] = median(times)
            canvas.close()
        which = max(worst, key=lambda name: worst[name])
        rows.append(
            Row(
                f"overlay opacity or class toggle, {side} x {side}",
                f"<= {bar:g} ms",
                f"{worst[which]:.2f} ms (the slowest of {len(worst)} cases: {which})",
                worst[which] <= bar,
                worst,
            )
        )
    return rows


def _change_overlay(canvas: ImageCanvas, turns: int) -> dict[str, list[float]]:
    """Milliseconds of each change and its repaint."""

    def change(turn: int) -> None:
        canvas.set_opacity(0.3 + turn % 5 / 10)
        canvas.repaint()

    def toggle(turn: int) -> None:
        canvas.set_class_visible(turn // 2 % len(COLORS), turn % 2 == 1)
        canvas.repaint()

    times: dict[str, list[float]] = {"opacity": [], "class": []}
    for turn in range(turns):
        times["opacity"].append(_time(partial(change, turn)))
        times["class"].append(_time(partial(toggle, turn)))
    return {what: taken[5:] for what, taken in times.items()}


def measure_gallery(options: Namespace, folder: Path) -> list[Row]:
    """The dataset page with 10,000 images: opened to painted, then the wheel while thumbnails are being made."""
    from segbench.data.shapes import write_shapes

    for _ in write_shapes(folder / "shapes.gz", 10_000, 0, seed=0):
        pass
    first, steps, filled = drive(lambda desk: _scroll(desk, folder / "shapes.gz", 200 if options.short else 600))
    p99 = percentile(steps, 0.99)
    return [
        Row(
            "gallery of 10,000: first paint",
            "<= 100 ms",
            f"{first:.0f} ms from the dataset being there; {filled:.0f} ms until each thumbnail in view is there, too",
            first <= 100,
            {"first_paint_ms": first, "filled_ms": filled},
        ),
        Row(
            "gallery of 10,000: p99 of a wheel step",
            "<= 12 ms",
            f"{p99:.1f} ms (of {len(steps)} steps; median {median(steps):.1f}, worst {max(steps):.1f})",
            p99 <= 12,
            {"p99_ms": p99, "median_ms": median(steps), "worst_ms": max(steps)},
        ),
    ]


async def _scroll(desk: Desk, shapes: Path, steps: int) -> tuple[float, list[float], float]:
    """Milliseconds to the first paint, of each wheel step, and until the view is filled."""
    from PySide6.QtCore import QPoint, QPointF, Qt
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication

    from segbench.events import DatasetOpened

    await be_ready(desk)
    opened: list[float] = []
    desk.session._handlers.insert(
        0, lambda events: opened.extend(time.perf_counter() for e in events if isinstance(e, DatasetOpened))
    )
    gallery = desk.views["dataset"].gallery
    paints = Paints(gallery.viewport())
    desk.open_paths([str(shapes)])
    await until(lambda: opened, 300, "the dataset")
    await until(lambda: paints.since(opened[0]), 60, "the gallery's first paint")
    await until(
        lambda: all(gallery.cache.holds(n, gallery.wanted_side) for n in gallery.visible_rows()), 60, "thumbnails"
    )
    filled = time.perf_counter()
    await until(lambda: not desk.jobs.jobs(), 300, "the counting of pixels and objects")
    viewport = gallery.viewport()
    middle = QPointF(viewport.rect().center())
    times = []
    down = True
    for number in range(steps):
        if number % 100 == 99:
            down = not down
        turn = QPoint(0, -120 if down else 120)
        wheel = QWheelEvent(middle, viewport.mapToGlobal(middle), QPoint(), turn, Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False)  # fmt: skip
        began = time.perf_counter()
        QApplication.sendEvent(viewport, wheel)
        viewport.repaint()
        times.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.03)
    return ((paints.since(opened[0]) or filled) - opened[0]) * 1000, times, (filled - opened[0]) * 1000


def _open_qt() -> QApplication:
    from PySide6.QtWidgets import QApplication

    from segbench.gui import theme

    qt = QApplication.instance() or QApplication(["segbench", "-style", "fusion"])
    theme.apply(qt, "light")
    theme.style_plots()
    return qt


def _time(work: Callable[[], object]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000
