"""Training beside a window: its pace against headless, how the window keeps up with it, how soon Stop is heard."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import Row, count_cores, median, percentile
from benchmarks.stalls import LateTimer
from benchmarks.window import Paints, be_ready, drive, open_path, until

if TYPE_CHECKING:
    from segbench.gui.desk import Desk

# A light network and small batches: many steps a second, which is what a window has to keep up with
LIGHT = ("recommended", ("network.depth=4", "data.batch_size=1", "epochs=1000", "validation_images=100"))
LECTURE = ("lecture", ("epochs=1000", "validation_images=16"))


def measure_pace(options: Namespace, folder: Path) -> list[Row]:
    """Steps a second of training from the window against headless, both with cores - 1 threads, in turn."""
    shapes = _make_shapes(folder, 4000)
    rounds, seconds = (3, 6.0) if options.short else (8, 12.0)
    rows = []
    for told, (pairs, threads) in drive(partial(_compare_all, shapes, rounds, seconds)).items():
        ratios = [window / headless for window, headless in pairs]
        ratio = median(ratios)
        rows.append(
            Row(
                f"training from the window against headless, the same threads (cores - 1), {told}",
                ">= 95 %",
                f"{ratio:.1%} (threads: {threads}; of {median([headless for _, headless in pairs]):.1f} steps/s; rounds {min(ratios):.0%} to {max(ratios):.0%})",
                ratio >= 0.95,
                {"window": [a for a, _ in pairs], "headless": [b for _, b in pairs], "threads": threads},
            )
        )
    return rows


def measure_timer(options: Namespace, folder: Path) -> list[Row]:
    """A 16 ms timer in the window's thread while it trains, draws curves and refreshes previews."""
    shapes = _make_shapes(folder, 4000)
    seconds = options.seconds or (60 if options.short else 600)
    late, steps, previews = drive(lambda desk: _listen(desk, shapes, seconds, options.explain))
    p99, worst = percentile(late, 0.99), max(late)
    over = sum(value > 50 for value in late)
    return [
        Row(
            "16 ms timer in the window while it trains: p99 and worst lateness",
            "p99 <= 10 ms, worst <= 50 ms",
            f"p99 {p99:.1f} ms, worst {worst:.0f} ms (in {seconds:.0f} s; {over} of {len(late):,} beats over 50 ms; {steps:,} steps, {previews} previews)",
            p99 <= 10 and worst <= 50,
            {"p99": p99, "worst": worst, "median": median(late), "over_50": over, "beats": len(late), "steps": steps},
        )
    ]


def measure_stop(options: Namespace, folder: Path) -> list[Row]:
    """From the press on Stop to the painted "Stopping…", and to the end of the job."""
    shapes = _make_shapes(folder, 400)
    times = drive(lambda desk: _press_often(desk, shapes, 20 if options.short else 40))
    seen, ended = [a for a, _ in times], [b for _, b in times]
    return [
        Row(
            "Stop pressed to acknowledged, p95",
            "<= 250 ms",
            f"{percentile(seen, 0.95):.0f} ms of {len(times)} presses (model saved and job ended: {percentile(ended, 0.95):.0f} ms)",
            percentile(seen, 0.95) <= 250,
            {"acknowledged_ms": seen, "ended_ms": ended},
        )
    ]


# The window's side ------------------------------------------------------------------------------------------------------


def _make_shapes(folder: Path, count: int) -> Path:
    from segbench.data.shapes import write_shapes

    for _ in write_shapes(folder / "shapes", count, 100, seed=0):
        pass
    return folder / "shapes"


def _build_settings(preset: str, settings: Sequence[str]) -> dict[str, Any]:
    from segbench.config import find_preset, override
    from segbench.knobs import to_dict

    return to_dict(override(find_preset(preset).config, settings))


async def _start(desk: Desk, shapes: Path, preset: str, settings: Sequence[str]) -> Any:
    """Opens the dataset, fills the form, presses Start; returns the training view when the first steps are done."""
    await be_ready(desk)
    if desk.session.dataset is None:
        await open_path(desk, shapes)
    desk.window.show_page("training")
    view = desk.views["training"]
    view.show_settings(_build_settings(preset, settings))
    await _press_start(view)
    await until(lambda: view._state.phase == "training" and view._state.step >= 5, 300, "the first steps")
    return view


async def _press_start(view: Any) -> None:
    await until(view.start_button.isEnabled, 60, "the Start button")
    view.start_button.click()


async def _compare_all(
    shapes: Path, rounds: int, seconds: float, desk: Desk
) -> dict[str, tuple[list[tuple[float, float]], int]]:
    """For each kind of training: (steps/s in the window, steps/s headless) of each round, and the threads both used."""
    found = {}
    for told, (preset, settings) in (("lecture preset", LECTURE), ("depth 4, batch 1", LIGHT)):
        settings = (*settings, f"threads={max(1, count_cores() - 1)}")
        found[told] = await _compare(shapes, preset, settings, rounds, seconds, desk)
    return found


