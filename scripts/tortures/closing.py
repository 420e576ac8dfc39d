"""The window closed at random moments of its jobs: what it asks, how it ends, how fast, and what is left."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tortures.kills import say
from tortures.row import Row

if TYPE_CHECKING:
    from segbench.gui.desk import Desk

FULL = 20
SECONDS = 5.0
SMALL = ("network.depth=4", "data.batch_size=4", "epochs=1000", "data.hold_out=0", "threads=1", "preview_seconds=1")
# Seconds within which the moment falls, by what is disturbed
LONGEST = {"training": 2.0, "prediction": 2.0, "evaluation": 2.0, "export": 2.0, "opening": 0.6}
# What it is called by the question that must come
ASKED = {"training": "train", "export": "export"}


def torture(amount: int | None, seed: int) -> Iterator[Row]:
    """amount: moments of each kind."""
    chance = random.Random(seed)
    moments = FULL if amount is None else amount
    with tempfile.TemporaryDirectory(prefix="segbench-closing-") as name:
        folder = Path(name)
        data = make_data(folder)
        for kind in LONGEST:
            slowest, faults = 0.0, []
            for number in range(moments):
                seconds, fault = close_once(folder / f"{kind} {number}", data, kind, chance.random() * LONGEST[kind])
                slowest = max(slowest, seconds)
                faults += [fault] if fault else []
                say(f"{kind} {number + 1} of {moments}: {seconds:.1f} s {fault}")
            yield Row(
                f"the window closed at {moments} random moments of {'an' if kind[0] in 'eo' else 'a'} {kind}",
                "asks where it must, ends within 5 s, nothing lost, nothing told on the way out",
                f"{moments - len(faults)} of {moments}, the slowest in {slowest:.1f} s", not faults,
            )  # fmt: skip


def make_data(folder: Path) -> Path:
    from segbench.data.shapes import write_shapes

    for _ in write_shapes(folder / "shapes", 2000, 400, seed=2, size=32):
        pass
    return folder / "shapes"


def close_once(home: Path, data: Path, kind: str, moment: float) -> tuple[float, str]:
    """(seconds from the wish to close to the end of the process, what is wrong with how it ended)."""
    code = f"import sys; sys.path[:0] = {sys.path!r}; from tortures.closing import live; live({str(data)!r}, {kind!r}, {moment})"
    settings = {**os.environ, "SEGBENCH_HOME": str(home)}
    child = subprocess.Popen(
        [sys.executable, "-c", code], env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    told = child.stdout.readline()
    began = time.monotonic()
    try:
        _, errors = child.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        child.kill()
        return 60.0, "it did not end"
    seconds = time.monotonic() - began
    if child.returncode or not told or any(word in errors for word in ("Traceback", "ERROR", "reported")):
        return seconds, f"exit code {child.returncode}: {errors[-800:]}"
    if seconds > SECONDS:
        return seconds, "too slow"
    tale = json.loads(told)
    if tale["asked"] != tale["must ask"]:
        return seconds, f"it {'asked' if tale['asked'] else 'did not ask'}"
    if kind == "training":
        return seconds, judge_run(Path(tale["result"]))
    return seconds, judge_masks(Path(tale["result"])) if kind == "export" else ""


def judge_run(path: Path) -> str:
    """What of a stopped run was lost; "" if nothing was."""
    from segbench.events import StepDone
    from segbench.formats.checkpoints import read_checkpoint
    from segbench.formats.runs import open_run

    run = open_run(path)
    done = max((fact.step for fact in run.events() if isinstance(fact, StepDone)), default=0)
    kept = read_checkpoint(run.checkpoint("last"))[0].step
    state = run.describe().state
    return "" if (kept, state) == (done, "stopped") else f"step {done} was done, {kept} is kept, the run is {state}"


def judge_masks(folder: Path) -> str:
    """Which of an export's files are not whole, or not what they seem."""
    from segbench.errors import SegbenchError
    from segbench.formats.images import read_image

    for path in folder.rglob("*"):
        if path.suffix == ".part":
            return f"{path.name} is left"
        if path.suffix == ".png":
            try:
                read_image(path)
            except SegbenchError as error:
                return str(error)
    return ""


# Inside the process that is closed ----------------------------------------------------------------------------------------


def live(data: str, kind: str, moment: float) -> None:
    """Opens the window, begins what is to be disturbed, and wishes to close after `moment` seconds."""
    from benchmarks.window import drive

    async def disturb(desk: Desk) -> None:
        result = await begin(desk, data, kind)
        await asyncio.sleep(moment)
        running = {job.kind for job in desk.jobs.jobs()}
        tale = {"asked": close(desk), "must ask": ASKED.get(kind) in running, "result": result}
        sys.stdout.write(json.dumps(tale) + "\n")
        sys.stdout.flush()

    drive(disturb)


def close(desk: Desk) -> bool:
    """Closes as the user does, and says Stop if asked. Was it asked?"""
    from PySide6.QtWidgets import QApplication, QMessageBox

    desk.window.close()
    question = QApplication.activeModalWidget()
    if not isinstance(question, QMessageBox):
        return False
    next(button for button in question.buttons() if button.text().startswith("&Stop")).click()
    return True


async def begin(desk: Desk, data: str, kind: str) -> str:
    """Begins a job of that kind; of a training or an export, where it writes."""
    from benchmarks.window import be_ready, open_path, until

    await be_ready(desk)
    if kind == "opening":
        desk.open_paths([data])
        return ""
    await open_path(desk, data)
    view: Any = desk.views["training"]
    await train(desk, 3)
    run = str(desk.presenters["training"]._shelf.shown)
    if kind == "training":
        return run
    view.stop_button.click()
    await until(lambda: not desk.jobs.jobs(), 60, "the end of the training")
    desk.session.list_runs()
    if kind == "evaluation":
        ask = desk.presenters["evaluation"]
        await until(lambda: ask.page.candidates and not desk.jobs.jobs(), 60, "the networks")
        ask.choose_network(ask.page.candidates[0])
        ask.evaluate()
        return ""
    desk.session.open_checkpoint(Path(run) / "checkpoints" / "last.safetensors")
    desk.window.show_page("prediction")
    predicting = desk.presenters["prediction"]
    await until(lambda: predicting.live is not None, 60, "the first prediction")
    if kind == "prediction":
        predicting.choose_split("train")
        predicting.score_split()
        return ""
    predicting.request_export()
    exporting = desk.presenters["export"]
    out = Path(data).parent / f"masks {os.getpid()}"
    exporting.change(scope="all", masks="network", out=str(out))
    await until(lambda: exporting.preview is not None and exporting._previewing is None, 60, "the export's preview")
    exporting.start()
    await until(lambda: any(job.kind == "export" for job in desk.jobs.jobs()), 60, "the export")
    return str(out)


async def train(desk: Desk, steps: int, settings: Sequence[str] = SMALL) -> None:
    """Begins a training as a user does, and waits for its first steps."""
    from benchmarks.window import until

    from segbench.config import find_preset, override
    from segbench.knobs import to_dict

    desk.window.show_page("training")
    view: Any = desk.views["training"]
    view.show_settings(to_dict(override(find_preset("recommended").config, list(settings))))
    await until(view.start_button.isEnabled, 60, "the Start button")
    view.start_button.click()
    await until(lambda: view._state.step >= steps, 60, "the first steps")
