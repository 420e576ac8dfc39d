"""A monkey at the window: random clicks, keys, wheels, drags, menus, trainings, good and hostile files; then a look at what is left."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import math
import os
import random
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest import mock

from tortures.closing import train
from tortures.fuzzing import exhaust
from tortures.kills import say
from tortures.row import Row

if TYPE_CHECKING:
    from segbench.gui.desk import Desk

FULL = 10_000
TOLD = 50  # actions before a failure
ROUNDS = 10  # parts of the whole, with a rest after each
SETTLED = 300  # actions at least, after which everything has been used once
STEP_SECONDS = 0.5
GROWTH = 50 << 20
CANCEL_SECONDS = 60.0
JOB_SECONDS = 3.0  # then it is cancelled, as by an impatient user
LOOP_SECONDS = 0.3  # after which an action has opened a loop of its own; QTest, too, turns Qt's for a moment
PAUSES = (0, 0, 0, 0, 0, 0, 5, 5, 20, 100)  # ms between two actions
SMALL = ("network.depth=4", "data.batch_size=4", "epochs=1000", "data.hold_out=0.2", "threads=1", "preview_seconds=1")


class Left(NamedTuple):
    """What a window at rest holds. windows: the top-level widgets by class and name; memory: bytes, resident."""

    threads: Counter[str]
    timers: int
    windows: Counter[str]
    memory: int


def torture(amount: int | None, seed: int) -> Iterator[Row]:
    """amount: actions."""
    from benchmarks.window import drive

    actions = FULL if amount is None else amount
    with tempfile.TemporaryDirectory(prefix="segbench-monkey-", ignore_cleanup_errors=True) as name:
        os.environ["HOME"] = name  # whatever it writes, it writes here
        os.chdir(name)
        monkey = Monkey(actions, seed, make_files(Path(name)))
        with mock.patch("os._exit", refuse_exit):
            drive(monkey.live, strict=False)
        left = [thread.name for thread in threading.enumerate() if thread.name.startswith("segbench-")]
    what = f"{actions:,} random actions at the window"
    for fault in monkey.faults:
        say(f"seed {seed}: {fault}")
    yield Row(what, "no exception, no warning of Qt", f"{len(monkey.faults)} of them", not monkey.faults)
    yield Row(
        what, "each takes the window's thread less than 0.5 s",
        f"at most {monkey.slowest[0]:.2f} s ({monkey.slowest[1]})", monkey.slowest[0] < STEP_SECONDS,
    )  # fmt: skip
    more = [*monkey.compare(), *left]
    yield Row(what, "no thread, timer or window is left", ", ".join(more) or "none is", not more)
    yield Row(what, "memory grows by less than 50 MB", f"{monkey.growth / 2**20:.0f} MB", monkey.growth < GROWTH)


def refuse_exit(code: int) -> None:
    raise RuntimeError(f"A thread still ran when the window was closed, and the process was to end ({code}).")


def make_files(folder: Path) -> list[Path]:
    """What may be opened: good files and hostile ones, as many of these as of those."""
    from PIL import Image

    from segbench.config import find_preset, override
    from segbench.data.dataset import open_dataset
    from segbench.data.shapes import write_shapes
    from segbench.formats.runs import create_run
    from segbench.training import trainer
    from tortures.corpus import build

    good = folder / "good"
    good.mkdir()
    for _ in write_shapes(good / "shapes", 60, 20, seed=3, size=32):
        pass
    pictures = good / "pictures"
    pictures.mkdir()
    for number in range(5):
        Image.effect_noise((300 + 100 * number, 200), 60).convert("RGB").save(pictures / f"{number}.png")
    Image.effect_noise((1600, 1200), 60).convert("RGB").save(good / "large.jpg")
    masked = good / "images and masks"
    for kind in ("images", "masks"):
        (masked / kind).mkdir(parents=True)
    for number in range(6):
        Image.effect_noise((64, 48), 60).convert("RGB").save(masked / "images" / f"{number}.png")
        Image.effect_noise((64, 48), 60).point(lambda value: value // 90).save(masked / "masks" / f"{number}.png")
    dataset = exhaust(open_dataset(good / "shapes"))
    run = create_run(good / "run", override(find_preset("recommended").config, [*SMALL, "epochs=1"]), dataset.info, exact=True)  # fmt: skip
    exhaust(trainer.train(run.config, dataset, run))
    file = next((good / "shapes").glob("*.gz"))
    known = [good / "shapes", file, pictures, pictures / "1.png", good / "large.jpg", masked]
    known += [run.path, run.checkpoint("last"), good / "nothing here"]
    hostile = folder / "hostile"
    hostile.mkdir()
    strange = sorted({Path(word) for case in build(hostile) for word in case.arguments if Path(word).is_absolute()})
    strange = [path for path in strange if os.path.lexists(path)]
    return [*known * (len(strange) // len(known)), *strange]


class Monkey:
    """Lives in the window's event loop; `faults` says what went wrong, each with the actions before it."""

    def __init__(self, actions: int, seed: int, paths: list[Path]) -> None:
        self._actions, self._seed, self._paths = actions, seed, paths
        self._chance = random.Random(seed)
        self._done = 0
        self._last: deque[str] = deque(maxlen=TOLD)
        self._acting: list[float] = []  # since when, the outermost first
        self._spent = 0.0
        self._seen: dict[int, float] = {}
        self.faults: list[str] = []
        self.slowest = (0.0, "")
        self.rests: list[Left] = []

    @property
    def growth(self) -> int:
        """Bytes, from where everything has been used once. A rest at which a large network happens to be loaded does not count."""
        before, after = self.rests[self._settled : self._settled + 2], self.rests[-3:]
        return min(rest.memory for rest in after) - min(rest.memory for rest in before)

    @property
    def _settled(self) -> int:
        """The rest after which everything has been used once."""
        return min(ROUNDS, max(2, math.ceil(SETTLED * ROUNDS / self._actions))) - 1

    def compare(self) -> list[str]:
        """What there is more of at the end, in words. A dialog that is made when it is first asked for may stay."""
        before, after = self.rests[self._settled], self.rests[-1]
        more = [f"thread {name}" for name in after.threads - before.threads]
        more += [f"{count} x {name}" for name, count in after.windows.items() if count > max(1, before.windows[name])]
        return more + ([f"{after.timers - before.timers} timers"] if after.timers > before.timers else [])

    async def live(self, desk: Desk) -> None:
        from benchmarks.window import be_ready
        from PySide6.QtCore import QTimer
        from PySide6.QtGui import QAction, QDesktopServices

        from tortures.hands import Hands

        await be_ready(desk)
        ear = Ear(self.complain)
        logging.getLogger().addHandler(ear)
        desk.alarm.raised.connect(lambda report: report.expected or self.complain(f"{report.message} {report.details}"))
        desk.window.findChild(QAction, "quit").setEnabled(False)  # `closing` sees to that
        self._browser = make_browser()
        for scheme in ("file", "http", "https", "mailto"):
            QDesktopServices.setUrlHandler(scheme, self._browser, "take")
        self._hands = Hands(desk, self._chance, self._paths, self._last.append)
        self._desk, self._timer = desk, QTimer(singleShot=True)
        self._timer.timeout.connect(self._tick)
        await self._warm_up(desk)
        for part in range(1, ROUNDS + 1):
            self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._due = self._actions * part // ROUNDS
            self._spent = time.thread_time()
            self._tick()
            await self._end
            self.rests.append(await self._rest(desk))
            say(f"{self._done:,} actions; {self.rests[-1].memory / 2**20:.0f} MB at rest")
        logging.getLogger().removeHandler(ear)

    def _tick(self) -> None:
        """One action. The next is due before this one is done: it may open a loop of its own, such as a menu's."""
        if self._acting and time.monotonic() - self._acting[-1] < LOOP_SECONDS:
            self._timer.start(20)
            return
        self._judge_step()
        if self._done >= self._due:
            if not self._end.done():
                self._end.set_result(None)
            return
        self._done += 1
        self._timer.start(self._chance.choice(PAUSES))
        self._end_jobs()
        self._acting.append(time.monotonic())
        try:
            self._hands.act()
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1].filename
            if "already deleted" not in str(error) or Path(where).name != "hands.py":  # closed under its hands
                self.complain("".join(traceback.format_exception(error)))
        finally:
            self._acting.pop()

    def _judge_step(self) -> None:
        """What the window's thread had to do since the last action was begun."""
        spent = time.thread_time()
        if self._last and spent - self._spent > self.slowest[0]:
            self.slowest = (spent - self._spent, self._last[-1])
            if self.slowest[0] > STEP_SECONDS:
                self.complain(f"It took {self.slowest[0]:.2f} s.")
        self._spent = spent

    def _end_jobs(self) -> None:
        now = time.monotonic()
        there = {job.number: job for job in self._desk.jobs.jobs()}
        self._seen = {number: self._seen.get(number, now) for number in there}
        for number, since in self._seen.items():
            if now - since > JOB_SECONDS and there[number].kind != "load libraries":
                there[number].cancel()

    def complain(self, what: str) -> None:
        self.faults.append(f"after {self._done} actions: {what}\n  " + "\n  ".join(self._last))

    async def _warm_up(self, desk: Desk) -> None:
        """Everything once, so that what is made at first use is there."""
        from benchmarks.window import open_path, until

        fill_kernels()
        await open_path(desk, self._paths[0])
        for page in desk.window.pages:
            desk.window.show_page(page)
            await asyncio.sleep(0.05)
        await train(desk, 3, SMALL)
        desk.views["training"].stop_button.click()
        await until(lambda: not desk.jobs.jobs(), 60, "the end of the training")
        desk.session.open_checkpoint(next(path for path in self._paths if path.suffix == ".safetensors"))
        desk.window.show_page("prediction")
        predicting = desk.presenters["prediction"]
        await until(lambda: predicting.live is not None, 60, "the first prediction")
        for mode in ("overlay", "difference", "scores", "lecture", "side"):
            predicting.set_mode(mode)
            await asyncio.sleep(0.2)
        desk.presenters["evaluation"].evaluate()
        predicting.open_files([str(next(path for path in self._paths if path.name == "large.jpg"))])
        await asyncio.sleep(0.2)
        await until(lambda: not desk.jobs.jobs(), 60, "the evaluation and the large picture")

    async def _wait_for_jobs(self, desk: Desk) -> None:
        """Until those that were cancelled have ended: between two steps of theirs."""
        from benchmarks.window import until

        began = time.monotonic()
        running = ", ".join(job.title for job in desk.jobs.jobs())
        await until(lambda: not desk.jobs.jobs(), 600, f"the end of {running}")
        if time.monotonic() - began > CANCEL_SECONDS:  # one step of a huge network is one call of torch's
            say(f"{running} took {time.monotonic() - began:.0f} s to be cancelled.")

    async def _rest(self, desk: Desk) -> Left:
        """Ends and closes everything, opens a small dataset, and counts what is there then."""
        from benchmarks.window import open_path, until
        from PySide6.QtCore import QCoreApplication, QEvent, QTimer
        from PySide6.QtWidgets import QApplication, QComboBox

        for _ in range(3):
            while (front := QApplication.activePopupWidget() or QApplication.activeModalWidget()) is not None:
                front.close()
                await asyncio.sleep(0.05)
            for window in QApplication.topLevelWidgets():
                if window is not desk.window and window.isVisible() and window.parent() is not desk.window:
                    window.close()
            for job in desk.jobs.jobs():
                job.cancel()
            await self._wait_for_jobs(desk)
            desk.session.close_dataset()
            desk.window.showNormal()
            desk.window.reset_layout()
            await asyncio.sleep(0.1)
        await open_path(desk, self._paths[0])
        desk.presenters["prediction"].go_to_end(False)  # large pictures go
        desk.window.show_page("dataset")
        await until(lambda: not desk.jobs.jobs(), 60, "the small dataset")
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        gc.collect()
        if sys.platform == "linux":
            ctypes.CDLL(None).malloc_trim(0)
        return Left(
            Counter(thread.name.rstrip("0123456789") for thread in threading.enumerate()),
            sum(timer.isActive() and not timer.isSingleShot() for w in QApplication.topLevelWidgets() for timer in w.findChildren(QTimer)),
            Counter(f"{type(w).__name__} {w.objectName()}" for w in QApplication.topLevelWidgets() if not isinstance(w.parent(), QComboBox)),
            read_memory(),
        )  # fmt: skip