async def _compare(
    shapes: Path, preset: str, settings: Sequence[str], rounds: int, seconds: float, desk: Desk
) -> tuple[list[tuple[float, float]], int]:
    view = await _start(desk, shapes, preset, settings)
    marks: list[tuple[float, int]] = []
    desk.session.subscribe(lambda _events: marks.append((time.perf_counter(), view._state.step)))
    config = json.dumps(_build_settings(preset, settings))
    pairs = []
    with _start_headless(shapes, config) as headless, ThreadPoolExecutor(1) as waiting:
        for turn in range(rounds + 1):
            marks.clear()
            if view._state.phase == "paused":
                view.pause_button.click()
            await asyncio.sleep(seconds)
            seen = [mark for mark in marks if mark[0] > marks[0][0] + 0.5]
            view.pause_button.click()
            await until(lambda: view._state.phase == "paused", 60, "the pause")
            await asyncio.sleep(0.3)
            pace = await asyncio.get_running_loop().run_in_executor(waiting, headless.measure, seconds)
            if turn:  # the first round warms both up
                pairs.append((_count_pace(seen), pace))
        threads = headless.threads
    view.stop_button.click()
    await until(lambda: view._state.phase == "stopped" and not desk.jobs.jobs(), 120, "the end of the run")
    return pairs, threads


def _count_pace(marks: Sequence[tuple[float, int]]) -> float:
    """Steps a second between the first and the last change of the step."""
    changes = [now for before, now in itertools.pairwise(marks) if now[1] != before[1]]
    if len(changes) < 2:
        raise RuntimeError("The window made no steps; give the benchmark more seconds.")
    return (changes[-1][1] - changes[0][1]) / (changes[-1][0] - changes[0][0])


async def _listen(desk: Desk, shapes: Path, seconds: float, explain: bool) -> tuple[list[float], int, int]:
    preset, settings = LIGHT
    view = await _start(desk, shapes, preset, (*settings, "preview_seconds=2"))
    from segbench.events import JobEvent, PreviewsUpdated

    previews = 0

    def count(events: Sequence[object]) -> None:
        nonlocal previews
        previews += sum(isinstance(e, JobEvent) and isinstance(e.event, PreviewsUpdated) for e in events)

    desk.session.subscribe(count)
    await asyncio.sleep(3)
    began = view._state.step
    timer = LateTimer(desk.window, explain)
    await asyncio.sleep(seconds)
    late = timer.stop()
    return late, view._state.step - began, previews


async def _press_often(desk: Desk, shapes: Path, presses: int) -> list[tuple[float, float]]:
    """(milliseconds to the painted answer, milliseconds to the end of the job) of each press."""
    from PySide6.QtCore import QCoreApplication, QEvent, QPointF, Qt
    from PySide6.QtGui import QMouseEvent

    view = await _start(desk, shapes, *LIGHT)
    chance = random.Random(0)
    button, paints = view.stop_button, Paints(view.stop_button)
    phases: list[tuple[float, str]] = []
    show_state = view.show_state

    def note_state(state: Any) -> None:
        show_state(state)
        phases.append((time.perf_counter(), state.phase))

    view.show_state = note_state
    times = []
    for _ in range(presses):
        await until(lambda: view._state.phase == "training" and view._state.step > 3, 120, "some steps")
        await asyncio.sleep(chance.uniform(0.2, 1.2))
        await until(lambda: view._state.phase == "training", 120, "the end of the validation")
        place = QPointF(button.rect().center())
        pressed: list[float] = []
        phases.clear()

        def press(place: QPointF = place, pressed: list[float] = pressed) -> None:
            """From another thread, so that the press has to wait for the window as a real one does."""
            pressed.append(time.perf_counter())
            for kind, buttons in (
                (QEvent.Type.MouseButtonPress, Qt.MouseButton.LeftButton),
                (QEvent.Type.MouseButtonRelease, Qt.MouseButton.NoButton),
            ):
                event = QMouseEvent(kind, place, button.mapToGlobal(place), Qt.MouseButton.LeftButton, buttons, Qt.KeyboardModifier.NoModifier)  # fmt: skip
                QCoreApplication.postEvent(button, event)

        threading.Thread(target=press).start()
        await until(lambda: any(phase == "stopped" for _, phase in phases), 60, "the end of the job")
        ended = next(at for at, phase in phases if phase == "stopped")
        shown = next((at for at, phase in phases if phase == "stopping"), ended)
        seen = min(paints.since(shown) or ended, ended)
        times.append(((seen - pressed[0]) * 1000, (ended - pressed[0]) * 1000))
        await until(lambda: not desk.jobs.jobs(), 60, "rest")
        await _press_start(view)
    return times


# The headless side --------------------------------------------------------------------------------------------------------


class _Headless:
    """The same training in a process of its own, without Qt; it runs only while it is measured."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.threads = int(self._ask(""))

    def measure(self, seconds: float) -> float:
        """Steps a second over that time."""
        return float(self._ask(str(seconds)))

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if line:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("The headless training ended early.")
        return answer


@contextlib.contextmanager
def _start_headless(shapes: Path, config: str) -> Any:
    script = Path(__file__).with_name("headless.py")
    process = subprocess.Popen(
        [sys.executable, str(script), str(shapes), config], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield _Headless(process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.wait(60)