def fill_kernels() -> None:
    """Convolutions of so many shapes that oneDNN's cache of compiled kernels (1,024 of them) is full: what it grows by is no leak."""
    import torch

    layer = torch.nn.Conv2d(16, 32, 3, padding=1)
    for height in range(8, 368):
        layer(torch.zeros(1, 16, height, 32, requires_grad=True)).sum().backward()


def read_memory() -> int:
    from segbench.devices import choose_device
    from segbench.devices import read_memory as read

    return read(choose_device("cpu")).used


def make_browser() -> Any:
    """Takes what would be opened in another program."""
    from PySide6.QtCore import QObject, QUrl, Slot

    class Browser(QObject):
        @Slot(QUrl)
        def take(self, _url: QUrl) -> None:
            pass

    return Browser()


class Ear(logging.Handler):
    """Hears Qt's warnings and everybody's errors; the alarm tells the expected ones itself."""

    def __init__(self, complain: Any) -> None:
        super().__init__(logging.WARNING)
        self._complain = complain

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        clumsy = said.startswith("Mouse event")  # QTest's own remark on a click beside everything
        if record.name == "qt" and not clumsy:
            self._complain(f"Qt: {said}")
        elif record.levelno >= logging.ERROR and record.name != "segbench.gui.alarm":
            self._complain(logging.Formatter().format(record))
        elif "stood still" in said:
            self._complain(said)
